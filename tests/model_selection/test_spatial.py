"""SpatialBlockKFold keeps training pixels away from the blocks that test."""

import re
import warnings
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    cross_val_score,
    learning_curve,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import PatchExtractor, Scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold, patch_overlap

examples = settings(deadline=None, max_examples=80)
seeds = st.none() | st.integers(0, 2**32 - 1)
NO_CLASS = "ignore:No fold both trains and tests class"
TOO_SMALL = r"larger than the scene|more than the \d+ blocks|without training pixels"


@st.composite
def labeled_pixels(draw, most=24):
    """All labelled pixels of a random scene, or some of them in any order."""
    rows, cols = draw(st.integers(2, most)), draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    patch = draw(st.integers(1, 6))
    labels = rng.integers(0, draw(st.integers(2, 5)), (rows, cols))
    labels = np.kron(labels, np.ones((patch, patch), dtype=int))[:rows, :cols]
    mask = rng.random((rows, cols)) < draw(st.sampled_from([0.5, 0.9, 1]))
    assume((labels[mask] > 0).any())
    X, y = Scene(np.zeros((rows, cols, 1)), labels, mask=mask).labeled_pixels()
    if draw(st.booleans()):
        return X, y
    some = rng.permutation(len(X))[: ceil(0.8 * len(X))]
    return X[some], y[some]


def splitters(**settings):
    """Splitters of any settings but those given."""
    usual = {
        "n_splits": st.integers(2, 5),
        "block_size": st.integers(1, 8),
        "buffer": st.integers(0, 6),
        "random_state": seeds,
    }
    return st.builds(SpatialBlockKFold, **usual | settings)


def splits_of(cv, X, y):
    """The splits, unless the scene is too small for them, as the error has to say."""
    with warnings.catch_warnings():
        warnings.filterwarnings(*NO_CLASS.split(":"))
        try:
            return list(cv.split(X, y))
        except ValueError as error:
            if not re.search(TOO_SMALL, str(error)):
                raise
            return assume(False)


def blocks_of(X, size):
    """Row and column of the block of each pixel."""
    return [(row // size, col // size) for row, col in zip(X.rows, X.cols, strict=True)]


def distances(some, others):
    """Rows or columns between pixels, whichever are more."""
    down = np.subtract.outer(some.rows, others.rows)
    right = np.subtract.outer(some.cols, others.cols)
    return np.maximum(abs(down), abs(right))


def equal(some, others):
    """Whether all splits are the same."""
    return all(
        np.array_equal(part, other)
        for split, other_split in zip(some, others, strict=True)
        for part, other in zip(split, other_split, strict=True)
    )


def counts(y):
    """Pixels of each class, by label."""
    return dict(zip(*(array.tolist() for array in np.unique(y, return_counts=True)), strict=True))


def unevenness(splits, y):
    """Sum over folds and classes of the squared share of a class that a fold tests."""
    return sum(
        (np.sum(y[test] == label) / np.sum(y == label)) ** 2
        for _, test in splits
        for label in np.unique(y)
    )


# What tests, and what trains


@examples
@given(labeled_pixels(), splitters())
def test_every_pixel_is_tested_once_in_a_fold_of_whole_blocks(pixels, cv):
    X, y = pixels
    splits = splits_of(cv, X, y)
    assert len(splits) == cv.get_n_splits() == cv.n_splits
    tested = np.concatenate([test for _, test in splits])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(X)))
    folds = [set(blocks_of(X[test], cv.block_size)) for _, test in splits]
    assert all(folds)
    assert sum(map(len, folds)) == len(set.union(*folds))
    for part in (part for split in splits for part in split):
        assert part.dtype.kind == "i"
        assert (np.diff(part) > 0).all()


@examples
@given(labeled_pixels(), splitters())
def test_every_pixel_further_than_the_buffer_from_a_test_pixel_trains_and_no_other(pixels, cv):
    X, y = pixels
    for train, test in splits_of(cv, X, y):
        is_far = distances(X, X[test]).min(axis=1) > cv.buffer
        assert not is_far[test].any()
        np.testing.assert_array_equal(train, np.flatnonzero(is_far))


