"""Writer of maps as GeoTIFF."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.etree import ElementTree
from zlib import crc32

import numpy as np

from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._markup import visible
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.io.writers._files import SOFTWARE, TAG, check_place, opened

TILE = 256  # pixels; a multiple of 16, as GeoTIFF wants


class GeoTIFFWriter:
    """Writes a map window by window into a GeoTIFF that appears when it is complete.

    A Cloud Optimized GeoTIFF is made of the finished file by GDAL's driver of that name, with
    overviews down to the size of a tile: of classes the nearest pixel, of other values the mean.

    Parameters
    ----------
    path : path
        The file.
    scene : Scene
        Its size, CRS and transform are those of the map.
    bands : sequence of str
        Names of the bands.
    dtype : str
        Type of the values.
    nodata : float
        Value where nothing is predicted.
    categories : dict of int to (str, tuple), default=None
        Name and colour (RGB from 0 to 1) of each value of a map of classes.
    overwrite : bool, default=False
        Replace an existing file.
    cog : bool, default=False
        Write a Cloud Optimized GeoTIFF.
    verify : bool, default=True
        Read every window back once the file is closed: GDAL tells nobody of a disk that is full.

    Raises
    ------
    ValueError
        When the name of the file is not UTF-8.
    FileExistsError
        When the file exists and is not to be replaced.
    ImportError
        Without rasterio.
    OSError
        When what is read back is not what was written; the file is then as it was before.
    """

    def __init__(
        self,
        path: str | Path,
        scene: Scene,
        *,
        bands: Sequence[str],
        dtype: str,
        nodata: float,
        categories: Mapping[int, tuple[str, Any]] | None = None,
        overwrite: bool = False,
        cog: bool = False,
        verify: bool = True,
    ) -> None:
        self.path = Path(path)
        shown = os.fsencode(path).decode(errors="backslashreplace")
        if shown != str(path):
            raise ValueError(
                f"The name {shown} is not UTF-8, which rasterio needs: choose another."
            )
        self.cog, self.verify = cog, verify
        self._written: list[tuple[Any, int]] = []
        self.bands = [visible(band) for band in bands]
        self.categories = {
            value: (visible(name), color) for value, (name, color) in (categories or {}).items()
        }
        check_place(path, overwrite=overwrite, only_maps=False)
        rows, cols = scene.shape[:2]
        self.profile = {
            "driver": "GTiff",
            "height": rows,
            "width": cols,
            "count": len(bands),
            "dtype": dtype,
            "nodata": nodata,
            "crs": scene.crs,
            "transform": scene.transform,
            "tiled": True,
            "blockxsize": TILE,
            "blockysize": TILE,
            "compress": "deflate",
            "bigtiff": "if_safer",
        }

    def __enter__(self) -> GeoTIFFWriter:
        with ExitStack() as stack:
            # Beside it lies what GDAL and QGIS read the names of values from.
            sidecar = self.path.with_name(f"{self.path.name}.aux.xml")
            unfinished = stack.enter_context(complete_file(self.path, sidecar))
            stack.push(partial(self._write_names, unfinished.with_name(sidecar.name)))
            if self.verify:
                stack.push(partial(self._check_file, unfinished))  # once it is closed
            written = unfinished
            if self.cog:
                written = unfinished.with_name(f"plain-{unfinished.name}")
                stack.push(partial(self._optimize, written, unfinished))
            self._file = stack.enter_context(opened(written, "w", **self.profile))
            self._describe()
            self._stack = stack.pop_all()
        return self

    def write(self, place: tuple[slice, slice], values: np.ndarray) -> None:
        """Write the values of a window, of shape (rows, cols) or (rows, cols, bands)."""
        from rasterio.windows import Window

        window = Window.from_slices(*place)
        layers = np.moveaxis(np.atleast_3d(values), 2, 0).astype(self.profile["dtype"])
        self._file.write(layers, window=window)
        if self.verify:
            self._written.append((window, _checksum(layers)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _optimize(
        self, plain: Path, optimized: Path, kind: type[BaseException] | None, *_: Any
    ) -> None:
        """Copy the finished file as a Cloud Optimized GeoTIFF."""
        from rasterio.errors import RasterioError
        from rasterio.shutil import copy

        if kind is not None:
            return
        try:
            copy(
                plain,
                optimized,
                driver="COG",
                blocksize=TILE,
                compress="deflate",
                overview_resampling="nearest" if self.categories else "average",
                bigtiff="if_safer",
            )
        except RasterioError as error:
            raise self._not_written() from error
        plain.unlink()

    def _check_file(self, path: Path, kind: type[BaseException] | None, *_: Any) -> None:
        """Raise OSError unless the file holds what was written."""
        from rasterio.errors import RasterioError

        if kind is not None:
            return
        try:
            with opened(path) as file:
                is_whole = file.descriptions == tuple(self.bands) and all(
                    _checksum(file.read(window=window)) == checksum
                    for window, checksum in self._written
                )
        except RasterioError:
            is_whole = False
        if not is_whole:
            raise self._not_written()

    def _not_written(self) -> OSError:
        return OSError(
            f"{self.path} could not be written, and is as it was before: is the disk full?"
        )

    def _describe(self) -> None:
        self._file.update_tags(**{TAG: SOFTWARE})
        for number, name in enumerate(self.bands, start=1):
            self._file.set_band_description(number, name)
        if not self.categories:
            return
        names = {f"class_{value}": name for value, (name, _) in self.categories.items()}
        self._file.update_tags(1, **names)
        if self.profile["dtype"] in ("uint8", "uint16"):
            colors = {
                value: (*np.rint(255 * np.asarray(color)).astype(int).tolist(), 255)
                for value, (_, color) in self.categories.items()
            }
            self._file.write_colormap(1, {int(self.profile["nodata"]): (0, 0, 0, 0), **colors})

    def _write_names(self, path: Path, kind: type[BaseException] | None, *_: Any) -> None:
        """GDAL's auxiliary metadata: a name for each value from 0 on."""
        if kind is not None or not self.categories:
            return
        dataset = ElementTree.Element("PAMDataset")
        band = ElementTree.SubElement(dataset, "PAMRasterBand", band="1")
        names = ElementTree.SubElement(band, "CategoryNames")
        for value in range(max(self.categories) + 1):
            name, _ = self.categories.get(value, ("", None))
            ElementTree.SubElement(names, "Category").text = name
        ElementTree.ElementTree(dataset).write(path, encoding="utf-8")


def _checksum(layers: np.ndarray) -> int:
    return crc32(layers.tobytes())
