"""Makers of small valid files of every format of images and labels."""

import io
import json
import re
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pyogrio.raw
import rasterio
import scipy.io
from rasterio.io import MemoryFile
from sklearn.tree import DecisionTreeClassifier

from sklearn_hsiode import Scene, predict_map, read_scene
from tests.robustness.parts import features_of, fields_of
from tests.robustness.samples import Facts, Sample, Values, at, doubles
from tests.robustness.tiff import tiff_values

SHAPE = ROWS, COLS, BANDS = 6, 7, 5
NODATA = 31111
WAVELENGTHS = [451.25, 550.5, 649.75, 851.5, 1650.25]
TRANSFORM = rasterio.Affine(30, 0, 364095, 0, -30, 5809965)
PLACE = {"crs": "EPSG:32633", "transform": TRANSFORM}
PIXELS = "cube mask dropped shape dtype"
NUMBER = r"\s*\+?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*"
NUMBERS = rf"\{{{NUMBER}(,{NUMBER})*\}}"
ASCII = r"[\x00-\x7f]*"
ANY = r"[^\x00-\x08\x7f-\xff]*"
WORDS = r"[^\x00-\x1f{}=,\x7f-\xff]+"
FORMATS: dict[str, Callable[[], Sample]] = {}


def maker(name: str) -> Callable[[Callable[[], Sample]], Callable[[], Sample]]:
    """Register the maker of a format."""

    def register(make: Callable[[], Sample]) -> Callable[[], Sample]:
        FORMATS[name] = make
        return make

    return register


