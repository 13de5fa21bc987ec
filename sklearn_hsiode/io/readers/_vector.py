"""Reader of polygons and points, which are rasterised on the grid of a scene."""

from __future__ import annotations

import logging
import reprlib
from itertools import compress
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._features import Features
from sklearn_hsiode.io.readers._geojson import read_geojson
from sklearn_hsiode.io.readers._ogr import read_ogr
from sklearn_hsiode.io.readers._raster import read_raster
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource

logger = logging.getLogger(__name__)

BEYOND = 2**63  # the first whole number that 64 bits do not hold
SHAPES = ("Polygon", "MultiPolygon", "Point", "MultiPoint")
DEGREES = (360.001, 90.001)  # of a longitude and a latitude, of either sign, with some slack
FARTHEST = 2**31  # pixels from the image, as far as GDAL counts


def read_vector(
    path: Path, *, class_column: str | None = None, grid: CubeSource | None = None
) -> CubeSource:
    """Labels of the pixels whose centres lie in polygons, and of those that points lie in.

    A file without a CRS is taken to be in that of the `grid`. Where geometries overlap, the later
    one counts. The column holds integers, or names, which are numbered from 1 in sorted order; a
    geometry with 0, NaN, ``""`` or nothing there is unlabelled. Without a `grid`, the image in a
    GeoPackage is read.
    """
    if grid is None:
        if path.suffix.lower() == ".gpkg":
            return read_raster(path)
        raise ValueError(f"{path} holds polygons or points, not an image: pass it as labels.")
    if grid.crs is None or grid.transform is None:
        raise ValueError(
            f"{grid.path} has no CRS and transform, so that {path} cannot be laid over it: give"
            " the labels as a raster of its shape."
        )
    try:
        import shapely
        from rasterio.features import rasterize

        with reading(path, "polygons or points"):
            features = _features(path, class_column)
    except ImportError as error:
        raise ImportError(
            f"{path} is read with {error.name}: pip install 'sklearn-hsiode[vector]'."
        ) from error
    shapes = features.geometries
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if not there.all():
        logger.warning(
            "%s: %d of its %d features have no geometry, and label nothing.",
            *(path, np.count_nonzero(~there), len(there)),
        )
    geometries = _on_grid(path, shapes[there], features.crs or grid.crs, grid)
    codes, names = _coded(path, class_column, list(compress(features.values, there)))
    # Places in a list of the codes are rasterised, since a code may be beyond what GDAL burns.
    known, places = np.unique(np.array([0, *codes], dtype=np.int64), return_inverse=True)
    raster = np.full(grid.shape[:2], places[0], dtype=np.int32)
    pairs = [pair for pair in zip(geometries, places[1:].tolist(), strict=True) if known[pair[1]]]
    if pairs:
        with reading(path, "polygons or points"):
            rasterize(pairs, out=raster, transform=grid.transform)
    labels = known[raster]
    if not labels.any():
        raise ValueError(
            f"None of the {len(geometries)} geometries in {path} covers the centre of a pixel of"
            f" {grid.path}: check that they lie in the scene, that their CRS is right, and that"
            f" {class_column} is not 0 or empty."
        )
    return ArraySource(
        path=path, array=labels, class_names=names, crs=grid.crs, transform=grid.transform
    )


def _on_grid(path: Path, geometries: np.ndarray, crs: Any, grid: CubeSource) -> np.ndarray:
    """Geometries in the CRS of the grid, and in two dimensions."""
    import shapely
    from rasterio.warp import transform

    types = {geometry.geom_type for geometry in geometries}
    if not types <= set(SHAPES):
        raise ValueError(
            f"{path} holds geometries of type {', '.join(sorted(types - set(SHAPES)))}, but labels"
            " are polygons or points: take the others out."
        )
    points = shapely.get_coordinates(geometries)
    if not np.isfinite(points).all():
        raise ValueError(f"{path} has coordinates that are NaN or infinite.")
    strange = (np.abs(points) > DEGREES).any(axis=1)
    if crs.is_geographic and strange.any():
        x, y = points[strange.argmax()]
        raise ValueError(
            f"{path} has coordinates such as {x:.10g}, {y:.10g}, which are no degrees, but {crs}"
            " has degrees (a GeoJSON is in EPSG:4326 unless it says otherwise): give it the CRS"
            " that they are in (ogr2ogr -a_srs does)."
        )
    if crs != grid.crs and len(points):
        with reading(path, f"polygons or points in {crs}"):
            points = np.transpose(transform(crs, grid.crs, *points.T))
    matrix = np.reshape(grid.transform[:6], (2, 3))
    places = np.abs(np.linalg.solve(matrix[:, :2], points.T - matrix[:, 2:]))
    if not (places < FARTHEST).all():
        raise ValueError(
            f"{path} has coordinates {places.max():.3g} pixels away from {grid.path}: its CRS is"
            " another than it says, or it is damaged."
        )
    return shapely.set_coordinates(shapely.force_2d(geometries), points)


def _features(path: Path, class_column: str | None) -> Features:
    is_geojson = path.suffix.lower() in (".geojson", ".json")
    return (read_geojson if is_geojson else read_ogr)(path, class_column)


def _coded(
    path: Path, column: str | None, values: list[Any]
) -> tuple[list[int], dict[Any, str] | None]:
    """Classes as integers, with their names where they are names."""
    values = [None if isinstance(value, float) and isnan(value) else value for value in values]
    given = [value for value in values if value is not None and value != ""]
    if given and all(isinstance(value, str) for value in given):
        codes = {name: code for code, name in enumerate(sorted(set(given)), start=1)}
        return [codes.get(value, 0) for value in values], {code: n for n, code in codes.items()}
    for value in given:
        is_number = isinstance(value, (int, float)) and abs(value) < BEYOND
        if not is_number or value != int(value):
            raise TypeError(
                f"The column {column!r} of {path} holds neither whole numbers (of 64 bits) nor"
                f" names throughout: it holds {reprlib.repr(value)}."
            )
    return [int(value or 0) for value in values], None
