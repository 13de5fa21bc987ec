"""Files that are damaged, or declare what cannot be, are never read as something else."""

import logging
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from sklearn_hsiode.io import read_scene
from sklearn_hsiode.io.readers import READERS, ArraySource, _raster
from sklearn_hsiode.io.readers._matlab_tags import variables
from sklearn_hsiode.io.readers._reading import listening, reading
from sklearn_hsiode.io.readers._tiff import COUNTS, OFFSETS, _tags, check_blocks

TAGS = [{"wavelength": 400 + band, "wavelength_units": "nm", "bbl": 1} for band in range(6)]


def known(scene):
    """What a reader tells of a scene."""
    return (
        *(scene.cube.tobytes(), scene.mask.tobytes(), str(scene.crs), str(scene.transform)),
        *(scene.dropped_bands, scene.wavelengths.tolist()),
    )


# GeoTIFF


def test_a_geotiff_that_is_cut_anywhere_is_refused(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube(), tags=TAGS, nodata=5)
    content = path.read_bytes()
    for size in [*range(0, len(content), 37), *range(len(content) - 40, len(content))]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"field\.tif cannot be read"):
            read_scene(path)


def test_a_damaged_tag_is_told_with_what_gdal_says_whatever_the_logging(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube(), tags=TAGS)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    logging.disable(logging.CRITICAL)
    try:
        with pytest.raises(ValueError, match=r'field\.tif .* GDAL says .*"GDALMetadata".* ignored'):
            read_scene(path)
    finally:
        logging.disable(logging.NOTSET)
    start = content.index(b'name="wavelength"')
    path.write_bytes(content[:start] + b"\xff" * 8 + content[start + 8 :])
    with pytest.raises(ValueError, match=r"field\.tif cannot be read as a whole"):
        read_scene(path)


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("compress", ["none", "deflate"])
@pytest.mark.parametrize(
    ("tag", "change", "message"),
    [
        (0, lambda old: old + 3, "blocks lie in each other|beyond its end|check"),
        (0, lambda old: 2**31, "beyond its end"),
        (1, lambda old: 0, "place without a size"),
        (1, lambda old: old - 1, "too short|in each other|ends before"),
    ],
)
def test_blocks_of_a_geotiff_lie_apart_and_whole(
    tmp_path, write, tiled, compress, tag, change, message
):
    sizes = {"tiled": True, "blockxsize": 16, "blockysize": 16} if tiled else {"blockysize": 5}
    cube = write.cube((20, 20, 2), dtype="u1")
    path = write.tif(tmp_path / "field.tif", cube, compress=compress, **sizes)
    check_blocks(path, checksums=True)
    with path.open("rb") as file:
        offsets_and_counts = _tags(file)[0][(OFFSETS, COUNTS)[tag][tiled]]
    content, old = path.read_bytes(), int(offsets_and_counts[0])
    dtype = offsets_and_counts.dtype
    place = content.index(offsets_and_counts.tobytes())
    new = np.array(change(old) % 2 ** (8 * dtype.itemsize), dtype).tobytes()
    path.write_bytes(content[:place] + new + content[place + len(new) :])
    with pytest.raises((ValueError, zlib.error), match=f"{message}|header"):
        check_blocks(path, checksums=True)
    with pytest.raises(ValueError, match=r"field\.tif"):
        read_scene(path)


def test_a_changed_byte_in_a_deflated_block_is_seen(tmp_path, write):
    path = write.tif(tmp_path / "field.tif", write.cube(), compress="deflate")
    with path.open("rb") as file:
        tags, _ = _tags(file)
    start, size = (int(tags[of[0]][0]) for of in (OFFSETS, COUNTS))
    content = path.read_bytes()
    for place in range(start, start + size):
        changed = bytearray(content)
        changed[place] ^= 4
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"field\.tif"):
            read_scene(path)


def test_gdals_own_file_beside_an_image_is_told_of_where_it_is_no_xml(tmp_path, write, caplog):
    path = write.tif(tmp_path / "field.tif", write.cube())
    (tmp_path / "field.tif.aux.xml").write_text("<PAMDataset><Metadata>")
    np.testing.assert_array_equal(read_scene(path).cube, write.cube())
    assert "field.tif.aux.xml is no XML" in caplog.text


