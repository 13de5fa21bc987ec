"""Fixtures: a tiny scene, and the real ones where their folder is present."""

import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

from sklearn_hsiode import ODENetClassifier, PatchExtractor, Scene
from sklearn_hsiode.benchmark import Run
from sklearn_hsiode.datasets import make_scene

# Two test processes share two cores: threads that wait for each other would waste both.
torch.set_num_threads(1)

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir():
    if not DATA.is_dir():
        pytest.skip(f"real scenes are not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def scene():
    """Tiny synthetic scene, easy enough for a few epochs of a small network."""
    return make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0)


@pytest.fixture(scope="session")
def pixels(scene):
    """X and y of the tiny scene."""
    return scene.labeled_pixels()


@pytest.fixture(scope="session")
def new_run():
    """Makes a run of the tiny scene's three classes."""

    def make(model="svm", split=0, **values):
        scores = {"overall_accuracy": 0.5, "average_accuracy": 0.4, "kappa": 0.3}
        scores = {name: values.pop(name, score) for name, score in scores.items()}
        defaults = {
            "random_state": split,
            "n_train": 30,
            "n_test": 300,
            "scores": scores,
            "per_class_accuracy": [0.5, 0.25, 0.75],
            "fit_seconds": 1.5,
            "predict_seconds": 0.5,
            "n_parameters": None,
            "n_function_evaluations": None,
            "patch_overlap": None,
            "measured": {},
            "environment": {"python": "3.13", "torch": "2.9", "processor": "abacus"},
        }
        return Run(model=model, split=split, **(defaults | values))

    return make


@pytest.fixture
def extractor():
    return PatchExtractor(patch_size=5)


@pytest.fixture
def ode():
    """Small ODE-net classifier, quick to train."""
    return ODENetClassifier(n_filters=8, n_steps=1, gate=0.5, max_epochs=3, random_state=0)


@pytest.fixture(scope="session")
def salinas_a(data_dir):
    loadmat = pytest.importorskip("scipy.io").loadmat
    folder = data_dir / "salinas_a"
    cube = loadmat(folder / "SalinasA_corrected.mat")["salinasA_corrected"]
    return Scene(cube, loadmat(folder / "SalinasA_gt.mat")["salinasA_gt"], name="Salinas-A")


@pytest.fixture(scope="session")
def enmap(data_dir):
    """The EnMAP scene of Potsdam, and the raster of its tiles."""
    rasterio = pytest.importorskip("rasterio")
    folder = data_dir / "enmap_potsdam"
    with rasterio.open(folder / "enmap_potsdam.tif") as file:
        good = [band for band in file.indexes if file.tags(band)["bbl"] != "0"]
        cube = file.read(good).transpose(1, 2, 0)
        mask = (cube != file.nodata).all(axis=2)
        wavelengths = [float(file.tags(band)["wavelength"]) for band in good]
        crs, transform = file.crs, file.transform
    labels, tiles = (
        rasterio.open(folder / f"enmap_potsdam_{what}.tif").read(1) for what in ("labels", "tiles")
    )
    scene = Scene(
        cube, labels, mask=mask, wavelengths=wavelengths, crs=crs, transform=transform, name="EnMAP"
    )
    return scene, tiles


@pytest.fixture(scope="session")
def indian_pines(data_dir):
    loadmat = pytest.importorskip("scipy.io").loadmat
    folder = data_dir / "indian_pines"
    labels = loadmat(folder / "Indian_pines_gt.mat")["indian_pines_gt"]
    return Scene(np.load(folder / "indian_pines_pc2.npy"), labels, name="Indian Pines")


@pytest.fixture(scope="session")
def samson(data_dir):
    folder = data_dir / "samson"
    cube = np.fromfile(folder / "samson.img", "<f4").reshape(95, 95, 156)
    labels = np.fromfile(folder / "samson_gt.img", "u1").reshape(95, 95)
    return Scene(cube, labels, name="Samson")


def scene_of_truth(labels, name):
    """A scene of which nothing but the ground truth is known: its one band is zero."""
    return Scene(np.zeros((*labels.shape, 1), dtype=np.uint8), labels, name=name)


@pytest.fixture(scope="session")
def salinas_truth(data_dir):
    loadmat = pytest.importorskip("scipy.io").loadmat
    labels = loadmat(data_dir / "salinas" / "Salinas_gt.mat")["salinas_gt"]
    return scene_of_truth(labels, "Salinas")


@pytest.fixture(scope="session")
def pavia_university_truth(data_dir):
    loadmat = pytest.importorskip("scipy.io").loadmat
    labels = loadmat(data_dir / "pavia_university" / "PaviaU_gt.mat")["paviaU_gt"]
    return scene_of_truth(labels, "Pavia University")
