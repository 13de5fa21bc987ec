"""Checks that a layer of a GeoPackage is whole, which GDAL does not make.

The layout is that of the OGC GeoPackage Encoding Standard (12-128).
"""

from __future__ import annotations

import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np

# The envelope in the header of a geometry, in the byte of flags, and its bytes.
ENVELOPE, SIZES = 0b1110, (0, 32, 48, 48, 64)
STRAIGHT = 6  # types of geometries up to this number have no arcs


def check_geopackage(path: Path, layer: str, n_shapes: int) -> bool:
    """Check a layer, and return whether it has a coordinate reference system.

    Parameters
    ----------
    path : path
        The file.
    layer : str
        Name of the layer.
    n_shapes : int
        How many geometries have been read of it.

    Raises
    ------
    ValueError
        When SQLite finds the file damaged, or a geometry is lost or not within its bounds.
    """
    is_open = any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    name = quote(os.fsencode(path.absolute().as_posix()), safe="/:")
    how = "mode=ro" if is_open else "immutable=1"
    address = f"file:{'' if name.startswith('/') else '/'}{name}?{how}"
    with closing(sqlite3.connect(address, uri=True)) as database:
        database.text_factory = lambda text: text.decode(errors="replace")
        (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise ValueError(found)
        column, crs = database.execute(
            "SELECT column_name, srs_id FROM gpkg_geometry_columns"
            " WHERE lower(table_name) = lower(?)",
            (layer,),
        ).fetchone()
        column, table = (name.replace('"', '""') for name in (column, layer))
        blobs = database.execute(f'SELECT "{column}" FROM "{table}"').fetchall()
    told = [blob for (blob,) in blobs if blob is not None]
    if n_shapes != len(told):
        raise ValueError(f"{n_shapes} of its {len(told)} geometries can be read")
    _check_envelopes([blob for blob in told if blob[3] & ENVELOPE])
    return crs > 0


def _check_envelopes(blobs: list[bytes]) -> None:
    """Raise ValueError unless geometries of a GeoPackage have the bounds that they tell."""
    import shapely

    boxes, shapes = [], []
    for blob in blobs:
        shape = blob[8 + SIZES[(blob[3] & ENVELOPE) // 2] :]
        if int.from_bytes(shape[1:5], "little" if shape[0] else "big") % 1000 <= STRAIGHT:
            shapes.append(shape)
            boxes.append(struct.unpack_from("<4d" if blob[3] & 1 else ">4d", blob, 8))
    bounds = shapely.bounds(shapely.from_wkb(shapes))[:, [0, 2, 1, 3]]
    if not np.allclose(bounds, np.reshape(boxes, (-1, 4)), rtol=1e-9, atol=1e-9, equal_nan=True):
        raise ValueError("its geometries are not within the bounds that they tell")
