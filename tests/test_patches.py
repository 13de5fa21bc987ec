"""A patch is the square around its pixel, and is cut only when asked for."""

import pickle

import numpy as np
import pytest
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import ODENetClassifier, PatchExtractor, Scene, _gather, _tensors
from sklearn_hsiode._patches import PatchSamples

few_examples = settings(deadline=None, max_examples=60)
NUMPY_MODE = {"reflect": "reflect", "edge": "edge", "zero": "constant"}
KINDS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
KINDS += [">i2", ">u2", ">f4", ">f8"]
paddings = pytest.mark.parametrize("padding", NUMPY_MODE)


def random_cube(shape, kind, seed=0):
    rng, dtype = np.random.default_rng(seed), np.dtype(kind)
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**16)), min(limits.max, 2**16)
    return rng.integers(low, high, shape, endpoint=True).astype(dtype)


def sliced(cube, X, size, padding):
    """All patches at once, by np.pad and slicing."""
    half = size // 2
    padded = np.pad(cube, ((half, half), (half, half), (0, 0)), NUMPY_MODE[padding])
    windows = [
        padded[row : row + size, col : col + size] for row, col in zip(X.rows, X.cols, strict=True)
    ]
    return (
        np.array(windows, dtype=np.float32)
        .reshape(-1, size, size, cube.shape[2])
        .transpose(0, 3, 1, 2)
    )


def cut(X, size, padding="reflect"):
    return np.asarray(PatchExtractor(size, padding).fit_transform(X))


@st.composite
def cuts(draw, masked=False):
    """Shape, seed, patch size and padding that go together."""
    rows, cols, bands = draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(st.integers(1, 3))
    padding = draw(st.sampled_from(sorted(NUMPY_MODE)))
    largest = min(rows, cols) - 1 if padding == "reflect" else 9
    size = 2 * draw(st.integers(0, largest)) + 1
    return (rows, cols, bands), draw(st.integers(0, 2**32)), size, padding


X = Scene(random_cube((12, 9, 4), "i2"), np.arange(108).reshape(12, 9) % 3).pixels()


@pytest.fixture
def lazy():
    return PatchExtractor(5).fit_transform(X)


# What a patch holds


@few_examples
@given(cuts(), st.sampled_from(KINDS))
def test_patches_are_those_of_the_padded_scene(cut_of, kind):
    shape, seed, size, padding = cut_of
    cube = random_cube(shape, kind, seed)
    X = Scene(cube).pixels()
    patches = cut(X, size, padding)
    assert patches.dtype == np.float32
    np.testing.assert_array_equal(patches, sliced(cube, X, size, padding))


@pytest.mark.parametrize("kind", [*KINDS, "g"])
def test_a_cube_of_any_real_type_has_patches(kind):
    cube = random_cube((5, 6, 2), kind)
    X = Scene(cube).pixels()
    np.testing.assert_array_equal(cut(X, 3), sliced(cube, X, 3, "reflect"))


def test_a_patch_at_the_border_is_reflected():
    X = Scene(np.arange(12).reshape(3, 4, 1)).pixels([0], [0])
    np.testing.assert_array_equal(cut(X, 3)[0, 0], [[5, 4, 5], [1, 0, 1], [5, 4, 5]])


def test_a_patch_at_the_border_repeats_the_edge():
    X = Scene(np.arange(12).reshape(3, 4, 1)).pixels([2], [3])
    np.testing.assert_array_equal(cut(X, 3, "edge")[0, 0], [[6, 7, 7], [10, 11, 11], [10, 11, 11]])


def test_a_patch_at_the_border_is_filled_with_zeros():
    X = Scene(np.arange(12).reshape(3, 4, 1)).pixels([0], [3])
    np.testing.assert_array_equal(cut(X, 3, "zero")[0, 0], [[0, 0, 0], [2, 3, 0], [6, 7, 0]])


