"""PixelSamples behave as an array of spectra, and know where each row lies in the scene."""

import mmap
import pickle
import sys

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import resample, shuffle

from sklearn_hsiode import PixelSamples, Scene
from sklearn_hsiode._pixels import check_finite

few_examples = settings(deadline=None, max_examples=60)
many_examples = settings(deadline=None, max_examples=200)
RNG = np.random.default_rng(0)
SCENE = Scene(
    RNG.integers(-999, 9999, (7, 9, 5)).astype(np.int16),
    RNG.integers(0, 4, (7, 9)),
    mask=RNG.random((7, 9)) < 0.9,
    wavelengths=[450, 550, 650, 850, 1600],
    name="fields",
)


@pytest.fixture(name="X")
def labeled_pixels():
    return SCENE.labeled_pixels()[0]


@pytest.fixture(name="y")
def their_labels():
    return SCENE.labeled_pixels()[1]


@st.composite
def samples(draw, most=12):
    """Some pixels of a random scene, in any order and some of them twice."""
    rows, cols, bands = (draw(st.integers(1, 6)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    cube = rng.integers(0, 120, (rows, cols, bands)).astype(draw(st.sampled_from("bBhHiqfd")))
    n = draw(st.integers(1, most))
    return Scene(cube, wavelengths=np.arange(bands)).pixels(
        rng.integers(0, rows, n), rng.integers(0, cols, n)
    )


def integers_within(n):
    return st.integers(-n, n - 1)


def lists_within(n, least=0):
    return st.lists(integers_within(n), min_size=least, max_size=2 * n)


def masks(n, least=0):
    return st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda m: sum(m) >= least)


def many_of(n, least=0):
    """Index of some of n rows or bands, as one writes it: slice, list, mask, integer array."""
    kinds = ["i1", "u1", "i8", ">i4"]
    positive = st.lists(st.integers(0, n - 1), min_size=least, max_size=2 * n)
    return st.one_of(
        st.slices(n).filter(lambda s: len(range(n)[s]) >= least),
        lists_within(n, least),
        masks(n, least),
        masks(n, least).map(np.array),
        lists_within(n, least).map(lambda i: np.array(i, dtype=np.intp)),
        st.builds(lambda i, kind: np.array(i, dtype=kind), positive, st.sampled_from(kinds)),
    )


def one_of(n):
    return integers_within(n) | integers_within(n).map(np.int32)


def everything():
    return st.sampled_from([slice(None), Ellipsis])


def spectra_keys(n, bands):
    """Keys under which a 2-D array stays two-dimensional, row by row and band by band."""
    return st.one_of(
        many_of(n),
        st.tuples(many_of(n)),
        st.tuples(many_of(n), everything()),
        st.tuples(everything(), many_of(bands, least=1)),
        st.tuples(st.slices(n), many_of(bands, least=1)),
        st.tuples(many_of(n), st.slices(bands).filter(lambda s: len(range(bands)[s]))),
        st.sampled_from([Ellipsis, ()]),
    )


def other_keys(n, bands):
    """Keys that name single rows, bands or values, or that make other shapes."""
    same_length = st.integers(0, 6).flatmap(
        lambda size: st.tuples(
            st.lists(integers_within(n), min_size=size, max_size=size),
            st.lists(integers_within(bands), min_size=size, max_size=size),
        )
    )
    return st.one_of(
        one_of(n),
        st.tuples(one_of(n), everything()),
        st.tuples(one_of(n), one_of(bands)),
        st.tuples(one_of(n), many_of(bands)),
        st.tuples(many_of(n), one_of(bands)),
        st.tuples(everything(), one_of(bands)),
        same_length,
        same_length.map(lambda pair: tuple(np.array(part, dtype=np.intp) for part in pair)),
        st.builds(np.ix_, lists_within(n, 1), lists_within(bands, 1)),
        lists_within(n, 1).map(lambda i: np.array([i, i])),
        st.integers(0, 2**32).map(lambda s: np.random.default_rng(s).random((n, bands)) < 0.5),
        st.sampled_from([None, (None, 0), (slice(None), None), (Ellipsis, None), True, False]),
    )


# What they are


@few_examples
@given(samples())
def test_as_an_array_pixels_are_the_spectra_of_their_places(X):
    np.testing.assert_array_equal(np.asarray(X), X.scene.cube[X.rows, X.cols], strict=True)


@few_examples
@given(samples())
def test_shape_dtype_and_length_are_those_of_the_array(X):
    array = np.asarray(X)
    assert X.shape == array.shape
    assert X.ndim == array.ndim
    assert X.dtype == array.dtype
    assert len(X) == len(array)


@pytest.mark.parametrize("kind", ["i2", "f4", "f8", ">f4", "c8"])
def test_an_array_of_pixels_may_be_asked_for_in_another_type(X, kind):
    assert np.asarray(X, dtype=kind).dtype == kind
    np.testing.assert_array_equal(np.asarray(X, dtype=kind), np.asarray(X))


def test_an_array_of_pixels_is_the_users_own(X):
    array = np.asarray(X)
    before = array.copy()
    array[:] = 0
    np.testing.assert_array_equal(np.asarray(X), before)


def test_an_array_without_a_copy_is_refused(X):
    with pytest.raises(ValueError, match="copy"):
        np.array(X, copy=False)


def test_iterating_gives_one_spectrum_after_the_other(X):
    np.testing.assert_array_equal(list(X), np.asarray(X))


@pytest.mark.parametrize(
    "name", ["fit", "iloc", "loc", "index", "columns", "values", "dtypes", "__dataframe__"]
)
def test_pixels_pass_for_neither_an_estimator_nor_a_table(X, name):
    assert not hasattr(X, name)


def test_their_size_in_bytes_includes_the_cube(X):
    for part in (X, X[:0]):
        assert sys.getsizeof(part) > SCENE.cube.nbytes


def test_printed_pixels_tell_their_number_and_scene(X):
    assert f"{len(X)} pixels" in repr(X)
    assert repr(SCENE) in repr(X)


# Indexing


@many_examples
@given(samples(), st.data())
def test_some_rows_of_some_bands_are_pixels_with_the_spectra_of_the_array(X, data):
    key = data.draw(spectra_keys(*X.shape))
    part = X[key]
    assert isinstance(part, PixelSamples)
    assert part.shape == np.asarray(X)[key].shape
    np.testing.assert_array_equal(np.asarray(part), np.asarray(X)[key], strict=True)


@many_examples
@given(samples(), st.data())
def test_single_rows_bands_and_values_are_those_of_the_array(X, data):
    key = data.draw(other_keys(*X.shape))
    part = X[key]
    assert isinstance(part, np.ndarray | np.generic)
    np.testing.assert_array_equal(part, np.asarray(X)[key], strict=True)


@few_examples
@given(samples(), st.data())
def test_an_index_moves_places_along_with_the_spectra(X, data):
    rows = data.draw(many_of(len(X)))
    bands = data.draw(st.slices(X.shape[1]).filter(lambda s: len(range(X.shape[1])[s])))
    part = X[rows, bands]
    np.testing.assert_array_equal(part.rows, X.rows[rows])
    np.testing.assert_array_equal(part.cols, X.cols[rows])


@few_examples
@given(samples(), st.data())
def test_rows_stay_in_the_scene_and_bands_make_one_of_those_bands(X, data):
    rows = data.draw(many_of(len(X)))
    assert X[rows].scene is X.scene
    bands = data.draw(many_of(X.shape[1], least=1))
    scene = X[:, bands].scene
    np.testing.assert_array_equal(scene.cube, X.scene.cube[:, :, bands], strict=True)
    np.testing.assert_array_equal(scene.wavelengths, X.scene.wavelengths[bands])


@pytest.mark.parametrize("key", [np.s_[..., 0], np.s_[..., [0, 2]], np.s_[..., ::2]], ids=str)
def test_a_key_that_begins_with_an_ellipsis_is_one_of_bands(X, key):
    np.testing.assert_array_equal(np.asarray(X[key]), np.asarray(X)[key], strict=True)


@pytest.mark.parametrize(
    "key",
    [
        10_000,
        -10_000,
        [0, 10_000],
        [True],
        np.ones(10_000, dtype=bool),
        1.0,
        [0.0],
        "green",
        (0, 99),
        (slice(None), 99),
        (slice(None), [0, 99]),
        (slice(None), [True]),
        (slice(None), "green"),
        ([0, 1], [0, 1, 2]),
        (0, 0, 0),
        (Ellipsis, Ellipsis),
    ],
    ids=str,
)
def test_a_key_that_an_array_refuses_is_refused(X, key):
    with pytest.raises(IndexError):
        np.asarray(X)[key]
    with pytest.raises(IndexError):
        X[key]


@pytest.mark.parametrize(
    ("indices", "options"),
    [
        ([2, 0, -1], {"axis": 0}),
        ([2, 0, -1], {"axis": 1}),
        ([2, 0, -1], {"axis": -1}),
        ([2, 0, -1], {"axis": -2}),
        ([2, 0, -1], {}),
        ([[2, 0], [1, 1]], {"axis": 0}),
        ([[2, 0], [1, 1]], {"axis": 1}),
        ([], {"axis": 0}),
        (3, {"axis": 0}),
        (3, {"axis": 1}),
        ([4, 999], {"axis": 0, "mode": "clip"}),
        ([4, 999], {"axis": 1, "mode": "wrap"}),
    ],
    ids=str,
)
def test_numpy_take_gives_what_it_gives_of_the_array(X, indices, options):
    indices = np.array(indices, dtype=int)
    expected = np.take(np.asarray(X), indices, **options)
    np.testing.assert_array_equal(np.asarray(np.take(X, indices, **options)), expected, strict=True)


@pytest.mark.parametrize("axis", [0, 1])
def test_taken_rows_or_bands_are_pixels(X, axis):
    assert isinstance(np.take(X, [0, 2], axis=axis), PixelSamples)


def test_an_axis_that_is_not_there_cannot_be_taken_from(X):
    with pytest.raises(ValueError, match="axis"):
        np.take(X, [0], axis=2)


# In the hands of scikit-learn


def assert_labels_are_those_of_the_places(X, y):
    assert isinstance(X, PixelSamples)
    np.testing.assert_array_equal(SCENE.labels[X.rows, X.cols], y)


def test_splitting_shuffling_and_resampling_keep_pixels_with_their_labels(X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    assert_labels_are_those_of_the_places(X_train, y_train)
    assert_labels_are_those_of_the_places(X_test, y_test)
    assert len(X_train) + len(X_test) == len(X)
    assert_labels_are_those_of_the_places(*shuffle(X, y, random_state=0))
    assert_labels_are_those_of_the_places(*resample(X, y, n_samples=500, random_state=0))
    for train, test in StratifiedKFold(3).split(X, y):
        assert_labels_are_those_of_the_places(X[train], y[train])
        assert_labels_are_those_of_the_places(X[test], y[test])


@pytest.mark.parametrize("estimator", [SVC(), StandardScaler()], ids=str)
def test_an_estimator_sees_the_spectra_and_nothing_else(X, y, estimator):
    method = "predict" if hasattr(estimator, "predict") else "transform"
    array = np.asarray(X)
    expected = getattr(estimator.fit(array, y), method)(array)
    np.testing.assert_array_equal(getattr(estimator.fit(X, y), method)(X), expected)
    assert estimator.n_features_in_ == SCENE.n_bands


# Pickled, and sent to a worker


@few_examples
@given(samples())
def test_pickled_pixels_come_back_with_their_scene(X):
    loaded = pickle.loads(pickle.dumps(X))
    np.testing.assert_array_equal(np.asarray(loaded), np.asarray(X), strict=True)
    np.testing.assert_array_equal(loaded.positions, X.positions)
    np.testing.assert_array_equal(loaded.scene.cube, X.scene.cube, strict=True)


def test_a_joblib_worker_gets_the_cube_memory_mapped_and_all_get_the_same_one():
    cube = np.random.default_rng(0).random((200, 200, 8))  # 2.4 MB, joblib maps from 1 MB on
    X = Scene(cube).pixels()

    def in_worker(part):  # nested, so that it is pickled by value
        array, files = part.scene.cube, set()
        while array is not None and not isinstance(array, mmap.mmap):
            files.add(str(getattr(array, "filename", None)))
            array = getattr(array, "base", None)
        return isinstance(array, mmap.mmap), files - {"None"}, np.asarray(part).sum()

    parts = [X[::3], X[1::3], X[2::3]]
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(in_worker)(part) for part in parts)
    mapped, files, sums = zip(*results, strict=True)
    assert all(mapped)
    assert len(set.union(*files)) == 1
    np.testing.assert_allclose(sums, [np.asarray(part).sum() for part in parts])


# NaN and infinity


@few_examples
@given(st.data())
def test_pixels_are_finite_when_every_valid_pixel_in_their_patches_is(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rows, cols = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    cube = rng.random((rows, cols, 2))
    bad = rng.random((rows, cols)) < data.draw(st.sampled_from([0, 0.05, 0.3]))
    cube[bad, 1] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    mask = rng.random((rows, cols)) < 0.9
    mask[0, 0] = True
    X = Scene(cube, mask=mask).pixels()[:: data.draw(st.integers(1, 5))]
    half = data.draw(st.integers(0, 3))
    touched = [
        (row, col)
        for row, col in zip(X.rows, X.cols, strict=True)
        if any(
            bad[r, c] and mask[r, c]
            for r in range(max(row - half, 0), min(row + half + 1, rows))
            for c in range(max(col - half, 0), min(col + half + 1, cols))
        )
    ]
    if not touched:
        check_finite(X, 2 * half + 1)
        return
    row, col = touched[0]
    message = rf"{len(touched)} of {len(X)} pixels.*row {row}, column {col}:.*mask="
    with pytest.raises(ValueError, match=f"X contains NaN or infinity.*{message}"):
        check_finite(X, 2 * half + 1)
