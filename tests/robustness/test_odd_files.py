"""Files that are odd but good, as other programs write them, are read as the usual ones are."""

import io
import json
import sqlite3
import struct
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import scipy.io

from tests.robustness.formats import cube_of
from tests.robustness.fuzz import whole
from tests.robustness.oracle import judged
from tests.robustness.tiff import entries

ODD = {}


def odd(kind):
    """Register a change of the files of a format, which returns usual files and odd ones."""

    def register(change):
        ODD[f"{kind}: {change.__name__.replace('_', ' ')}"] = kind, change
        return change

    return register


@odd("npy")
def columns_first(files, folder):
    file = io.BytesIO()
    np.save(file, np.asfortranarray(cube_of()))
    return files, {"field.npy": file.getvalue()}


@odd("npy")
def a_long_header(files, folder):
    file = io.BytesIO()
    np.lib.format.write_array(file, cube_of(), version=(2, 0))
    return files, {"field.npy": file.getvalue()}


@odd("MATLAB 5")
def small_numbers_in_doubles(files, folder):
    file = io.BytesIO()
    scipy.io.savemat(file, {"cube": cube_of("float64")})
    pixels = cube_of("float64")
    long = struct.pack("<II", 9, pixels.nbytes) + pixels.tobytes("F")
    short = struct.pack("<II", 3, pixels.size * 2) + cube_of().tobytes("F")
    short += bytes(-len(short) % 8)
    content = file.getvalue().replace(long, short)
    size = struct.unpack_from("<I", content, 132)[0] - len(long) + len(short)
    content = content[:132] + struct.pack("<I", size) + content[136:]
    return files, {"field.mat": content}


@odd("GeoTIFF stripped")
def tags_out_of_order(files, folder):
    content = bytearray(files["field.tif"])
    *_, one, other = (place for place, *_ in entries(bytes(content)))
    first, second = content[one : one + 12], content[other : other + 12]
    content[one : one + 12], content[other : other + 12] = second, first
    return files, {"field.tif": bytes(content)}


@odd("GeoTIFF stripped")
def zeros_behind_a_description(files, folder):
    path = folder / "field.tif"
    path.write_bytes(files["field.tif"])
    with rasterio.open(path, "r+") as file:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION="a field of some crop")
    content = path.read_bytes()
    assert b"some crop" in content
    return {"field.tif": content}, {"field.tif": content.replace(b"some crop", b"some\0\0\0\0\0")}


SIDECARS = {
    "in Latin letters": (
        b'<PAMDataset><Metadata><MDI key="who">M\xfcller</MDI></Metadata></PAMDataset>'
    ),
    "of another program": (
        b'<PAMDataset><Metadata domain="Esri" format="xml"><GeodataXform xsi:type="typens:x"/>'
        b"</Metadata></PAMDataset>"
    ),
    "of nothing": b"",
}


@pytest.mark.parametrize("text", SIDECARS.values(), ids=list(SIDECARS))
def test_an_image_is_read_beside_an_odd_sidecar(text, tmp_path):
    sample = whole("GeoTIFF stripped")
    verdict = judged(sample, {**sample.files, "field.tif.aux.xml": text}, tmp_path)
    assert verdict.word in ("same", "warning"), verdict.details


def header(old, new, usual=None):
    """A change of an ENVI header, and one that makes a usual header of the same meaning."""

    def change(files, folder):
        text = files["field.hdr"]
        assert old in text
        plain = text if usual is None else text.replace(old, usual)
        return files | {"field.hdr": plain}, files | {"field.hdr": text.replace(old, new)}

    return change


UNITS, DESCRIPTION = b"wavelength units = Nanometers\n", b"of some crop"
IGNORED = b"data ignore value = 31111\n"
HEADERS = {
    "a field twice": header(UNITS, UNITS * 2),
    "braces in a description": header(DESCRIPTION, b"Radiance {scaled}\n by x, samples = 20"),
    "a description in Latin letters": header(DESCRIPTION, b"of M\xfcller"),
    "no value to ignore": header(IGNORED, b"data ignore value = None\n", usual=b""),
    "north in a letter": header(b"33, North", b"33, N"),
    "lines of Windows": header(b"\n", b"\r\n"),
    "a field that nobody knows": header(UNITS, UNITS + b"z plot titles = {a, b}\n"),
}
ODD |= {f"ENVI bsq: {name}": ("ENVI bsq", change) for name, change in HEADERS.items()}


def records(content):
    """Where the records of a shapefile begin."""
    start = 100
    while start < len(content):
        yield start
        start += 8 + 2 * struct.unpack_from(">I", content, start + 4)[0]


@odd("labels: shapefile")
def records_from_0(files, folder):
    content = bytearray(files["gt.shp"])
    for number, start in enumerate(records(bytes(content))):
        struct.pack_into(">I", content, start, number)
    return files, files | {"gt.shp": bytes(content)}


@odd("labels: shapefile")
def bounds_of_zeros(files, folder):
    content = bytearray(files["gt.shp"])
    for start in records(bytes(content)):
        content[start + 12 : start + 44] = bytes(32)
    return files, files | {"gt.shp": bytes(content)}


@odd("labels: shapefile")
def padding_behind_the_table(files, folder):
    return files, files | {"gt.dbf": files["gt.dbf"] + b"\x1a" + bytes(500)}


@odd("labels: shapefile")
def a_crs_that_is_unknown(files, folder):
    usual = {name: content for name, content in files.items() if name != "gt.prj"}
    return usual, usual | {"gt.prj": b"{B286C06B-0879-11D2-AACA-00C04FA33C20}"}


def geojson(change):
    """A change of a collection of features."""

    def changed(files, folder):
        collection = json.loads(files["gt.geojson"])
        change(collection)
        return files, files | {"gt.geojson": json.dumps(collection).encode()}

    return changed


def with_a_code(collection):
    collection["crs"] = {"type": "EPSG", "properties": {"code": 32633}}


def with_heights_and_measures(collection):
    for feature in collection["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        feature["geometry"]["coordinates"] = [[[*place, 1.5, 2.5] for place in ring]]


def with_other_members(collection):
    collection |= {"name": "fields", "bbox": [0, 0, 1, 1]}
    collection["features"][0] |= {"id": 7, "when": None}


for change in (with_a_code, with_heights_and_measures, with_other_members):
    name = f"labels: GeoJSON: {change.__name__.replace('_', ' ')}"
    ODD[name] = "labels: GeoJSON", geojson(change)


@odd("labels: GeoPackage")
def with_a_log_of_changes(files, folder):
    path = folder / "gt.gpkg"
    path.write_bytes(files["gt.gpkg"])
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    content = path.read_bytes()
    assert content[18:20] == b"\x02\x02"
    return files, files | {"gt.gpkg": content}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_read_as_a_usual_one_is(name, tmp_path):
    kind, change = ODD[name]
    usual, new = change(dict(whole(kind).files), tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    sample = replace(whole(kind), files=usual, messages=frozenset())
    sample.write(tmp_path)
    sample = replace(sample, truth=sample.read(tmp_path))
    verdict = judged(sample, new, tmp_path)
    assert verdict.word in ("same", "warning"), verdict.details
