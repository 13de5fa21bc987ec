"""Reader of polygons and points, which are rasterised on the grid of a scene."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._raster import read_raster
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource

BEYOND = 2**63  # the first whole number that 64 bits do not hold
SHAPES = ("Polygon", "MultiPolygon", "Point", "MultiPoint")


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
    from rasterio.features import rasterize

    if grid.crs is None or grid.transform is None:
        raise ValueError(
            f"{grid.path} has no CRS and transform, so that {path} cannot be laid over it: give"
            " the labels as a raster of its shape."
        )
    geometries, values = _read(path, grid, class_column)
    codes, names = _coded(path, class_column, values)
    # Places in a list of the codes are rasterised, since a code may be beyond what GDAL burns.
    known, places = np.unique(np.array([0, *codes], dtype=np.int64), return_inverse=True)
    raster = np.full(grid.shape[:2], places[0], dtype=np.int32)
    pairs = [pair for pair in zip(geometries, places[1:].tolist(), strict=True) if known[pair[1]]]
    if pairs:
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


def _read(
    path: Path, grid: CubeSource, class_column: str | None
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Geometries in the CRS of the grid, and what the column holds for each."""
    try:
        import fiona
    except ImportError as error:
        raise ImportError(
            f"{path} is read with fiona: pip install 'sklearn-hsiode[vector]'."
        ) from error
    try:
        layers = {}
        for layer in fiona.listlayers(path):
            with fiona.open(path, layer=layer) as file:
                layers[layer] = list(file.schema["properties"])
        layer = _layer_with(path, layers, class_column)
        with fiona.open(path, layer=layer) as file:
            crs = file.crs_wkt
            features = [feature for feature in file if feature.geometry is not None]
    except (fiona.errors.FionaError, OSError) as error:
        raise ValueError(f"{path} cannot be read as polygons or points: {error}") from error
    other = {feature.geometry.type for feature in features} - set(SHAPES)
    if other:
        raise ValueError(
            f"{path} holds geometries of type {', '.join(sorted(other))}, but labels are polygons"
            " or points: take the others out."
        )
    geometries = [feature.geometry.__geo_interface__ for feature in features]
    values = [feature.properties[class_column] for feature in features]
    return _reprojected(geometries, crs, grid), values


def _layer_with(path: Path, layers: dict[str, list[str]], column: str | None) -> str:
    having = [layer for layer, columns in layers.items() if column in columns]
    columns = ", ".join(dict.fromkeys(name for names in layers.values() for name in names))
    if column is None:
        raise ValueError(
            f"Say with class_column=... (--class-column on the command line) which column of {path}"
            f" holds the classes: it has {columns or 'none'}."
        )
    if not having:
        raise ValueError(f"{path} has no column {column!r}: it has {columns or 'none'}.")
    if len(having) > 1:
        raise ValueError(
            f"{path} has the column {column!r} in the layers {', '.join(having)}: save the one"
            " that holds the labels as a file of its own."
        )
    return having[0]


def _reprojected(
    geometries: list[dict[str, Any]], crs: str, grid: CubeSource
) -> list[dict[str, Any]]:
    from rasterio.crs import CRS
    from rasterio.warp import transform_geom

    source = CRS.from_wkt(crs) if crs else grid.crs
    if source == grid.crs or not geometries:
        return geometries
    return list(transform_geom(source, grid.crs, geometries))


def _coded(
    path: Path, column: str | None, values: Iterable[Any]
) -> tuple[list[int], dict[Any, str] | None]:
    """Classes as integers, with their names where they are names."""
    values = [None if value != value else value for value in values]  # NaN is nothing
    given = [value for value in values if value is not None and value != ""]
    if given and all(isinstance(value, str) for value in given):
        codes = {name: code for code, name in enumerate(sorted(set(given)), start=1)}
        return [codes.get(value, 0) for value in values], {code: n for n, code in codes.items()}
    for value in given:
        is_number = isinstance(value, (int, float)) and abs(value) < BEYOND
        if not is_number or value != int(value):
            raise TypeError(
                f"The column {column!r} of {path} holds neither whole numbers (of 64 bits) nor"
                f" names throughout: it holds {value!r}."
            )
    return [int(value or 0) for value in values], None
