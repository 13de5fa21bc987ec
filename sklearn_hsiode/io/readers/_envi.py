"""Reader of ENVI images: GDAL reads their headers, and what it does not check is checked here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._raster import (
    RasterSource,
    bad_bands,
    opened_raster,
    raster_source,
    read_raster,
)
from sklearn_hsiode.io.readers._wavelengths import in_nanometres

# Suffixes that ENVI files come with; other files may have some of them as well.
OF_ENVI_ALONE = (".bil", ".bip", ".bsq", ".raw", ".envi", ".rfl", ".rdn")
DATA_SUFFIXES = ("", ".img", ".dat", ".bin", *OF_ENVI_ALONE)
INTERLEAVES = ("bil", "bip", "bsq")
# Bytes of a value of each data type; 6 and 9 are complex.
BYTES = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 9: 16, 12: 2, 13: 4, 14: 8, 15: 8}

Header = dict[str, str]


def read_envi(path: Path) -> RasterSource:
    """The image whose ENVI header or data file is given, or in any other that rasterio opens.

    A file of whatever suffix is ENVI's where a header of ENVI's lies beside it.
    """
    pair = envi_files(path)
    if pair is not None:
        header, data = pair
        _check_sizes(header, data)
        with opened_raster(data, "ENVI") as file:
            return raster_source(data, file, header=header, **_about_bands(header, file))
    try:
        return read_raster(path)
    except ValueError as error:
        if path.suffix.lower() in DATA_SUFFIXES:
            raise FileNotFoundError(
                f"{path} has no ENVI header beside it ({path.stem}.hdr), and is of no other"
                " kind that rasterio knows."
            ) from error
        raise


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


def _check_sizes(path: Path, data: Path) -> None:
    """Raise ValueError unless a header is complete and describes its data file.

    GDAL does not tell the fields of a header that it refuses, and reads files of a wrong size.
    """
    header = _numbers_and_words(path)
    rows, cols, bands, kind = (
        _number(path, header, key) for key in ("lines", "samples", "bands", "data type")
    )
    interleave = header.get("interleave", "").lower()
    if interleave not in INTERLEAVES:
        raise ValueError(
            f"{path} names the interleave {interleave!r}, but it must be one of"
            f" {', '.join(INTERLEAVES)}."
        )
    if kind not in BYTES:
        raise ValueError(f"{path} names the data type {kind}, but ENVI has {[*BYTES]}.")
    offset = _number(path, header, "header offset", "0")
    expected, actual = offset + rows * cols * bands * BYTES[kind], data.stat().st_size
    if _number(path, header, "file compression", "0") == 0 and actual != expected:
        raise ValueError(
            f"{path} describes {expected} bytes ({rows} lines x {cols} samples x {bands} bands of"
            f" data type {kind} after {offset} bytes), but {data.name} has {actual}: mend the"
            " header, or copy the file again."
        )


def _numbers_and_words(path: Path) -> Header:
    """Fields of a header, in lower case, that are no lists in braces."""
    text = path.read_text(encoding="utf-8", errors="replace").lower()
    if not text.lstrip("\ufeff \n\r").startswith("envi"):
        raise ValueError(f"{path} is no ENVI header: its first line must be ENVI.")
    fields = re.findall(r"^[ \t]*(.+?)[ \t]*=(.*)", re.sub(r"\{[^}]*\}", "", text), re.MULTILINE)
    return {key: value.strip() for key, value in fields}


def _about_bands(path: Path, file: Any) -> dict[str, Any]:
    """Wavelengths, widths, bad bands, gains and names of values, where the header has them."""
    header = {key.lower(): value for key, value in file.tags(ns="ENVI").items()}
    bands = file.count
    wavelengths, widths = (_list(path, header, key, bands) for key in ("wavelength", "fwhm"))
    about: dict[str, Any] = in_nanometres(wavelengths, widths, header.get("wavelength_units"))
    if multipliers := _list(path, header, "bbl", bands):
        about["bad"] = bad_bands(multipliers)
    factor = _number(path, header, "reflectance_scale_factor", "1", float)
    if factor not in (0.0, 1.0):
        about["gains"], about["offsets"] = np.full(bands, 1 / factor), np.zeros(bands)
    names = enumerate(_list(path, header, "class_names"))
    about["class_names"] = {value: name for value, name in names if value} or None
    return about


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
    path: Path, header: Header, key: str, default: str | None = None, kind: type = int
) -> Any:
    text, called = header.get(key, default), key.replace("_", " ")
    if text is None:
        raise ValueError(f"{path} does not say {called} = ..., which an ENVI header must.")
    try:
        return kind(text)
    except ValueError as error:
        what = "whole number" if kind is int else "number"
        raise ValueError(f"{path} has {called} = {text}, which is no {what}.") from error


def _list(path: Path, header: Header, key: str, length: int | None = None) -> list[str]:
    text = header.get(key, "").strip("{} \t\r\n")
    values = [value.strip() for value in text.split(",")] if text else []
    if values and length is not None and len(values) != length:
        raise ValueError(f"{path} lists {len(values)} values as {key} for {length} bands.")
    return values