@paddings
@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_pixel_lies_in_the_centre(size, padding):
    np.testing.assert_array_equal(cut(X, size, padding)[:, :, size // 2, size // 2], X)


@few_examples
@given(cuts())
def test_masked_neighbours_are_zero_when_padding_is(cut_of):
    shape, seed, size, _ = cut_of
    cube, mask = random_cube(shape, "f4", seed), random_mask(shape, seed)
    X = Scene(cube, mask=mask).pixels()
    blanked = np.where(mask[:, :, np.newaxis], cube, 0)
    np.testing.assert_array_equal(cut(X, size, "zero"), sliced(blanked, X, size, "zero"))


@few_examples
@given(cuts())
def test_masked_neighbours_take_the_spectrum_of_the_nearest_valid_pixel(cut_of):
    shape, seed, size, padding = cut_of
    padding = "edge" if padding == "zero" else padding
    mask = random_mask(shape, seed)
    number = np.arange(mask.size).reshape(mask.shape)
    X = Scene(number[:, :, np.newaxis], mask=mask).pixels()
    taken = cut(X, size, padding)[:, 0].astype(int)
    wanted = sliced(number[:, :, np.newaxis], X, size, padding)[:, 0].astype(int)
    for source, place in zip(taken.flat, wanted.flat, strict=True):
        assert mask.flat[source]
        distance = np.hypot(*(np.argwhere(mask) - np.divmod(place, shape[1])).T)
        gap = np.subtract(np.divmod(source, shape[1]), np.divmod(place, shape[1]))
        assert np.hypot(*gap) == distance.min()


def random_mask(shape, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape[:2]) < rng.choice([0.2, 0.7])
    mask[rng.integers(shape[0]), rng.integers(shape[1])] = True
    return mask


@paddings
@pytest.mark.parametrize("nodata", [np.nan, np.inf, -np.inf])
def test_nothing_of_a_masked_pixel_is_in_a_patch(padding, nodata):
    cube = random_cube((9, 9, 2), "f8")
    mask = random_mask(cube.shape, seed=3)
    cube[~mask] = nodata
    assert np.isfinite(cut(Scene(cube, mask=mask).pixels(), 7, padding)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_masked_neighbours_take_nothing_from_a_pixel_that_is_not_finite(bad):
    cube = np.array([[[1.0], [2.0], [3.0], [bad]]])
    X = Scene(cube, mask=np.array([[True, False, False, True]])).pixels([0], [0])
    np.testing.assert_array_equal(cut(X, 5, "edge"), np.ones((1, 1, 5, 5)))


@paddings
@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
def test_cutting_leaves_the_cube_as_it_was(kind, padding):
    cube = random_cube((6, 6, 2), kind)
    before = cube.copy()
    cut(Scene(cube, mask=random_mask(cube.shape, seed=1)).pixels(), 5, padding)
    np.testing.assert_array_equal(cube, before)


def test_pixels_out_of_order_and_repeated_have_their_own_patches():
    rows = np.array([40, 3, 3, 107, 0])
    np.testing.assert_array_equal(cut(X[rows], 5), cut(X, 5)[rows])


def test_patches_of_selected_bands_are_the_bands_of_patches():
    np.testing.assert_array_equal(cut(X[:, [2, 0]], 5), cut(X, 5)[:, [2, 0]])


# PatchSamples, a lazy array


@paddings
@pytest.mark.parametrize("size", [1, 3, 17])
def test_patches_tell_the_shape_and_type_of_their_array(size, padding):
    samples = PatchExtractor(size, padding).fit_transform(X)
    assert samples.shape == np.asarray(samples).shape == (108, 4, size, size)
    assert samples.ndim == np.asarray(samples).ndim
    assert samples.dtype == np.asarray(samples).dtype == np.float32
    assert len(samples) == 108
    assert "108 patches" in repr(samples)
    assert f"{size} x {size}" in repr(samples)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(slice(3, 20), id="slice"),
        pytest.param(slice(None, None, -7), id="slice backwards"),
        pytest.param([5, 0, -1, 5], id="list"),
        pytest.param(np.array([107, 3], dtype=np.uint8), id="integers"),
        pytest.param(np.arange(108) % 5 == 0, id="mask"),
        pytest.param((np.arange(108) > 100).tolist(), id="list of bools"),
        pytest.param(slice(0, 0), id="empty slice"),
        pytest.param([], id="empty list"),
        pytest.param(np.zeros(108, dtype=bool), id="empty mask"),
    ],
)
def test_rows_of_patches_are_patches_with_the_values_of_the_array(lazy, rows):
    expected = np.asarray(lazy)[rows]
    for part in (lazy[rows], lazy[rows, ...]):
        assert isinstance(part, PatchSamples)
        assert part.shape == expected.shape
        np.testing.assert_array_equal(np.asarray(part), expected, strict=True)


@pytest.mark.parametrize(
    "key",
    [
        5,
        -1,
        np.int64(3),
        np.array(3),
        (5, Ellipsis),
        (5, 1),
        (slice(None), 1),
        (Ellipsis, 2, 2),
        ([3, 4], [0, 1]),
        (slice(2), slice(None), 2, 2),
        (slice(2), [2, 0]),
        np.array([[1, 2], [3, 4]]),
        None,
    ],
    ids=str,
)
def test_single_patches_and_values_are_those_of_the_array(lazy, key):
    assert isinstance(lazy[key], np.ndarray)
    np.testing.assert_array_equal(lazy[key], np.asarray(lazy)[key], strict=True)


@pytest.mark.parametrize("key", [108, -109, [0, 108], 1.0, [True], "a"], ids=str)
def test_a_row_that_is_not_there_is_an_index_error(lazy, key):
    with pytest.raises(IndexError):
        lazy[key]


def test_iterating_gives_one_patch_after_the_other(lazy):
    np.testing.assert_array_equal(list(lazy[:9]), np.asarray(lazy)[:9])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [[3, 0, 3], 2], ids=str)
