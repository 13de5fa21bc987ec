"""Reader of ENVI images: GDAL reads their headers, and what it does not check is checked here."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._numbers import number
from sklearn_hsiode.io.readers._raster import (
    RasterSource,
    bad_bands,
    opened_raster,
    raster_source,
    read_raster,
)
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._stored import BANDS, COLS, ROWS, StoredSource
from sklearn_hsiode.io.readers._wavelengths import in_nanometres

logger = logging.getLogger(__name__)

# Suffixes that ENVI files come with; other files may have some of them as well.
OF_ENVI_ALONE = (".bil", ".bip", ".bsq", ".raw", ".envi", ".rfl", ".rdn")
DATA_SUFFIXES = ("", ".img", ".dat", ".bin", *OF_ENVI_ALONE)
AXES = {"bil": (ROWS, BANDS, COLS), "bip": (ROWS, COLS, BANDS), "bsq": (BANDS, ROWS, COLS)}
# The type of each data type; 6 and 9 are complex.
TYPES = {
    1: "u1",
    2: "i2",
    3: "i4",
    4: "f4",
    5: "f8",
    6: "c8",
    9: "c16",
    12: "u2",
    13: "u4",
    14: "i8",
    15: "u8",
}
NOTHING = ("", "none")
LINE = 10_000  # characters of a line at which GDAL stops to read the header
BEHIND = re.compile(r"\{[^{}]*\}(.+)", re.DOTALL)  # what stands on the line on which a list ends
HEADER = 16  # mebibytes, many times what 20,000 bands take

Header = dict[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class EnviSource(StoredSource, RasterSource):
    """An image of ENVI's, whose values are read as its header says they lie."""


def read_envi(path: Path) -> RasterSource:
    """The image whose ENVI header or data file is given, or in any other that rasterio opens.

    A file of whatever suffix is ENVI's where a header of ENVI's lies beside it.
    """
    pair = envi_files(path)
    if pair is not None:
        return _read_pair(*pair)
    try:
        return read_raster(path)
    except ValueError as error:
        if path.suffix.lower() in DATA_SUFFIXES:
            raise FileNotFoundError(
                f"{path} has no ENVI header beside it ({path.stem}.hdr), and is of no other"
                f" kind that rasterio knows, or damaged: {error}"
            ) from error
        raise


def _read_pair(header: Path, data: Path) -> RasterSource:
    with reading(header, "an ENVI header"):
        fields = _fields(header)
        shape, stored = _layout(header, fields, data)
        about = _about_bands(header, fields, shape[2], stored)
    with opened_raster(data, "ENVI", warn=True) as file:
        read = (file.height, file.width, file.count), np.dtype(file.dtypes[0])
        if read != (shape, stored.newbyteorder("=")):
            raise ValueError(
                f"{header} is read differently by GDAL, as {file.height} lines x {file.width}"
                f" samples x {file.count} bands of {file.dtypes[0]}: write each of its fields"
                " on a line of its own."
            )
        is_placed = any(fields.get(key) for key in ("map_info", "coordinate_system_string"))
        if is_placed and file.crs is None and "arbitrary" not in fields.get("map_info", "").lower():
            logger.warning(
                "%s has a map info or coordinate system string that is not understood: its scene,"
                " and maps of it, have no CRS.",
                header,
            )
        about |= {"header": header, "has_mask": data.with_name(f"{data.name}.msk").is_file()}
        if _number(header, fields, "file_compression", "0", int):
            return raster_source(data, file, **about)
        start = _number(header, fields, "header_offset", "0", int)
        return raster_source(
            data,
            file,
            EnviSource,
            **about,
            start=start,
            axes=AXES[fields["interleave"].lower()],
            stored=stored,
            kind="an ENVI image",
        )


