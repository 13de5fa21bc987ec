"""Labels of a scene: whole numbers, or names, on its grid."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._labels import UNLABELED
from sklearn_hsiode._memory import require_memory
from sklearn_hsiode.io.readers._reading import told
from sklearn_hsiode.io.readers._registry import read_source
from sklearn_hsiode.io.readers._source import CubeSource

SAME_PLACE = 0.01  # pixels by which two grids may be apart


def read_labels(
    labels: Any,
    grid: CubeSource,
    *,
    labels_variable: str | None = None,
    class_column: str | None = None,
) -> tuple[np.ndarray | None, dict[Any, str] | None]:
    """Labels of an image, from an array or a file, and names of the classes where it has them."""
    if isinstance(labels, (str, PathLike)):
        source = read_source(labels, grid=grid, variable=labels_variable, class_column=class_column)
        return _raster(source, grid), source.class_names
    given = {"labels_variable": labels_variable, "class_column": class_column}
    for argument, value in given.items():
        if value is not None:
            raise ValueError(
                f"{argument}={value!r} is for labels in a file, but there is none: pass its path"
                " as labels (--labels on the command line)."
            )
    if labels is None:
        return None, None
    if np.ma.isMaskedArray(labels) and labels.dtype.kind == "f":
        labels = labels.filled(UNLABELED)
    if np.ma.isMaskedArray(labels):
        return labels, None
    try:
        raster = np.asarray(labels)
    except Exception as error:  # whatever it is that makes an array of itself
        raise TypeError(
            "labels must be an array of shape (rows, cols) or the path of a file, got"
            f" {type(labels).__name__}, of which NumPy makes no array: {told(error)}"
        ) from error
    return whole(Path("labels"), raster), None


def _raster(source: CubeSource, grid: CubeSource) -> np.ndarray:
    _check_grid(source, grid)
    require_memory(source.path, source.n_bytes)
    rows, cols = (slice(0, size) for size in grid.shape[:2])
    raster = source.values(rows, cols, np.array([0]))[:, :, 0]
    nodata = None if source.nodata is None else source.nodata[0]
    if nodata is None or (nodata == UNLABELED and raster.dtype.kind != "f"):
        return whole(source.path, raster)
    # NaN is nodata without being declared, but infinity is a mistake.
    is_nodata = (raster == nodata) | (raster != raster)
    return whole(source.path, np.where(is_nodata, raster.dtype.type(UNLABELED), raster))


def whole(path: Path, raster: np.ndarray) -> np.ndarray:
    """Whole numbers that are stored as floating point, as integers."""
    if raster.dtype.kind == "b":
        return raster.astype(np.uint8)
    if raster.dtype.kind != "f":
        return raster
    if not (np.abs(raster, dtype=float) < 2**63).all():
        raise TypeError(
            f"{path}: labels must be integers, but some are NaN or infinite, or do not fit into 64"
            " bits: write 0 where a pixel is unlabelled."
        )
    if not (raster == np.trunc(raster)).all():
        raise TypeError(f"{path}: labels must be integers, 0 = unlabelled, but some are fractions.")
    return raster.astype(np.int64)  # MATLAB's numbers are doubles unless told otherwise


def _check_grid(raster: CubeSource, grid: CubeSource) -> None:
    rows, cols, bands = raster.shape
    if bands != 1:
        raise ValueError(f"{raster.path} must hold one band of labels, but it has {bands} bands.")
    if (rows, cols) != grid.shape[:2]:
        raise ValueError(
            f"{raster.path} has {rows} x {cols} pixels, but {grid.path} has {grid.shape[0]} x"
            f" {grid.shape[1]}: labels must lie on the scene's grid (gdalwarp puts them there)."
        )
    if raster.crs and grid.crs and raster.crs != grid.crs:
        raise ValueError(
            f"{raster.path} is in {raster.crs}, but {grid.path} is in {grid.crs}: reproject the"
            " labels onto the scene's grid (gdalwarp does)."
        )
    if raster.transform and grid.transform:
        corners = np.array([(0, 0, 1), (cols, 0, 1), (0, rows, 1)]).T
        there = np.linalg.solve(_matrix(grid.transform), _matrix(raster.transform) @ corners)
        apart = np.abs(there - corners).max()
        if apart > SAME_PLACE:
            raise ValueError(
                f"{raster.path} lies up to {apart:.3g} pixels beside {grid.path}: labels must lie"
                " on the scene's grid (gdalwarp puts them there)."
            )


def _matrix(transform: Any) -> np.ndarray:
    """An affine transform as a matrix of shape (3, 3)."""
    return np.vstack([np.reshape(transform[:6], (2, 3)), [0, 0, 1]])
