import numpy as np
import pytest

from sklearn_hsiode.io import read_scene

pytest.importorskip("rasterio")
WAVELENGTHS = [450.0, 550.5, 650.0, 850.0, 1240.0, 1650.0]
IN_MICROMETRES = "{0.45, 0.5505, 0.65,\n 0.85, 1.24, 1.65}"


@pytest.mark.parametrize("interleave", ["bil", "bip", "bsq"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i2", "u2", "f4", "f8"])
def test_a_scene_reads_back_equal(tmp_path, write, interleave, order, dtype):
    cube = write.cube(dtype=dtype)
    header = write.envi(
        tmp_path / "field.hdr",
        cube,
        interleave=interleave,
        order=order,
        wavelength=IN_MICROMETRES,
        wavelength_units="Micrometers",
        data_ignore_value=cube[2, 3, 4],
    )
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9, 1) % 4
    write.envi(tmp_path / "gt.hdr", labels)
    scene = read_scene(header, tmp_path / "gt.img")
    np.testing.assert_array_equal(scene.cube, cube)
    assert scene.cube.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(scene.mask, (cube != cube[2, 3, 4]).all(axis=2))
    assert not scene.mask[2, 3]
    np.testing.assert_array_equal(scene.wavelengths, WAVELENGTHS)
    np.testing.assert_array_equal(scene.labels, labels[:, :, 0])
    assert scene.crs.to_epsg() == 32633
    assert tuple(scene.transform)[:6] == (30, 0, 364095, 0, -30, 5809965)
    assert scene.name == "field"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i4", "u4", "i8", "u8"])
def test_the_other_types_and_a_header_offset_are_read_as_well(tmp_path, write, order, dtype):
    cube = write.cube().astype(dtype)
    header = write.envi(tmp_path / "field.hdr", cube, order=order, offset=13)
    np.testing.assert_array_equal(read_scene(header).cube, cube)


@pytest.mark.parametrize("data", ["field", "field.img", "field.dat", "field.bip", "field.BSQ"])
def test_header_and_data_file_find_each_other(tmp_path, write, data):
    cube = write.cube()
    header = write.envi(tmp_path / "field.hdr", cube, data=tmp_path / data)
    for given in (header, str(header), tmp_path / data):
        scene = read_scene(given)
        np.testing.assert_array_equal(scene.cube, cube)
        assert scene.name == "field"


@pytest.mark.parametrize("name", ["field.dat", "field.v2", "field.rfl"])
def test_a_header_may_be_named_after_the_whole_data_file(tmp_path, write, name):
    cube = write.cube()
    data = tmp_path / name
    header = write.envi(tmp_path / f"{name}.hdr", cube, data=data)
    for given in (header, data):
        np.testing.assert_array_equal(read_scene(given).cube, cube)


def test_a_geotiff_beside_an_envi_image_is_a_geotiff(tmp_path, write):
    write.envi(tmp_path / "field.hdr", write.cube((4, 5, 3)))
    path = write.tif(tmp_path / "field.tif", write.cube())
    assert read_scene(path).shape == (7, 9, 6)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("Nanometers", 1), ("nm", 1), ("Micrometers", 1e-3), ("um", 1e-3), (None, 1), (None, 1e-3)],
)
def test_wavelengths_and_band_widths_are_in_nanometres(tmp_path, write, unit, factor):
    def listed(values):
        return "{" + ", ".join(f"{value * factor:.6f}" for value in values) + "}"

    header = write.envi(
        tmp_path / "field.hdr",
        write.cube(),
        wavelength=listed(WAVELENGTHS),
        fwhm=listed([5, 6, 7, 8, 9, 10.5]),
        wavelength_units=unit,
    )
    scene = read_scene(header)
    np.testing.assert_allclose(scene.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(scene.fwhm, [5, 6, 7, 8, 9, 10.5])


def test_numbers_that_are_no_wavelengths_are_left_out(tmp_path, write):
    fields = {"wavelength": "{1, 2, 3, 4, 5, 6}", "wavelength_units": "Index"}
    assert read_scene(write.envi(tmp_path / "a.hdr", write.cube(), **fields)).wavelengths is None
    assert read_scene(write.envi(tmp_path / "b.hdr", write.cube())).wavelengths is None


def test_bad_bands_are_left_out_and_listed(tmp_path, write, caplog):
    cube = write.cube()
    header = write.envi(
        tmp_path / "field.hdr",
        cube,
        bbl="{1, 0, 1.0, 1, 0, 1}",
        wavelength=IN_MICROMETRES,
        fwhm="{0.01, 0.01, 0.01, 0.01, 0.01, 0.02}",
        wavelength_units="Micrometers",
    )
    with caplog.at_level("INFO"):
        scene = read_scene(header)
    np.testing.assert_array_equal(scene.cube, cube[:, :, [0, 2, 3, 5]])
    assert scene.wavelengths.tolist() == [450, 650, 850, 1650]
    assert scene.fwhm.tolist() == [10, 10, 10, 20]
    assert scene.dropped_bands == {2: "marked as bad", 5: "marked as bad"}
    assert "left out of 6 bands: 2, 5" in caplog.text
    everything = read_scene(header, drop_bad_bands=False)
    np.testing.assert_array_equal(everything.cube, cube)
    assert everything.dropped_bands == {}


def test_a_reflectance_scale_factor_divides_the_values_but_not_what_means_nodata(tmp_path, write):
    cube = write.cube()
    header = write.envi(
        tmp_path / "field.hdr",
        cube,
        reflectance_scale_factor=10000,
        data_ignore_value=cube[0, 0, 0],
    )
    scene = read_scene(header)
    np.testing.assert_array_equal(scene.cube, (cube / 10000).astype(np.float32))
    assert scene.cube.dtype == np.float32
    assert not scene.mask[0, 0]
    assert scene.mask.sum() > 50


def test_a_classification_brings_its_class_names(tmp_path, write):
    header = write.envi(tmp_path / "field.hdr", write.cube())
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9, 1) % 3
    names = write.envi(tmp_path / "gt.hdr", labels, class_names="{Unclassified, oak,\n elm}")
    assert read_scene(header, names).class_names == {1: "oak", 2: "elm"}


