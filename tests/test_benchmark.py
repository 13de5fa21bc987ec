import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_hsiode import Scene
from sklearn_hsiode.benchmark import (
    Result,
    compare_models,
    default_models,
    draw_maps,
    results_table,
)


class Recorder(ClassifierMixin, BaseEstimator):
    """Fits a model, and tells which pixels it was given."""

    def __init__(self, model, pixels):
        self.model, self.pixels = model, pixels

    def __sklearn_clone__(self):
        return self

    def fit(self, X, y):
        self.pixels.update(X=X, y=y)
        self.model.fit(X, y)
        return self

    def predict(self, X):
        return self.model.predict(X)


@pytest.fixture
def models(extractor, ode):
    return {"network": make_pipeline(extractor, ode), "SVM": SVC()}


def test_every_model_is_judged_on_the_same_test_pixels(scene, models):
    X, y = scene.labeled_pixels()
    pixels = {}
    recorder = {name: Recorder(model, pixels) for name, model in models.items()}
    for result in compare_models(scene, recorder, train_size=0.2, random_state=3):
        X_train, y_train = pixels["X"], pixels["y"]
        test = np.setdiff1d(X.positions, X_train.positions)
        X_test = scene.pixels(test // scene.shape[1], test % scene.shape[1])
        y_test = scene.labels.ravel()[test]
        counts = {label: np.sum(y == label) for label in scene.classes}
        assert {label: np.sum(y_train == label) for label in counts} == {
            label: int(np.ceil(0.2 * n)) for label, n in counts.items()
        }
        predicted = models[result.model].fit(X_train, y_train).predict(X_test)
        assert result.overall_accuracy == pytest.approx((predicted == y_test).mean())
        assert result.average_accuracy == pytest.approx(balanced_accuracy_score(y_test, predicted))
        assert result.kappa == pytest.approx(cohen_kappa_score(y_test, predicted))
        assert result.seconds > 0


def test_a_class_of_one_pixel_trains_and_one_of_two_does_both(scene):
    labels = np.where(scene.labels == 1, 1, 0)
    labels[0, 0], labels[5, 5], labels[5, 6] = 2, 3, 3
    pixels = {}
    for share in (0.01, 0.99):
        (_,) = compare_models(Scene(scene.cube, labels), {"SVM": Recorder(SVC(), pixels)}, share, 0)
        assert np.sum(pixels["y"] == 2) == np.sum(pixels["y"] == 3) == 1


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_that_leaves_nothing_is_an_error(scene, share):
    with pytest.raises(ValueError, match="train_size must lie between 0 and 1"):
        next(compare_models(scene, {"SVM": SVC()}, share))


def test_networks_tell_their_parameters_and_others_do_not(scene, models):
    network, svm = compare_models(scene, models, train_size=0.2, random_state=0)
    assert network.n_parameters == models["network"].fit(*scene.labeled_pixels())[-1].n_parameters_
    assert svm.n_parameters is None


def test_the_map_covers_valid_pixels_only(scene, models):
    mask = np.arange(scene.mask.size).reshape(scene.mask.shape) % 7 > 0
    masked = Scene(scene.cube, scene.labels, mask=mask)
    for result in compare_models(masked, models, train_size=0.2, random_state=0):
        np.testing.assert_array_equal(result.class_map >= 0, mask)
        assert result.class_map.max() < len(masked.classes)


def test_the_map_holds_indices_of_string_labels(scene):
    names = np.array(["", "b", "a", "c"])[scene.labels]
    (result,) = compare_models(Scene(scene.cube, names), {"SVM": SVC()}, 0.5, random_state=0)
    (numbers,) = compare_models(scene, {"SVM": SVC()}, 0.5, random_state=0)
    # sorted, "b" comes after "a"; trained on the same pixels, the SVM finds the same classes
    agreement = np.array([1, 0, 2])[numbers.class_map] == result.class_map
    assert agreement.mean() > 0.95


def test_the_default_models_are_the_four_of_the_demo_on_one_seed():
    models = default_models(random_state=5)
    assert list(models) == ["ODE-net", "ResNet", "SVM", "random forest"]
    assert models["ODE-net"][-1].random_state == models["random forest"].random_state == 5


def test_the_table_has_a_row_per_model():
    class_map = np.zeros((2, 2), dtype=int)
    table = results_table(
        [
            Result("ODE-net", 0.98765, 0.5, 0.25, 12.34, 232080, class_map),
            Result("SVM", 0.9, 0.8, 0.7, 0.01, None, class_map),
        ]
    )
    header, _, first, second = (re.split(r"\s*\|\s*", line)[1:-1] for line in table.splitlines())
    assert header == ["model", "OA %", "AA %", "kappa %", "seconds", "parameters"]
    assert first == ["ODE-net", "98.77", "50.00", "25.00", "12.3", "232,080"]
    assert second == ["SVM", "90.00", "80.00", "70.00", "0.0", ""]


def test_the_picture_shows_each_map_in_the_colours_of_the_ground_truth(scene, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    truth = np.where(scene.labels > 0, scene.labels - 1, -1)
    perfect = Result("perfect", 1, 1, 1, 0, None, truth)
    draw_maps(scene, [perfect], tmp_path / "maps.png")
    assert [path.name for path in tmp_path.iterdir()] == ["maps.png"]
    pixels = image.imread(tmp_path / "maps.png")[:, :, :3]
    left, right = np.array_split(pixels, 2, axis=1)
    black_left, black_right = ((half == 0).all(axis=2).mean() for half in (left, right))
    assert black_left > 0.2
    assert black_left == pytest.approx(black_right, rel=0.02)


def test_a_picture_that_cannot_be_written_leaves_nothing(scene, tmp_path):
    result = Result("any", 1, 1, 1, 0, None, np.zeros(scene.mask.shape, dtype=int))
    with pytest.raises(OSError, match="missing"):
        draw_maps(scene, [result], tmp_path / "missing" / "maps.png")
    assert not list(tmp_path.iterdir())
