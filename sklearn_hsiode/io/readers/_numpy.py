"""Readers of NumPy files."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from sklearn_hsiode._memory import require_memory
from sklearn_hsiode.io.readers._arrays import chosen
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource, some_bands


class Header(NamedTuple):
    """What an array in a NumPy file is, and where its values begin."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype
    start: int

    @property
    def n_bytes(self) -> int:
        """Size of the values."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, kw_only=True, eq=False)
class NumpySource(CubeSource):
    """An image in a ``.npy`` file.

    It is read, not mapped into memory: a map of a file that shrinks ends the process.
    """

    start: int
    is_fortran: bool

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        across = slice(int(bands[0]), int(bands[-1]) + 1)
        window = (across, cols, rows) if self.is_fortran else (rows, cols, slice(0, self.shape[2]))
        shape = self.shape[::-1] if self.is_fortran else self.shape
        with reading(self.path, "a NumPy file"), self.path.open("rb") as file:
            stored = _part(file, self.start, self.dtype, shape, window)
        return (
            stored.T[:, :, bands - across.start] if self.is_fortran else some_bands(stored, bands)
        )


def _part(
    file: IO[bytes],
    start: int,
    dtype: np.dtype,
    shape: tuple[int, ...],
    window: tuple[slice, ...],
) -> np.ndarray:
    """Part of an array in C order, read run by run."""
    sizes = tuple(part.stop - part.start for part in window)
    partial = [axis for axis in range(len(shape)) if sizes[axis] < shape[axis]]
    last = partial[-1] if partial else 0  # a run is along this axis, and whole along those after it
    values = np.empty(sizes, dtype=dtype)
    n_items = prod(sizes[last:])
    for place in np.ndindex(sizes[:last]):
        first = [part.start + i for part, i in zip(window, place, strict=False)]
        corner = (*first, window[last].start, *(0 for _ in shape[last + 1 :]))
        file.seek(start + int(np.ravel_multi_index(corner, shape)) * dtype.itemsize)
        run = np.fromfile(file, dtype, n_items)
        if run.size < n_items:
            raise ValueError("it is shorter than its header says")
        values[place] = run.reshape(sizes[last:])
    return values


def read_npy(path: Path, *, grid: CubeSource | None = None) -> CubeSource:
    """The image, or the labels on the grid of one, in a ``.npy`` file."""
    with reading(path, "a NumPy file"), path.open("rb") as file:
        header = _header(file)
        expected, actual = header.start + header.n_bytes, path.stat().st_size
        if expected != actual:
            raise ValueError(f"its header describes {expected} bytes, but it has {actual}")
    chosen(path, {"an array": (header.shape, header.dtype.name)}, None, grid)
    return NumpySource(
        path=path,
        shape=(*header.shape, 1)[:3],  # type: ignore[arg-type]
        dtype=header.dtype,
        start=header.start,
        is_fortran=header.is_fortran,
        block_rows=header.shape[0] if header.is_fortran else 1,
    )


def read_npz(
    path: Path, *, variable: str | None = None, grid: CubeSource | None = None
) -> CubeSource:
    """The image, or the labels on the grid of one, in a ``.npz`` file."""
    with reading(path, "a NumPy archive"), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no archive")
        with np.load(file, allow_pickle=False) as archive:
            headers = {name: _member(archive.zip, f"{name}.npy") for name in archive.files}
            found = {name: (header.shape, header.dtype.name) for name, header in headers.items()}
            name = chosen(path, found, variable, grid)
            require_memory(path, headers[name].n_bytes)
            return ArraySource(path=path, array=archive[name])


def _member(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as file:
        header = _header(file)
    expected, actual = header.start + header.n_bytes, archive.getinfo(name).file_size
    if expected != actual and not header.dtype.hasobject:
        raise ValueError(f"the header of {name} describes {expected} bytes, but it has {actual}")
    return header


def _header(file: Any) -> Header:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape is {shape}")
    return Header(shape, is_fortran, dtype, file.tell())
