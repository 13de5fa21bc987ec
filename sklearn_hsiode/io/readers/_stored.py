"""Images whose values lie in a file as they are, in any order of rows, columns and bands."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import IO

import numpy as np

from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import CubeSource, some_bands

ROWS, COLS, BANDS = range(3)


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredSource(CubeSource):
    """An image whose values lie in a file as they are.

    They are read, not mapped into memory: a map of a file that shrinks ends the process.

    Parameters
    ----------
    start : int
        Bytes before the values.
    axes : tuple of int
        The axes of the cube in the order in which they are stored, slowest first.
    stored : dtype
        Type of the values, with their byte order.
    kind : str
        What the file is, in messages.
    """

    start: int
    axes: tuple[int, int, int]
    stored: np.dtype
    kind: str

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        window = rows, cols, slice(int(bands[0]), int(bands[-1]) + 1)
        shape, places = [self.shape[i] for i in self.axes], [window[i] for i in self.axes]
        with reading(self.path, self.kind), self.path.open("rb") as file:
            values = _part(file, self.start, self.stored, shape, places)
        values = values.transpose(np.argsort(self.axes)).astype(self.dtype, copy=False)
        return some_bands(values, bands - bands[0])


def _part(
    file: IO[bytes], start: int, dtype: np.dtype, shape: list[int], window: list[slice]
) -> np.ndarray:
    """Part of an array in C order, read run by run."""
    sizes = [part.stop - part.start for part in window]
    partial = [axis for axis, size in enumerate(sizes) if size < shape[axis]]
    last = partial[-1] if partial else 0  # a run is part of this axis, and all of those after it
    values = np.empty(sizes, dtype=dtype)
    length = prod(sizes[last:])
    for place in np.ndindex(*sizes[:last]):
        corner = [part.start for part in window]
        corner[:last] = [first + i for first, i in zip(corner, place, strict=False)]
        file.seek(start + int(np.ravel_multi_index(corner, shape)) * dtype.itemsize)
        run = np.fromfile(file, dtype, length)
        if run.size < length:
            raise ValueError("it is shorter than its header says")
        values[place] = run.reshape(sizes[last:])
    return values
