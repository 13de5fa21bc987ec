"""Maps of DataArrays, Zarr stores and Cloud Optimized GeoTIFFs."""

import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_hsiode import PatchExtractor, Scene, predict_map
from sklearn_hsiode._mapping._data_array import DaskImage
from sklearn_hsiode._mapping._engine import FEW
from sklearn_hsiode._mapping._windows import METHODS, WindowModel, windows

rasterio = pytest.importorskip("rasterio")
xarray = pytest.importorskip("xarray")
pytest.importorskip("rioxarray")
pytest.importorskip("zarr")
dask = pytest.importorskip("dask")
dask_array = pytest.importorskip("dask.array")

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use .* matmul:PendingDeprecationWarning",  # of rioxarray
    "ignore::rasterio.errors.NotGeoreferencedWarning",
)

TRANSFORM = rasterio.Affine(30, 0, 364000, 0, -30, 5810000)
NAMES = {1: "water", 2: "Döner & oak", 3: "oak"}
NODATA = -99


def flattened(patches):
    return np.asarray(patches).reshape(len(patches), -1)


def of_patches(size=5):
    """A quick classifier of patches."""
    return make_pipeline(
        PatchExtractor(size), FunctionTransformer(flattened), LinearDiscriminantAnalysis()
    )


def as_data_array(scene, nodata=NODATA):
    """A scene as a DataArray on its grid, masked pixels as nodata."""
    cube = np.where(scene.mask[:, :, np.newaxis], scene.cube, nodata)
    rows, cols, bands = cube.shape
    a, _, x, _, e, y = scene.transform[:6]
    coords = {
        "y": y + e * (np.arange(rows) + 0.5),
        "x": x + a * (np.arange(cols) + 0.5),
        "band": np.arange(1, bands + 1),
    }
    array = xarray.DataArray(cube, dims=("y", "x", "band"), coords=coords, name="field")
    if scene.wavelengths is not None:
        array = array.assign_coords(wavelength=("band", scene.wavelengths))
    return array.rio.write_crs(scene.crs).rio.write_nodata(nodata)


@pytest.fixture(scope="module")
def placed(scene):
    """The tiny scene with a hole, on a grid of 30 m in UTM zone 33."""
    mask = np.ones(scene.shape[:2], dtype=bool)
    mask[3:9, 5:17] = mask[0, 0] = False
    crs = rasterio.crs.CRS.from_epsg(32633)
    cube = scene.cube.astype(np.float32)
    return Scene(cube, scene.labels, mask=mask, crs=crs, transform=TRANSFORM, class_names=NAMES)


@pytest.fixture(scope="module")
def image(placed):
    return as_data_array(placed)


@pytest.fixture(scope="module")
def model(placed):
    return of_patches().fit(*placed.labeled_pixels())


def layers_last(found):
    return np.moveaxis(found, 0, -1) if found.ndim == 3 else found