def test_the_samson_scene_reads_as_its_bytes_do(data_dir, samson):
    folder = data_dir / "samson"
    scene = read_scene(folder / "samson.hdr", folder / "samson_gt.img")
    np.testing.assert_array_equal(scene.cube, samson.cube)
    np.testing.assert_array_equal(scene.labels, samson.labels)
    assert scene.crs is None
    assert scene.transform is None


def test_a_header_whose_sizes_do_not_fit_its_data_is_refused(tmp_path, write):
    header = write.envi(tmp_path / "field.hdr", write.cube(), lines=8)
    with pytest.raises(
        ValueError, match=r"field\.hdr describes 864 bytes .* but field\.img has 756"
    ):
        read_scene(header)
    header = write.envi(tmp_path / "field.hdr", write.cube(), bands=5)
    with pytest.raises(ValueError, match="describes 630 bytes"):
        read_scene(tmp_path / "field.img")


def test_a_header_without_data_is_refused(tmp_path, write):
    header = write.envi(tmp_path / "field.hdr", write.cube())
    (tmp_path / "field.img").unlink()
    with pytest.raises(FileNotFoundError, match=r"field\.hdr has no data file .* one of \.img"):
        read_scene(header)


@pytest.mark.parametrize("suffix", [".bip", ".bil", ".bsq", ".raw"])
def test_data_without_a_header_is_refused(tmp_path, suffix):
    data = tmp_path / f"field{suffix}"
    data.write_bytes(bytes(100))
    with pytest.raises(FileNotFoundError, match=rf"field\{suffix} has no .* field\.hdr or"):
        read_scene(data)


def test_data_that_other_formats_could_be_is_refused_without_a_header(tmp_path):
    data = tmp_path / "field.img"
    data.write_bytes(bytes(100))
    with pytest.raises(FileNotFoundError, match=r"field\.img has no ENVI header beside it"):
        read_scene(data)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"interleave": "bxq"}, r"interleave 'bxq', but it must be one of bil, bip, bsq"),
        ({"data_type": 77}, "data type 77"),
        ({"samples": None}, "does not say samples"),
        ({"bands": "six"}, "bands = six, which is no whole number"),
        ({"wavelength": "{1, 2}"}, "2 values as wavelength for 6 bands"),
        ({"reflectance_scale_factor": "ten"}, "factor = ten, which is no number"),
    ],
)
def test_what_is_wrong_in_a_header_is_named(tmp_path, write, fields, message):
    header = write.envi(tmp_path / "field.hdr", write.cube(), **fields)
    with pytest.raises(ValueError, match=rf"field\.hdr.*{message}"):
        read_scene(header)


def test_a_header_that_is_none_is_named(tmp_path, write):
    header = write.envi(tmp_path / "field.hdr", write.cube())
    header.write_text("NROWS 7\nNCOLS 9\n")
    with pytest.raises(ValueError, match=r"field\.hdr is no ENVI header"):
        read_scene(header)


def test_complex_values_are_refused(tmp_path, write):
    header = write.envi(tmp_path / "field.hdr", write.cube(dtype="c8"), data_type=6)
    with pytest.raises(TypeError, match=r"field\.img holds complex64 .* real part"):
        read_scene(header)
