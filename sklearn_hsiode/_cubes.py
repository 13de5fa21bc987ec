"""Cubes (rows, cols, bands): arrays in memory, and what windows are read of."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from sklearn_hsiode._memory import FILE_BLOCK, SPECTRA, n_items
from sklearn_hsiode._validation import check_cube, checked_cube

Block = tuple[slice, slice]


class Cube:
    """A cube of which windows are read when they are asked for.

    Parameters
    ----------
    source : object
        Anything with `shape` (rows, cols, bands), `dtype` and ``source[rows, cols]``, which
        returns an array (rows, cols, bands) for two slices. Pixels that a masked array masks
        in any band are invalid.
    """

    is_loaded = False

    def __init__(self, source: Any) -> None:
        self.source = source

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and bands."""
        rows, cols, bands = self.source.shape
        return rows, cols, bands

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(self.source.dtype).newbyteorder("=")

    def __getitem__(self, window: Block) -> np.ndarray:
        values: np.ndarray = np.ma.asanyarray(self.source[window])
        return values

    def blocks(self) -> Iterator[Block]:
        """Rows and columns that are to be read together, from top to bottom."""
        rows, cols, bands = self.shape
        for strip in gen_batches(rows, n_items(FILE_BLOCK, cols * bands * self.dtype.itemsize)):
            yield strip, slice(0, cols)

    def load(self) -> np.ndarray:
        """All values."""
        cube = np.empty(self.shape, self.dtype)
        for block in self.blocks():
            cube[block] = np.ma.getdata(self[block])
        return cube

    def select_bands(self, bands: Any) -> Cube:
        """The cube of some bands, in memory unless a subclass can do without."""
        return ArrayCube(self.load()[:, :, bands])

    def valid(self) -> np.ndarray:
        """Boolean raster of the valid pixels, for which the cube is read once."""
        valid = np.empty(self.shape[:2], dtype=bool)
        for block in self.blocks():
            valid[block] = valid_pixels(self[block])
        return valid

    def non_finite(self, mask: np.ndarray) -> np.ndarray:
        """Boolean raster, True where a pixel of the mask holds NaN or infinity."""
        bad = np.zeros(mask.shape, dtype=bool)
        if self.dtype.kind == "f":
            for part, spectra in self.iter_spectra(np.flatnonzero(mask)):
                bad.reshape(-1)[part] = ~np.isfinite(spectra).all(axis=1)
        return bad

    def iter_spectra(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Row-major positions, given in increasing order, and their spectra, block by block."""
        n_cols = self.shape[1]
        for strip, across in self.blocks():
            some = slice(*np.searchsorted(positions, [strip.start * n_cols, strip.stop * n_cols]))
            part = positions[some]
            part = part[(part % n_cols >= across.start) & (part % n_cols < across.stop)]
            if part.size:
                rows, cols = np.divmod(part, n_cols)
                top, left = rows.min(), cols.min()
                values = self[slice(top, rows.max() + 1), slice(left, cols.max() + 1)]
                yield part, np.ma.getdata(values)[rows - top, cols - left]

    def spectra_at(self, positions: np.ndarray) -> np.ndarray:
        """Spectra of pixels in any order, reading no more than the blocks that they lie in."""
        ordered, places = np.unique(positions, return_inverse=True)
        spectra = np.empty((len(ordered), self.shape[2]), dtype=self.dtype)
        for part, values in self.iter_spectra(ordered):
            spectra[np.searchsorted(ordered, part)] = values
        return spectra[places]


class ArrayCube(Cube):
    """A cube in memory, read-only and contiguous."""

    is_loaded = True

    def __init__(self, source: Any) -> None:
        super().__init__(checked_cube(source))

    def __getitem__(self, window: Block) -> np.ndarray:
        values: np.ndarray = self.source[window]
        return values

    def load(self) -> np.ndarray:
        array: np.ndarray = self.source
        return array

    def non_finite(self, mask: np.ndarray) -> np.ndarray:
        if self.dtype.kind != "f":
            return np.zeros(mask.shape, dtype=bool)
        return np.asarray(~np.isfinite(self.source).all(axis=2) & mask)

    def iter_spectra(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        at_once = n_items(SPECTRA, self.shape[2] * self.dtype.itemsize)
        for batch in gen_batches(len(positions), at_once):
            yield positions[batch], self.spectra_at(positions[batch])

    def spectra_at(self, positions: np.ndarray) -> np.ndarray:
        spectra: np.ndarray = self.source.reshape(-1, self.shape[2])[positions]
        return spectra

    def __reduce__(self) -> tuple[Any, ...]:
        # The same array each time, so that joblib dumps it once and each worker maps its file.
        return ArrayCube, (self.source,)


class CubeWindow(Cube):
    """A window of a cube, still to be read.

    Parameters
    ----------
    cube : Cube
        What it is a window of.
    block : tuple of slice
        Its rows and columns there.
    """

    def __init__(self, cube: Cube, block: Block) -> None:
        super().__init__(cube)
        self.block = block

    @property
    def shape(self) -> tuple[int, int, int]:
        rows, cols = self.block
        return rows.stop - rows.start, cols.stop - cols.start, self.source.shape[2]

    def __getitem__(self, window: Block) -> np.ndarray:
        values: np.ndarray = self.source[
            tuple(
                slice(outer.start + inner.start, outer.start + inner.stop)
                for outer, inner in zip(self.block, window, strict=True)
            )
        ]
        return values


def as_cube(cube: Any) -> Cube:
    """A cube in memory, or one that is read by window.

    What is no array, and cannot be made one by NumPy, but has `shape` and `dtype` is read by
    window.
    """
    if isinstance(cube, Cube):
        return cube
    if hasattr(cube, "__array__") or not (hasattr(cube, "dtype") and hasattr(cube, "shape")):
        return ArrayCube(cube)
    check_cube(tuple(cube.shape), np.dtype(cube.dtype))
    return Cube(cube)


def valid_pixels(values: np.ndarray) -> np.ndarray:
    """Boolean raster, False where a masked array masks any band of a pixel."""
    if np.ma.getmask(values) is np.ma.nomask:
        return np.ones(values.shape[:2], dtype=bool)
    return np.asarray(~np.ma.getmaskarray(values).any(axis=2))


@dataclass(frozen=True)
class PackedRaster:
    """A raster, compressed to be sent to another process."""

    content: bytes
    dtype: np.dtype
    shape: tuple[int, ...]

    @classmethod
    def of(cls, raster: np.ndarray | None) -> PackedRaster | None:
        """Compress a raster."""
        if raster is None:
            return None
        return cls(zlib.compress(raster.tobytes(), level=1), raster.dtype, raster.shape)

    def raster(self) -> np.ndarray:
        """The raster as it was."""
        return np.frombuffer(zlib.decompress(self.content), self.dtype).reshape(self.shape)