class TestDataArray:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("window", [7, 512])
    @pytest.mark.parametrize(
        "chunks",
        [
            {"y": 5, "x": 7, "band": 3},
            {"y": (1, 20, 3), "x": -1, "band": 1},
            {"y": -1, "x": -1, "band": -1},
        ],
        ids=str,
    )
    def test_a_lazy_map_computes_to_that_of_the_scene(
        self, model, placed, image, method, window, chunks
    ):
        expected = predict_map(model, placed, method=method, window=window)
        lazy = predict_map(model, image.chunk(chunks), method=method, window=window)
        assert isinstance(lazy.data, dask_array.Array)
        computed = lazy.to_numpy()
        assert computed.dtype == lazy.dtype
        np.testing.assert_array_equal(layers_last(computed), expected, strict=True)

    @pytest.mark.parametrize("method", METHODS)
    def test_what_is_in_memory_gives_the_same_without_dask(self, model, image, method):
        lazy = predict_map(model, image.chunk({"x": 7}), method=method, window=10)
        here = predict_map(model, image, method=method, window=10)
        assert isinstance(here.data, np.ndarray)
        xarray.testing.assert_identical(lazy.compute(), here)

    def test_dimensions_may_be_in_any_order_and_of_other_names(self, model, image):
        expected = predict_map(model, image).to_numpy()
        turned = image.transpose("band", "x", "y").rename(y="lat", x="lon").chunk({"lat": 9})
        found = predict_map(model, turned)
        assert found.dims == ("lat", "lon")
        np.testing.assert_array_equal(found, expected)

    def test_nothing_is_computed_before_the_map_is(self, model, image):
        def fail(block):
            raise RuntimeError("computed")

        values = image.transpose("y", "x", "band").data
        lazy = dask_array.from_array(values, chunks=10).map_blocks(fail, meta=values[:0])
        found = predict_map(model, image.copy(data=lazy))
        with pytest.raises(RuntimeError, match="computed"):
            found.compute()

    def test_a_lazy_map_stays_that_of_the_estimator_as_it_was(self, placed, image):
        X, y = placed.labeled_pixels()
        model = of_patches().fit(X, y)
        expected = predict_map(model, placed)
        lazy = predict_map(model, image.chunk({"x": 9}))
        model.fit(X, np.where(y == 1, 2, 1))
        assert (predict_map(model, placed) != expected).any()
        np.testing.assert_array_equal(lazy, expected)

    def test_an_estimator_that_cannot_be_copied_has_no_lazy_map(self, placed, image, tmp_path):
        model = LinearDiscriminantAnalysis().fit(*placed.labeled_pixels())
        model.lock = threading.Lock()
        with pytest.raises(ValueError, match=r"cannot be pickled .* give out="):
            predict_map(model, image.chunk())
        assert predict_map(model, image.chunk(), out=tmp_path / "map.tif").exists()

    def test_few_windows_are_computed_before_their_results_are_written(self, model, image):
        computed = []

        def counted(block):
            computed.append(block.shape)
            return block

        values = image.transpose("y", "x", "band").data
        chunks = dask_array.from_array(values, chunks=(4, 4, -1)).map_blocks(
            counted, meta=values[:0, :0, :0]
        )
        lazy, model = DaskImage(image.copy(data=chunks)), WindowModel(model, "predict")
        with dask.config.set(scheduler="threads", num_workers=1):
            results = lazy.predicted(model, windows(lazy.scene.shape[:2], 4, 0))
            next(results)
            assert len(computed) == FEW
            assert len([*results]) == 36 - 1

    @pytest.mark.parametrize("method", METHODS)
    def test_the_map_lies_where_the_image_lies(self, model, image, method):
        found = predict_map(model, image.chunk(), method=method, class_names=NAMES)
        xarray.testing.assert_identical(found["x"], image["x"])
        xarray.testing.assert_identical(found["y"], image["y"])
        assert found.rio.crs.to_epsg() == 32633
        assert found.rio.transform() == TRANSFORM
        assert found.attrs["class_names"] == list(NAMES.values())
        if method == "predict":
            assert found.dims == ("y", "x")
            assert found.rio.nodata == 0
            assert found.attrs["flag_values"] == [1, 2, 3]
            return
        dimension = {"predict_proba": "class", "confidence": "measure"}[method]
        assert found.dims == (dimension, "y", "x")
        assert np.isnan(found.rio.nodata)
        assert len(found[dimension]) == 3
        if method == "predict_proba":
            assert found["class"].to_numpy().tolist() == [1, 2, 3]

    @pytest.mark.parametrize("out", ["map.tif", "map.zarr"])
    def test_it_is_written_without_being_whole_in_memory(self, model, image, tmp_path, out):
        expected = predict_map(model, image).to_numpy()
        for number, array in enumerate((image, image.chunk({"y": 7}))):
            path = predict_map(model, array, out=tmp_path / f"{number}-{out}", window=8)
            with rasterio.open(path) as file:
                np.testing.assert_array_equal(file.read(1), expected)
                assert (file.crs.to_epsg(), file.transform) == (32633, TRANSFORM)

    def test_a_lazy_map_can_be_stored_where_gdal_opens_it(self, model, image, tmp_path):
        lazy = predict_map(model, image.chunk({"x": 9}), window=8)
        lazy.to_dataset().to_zarr(tmp_path / "own.zarr", zarr_format=2)
        with rasterio.open(tmp_path / "own.zarr") as file:
            np.testing.assert_array_equal(file.read(1), lazy)
            assert (file.crs.to_epsg(), file.transform) == (32633, TRANSFORM)

    def test_labels_may_be_text(self, placed, image):
        texts = np.array(["", "oak", "ash", "fir"])[placed.labels]
        named = Scene(placed.cube, texts, mask=placed.mask)
        model = LinearDiscriminantAnalysis().fit(*named.labeled_pixels())
        found = predict_map(model, image.chunk({"x": 9}))
        np.testing.assert_array_equal(found, predict_map(model, named))
        assert found.attrs["flag_values"] == ["ash", "fir", "oak"]
        assert "_FillValue" not in found.attrs

    def test_an_image_without_georeference_has_a_map_without_one(self, model, image):
        bare = xarray.DataArray(image.to_numpy(), dims=("y", "x", "band"))
        bare.attrs["_FillValue"] = NODATA
        found = predict_map(model, bare.chunk({"x": 9}))
        assert list(found.coords) == []
        np.testing.assert_array_equal(found, predict_map(model, image))

    def test_other_wavelengths_or_bands_than_those_of_the_fit_are_an_error(self, model, image):
        with pytest.raises(ValueError, match="fitted on 8 bands, but the scene has 5"):
            predict_map(model, image[:, :, :5].chunk())

    @pytest.mark.parametrize(
        ("change", "options", "error", "message"),
        [
            (lambda a: a.rename(y="time"), {}, ValueError, "dimensions y, x and band"),
            (lambda a: a[:, :, 0], {}, ValueError, "dimensions y, x and band"),
            (lambda a: a.chunk() + 1j, {}, TypeError, "cube must hold real"),
            (lambda a: a.chunk(), {"n_jobs": 2}, ValueError, "n_jobs is not for a Dask-backed"),
            (lambda a: a.chunk(), {"skip_unlabeled": True}, ValueError, "skip_unlabeled"),
            (lambda a: a.to_dataset(), {}, TypeError, "a Scene or a DataArray, got Dataset"),
            (lambda a: a.chunk() * np.nan, {"out": "map.tif"}, ValueError, "no pixel to predict"),
        ],
    )
    def test_what_cannot_be_mapped_is_named(
        self, model, image, tmp_path, monkeypatch, change, options, error, message
    ):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(error, match=message):
            predict_map(model, change(image), **options)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("chunk", [17, 64, -1])
    def test_the_map_of_enmap_is_exactly_that_of_the_scene(self, enmap, chunk):
        scene, _ = enmap
        X, y = scene.labeled_pixels()
        model = of_patches(3).fit(X[::20, :], y[::20])
        array = as_data_array(scene, nodata=-32768)
        lazy = predict_map(model, array.chunk({"y": chunk, "x": chunk}), window=100)
        np.testing.assert_array_equal(lazy, predict_map(model, scene))
        assert lazy.rio.transform() == scene.transform


