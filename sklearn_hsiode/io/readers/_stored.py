"""Images whose values lie in a file as they are, in any order of rows, columns and bands."""

from __future__ import annotations

from dataclasses import dataclass
from io import BufferedReader
from math import prod

import numpy as np
from sklearn.utils import gen_batches

from sklearn_hsiode._memory import FILE_BLOCK, n_items
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import CubeSource, some_bands

ROWS, COLS, BANDS = range(3)
SHORT = 2**16  # bytes that are read together, since another read would cost more


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
    file: BufferedReader, start: int, dtype: np.dtype, shape: list[int], window: list[slice]
) -> np.ndarray:
    """Part of an array in C order, read run by run."""
    sizes = [part.stop - part.start for part in window]
    partial = [axis for axis, size in enumerate(sizes) if size < shape[axis]]
    while partial and prod(shape[partial[-1] :]) * dtype.itemsize <= SHORT:
        partial.pop()
    last = partial[-1] if partial else 0  # of this axis a part is read, of those behind it all
    inner = shape[last + 1 :]
    at_once = n_items(FILE_BLOCK, prod(inner) * dtype.itemsize)
    values = np.empty(sizes, dtype=dtype)
    for place in np.ndindex(*sizes[:last]):
        for part in gen_batches(sizes[last], at_once):
            corner = [window[axis].start + i for axis, i in enumerate((*place, part.start))]
            first = int(np.ravel_multi_index((*corner, *(0 for _ in inner)), shape))
            file.seek(start + first * dtype.itemsize)
            run = np.empty((part.stop - part.start, *inner), dtype)
            if file.readinto(run.reshape(-1).view(np.uint8).data) < run.nbytes:
                raise ValueError("it is shorter than its header says")
            values[(*place, part)] = run[(slice(None), *window[last + 1 :])]
    return values
