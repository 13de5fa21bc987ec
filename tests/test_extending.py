"""The page "Where to change what": its map of the package is true, and its examples run."""

import re

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.svm import SVC

from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.io.readers import READERS
from sklearn_hsiode.metrics import MEASURES
from sklearn_hsiode.model_selection import SpatialBlockKFold
from sklearn_hsiode.nn import SOLVERS
from tests.pages import ROOT, blocks
from tests.test_layers import LAYERS, PACKAGE

PAGE = "docs/extending.md"
NAMES = ("solver", "network", "file format", "splitter", "spectral transformer", "measure")
EXAMPLES = dict(zip(NAMES, blocks(PAGE), strict=True))


@pytest.fixture(autouse=True)
def registries_as_they_were():
    before = [(registry, dict(registry)) for registry in (SOLVERS, READERS, MEASURES)]
    yield
    for registry, entries in before:
        registry.clear()
        registry.update(entries)


def run(example):
    """The names of an example after it has run."""
    names = {"__name__": "example"}
    exec(EXAMPLES[example], names)
    return names


def rooms():
    """The files and folders of the map, in their order."""
    table = [line for line in (ROOT / PAGE).read_text("utf-8").splitlines() if line[:2] == "| "]
    cells = [line.split("|")[2].partition(":")[0] for line in table[1:]]
    return [room for cell in cells for room in re.findall(r"`(.*?)`", cell)]


def test_the_map_names_each_part_of_the_package_behind_all_that_it_imports():
    parts = list(dict.fromkeys(room.split("/")[0].removesuffix(".py") for room in rooms()))
    assert set(parts) == {*LAYERS, "_cli"}
    for i, part in enumerate(parts[:-1]):
        assert LAYERS[part] <= set(parts[:i])


@pytest.mark.parametrize("room", rooms())
def test_the_map_names_what_is_there(room):
    assert (PACKAGE / room).exists()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_twenty_lines_at_most(example):
    assert sum(bool(line.strip()) for line in EXAMPLES[example].splitlines()) <= 20


def test_the_solver_of_the_example_solves_the_ode():
    names = run("solver")
    network, patches = names["network"], names["model"][:-1].transform(names["X"])
    assert network.net_.solver_ == "ralston"
    assert network.n_function_evaluations_ == 4
    found = network.predict_proba(patches)
    exact, euler = (
        network.with_solver(solver, n_steps=n_steps).predict_proba(patches)
        for solver, n_steps in (("rk4", 16), ("euler", 2))
    )
    assert 0 < np.abs(found - exact).max() < np.abs(euler - exact).max()


def test_the_network_of_the_example_learns_the_classes():
    names = run("network")
    chance = np.unique(names["y"], return_counts=True)[1].max() / len(names["y"])
    assert isinstance(names["model"].net_.plain_module_.network, names["SpectralCNN"])
    assert names["model"].score(names["X"], names["y"]) > chance + 0.1


def test_the_reader_of_the_example_reads_image_labels_and_wavelengths():
    names = run("file format")
    scene, tensors = names["scene"], names["tensors"]
    np.testing.assert_array_equal(scene.cube, tensors["cube"])
    np.testing.assert_array_equal(scene.labels, tensors["labels"])
    np.testing.assert_allclose(scene.wavelengths, np.linspace(400, 900, 6))


def test_the_splitter_of_the_example_tests_each_pixel_once_behind_a_buffer():
    names = run("splitter")
    X, splits = names["X"], list(names["StripKFold"](buffer=4).split(names["X"]))
    tested = np.concatenate([test for _, test in splits])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(X)))
    for train, test in splits:
        assert np.abs(X.cols[train][:, None] - X.cols[test]).min() > 4


def test_the_transformer_of_the_example_transforms_the_whole_scene():
    names = run("spectral transformer")
    cube = names["X"].scene.cube.astype(float)
    transformed = names["model"][0].transform(names["X"]).scene
    for band, (i, j) in enumerate([(40, 20), (30, 10), (20, 5)]):
        expected = (cube[:, :, i] - cube[:, :, j]) / (cube[:, :, i] + cube[:, :, j])
        np.testing.assert_allclose(transformed.cube[:, :, band], expected)


def test_the_measure_of_the_example_is_a_row_of_the_table():
    names = run("measure")
    X, y = make_scene(random_state=0).labeled_pixels()
    own = [
        f1_score(y[test], SVC(C=100).fit(X[train], y[train]).predict(X[test]), average="macro")
        for train, test in SpatialBlockKFold(4).split(X, y)
    ]
    row = next(line for line in names["table"].splitlines() if line.startswith("| F1 "))
    assert f"{100 * np.mean(own):.2f} ± {100 * np.std(own):.2f}" in row