class TestZarr:
    @pytest.mark.parametrize("window", [9, 512])
    @pytest.mark.parametrize("method", METHODS)
    def test_xarray_and_gdal_open_it_in_its_place(self, model, placed, tmp_path, method, window):
        path = predict_map(model, placed, method=method, out=tmp_path / "a.zarr", window=window)
        expected = predict_map(model, placed, method=method, window=window)
        name = {"predict": "classes", "predict_proba": "probability"}.get(method, "confidence")
        with xarray.open_dataset(path, engine="zarr", mask_and_scale=False) as found:
            np.testing.assert_array_equal(layers_last(found[name].to_numpy()), expected)
            assert found.rio.crs == placed.crs
            assert found.rio.transform() == TRANSFORM
            if method != "confidence":
                assert found[name].attrs["class_names"] == list(NAMES.values())
        with rasterio.open(f'ZARR:"{path}":/{name}') as file:
            layers = file.read()
            np.testing.assert_array_equal(
                np.moveaxis(layers, 0, -1), expected.reshape(*layers.shape[1:], -1)
            )
            assert (file.crs, file.transform) == (placed.crs, TRANSFORM)
            assert file.nodata == 0 if method == "predict" else np.isnan(file.nodata)

    def test_a_scene_without_georeference_has_a_map_without_one(self, model, placed, tmp_path):
        bare = Scene(placed.cube, placed.labels, mask=placed.mask)
        path = predict_map(model, bare, out=tmp_path / "map.zarr")
        with xarray.open_dataset(path, engine="zarr", mask_and_scale=False) as found:
            np.testing.assert_array_equal(found["classes"], predict_map(model, bare))
            assert list(found.coords) == []

    @pytest.mark.parametrize(
        ("transform", "error", "message"),
        [
            (TRANSFORM @ rasterio.Affine.rotation(30), ValueError, "rotated, .* write a GeoTIFF"),
            (tuple(TRANSFORM)[:6], TypeError, r"must be an affine\.Affine, got tuple"),
        ],
    )
    def test_a_grid_that_coordinates_cannot_tell_is_an_error(
        self, model, placed, tmp_path, transform, error, message
    ):
        scene = Scene(placed.cube, mask=placed.mask, crs=placed.crs, transform=transform)
        with pytest.raises(error, match=message):
            predict_map(model, scene, out=tmp_path / "map.zarr")
        assert list(tmp_path.iterdir()) == []

    def test_a_store_that_exists_is_kept_unless_it_is_to_be_replaced(self, model, placed, tmp_path):
        path = predict_map(model, placed, out=tmp_path / "map.zarr")
        (path / "mark").touch()
        with pytest.raises(FileExistsError, match="exists already"):
            predict_map(model, placed, out=path)
        assert (path / "mark").exists()
        predict_map(model, placed, out=path, overwrite=True)
        assert not (path / "mark").exists()
        assert list(tmp_path.iterdir()) == [path]

    def test_a_folder_that_is_no_store_and_a_file_are_not_replaced(self, model, placed, tmp_path):
        folder, file = tmp_path / "precious.zarr", tmp_path / "file.zarr"
        folder.mkdir()
        (folder / "thesis.tex").write_text("precious")
        file.write_text("precious")
        with pytest.raises(ValueError, match="is no map that sklearn_hsiode has written"):
            predict_map(model, placed, out=folder, overwrite=True)
        with pytest.raises(NotADirectoryError, match="is a file"):
            predict_map(model, placed, out=file, overwrite=True)
        assert (folder / "thesis.tex").read_text() == file.read_text() == "precious"

    def test_a_failure_leaves_nothing_behind(self, model, placed, tmp_path, monkeypatch):
        predict, calls = model.predict, []

        def fails_later(X):
            calls.append(len(X))
            if len(calls) == 3:
                raise MemoryError("no more")
            return predict(X)

        monkeypatch.setattr(model, "predict", fails_later)
        with pytest.raises(MemoryError):
            predict_map(model, placed, out=tmp_path / "map.zarr", window=7)
        assert list(tmp_path.iterdir()) == []


