"""Reader of an xarray.DataArray, without importing xarray."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._source import ArraySource
from sklearn_hsiode.io.readers._wavelengths import in_nanometres

logger = logging.getLogger(__name__)

ROWS = ("y", "lat", "latitude", "northing", "row", "rows", "line", "lines")
COLS = ("x", "lon", "longitude", "easting", "col", "cols", "column", "columns", "sample", "samples")
WAVELENGTHS = ("wavelength", "wavelengths", "wl")


def is_data_array(thing: Any) -> bool:
    """True where something is an xarray.DataArray, to all appearances."""
    names = ("dims", "coords", "attrs", "transpose", "to_numpy")  # not values, which computes them
    return all(hasattr(thing, name) for name in names) and not is_dataset(thing)


def is_dataset(thing: Any) -> bool:
    """True where something is an xarray.Dataset, to all appearances."""
    return all(hasattr(thing, name) for name in ("data_vars", "dims", "coords", "attrs"))


def read_data_array(array: Any) -> ArraySource:
    """The image in a DataArray of dimensions y, x and band, in any order.

    The wavelengths are a coordinate of the bands, in the unit of its attribute `units`. CRS and
    transform are those of rioxarray, where it is installed; there is no transform where the
    coordinates are not equally spaced, which a warning of the log tells. Nodata is rioxarray's or
    the attribute `_FillValue`.
    """
    values = np.asarray(array.transpose(*image_dims(array)).values)
    return ArraySource(array=values, **about_data_array(array))


def image_dims(array: Any) -> tuple[Any, Any, Any]:
    """Names of the rows, columns and bands of a DataArray."""
    dims = tuple(array.dims)
    y, x = (next((dim for dim in dims if dim in names), None) for names in (ROWS, COLS))
    rest = [dim for dim in dims if dim not in (y, x)]
    if y is None or x is None or len(rest) != 1:
        raise ValueError(
            f"The DataArray must have the dimensions y, x and band in any order, got {dims}:"
            " rename them with array.rename(...)."
        )
    return y, x, rest[0]


def about_data_array(array: Any) -> dict[str, Any]:
    """What is known of the image in a DataArray beside its values, as arguments of a source."""
    y, x, band = image_dims(array)
    crs, transform, nodata = _georeference(array, y, x)
    return {
        "path": Path(str(array.name or "DataArray")),
        "nodata": None if nodata is None else (nodata,) * array.sizes[band],
        "crs": crs,
        "transform": transform,
        **_wavelengths(array, band),
    }


def _wavelengths(array: Any, band: Any) -> dict[str, Any]:
    along_bands = {
        name: coordinate
        for name, coordinate in array.coords.items()
        if tuple(coordinate.dims) == (band,)
    }
    name = next((name for name in WAVELENGTHS if name in along_bands), None)
    if name is None:
        return {}
    centres, widths = along_bands[name], along_bands.get("fwhm")
    unit = centres.attrs.get("units")
    given = () if widths is None else widths.values
    return dict(in_nanometres("The DataArray", centres.values, given, unit))


def _georeference(array: Any, y: Any, x: Any) -> tuple[Any, Any, Any]:
    """CRS, transform and nodata, as far as they are known."""
    fill = array.attrs.get("_FillValue")
    if find_spec("rioxarray") is not None:
        import_module("rioxarray")  # gives every DataArray its accessor
    if not hasattr(array, "rio"):
        if x in array.coords and y in array.coords:
            logger.warning(
                "The DataArray's coordinates are not used, since rioxarray is not installed: its"
                " scene, and maps of it, have no georeference."
            )
        return None, None, fill
    rio = array.rio.set_spatial_dims(x_dim=x, y_dim=y).rio
    irregular = [dim for dim in (y, x) if dim in array.coords and not _is_regular(array[dim])]
    if irregular:
        logger.warning(
            "The DataArray's coordinates along %s are not equally spaced: its scene has no"
            " transform.",
            " and ".join(map(str, irregular)),
        )
    transform = None if irregular else rio.transform()
    nodata = fill if rio.nodata is None else rio.nodata
    is_known = transform is not None and not transform.is_identity
    return rio.crs, transform if is_known else None, nodata


def _is_regular(coordinate: Any) -> bool:
    """True unless some pixel lies a tenth of one, and more than rounding, from its place."""
    values = np.asarray(coordinate.values)
    if values.dtype.kind not in "iuf" or len(values) < 3:
        return True
    rounding = np.spacing(np.abs(values).max()) if values.dtype.kind == "f" else 0
    values = values.astype(float)
    places, step = np.linspace(values[0], values[-1], len(values), retstep=True)
    return bool((np.abs(values - places) <= 0.1 * abs(step) + rounding).all())
