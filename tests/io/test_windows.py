import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    SpectralTransformer,
    predict_map,
)
from sklearn_hsiode.io import read_scene
from sklearn_hsiode.io._file_cube import FileCube
from sklearn_hsiode.io.readers import ArraySource

LABELS = np.arange(63, dtype=np.uint8).reshape(7, 9, 1) % 4
WINDOWS = [
    (slice(0, 7), slice(0, 9)),
    (slice(2, 5), slice(3, 9)),
    (slice(-2, None), slice(None, 4)),
    (slice(6, 99), slice(8, 9)),
]


def holey_cube(write, dtype):
    cube = write.cube(dtype=dtype)
    cube[1, 2, 3], cube[5, 5, 0] = 31000, 31000
    return cube


@pytest.fixture(params=["tif", "bip", "bil", "bsq", "7.3", "npy", "big-endian npy"])
def files(request, tmp_path, write):
    """A scene and its labels in every format that is read by window."""
    cube = holey_cube(write, "i2")
    if request.param == "tif":
        return (
            write.tif(tmp_path / "field.tif", cube, nodata=31000),
            write.tif(tmp_path / "gt.tif", LABELS),
        )
    if request.param in ("bip", "bil", "bsq"):
        return (
            write.envi(
                tmp_path / "field.hdr", cube, interleave=request.param, data_ignore_value=31000
            ),
            write.envi(tmp_path / "gt.hdr", LABELS),
        )
    floats = np.where(cube == 31000, np.nan, cube)
    if request.param == "7.3":
        both = write.matlab_73(tmp_path / "field.mat", cube=floats, gt=LABELS[:, :, 0])
        return both, both
    np.save(tmp_path / "field.npy", floats.astype(">f4" if "big" in request.param else "<f4"))
    np.save(tmp_path / "gt.npy", LABELS[:, :, 0])
    return tmp_path / "field.npy", tmp_path / "gt.npy"


@pytest.fixture
def in_memory(files):
    return read_scene(*files)


@pytest.fixture
def in_file(in_memory, files, by_window):
    return read_scene(*files)


def assert_equal(scene, other):
    for what in ("cube", "mask", "labels", "wavelengths"):
        np.testing.assert_array_equal(getattr(scene, what), getattr(other, what))
    assert scene.cube.dtype == other.cube.dtype
    for what in ("shape", "dtype", "crs", "transform", "name", "class_names"):
        assert getattr(scene, what) == getattr(other, what)


def test_windows_of_a_file_are_those_of_the_scene_in_memory(in_memory, in_file):
    for window in WINDOWS:
        assert_equal(in_file.window(*window), in_memory.window(*window))
    assert not in_file.is_loaded


def test_a_scene_in_a_file_is_as_one_in_memory(in_memory, in_file):
    assert not in_file.is_loaded
    assert in_memory.is_loaded
    X, y = in_file.labeled_pixels()
    assert X.shape == (len(y), 6)
    assert not in_file.is_loaded
    expected_X, expected_y = in_memory.labeled_pixels()
    np.testing.assert_array_equal(y, expected_y)
    for rows in (slice(None), [7, 3, 3, 40], slice(0, 0)):
        np.testing.assert_array_equal(np.asarray(X[rows]), np.asarray(expected_X[rows]))
    np.testing.assert_array_equal(X[:, 2], expected_X[:, 2])
    assert not in_file.is_loaded
    assert_equal(in_file, in_memory)
    assert in_file.is_loaded
    np.testing.assert_array_equal(np.asarray(X), np.asarray(expected_X))
    assert_equal(in_file.window(*WINDOWS[1]), in_memory.window(*WINDOWS[1]))
    np.testing.assert_array_equal(in_file.classes, in_memory.classes)
    assert repr(in_file) == repr(in_memory)
    assert not in_file.cube.flags.writeable
    assert not in_file.mask.flags.writeable


def test_what_a_header_tells_is_known_without_reading(in_file, in_memory, monkeypatch):
    def read(*_):
        raise AssertionError("the file was read")

    monkeypatch.setattr(type(in_file._cube.source), "values", read)
    assert in_file.shape == in_memory.shape
    assert in_file.dtype == in_memory.dtype
    np.testing.assert_array_equal(in_file.labels, LABELS[:, :, 0])
    dtype = in_memory.dtype
    assert repr(in_file) == (
        f"Scene('field': 7 x 9 pixels, 6 bands, {dtype}, in a file, 47 labelled pixels)"
    )


def test_a_map_never_asks_for_the_whole_cube(in_file, in_memory, monkeypatch):
    model = LinearDiscriminantAnalysis().fit(*in_memory.labeled_pixels())

    def whole(_):
        raise AssertionError("the whole cube was asked for")

    monkeypatch.setattr(FileCube, "load", whole)
    monkeypatch.setattr(FileCube, "valid", whole)
    for window in (2, 4, 100):
        np.testing.assert_array_equal(
            predict_map(model, in_file, window=window), predict_map(model, in_memory)
        )