class TestCOG:
    @pytest.fixture(scope="class", params=METHODS)
    @classmethod
    def written(cls, request, scene, tmp_path_factory):
        """A map of 1000 x 700 pixels, as a file and as an array."""
        tiles = np.tile(scene.cube, (42, 30, 1))[:1000, :700]
        crs = rasterio.crs.CRS.from_epsg(32633)
        mask = np.ones(tiles.shape[:2], dtype=bool)
        mask[100:300, 50:90] = False
        large = Scene(tiles, mask=mask, crs=crs, transform=TRANSFORM, class_names=NAMES)
        model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
        out = tmp_path_factory.mktemp("cog") / "map.tif"
        about = {"method": request.param, "class_names": NAMES}
        path = predict_map(model, large, out=out, cog=True, **about)
        return request.param, path, predict_map(model, large, method=request.param)

    def test_it_holds_the_map_and_what_is_known_of_it(self, written):
        method, path, expected = written
        with rasterio.open(path) as file:
            values = file.read()
            np.testing.assert_array_equal(
                np.moveaxis(values, 0, -1), expected.reshape(*values.shape[1:], -1)
            )
            assert (file.crs.to_epsg(), file.transform) == (32633, TRANSFORM)
            assert file.nodata == 0 if method == "predict" else np.isnan(file.nodata)
            if method == "predict":
                assert file.tags(1)["class_2"] == NAMES[2]
                assert file.colormap(1)[0] == (0, 0, 0, 0)
            elif method == "predict_proba":
                assert file.descriptions == tuple(NAMES.values())
        beside = {path.name, f"{path.name}.aux.xml"} if method == "predict" else {path.name}
        assert {file.name for file in path.parent.iterdir()} == beside

    def test_gdal_says_that_it_is_one(self, written):
        with rasterio.open(written[1]) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert file.overviews(1) == [2, 4]

    def test_its_directories_and_tiles_are_in_the_order_that_readers_want(self, written):
        directories = tiff_directories(written[1].read_bytes())
        places = [place for place, _, _ in directories]
        assert places == sorted(places)
        assert [width for _, width, _ in directories] == [700, 350, 175]
        first_tiles = [min(tiles) for _, _, tiles in directories]
        assert max(places) < min(first_tiles)
        # The smallest overview comes first, so that a reader has it with the directories.
        assert first_tiles == sorted(first_tiles, reverse=True)

    def test_overviews_are_nearest_classes_and_mean_probabilities(self, written):
        method, path, expected = written
        with rasterio.open(path, overview_level=0) as file:
            overview = np.moveaxis(file.read(), 0, -1)
        blocks = expected.reshape(500, 2, 350, 2, -1).transpose(0, 2, 1, 3, 4)
        blocks = blocks.reshape(500, 350, 4, -1)
        if method == "predict":
            assert (overview[:, :, np.newaxis] == blocks).any(axis=2).all()
        else:
            whole = np.isfinite(blocks).all(axis=(2, 3))
            np.testing.assert_allclose(overview[whole], blocks[whole].mean(axis=1), atol=1e-6)

    @pytest.mark.parametrize("out", [None, "map.zarr", "map.png"])
    def test_it_is_a_tif(self, model, placed, tmp_path, monkeypatch, out):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match=r"cog=True .* give out a name in \.tif"):
            predict_map(model, placed, out=out, cog=True)

    def test_what_fails_leaves_nothing(self, model, placed, tmp_path, monkeypatch):
        def fails(*args, **kwargs):
            raise rasterio.errors.RasterioIOError("disk full")

        monkeypatch.setattr("rasterio.shutil.copy", fails)
        with pytest.raises(OSError, match=r"map\.tif could not be written"):
            predict_map(model, placed, out=tmp_path / "map.tif", cog=True)
        assert list(tmp_path.iterdir()) == []


