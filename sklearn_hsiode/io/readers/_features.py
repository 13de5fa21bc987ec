"""Features: polygons or points with a class each, as they lie in a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Features:
    """Geometries with what one column holds for each.

    Parameters
    ----------
    geometries : array of shape (n_features,)
        Shapely's; None where a feature has none.
    values : list
        None where the column is empty.
    crs : rasterio.crs.CRS, default=None
        None where the file does not tell.
    """

    geometries: np.ndarray
    values: list[Any]
    crs: Any = None


def layer_with(path: Path, layers: Mapping[str, Collection[str]], column: str | None) -> str:
    """Name of the only layer that has a column."""
    columns = ", ".join(dict.fromkeys(name for names in layers.values() for name in names))
    if column is None:
        raise ValueError(
            f"Say with class_column=... (--class-column on the command line) which column of {path}"
            f" holds the classes: it has {columns or 'none'}."
        )
    having = [layer for layer, names in layers.items() if column in names]
    if not having:
        raise ValueError(f"{path} has no column {column!r}: it has {columns or 'none'}.")
    if len(having) > 1:
        raise ValueError(
            f"{path} has the column {column!r} in the layers {', '.join(having)}: save the one"
            " that holds the labels as a file of its own."
        )
    return having[0]
