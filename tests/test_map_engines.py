"""Maps whose windows are computed by other threads, processes and machines."""

import os
import pickle
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import ThreadingBackend
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ODENetClassifier, PatchExtractor, predict_map, read_scene
from sklearn_hsiode._mapping._engine import FEW, Shared, mapped
from sklearn_hsiode._mapping._windows import METHODS, Predicted

WINDOW = 13


@pytest.fixture(scope="module")
def in_file(scene, tmp_path_factory):
    """The tiny scene, read by window from a file."""
    path = tmp_path_factory.mktemp("field") / "field.npy"
    np.save(path, scene.cube)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
        return read_scene(path, scene.labels)


@pytest.fixture(scope="module")
def model(scene):
    network = ODENetClassifier(n_filters=8, n_steps=1, gate=0.5, max_epochs=1, random_state=0)
    return make_pipeline(PatchExtractor(5), network).fit(*scene.labeled_pixels())


class Lists(ThreadingBackend):
    """A backend of joblib that returns lists alone, as those of Ray and Spark do."""

    supports_return_generator = False


@pytest.fixture
def lists():
    joblib.register_parallel_backend("lists", Lists)
    yield "lists"
    del joblib.parallel.BACKENDS["lists"]


@pytest.mark.parametrize("method", METHODS)
def test_other_processes_make_the_same_map(model, scene, in_file, method):
    expected = predict_map(model, scene, method=method, window=WINDOW)
    for image in (scene, in_file):
        found = predict_map(model, image, method=method, window=WINDOW, n_jobs=2)
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


def test_labels_decide_in_other_processes_what_is_skipped(model, in_file):
    found = predict_map(model, in_file, skip_unlabeled=True, window=WINDOW, n_jobs=2)
    np.testing.assert_array_equal(found > 0, in_file.is_labeled)


@pytest.mark.parametrize("backend", ["threading", "lists"])
def test_any_backend_makes_the_same_map(model, scene, backend, lists):
    expected = predict_map(model, scene, window=5)
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(predict_map(model, scene, window=5), expected)


def test_files_are_the_same_bytes_whoever_computes_the_windows(model, in_file, tmp_path):
    pytest.importorskip("rasterio")
    names = [tmp_path / f"{n_jobs}.tif" for n_jobs in (1, 2)]
    for n_jobs, out in enumerate(names, start=1):
        predict_map(model, in_file, out=out, method="confidence", window=WINDOW, n_jobs=n_jobs)
    one, two = (path.read_bytes() for path in names)
    assert one == two


def test_a_model_that_cannot_be_pickled_maps_in_this_process(scene):
    model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
    model.lock = warnings  # a module, which pickle refuses
    assert predict_map(model, scene).shape == (24, 24)


class Sure:
    """Stands for a model of windows, and counts them."""

    def __init__(self):
        self.n_done = 0

    def __call__(self, part, inner):
        self.n_done += 1
        return Predicted(np.array([part]), 1)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_order_and_few_of_them_wait(n_jobs):
    model, n_parts = Sure(), 50
    parts = ((number, ()) for number in range(n_parts))
    with joblib.parallel_config("threading"):
        results = mapped(model, parts, n_parts, n_jobs=n_jobs, n_at_once=1)
        for number, found in enumerate(results):
            assert found.values == [number]
            assert model.n_done - number <= FEW * n_jobs
    assert model.n_done == n_parts


def test_a_map_that_is_given_up_computes_no_more_windows_and_says_nothing():
    model, parts = Sure(), ((number, ()) for number in range(1000))
    with joblib.parallel_config("threading", n_jobs=2):
        results = mapped(model, parts, 1000, n_jobs=None, n_at_once=1000)
        next(results)
        results.close()
    assert model.n_done < 1000


def test_a_process_keeps_the_model_that_it_was_sent():
    shared = Shared({"weights": np.arange(3)})
    first, second = (pickle.loads(pickle.dumps(shared)) for _ in range(2))
    assert first is second
    np.testing.assert_array_equal(first.value["weights"], np.arange(3))
    other = pickle.loads(pickle.dumps(Shared("other")))
    assert other.value == "other"
    assert shared.content is shared.content  # so that joblib writes it to one file


@pytest.mark.parametrize("n_jobs", [0, True, 1.5, "two", 10**6])
def test_a_number_of_jobs_that_is_none_is_an_error(model, scene, n_jobs):
    with pytest.raises(ValueError, match="'n_jobs' parameter of predict_map"):
        predict_map(model, scene, n_jobs=n_jobs)


