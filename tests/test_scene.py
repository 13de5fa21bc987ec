"""A scene keeps an image and its rasters as they were given, and hands out its valid pixels."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_hsiode import Scene

few_examples = settings(deadline=None, max_examples=40)
CUBE = np.random.default_rng(0).integers(-999, 9999, (4, 6, 5)).astype(np.int16)
GRID = CUBE.shape[:2]
LABELS = np.array([[0, 7, 7, 3, 0, 3], [3, 3, 0, 0, 7, 0], [12, 0, 0, 12, 3, 3], [0] * 6])
MASK = np.arange(24).reshape(GRID) % 5 != 1
ABOUT = {
    "mask": MASK,
    "class_names": {3: "oats", 7: "corn", 12: "wood"},
    "wavelengths": [450.0, 550.0, 650.0, 850.0, 1600.0],
    "crs": "EPSG:32633",
    "transform": (30.0, 0.0, 3.6e5, 0.0, -30.0, 5.8e6),
    "name": "fields",
}
ARRAYS = ["cube", "labels", "mask", "wavelengths", "spectra", "classes", "non_finite"]


@pytest.fixture
def full():
    return Scene(CUBE, LABELS, **ABOUT)


@st.composite
def scenes(draw, labels=True):
    """Scene of random size, type, labels and mask, one valid pixel at least."""
    rows, cols, bands = (draw(st.integers(1, 6)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    cube = rng.integers(0, 100, (rows, cols, bands)).astype(draw(st.sampled_from("bBhHiqfd")))
    mask = rng.random((rows, cols)) < draw(st.sampled_from([0.3, 0.8, 1.0]))
    mask[rng.integers(rows), rng.integers(cols)] = True
    values = draw(st.lists(st.integers(0, 120), min_size=1, max_size=4))
    raster = rng.choice([0, *values], (rows, cols)).astype(draw(st.sampled_from("bBhHiq")))
    return Scene(cube, raster if labels else None, mask=mask)


def assert_same_scene(scene, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(scene, name), getattr(other, name), strict=True)
    for name in ["class_names", "crs", "transform", "name", "shape", "n_bands"]:
        assert getattr(scene, name) == getattr(other, name)


# What it keeps


def test_a_scene_keeps_what_it_was_given(full):
    np.testing.assert_array_equal(full.cube, CUBE, strict=True)
    np.testing.assert_array_equal(full.labels, LABELS, strict=True)
    np.testing.assert_array_equal(full.mask, MASK, strict=True)
    np.testing.assert_array_equal(full.wavelengths, ABOUT["wavelengths"])
    for name in ["class_names", "crs", "transform", "name"]:
        assert getattr(full, name) == ABOUT[name]
    assert full.shape == CUBE.shape
    assert full.n_bands == CUBE.shape[2]


def test_a_bare_cube_has_only_valid_pixels_and_no_metadata():
    scene = Scene(CUBE)
    assert scene.mask.all()
    assert scene.class_names == {}
    for name in ["labels", "wavelengths", "crs", "transform", "name"]:
        assert getattr(scene, name) is None


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_a_scene_cannot_be_written_to(full, name):
    array = getattr(full, name)
    with pytest.raises(ValueError, match="read-only"):
        array[...] = array.ravel()[0]


@pytest.mark.parametrize(
    "name", [*ARRAYS, "class_names", "crs", "transform", "name", "shape", "n_bands"]
)
def test_an_attribute_of_a_scene_cannot_be_replaced(full, name):
    with pytest.raises(AttributeError):
        setattr(full, name, getattr(full, name))


def test_a_change_to_the_class_names_handed_out_leaves_the_scene_alone(full):
    full.class_names[3] = "barley"
    assert full.class_names == ABOUT["class_names"]


def test_a_change_to_the_class_names_handed_in_leaves_the_scene_alone():
    names = {3: "oats"}
    scene = Scene(CUBE, LABELS, class_names=names)
    names[3] = "barley"
    assert scene.class_names == {3: "oats"}


@pytest.mark.parametrize("copied", [clone, copy.copy, copy.deepcopy])
def test_a_copy_of_a_scene_is_the_scene(full, copied):
    assert copied(full) is full
    assert copied([full])[0] is full


def test_a_deep_copy_of_pixels_shares_their_scene(full):
    X, _ = full.labeled_pixels()
    assert copy.deepcopy(X).scene is full


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_scene_comes_back_whole_and_immutable(full, protocol):
    loaded = pickle.loads(pickle.dumps(full, protocol))
    assert_same_scene(loaded, full)
    with pytest.raises(ValueError, match="read-only"):
        loaded.cube[0, 0, 0] = 0


@few_examples
@given(scenes())
def test_any_scene_survives_pickling(scene):
    assert_same_scene(pickle.loads(pickle.dumps(scene)), scene)


def test_a_pickled_scene_without_labels_comes_back_without():
    assert pickle.loads(pickle.dumps(Scene(CUBE))).labels is None


# How the cube lies in memory


def test_a_contiguous_cube_is_shared_not_copied():
    scene = Scene(CUBE)
    assert np.shares_memory(scene.cube, CUBE)
    assert np.shares_memory(scene.spectra, CUBE)


@pytest.mark.parametrize(
    "cube",
    [
        np.asfortranarray(CUBE),
        CUBE.transpose(2, 0, 1).copy().transpose(1, 2, 0),  # as read from a band-sequential file
        CUBE[::2, ::-1, 1::3],
        CUBE.tolist(),
        CUBE.astype(">i2"),
        CUBE.astype(">u2"),
        CUBE.astype(">f4"),
        CUBE.astype(">f8"),
        CUBE.astype(np.float16),
        CUBE > 0,
    ],
    ids=["fortran", "band-sequential", "strided", "list", ">i2", ">u2", ">f4", ">f8", "f2", "bool"],
)
def test_a_cube_of_any_layout_and_byte_order_keeps_its_values(cube):
    scene = Scene(cube)
    np.testing.assert_array_equal(scene.cube, cube)
    assert scene.cube.dtype == np.asarray(cube).dtype.newbyteorder("=")
    assert scene.cube.dtype.isnative
    np.testing.assert_array_equal(scene.spectra, np.reshape(cube, (-1, scene.n_bands)))
    assert np.shares_memory(scene.spectra, scene.cube)


def test_a_memory_mapped_cube_stays_memory_mapped(tmp_path):
    np.save(tmp_path / "cube.npy", CUBE)
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    scene = Scene(mapped, LABELS)
    assert isinstance(scene.cube, np.memmap)
    assert np.shares_memory(scene.cube, mapped)
    np.testing.assert_array_equal(scene.cube, CUBE)
    X, _ = scene.labeled_pixels()
    assert type(np.asarray(X)) is np.ndarray


# Labels


@few_examples
@given(scenes(), st.sampled_from(["integers", "strings"]))
def test_labeled_pixels_are_the_valid_ones_with_a_label_and_keep_its_value(scene, kind):
    raster, unlabeled = scene.labels, 0
    if kind == "strings":
        raster, unlabeled = np.where(raster == 0, "", np.char.mod("class %d", raster)), ""
    scene = Scene(scene.cube, raster, mask=scene.mask)
    positions = [
        (row, col)
        for row in range(scene.shape[0])
        for col in range(scene.shape[1])
        if scene.mask[row, col] and raster[row, col] != unlabeled
    ]
    if not positions:
        with pytest.raises(ValueError, match="label"):
            scene.labeled_pixels()
        return
    X, y = scene.labeled_pixels()
    assert list(zip(X.rows.tolist(), X.cols.tolist(), strict=True)) == positions
    np.testing.assert_array_equal(y, [raster[position] for position in positions])
    assert y.dtype == raster.dtype
    assert scene.classes.tolist() == sorted({raster[position].item() for position in positions})


def test_strings_in_an_object_array_are_labels_too():
    raster = np.array([["", "oats"], ["corn", "oats"]], dtype=object)
    _, y = Scene(np.ones((2, 2, 1)), raster).labeled_pixels()
    assert y.tolist() == ["oats", "corn", "oats"]
    assert y.dtype.kind == "U"


def test_a_class_on_invalid_pixels_only_is_no_class_of_the_scene():
    scene = Scene(CUBE, LABELS, mask=LABELS != 7)
    assert scene.classes.tolist() == [3, 12]


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (LABELS, ["a", "b", "c"], {3: "a", 7: "b", 12: "c"}),
        (LABELS, ("a", "b", "c"), {3: "a", 7: "b", 12: "c"}),
        (LABELS, {7: "b"}, {7: "b"}),
        (LABELS, None, {}),
        (np.where(LABELS == 3, "x", ""), ["long name"], {"x": "long name"}),
    ],
    ids=["list", "tuple", "dict", "none", "strings"],
)
def test_class_names_are_given_by_label_or_in_sorted_order(labels, names, expected):
    assert Scene(CUBE, labels, class_names=names).class_names == expected


# Which pixels are valid


@few_examples
@given(scenes(labels=False))
def test_pixels_are_all_valid_ones_in_row_major_order(scene):
    X = scene.pixels()
    np.testing.assert_array_equal(np.argwhere(scene.mask), np.c_[X.rows, X.cols])
    np.testing.assert_array_equal(np.asarray(X), scene.cube[scene.mask], strict=True)


@few_examples
@given(scenes(labels=False), st.data())
def test_pixels_at_given_positions_come_in_the_given_order(scene, data):
    chosen = data.draw(st.lists(st.sampled_from(np.argwhere(scene.mask).tolist()), max_size=9))
    rows, cols = np.array(chosen, dtype=int).reshape(-1, 2).T
    X = scene.pixels(rows, cols)
    np.testing.assert_array_equal(np.asarray(X), scene.cube[rows, cols], strict=True)
    np.testing.assert_array_equal(X.rows, rows)
    np.testing.assert_array_equal(X.cols, cols)


@pytest.mark.parametrize("kind", ["u1", "i1", "u8", ">i4"])
def test_positions_may_be_integers_of_any_type(kind):
    cube = np.arange(100 * 100).reshape(100, 100, 1)
    X = Scene(cube).pixels(np.array([99, 3], dtype=kind), np.array([98, 99], dtype=kind))
    np.testing.assert_array_equal(np.asarray(X), [[9998], [399]])


def test_a_single_position_and_none_at_all_are_positions():
    np.testing.assert_array_equal(np.asarray(Scene(CUBE).pixels(2, 3)), CUBE[2:3, 3])
    assert Scene(CUBE).pixels([], []).shape == (0, CUBE.shape[2])


def test_a_pixel_masked_in_any_band_is_invalid():
    hidden = np.zeros(CUBE.shape, dtype=bool)
    hidden[1, 2, 0] = hidden[3, 3] = True
    scene = Scene(np.ma.array(CUBE, mask=hidden), LABELS, mask=MASK)
    np.testing.assert_array_equal(scene.mask, MASK & ~hidden.any(axis=2))
    assert not isinstance(scene.cube, np.ma.MaskedArray)
    np.testing.assert_array_equal(scene.cube, CUBE)


def test_a_masked_array_that_masks_nothing_leaves_every_pixel_valid():
    assert Scene(np.ma.array(CUBE)).mask.all()


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_tells_valid_pixels_with_nan_or_infinity_in_any_band(kind, bad):
    cube = CUBE.astype(kind)
    cube[0, 0, 2] = cube[0, 1, 4] = cube[2, 3] = bad  # the second of them is masked
    expected = np.zeros(GRID, dtype=bool)
    expected[0, 0] = expected[2, 3] = True
    assert not MASK[0, 1]
    np.testing.assert_array_equal(Scene(cube, mask=MASK).non_finite, expected)


@pytest.mark.parametrize("kind", ["i2", "u2", "?"])
def test_every_integer_is_finite(kind):
    non_finite = Scene(CUBE.astype(kind)).non_finite
    assert non_finite.shape == GRID
    assert not non_finite.any()


# Other bands


@pytest.mark.parametrize(
    "bands",
    [
        slice(1, 4),
        slice(None, None, -2),
        [3],
        [4, 0, 0, -2],
        np.array([2, 1], dtype=np.uint8),
        np.array([True, False, False, True, True]),
        [False, True, False, True, False],
    ],
    ids=str,
)
def test_selected_bands_keep_order_wavelengths_and_everything_about_pixels(full, bands):
    selected = full.select_bands(bands)
    np.testing.assert_array_equal(selected.cube, CUBE[:, :, bands], strict=True)
    np.testing.assert_array_equal(selected.wavelengths, np.array(ABOUT["wavelengths"])[bands])
    assert_pixels_are_alike(selected, full)
    np.testing.assert_array_equal(full.cube, CUBE)


def assert_pixels_are_alike(scene, other):
    np.testing.assert_array_equal(scene.labels, other.labels, strict=True)
    np.testing.assert_array_equal(scene.mask, other.mask, strict=True)
    for name in ["class_names", "crs", "transform", "name"]:
        assert getattr(scene, name) == getattr(other, name)


def test_bands_of_a_scene_without_wavelengths_have_none():
    assert Scene(CUBE).select_bands([0, 1]).wavelengths is None


def test_a_new_cube_keeps_everything_about_pixels_but_no_wavelengths(full):
    components = CUBE[:, :, :2] * 0.5
    scene = full.with_cube(components)
    np.testing.assert_array_equal(scene.cube, components, strict=True)
    assert scene.wavelengths is None
    assert_pixels_are_alike(scene, full)


def test_a_new_cube_may_come_with_wavelengths(full):
    assert full.with_cube(CUBE[:, :, :2], wavelengths=[1, 2]).wavelengths.tolist() == [1, 2]


# How it introduces itself


def test_a_printed_scene_tells_its_size_type_valid_and_labelled_pixels(full):
    printed = repr(full)
    for part in ["'fields'", "4 x 6 pixels", "5 bands", "int16", f"{MASK.sum()} valid"]:
        assert part in printed
    assert f"{(MASK & (LABELS > 0)).sum()} labelled pixels in 3 classes" in printed


def test_a_printed_bare_scene_tells_neither_labels_nor_mask():
    printed = repr(Scene(CUBE))
    assert "labelled" not in printed
    assert "valid" not in printed


# Bad input


@pytest.mark.parametrize(
    "cube",
    [CUBE * 1j, CUBE.astype(str), CUBE.astype(object), CUBE.astype("M8[s]"), [[["a", "b"]]]],
    ids=["complex", "str", "object", "dates", "list of str"],
)
def test_a_cube_that_is_not_real_is_an_error(cube):
    with pytest.raises(TypeError, match="cube must hold real numbers"):
        Scene(cube)


@pytest.mark.parametrize(
    "cube",
    [5.0, CUBE[0, 0], CUBE[:, :, 0], CUBE[np.newaxis], np.ma.array(CUBE[:, :, 0])],
    ids=["scalar", "1-D", "2-D", "4-D", "masked 2-D"],
)
def test_a_cube_that_is_not_three_dimensional_is_an_error_with_a_remedy(cube):
    with pytest.raises(ValueError, match=r"cube must have shape .*np\.newaxis"):
        Scene(cube)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_empty_cube_is_an_error(axis):
    with pytest.raises(ValueError, match="cube is empty"):
        Scene(CUBE.take([], axis=axis))


def test_a_ragged_cube_is_an_error():
    with pytest.raises(ValueError, match="cube"):
        Scene([[[1, 2], [3]]])


@pytest.mark.parametrize("what", ["labels", "mask"])
@pytest.mark.parametrize(
    "raster",
    [np.ones((4, 5), bool), np.ones((4, 6, 1), bool), np.ones(24, bool), True],
    ids=["columns", "3-D", "flat", "scalar"],
)
def test_a_raster_of_another_shape_than_the_cube_is_an_error(what, raster):
    with pytest.raises(ValueError, match=rf"{what} must have the cube's shape .*\(4, 6\)") as error:
        Scene(CUBE, **{what: raster})
    assert "transposed" not in str(error.value)


@pytest.mark.parametrize("what", ["labels", "mask"])
def test_a_transposed_raster_is_an_error_that_says_so(what):
    raster = {"labels": LABELS, "mask": MASK}[what].T
    with pytest.raises(ValueError, match=rf"{what} .*transposed.*\.T"):
        Scene(CUBE, **{what: raster})


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(float),
        LABELS * 1j,
        LABELS > 0,
        LABELS.astype("S"),
        LABELS.astype(object),
        np.where(LABELS, "oats", None),
    ],
    ids=["float", "complex", "bool", "bytes", "object", "None among strings"],
)
def test_labels_that_are_neither_integers_nor_strings_are_an_error_with_a_remedy(labels):
    with pytest.raises(TypeError, match=r"labels must be integers .*or strings .*astype\(int\)"):
        Scene(CUBE, labels)


@pytest.mark.parametrize("kind", ["u1", "i8", "f4", "U1", "O"])
def test_a_mask_that_is_not_boolean_is_an_error(kind):
    with pytest.raises(TypeError, match="mask must be boolean, True where a pixel is valid"):
        Scene(CUBE, mask=MASK.astype(kind))


@pytest.mark.parametrize(
    ("cube", "mask"),
    [(CUBE, np.zeros(GRID, dtype=bool)), (np.ma.masked_all_like(CUBE), None)],
    ids=["mask", "masked array"],
)
def test_a_mask_that_leaves_no_valid_pixel_is_an_error(cube, mask):
    with pytest.raises(ValueError, match="mask leaves no valid pixel"):
        Scene(cube, mask=mask)


@pytest.mark.parametrize("wavelengths", [[1.0] * 4, [[1.0] * 5], 450.0, ["red"] * 5], ids=str)
def test_wavelengths_that_are_not_one_number_per_band_are_an_error(wavelengths):
    with pytest.raises(ValueError, match="wavelengths"):
        Scene(CUBE, wavelengths=wavelengths)


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "no labels"])
def test_another_number_of_class_names_than_classes_is_an_error(labels):
    with pytest.raises(ValueError, match="class_names must be one name for each of the"):
        Scene(CUBE, labels, class_names=["oats", "corn"])


def test_a_new_cube_of_another_grid_is_an_error_that_names_the_cube(full):
    with pytest.raises(ValueError, match=r"^cube"):
        full.with_cube(CUBE[:2])


def test_asking_an_unlabelled_scene_for_labels_or_classes_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"no labels.*Scene\(cube, labels\)"):
        Scene(CUBE).labeled_pixels()
    with pytest.raises(ValueError, match="no labels"):
        _ = Scene(CUBE).classes


def test_a_scene_whose_labels_are_all_masked_has_no_labeled_pixels():
    with pytest.raises(ValueError, match=r"No valid pixel .*labels and mask"):
        Scene(CUBE, LABELS, mask=LABELS == 0).labeled_pixels()


@pytest.mark.parametrize(
    ("rows", "cols", "error", "message"),
    [
        ([0], None, ValueError, "both rows and cols"),
        (None, [0], ValueError, "both rows and cols"),
        ([0, 1], [0], ValueError, "equally long"),
        ([[0]], [[0]], ValueError, "one-dimensional"),
        ([4], [0], IndexError, "rows must lie within 0 to 3"),
        ([-1], [0], IndexError, "rows must lie within 0 to 3"),
        ([0, 0], [0, 6], IndexError, "cols must lie within 0 to 5"),
        ([0], [-1], IndexError, "cols must lie within 0 to 5"),
        ([0.0], [0], TypeError, "rows and cols must be integers"),
        ([0], [1.5], TypeError, "rows and cols must be integers"),
        ([True], [False], TypeError, "rows and cols must be integers"),
        (["0"], ["0"], TypeError, "rows and cols must be integers"),
        ([0, 2, 1], [0, 4, 0], ValueError, "2 of the pixels .*mask, the first at row 2, column 4"),
    ],
)
def test_positions_that_name_no_valid_pixel_are_an_error(rows, cols, error, message):
    with pytest.raises(error, match=message):
        Scene(CUBE, mask=MASK).pixels(rows, cols)


# Scenes that are derived from others


def windows(draw, scene):
    """Rows and columns of a window, one pixel at least."""
    return tuple(
        slice(start, draw(st.integers(start + 1, size)))
        for size in scene.shape[:2]
        for start in [draw(st.integers(0, size - 1))]
    )


@few_examples
@given(st.data(), scenes())
def test_a_window_keeps_all_that_is_known_of_its_part(data, scene):
    scene = scene._replace(wavelengths=400.0 + np.arange(scene.n_bands), name="fields")
    rows, cols = windows(data.draw, scene)
    part = scene.window(rows, cols)
    for name in ("cube", "labels", "mask", "non_finite"):
        np.testing.assert_array_equal(getattr(part, name), getattr(scene, name)[rows, cols])
    np.testing.assert_array_equal(part.wavelengths, scene.wavelengths)
    assert part.origin == (rows.start, cols.start)
    for derived in (
        pickle.loads(pickle.dumps(part)),
        part.select_bands(slice(None)),
        part.with_cube(part.cube, wavelengths=part.wavelengths),
        part.window(slice(None), slice(None)),
    ):
        assert_same_scene(derived, part)
        assert derived.origin == part.origin


def test_windows_of_windows_lie_where_they_lie_in_the_scene(full):
    inner = full.window(slice(1, 4), slice(2, 6)).window(slice(1, 3), slice(1, 2))
    assert inner.origin == (2, 3)
    np.testing.assert_array_equal(inner.cube, CUBE[2:4, 3:4])


def test_a_window_without_valid_pixels_is_derived_from_like_any_other():
    mask = np.zeros(GRID, dtype=bool)
    mask[0, 0] = True
    empty = Scene(CUBE, mask=mask).window(slice(1, 3), slice(2, 4))
    for derived in (
        pickle.loads(pickle.dumps(empty)),
        empty.select_bands([1, 0]),
        empty.with_cube(empty.cube * 2),
    ):
        assert not derived.mask.any()
        assert derived.origin == (1, 2)
        assert len(derived.pixels()) == 0


@pytest.mark.parametrize("rows", [slice(0, 4, 2), slice(None, None, -1)])
def test_a_window_in_other_steps_is_refused(full, rows):
    with pytest.raises(ValueError, match="rows must be a slice in steps of 1"):
        full.window(rows, slice(None))


@pytest.mark.parametrize("cols", [slice(3, 3), slice(6, 9), slice(4, 2)])
def test_a_window_without_a_pixel_is_refused(full, cols):
    with pytest.raises(ValueError, match="cols must hold at least one"):
        full.window(slice(None), cols)


def test_bands_that_are_selected_take_their_wavelengths_and_widths_along(full):
    wide = full._replace(fwhm=np.arange(5.0))
    some = wide.select_bands([4, 1])
    assert some.wavelengths.tolist() == [1600.0, 550.0]
    assert some.fwhm.tolist() == [4.0, 1.0]
    assert wide.with_cube(CUBE[:, :, :2]).fwhm is None


# Cubes that are read by window


class Rows:
    """A cube that has nothing but a shape, a type and windows; it counts what is read."""

    def __init__(self, cube):
        self.cube, self.shape, self.dtype, self.n_read = cube, cube.shape, cube.dtype, 0

    def __getitem__(self, window):
        part = self.cube[window]
        self.n_read += part.size
        return part


def test_anything_with_a_shape_a_type_and_windows_is_a_cube(full):
    rows = Rows(CUBE)
    scene = Scene(rows, LABELS, **ABOUT)
    assert not scene.is_loaded
    assert rows.n_read == 0
    part = scene.window(slice(1, 3), slice(2, 5))
    np.testing.assert_array_equal(part.cube, CUBE[1:3, 2:5])
    assert rows.n_read == part.cube.size
    X, y = scene.labeled_pixels()
    expected_X, expected_y = full.labeled_pixels()
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)
    assert_same_scene(scene.select_bands([2, 0]), full.select_bands([2, 0]))
    assert_same_scene(scene, full)
    assert scene.is_loaded


def test_what_windows_mask_is_invalid():
    masked = np.ma.masked_equal(CUBE, CUBE[2, 3, 1])
    scene, expected = Scene(Rows(masked)), Scene(masked)
    assert not scene.mask[2, 3]
    np.testing.assert_array_equal(scene.mask, expected.mask)
    np.testing.assert_array_equal(scene.pixels(), expected.pixels())


@few_examples
@given(st.integers(0, 2**32), st.sampled_from([1, 7, 60, 10**6]))
def test_spectra_are_found_whatever_is_read_together(seed, budget):
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=tuple(rng.integers(1, 9, 3)))
    cube[rng.random(cube.shape) < 0.05] = np.nan
    lazy, loaded = Scene(Rows(cube)), Scene(cube)
    positions = rng.integers(0, loaded.mask.size, 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_hsiode._cubes.FILE_BLOCK", 8 * budget / 2**20)
        np.testing.assert_array_equal(lazy.spectra_at(positions), loaded.spectra_at(positions))
        np.testing.assert_array_equal(lazy.non_finite, loaded.non_finite)
        parts = list(lazy.iter_spectra(np.arange(loaded.mask.size)))
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), loaded.spectra)


@pytest.mark.parametrize(
    ("cube", "error", "message"),
    [
        (CUBE.astype(complex), TypeError, "real numbers"),
        (CUBE[:0], ValueError, "empty"),
        (CUBE[:, :, 0], ValueError, "2 dimensions"),
    ],
)
def test_a_cube_that_is_read_by_window_is_checked_like_any_other(cube, error, message):
    with pytest.raises(error, match=message):
        Scene(Rows(cube))


def test_values_of_another_byte_order_are_of_this_machines_once_they_are_read():
    scene = Scene(Rows(CUBE.astype(">f4")))
    assert scene.dtype == scene.window(slice(2), slice(2)).dtype == scene.cube.dtype
    assert scene.dtype.isnative


@pytest.mark.parametrize("bands", [[], 3, slice(9, 9), np.zeros(5, dtype=bool)])
def test_a_selection_of_no_band_or_a_single_number_is_refused(full, bands):
    with pytest.raises(ValueError, match="bands must choose one band at least, as a list"):
        full.select_bands(bands)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -450])
def test_wavelengths_are_finite_and_not_negative(wrong):
    with pytest.raises(ValueError, match="wavelengths must be finite and not negative"):
        Scene(CUBE, wavelengths=[450, 550, 650, 850, wrong])


def test_a_scene_has_no_other_fields(full):
    with pytest.raises(TypeError, match="A scene has no _wavelength"):
        full._replace(wavelength=None)
