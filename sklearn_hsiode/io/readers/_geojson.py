"""Reader of the features in a GeoJSON file (RFC 7946).

GDAL, which reads other vector files, leaves out of a GeoJSON file in silence what it cannot read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sklearn_hsiode.io.readers._features import Features, layer_with


def read_geojson(path: Path, class_column: str | None) -> Features:
    """The features of a file, of which all must be valid."""
    import shapely

    try:
        content = json.loads(path.read_bytes())
        is_collection = content["type"] == "FeatureCollection"
        features = content["features"] if is_collection else [content]
        if {feature["type"] for feature in features} - {"Feature"}:
            raise TypeError("there is something else in it")
        rows = [feature["properties"] or {} for feature in features]
        shapes = [_in_two_dimensions(feature["geometry"]) for feature in features]
        columns = dict.fromkeys(column for row in rows for column in row)
        values = [row.get(class_column) for row in rows]
        crs = _crs(content.get("crs"))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no collection of features as GeoJSON has it") from error
    layer_with(path, {path.stem: columns}, class_column)
    texts = [None if shape is None else json.dumps(shape) for shape in shapes]
    return Features(shapely.from_geojson(texts), values, crs)


def _in_two_dimensions(shape: Any) -> Any:
    """A geometry, or a part of its coordinates, without heights and measures."""
    if isinstance(shape, dict) and "coordinates" in shape:
        return {**shape, "coordinates": _in_two_dimensions(shape["coordinates"])}
    if isinstance(shape, list) and any(isinstance(part, list) for part in shape):
        return [_in_two_dimensions(part) for part in shape]
    return shape[:2] if isinstance(shape, list) else shape


def _crs(member: Any) -> Any:
    """The CRS that a member `crs` names, which GeoJSON had before RFC 7946."""
    from rasterio.crs import CRS

    if member is None:
        return CRS.from_epsg(4326)
    if member["type"] == "EPSG":
        return CRS.from_epsg(member["properties"]["code"])
    return CRS.from_user_input(str(member["properties"]["name"]))
