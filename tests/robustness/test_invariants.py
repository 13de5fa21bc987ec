"""The same map and the same model, however the work is cut up and wherever it is done."""

import gc
import multiprocessing
import pickle
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    Scene,
    SpectralTransformer,
    predict_map,
    read_scene,
)
from sklearn_hsiode.datasets import make_scene

SCENE = make_scene((17, 19), n_bands=6, n_classes=3, random_state=0)
MASK = np.random.default_rng(0).random(SCENE.shape[:2]) < 0.9
HOLED = Scene(SCENE.cube, SCENE.labels, mask=MASK, class_names=SCENE.class_names)


def network(**parameters):
    small = {"n_filters": 4, "n_steps": 1, "gate": 0.5, "max_epochs": 2, "random_state": 0}
    return ODENetClassifier(**(small | parameters), device="cpu")


@pytest.fixture(scope="module")
def model():
    first = SpectralTransformer(PCA(3, random_state=0))
    return make_pipeline(first, PatchExtractor(5), network()).fit(*HOLED.labeled_pixels())


@pytest.fixture(scope="module")
def probabilities(model):
    return predict_map(model, HOLED, method="predict_proba")


def assert_same(found, expected):
    """Equal up to what the order of sums in batches of other sizes does."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(window=st.integers(1, 25), batch_size=st.integers(1, 400))
def test_a_map_does_not_depend_on_windows_and_batches(model, probabilities, window, batch_size):
    other = pickle.loads(pickle.dumps(model))
    other[-1].set_params(batch_size=batch_size)
    assert_same(predict_map(other, HOLED, method="predict_proba", window=window), probabilities)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_a_prediction_does_not_depend_on_the_order_of_pixels(model, probabilities, seed):
    X = HOLED.pixels()
    order = np.random.default_rng(seed).permutation(len(X))
    found = model.predict_proba(X[order])
    assert_same(found, probabilities[X.rows[order], X.cols[order]])


def test_a_map_does_not_depend_on_where_the_scene_lies(model, probabilities, tmp_path, monkeypatch):
    rasterio = pytest.importorskip("rasterio")
    cube = np.where(MASK[:, :, np.newaxis], HOLED.cube, -1).astype(np.int16)
    rows, cols, bands = cube.shape
    about = {"height": rows, "width": cols, "count": bands, "dtype": "int16", "nodata": -1}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(30, 0, 0, 0, -30, 0)}
    with rasterio.open(tmp_path / "field.tif", "w", driver="GTiff", **about, **place) as file:
        file.write(cube.transpose(2, 0, 1))
    monkeypatch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
    scene = read_scene(tmp_path / "field.tif")
    assert not scene.is_loaded
    assert_same(predict_map(model, scene, method="predict_proba", window=7), probabilities)


def test_a_map_does_not_depend_on_the_thread(model, probabilities):
    with ThreadPoolExecutor(4) as threads:
        maps = threads.map(
            lambda window: predict_map(model, HOLED, method="predict_proba", window=window),
            [3, 7, 20, 20],
        )
        for found in maps:
            assert_same(found, probabilities)


def map_of(model):
    return predict_map(model, HOLED, method="predict_proba")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_map_does_not_depend_on_the_process(model, probabilities, way):
    with multiprocessing.get_context(way).Pool(1) as pool:
        assert_same(pool.apply(map_of, (model,)), probabilities)


@pytest.mark.parametrize("what", ["fits", "maps"])
def test_two_hundred_take_no_more_memory_than_fifty(what):
    X, y = HOLED.labeled_pixels()
    estimator, held = SVC().fit(X, y), []
    for number in range(1, 201):
        if what == "fits":
            network(max_epochs=1, n_filters=2).fit(X[:20], y[:20])
        else:
            predict_map(estimator, HOLED, window=10)
        if number % 50 == 0:
            gc.collect()
            held.append(resident())
    assert held[-1] - held[0] < 8 * 2**20


def resident():
    """Bytes of memory that this process holds."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("no /proc tells the memory of a process here")
    return int(statm.read_text().split()[1]) * resource.getpagesize()
