"""Readers of the labels of a scene: rasters on its grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._labels import UNLABELED
from sklearn_hsiode.io import _arrays as arrays
from sklearn_hsiode.io import _polygons as polygons
from sklearn_hsiode.io._raster_files import RasterSource, raster_source
from sklearn_hsiode.io._sources import CubeSource

SAME_PLACE = 0.01  # pixels by which two grids may be apart


def read_labels(
    path: Path,
    grid: CubeSource,
    *,
    variable: str | None = None,
    class_column: str | None = None,
) -> tuple[np.ndarray, dict[Any, str] | None]:
    """Labels of an image, from a raster or from polygons and points.

    Parameters
    ----------
    path : path
        The file.
    grid : CubeSource
        The image.
    variable : str, default=None
        Name of the array in a ``.mat`` or ``.npz`` file.
    class_column : str, default=None
        The column of a vector file that holds the classes.

    Returns
    -------
    labels : array of shape (rows, cols)
    class_names : dict or None
        Names of the classes where the file has them.

    Raises
    ------
    ValueError
        When the labels do not lie on the grid, or cannot be read.
    TypeError
        When they are no whole numbers.
    """
    is_vector = path.suffix.lower() in polygons.SUFFIXES
    is_array = path.suffix.lower() in arrays.SUFFIXES
    if class_column is not None and not is_vector:
        raise ValueError(f"class_column is for polygons and points, but {path} is a raster.")
    if variable is not None and not is_array:
        raise ValueError(f"labels_variable names an array in a .mat or .npz file, not in {path}.")
    if is_vector:
        return polygons.rasterized(path, grid, class_column)
    if is_array:
        return whole(path, arrays.label_array(path, grid.shape[:2], variable)), None
    source = raster_source(path)
    _check_grid(source, grid)
    rows, cols = (slice(0, size) for size in grid.shape[:2])
    raster = source.values(rows, cols, np.array([0]))[:, :, 0]
    holds_data = source.holds_data(raster, 0)
    return whole(path, np.where(holds_data, raster, UNLABELED)), source.class_names


def whole(path: Path, raster: np.ndarray) -> np.ndarray:
    """Whole numbers that are stored as floating point, as integers."""
    if raster.dtype.kind == "b":
        return raster.astype(np.uint8)
    if raster.dtype.kind != "f":
        return raster
    if not np.isfinite(raster).all():
        raise TypeError(
            f"{path}: labels must be integers, but some are NaN or infinite: write 0 where a pixel"
            " is unlabelled."
        )
    if not (raster == np.trunc(raster)).all():
        raise TypeError(f"{path}: labels must be integers, 0 = unlabelled, but some are fractions.")
    return raster.astype(np.int64)  # MATLAB's numbers are doubles unless told otherwise


def _check_grid(raster: RasterSource, grid: CubeSource) -> None:
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
