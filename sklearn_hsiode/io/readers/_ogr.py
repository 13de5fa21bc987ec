"""Reader of the features in a GeoPackage, a shapefile or a FlatGeobuf."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._features import Features, layer_with
from sklearn_hsiode.io.readers._flatgeobuf import check_flatgeobuf
from sklearn_hsiode.io.readers._geopackage import check_geopackage
from sklearn_hsiode.io.readers._shapefile import read_shapefile

# What GDAL warns of and no label depends on: rings that it turns round, coordinates beyond the
# second, polygons of many rings, and the version that a GeoPackage says it is of.
HARMLESS = (
    "winding order",
    "Measured (M) geometry types",
    "organizePolygons()",
    "application_id",
    "user_version",
)
EXACT = 2**53  # doubles hold every whole number up to this one

WITHOUT_SENSE = "its coordinate reference system makes no sense"


def read_ogr(path: Path, class_column: str | None) -> Features:
    """The features of the layer that has a column, all of them or none.

    Raises
    ------
    ValueError
        When GDAL warns of something, or reads less than there is.
    """
    import pyogrio
    import shapely
    from rasterio.crs import CRS

    suffix = path.suffix.lower()
    shapefile = read_shapefile(path) if suffix == ".shp" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layers that may not matter
        names = pyogrio.list_layers(path)[:, 0]
        columns = {name: list(_info(path, name)["fields"]) for name in names}
    layer = layer_with(path, columns, class_column)
    place = columns[layer].index(class_column)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        about = _info(path, layer)
        _, _, shapes, (values,) = pyogrio.raw.read(path, layer=layer, columns=[class_column])
    if shapes is None:
        raise ValueError(f"the layer {layer!r} has no geometries")
    geometries = shapely.from_wkb(shapes)
    has_crs, n_features = False, about["features"]
    if shapefile is not None:
        has_crs, n_features = shapefile.has_crs, len(shapefile.boxes)
    elif suffix == ".gpkg":
        has_crs = check_geopackage(path, layer, sum(shape is not None for shape in shapes))
    if has_crs and about["crs"] is None:
        raise ValueError(WITHOUT_SENSE)
    for warning in caught:
        is_of_gdal = issubclass(warning.category, RuntimeWarning)
        if is_of_gdal and not any(text in str(warning.message) for text in HARMLESS):
            raise ValueError(str(warning.message))
    if len(geometries) != n_features:
        raise ValueError(f"{len(geometries)} of its {n_features} features can be read")
    if shapefile is not None:
        shapefile.check(shapely.bounds(geometries))
    elif suffix == ".fgb":
        check_flatgeobuf(path, shapely.bounds(geometries))
    kind = about["ogr_types"][place]
    if kind.endswith("List"):
        raise ValueError(f"the column {class_column!r} holds lists")
    # pyogrio makes doubles of whole numbers where some are missing.
    is_inexact = kind == "OFTInteger64" and values.dtype.kind == "f"
    if is_inexact and (np.abs(values) >= EXACT).any():
        raise ValueError(f"the column {class_column!r} has gaps, and numbers of {EXACT:,} or more")
    crs = None if about["crs"] is None else CRS.from_user_input(about["crs"])
    return Features(geometries, values.tolist(), crs)


def _info(path: Path, layer: str) -> dict[str, Any]:
    import pyogrio

    try:
        return pyogrio.read_info(path, layer=layer, force_feature_count=True)
    except pyogrio.errors.CRSError as error:
        raise ValueError(WITHOUT_SENSE) from error