def test_a_second_band_of_opacity_is_refused(tmp_path, write):
    rasterio = pytest.importorskip("rasterio")
    path = write.tif(tmp_path / "field.tif", write.cube())
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [*file.colorinterp[:-2], *[rasterio.enums.ColorInterp.alpha] * 2]
    with pytest.raises(ValueError, match=r"field\.tif says that 2 of its bands are opacity"):
        read_scene(path)


def test_metadata_of_gdals_that_is_no_xml_is_told_of(tmp_path, write, caplog):
    path = write.tif(tmp_path / "field.tif", write.cube(), tags=TAGS)
    read_scene(path)
    assert not caplog.text
    text = b"<GDALMetadata>" + path.read_bytes().split(b"<GDALMetadata>")[1].split(b"\0")[0]
    path.write_bytes(path.read_bytes().replace(text, b"\xff" * len(text)))
    np.testing.assert_array_equal(read_scene(path).cube, write.cube())
    assert "field.tif: its GDAL metadata cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("said", "is_loss"),
    [
        ("Invalid TIFF directory; tags are not sorted in ascending order", False),
        ('ASCII value for tag "ImageDescription" contains null byte in value', False),
        ('Incompatible type for "RichTIFFIPTC"; tag ignored', False),
        ('IO error during reading of "GDALMetadata"; tag ignored', True),
        ("anything else", True),
    ],
)
def test_a_warning_of_gdal_is_an_error_unless_nothing_is_lost(
    tmp_path, write, caplog, monkeypatch, said, is_loss
):
    path = write.tif(tmp_path / "field.tif", write.cube())
    tagged = _raster._tagged

    def warned(*given):
        logging.getLogger("rasterio._env").warning("%s in %s", "CPLE_AppDefined", said)
        return tagged(*given)

    monkeypatch.setattr(_raster, "_tagged", warned)
    if is_loss:
        with pytest.raises(ValueError, match=rf"field\.tif .* GDAL says {said}"):
            read_scene(path)
    else:
        np.testing.assert_array_equal(read_scene(path).cube, write.cube())
        assert f"field.tif: GDAL says {said}" in caplog.text


def test_hooks_that_call_each_other_end(monkeypatch):
    called, failure = [], SimpleNamespace(exc_value=None)
    with listening():
        ours = sys.unraisablehook

    def chained(failure):
        called.append(failure)
        ours(failure)

    monkeypatch.setattr(sys, "unraisablehook", chained)
    monkeypatch.setattr(sys, "__unraisablehook__", called.append)
    with listening():
        sys.unraisablehook(failure)
    assert called == [failure, failure]


def test_what_gdal_says_outside_of_reading_is_logged_as_before(caplog):
    with listening() as messages, caplog.at_level("INFO"):
        logging.getLogger("rasterio._env").warning("%s in %s", "CPLE_AppDefined", "tag ignored")
    logging.getLogger("rasterio._env").warning("later")
    assert messages == ["tag ignored"]
    assert [record.getMessage() for record in caplog.records] == ["later"]


# ENVI


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"samples": "1_6"}, "samples = 1_6, which is no whole number"),
        ({"samples": "\uff19"}, "which is no whole number"),
        ({"lines": "7.0"}, "lines = 7.0"),
        ({"samples": -9, "lines": -7}, "-7 lines, -9 samples"),
        ({"byte_order": 2}, "byte order 2, but it must be 0"),
        ({"header_offset": "0x0"}, "header offset = 0x0"),
        ({"data_ignore_value": "-99 99"}, "data ignore value = -99 99"),
        ({"bbl": "{1, 1, p, 1, 1, 1}"}, "bad bands .* 'p'"),
        ({"map_info": "{UTM, 1, 1, 364O95, 5809965, 30, 30, 33, North, WGS-84}"}, "364O95"),
        ({"map_info": "{UTM, 1, 1, 0, 9, 30, 30, 33, Nord, WGS-84}"}, "'Nord', where North"),
        ({"wavelength": "{1, 2, 3, 4, 5, 6} bbl = {1, 1}"}, "more than one list in wavelength"),
        ({"map_info": "{UTM, 1, 1, 0, 9, 30, 30, 33, North, WGS-84, units=\x05}"}, "no text"),
        ({"data_ignore_value": "inf"}, "which is none of int16"),
        ({"bbl": "{1, 1, nan, 1, 1, 1}"}, "bad bands .* NaN"),
        ({"bbl": ""}, "gives bbl, but nothing"),
        ({"wavelength": "{1, 2, 3"}, "ends within the list of wavelength"),
        ({"bands ": 7}, "gives bands twice"),
        ({"reflectance_scale_factor": 0}, "scale factor = 0"),
        ({"reflectance_scale_factor": -1}, "scale factor = -1"),
        ({"description": "x" * 10_000}, "a line of 10,000 characters or more"),
    ],
)
def test_a_header_means_what_it_says_or_is_refused(tmp_path, write, fields, message):
    header = write.envi(tmp_path / "field.hdr", write.cube(), **fields)
    with pytest.raises(ValueError, match=rf"field\.hdr.*{message}"):
        read_scene(header)


