"""What is held out is ground that lies apart from all that trains, or as it is told."""

import pickle
import re
import warnings

import numpy as np
import pytest
import skorch.callbacks
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import (
    GroupKFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import PatchExtractor, Scene
from sklearn_hsiode.classifiers._validation_split import cross_fitting_folds, held_out
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold, patch_overlap

examples = settings(deadline=None, max_examples=80)
seeds = st.integers(0, 2**32 - 1)
fractions = st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.9])
NO_GROUND = r"(?s)validation='blocks' cannot.*[Ll]abel more ground.*validation='random'"


def pixels_of(labels):
    """All labelled pixels of a scene whose one band counts them."""
    cube = np.arange(labels.size, dtype=np.float32).reshape(*labels.shape, 1)
    return Scene(cube, labels).labeled_pixels()


@st.composite
def training_sets(draw):
    """Patches and labels of a random scene, with a class in a single place or without."""
    rows, cols = draw(st.integers(12, 40)), draw(st.integers(12, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    patch = draw(st.integers(1, 8))
    labels = rng.integers(0, draw(st.integers(3, 5)), (rows, cols))
    labels = np.kron(labels, np.ones((patch, patch), dtype=int))[:rows, :cols]
    labels[:4, :4] = draw(st.sampled_from([1, 9]))
    labels[-1, -1] = 2
    X, y = pixels_of(labels)
    some = rng.permutation(len(X))[: draw(st.sampled_from([len(X), len(X) // 4]))]
    return PatchExtractor(draw(st.sampled_from([1, 3, 5]))).fit_transform(X[some]), y[some]


def drawn(X, y, seed=0, *, validation="blocks", fraction=0.1):
    """Training and validation rows for a seed."""
    rng = np.random.RandomState(seed)
    return held_out(X, y, validation=validation, fraction=fraction, rng=rng)


def blocks_of(X, y, seed, fraction):
    """As the above in blocks, or None where there is not the ground for it, as a warning says."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = drawn(X, y, seed, fraction=fraction)
    assert all(re.search(NO_GROUND, str(warning.message)) for warning in caught)
    return None if caught else found


def folds_of(X, y, seed, fraction):
    """The folds among which "blocks" chooses, or none."""
    n_splits = max(2, round(1 / fraction))
    cv = SpatialBlockKFold(n_splits, "auto", X.patch_size - 1, np.random.RandomState(seed))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No fold both trains and tests class")
        try:
            return list(cv.split(X, y))
        except ValueError:
            return []


# Blocks of ground


@examples
@given(training_sets(), seeds, fractions)
def test_no_patch_that_validates_shares_a_pixel_with_one_that_trains(patches, seed, fraction):
    X, y = patches
    rows = blocks_of(X, y, seed, fraction)
    if rows is not None:
        training, validation = (X.pixels[part] for part in rows)
        assert patch_overlap(training, validation, X.patch_size) == (0, 0)


@examples
@given(training_sets(), seeds, fractions)
def test_every_class_trains_and_no_row_comes_twice(patches, seed, fraction):
    X, y = patches
    rows = blocks_of(X, y, seed, fraction)
    if rows is not None:
        training, validation = rows
        assert set(y[training]) == set(y)
        assert len(validation)
        both = np.concatenate(rows)
        assert len(set(both)) == len(both)
        assert all((np.diff(part) > 0).all() for part in rows)


@examples
@given(training_sets(), seeds, fractions)
def test_it_is_the_fold_that_trains_most_classes_and_then_tests_most(patches, seed, fraction):
    X, y = patches
    folds = folds_of(X, y, seed, fraction)
    rows = blocks_of(X, y, seed, fraction)
    if not folds:
        assert rows is None
        return
    best = max(  # the first of equal ones
        folds,
        key=lambda fold: (
            *(len(set(y[rows])) for rows in fold),
            -abs(len(fold[1]) / len(y) - fraction),
        ),
    )
    if len(set(y[best[0]])) == len(set(y)):
        for part, expected in zip(rows, best, strict=True):
            np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("patch_size", [1, 5])
def test_a_class_in_one_place_trains_with_all_its_pixels(patch_size, seed):
    labels = np.kron([[1, 2] * 4, [2, 1] * 4] * 4, np.ones((6, 6), dtype=int))
    labels[20:23, 20:23] = 3
    X, y = pixels_of(labels)
    training, validation = drawn(PatchExtractor(patch_size).fit_transform(X), y, seed)
    assert np.isin(np.flatnonzero(y == 3), training).all()
    assert set(y[validation]) == {1, 2}
    assert patch_overlap(X[training], X[validation], patch_size) == (0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_a_fold_of_nothing_but_such_a_class_is_not_taken(seed):
    # Each of three places has a class of its own, and one has no other.
    labels = np.zeros((4, 44), dtype=int)
    labels[:, :4] = 3
    labels[:, 20:24] = [1, 2, 4, 4]
    labels[:, 40:] = [1, 2, 5, 5]
    X, y = pixels_of(labels)
    training, validation = drawn(PatchExtractor(1).fit_transform(X), y, seed, fraction=1 / 3)
    assert set(y[training]) == {1, 2, 3, 4, 5}
    assert set(y[validation]) == {1, 2}


def test_the_seed_deals_the_blocks(scene):
    X, y = scene.labeled_pixels()
    X = PatchExtractor(3).fit_transform(X)
    first, again, other = (drawn(X, y, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("patch_size", [5, 11])
def test_within_the_folds_of_other_blocks_there_are_blocks_to_hold_out(salinas_a, patch_size):
    X, y = salinas_a.labeled_pixels()
    for outer, _ in SpatialBlockKFold(random_state=0).split(X, y):
        patches = PatchExtractor(patch_size).fit_transform(X[outer])
        training, validation = drawn(patches, y[outer])
        assert set(y[outer][training]) == set(y[outer])
        assert 0.05 < len(validation) / len(outer) < 0.2
        assert patch_overlap(X[outer][training], X[outer][validation], patch_size) == (0, 0)


# Pixels at random


@examples
@given(training_sets(), seeds, st.sampled_from([0.05, 0.3, 0.9]))
def test_a_random_share_of_each_class_validates_and_all_others_train(patches, seed, fraction):
    X, y = patches
    training, validation = drawn(X, y, seed, validation="random", fraction=fraction)
    np.testing.assert_array_equal(np.sort([*training, *validation]), np.arange(len(y)))
    for label, size in zip(*np.unique(y, return_counts=True), strict=True):
        share = max(1, round(fraction * size))
        assert np.sum(y[validation] == label) == min(share, size - 1)


@examples
@given(training_sets(), seeds)
def test_of_arrays_random_pixels_are_drawn_without_a_warning(patches, seed):
    X, y = patches
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drawn(np.asarray(X), y, seed)
    for part, expected in zip(found, drawn(X, y, seed, validation="random"), strict=True):
        np.testing.assert_array_equal(part, expected)


# Splitters


@pytest.mark.parametrize(
    "splitter",
    [
        ShuffleSplit(3, test_size=0.2, random_state=0),
        StratifiedShuffleSplit(3, test_size=0.2, random_state=0),
        PerClassShuffleSplit(0.5, random_state=0),
        PerClassShuffleSplit({1: 20, 2: 30, 3: 10}, random_state=0),
        SpatialBlockKFold(3, 8, 2),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_of_a_splitter_the_first_split_counts(pixels, splitter):
    X, y = pixels
    expected = next(iter(splitter.split(X, y)))
    found = drawn(PatchExtractor(3).fit_transform(X), y, validation=splitter)
    for part, rows in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, np.sort(rows))


class LeftOfTheMiddle:
    """A splitter that looks where pixels lie, and that leaves out the middle."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1

    def split(self, X, y=None, groups=None):
        middle = X.scene.shape[1] // 2
        yield np.flatnonzero(X.cols > middle), np.flatnonzero(X.cols < middle)


def test_a_splitter_sees_where_the_pixels_lie(pixels):
    X, _ = pixels
    patches = PatchExtractor(3).fit_transform(X)
    training, validation = drawn(patches, X.rows % 2, validation=LeftOfTheMiddle())
    np.testing.assert_array_equal(training, np.flatnonzero(X.cols > 12))
    np.testing.assert_array_equal(validation, np.flatnonzero(X.cols < 12))


@pytest.mark.parametrize("kind", ["patches", "array"])
def test_a_class_that_a_splitter_leaves_without_training_pixels_trains(pixels, kind):
    X, y = pixels
    X = PatchExtractor(1).fit_transform(X)
    validates = (y == 3) | (np.arange(len(y)) % 5 == 0)
    splitter = PredefinedSplit(np.where(validates, 0, -1))
    training, validation = drawn(X if kind == "patches" else np.asarray(X), y, validation=splitter)
    np.testing.assert_array_equal(validation, np.flatnonzero(validates & (y != 3)))
    np.testing.assert_array_equal(training, np.flatnonzero(~validates | (y == 3)))


# The folds of a cross-fitting


def cross_fitted(X, y, seed=0, *, validation="blocks"):
    rng = np.random.RandomState(seed)
    return cross_fitting_folds(X, y, np.ones(len(y)), validation=validation, rng=rng)


@examples
@given(training_sets(), seeds, st.sampled_from(["blocks", "random"]))
def test_every_class_trains_in_every_fold_and_no_row_is_held_out_twice(patches, seed, validation):
    X, y = patches
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "validation='blocks' cannot")
        folds = cross_fitted(X, y, seed, validation=validation)
    assert 1 <= len(folds) <= 3
    held_out = np.concatenate([held for _, held in folds])
    assert len(set(held_out)) == len(held_out)
    for training, held in folds:
        assert set(y[training]) == set(y)
        assert len(held)
        assert not np.isin(held, training).any()
        assert all((np.diff(part) > 0).all() for part in (training, held))


@examples
@given(training_sets(), seeds)
def test_in_folds_of_blocks_no_patches_touch(patches, seed):
    X, y = patches
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folds = cross_fitted(X, y, seed)
    assert all(re.search(NO_GROUND, str(warning.message)) for warning in caught)
    assert caught or folds_of(X, y, seed, 1 / 3)
    assume(not caught)
    for training, held in folds:
        assert patch_overlap(X.pixels[training], X.pixels[held], X.patch_size) == (0, 0)


@examples
@given(training_sets(), seeds, st.data())
def test_what_has_no_weight_is_in_no_fold_and_every_class_with_one_trains(patches, seed, data):
    X, y = patches
    weights = np.random.default_rng(seed).random(len(y)).round()
    assume(all(np.sum(weights[y == label]) > 2 for label in set(y)))
    kind = data.draw(st.sampled_from(["random", PredefinedSplit(np.arange(len(y)) % 3 - 1)]))
    folds = cross_fitting_folds(X, y, weights, validation=kind, rng=np.random.RandomState(seed))
    for training, held in folds:
        assert weights[held].all()
        used = training[weights[training] > 0]
        assert set(y[used]) == set(y)


@pytest.mark.filterwarnings("ignore:No fold both trains and tests class")
def test_a_splitter_keeps_a_class_that_is_put_back_apart_as_well():
    labels = np.kron([[1, 2] * 4, [2, 1] * 4] * 4, np.ones((6, 6), dtype=int))
    labels[20:23, 20:23] = 3
    X, y = pixels_of(labels)
    patches = PatchExtractor(5).fit_transform(X)
    for training, held in cross_fitted(patches, y, validation=SpatialBlockKFold(3, 7, 4)):
        assert 3 in y[training]
        assert patch_overlap(X[training], X[held], 5) == (0, 0)


@examples
@given(training_sets(), seeds)
def test_random_folds_hold_out_a_third_of_each_class(patches, seed):
    X, y = patches
    folds = cross_fitted(np.asarray(X), y, seed)
    for training, held in folds:
        np.testing.assert_array_equal(np.sort([*training, *held]), np.arange(len(y)))
        for label, size in zip(*np.unique(y, return_counts=True), strict=True):
            if size >= 3:
                assert abs(np.sum(y[held] == label) - size / 3) < 1


def test_all_splits_of_a_splitter_are_folds(pixels):
    X, y = pixels
    splitter = SpatialBlockKFold(3, 8, 2)
    folds = cross_fitted(PatchExtractor(3).fit_transform(X), y, validation=splitter)
    for fold, expected in zip(folds, splitter.split(X, y), strict=True):
        for part, rows in zip(fold, expected, strict=True):
            np.testing.assert_array_equal(part, rows)


@pytest.mark.parametrize("validation", ["random", PredefinedSplit([0, 0, 1, 1])])
def test_where_every_class_has_one_pixel_there_are_no_folds(validation):
    with pytest.raises(ValueError, match=r"two pixels|holds out no pixel"):
        cross_fitted(np.zeros((4, 1, 1, 1)), np.arange(4), validation=validation)


# In a classifier


class Spy(skorch.callbacks.Callback):
    """Reports the values that are fed to the network, and whether for training."""

    def __init__(self, report):
        self.report = report

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        centre = batch[0]["patches"].shape[-1] // 2
        self.report((training, batch[0]["patches"][:, 0, centre, centre].tolist()))


def counted(model, X, y):
    """Numbers of the pixels that have trained, and of those that have validated."""
    seen = []
    model = clone(model).set_params(callbacks=[Spy(seen.append)]).fit(X, y)
    trained, validated = ({v for of, part in seen if of == kind for v in part} for kind in (1, 0))
    return model, trained, validated


@pytest.fixture(name="model")
def _model(ode):
    return ode.set_params(early_stopping=True, standardize=False, max_epochs=1, lr=1e-9)


@pytest.mark.parametrize("patch_size", [1, 5])
def test_a_classifier_holds_out_ground_of_its_own_accord(model, scene, patch_size):
    X, y = pixels_of(scene.labels)
    patches = X if patch_size == 1 else PatchExtractor(patch_size).fit_transform(X)
    fitted, trained, validated = counted(model, patches, y)
    assert fitted.validation == "blocks"
    parts = [X[np.isin(np.asarray(X)[:, 0], list(values))] for values in (trained, validated)]
    assert patch_overlap(*parts, patch_size) == (0, 0)
    assert 0.02 * len(y) < len(validated) < 0.2 * len(y)
    assert "validation_score" in fitted.history_[-1]


def test_a_classifier_gives_a_splitter_the_labels_of_its_user(model, scene):
    X, y = pixels_of(scene.labels)
    names = np.array(["", "water", "tree", "asphalt"], dtype=object)[y]
    splitter = PerClassShuffleSplit({"water": 3, "tree": 4, "asphalt": 5}, random_state=0)
    _, trained, _ = counted(model.set_params(validation=splitter), X, names)
    chosen = np.isin(np.asarray(X)[:, 0], list(trained))
    labels, sizes = np.unique(names[chosen].astype(str), return_counts=True)
    assert dict(zip(labels, sizes, strict=True)) == {"water": 3, "tree": 4, "asphalt": 5}


def test_without_early_stopping_and_a_shortcut_every_pixel_trains(model, scene):
    X, y = pixels_of(scene.labels)
    model.set_params(early_stopping=False, shortcut=False)
    _, trained, validated = counted(model, X, y)
    assert trained == set(np.asarray(X)[:, 0])
    assert not validated


def test_a_classifier_with_a_splitter_is_cloned_pickled_and_cross_validated(model, pixels):
    inner = ShuffleSplit(test_size=0.2, random_state=0)
    model.set_params(validation=inner)
    assert vars(clone(model).validation) == vars(inner)
    fitted = pickle.loads(pickle.dumps(clone(model).fit(*pixels)))
    assert vars(fitted.get_params()["validation"]) == vars(inner)
    outer = SpatialBlockKFold(2, block_size=12, buffer=2)
    pipeline = make_pipeline(PatchExtractor(3), model)
    scores = cross_val_score(pipeline, *pixels, cv=outer, error_score="raise")
    assert np.isfinite(scores).all()


# What cannot be done


@pytest.mark.parametrize(
    ("chosen", "patch_size"),
    [(slice(0, 5), 3), (slice(None), 23)],
    ids=["too few pixels", "too close together"],
)
@pytest.mark.parametrize("wanted_for", ["early_stopping", "shortcut"])
def test_no_ground_to_hold_out_is_a_warning_that_names_remedies(
    ode, pixels, chosen, patch_size, wanted_for
):
    X, y = pixels[0][chosen], pixels[1][chosen]
    wanted = {"early_stopping": False, "shortcut": False, wanted_for: True}
    ode.set_params(max_epochs=1, gate="auto", **wanted)
    model = make_pipeline(PatchExtractor(patch_size), ode)
    y = np.arange(len(y)) % 2
    with pytest.warns(UserWarning, match=NO_GROUND) as caught:
        model.fit(X, y)
    (warning,) = caught
    assert f"{len(y)} training pixels" in str(warning.message)
    assert f"{patch_size - 1} pixels" in str(warning.message)
    ode.set_params(validation="random")
    assert len(model.fit(X, y)[-1].history_) == 1


def test_pixels_among_those_that_train_are_then_held_out():
    labels = np.zeros((8, 8), dtype=int)
    labels[0, :4], labels[7, 4:] = 1, 2
    X, y = pixels_of(labels)
    with pytest.warns(UserWarning, match=NO_GROUND):
        training, validation = drawn(PatchExtractor(3).fit_transform(X), y, fraction=0.5)
    assert [sorted(y[rows]) for rows in (training, validation)] == [[1, 1, 2, 2]] * 2


def test_one_pixel_of_each_class_leaves_none_to_hold_out(ode, pixels):
    X, y = pixels
    _, first = np.unique(y, return_index=True)
    with pytest.raises(ValueError, match=r"a class with two pixels.*label more pixels"):
        ode.set_params(validation="random", gate="auto").fit(X[first], y[first])
    assert ode.set_params(gate=0.5).fit(X[first], y[first]).predict(X[first]).shape == (3,)


@pytest.mark.parametrize("validation", ["ground", 5, None, 0.1], ids=repr)
def test_anything_else_is_an_error_that_names_the_choices(ode, pixels, validation):
    with pytest.raises(ValueError, match="'validation' parameter") as error:
        ode.set_params(validation=validation).fit(*pixels)
    assert all(name in str(error.value) for name in ("'blocks'", "'random'", "'split'"))


def test_a_splitter_that_holds_out_nothing_that_trains_is_an_error(pixels):
    X, y = pixels
    splitter = PredefinedSplit(np.where(y == 3, 0, -1))
    with pytest.raises(ValueError, match=r"PredefinedSplit .*another splitter.*'random'"):
        drawn(X, y, validation=splitter)


def test_a_splitter_of_ground_refuses_arrays_and_one_of_groups_asks_for_them(ode, pixels):
    X, y = pixels
    ode.set_params(early_stopping=True, validation=SpatialBlockKFold())
    with pytest.raises(TypeError, match="SpatialBlockKFold needs PixelSamples"):
        ode.fit(np.asarray(X), y)
    with pytest.raises(ValueError, match="groups"):
        ode.set_params(validation=GroupKFold()).fit(X, y)


def test_of_the_folds_that_train_all_classes_the_one_with_most_of_them_validates():
    X, y = make_scene(random_state=0).labeled_pixels()
    patches = PatchExtractor(5).fit_transform(X)
    for seed in range(3):
        _, validation = held_out(
            patches, y, validation="blocks", fraction=0.1, rng=np.random.RandomState(seed)
        )
        cv = SpatialBlockKFold(10, "auto", buffer=4, random_state=np.random.RandomState(seed))
        tested = [
            len(np.unique(y[test]))
            for train, test in cv.split(X, y)
            if len(np.unique(y[train])) == len(np.unique(y))
        ]
        assert len(np.unique(y[validation])) == max(tested)