class Deadly(LinearDiscriminantAnalysis):
    """Kills the process that predicts the first window, and once more a later one."""

    def predict(self, X):
        for number in range(2):
            try:
                Path(self.folder, str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(X)


@pytest.fixture(scope="module")
def client():
    """A client of a cluster of two workers on this machine."""
    distributed = pytest.importorskip("distributed")
    from tests.workers import forked_workers

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        forked_workers(),
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class TestDask:
    @pytest.fixture(autouse=True)
    def _on_the_cluster(self, client):
        with joblib.parallel_config("dask"):
            yield

    @pytest.mark.parametrize("method", METHODS)
    def test_two_workers_make_the_same_map(self, client, model, scene, in_file, method):
        with joblib.parallel_config("threading"):
            expected = predict_map(model, scene, method=method, window=WINDOW)
        for image in (scene, in_file):
            found = predict_map(model, image, method=method, window=WINDOW)
            assert found.tobytes() == expected.tobytes()

    def test_the_model_is_sent_once_and_of_a_file_the_path_and_the_window(
        self, client, model, in_file
    ):
        from distributed.diagnostics.plugin import SchedulerPlugin
        from distributed.protocol import dumps

        scheduler = client.cluster.scheduler
        sent = {}

        class Recorder(SchedulerPlugin):
            def transition(self, key, start, finish, *args, **kwargs):
                if finish == "processing":
                    frames = dumps(scheduler.tasks[key].run_spec)
                    sent[key] = sum(memoryview(frame).nbytes for frame in frames)

        recorder = Recorder()
        scheduler.add_plugin(recorder, name="recorder")
        try:
            predict_map(model, in_file, window=WINDOW)
        finally:
            scheduler.remove_plugin("recorder")
        of_model = [size for key, size in sent.items() if key.startswith("_itself")]
        of_windows = [size for key, size in sent.items() if not key.startswith("_itself")]
        assert len(of_model) == 1
        assert of_windows
        assert max(of_windows) < 10_000

    def test_a_worker_that_dies_leaves_its_windows_and_the_model_to_another(
        self, client, scene, in_file, tmp_path
    ):
        pytest.importorskip("rasterio")
        model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
        deadly = Deadly().fit(*scene.labeled_pixels())
        deadly.folder = tmp_path / "deaths"
        deadly.folder.mkdir()
        maps = tmp_path / "maps"
        maps.mkdir()
        predict_map(deadly, in_file, window=6, out=maps / "map.tif")
        assert len(list(deadly.folder.iterdir())) == 2
        assert {path.name for path in maps.iterdir()} == {"map.tif", "map.tif.aux.xml"}
        classes = read_scene(maps / "map.tif").cube[:, :, 0]
        with joblib.parallel_config("threading"):
            np.testing.assert_array_equal(classes, predict_map(model, scene, window=6))

    def test_a_client_that_dies_leaves_no_file_and_a_second_run_completes(
        self, client, scene, in_file, tmp_path
    ):
        pytest.importorskip("zarr")
        script = (
            "import sys, joblib, time\n"
            "from distributed import Client\n"
            "from sklearn.discriminant_analysis import LinearDiscriminantAnalysis\n"
            "from sklearn_hsiode import Scene, predict_map\n"
            "from sklearn_hsiode.datasets import make_scene\n"
            "class Slow(LinearDiscriminantAnalysis):\n"
            "    def predict(self, X):\n"
            "        time.sleep(0.2)\n"
            "        return super().predict(X)\n"
            "scene = make_scene((24, 24), n_bands=8, random_state=0)\n"
            "model = Slow().fit(*scene.labeled_pixels())\n"
            "client = Client(sys.argv[1])\n"
            "with joblib.parallel_config('dask'):\n"
            "    predict_map(model, scene, out=sys.argv[2], window=3, progress=True)\n"
        )
        path = tmp_path / "map.zarr"
        address = client.scheduler.address
        command = [sys.executable, "-W", "ignore", "-c", script, address, str(path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            said = b""
            while b" 1/64" not in said and process.poll() is None:
                said += process.stderr.read(1)
            process.kill()
        assert b" 1/64" in said
        assert not path.exists()
        model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
        predict_map(model, in_file, out=path, window=WINDOW)
        assert list(tmp_path.iterdir()) == [path]