def envi_files(path: Path) -> tuple[Path, Path] | None:
    """Header and data file of an ENVI image of which either is given, or None for others."""
    if path.suffix.lower() == ".hdr":
        return path, _data_file(path)
    headers = [path.with_name(path.name + end) for end in (".hdr", ".HDR")]
    if path.suffix.lower() in DATA_SUFFIXES:  # image.hdr is no header of image.tif
        # In the order in which GDAL looks for them.
        headers = [*(path.with_suffix(end) for end in (".hdr", ".HDR")), *headers]
    header = next((header for header in headers if _is_envi(header)), None)
    # A header of another kind is for rasterio to understand: ESRI has .bil files as well.
    is_bare = not any(header.exists() for header in headers)
    if header is None and is_bare and path.suffix.lower() in OF_ENVI_ALONE:
        raise FileNotFoundError(
            f"{path} has no ENVI header beside it: it would be {headers[0].name} or"
            f" {headers[2].name}."
        )
    return None if header is None else (header, path)


def _fields(path: Path) -> Header:
    """Fields of a header by their names in lower case."""
    if path.stat().st_size > HEADER * 2**20:
        raise ValueError(f"{path} is no ENVI header: it has more than {HEADER} MiB.")
    text = path.read_text(encoding="utf-8", errors="replace").lstrip("\ufeff \n\r")
    if text.partition("\n")[0].strip().lower() != "envi" or "\0" in text:
        raise ValueError(f"{path} is no ENVI header: it must be text whose first line is ENVI.")
    if max(map(len, text.split("\n"))) >= LINE:
        raise ValueError(
            f"{path} has a line of {LINE:,} characters or more, where GDAL stops to read: break"
            " the lists in it into lines."
        )
    fields: Header = {}
    lines = iter(text.split("\n")[1:])
    for line in lines:
        name, equals, value = line.partition("=")
        is_field = equals and name.strip() and name.isascii() and not set(name) & set("{}")
        if not is_field or value.count("}") > value.count("{"):
            if line.strip() and not line.lstrip().startswith(";"):
                logger.warning("%s has a line that is not read: %.80r", path, line)
            continue
        while value.count("{") > value.count("}"):
            try:
                value += f" {next(lines)}"
            except StopIteration:
                raise ValueError(f"{path} ends within the list of {name.strip()}.") from None
        key, value = "_".join(name.lower().split()), value.strip()
        if behind := BEHIND.match(value):
            logger.warning("%s has text behind a list that is not read: %.80r", path, behind[1])
        if key in fields:
            if fields[key] != value:
                raise ValueError(f"{path} gives {name.strip()} twice: leave one of them.")
            logger.warning("%s gives %s twice", path, name.strip())
        fields[key] = value
    return fields


def _layout(path: Path, fields: Header, data: Path) -> tuple[tuple[int, int, int], np.dtype]:
    """Lines, samples and bands, and the type of values, of a header that describes its data file.

    GDAL does not tell the fields of a header that it refuses, and reads files of a wrong size.
    """
    rows, cols, bands, kind = (
        _number(path, fields, key, kind=int) for key in ("lines", "samples", "bands", "data_type")
    )
    if min(rows, cols, bands) < 1:
        raise ValueError(f"{path} has {rows} lines, {cols} samples and {bands} bands.")
    interleave = fields.get("interleave", "").lower()
    if interleave not in AXES:
        raise ValueError(
            f"{path} names the interleave {interleave!r}, but it must be one of {', '.join(AXES)}."
        )
    if kind not in TYPES:
        raise ValueError(f"{path} names the data type {kind}, but ENVI has {[*TYPES]}.")
    order = _number(path, fields, "byte_order", "0", int)
    if order not in (0, 1):
        raise ValueError(
            f"{path} names the byte order {order}, but it must be 0 (little-endian) or 1."
        )
    offset = _number(path, fields, "header_offset", "0", int)
    dtype = np.dtype(TYPES[kind]).newbyteorder(">" if order else "<")
    expected, actual = offset + rows * cols * bands * dtype.itemsize, data.stat().st_size
    is_compressed = _number(path, fields, "file_compression", "0", int) != 0
    if offset < 0 or (actual != expected and not is_compressed):
        raise ValueError(
            f"{path} describes {expected} bytes ({rows} lines x {cols} samples x {bands} bands of"
            f" data type {kind} after {offset} bytes), but {data.name} has {actual}: mend the"
            " header, or copy the file again."
        )
    return (rows, cols, bands), dtype