def test_numpy_take_gives_what_it_gives_of_the_array(lazy, indices, axis):
    expected = np.take(np.asarray(lazy), indices, axis=axis)
    np.testing.assert_array_equal(np.asarray(np.take(lazy, indices, axis=axis)), expected)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i4"])
def test_an_array_of_patches_may_be_asked_for_in_another_type(lazy, kind):
    array = np.asarray(lazy, dtype=kind)
    assert array.dtype == kind
    np.testing.assert_array_equal(array, np.asarray(lazy).astype(kind))


def test_an_array_of_patches_without_a_copy_is_refused(lazy):
    with pytest.raises(ValueError, match="PatchSamples"):
        np.array(lazy, copy=False)


def test_pickled_patches_come_back_with_their_values(lazy):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy)), lazy)


# SceneGatherer, which makes the mini-batches


@pytest.mark.parametrize("rows", [[0], [7, 3, 3, 100], range(107, -1, -1), []], ids=str)
def test_a_mini_batch_is_the_patches_of_its_rows(lazy, rows):
    rows = np.array(rows, dtype=int)
    np.testing.assert_array_equal(lazy.gatherer()(rows).numpy(), np.asarray(lazy)[rows])


def test_a_mini_batch_is_turned_and_mirrored_by_the_eight_symmetries_of_the_square(lazy):
    rows, which = np.repeat([30, 49], 8), np.tile(np.arange(8), 2)
    batch = lazy.gatherer()(rows, torch.from_numpy(which)).numpy()
    for row, k, found in zip(rows, which, batch, strict=True):
        patch = np.asarray(lazy)[row]
        expected = np.rot90(patch[..., ::-1] if k >= 4 else patch, k, (1, 2))
        np.testing.assert_array_equal(found, expected)
    assert len({each.tobytes() for each in batch}) == 16


def test_images_are_turned_as_their_values_show_it_and_left_alone():
    images = torch.randn(24, 3, 4, 4)
    before, which = images.clone(), torch.arange(24) % 8
    found = _tensors.apply_symmetry(images, which)
    torch.testing.assert_close(images, before, rtol=0, atol=0)
    for image, k, each in zip(images, which.tolist(), found, strict=True):
        torch.testing.assert_close(each, torch.rot90(image.flip(2) if k >= 4 else image, k, (1, 2)))


def test_a_mini_batch_in_double_precision_keeps_every_digit():
    cube = random_cube((6, 7, 3), "f8")
    X = Scene(cube).pixels()
    batch = PatchExtractor(1).fit_transform(X).gatherer(dtype=torch.float64)(np.arange(len(X)))
    np.testing.assert_array_equal(batch.numpy()[:, :, 0, 0], np.asarray(X), strict=True)


def test_a_mini_batch_lies_channels_last_in_memory(lazy):
    assert lazy.gatherer()(np.arange(9)).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", ["?", "u1", "i2", "f4", "f8"])
def test_the_cube_is_not_copied_on_the_cpu(kind):
    scene = Scene(random_cube((6, 6, 2), kind))
    gatherer = PatchExtractor(3).fit_transform(scene.pixels()).gatherer()
    assert np.shares_memory(gatherer.spectra.numpy(), scene.cube)


@pytest.mark.parametrize("padding", NUMPY_MODE)
def test_another_device_gets_the_pixels_that_patches_hold_once(padding):
    scene = Scene(random_cube((40, 30, 2), "i2"))
    one_row = PatchExtractor(5, padding).fit_transform(scene.pixels())[: scene.shape[1]]
    gatherer = one_row.gatherer("meta")
    assert gatherer.spectra.shape == (3 * 30, 2)
    assert gatherer.spectra.dtype == torch.int16