def cube_of(dtype: str = "int16", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(300, 30000, shape).astype(dtype)


def labels_of(dtype: str = "uint8") -> np.ndarray:
    labels = np.zeros((ROWS, COLS), dtype=dtype)
    labels[1:3, 1:4], labels[4:, 5:] = 1, 2
    return labels


def facts_of(scene: Scene) -> Facts:
    """All that a scene says, in types that can be compared."""
    cube = np.where(scene.mask[:, :, None], scene.cube, 0)
    return {
        "shape": scene.shape,
        "dtype": str(scene.dtype),
        "cube": cube.tobytes(),
        "mask": scene.mask.tobytes(),
        "wavelengths": None if scene.wavelengths is None else scene.wavelengths.tolist(),
        "fwhm": None if scene.fwhm is None else scene.fwhm.tolist(),
        "crs": None if scene.crs is None else scene.crs.to_wkt(),
        "transform": None if scene.transform is None else tuple(scene.transform),
        "dropped": dict(scene.dropped_bands),
        "labels": None if scene.labels is None else scene.labels.astype(np.int64).tobytes(),
        "class_names": dict(scene.class_names),
    }


def image(name: str) -> Callable[[Path], Facts]:
    return lambda folder: facts_of(read_scene(folder / name))


def labels(name: str, **options: Any) -> Callable[[Path], Facts]:
    return lambda folder: facts_of(read_scene(folder / "field.tif", folder / name, **options))


# NumPy and MATLAB


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_values(name: str, content: bytes, facts: str) -> Iterator[Values]:
    """The pixels, and the letters of the type that are as long as others."""
    start = content.index(b"\n") + 1
    yield Values(name, start, len(content), frozenset(facts.split()))
    kind = re.search(rb"'descr': '([^']*)'", content)
    yield Values(name, kind.start(1), kind.end(1), frozenset(f"{facts} dtype mask".split()))


@maker("npy")
def make_npy() -> Sample:
    content = npy(cube_of())
    values = tuple(npy_values("field.npy", content, PIXELS))
    return Sample({"field.npy": content}, image("field.npy"), values)


def make_npz(save: Callable[..., None]) -> Sample:
    file = io.BytesIO()
    save(file, cube=cube_of("float32"), gt=labels_of(), note=np.array(3))
    values = (
        *npy_values("field.npz!cube.npy", npy(cube_of("float32")), PIXELS),
        *npy_values("field.npz!gt.npy", npy(labels_of()), "labels"),
    )

    def read(folder: Path) -> Facts:
        return facts_of(read_scene(folder / "field.npz", folder / "field.npz"))

    return Sample({"field.npz": file.getvalue()}, read, values)


FORMATS["npz"] = partial(make_npz, np.savez)
FORMATS["npz compressed"] = partial(make_npz, np.savez_compressed)


def make_matlab(compressed: bool) -> Sample:
    file = io.BytesIO()
    scipy.io.savemat(file, {"cube": cube_of(), "note": "text"}, do_compression=compressed)
    content = file.getvalue()
    pixels = cube_of().tobytes("F")
    values = [] if compressed else list(at("field.mat", content, pixels, PIXELS))
    if not compressed:  # the class of the array, which may be wider than its values
        flags = content.index(struct.pack("<II", 6, 8), 128) + 8
        values.append(Values("field.mat", flags, flags + 2, frozenset({"dtype", "cube", "mask"})))
    return Sample({"field.mat": content}, image("field.mat"), tuple(values))


FORMATS["MATLAB 5"] = partial(make_matlab, False)
FORMATS["MATLAB 5 compressed"] = partial(make_matlab, True)


def make_matlab_73(**options: Any) -> Sample:
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as hdf:
        stored = hdf.create_dataset("cube", data=cube_of().T, **options)
        stored.attrs["MATLAB_class"] = np.bytes_("int16")
    start = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    content = start + file.getvalue()[len(start) :]
    pixels = np.ascontiguousarray(cube_of().T).tobytes()
    values = tuple(at("field.mat", content, pixels, PIXELS))
    return Sample({"field.mat": content}, image("field.mat"), values)


FORMATS["MATLAB 7.3"] = make_matlab_73
FORMATS["MATLAB 7.3 compressed"] = partial(
    make_matlab_73, chunks=(2, 7, 3), compression="gzip", fletcher32=True
)


# ENVI

AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
HEADER = """ENVI
description = {{a field,
  of some crop}}
samples = {cols}
lines = {rows}
bands = {bands}
header offset = {offset}
file type = {file_type}
data type = {data_type}
interleave = {interleave}
byte order = {byte_order}
map info = {{UTM, 1, 1, 364095, 5809965, 30, 30, 33, North, WGS-84, units=Meters}}
"""
OF_IMAGES = """wavelength units = Nanometers
wavelength = {451.25, 550.5, 649.75,
 851.5, 1650.25}
fwhm = {10.5, 11.5, 12.5, 13.5, 14.5}
bbl = {1, 1, 0, 1, 1}
data ignore value = 31111
reflectance scale factor = 10000
"""
# What each field is about, and how its values look.
FIELDS = {
    "samples": (PIXELS, NUMBER),
    "lines": (PIXELS, NUMBER),
    "bands": (PIXELS, NUMBER),
    "header offset": (PIXELS, NUMBER),
    "data type": (PIXELS, NUMBER),
    "interleave": (PIXELS, WORDS),
    "byte order": (PIXELS, NUMBER),
    "map info": ("crs transform", ANY),
    "wavelength units": ("wavelengths fwhm", WORDS),
    "wavelength": ("wavelengths", NUMBERS),
    "fwhm": ("fwhm", NUMBERS),
    "bbl": (f"wavelengths fwhm {PIXELS}", NUMBERS),
    "data ignore value": (PIXELS, NUMBER),
    "reflectance scale factor": (PIXELS, NUMBER),
    "classes": ("class_names", NUMBER),
    "class names": ("class_names", ANY),
}
REQUIRED = ("samples", "lines", "bands", "data type", "interleave")


def envi_values(name: str, content: bytes, more: str = "") -> Iterator[Values]:
    """Values of a header, of which most may be absent as well."""
    for key, value in fields_of(content).items():
        if key in FIELDS:
            facts, pattern = FIELDS[key]
            about = frozenset(f"{facts} {more}".split())
            optional = key not in REQUIRED
            yield Values(f"{name}!{key}", 0, len(value), about, pattern, may_be_absent=optional)


def make_envi(interleave: str, order: str, offset: int) -> Sample:
    cube = cube_of()
    cube[2, 3] = NODATA
    order_number = int(order == ">")
    header = HEADER.format(
        rows=ROWS,
        cols=COLS,
        bands=BANDS,
        offset=offset,
        data_type=2,
        file_type="ENVI Standard",
        interleave=interleave,
        byte_order=order_number,
    )
    text = (header + OF_IMAGES).encode()
    pixels = cube.transpose(AXES[interleave]).astype(f"{order}i2").tobytes()
    data = bytes(offset) + pixels
    values = (
        *envi_values("field.hdr", text),
        Values("field.img", offset, len(data), frozenset(PIXELS.split())),
    )
    return Sample({"field.hdr": text, "field.img": data}, image("field.img"), values)


FORMATS["ENVI bsq"] = partial(make_envi, "bsq", "<", 0)
FORMATS["ENVI bil"] = partial(make_envi, "bil", ">", 0)
FORMATS["ENVI bip"] = partial(make_envi, "bip", "<", 24)


# GeoTIFF


def tif(cube: np.ndarray, tags: Any = (), **profile: Any) -> bytes:
    rows, cols, bands = cube.shape
    profile = {"dtype": cube.dtype, **PLACE, **profile}
    scales, offsets = profile.pop("scales", None), profile.pop("offsets", None)
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", height=rows, width=cols, count=bands, **profile) as file:
            file.write(cube.transpose(2, 0, 1))
            for band, tag in enumerate(tags, start=1):
                file.update_tags(band, **tag)
            if scales is not None:
                file.scales, file.offsets = scales, offsets
        return bytes(memory.read())


def make_tif(dtype: str, scaled: bool = False, **profile: Any) -> Sample:
    cube = cube_of(dtype)
    cube[2, 3] = NODATA
    units = {"wavelength_units": "nm"}
    tags = [
        {"wavelength": str(wavelength), "fwhm": "10.5", "bbl": "0" if band == 2 else "1", **units}
        for band, wavelength in enumerate(WAVELENGTHS)
    ]
    if scaled:
        profile |= {"scales": [0.0001] * BANDS, "offsets": [0.5] * BANDS}
    content = tif(cube, tags, nodata=NODATA, **profile)
    values = tuple(tiff_values("field.tif", content))
    return Sample({"field.tif": content}, image("field.tif"), values)


TILES = {"tiled": True, "blockxsize": 16, "blockysize": 16}
FORMATS["GeoTIFF stripped"] = partial(make_tif, "int16", blockysize=2, interleave="band")
FORMATS["GeoTIFF tiled deflate"] = partial(make_tif, "float32", compress="deflate", **TILES)
FORMATS["GeoTIFF tiled pixel"] = partial(make_tif, "uint16", interleave="pixel", **TILES)
FORMATS["GeoTIFF LZW scaled"] = partial(make_tif, "int16", True, compress="lzw", predictor=2)
FORMATS["BigTIFF zstd"] = partial(make_tif, "uint16", BIGTIFF="yes", compress="zstd")


# Labels, on the grid of an image that is whole


def field() -> dict[str, bytes]:
    return {"field.tif": tif(cube_of())}


@maker("labels: MATLAB 5")
def make_matlab_labels() -> Sample:
    file = io.BytesIO()
    scipy.io.savemat(file, {"gt": labels_of("float64")})
    content = file.getvalue()
    flags = content.index(struct.pack("<II", 6, 8), 128) + 8
    values = (
        *at("gt.mat", content, labels_of("float64").tobytes("F"), "labels"),
        *at("gt.mat", content, labels_of("uint8").tobytes("F"), "labels"),
        Values("gt.mat", flags, flags + 2, frozenset({"labels"})),
    )
    return Sample({**field(), "gt.mat": content}, labels("gt.mat"), values, ("gt.mat",))


@maker("labels: npy")
def make_npy_labels() -> Sample:
    content = npy(labels_of())
    values = tuple(npy_values("gt.npy", content, "labels"))
    return Sample({**field(), "gt.npy": content}, labels("gt.npy"), values, ("gt.npy",))


@maker("labels: ENVI")
def make_envi_labels() -> Sample:
    text = HEADER.format(
        rows=ROWS,
        cols=COLS,
        bands=1,
        offset=0,
        data_type=1,
        file_type="ENVI Classification",
        interleave="bsq",
        byte_order=0,
    )
    text += "classes = 3\nclass lookup = {0, 0, 0, 9, 9, 9, 8, 8, 8}\n"
    text += "class names = {none, wheat, maize}\n"
    header = text.encode()
    values = (
        *envi_values("gt.hdr", header, "labels"),
        Values("gt.img", 0, ROWS * COLS, frozenset({"labels"})),
    )
    files = {**field(), "gt.hdr": header, "gt.img": labels_of().tobytes()}
    return Sample(files, labels("gt.img"), values, ("gt.hdr", "gt.img"))


@maker("labels: class map")
def make_class_map() -> Sample:
    with MemoryFile(tif(cube_of())) as memory, memory.open() as file:
        scene = Scene(
            cube_of(), class_names={1: "wheat", 2: "maize"}, crs=file.crs, transform=file.transform
        )
    with TemporaryDirectory() as folder:
        path = Path(folder, "map.tif")
        spectra = cube_of().reshape(-1, BANDS)
        tree = DecisionTreeClassifier(max_depth=3).fit(spectra, 1 + (spectra[:, 0] > 15000))
        predict_map(tree, scene, out=path)
        names = ("map.tif", "map.tif.aux.xml")
        files = {name: Path(folder, name).read_bytes() for name in names}
    values = (
        *tiff_values("map.tif", files["map.tif"], "labels", "labels class_names"),
        *(
            value
            for name in (b"wheat", b"maize")
            for value in at("map.tif.aux.xml", files["map.tif.aux.xml"], name, "class_names", WORDS)
        ),
    )
    return Sample({**field(), **files}, labels("map.tif"), values, names)


def outline(top: int, left: int, bottom: int, right: int) -> list[tuple[float, float]]:
    """Corners of a polygon around pixels, a little inside their outer edges."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    inset = [(0.2, 0.2), (-0.2, 0.2), (-0.2, -0.2), (0.2, -0.2), (0.2, 0.2)]
    places = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(corners, inset, strict=True)]
    return [(TRANSFORM.c + 30 * x, TRANSFORM.f - 30 * y) for x, y in places]


POLYGONS = [outline(1, 1, 3, 4), outline(4, 5, 6, 7), outline(0, 5, 1, 7)]
NAMES = ["wheat", "maize", "wheat"]


def wkb(ring: list[tuple[float, float]]) -> bytes:
    return struct.pack("<BIII", 1, 3, 1, len(ring)) + np.array(ring).astype("<f8").tobytes()


def make_vector(suffix: str, driver: str, **options: Any) -> Sample:
    """Polygons with names, as a library writes them."""
    with TemporaryDirectory() as folder:
        pyogrio.raw.write(
            Path(folder, f"gt{suffix}"),
            np.array([wkb(ring) for ring in POLYGONS], dtype=object),
            [np.array(NAMES, dtype=object), np.array([1, 2, 1])],
            ["crop", "number"],
            **{"driver": driver, "geometry_type": "Polygon", "crs": "EPSG:32633", **options},
        )
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
    values = []
    for name, content in files.items():
        values += doubles(name, content, POLYGONS, "labels class_names")
        for crop in set(NAMES):
            # In a .dbf, blanks fill its column, of 80 characters.
            text = crop.encode().ljust(80 if name.endswith(".dbf") else 0)
            values += at(name, content, text, "labels class_names", ASCII)
    read = labels(f"gt{suffix}", class_column="crop")
    return Sample({**field(), **files}, read, tuple(values), tuple(files))


FORMATS["labels: GeoPackage"] = partial(make_vector, ".gpkg", "GPKG")
FORMATS["labels: shapefile"] = partial(make_vector, ".shp", "ESRI Shapefile")
FORMATS["labels: FlatGeobuf"] = partial(make_vector, ".fgb", "FlatGeobuf")


@maker("labels: GeoJSON")
def make_geojson() -> Sample:
    features = [
        {
            "type": "Feature",
            "properties": {"crop": name},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for name, ring in zip(NAMES, POLYGONS, strict=True)
    ]
    name = "urn:ogc:def:crs:EPSG::32633"
    crs = {"type": "name", "properties": {"name": name}}
    text = json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}).encode()
    about = frozenset({"labels", "class_names"})
    values = tuple(
        Values(f"gt.geojson!{i}", 0, len(feature), about, ".*", may_be_absent=True)
        for i, feature in features_of(text).items()
        if i.isdecimal()
    )
    read = labels("gt.geojson", class_column="crop")
    return Sample({**field(), "gt.geojson": text}, read, values, ("gt.geojson",))
