"""ENVI headers: what GDAL does not check, or does not tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io._wavelengths import in_nanometres

# Suffixes that ENVI files come with; other files may have some of them as well.
OF_ENVI_ALONE = (".bil", ".bip", ".bsq", ".raw", ".envi", ".rfl", ".rdn")
DATA_SUFFIXES = ("", ".img", ".dat", ".bin", *OF_ENVI_ALONE)
INTERLEAVES = ("bil", "bip", "bsq")
# Bytes of a value of each data type; 6 and 9 are complex.
BYTES = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 9: 16, 12: 2, 13: 4, 14: 8, 15: 8}

Header = dict[str, str]


def envi_files(path: Path) -> tuple[Path, Path] | None:
    """Header and data file of an ENVI image of which either is given, or None for others.

    Raises
    ------
    FileNotFoundError
        When there is only one of them.
    """
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


def read_header(path: Path) -> Header:
    """Fields of a header, in lower case, with lists still in their braces.

    Raises
    ------
    ValueError
        When the file is no ENVI header.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.lstrip("\ufeff \n\r").startswith("ENVI"):
        raise ValueError(f"{path} is no ENVI header: its first line must be ENVI.")
    fields = re.findall(r"^[ \t]*([^=\n;{}]+?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n]*)", text, re.MULTILINE)
    return {key.lower(): value.strip() for key, value in fields}


def check_sizes(path: Path, header: Header, data: Path) -> None:
    """Raise ValueError unless a header is complete and describes its data file."""
    rows, cols, bands, kind = (
        _integer(path, header, key) for key in ("lines", "samples", "bands", "data type")
    )
    interleave = header.get("interleave", "").lower()
    if interleave not in INTERLEAVES:
        raise ValueError(
            f"{path} names the interleave {interleave!r}, but it must be one of"
            f" {', '.join(INTERLEAVES)}."
        )
    if kind not in BYTES:
        raise ValueError(f"{path} names the data type {kind}, but ENVI has {[*BYTES]}.")
    offset = _integer(path, header, "header offset", "0")
    expected, actual = offset + rows * cols * bands * BYTES[kind], data.stat().st_size
    if _integer(path, header, "file compression", "0") == 0 and actual != expected:
        raise ValueError(
            f"{path} describes {expected} bytes ({rows} lines x {cols} samples x {bands} bands of"
            f" data type {kind} after {offset} bytes), but {data.name} has {actual}: mend the"
            " header, or copy the file again."
        )


def about_bands(path: Path, header: Header) -> dict[str, Any]:
    """Wavelengths, widths, bad bands and gains of the bands, where the header has them."""
    bands = _integer(path, header, "bands")
    wavelengths, widths = (_list(path, header, key, bands) for key in ("wavelength", "fwhm"))
    about: dict[str, Any] = in_nanometres(wavelengths, widths, header.get("wavelength units"))
    if multipliers := _list(path, header, "bbl", bands):
        about["bad"] = np.array([is_zero(multiplier) for multiplier in multipliers])
    factor = _number(path, header, "reflectance scale factor", 1.0)
    if factor not in (0.0, 1.0):
        about["gains"], about["offsets"] = np.full(bands, 1 / factor), np.zeros(bands)
    return about


def class_names(path: Path, header: Header) -> dict[Any, str] | None:
    """Name of each value of a classification, or None."""
    names = _list(path, header, "class names", None)
    return {value: name for value, name in enumerate(names) if value} or None


def is_zero(text: str | None) -> bool:
    """Whether a multiplier of a bad-band list marks its band as bad."""
    try:
        return text is not None and float(text) == 0
    except ValueError:
        return False


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


def _number(path: Path, header: Header, key: str, default: float) -> float:
    try:
        return float(header.get(key, default))
    except ValueError as error:
        raise ValueError(f"{path} has {key} = {header[key]}, which is no number.") from error


def _integer(path: Path, header: Header, key: str, default: str | None = None) -> int:
    value = header.get(key, default)
    if value is None:
        raise ValueError(f"{path} does not say {key} = ..., which an ENVI header must.")
    try:
        return int(value)
    except ValueError as error:
        raise ValueError(f"{path} has {key} = {value}, which is no whole number.") from error


def _list(path: Path, header: Header, key: str, length: int | None) -> list[str]:
    text = header.get(key, "").strip("{} \t\r\n")
    values = [value.strip() for value in text.split(",")] if text else []
    if values and length is not None and len(values) != length:
        raise ValueError(f"{path} lists {len(values)} values as {key} for {length} bands.")
    return values
