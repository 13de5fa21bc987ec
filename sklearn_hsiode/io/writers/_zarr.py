"""Writer of maps as Zarr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from sklearn_hsiode._atomic import complete_folder
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.io.writers._files import ATTRIBUTE, SOFTWARE, check_place

# Zarr 3 is a format that GDAL does not open with its default codec.
FORMAT: Any = 2


class ZarrWriter:
    """Writes a map window by window into a Zarr store that appears when it is complete.

    The store is of Zarr's format 2, with dimensions and the grid mapping of the CF conventions,
    which xarray and GDAL open in the scene's place.

    Parameters
    ----------
    path : path
        The folder of the store.
    scene : Scene
        Its size, CRS and transform are those of the map.
    variable : str
        Name of the array.
    chunk : int
        Side of its chunks in pixels: that of the windows, so that each is written once.
    dtype, nodata, overwrite
        As for :class:`~sklearn_hsiode.io.writers.GeoTIFFWriter`.
    layers : (str, sequence), default=None
        Name of a first dimension, before y and x, and its coordinate.
    attributes : dict, default=None
        Attributes of the array.

    Raises
    ------
    FileExistsError
        When the folder exists and is not to be replaced.
    ValueError
        When the folder that is to be replaced is no map of this package, or the scene's grid is
        rotated.
    TypeError
        When the scene's transform is no affine.Affine.
    ImportError
        Without rioxarray, xarray or zarr.
    """

    def __init__(
        self,
        path: str | Path,
        scene: Scene,
        *,
        variable: str,
        chunk: int,
        dtype: str,
        nodata: float,
        layers: tuple[str, Sequence[Any] | np.ndarray] | None = None,
        attributes: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path, self.scene, self.variable, self.layers = Path(path), scene, variable, layers
        check_place(path, overwrite=overwrite, only_maps=self.path.is_dir())
        _check_grid(scene.transform)
        rows, cols = scene.shape[:2]
        side = min(chunk, rows), min(chunk, cols)
        self.profile: dict[str, Any] = {
            "shape": (rows, cols) if layers is None else (len(layers[1]), rows, cols),
            "chunks": side if layers is None else (1, *side),
            "dtype": dtype,
            "fill_value": nodata,
        }
        dims = ["y", "x"] if layers is None else [layers[0], "y", "x"]
        self.attributes = {"_ARRAY_DIMENSIONS": dims, **(attributes or {})}

    def __enter__(self) -> ZarrWriter:
        try:
            import xarray
            import zarr

            import_module("rioxarray")  # gives every Dataset its accessor
        except ImportError as error:
            raise ImportError(
                "Zarr stores are written with xarray, rioxarray and zarr:"
                " pip install 'sklearn-hsiode[xarray]'."
            ) from error
        frame = xarray.Dataset(coords=self._coordinates(), attrs={ATTRIBUTE: SOFTWARE})
        if self.scene.crs is not None:
            frame = frame.rio.write_crs(self.scene.crs)
            frame = frame.rio.write_coordinate_system() if "x" in frame.coords else frame
        if self.scene.transform is not None:
            frame = frame.rio.write_transform(self.scene.transform)
        if "spatial_ref" in frame.coords:
            self.attributes["grid_mapping"] = "spatial_ref"
        with ExitStack() as stack:
            folder = stack.enter_context(complete_folder(self.path))
            frame.to_zarr(folder, mode="w", zarr_format=FORMAT, consolidated=False)
            group = zarr.open_group(folder, mode="r+", zarr_format=FORMAT)
            self._array: Any = group.create_array(
                self.variable, attributes=self.attributes, **self.profile
            )
            stack.push(partial(_consolidate, folder))
            self._stack = stack.pop_all()
        return self

    def _coordinates(self) -> dict[str, Any]:
        """Names of the layers, and the centres of pixels where these are known."""
        from rioxarray.rioxarray import affine_to_coords

        coordinates: dict[str, Any] = {}
        if self.layers is not None:
            name, along = self.layers
            coordinates[name] = np.asarray(along)
        transform = self.scene.transform
        if transform is not None:
            rows, cols = self.scene.shape[:2]
            coordinates |= affine_to_coords(transform, cols, rows)
        return coordinates

    def write(self, place: tuple[slice, slice], values: np.ndarray) -> None:
        """Write the values of a window, of shape (rows, cols) or (rows, cols, layers)."""
        self._array[(..., *place)] = np.moveaxis(values, -1, 0) if self.layers else values

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)


def _check_grid(transform: Any) -> None:
    """Refuse what coordinates along rows and columns cannot tell."""
    if transform is None:
        return
    if not hasattr(transform, "translation"):
        raise TypeError(
            f"The scene's transform must be an affine.Affine, got {type(transform).__name__}: make"
            " the scene with Scene(..., transform=Affine(*transform))."
        )
    if transform.b or transform.d:
        raise ValueError(
            "The scene's grid is rotated, which the coordinates of a Zarr store cannot tell: write"
            " a GeoTIFF, with a name in .tif."
        )


def _consolidate(folder: Path, kind: type[BaseException] | None, *_: Any) -> None:
    """Gather the metadata of a finished store in one file, which xarray and GDAL read first."""
    import zarr

    if kind is None:
        zarr.consolidate_metadata(folder, zarr_format=FORMAT)