@pytest.fixture
def batches(monkeypatch):
    """Length of every mini-batch that is cut."""
    lengths = []
    gather_batch = _gather.SceneGatherer.__call__

    def record(gatherer, index, *symmetry):
        lengths.append(len(index))
        return gather_batch(gatherer, index, *symmetry)

    monkeypatch.setattr(_gather.SceneGatherer, "__call__", record)
    return lengths


def test_extracting_indexing_and_pickling_cut_nothing(batches):
    samples = PatchExtractor(5).fit(X).transform(X)
    pickle.dumps(samples[10:50][::2][[1, 2]])
    repr(samples)
    assert samples.shape == (108, 4, 5, 5)
    assert not batches
    assert samples[0].shape == (4, 5, 5)
    assert batches == [1]


def test_a_pipeline_cuts_no_more_than_a_mini_batch_at_once(batches):
    y = np.arange(108) % 3
    network = ODENetClassifier(
        n_filters=4,
        n_steps=1,
        max_epochs=2,
        batch_size=16,
        shortcut=False,
        net_params={"iterator_valid__batch_size": 25},
    )
    pipeline = make_pipeline(PatchExtractor(5), network).fit(X, y)
    assert max(batches) <= 16
    assert sum(batches) == 2 * len(X) + 8  # a few once more, to see what came of it
    batches.clear()
    pipeline.predict_proba(X)
    assert max(batches) <= 25
    assert sum(batches) == len(X)


def test_cross_validation_cuts_no_more_than_a_mini_batch_at_once(batches):
    y = np.arange(108) % 3
    network = ODENetClassifier(
        n_filters=4,
        n_steps=1,
        max_epochs=1,
        batch_size=16,
        validation="random",
        net_params={"iterator_valid__batch_size": 16},
    )
    cross_val_score(make_pipeline(PatchExtractor(5), network), X, y, cv=2, error_score="raise")
    assert batches
    assert max(batches) <= 16


# Bad input


@pytest.mark.parametrize("size", [0, -1, -3, 2, 10, np.int64(4)])
@paddings
def test_a_patch_size_that_is_not_a_positive_odd_number_is_an_error(size, padding):
    with pytest.raises(ValueError, match="patch_size must be a positive odd integer"):
        PatchExtractor(size, padding).fit(X)


@pytest.mark.parametrize("size", [3.0, 2.5, np.float64(3), "5", None, True, np.True_, [3], (3, 3)])
def test_a_patch_size_that_is_not_an_integer_is_an_error(size):
    with pytest.raises(ValueError, match="patch_size"):
        PatchExtractor(size).fit(X)


def test_a_patch_size_may_be_an_integer_of_numpy():
    np.testing.assert_array_equal(cut(X, np.int32(5)), cut(X, 5))


@pytest.mark.parametrize("padding", ["constant", "mirror", "Reflect", "", None, 0])
def test_an_unknown_padding_is_an_error_that_lists_the_known(padding):
    with pytest.raises(ValueError, match="padding") as error:
        PatchExtractor(3, padding).fit(X)
    for known in NUMPY_MODE:
        assert repr(known) in str(error.value)


@few_examples
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 8))
def test_a_patch_too_large_to_be_reflected_is_an_error_with_remedies_that_work(rows, cols, half):
    X, size = Scene(random_cube((rows, cols, 2), "i2")).pixels(), 2 * half + 1
    largest = 2 * min(rows, cols) - 1
    if size <= largest:
        PatchExtractor(size).fit(X)
        return
    with pytest.raises(ValueError, match=rf"patch_size <= {largest}, or padding='edge' or 'zero'"):
        PatchExtractor(size).fit(X)
    PatchExtractor(largest).fit(X)
    for padding in ("edge", "zero"):
        patches = cut(X, size, padding)
        np.testing.assert_array_equal(patches, sliced(X.scene.cube, X, size, padding))


def test_a_scene_too_small_for_the_patches_is_an_error_at_transform_too():
    extractor = PatchExtractor(9).fit(X)
    with pytest.raises(ValueError, match="patch_size <= 7"):
        extractor.transform(Scene(random_cube((4, 20, 4), "i2")).pixels())