@pytest.mark.parametrize("bands", [[4, 1], slice(2, 5), [3, 3, 0], np.arange(6) % 2 == 0])
def test_some_bands_are_read_without_the_others(in_file, in_memory, bands):
    some = in_file.select_bands(bands)
    assert not in_file.is_loaded
    assert_equal(some, in_memory.select_bands(bands))


@pytest.mark.parametrize("padding", ["reflect", "edge", "zero"])
def test_patches_of_a_scene_in_a_file_are_those_of_one_in_memory(in_file, in_memory, padding):
    def patches(scene):
        X, _ = scene.labeled_pixels()
        return PatchExtractor(5, padding).fit_transform(X)

    found, expected = patches(in_file), patches(in_memory)
    for rows in (slice(None), [20], [30, 2, 2]):
        np.testing.assert_array_equal(np.asarray(found[rows]), np.asarray(expected[rows]))
    assert not in_file.is_loaded


def test_patches_of_a_scene_in_a_file_read_no_other_pixels(in_file, monkeypatch):
    pixels = in_file.pixels([3], [4])
    asked = []
    values = type(in_file._cube.source).values

    def counted(source, rows, cols, bands):
        asked.append((rows, cols))
        return values(source, rows, cols, bands)

    monkeypatch.setattr(type(in_file._cube.source), "values", counted)
    assert np.asarray(PatchExtractor(3).fit_transform(pixels)).shape == (1, 6, 3, 3)
    read = [
        (row, col)
        for rows, cols in asked
        for row in range(rows.start, rows.stop)
        for col in range(cols.start, cols.stop)
    ]
    assert sorted(read) == [(row, col) for row in (2, 3, 4) for col in (3, 4, 5)]


SMALL = {"n_filters": 8, "max_epochs": 2, "validation": "random", "random_state": 0}


@pytest.mark.parametrize(
    "steps",
    [
        [PatchExtractor(5), ODENetClassifier(**SMALL)],
        [
            SpectralTransformer(StandardScaler(), fit_on="scene"),
            PatchExtractor(3),
            ODENetClassifier(**SMALL),
        ],
        [StandardScaler(), LinearDiscriminantAnalysis()],
    ],
)
def test_a_model_is_trained_on_a_scene_in_a_file_as_on_one_in_memory(in_file, in_memory, steps):
    def probabilities(scene):
        X, y = scene.labeled_pixels()
        model = make_pipeline(*map(clone, steps)).fit(X, y)
        return model.predict_proba(X)

    np.testing.assert_array_equal(probabilities(in_file), probabilities(in_memory))
    assert not in_file.is_loaded


def test_bad_bands_that_stay_mark_patches_with_gaps(tmp_path, write, by_window):
    cube = write.cube(dtype="f4")
    cube[2, 3, 1] = np.nan
    header = write.envi(tmp_path / "field.hdr", cube, bbl="{1, 0, 1, 1, 1, 1}")
    scene = read_scene(header, drop_bad_bands=False)
    assert scene.mask.all()
    np.testing.assert_array_equal(np.argwhere(scene.non_finite), [[2, 3]])
    patches = PatchExtractor(3).fit_transform(scene.pixels([1, 6], [3, 3]))
    model = ODENetClassifier(n_filters=8, max_epochs=1)
    with pytest.raises(ValueError, match="NaN or infinity at or around 1 of 2 pixels"):
        model.fit(patches, [1, 2])
    assert not scene.is_loaded


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    block=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    n_bands=st.integers(1, 4),
    at_once=st.integers(1, 5000),
)
def test_blocks_cover_an_image_once_and_hold_no_more_than_they_may(shape, block, n_bands, at_once):
    source = ArraySource(
        path=Path("array"),
        array=np.zeros((*shape, n_bands), dtype=np.int16),
        block_rows=block[0],
        block_cols=block[1],
    )
    seen = np.zeros(shape, dtype=int)
    pixel = 2 * n_bands
    largest = max(4 * max(at_once, pixel), pixel * block[1])  # the row of a block stays whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_hsiode.io.readers._source.FILE_BLOCK", at_once / 2**20)
        for rows, cols in source.blocks(n_bands):
            seen[rows, cols] += 1
            assert seen[rows, cols].size * pixel <= largest
    assert (seen == 1).all()


def test_bands_in_order_stay_in_the_file(in_file, in_memory):
    some = in_file.select_bands([1, 4])
    assert not some.is_loaded
    X, _ = some.labeled_pixels()
    expected, _ = in_memory.labeled_pixels()
    np.testing.assert_array_equal(np.asarray(X), np.asarray(expected)[:, [1, 4]])
    assert not some.is_loaded


def test_a_scene_in_a_file_is_pickled_without_its_cube(in_file, in_memory):
    restored = pickle.loads(pickle.dumps(in_file))
    assert not restored.is_loaded
    assert_equal(restored, in_memory)
    assert_equal(pickle.loads(pickle.dumps(restored)), in_memory)


