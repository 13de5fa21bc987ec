"""Checks that the parts of a shapefile are whole and fit together, which GDAL does not make.

The layout is that of the ESRI Shapefile Technical Description of 1998, and of dBASE III.
"""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEADER = 100  # bytes of the header of .shp and .shx
# Numbers of the types of shapes: polygons and lines are the others.
POINTS, MULTIPOINTS, WITH_Z = (1, 11, 21), (8, 18, 28), (11, 13, 15, 18)
UNKNOWN_CRS = b"{B286C06B-0879-11D2-AACA-00C04FA33C20}"  # as ArcGIS spells it
NO_BOX = (np.nan,) * 4
NUMBER = re.compile(
    rb"\s*[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|inf|infinity)\s*|[\s*\0]*", re.IGNORECASE
)
# Zeros may pad a text; of control characters a tab and the ends of lines may be meant.
TEXT = re.compile(rb"[^\0-\x08\x0b\x0c\x0e-\x1f]*\0*", re.DOTALL)
ANYTHING = re.compile(b".*", re.DOTALL), "anything"
CELLS = {"N": (NUMBER, "a number"), "F": (NUMBER, "a number"), "C": (TEXT, "a text")}


@dataclass(frozen=True)
class Shapefile:
    """What a shapefile says of its features, apart from those that are deleted.

    Parameters
    ----------
    path : path
        The ``.shp``.
    boxes : array of shape (n_features, 4)
        Lowest x and y and highest x and y of each shape; NaN where there is none.
    has_crs : bool
        True where a ``.prj`` names a coordinate reference system.
    """

    path: Path
    boxes: np.ndarray
    has_crs: bool

    def check(self, bounds: np.ndarray) -> None:
        """Warn unless these are the bounds that the file tells: some writers leave them out."""
        close = np.isclose(bounds, self.boxes, rtol=1e-9, atol=1e-9, equal_nan=True).all(axis=1)
        if not close.all():
            warnings.warn(
                f"{self.path}: shape {close.argmin() + 1} has other bounds than it tells, so that"
                " the file may be damaged.",
                stacklevel=2,
            )


def read_shapefile(path: Path) -> Shapefile:
    """The parts of a shapefile, which are checked.

    Parameters
    ----------
    path : path
        The ``.shp``; ``.shx`` and ``.dbf`` lie beside it.

    Raises
    ------
    ValueError
        When a part is missing, is cut, or does not fit another one.
    """
    parts = {
        part.suffix.lower(): part.read_bytes()
        for part in path.parent.iterdir()
        if part.stem == path.stem and part.suffix.lower() in (".shp", ".shx", ".dbf", ".prj")
    }
    for suffix in (".shx", ".dbf"):
        if suffix not in parts:
            raise ValueError(f"{path.stem}{suffix}, which is a part of it, does not lie beside it")
    shp, shx, dbf = parts[".shp"], parts[".shx"], parts[".dbf"]
    for suffix, content in (".shp", shp), (".shx", shx):
        declared = 2 * int.from_bytes(content[24:28])
        if len(content) != max(declared, HEADER):
            raise ValueError(f"its {suffix} has {len(content):,} bytes, and not {declared:,}")
    is_kept = _check_table(dbf)
    index = np.frombuffer(shx, ">u4", offset=HEADER).reshape(-1, 2).astype(int) * 2
    if len(index) != len(is_kept):
        raise ValueError(f"its .shx has {len(index)} features, and its .dbf {len(is_kept)}")
    if len(np.unique(index[:, 0])) < len(index):
        raise ValueError("its .shx has the same place for two shapes")
    kind = int.from_bytes(shp[32:36], "little")
    boxes = [
        _box(shp, number, start, size, kind) for number, (start, size) in enumerate(index, start=1)
    ]
    has_crs = parts.get(".prj", b"").strip() not in (b"", UNKNOWN_CRS)
    _check_crs(parts.get(".prj", b""))
    return Shapefile(path, np.reshape(boxes, (-1, 4))[is_kept], has_crs)


def _check_table(dbf: bytes) -> np.ndarray:
    """Check a .dbf, and return which of its records are not deleted."""
    n_records, start, size = struct.unpack_from("<IHH", dbf, 4)
    ends = range(64, start, 32)  # of the descriptions of columns, up to a carriage return
    columns = [dbf[end - 32 : end] for end in ends if b"\r" not in dbf[32:end:32]]
    parts = [("deleted", "S1"), *((f"column {i}", f"V{c[16]}") for i, c in enumerate(columns))]
    dtype = np.dtype(parts)
    if dtype.itemsize != size:
        raise ValueError(f"the columns of its .dbf take {dtype.itemsize} bytes, and not {size}")
    if len(dbf) < start + n_records * size:  # what lies behind the records belongs to none
        raise ValueError(
            f"its .dbf has {len(dbf):,} bytes, and not {start + n_records * size:,} as it says"
        )
    table = np.frombuffer(dbf, dtype, count=n_records, offset=start)
    if not np.isin(table["deleted"], (b" ", b"*")).all():
        raise ValueError("its .dbf has records that do not begin as records do")
    for i, column in enumerate(columns):
        expected, what = CELLS.get(chr(column[11]), ANYTHING)
        for text in table[f"column {i}"].tolist():
            if not expected.fullmatch(text):
                raise ValueError(f"its .dbf holds {text!r} where {what} should be")
    return table["deleted"] != b"*"


def _check_crs(prj: bytes) -> None:
    """Raise ValueError for brackets that do not match, or more than one pair around them all."""
    bare = re.sub(rb'"[^"]*"|[^][()]', b"", prj)
    depth = np.cumsum([1 if bracket in b"[(" else -1 for bracket in bare])
    if len(depth) and ((depth[:-1] < 1).any() or depth[-1] != 0):
        raise ValueError("its .prj does not define one coordinate reference system")


def _box(shp: bytes, number: int, start: int, size: int, kind: int) -> tuple[float, ...]:
    """Bounds of a shape, whose record is checked."""
    if struct.unpack_from(">i", shp, start + 4) != (size // 2,):
        raise ValueError(f"its .shx does not tell where shape {number} is")
    shape = shp[start + 8 : start + 8 + size]
    found = int.from_bytes(shape[:4], "little")
    if found == 0 and size == 4:
        return NO_BOX
    if found != kind:
        raise ValueError(f"shape {number} is of type {found}, and not {kind} as all should be")
    expected, n_points, box = _layout(shape, kind)
    # Heights and measures are numbers for each point, behind their lowest and highest one.
    more = 8 * n_points + (0 if kind in POINTS else 16)
    if size - expected not in [n * more for n in ((1, 2) if kind in WITH_Z else (0, 1))]:
        raise ValueError(f"shape {number} has {size} bytes, which are not those of its points")
    return box if n_points else NO_BOX


def _layout(shape: bytes, kind: int) -> tuple[int, int, tuple[float, ...]]:
    """Bytes that a shape takes without heights and measures, its points, and its bounds."""
    if kind in POINTS:
        return 20, 1, struct.unpack_from("<2d", shape, 4) * 2
    box = struct.unpack_from("<4d", shape, 4)
    if kind in MULTIPOINTS:
        (n_points,) = struct.unpack_from("<i", shape, 36)
        return 40 + 16 * n_points, n_points, box
    n_parts, n_points = struct.unpack_from("<2i", shape, 36)
    return 44 + 4 * n_parts + 16 * n_points, n_points, box