def _about_bands(path: Path, fields: Header, bands: int, dtype: np.dtype) -> dict[str, Any]:
    """Wavelengths, widths, bad bands, gains and names of values, where the header has them."""
    wavelengths, widths = (_list(path, fields, key, bands) for key in ("wavelength", "fwhm"))
    about: dict[str, Any] = in_nanometres(path, wavelengths, widths, fields.get("wavelength_units"))
    if multipliers := _list(path, fields, "bbl", bands):
        about["bad"] = bad_bands(path, multipliers)
    factor = _number(path, fields, "reflectance_scale_factor", "1")
    if factor <= 0:
        raise ValueError(
            f"{path} has reflectance scale factor = {factor:g}, by which no reflectance is scaled:"
            " write 1 where values are not."
        )
    if factor != 1:
        about["gains"], about["offsets"] = np.full(bands, 1 / factor), np.zeros(bands)
    if fields.get("data_ignore_value", "").lower() in NOTHING:
        about["nodatavals"] = (None,) * bands  # of which GDAL would make 0
        ignored = 0.0
    else:  # GDAL reads as much of it as is a number
        ignored = _number(path, fields, "data_ignore_value")
    if dtype.kind in "iu" and not np.isfinite(ignored):
        raise ValueError(f"{path} has data ignore value = {ignored}, which is none of {dtype}.")
    _check_map_info(path, fields)
    if "\ufffd" in fields.get("class_names", ""):
        logger.warning("%s has class names with characters that are not UTF-8.", path)
    names = enumerate(_list(path, fields, "class_names"))
    about["class_names"] = {value: name for value, name in names if value} or None
    return about


def _check_map_info(path: Path, fields: Header) -> None:
    """Raise ValueError for a map info that GDAL would take for another one."""
    text = " ".join(fields.get("map_info", "").split())
    if not text.isprintable() or "\ufffd" in text:
        raise ValueError(f"{path} has a map info with characters that are no text.")
    projection, *places = _list(path, fields, "map_info") or [""]
    for place in places[:6]:
        _number(path, {"map_info": place}, "map_info")
    has_hemisphere = len(places) < 8 or places[7].lower() in ("n", "north", "south")
    if projection.lower() == "utm" and not has_hemisphere:
        raise ValueError(  # GDAL takes all but South for North
            f"{path} has a map info with {places[7]!r}, where North or South must be."
        )


def _is_envi(header: Path) -> bool:
    if not header.is_file():
        return False
    with header.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \n\r").startswith(b"ENVI")


def _data_file(header: Path) -> Path:
    stem = header.with_suffix("")  # of image.hdr, or of image.img.hdr
    names = [stem.name + end for suffix in DATA_SUFFIXES for end in (suffix, suffix.upper())]
    for name in names:
        if (data := header.with_name(name)) != header and data.is_file():
            return data
    raise FileNotFoundError(
        f"The ENVI header {header} has no data file beside it: it would be {stem.name}, with no"
        f" suffix or with one of {', '.join(DATA_SUFFIXES[1:])}."
    )


def _number(
    path: Path, fields: Header, key: str, default: str | None = None, kind: type = float
) -> Any:
    text, called = fields.get(key, default), key.replace("_", " ")
    if text is None:
        raise ValueError(f"{path} does not say {called} = ..., which an ENVI header must.")
    try:
        return number(text, kind)
    except ValueError as error:
        what = "whole number" if kind is int else "number"
        raise ValueError(f"{path} has {called} = {text[:50]}, which is no {what}.") from error


def _list(path: Path, fields: Header, key: str, length: int | None = None) -> list[str]:
    text = fields.get(key, "{}")
    if not text:
        raise ValueError(f"{path} gives {key.replace('_', ' ')}, but nothing as its value.")
    inside = "" if text.lower() in NOTHING else text.removeprefix("{").removesuffix("}")
    if "{" in inside and "=" in inside:
        raise ValueError(f"{path} has more than one list in {key.replace('_', ' ')}.")
    values = [value.strip() for value in inside.split(",")] if inside.strip() else []
    if values and length is not None and len(values) != length:
        raise ValueError(f"{path} lists {len(values)} values as {key} for {length} bands.")
    return values
