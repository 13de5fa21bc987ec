"""On real scenes, from the very digital numbers, the default networks learn."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier

# Fewer epochs than by default, and one device: all else is as a user gets it.
QUICK = {"max_epochs": 20, "device": "cpu", "random_state": 0}
ODE = make_pipeline(PatchExtractor(), ODENetClassifier(**QUICK))
RESNET = make_pipeline(PatchExtractor(), ResNetClassifier(**QUICK))
SVM = make_pipeline(StandardScaler(), SVC())


def largest_share(y):
    """Accuracy of always saying the most frequent class."""
    return np.unique(y, return_counts=True)[1].max() / len(y)


@pytest.mark.parametrize(
    ("name", "model", "n_train"),
    [
        ("salinas_a", ODE, 150),
        ("salinas_a", RESNET, 150),
        ("enmap", ODE, 200),
        ("indian_pines", ODE, 300),
        ("samson", ODE, 150),
        ("samson", RESNET, 150),
    ],
)
def test_networks_learn_from_digital_numbers(request, name, model, n_train):
    scene = request.getfixturevalue(name)
    scene = scene[0] if name == "enmap" else scene
    X, y = scene.labeled_pixels()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=n_train, test_size=500, stratify=y, random_state=0
    )
    model = clone(model).fit(X_train, y_train)
    assert model[-1].history_[-1]["loss"] < 0.8 * model[-1].history_[0]["loss"]
    assert model.score(X_test, y_test) > largest_share(y_test) + 0.15
    assert model.classes_.tolist() == scene.classes.tolist()


@pytest.fixture(scope="module")
def tiled_pixels(enmap):
    """500 labelled pixels of the EnMAP scene, and the tile that each is in."""
    scene, tiles = enmap
    X, y = scene.labeled_pixels()
    X, _, y, _ = train_test_split(X, y, train_size=500, stratify=y, random_state=0)
    return X, y, tiles[X.rows, X.cols]


@pytest.mark.parametrize(
    "model",
    [clone(ODE).set_params(odenetclassifier__max_epochs=10), SVM],
    ids=["network", "svm"],
)
@pytest.mark.parametrize(
    "cv", [StratifiedGroupKFold(2), GroupKFold(2)], ids=lambda cv: type(cv).__name__
)
def test_cross_validation_over_the_tiles_of_the_enmap_scene(tiled_pixels, model, cv):
    X, y, tiles = tiled_pixels
    for train, test in cv.split(X, y, tiles):
        assert not set(tiles[train]) & set(tiles[test])
    scores = cross_val_score(model, X, y, groups=tiles, cv=cv)
    assert len(scores) == 2
    assert scores.mean() > largest_share(y) + 0.1
    assert scores.max() < 0.95


def test_digital_numbers_below_zero_are_no_obstacle(salinas_a):
    X, y = salinas_a.labeled_pixels()
    assert np.asarray(X).min() < 0
    assert X.dtype.kind == "i"
    model = clone(ODE).set_params(odenetclassifier__max_epochs=1).fit(X[::50], y[::50])
    assert np.isfinite(model.predict_proba(X[::50])).all()
