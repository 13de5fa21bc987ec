import numpy as np
import pytest

from sklearn_hsiode.io import read_scene

rasterio = pytest.importorskip("rasterio")


def band_tags(n_bands, bad=()):
    return [
        {
            "wavelength": 400 + 10 * band,
            "wavelength_units": "Nanometers",
            "fwhm": 7.5,
            "bbl": int(band not in bad),
        }
        for band in range(n_bands)
    ]


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_a_scene_reads_back_equal(tmp_path, write, dtype):
    cube = write.cube().astype(dtype)
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9, 1) % 4
    path = write.tif(tmp_path / "field.tif", cube, tags=band_tags(6))
    scene = read_scene(path, write.tif(tmp_path / "gt.tif", labels))
    np.testing.assert_array_equal(scene.cube, cube)
    assert scene.cube.dtype == np.dtype(dtype)
    assert scene.mask.all()
    assert scene.wavelengths.tolist() == [400, 410, 420, 430, 440, 450]
    assert scene.fwhm.tolist() == [7.5] * 6
    np.testing.assert_array_equal(scene.labels, labels[:, :, 0])
    assert scene.crs.to_epsg() == 32633
    assert scene.name == "field"
    assert read_scene(path, name="meadow").name == "meadow"


def test_the_enmap_scene_reads_as_it_is(data_dir, enmap):
    folder = data_dir / "enmap_potsdam"
    scene = read_scene(folder / "enmap_potsdam.tif", folder / "enmap_potsdam_labels.tif")
    expected, _ = enmap
    assert scene.shape == (192, 160, 218)
    np.testing.assert_array_equal(scene.cube, expected.cube)
    np.testing.assert_array_equal(scene.mask, expected.mask)
    np.testing.assert_array_equal(scene.labels, expected.labels)
    np.testing.assert_allclose(scene.wavelengths, expected.wavelengths)
    assert scene.crs == expected.crs
    assert scene.transform == expected.transform
    assert list(scene.dropped_bands) == [130, 131, 132, 133, 134, 135]
    everything = read_scene(folder / "enmap_potsdam.tif", drop_bad_bands=False)
    assert everything.n_bands == 224
    np.testing.assert_array_equal(everything.mask, expected.mask)


def test_bands_without_data_are_left_out_and_nodata_nan_and_infinity_masked(tmp_path, write):
    cube = write.cube(dtype="f4")
    cube[:, :, 1], cube[:, :, 4] = -1, np.nan
    cube[0, 1, 0], cube[2, 3, 2], cube[4, 5, 3] = -1, np.nan, np.inf
    path = write.tif(tmp_path / "field.tif", cube, tags=band_tags(6, bad=[5]), nodata=-1)
    scene = read_scene(path)
    np.testing.assert_array_equal(scene.cube, cube[:, :, [0, 2, 3]])
    assert scene.dropped_bands == {2: "no data", 5: "no data", 6: "marked as bad"}
    assert np.argwhere(~scene.mask).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert scene.wavelengths.tolist() == [400, 420, 430]
    everything = read_scene(path, drop_bad_bands=False)
    np.testing.assert_array_equal(everything.cube, cube)
    np.testing.assert_array_equal(everything.mask, scene.mask)


def test_a_mask_in_the_file_counts(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube())
    mask = np.ones((7, 9), dtype=bool)
    mask[5] = False
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file,
    ):
        file.write_mask(mask)
    np.testing.assert_array_equal(read_scene(path).mask, mask)


def test_an_alpha_band_is_a_mask_and_no_band(tmp_path, write):
    cube = write.cube((7, 9, 4)).astype(np.uint8)
    cube[:, :, 3] = 255
    cube[3, 4, 3] = 0
    path = write.tif(tmp_path / "photo.tif", cube, photometric="rgb", alpha="yes")
    scene = read_scene(path)
    np.testing.assert_array_equal(scene.cube, cube[:, :, :3])
    assert np.argwhere(~scene.mask).tolist() == [[3, 4]]


def test_declared_scales_are_applied(tmp_path, write):
    cube = write.cube()
    path = write.tif(tmp_path / "field.tif", cube)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.5,) * 6, (1.0,) * 6
    scene = read_scene(path)
    np.testing.assert_array_equal(scene.cube, cube * 0.5 + 1)
    assert scene.dtype == np.float32


