"""CubeSource: an image of which windows are read, and what is known of its bands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._arguments import Constraints, Integer, check
from sklearn_hsiode._memory import FILE_BLOCK, n_items, require_memory
from sklearn_hsiode._validation import as_array, shown

LARGEST = 1e18  # gains beyond this or its inverse make values of 32 bits overflow or vanish
OF_SOURCES: Constraints = {
    "path": [Path],
    "class_names": [Mapping, None],
    "block_rows": [Integer(1)],
    "block_cols": [Integer(1)],
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CubeSource(ABC):
    """An image that is read by window, and what its header says.

    A subclass says how values are read; it opens its file for each window, so that a source
    can be pickled, and be read in several processes.

    Parameters
    ----------
    path : path
        The file, or what messages call it.
    shape : tuple
        Rows, columns and bands.
    dtype : dtype
        Type of the values in the file.
    wavelengths, fwhm : array of shape (bands,), default=None
        Centre wavelengths and widths of the bands in nanometres.
    bad : bool array of shape (bands,), default=None
        True where the header marks a band as bad.
    nodata : tuple, default=None
        For each band the value that means nodata, or None.
    gains, offsets : array of shape (bands,), default=None
        Values are multiplied by the first, the second is added.
    crs, transform : object, default=None
        Georeference of the grid.
    class_names : dict, default=None
        Names of values, in a raster of labels.
    block_rows, block_cols : int, default=1
        Rows and columns that are stored together.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    wavelengths: np.ndarray | None = None
    fwhm: np.ndarray | None = None
    bad: np.ndarray | None = None
    nodata: tuple[Any, ...] | None = None
    gains: np.ndarray | None = None
    offsets: np.ndarray | None = None
    crs: Any = None
    transform: Any = None
    class_names: dict[Any, str] | None = None
    block_rows: int = 1
    block_cols: int = 1

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in OF_SOURCES}
        check(type(self).__name__, OF_SOURCES, **given)
        for name in ("wavelengths", "fwhm", "bad", "nodata", "gains", "offsets"):
            value = getattr(self, name)
            if value is not None and as_array(name, value).shape != (self.shape[2],):
                raise ValueError(
                    f"{self.path} has {self.shape[2]} bands, but its {name} are of shape"
                    f" {as_array(name, value).shape}: give one value for each band, or None."
                )
        if self.gains is not None and self.offsets is not None:
            sizes = np.abs(self.gains)
            is_usable = (sizes >= 1 / LARGEST) & (sizes <= LARGEST) & (abs(self.offsets) <= LARGEST)
            if not is_usable.all():
                band = np.flatnonzero(~is_usable)[0]
                raise ValueError(
                    f"{self.path} declares that values are scaled by {self.gains[band]} and shifted"
                    f" by {self.offsets[band]} (band {band + 1}), with which they vanish or"
                    " overflow: mend its scale factor."
                )

    @abstractmethod
    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        """Values as they are stored, of shape (rows, cols, bands)."""

    def about(self, bands: np.ndarray) -> dict[str, Any]:
        """Georeference, and what is known of some bands."""
        return {
            "wavelengths": None if self.wavelengths is None else self.wavelengths[bands],
            "fwhm": None if self.fwhm is None else self.fwhm[bands],
            "crs": self.crs,
            "transform": self.transform,
        }

    def unmasked(self, rows: slice, cols: slice) -> np.ndarray | None:
        """Boolean raster, False where the file itself masks a pixel, or None."""
        return None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the image."""
        return (self.path,)

    @property
    def is_in_memory(self) -> bool:
        """True where the values need not be read."""
        return False

    @property
    def n_bytes(self) -> int:
        """Size of the values, uncompressed."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def has_gaps(self) -> bool:
        """True where values may be nodata, NaN or infinite."""
        return self.dtype.kind == "f" or self.nodata is not None

    @property
    def scaled_dtype(self) -> np.dtype:
        """Type of the values once they are multiplied with their gains."""
        is_scaled = self.gains is not None
        return np.result_type(self.dtype, np.float32) if is_scaled else self.dtype.newbyteorder("=")

    def whole(self, bands: np.ndarray) -> np.ndarray:
        """All values of some bands, scaled."""
        require_memory(self.path, prod(self.shape[:2]) * len(bands) * self.scaled_dtype.itemsize)
        cube = np.empty((*self.shape[:2], len(bands)), dtype=self.scaled_dtype)
        for rows, cols in self.blocks(len(bands)):
            cube[rows, cols] = self.scaled(self.values(rows, cols, bands), bands)
        return cube

    def blocks(self, n_bands: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of the image that are to be read together, from top to bottom.

        Whole rows where these are small, else whole blocks of the file where these are small.
        """
        n_pixels = n_items(FILE_BLOCK, n_bands * self.dtype.itemsize)
        height, width = self.shape[:2]
        n_rows = max(n_pixels // width // self.block_rows, 1) * self.block_rows
        n_cols = width
        if n_rows * width > n_pixels:
            n_cols = max(n_pixels // n_rows // self.block_cols, 1) * self.block_cols
        if n_rows * n_cols > 4 * n_pixels:
            n_rows = max(4 * n_pixels // n_cols, 1)
        for top in range(0, height, n_rows):
            for left in range(0, width, n_cols):
                yield (
                    slice(top, min(top + n_rows, height)),
                    slice(left, min(left + n_cols, width)),
                )

    def scaled(self, values: np.ndarray, bands: np.ndarray) -> np.ndarray:
        """Stored values as reflectance, say, where the file tells how."""
        if self.gains is None:
            return values
        scaled = np.empty(values.shape, dtype=self.scaled_dtype)
        for i, band in enumerate(bands):
            scaled[:, :, i] = self._scaled_layer(values[:, :, i], band)
        return scaled

    def _scaled_layer(self, layer: np.ndarray, band: int) -> np.ndarray:
        if self.gains is None or self.offsets is None:
            return layer
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite then is masked
            scaled = layer * self.gains[band] + self.offsets[band]
            return scaled.astype(self.scaled_dtype, copy=False)

    def holds_data(self, layer: np.ndarray, band: int) -> np.ndarray:
        """Boolean raster, True where the stored values of a band are neither nodata nor NaN.

        Nor may they be infinite, as they are or once they are scaled.
        """
        if layer.dtype.kind == "f":
            good = np.isfinite(self._scaled_layer(layer, band))
        else:
            good = np.ones(layer.shape, dtype=bool)
        nodata = None if self.nodata is None else self.nodata[band]
        is_nan = nodata != nodata  # which is out already
        return good if nodata is None or is_nan else good & (layer != nodata)

    def is_empty(self, values: np.ndarray, place: int, band: int) -> bool:
        """True where a band, at its place in stored values, holds no data at all."""
        return not self.holds_data(values[:, :, place], band).any()

    def valid(
        self,
        values: np.ndarray,
        bands: np.ndarray,
        *,
        unjudged: Collection[int] = (),
        rows: slice,
        cols: slice,
    ) -> np.ndarray:
        """Boolean raster, True where every judged band of a window holds data."""
        valid = np.ones(values.shape[:2], dtype=bool)
        if self.has_gaps:
            for i, band in enumerate(bands):
                if band not in unjudged:
                    valid &= self.holds_data(values[:, :, i], band)
        unmasked = self.unmasked(rows, cols)
        return valid if unmasked is None else valid & unmasked


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySource(CubeSource):
    """An image, or a raster of labels, in memory.

    Parameters
    ----------
    array : array of shape (rows, cols, bands) or (rows, cols)
        The values.
    path, **about
        As for :class:`CubeSource`; shape and dtype are those of the array.

    Raises
    ------
    ValueError
        When the array has another number of dimensions.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_hsiode.io.readers import ArraySource
    >>> ArraySource(path=Path("labels.xyz"), array=np.zeros((4, 5), dtype=int)).shape
    (4, 5, 1)
    """

    array: np.ndarray
    shape: tuple[int, int, int] = field(init=False)
    dtype: np.dtype = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.array, np.ndarray):
            raise TypeError(f"array must be an array, got {shown(self.array)}.")
        if self.array.ndim not in (2, 3):
            raise ValueError(
                f"{self.path} holds an array of shape {self.array.shape}, but an image has the"
                " shape (rows, cols, bands), and labels have (rows, cols)."
            )
        array = np.atleast_3d(self.array)
        for name, value in {"array": array, "shape": array.shape, "dtype": array.dtype}.items():
            object.__setattr__(self, name, value)
        super().__post_init__()

    @property
    def is_in_memory(self) -> bool:
        return True

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        return some_bands(self.array[rows, cols], bands)

    def whole(self, bands: np.ndarray) -> np.ndarray:
        return self.scaled(some_bands(self.array, bands), bands)


def some_bands(values: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Bands in increasing order, copied only where some are left out."""
    return values if len(bands) == values.shape[2] else values[:, :, bands]