@pytest.mark.parametrize("size", ["0", "2.8e-309", "inf", "nan"])
def test_pixels_without_a_size_are_refused(tmp_path, write, size):
    place = f"{{UTM, 1, 1, 0, 9, {size}, 30, 33, North, WGS-84}}"
    header = write.envi(tmp_path / "field.hdr", write.cube(), map_info=place)
    with pytest.raises(ValueError, match=r"field\.img has pixels without a size: its transform is"):
        read_scene(header)


@pytest.mark.parametrize(
    "fields",
    [
        {"bands ": 6},
        {"comment": "{\n radiance {scaled}\n by x, samples = 20}"},
        {"class_names": "{a, {b}, c}"},
        {"data_ignore_value": "None"},
        {"data_ignore_value": "-1e3"},
        {"map_info": "{UTM, 1, 1, 364095, 5809965, 30, 30, 33, N, WGS-84,\tunits=Meters}"},
        {"wavelength": "None"},
        {"; remark": "5"},
    ],
    ids=str,
)
def test_headers_as_other_programs_write_them_are_read(tmp_path, write, fields):
    cube = write.cube()
    cube[2, 3, 1] = 0
    scene = read_scene(write.envi(tmp_path / "field.hdr", cube, **fields))
    np.testing.assert_array_equal(scene.cube, cube)
    assert scene.mask.all()
    assert scene.crs.to_epsg() == 32633


@pytest.mark.parametrize("factor", ["nan", "inf", "1e-320", "1e300"])
def test_a_scale_by_which_values_vanish_or_overflow_is_refused(tmp_path, write, factor):
    header = write.envi(tmp_path / "field.hdr", write.cube(), reflectance_scale_factor=factor)
    with pytest.raises(ValueError, match=r"field\.img declares that values are scaled by"):
        read_scene(header)


def test_values_that_overflow_once_they_are_scaled_are_masked(tmp_path, write):
    cube = write.cube(dtype="f4")
    cube[2, 3, 4] = 1e38
    scene = read_scene(write.envi(tmp_path / "a.hdr", cube, reflectance_scale_factor=1e-10))
    assert np.argwhere(~scene.mask).tolist() == [[2, 3]]


@pytest.mark.parametrize("blanks", [" " * 100_000, "\n" * 100_000, "=" * 9_000, " = {" * 2_000])
def test_a_header_of_blanks_is_refused(tmp_path, write, blanks):
    header = write.envi(tmp_path / "field.hdr", write.cube())
    header.write_text(f"ENVI\n{blanks}")
    with pytest.raises(ValueError, match=r"field\.hdr"):
        read_scene(header)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"wavelength": "{1, 2, 3, 4, 5, 6}", "wavelength_units": "nanofeet"}, "left out"),
        ({"wavelength": "{1, 2, 3, 4, 5, 1_6}"}, "left out"),
        ({"comment": "a field } of some crop"}, "a line that is not read"),
        ({"byte order }}": 0}, "a line that is not read"),
        ({"class_names": "{a, b\ufffd}"}, "not UTF-8"),
        ({"comment": "a field\nof some crop"}, "a line that is not read"),
        ({"class lookup": "{0, 0}class names = {none, wheat}"}, "text behind a list"),
    ],
)
def test_what_a_header_tells_in_vain_is_warned_of_with_its_name(
    tmp_path, write, caplog, fields, message
):
    read_scene(write.envi(tmp_path / "field.hdr", write.cube(), **fields))
    (record,) = caplog.records
    assert "field.hdr" in record.getMessage()
    assert message in record.getMessage()


