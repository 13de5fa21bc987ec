"""Pixels go to other processes as views, and threads are those of this machine."""

import pickle
import sys

import joblib
import numpy as np
import pytest
import torch
from joblib._parallel_backends import SequentialBackend
from skorch.callbacks import Callback

from sklearn_hsiode import ODENetClassifier, PatchExtractor, Scene
from sklearn_hsiode.io import read_scene


class Cluster(SequentialBackend):
    """A joblib backend that has the cores of many machines."""

    def effective_n_jobs(self, n_jobs):
        return 64 if n_jobs == -1 else n_jobs


@pytest.fixture
def cluster():
    joblib.register_parallel_backend("cluster", Cluster)
    with joblib.parallel_config("cluster"):
        yield
    del joblib.parallel.BACKENDS["cluster"]


class ThreadCounter(Callback):
    """Reports how many threads PyTorch uses in an epoch."""

    def __init__(self, report):
        self.report = report

    def on_epoch_begin(self, net, **kwargs):
        self.report(torch.get_num_threads())


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("n_jobs", "expected"), [(-1, joblib.cpu_count()), (None, 1), (1, 1)])
def test_all_cores_are_those_of_this_machine_whatever_the_backend(pixels, n_jobs, expected):
    assert joblib.effective_n_jobs(-1) == 64
    seen = []
    callbacks = [ThreadCounter(seen.append)]
    ODENetClassifier(
        n_filters=4, n_steps=1, max_epochs=1, device="cpu", n_jobs=n_jobs, callbacks=callbacks
    ).fit(*pixels)
    assert seen == [expected]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Scene in a sparse file of 2000 x 2000 pixels, and its labels and mask."""
    file = tmp_path_factory.mktemp("large") / "large.npy"
    np.lib.format.open_memmap(file, mode="w+", dtype=np.uint16, shape=(2000, 2000, 10))
    fields = np.random.RandomState(0).randint(0, 9, (20, 20))
    labels = np.kron(fields, np.ones((100, 100), dtype=np.int64))
    return read_scene(file, labels), labels


def test_pixels_of_a_scene_in_a_file_are_sent_small(large):
    scene, labels = large
    X = scene.labeled_pixels()[0][:100]
    sent = pickle.dumps(X)
    assert not scene.is_loaded
    assert len(sent) < 500_000 < labels.nbytes / 50
    received = pickle.loads(sent)
    assert not received.scene.is_loaded
    np.testing.assert_array_equal(received.positions, X.positions)
    np.testing.assert_array_equal(received.scene.labels, labels, strict=True)
    np.testing.assert_array_equal(received.scene.mask, scene.mask, strict=True)
    np.testing.assert_array_equal(received, X)


def test_patches_of_a_scene_in_a_file_are_sent_small(large):
    patches = PatchExtractor(3).fit_transform(large[0].labeled_pixels()[0][:100])
    sent = pickle.dumps(patches)
    assert len(sent) < 500_000
    np.testing.assert_array_equal(pickle.loads(sent), patches)


def test_what_is_in_memory_counts_as_large_enough_to_be_scattered():
    # joblib's Dask backend scatters arguments whose sys.getsizeof is more than 1000.
    scene = Scene(np.zeros((30, 40, 8)))
    X = scene.pixels()
    patches = PatchExtractor(3).fit_transform(X)
    for part in (X, X[:1], patches, patches[:1]):
        assert sys.getsizeof(part) >= scene.cube.nbytes


def test_the_file_of_a_scene_does_not_count_as_memory(large):
    X = large[0].pixels([0, 1], [2, 3])
    for part in (X, PatchExtractor(3).fit_transform(X)):
        assert sys.getsizeof(part) < 10_000