@pytest.mark.parametrize("plain", [np.ones((9, 4)), [[1.0]], None, Scene(np.ones((2, 2, 4)))])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
def test_anything_but_pixels_is_an_error_that_says_what_to_pass(plain, method):
    extractor = PatchExtractor(3).fit(X)
    with pytest.raises(TypeError, match=type(plain).__name__) as error:
        getattr(extractor, method)(plain)
    for name in ["PatchExtractor", "PixelSamples", "labeled_pixels", "SpectralTransformer"]:
        assert name in str(error.value)


def test_a_step_that_has_lost_the_scene_is_an_error_that_tells_how_to_wrap_it():
    with pytest.raises(TypeError, match=r"SpectralTransformer\(StandardScaler\(\)\)"):
        make_pipeline(StandardScaler(), PatchExtractor(3)).fit(X)


def test_another_number_of_bands_than_in_fit_is_an_error():
    extractor = PatchExtractor(3).fit(X)
    with pytest.raises(ValueError, match=r"3 features.*expecting 4 features"):
        extractor.transform(X[:, :3])


def test_an_extractor_that_is_not_fitted_is_an_error():
    with pytest.raises(NotFittedError, match="PatchExtractor"):
        PatchExtractor(3).transform(X)


# The contract of a scikit-learn transformer


def test_the_parameters_are_those_of_the_constructor():
    assert PatchExtractor().get_params() == {"patch_size": 5, "padding": "reflect"}
    assert PatchExtractor(3, "edge").get_params() == {"patch_size": 3, "padding": "edge"}
    assert clone(PatchExtractor(3, "edge")).get_params() == {"patch_size": 3, "padding": "edge"}


def test_fit_returns_the_extractor_and_learns_nothing_but_the_number_of_bands():
    extractor = PatchExtractor(5, "edge")
    before = set(vars(extractor))
    assert not hasattr(extractor, "n_features_in_")
    assert extractor.fit(X) is extractor
    assert set(vars(extractor)) - before == {"n_features_in_"}
    assert extractor.n_features_in_ == 4
    assert extractor.get_params() == {"patch_size": 5, "padding": "edge"}


def test_transform_changes_neither_the_extractor_nor_the_pixels():
    extractor = PatchExtractor(5).fit(X)
    state, flat, array = dict(vars(extractor)), X.positions.copy(), np.asarray(X)
    np.asarray(extractor.transform(X))
    assert vars(extractor) == state
    np.testing.assert_array_equal(X.positions, flat)
    np.testing.assert_array_equal(np.asarray(X), array)


def test_fitting_again_forgets_the_earlier_scene():
    extractor = PatchExtractor(3).fit(X[:, :2]).fit(X)
    assert extractor.n_features_in_ == 4
    np.testing.assert_array_equal(extractor.transform(X), cut(X, 3))


def test_patches_of_another_scene_are_cut_from_that_scene():
    other = Scene(random_cube((8, 5, 4), "f4", seed=9)).pixels()
    patches = PatchExtractor(5).fit(X).transform(other)
    np.testing.assert_array_equal(patches, sliced(other.scene.cube, other, 5, "reflect"))


def test_fit_transform_does_as_fit_and_transform_do():
    y = np.arange(len(X))
    np.testing.assert_array_equal(
        PatchExtractor(5).fit_transform(X, y), PatchExtractor(5).fit(X, y).transform(X)
    )


def test_patches_do_not_depend_on_the_pixels_of_fit():
    np.testing.assert_array_equal(PatchExtractor(5).fit(X[:2]).transform(X), cut(X, 5))


def test_a_pickled_extractor_holds_no_cube_and_works_on():
    scene = Scene(np.zeros((100, 100, 4)))
    pickled = pickle.dumps(PatchExtractor(5).fit(scene.pixels()))
    assert len(pickled) < scene.cube.nbytes / 100
    np.testing.assert_array_equal(pickle.loads(pickled).transform(X), cut(X, 5))


@pytest.mark.parametrize("output", ["pandas", "default"])
def test_set_output_leaves_patches_what_they_are(output):
    pipeline = make_pipeline(PatchExtractor(5)).set_output(transform=output)
    assert isinstance(pipeline.fit_transform(X), PatchSamples)
    extractor = PatchExtractor(5)
    assert extractor.set_output(transform=output) is extractor


def test_a_global_wish_for_data_frames_leaves_patches_what_they_are():
    with sklearn.config_context(transform_output="pandas"):
        patches = PatchExtractor(5).fit_transform(X)
    assert isinstance(patches, PatchSamples)
    np.testing.assert_array_equal(patches, cut(X, 5))