def test_an_image_of_20000_bands_is_read_as_it_is(tmp_path, write):
    cube = write.cube((2, 3, 20_000))
    listed = "{" + ",\n".join(map(str, range(400, 20_400))) + "}"
    header = write.envi(
        tmp_path / "field.hdr", cube, interleave="bil", wavelength=listed, wavelength_units="nm"
    )
    scene = read_scene(header)
    np.testing.assert_array_equal(scene.cube, cube)
    assert scene.wavelengths[-1] == 20_399


def test_an_error_names_one_file(tmp_path, write):
    place = "{UTM, 1, 1, 0, 9, 30, 30, 33, North, WGS-48}"
    header = write.envi(tmp_path / "field.hdr", write.cube(), map_info=place)
    with pytest.raises(ValueError, match=r"field\.img .* Unrecognized datum") as told:
        read_scene(header)
    assert "field.hdr" not in str(told.value)


# MATLAB


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def matlab(request, tmp_path):
    path = tmp_path / "field.mat"
    arrays = {"note": "text", "cube": np.arange(60.0).reshape(4, 5, 3), "s": {"x": [1, 2]}}
    savemat(path, arrays, do_compression=request.param)
    return path


def test_the_variables_of_a_matlab_file_are_found_without_reading_them(matlab):
    found = [(one.name, one.shape, one.kind) for one in variables(matlab)]
    assert found == [
        ("note", (1, 4), "char"),
        ("cube", (4, 5, 3), "double"),
        ("s", (1, 1), "struct"),
    ]


READS = """
    import sys
    from pathlib import Path
    from sklearn_hsiode.io import read_scene

    folder = Path(sys.argv[1])
    content = (folder / "field.mat").read_bytes()
    for place in range(128, len(content), 5):
        for value in (0, 1, 8, 10, 14, 15, 16, 17, 18, 200, 255):
            changed = bytearray(content)
            changed[place] = value
            path = folder / "damaged.mat"
            path.write_bytes(changed)
            try:
                read_scene(path)
            except (ValueError, TypeError) as error:
                assert "damaged.mat" in str(error), error
    print("alive")
"""


