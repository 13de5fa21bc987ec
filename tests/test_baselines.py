"""CoordinateClassifier tells what a split gives away, and nothing of spectra."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedKFold, cross_val_score

from sklearn_hsiode import PatchExtractor, Scene
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold

examples = settings(deadline=None, max_examples=100)


@pytest.fixture(name="X")
def tiny_pixels(pixels):
    return pixels[0]


@pytest.fixture(name="y")
def their_labels(pixels):
    return pixels[1]


def accuracies(scene, cv):
    return cross_val_score(CoordinateClassifier(), *scene.labeled_pixels(), cv=cv)


# What it is worth


@pytest.mark.parametrize(
    ("name", "train_size", "percent"),
    [
        ("indian_pines", 0.03, 92.8),
        ("indian_pines", 0.15, 98.5),
        ("salinas_truth", 0.01, 96.0),
        ("salinas_truth", 0.1, 99.8),
    ],
)
def test_among_random_training_pixels_it_beats_networks(name, train_size, percent, request):
    scene = request.getfixturevalue(name)
    cv = PerClassShuffleSplit(train_size, n_splits=3, random_state=0)
    assert 100 * accuracies(scene, cv).mean() == pytest.approx(percent, abs=1)


@pytest.mark.filterwarnings(
    "ignore:No fold both trains and tests class"  # whose ground lies in one block
)
@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("buffer", [22, 10])
def test_away_from_training_pixels_it_knows_nothing(indian_pines, buffer, seed):
    cv = SpatialBlockKFold(block_size=32, buffer=buffer, random_state=seed)
    assert accuracies(indian_pines, cv).mean() < 0.4


@pytest.mark.filterwarnings(
    "ignore:No fold both trains and tests class"  # whose ground lies in one block
)
def test_blocks_alone_still_give_ground_away(indian_pines):
    assert accuracies(indian_pines, SpatialBlockKFold(block_size=32, buffer=0)).mean() > 0.5


# What it does


@st.composite
def halves(draw):
    """Training and test pixels of a random scene, and labels of the training pixels."""
    rows, cols = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scene = Scene(rng.random((rows, cols, 2)))
    n = draw(st.integers(1, rows * cols))
    order = rng.permutation(rows * cols)
    train, test = (scene.pixels(*np.divmod(part, cols)) for part in (order[:n], order))
    return train, test, rng.choice(draw(st.sampled_from([[1, 2, 9], ["a", "b", "c"]])), n)


@examples
@given(halves())
def test_a_pixel_gets_the_class_of_the_nearest_training_pixel(halves):
    train, test, y = halves
    distances = np.hypot(
        np.subtract.outer(test.rows, train.rows), np.subtract.outer(test.cols, train.cols)
    )
    is_nearest = np.isclose(distances, distances.min(axis=1, keepdims=True))
    predicted = CoordinateClassifier().fit(train, y).predict(test)
    for nearest, label in zip(is_nearest, predicted, strict=True):
        assert label in y[nearest]


def test_a_training_pixel_keeps_its_class(X, y):
    assert CoordinateClassifier().fit(X, y).score(X, y) == 1


def test_it_never_looks_at_a_spectrum(X, y):
    other = Scene(np.full(X.scene.shape, np.nan)).pixels(X.rows, X.cols)
    expected = CoordinateClassifier().fit(X[::7], y[::7]).predict(X)
    for train in (X, other):
        classifier = CoordinateClassifier().fit(train[::7], y[::7])
        for test in (X, other):
            np.testing.assert_array_equal(classifier.predict(test), expected)


def test_labels_come_back_as_they_were_given(X, y):
    names = np.array(["", "corn", "oats", "soil"])[y]
    classifier = CoordinateClassifier().fit(X, names)
    assert classifier.classes_.tolist() == np.unique(names).tolist()
    assert classifier.predict(X).dtype == names.dtype
    np.testing.assert_array_equal(classifier.predict(X), names)


def test_a_prediction_does_not_depend_on_the_others(X, y):
    classifier = CoordinateClassifier().fit(X[::7], y[::7])
    together = classifier.predict(X)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(classifier.predict(X[order]), together[order])
    np.testing.assert_array_equal(classifier.predict(X[4:5]), together[4:5])


def test_fitting_again_forgets_the_earlier_pixels(X, y):
    again = CoordinateClassifier().fit(X[:50, :2], y[:50]).fit(X[50:60], y[50:60])
    once = CoordinateClassifier().fit(X[50:60], y[50:60])
    assert again.n_features_in_ == X.shape[1]
    np.testing.assert_array_equal(again.predict(X), once.predict(X))


# As a classifier of scikit-learn


def test_it_stands_in_a_cross_validation(X, y):
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    by_hand = [
        CoordinateClassifier().fit(X[train], y[train]).score(X[test], y[test])
        for train, test in cv.split(X, y)
    ]
    scores = cross_val_score(CoordinateClassifier(), X, y, cv=cv, error_score="raise")
    np.testing.assert_array_equal(scores, by_hand)


def test_it_is_a_classifier_that_says_what_it_is_for(X, y):
    classifier = CoordinateClassifier()
    assert is_classifier(classifier)
    assert classifier.get_params() == {}
    assert classifier.fit(X, y) is classifier
    assert "for comparison only" in CoordinateClassifier.__doc__


def test_a_clone_is_not_fitted(X, y):
    copied = clone(CoordinateClassifier().fit(X, y))
    with pytest.raises(NotFittedError):
        copied.predict(X)


def test_a_pickled_one_predicts_the_same_and_holds_no_cube(X, y):
    scene = Scene(np.zeros((100, 100, 50)))
    classifier = CoordinateClassifier().fit(scene.pixels(X.rows, X.cols), y)
    pickled = pickle.dumps(classifier)
    assert len(pickled) < scene.cube.nbytes / 20
    everywhere = scene.pixels()
    np.testing.assert_array_equal(
        pickle.loads(pickled).predict(everywhere), classifier.predict(everywhere)
    )


# Bad input


@pytest.mark.parametrize("kind", ["array", "list", "None", "scene", "patches"])
def test_anything_but_pixels_is_an_error_that_says_what_to_pass(X, y, kind):
    plain = {
        "array": np.asarray(X),
        "list": [[0.0]],
        "None": None,
        "scene": X.scene,
        "patches": PatchExtractor(3).fit_transform(X),
    }[kind]
    classifier = CoordinateClassifier().fit(X, y)
    for call in (lambda: CoordinateClassifier().fit(plain, y), lambda: classifier.predict(plain)):
        with pytest.raises(TypeError, match=type(plain).__name__) as error:
            call()
        for name in ("CoordinateClassifier", "PixelSamples", "labeled_pixels"):
            assert name in str(error.value)


@pytest.mark.parametrize("kind", ["pixels", "array"])
def test_one_that_is_not_fitted_is_an_error(X, kind):
    with pytest.raises(NotFittedError, match="CoordinateClassifier"):
        CoordinateClassifier().predict(X if kind == "pixels" else np.asarray(X))


def test_another_number_of_bands_than_in_fit_is_an_error(X, y):
    with pytest.raises(ValueError, match=r"3 features.*expecting 8 features"):
        CoordinateClassifier().fit(X, y).predict(X[:, :3])


def test_labels_that_are_measurements_are_an_error(X):
    with pytest.raises(ValueError, match="Unknown label type"):
        CoordinateClassifier().fit(X, np.linspace(0, 1, len(X)))


def test_fewer_labels_than_pixels_are_an_error(X, y):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CoordinateClassifier().fit(X, y[:-1])


def test_no_pixels_are_an_error(X, y):
    with pytest.raises(ValueError, match="0 sample"):
        CoordinateClassifier().fit(X[:0], y[:0])


def test_a_fit_that_failed_leaves_it_unfitted(X, y):
    classifier = CoordinateClassifier()
    with pytest.raises(ValueError, match="inconsistent"):
        classifier.fit(X, y[:-1])
    with pytest.raises(NotFittedError):
        classifier.predict(X)
