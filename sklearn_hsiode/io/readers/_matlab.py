"""Reader of MATLAB files: of version 7.3, which are HDF5 with the axes in reverse, and others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from sklearn_hsiode._memory import SMALL_FILE, require_memory
from sklearn_hsiode.io.readers._arrays import chosen
from sklearn_hsiode.io.readers._matlab_tags import NUMERIC, Variable, variables
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource, some_bands

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Matlab73Source(CubeSource):
    """An image in a MATLAB 7.3 file."""

    variable: str

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        first, last = int(bands[0]), int(bands[-1])
        with _opened(self.path) as file:
            array = file[self.variable]
            layers = array[first : last + 1, cols, rows] if array.ndim == 3 else array[cols, rows]
        return some_bands(np.atleast_3d(layers.T), bands - first)


def read_matlab(
    path: Path, *, variable: str | None = None, grid: CubeSource | None = None
) -> CubeSource:
    """The image, or the labels on the grid of one, in a MATLAB file."""
    with path.open("rb") as file:
        start = file.read(128)
    is_73 = start.startswith((b"MATLAB 7.3", b"\x89HDF"))
    return (_read_73 if is_73 else _read_5)(path, variable, grid)


def _read_5(path: Path, variable: str | None, grid: CubeSource | None) -> CubeSource:
    """Read a file of version 5, or of version 4, which has a zero among its first four bytes."""
    with reading(path, "a MATLAB file"):
        with path.open("rb") as file:
            listed = _variables_4(path) if 0 in file.read(4) else variables(path)
        name = chosen(path, {one.name: (one.shape, one.kind) for one in listed}, variable, grid)
        kind, n_bytes = next((one.kind, one.n_bytes) for one in listed if one.name == name)
        if [one.name for one in listed].count(name) > 1:
            raise ValueError(f"{path} holds {name!r} more than once: save one of them.")
        if kind not in NUMERIC:
            what = "a cube must be real numbers" if grid is None else "labels must be whole numbers"
            raise TypeError(f"{path} holds {kind} values, but {what}: save such.")
        require_memory(path, n_bytes)
        array = scipy.io.loadmat(path, variable_names=[name])[name]
        return ArraySource(path=path, array=np.asarray(array))


def _variables_4(path: Path) -> list[Variable]:
    listed = scipy.io.whosmat(path)
    return [
        Variable(name, tuple(map(int, shape)), kind, prod(map(int, shape)))
        for name, shape, kind in listed
    ]


def _read_73(path: Path, variable: str | None, grid: CubeSource | None) -> CubeSource:
    with _opened(path) as file:
        arrays = {name: file[name] for name in file if _is_array(file, name)}
        found = {name: (array.shape[::-1], _kind(array)) for name, array in arrays.items()}
        name = chosen(path, found, variable, grid)
        array = arrays[name]
        source = Matlab73Source(
            path=path,
            shape=(*array.shape[::-1], 1)[:3],
            dtype=array.dtype,
            block_rows=array.chunks[-1] if array.chunks else 1,
            block_cols=array.chunks[-2] if array.chunks else 1,
            variable=name,
        )
        _check_storage(path, array)
        return source


def _check_storage(path: Path, array: Any) -> None:
    """Raise ValueError for impossible blocks, and warn of those that are not there."""
    n_bytes = array.id.get_storage_size()
    n_blocks, n_stored = 1, int(n_bytes >= array.nbytes)
    if array.chunks is None and n_bytes > array.nbytes:
        raise ValueError(f"{array.name} has {n_bytes:,} bytes, and not {array.nbytes:,}")
    if array.chunks is not None:
        block_bytes = prod(array.chunks) * array.dtype.itemsize
        require_memory(path, block_bytes)
        n_blocks = prod(-(-size // of) for size, of in zip(array.shape, array.chunks, strict=True))
        places = set()

        def check(block: Any) -> None:
            corner = np.array(block.chunk_offset)
            is_in_place = (corner < array.shape).all() and not (corner % array.chunks).any()
            is_known = block.chunk_offset in places
            is_short = block.size < (block_bytes if block.filter_mask else 1)
            if not is_in_place or is_known or is_short:
                raise ValueError(f"the block of {array.name} at {block.chunk_offset} is damaged")
            places.add(block.chunk_offset)

        array.id.chunk_iter(check)
        n_stored = len(places)
        if array.nbytes <= SMALL_FILE * 2**20:
            for place in places:  # which is read as zeros where damage to the index hides it
                array.id.read_direct_chunk(place)
    if n_stored < n_blocks:
        logger.warning(
            "%s lacks %d of the %d blocks of %s, which are read as zeros: unless it was written in"
            " parts, it is damaged.",
            *(path, n_blocks - n_stored, n_blocks, array.name.strip("/")),
        )


def _is_array(file: Any, name: str) -> bool:
    """True for an array that lies in this file, and is not read from another one."""
    from h5py import Dataset, HardLink

    if not isinstance(file.get(name, getlink=True), HardLink):
        return False
    held = file[name]
    return isinstance(held, Dataset) and not held.external and not held.is_virtual


def _kind(array: Any) -> str:
    """MATLAB's class of an array: to HDF5 a text is made of integers."""
    kind = array.attrs.get("MATLAB_class", array.dtype.name)
    return kind.decode() if isinstance(kind, bytes) else str(kind)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{path} is a MATLAB 7.3 file, which is read with h5py: pip install"
            " 'sklearn-hsiode[matlab]', or save it with -v7 in MATLAB."
        ) from error
    kind = "a MATLAB 7.3 file (if it is whole, save it with -v7 in MATLAB)"
    with reading(path, kind), h5py.File(path, "r") as file:
        yield file