def test_no_data_type_of_a_matlab_file_ends_the_process(tmp_path):
    array = np.zeros((2, 2, 2), dtype=np.int16)
    savemat(tmp_path / "field.mat", {"cube": array, "c": np.array([[1, "a"]], dtype=object)})
    command = [sys.executable, "-c", textwrap.dedent(READS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout == "alive\n", done.stderr


def test_a_compressed_matlab_file_is_read_as_it_was_or_refused(tmp_path):
    path, cube = tmp_path / "field.mat", np.arange(3000, dtype=np.int16).reshape(10, 10, 30)
    savemat(path, {"cube": cube}, do_compression=True)
    content = path.read_bytes()
    for place in range(136, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 16
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"field\.mat"):
            read_scene(path)


def test_a_block_whose_place_is_hidden_by_damage_is_an_error(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "field.mat"
    with h5py.File(path, "w") as file:
        cube = file.create_dataset("cube", (6, 8, 10), "i2", chunks=(3, 4, 5))
        cube[:] = 1
    content = bytearray(path.read_bytes())
    last = content.rindex(struct.pack("<4Q", 3, 4, 5, 0))  # a key of the tree of blocks
    content[last + 3] = 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"field\.mat .*damaged"):
        read_scene(path)


def test_blocks_that_are_empty_or_twice_in_a_matlab_73_file_are_an_error(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "field.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("cube", data=np.ones((6, 8, 10), "i2"), chunks=(3, 4, 5))
    content = path.read_bytes()
    place = content.index(struct.pack("<2I4Q", 120, 0, 3, 4, 0, 0))  # size, filters, corner
    for change in (
        struct.pack("<2I4Q", 120, 0, 3, 0, 0, 0),
        struct.pack("<2I4Q", 0, 0, 3, 4, 0, 0),
    ):
        path.write_bytes(content[:place] + change + content[place + len(change) :])
        with pytest.raises(ValueError, match=r"field\.mat .*damaged"):
            read_scene(path)


def test_blocks_that_are_not_in_a_matlab_73_file_are_warned_of(tmp_path, caplog):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "field.mat", "w") as file:
        cube = file.create_dataset("cube", (6, 8, 10), "i2", chunks=(3, 4, 5))
        cube[:3, :4, :5] = 1
    assert read_scene(tmp_path / "field.mat").cube.sum() == 60
    assert "field.mat lacks 7 of the 8 blocks of cube" in caplog.text


def test_a_matlab_73_file_reads_no_other_file(tmp_path, write):
    h5py = pytest.importorskip("h5py")
    write.matlab_73(tmp_path / "secret.mat", cube=write.cube())
    with h5py.File(tmp_path / "field.mat", "w") as file:
        file["cube"] = h5py.ExternalLink(str(tmp_path / "secret.mat"), "/cube")
    with pytest.raises(ValueError, match=r"field\.mat must hold one cube .* holds nothing"):
        read_scene(tmp_path / "field.mat")


# All formats


@settings(deadline=None, max_examples=60)
@given(data=st.data(), place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
@pytest.mark.parametrize("name", ["field.npy", "field.npz", "field.mat", "field.tif", "field.hdr"])
def test_a_damaged_file_is_read_or_refused_by_name(
    tmp_path_factory, write, name, data, place, byte
):
    folder = tmp_path_factory.mktemp("damaged")
    path, cube = folder / name, write.cube((3, 4, 2))
    writers = {
        ".npy": lambda: np.save(path, cube),
        ".npz": lambda: np.savez_compressed(path, cube=cube),
        ".mat": lambda: write.matlab_73(path, cube=cube),
        ".tif": lambda: write.tif(path, cube, compress="deflate"),
        ".hdr": lambda: write.envi(path, cube),
    }
    writers[path.suffix]()
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] = byte
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        scene = read_scene(path)
    except (ValueError, TypeError, OSError) as error:
        assert "field" in str(error)  # noqa: PT017
    else:
        assert scene.cube.shape == scene.shape


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), RecursionError(), SyntaxError("bad"), OSError("no magic")],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_reader_raises_names_the_file_and_tells_the_cause(tmp_path, monkeypatch, error):
    def read(path):
        raise error

    monkeypatch.setitem(READERS, ".xyz", read)
    (tmp_path / "field.xyz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"field\.xyz cannot be read as an image") as told:
        read_scene(tmp_path / "field.xyz")
    assert told.value.__cause__ is error
    assert str(error) in str(told.value)


def test_memory_that_is_not_there_is_no_damage():
    with pytest.raises(ValueError, match=r"a\.mat takes more memory than"), reading("a.mat", "x"):
        raise MemoryError


def test_the_file_system_is_to_blame_where_it_is(tmp_path):
    with pytest.raises(PermissionError, match=r"field\.mat") as told, reading("field.mat", "x"):
        raise PermissionError(13, "Permission denied")
    assert told.value.filename == "field.mat"
    with (
        pytest.raises(ValueError, match=r"field\.mat cannot be read as x"),
        reading("field.mat", "x"),
    ):
        raise OSError(22, "Invalid argument")


def test_a_name_that_is_not_utf8_is_told_in_letters(tmp_path):
    path = bytes(tmp_path) + b"/field\xff.npy"
    with open(path, "wb") as file:
        np.save(file, np.ones((4, 5, 3)))
    with pytest.raises(ValueError, match=r"field\\udcff\.npy is not UTF-8.*: rename it"):
        read_scene(path.decode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"\\ud800 is not UTF-8"):
        read_scene("\ud800")


def test_an_image_may_not_take_more_than_the_memory(monkeypatch):
    source = ArraySource(path=Path("field.xyz"), array=np.zeros((10, 10, 10)))
    monkeypatch.setattr("sklearn_hsiode._memory.machine_memory", lambda: 1000)
    with pytest.raises(ValueError, match=r"field\.xyz would take .* memory"):
        super(ArraySource, source).whole(np.arange(10))