def test_the_buffer_is_around_test_pixels_and_not_around_their_blocks():
    labels = np.zeros((1, 12), dtype=int)
    labels[0, [0, 3, 4, 11]] = 1, 2, 1, 2
    X, y = Scene(np.zeros((1, 12, 1)), labels).labeled_pixels()
    # Blocks hold the columns 0 and 3; 4; 11.
    splits = SpatialBlockKFold(3, block_size=4, buffer=2).split(X, y)
    by_test = {tuple(X.cols[test]): X.cols[train].tolist() for train, test in splits}
    assert by_test == {(0, 3): [11], (4,): [0, 11], (11,): [0, 3, 4]}


@examples
@given(labeled_pixels(), st.sampled_from([1, 3, 5, 7]), st.integers(0, 2), st.data())
def test_with_a_buffer_of_a_patch_less_one_no_patches_overlap(pixels, size, more, data):
    X, y = pixels
    cv = data.draw(splitters(buffer=st.just(size - 1 + more)))
    for train, test in splits_of(cv, X, y):
        assert patch_overlap(X[train], X[test], size) == (0, 0)
        trained, tested = (patch_pixels(X[part], size) for part in (train, test))
        assert not trained & tested


def patch_pixels(X, patch_size):
    """The positions that the patches of pixels cover."""
    reach = range(-(patch_size // 2), patch_size // 2 + 1)
    return {
        (row + down, col + right)
        for row, col in zip(X.rows, X.cols, strict=True)
        for down in reach
        for right in reach
    }


@pytest.mark.parametrize("patch_size", [3, 5, 11])
def test_with_a_pixel_less_they_do(patch_size):
    X, y = Scene(np.zeros((9, 48, 1)), np.ones((9, 48), dtype=int)).labeled_pixels()
    for buffer, overlaps in ((patch_size - 1, False), (patch_size - 2, True)):
        for train, test in SpatialBlockKFold(4, block_size=12, buffer=buffer).split(X, y):
            assert (patch_overlap(X[train], X[test], patch_size).shared_pixel > 0) == overlaps
            assert bool(patch_pixels(X[train], patch_size) & patch_pixels(X[test], patch_size)) == (
                overlaps
            )


def test_patches_of_a_real_scene_do_not_overlap(indian_pines):
    X, y = indian_pines.labeled_pixels()
    cv = SpatialBlockKFold(block_size=32, buffer=22)
    with pytest.warns(UserWarning, match="No fold both trains and tests"):
        splits = list(cv.split(X, y))
    for train, test in splits:
        assert patch_overlap(X[train], X[test], patch_size=23) == (0, 0)
        assert patch_overlap(X[train], X[test], patch_size=25).shared_pixel > 0


@examples
@given(labeled_pixels(), splitters())
def test_patches_are_split_as_their_pixels_are(pixels, cv):
    X, y = pixels
    assert equal(splits_of(cv, X, y), splits_of(cv, PatchExtractor(3).fit_transform(X), y))


def test_subsets_of_a_scene_keep_its_blocks(pixels):
    X, y = pixels
    some = np.flatnonzero(y != 2)
    for _, test in SpatialBlockKFold(3, block_size=6, buffer=0).split(X[some], y[some]):
        outside = np.setdiff1d(np.arange(len(some)), test)
        blocks, others = (blocks_of(X[some[part]], 6) for part in (test, outside))
        assert not set(blocks) & set(others)


# How blocks are dealt


@pytest.mark.parametrize("seed", [None, *range(5)])
@pytest.mark.parametrize("n_splits", [2, 5, 10])
def test_blocks_that_are_alike_are_dealt_in_equal_shares(n_splits, seed):
    labels = np.tile(np.kron([[1, 2], [3, 7]], np.ones((2, 2), dtype=int)), (4, 5))
    X, y = Scene(np.zeros((*labels.shape, 1)), labels).labeled_pixels()
    for _, test in SpatialBlockKFold(n_splits, 4, 0, seed).split(X, y):
        assert counts(y[test]) == dict.fromkeys([1, 2, 3, 7], 80 // n_splits)


def assert_evenest(cv, X, y, splits):
    """No block moved to another fold, and no two swapped, lower the squared shares of classes."""
    fold_of_pixel = np.empty(len(y), dtype=int)
    for fold, (_, test) in enumerate(splits):
        fold_of_pixel[test] = fold
    classes, sizes = np.unique(y, return_counts=True)
    share_of_pixel = (y[:, None] == classes) / sizes
    shares = np.array([share_of_pixel[test].sum(axis=0) for _, test in splits])
    blocks = np.array(blocks_of(X, cv.block_size))
    inside = [(blocks == block).all(axis=1) for block in np.unique(blocks, axis=0)]
    fold_of = np.array([fold_of_pixel[pixels][0] for pixels in inside])
    # A move is a swap with nothing.
    held = np.array([share_of_pixel[pixels].sum(axis=0) for pixels in inside])
    folds_there = np.concatenate([fold_of, range(cv.n_splits)])
    held_there = np.concatenate([held, np.zeros_like(shares)])
    for here, own in zip(fold_of, held, strict=True):
        others = folds_there != here
        there, taken = folds_there[others], held_there[others]
        before = (shares[here] ** 2).sum() + (shares[there] ** 2).sum(axis=1)
        after = ((shares[here] - own + taken) ** 2).sum(axis=1)
        after += ((shares[there] + own - taken) ** 2).sum(axis=1)
        assert (after >= before - 1e-8).all()


@examples
@given(labeled_pixels(most=16), splitters())
def test_no_block_would_be_better_in_another_fold_or_in_place_of_another(pixels, cv):
    assert_evenest(cv, *pixels, splits_of(cv, *pixels))


@pytest.mark.filterwarnings(NO_CLASS)
@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("block_size", [16, 32])
def test_nor_on_a_real_scene(indian_pines, block_size, seed):
    X, y = indian_pines.labeled_pixels()
    cv = SpatialBlockKFold(5, block_size, 0, seed)
    assert_evenest(cv, X, y, list(cv.split(X, y)))


@pytest.mark.filterwarnings(NO_CLASS)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("block_size", [16, 32])
def test_blocks_are_dealt_more_evenly_than_groups_in_scikit_learn(indian_pines, block_size, seed):
    X, y = indian_pines.labeled_pixels()
    blocks = X.rows // block_size * 1000 + X.cols // block_size
    theirs = list(StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(y, y, blocks))
    ours = list(SpatialBlockKFold(5, block_size, 0, seed).split(X, y))
    assert unevenness(ours, y) <= unevenness(theirs, y)
    tested, tested_there = (
        sum(len(np.unique(y[test])) for _, test in splits) for splits in (ours, theirs)
    )
    assert tested >= tested_there


@examples
@given(labeled_pixels(), splitters(train_size=st.sampled_from([None, 0.3])))
def test_each_call_deals_alike_with_a_seed_and_without(pixels, cv):
    X, y = pixels
    assert equal(splits_of(cv, X, y), splits_of(cv, X, y))


@pytest.mark.filterwarnings(NO_CLASS)
def test_other_seeds_deal_otherwise(indian_pines):
    X, y = indian_pines.labeled_pixels()
    deals = {
        frozenset(test.tobytes() for _, test in SpatialBlockKFold(random_state=seed).split(X, y))
        for seed in (None, *range(5))
    }
    assert len(deals) == 6


@pytest.mark.filterwarnings(NO_CLASS)
def test_a_random_state_goes_on_where_it_stopped(indian_pines):
    X, y = indian_pines.labeled_pixels()
    cv = SpatialBlockKFold(random_state=np.random.RandomState(0))
    first, second = list(cv.split(X, y)), list(cv.split(X, y))
    assert equal(first, SpatialBlockKFold(random_state=0).split(X, y))
    assert not equal(first, second)


@pytest.mark.filterwarnings(NO_CLASS)
def test_the_buffer_does_not_change_what_tests(indian_pines):
    X, y = indian_pines.labeled_pixels()
    near, far = ([test for _, test in SpatialBlockKFold(buffer=b).split(X, y)] for b in (0, 10))
    for test, same in zip(near, far, strict=True):
        np.testing.assert_array_equal(test, same)


# Blocks of the size that suits


def share_trained(splits, y):
    """Share of the pixels outside a test that train, mean over the classes of each test."""
    shares = []
    for train, test in splits:
        outside = np.setdiff1d(np.arange(len(y)), test)
        for label in set(y[test]):
            others = (y[outside] == label).sum()
            shares.append((y[train] == label).sum() / others if others else 0)
    return np.mean(shares)


def splits_by_size(cv, X, y):
    """The splits of each size that "auto" may choose, from the largest, without the errors."""
    fitting = {}
    for size in (32, 16, 8, 4):
        try:
            fitting[size] = list(SpatialBlockKFold(**vars(cv) | {"block_size": size}).split(X, y))
        except ValueError as error:
            if not re.search(TOO_SMALL, str(error)):
                raise
    return fitting


@pytest.mark.filterwarnings(NO_CLASS)
@examples
@given(labeled_pixels(most=48), splitters(block_size=st.just("auto")))
def test_auto_takes_the_largest_blocks_before_the_share_that_trains_falls(pixels, cv):
    X, y = pixels
    fitting = splits_by_size(cv, X, y)
    if not fitting:
        with pytest.raises(ValueError, match="block_size='auto' finds no blocks"):
            next(cv.split(X, y))
        return
    shares = [share_trained(splits, y) for splits in fitting.values()]
    falls = [k for k in range(1, len(shares)) if shares[k] < shares[k - 1] - 1e-12]
    looked_at = shares[: falls[0]] if falls else shares
    best = next(k for k, share in enumerate(looked_at) if share > max(looked_at) - 1e-12)
    assert equal(cv.split(X, y), list(fitting.values())[best])


@pytest.mark.filterwarnings(NO_CLASS)
@pytest.mark.parametrize(
    ("n_splits", "buffer", "size"), [(5, 0, 4), (5, 2, 32), (5, 10, 32), (2, 22, 32)]
)
def test_auto_takes_large_blocks_on_a_real_scene_where_there_are_buffers(
    indian_pines, n_splits, buffer, size
):
    X, y = indian_pines.labeled_pixels()
    auto, chosen = (SpatialBlockKFold(n_splits, each, buffer) for each in ("auto", size))
    assert equal(auto.split(X, y), chosen.split(X, y))


@pytest.mark.filterwarnings(NO_CLASS)
def test_auto_finds_blocks_within_the_folds_of_other_blocks(salinas_a):
    X, y = salinas_a.labeled_pixels()
    for seed in (None, 0, 1, 2):
        for train, _ in SpatialBlockKFold(random_state=seed).split(X, y):
            inner = list(SpatialBlockKFold(3, "auto", buffer=4).split(X[train], y[train]))
            assert sorted(np.concatenate([test for _, test in inner])) == [*range(len(train))]
            assert share_trained(inner, y[train]) > 0.5


def test_a_train_size_does_not_change_the_size_of_the_blocks(pixels):
    whole, thin = (SpatialBlockKFold(4, "auto", 2, train_size=size) for size in (None, 1))
    splits = zip(whole.split(*pixels), thin.split(*pixels), strict=True)
    assert all(np.array_equal(test, same) for (_, test), (_, same) in splits)


# As few training pixels as PerClassShuffleSplit takes


@examples
@given(labeled_pixels(), st.sampled_from([0.01, 0.1, 0.37, 0.9]), st.data())
def test_as_many_pixels_train_as_of_all_or_those_that_are_left(pixels, share, data):
    X, y = pixels
    whole = data.draw(splitters())
    thin = SpatialBlockKFold(**vars(whole) | {"train_size": share})
    ((taken_of_all, _),) = PerClassShuffleSplit(share, n_splits=1).split(X, y)
    wanted = counts(y[taken_of_all])
    splits = zip(splits_of(thin, X, y), splits_of(whole, X, y), strict=True)
    for (train, test), (left, same_test) in splits:
        np.testing.assert_array_equal(test, same_test)
        assert np.isin(train, left).all()
        assert (np.diff(train) > 0).all()
        assert counts(y[train]) == {
            label: min(size, wanted[label]) for label, size in counts(y[left]).items()
        }


@pytest.mark.filterwarnings(NO_CLASS)
def test_three_percent_of_indian_pines_train_each_fold(indian_pines):
    X, y = indian_pines.labeled_pixels()
    for train, _ in SpatialBlockKFold(train_size=0.03).split(X, y):
        trained = counts(y[train])
        expected = {2: 43, 3: 25, 5: 15, 6: 22, 10: 30, 11: 74, 12: 18, 14: 38, 15: 12}
        assert expected.items() <= trained.items()
        assert len(train) <= 314


@pytest.mark.parametrize(
    ("train_size", "expected"), [(5, [5, 5, 5]), ({1: 3, 2: 1, 3: 7}, [3, 1, 7])], ids=str
)
def test_numbers_of_training_pixels_can_be_given(pixels, train_size, expected):
    cv = SpatialBlockKFold(4, block_size=6, buffer=2, train_size=train_size)
    for train, _ in cv.split(*pixels):
        assert list(counts(pixels[1][train]).values()) == expected


def test_seeds_draw_other_training_pixels(pixels):
    trains = [
        train.tobytes()
        for seed in (None, 1, 2)
        for train, _ in SpatialBlockKFold(4, 6, 2, seed, train_size=9).split(*pixels)
    ]
    assert len(set(trains)) == 12


# The warning


def classes_named(caught):
    """Classes that the one warning names, or none."""
    assert len(caught) <= 1
    assert all(warning.category is UserWarning for warning in caught)
    text = " ".join(str(warning.message) for warning in caught)
    named = re.search(r"No fold both trains and tests class (.*?):", text)
    return set(named[1].split(", ")) if named else set()


@examples
@given(labeled_pixels(), splitters(train_size=st.sampled_from([None, 0.1])))
def test_a_class_that_no_fold_both_trains_and_tests_is_named_and_no_other(pixels, cv):
    X, y = pixels
    splits_of(cv, X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        splits = list(cv.split(X, y))
    both = set().union(*(set(y[train]) & set(y[test]) for train, test in splits))
    assert classes_named(caught) == {str(label) for label in set(y) - both}


def test_the_warning_says_what_to_do_and_points_to_the_caller():
    labels = np.ones((8, 16), dtype=object)
    labels[:, 8:] = 2
    labels[0, 0], labels[7, 9] = 3, 4
    names = np.array(["", "corn", "soil", "oats", "alfalfa"])[labels.astype(int)]
    X, y = Scene(np.zeros((8, 16, 1)), names).labeled_pixels()
    cv = SpatialBlockKFold(4, block_size=4, buffer=1)
    with pytest.warns(UserWarning, match="class alfalfa, oats: .*smaller blocks") as caught:
        list(cv.split(X, y))
    assert [warning.filename for warning in caught] == [__file__]


# As a splitter of scikit-learn


CV = SpatialBlockKFold(3, block_size=6, buffer=2)


def test_it_splits_in_scikit_learn(pixels):
    X, y = pixels
    model = KNeighborsClassifier(1)
    by_hand = [
        model.fit(X[train], y[train]).score(X[test], y[test]) for train, test in CV.split(X, y)
    ]
    np.testing.assert_allclose(cross_val_score(model, X, y, cv=CV), by_hand)
    search = GridSearchCV(model, {"n_neighbors": [1, 5]}, cv=CV, error_score="raise").fit(X, y)
    assert search.n_splits_ == 3
    assert search.cv_results_["mean_test_score"][0] == pytest.approx(np.mean(by_hand))
    sizes, _, scores = learning_curve(
        model, X, y, cv=CV, train_sizes=[0.2, 0.5], shuffle=True, random_state=0
    )
    assert scores.shape == (len(sizes), 3)
    assert np.isfinite(scores).all()


def test_a_search_over_networks_splits_by_blocks_within_blocks(pixels, ode):
    ode.set_params(shortcut=False)  # the few pixels of an inner fold leave no blocks to hold out
    pipeline = make_pipeline(PatchExtractor(), ode)
    grid = {"patchextractor__patch_size": [1, 3]}
    inner = SpatialBlockKFold(2, block_size=6, buffer=2)
    search = GridSearchCV(pipeline, grid, cv=inner, error_score="raise")
    scores = cross_val_score(search, *pixels, cv=CV, error_score="raise")
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_its_text_names_its_parameters():
    assert repr(SpatialBlockKFold(3)) == (
        "SpatialBlockKFold(block_size=16, buffer=10, n_splits=3, random_state=None,\n"
        "         train_size=None)"
    )


# Bad input


ROW, ROW_Y = Scene(np.zeros((1, 12, 1)), np.ones((1, 12), dtype=int)).labeled_pixels()


def first(X, y, groups=None, **settings):
    """The first split, or the error that comes in its place."""
    settings = {"n_splits": 3, "block_size": 4, "buffer": 1} | settings
    return next(SpatialBlockKFold(**settings).split(X, y, groups))


@pytest.mark.parametrize("kind", ["array", "list", "None", "scene"])
def test_anything_but_pixels_is_an_error_that_says_what_to_pass(pixels, kind):
    X, y = pixels
    plain = {"array": np.asarray(X), "list": [[0.0]], "None": None, "scene": X.scene}[kind]
    with pytest.raises(TypeError, match=type(plain).__name__) as error:
        first(plain, y)
    for name in ("SpatialBlockKFold", "PixelSamples", "labeled_pixels"):
        assert name in str(error.value)


def test_groups_are_an_error_that_tells_who_takes_them():
    with pytest.raises(ValueError, match=r"leave groups out.*GroupKFold"):
        first(ROW, ROW_Y, ROW_Y)
    with pytest.raises(ValueError, match="leave groups out"):
        cross_val_score(KNeighborsClassifier(), ROW, ROW_Y, cv=CV, groups=ROW_Y)


@pytest.mark.parametrize("value", [-1, 2.5, 4.0, "4", None, True], ids=repr)
@pytest.mark.parametrize(("name", "least"), [("n_splits", 2), ("block_size", 1), ("buffer", 0)])
def test_a_parameter_that_is_no_such_number_is_an_error_that_names_it(name, least, value):
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least {least}") as error:
        first(ROW, ROW_Y, **{name: value})
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(("name", "value"), [("n_splits", 1), ("n_splits", 0), ("block_size", 0)])
def test_a_single_fold_and_blocks_of_no_pixels_are_errors(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least .* got {value}"):
        first(ROW, ROW_Y, **{name: value})


def test_blocks_larger_than_the_scene_are_an_error_that_tells_its_size(pixels):
    with pytest.raises(ValueError, match="block_size=25 is larger than the scene of 24 x 24"):
        first(*pixels, block_size=25)


@pytest.mark.parametrize("value", ["large", 0, 2.5, None], ids=repr)
def test_the_error_of_a_block_size_names_auto(value):
    with pytest.raises(ValueError, match=r"block_size must be .* or 'auto', got") as error:
        first(ROW, ROW_Y, block_size=value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("settings", [{"buffer": 12}, {"n_splits": 4}], ids=str)
def test_auto_without_any_blocks_that_fit_is_an_error_that_names_remedies(settings):
    remedies = "fewer folds or a smaller buffer, give a search another cv, or label more ground"
    with pytest.raises(ValueError, match=f"32, 16, 8 or 4 pixels.*{remedies}") as error:
        first(ROW, ROW_Y, block_size="auto", **settings)
    for name, value in settings.items():
        assert f"{name}={value}" in str(error.value)


@pytest.mark.parametrize("n_splits", [4, 100])
def test_more_folds_than_blocks_with_labels_are_an_error_that_counts_them(n_splits):
    labels = np.zeros((20, 20), dtype=int)
    labels[[0, 10, 10], [0, 0, 19]] = 1
    X, y = Scene(np.zeros((20, 20, 1)), labels).labeled_pixels()
    with pytest.raises(ValueError, match=f"n_splits={n_splits} is more than the 3 blocks of 5 x 5"):
        first(X, y, n_splits=n_splits, block_size=5)
    assert len(list(SpatialBlockKFold(3, block_size=5, buffer=1).split(X, y))) == 3


def test_a_buffer_that_leaves_any_fold_without_training_pixels_is_an_error_at_once():
    # Of three blocks in a row, the outer ones could test.
    assert len(first(ROW, ROW_Y, buffer=3)[0])
    with pytest.raises(ValueError, match=r"buffer=4 leaves a fold without training pixels"):
        first(ROW, ROW_Y, buffer=4)


def test_so_is_a_buffer_of_any_size():
    with pytest.raises(ValueError, match="without training pixels"):
        first(ROW, ROW_Y, buffer=10**9)


@pytest.mark.parametrize("train_size", [0, 1.5, 12, {2: 1}])
def test_a_train_size_of_no_sense_is_an_error_as_in_per_class_splits(train_size):
    for cv in (SpatialBlockKFold(3, 4, 1, train_size=train_size), PerClassShuffleSplit(train_size)):
        with pytest.raises(ValueError, match="train_size"):
            next(cv.split(ROW, ROW_Y))


@pytest.mark.parametrize("train_size", [True, "0.1", [0.1], {1: 0.5}], ids=repr)
def test_a_train_size_that_means_nothing_is_an_error(train_size):
    with pytest.raises(TypeError, match="train_size must be"):
        first(ROW, ROW_Y, train_size=train_size)


def test_missing_labels_are_an_error_that_asks_for_them():
    with pytest.raises(TypeError, match=r"SpatialBlockKFold .* pass y"):
        next(CV.split(ROW))


def test_fewer_labels_than_pixels_are_an_error():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        first(ROW, ROW_Y[:-1])