def tiff_directories(content):
    """Place, width and places of tiles of each image in a little-endian TIFF that is not big."""
    assert content[:4] == b"II*\0"
    (place,) = struct.unpack_from("<I", content, 4)
    directories = []
    while place:
        (n_entries,) = struct.unpack_from("<H", content, place)
        found = {}
        for number in range(n_entries):
            tag, kind, count = struct.unpack_from("<HHI", content, place + 2 + 12 * number)
            code, size = {3: ("H", 2), 4: ("I", 4)}.get(kind, ("B", 1))
            start = place + 10 + 12 * number
            if size * count > 4:
                (start,) = struct.unpack_from("<I", content, start)
            if tag in (256, 324):
                found[tag] = struct.unpack_from(f"<{count}{code}", content, start)
        directories.append((place, found[256][0], [tile for tile in found[324] if tile]))
        (place,) = struct.unpack_from("<I", content, place + 2 + 12 * n_entries)
    return directories


def test_the_map_of_a_folder_that_does_not_exist_is_an_error(model, placed, tmp_path):
    for name in ("map.zarr", "map.tif"):
        with pytest.raises(OSError, match="missing"):
            predict_map(model, placed, out=tmp_path / "missing" / name)
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_not_replaced_by_its_own_map(model, image, tmp_path):
    path = tmp_path / "image.zarr"
    image.to_dataset().to_zarr(path, zarr_format=2)
    opened = xarray.open_zarr(path, mask_and_scale=False)["field"]
    opened.encoding.setdefault("source", str(path))
    with pytest.raises(ValueError, match="is the image itself"):
        predict_map(model, opened, out=Path(path), overwrite=True)
    assert (path / "field").is_dir()


@pytest.mark.parametrize("change", [lambda array: array, lambda array: array * 2])
def test_a_store_that_does_not_tell_its_file_is_not_replaced_by_its_map(
    model, image, tmp_path, change
):
    path = tmp_path / "image.zarr"
    image.to_dataset().to_zarr(path, zarr_format=2)
    opened = change(xarray.open_zarr(path, mask_and_scale=False)["field"])
    with pytest.raises(ValueError, match=r"image\.zarr is no map .* remove this one first"):
        predict_map(model, opened, out=path, overwrite=True)
    assert (path / "field").is_dir()


def test_a_geotiff_that_does_not_tell_its_file_is_not_replaced_by_its_map(
    model, placed, image, tmp_path
):
    path = tmp_path / "image.tif"
    bands = image.transpose("band", "y", "x")
    bands.rio.to_raster(path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        predict_map(model, bands, out=path)
    with pytest.raises(ValueError, match=r"image\.tif is no map .* remove this one first"):
        predict_map(model, bands, out=path, overwrite=True)
    assert path.read_bytes() == content
    predict_map(model, placed, out=path, overwrite=True)


@pytest.mark.parametrize("cog", [False, True])
def test_a_geotiff_map_of_a_data_array_is_replaced(model, image, tmp_path, cog):
    for _ in range(2):
        predict_map(model, image, out=tmp_path / "map.tif", overwrite=True, cog=cog)
    assert (tmp_path / "map.tif").exists()