def test_wavelengths_of_some_bands_alone_are_left_out_with_a_warning(tmp_path, write, caplog):
    tags = [{"wavelength": 500}, {}, {"wavelength": 700}]
    scene = read_scene(write.tif(tmp_path / "field.tif", write.cube((4, 5, 3)), tags=tags))
    assert scene.wavelengths is None
    assert "Not every band has a positive number in wavelengths" in caplog.text


def test_ground_control_points_are_no_georeference_and_are_warned_of(tmp_path, write, caplog):
    cube = write.cube((4, 5, 3))
    points = [
        rasterio.control.GroundControlPoint(r, c, 30 * c, -30 * r)
        for r, c in ((0, 0), (0, 4), (3, 0), (3, 4))
    ]
    path = tmp_path / "field.tif"
    with rasterio.open(
        path, "w", width=5, height=4, count=3, dtype=cube.dtype, gcps=points, crs="EPSG:32633"
    ) as file:
        file.write(cube.transpose(2, 0, 1))
    assert read_scene(path).crs is None
    assert "ground control points instead of a CRS" in caplog.text


def test_a_header_of_esri_is_left_to_rasterio(tmp_path, write):
    cube = write.cube((4, 5, 3), dtype="u1")
    path = tmp_path / "field.bil"
    path.write_bytes(cube.transpose(0, 2, 1).tobytes())
    path.with_suffix(".hdr").write_text("NROWS 4\nNCOLS 5\nNBANDS 3\nNBITS 8\nLAYOUT BIL\n")
    np.testing.assert_array_equal(read_scene(path).cube, cube)


def test_wavelengths_may_be_in_gdals_own_tags(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube((4, 5, 2)))
    with rasterio.open(path, "r+") as file:
        for band, wavelength in ((1, 0.45), (2, 2.2)):
            file.update_tags(
                band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=wavelength, FWHM_UM=wavelength / 100
            )
    scene = read_scene(path)
    np.testing.assert_allclose(scene.wavelengths, [450, 2200])
    np.testing.assert_allclose(scene.fwhm, [4.5, 22])


def test_a_scene_without_georeference_has_none(tmp_path, write):
    path = tmp_path / "field.png"
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write.tif(path, write.cube((4, 5, 3)).astype(np.uint8), crs=None, transform=None)
    scene = read_scene(path)
    assert scene.crs is None
    assert scene.transform is None


def test_a_scene_without_data_is_refused(tmp_path, write):
    cube = np.full((7, 9, 3), np.nan, dtype=np.float32)
    path = write.tif(tmp_path / "empty.tif", cube)
    with pytest.raises(ValueError, match=r"empty\.tif holds no data: each of its 3 bands"):
        read_scene(path)
    path = write.tif(tmp_path / "bad.tif", write.cube(), tags=band_tags(6, bad=range(6)))
    with pytest.raises(ValueError, match=r"bad\.tif holds no data"):
        read_scene(path)
    cube = write.cube((2, 9, 2))
    cube[0, :, 0], cube[1, :, 1] = -1, -1
    path = write.tif(tmp_path / "halves.tif", cube, nodata=-1)
    with pytest.raises(ValueError, match=r"halves\.tif has no pixel that holds data in every band"):
        read_scene(path)


def test_a_file_of_no_known_kind_is_named(tmp_path):
    path = tmp_path / "field.xyzzy"
    path.write_bytes(b"no image at all" * 100)
    with pytest.raises(ValueError, match=r"field\.xyzzy.*\.mat, \.npy, \.npz, ENVI, GeoTIFF"):
        read_scene(path)


def test_a_truncated_geotiff_is_named(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube())
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"field\.tif cannot be read"):
        read_scene(path)


def test_a_missing_file_and_what_is_no_path_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.tif"):
        read_scene(tmp_path / "nowhere.tif")
    with pytest.raises(TypeError, match=r"got ndarray: for an array, use Scene"):
        read_scene(np.zeros((4, 5, 3)))


def test_a_variable_is_for_matlab_files_and_polygons_are_for_labels(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube())
    with pytest.raises(ValueError, match=r"variable is for \.mat, .* not for .*field\.tif"):
        read_scene(path, variable="cube")
    (tmp_path / "field.geojson").write_text("{}")
    with pytest.raises(ValueError, match="pass it as labels"):
        read_scene(tmp_path / "field.geojson")