def mean_spectrum(X):
    return np.asarray(X, dtype=float).mean(axis=0), X.scene.mask.sum()


def test_a_scene_in_a_file_reaches_a_worker(tmp_path, write, by_window):
    path = write.tif(tmp_path / "field.tif", write.cube())
    scene = read_scene(path, write.tif(tmp_path / "gt.tif", LABELS))
    X, _ = scene.labeled_pixels()
    (found, n_valid), _ = joblib.Parallel(n_jobs=2)(
        joblib.delayed(mean_spectrum)(part) for part in (X, X[:5])
    )
    np.testing.assert_allclose(found, np.asarray(X).mean(axis=0))
    assert n_valid == 63


def test_what_was_read_from_a_file_keeps_what_it_knows_when_pickled(tmp_path, write):
    tags = [{"wavelength": 500, "fwhm": 5, "bbl": 1}, {"wavelength": 600, "fwhm": 6, "bbl": 0}]
    path = write.tif(tmp_path / "field.tif", write.cube((4, 5, 2)), tags=tags)
    restored = pickle.loads(pickle.dumps(read_scene(path)))
    assert restored.dropped_bands == {2: "marked as bad"}
    assert restored.wavelengths.tolist() == [500]
    assert not restored.cube.flags.writeable


def test_integers_without_nodata_are_all_valid_without_being_read(tmp_path, write, by_window):
    scene = read_scene(write.tif(tmp_path / "field.tif", write.cube()))
    scene._cube.source.path.unlink()
    assert scene.mask.all()


def test_a_scaled_scene_is_scaled_window_by_window(tmp_path, write, by_window):
    cube = write.cube()
    scene = read_scene(write.envi(tmp_path / "a.hdr", cube, reflectance_scale_factor=10000))
    assert scene.dtype == np.float32
    expected = (cube / 10000).astype(np.float32)
    np.testing.assert_array_equal(scene.window(slice(1, 4), slice(2, 7)).cube, expected[1:4, 2:7])
    np.testing.assert_array_equal(scene.cube, expected)


def test_bands_without_data_in_a_large_file_are_named_once(tmp_path, write, by_window, caplog):
    cube = write.cube()
    cube[:, :, 2] = -1
    scene = read_scene(write.tif(tmp_path / "field.tif", cube, nodata=-1))
    assert scene.n_bands == 6
    for _ in range(2):
        part = scene.window(slice(0, 3), slice(0, 3))
        assert not part.mask.any()
    (record,) = caplog.records
    assert "bands 3 hold no data in rows 0 to 2, columns 0 to 2" in record.getMessage()
    assert "bbl = 0" in record.getMessage()
    with pytest.raises(ValueError, match=r"field\.tif has no pixel that holds data"):
        scene.labeled_pixels() if scene.labels is not None else scene.pixels()


def test_bad_bands_of_a_large_file_are_left_out(tmp_path, write, by_window):
    cube = write.cube()
    cube[:, :, 2] = -1
    header = write.envi(
        tmp_path / "field.hdr", cube, bbl="{1, 1, 0, 1, 1, 1}", data_ignore_value=-1
    )
    scene = read_scene(header)
    assert scene.dropped_bands == {3: "marked as bad"}
    part = scene.window(slice(0, 3), slice(0, 3))
    np.testing.assert_array_equal(part.cube, cube[:3, :3, [0, 1, 3, 4, 5]])
    everything = read_scene(header, drop_bad_bands=False)
    assert everything.n_bands == 6
    assert everything.window(slice(0, 3), slice(0, 3)).mask.all()
    assert everything.mask.all()


def test_a_large_file_is_opened_without_being_read(tmp_path, write):
    pytest.importorskip("rasterio")
    header = write.envi(tmp_path / "large.hdr", write.cube(), lines=20000, samples=1000, bands=50)
    with (tmp_path / "large.img").open("wb") as file:
        file.truncate(20000 * 1000 * 50 * 2)  # 2 GB of a sparse file
    scene = read_scene(header)
    assert scene.shape == (20000, 1000, 50)
    assert not scene.is_loaded
    assert scene.window(slice(19990, 20000), slice(990, 1000)).shape == (10, 10, 50)


@pytest.mark.parametrize("change", ["cut", "overwritten", "replaced"])
def test_a_file_that_changes_after_it_was_opened_is_told_of(files, in_file, change):
    window = slice(0, 2), slice(0, 2)
    in_file.window(*window)
    path = in_file.files[0]
    content = path.read_bytes()
    if change == "cut":
        with path.open("r+b") as file:
            file.truncate(len(content) // 2)
    elif change == "overwritten":
        path.write_bytes(content[:-8] + bytes(8))
    else:
        path.unlink()
        path.write_bytes(content * 2)
    for read in (lambda: in_file.window(*window), lambda: in_file.cube):
        with pytest.raises(ValueError, match=rf"{path.name} has changed since it was opened"):
            read()
