"""Readers of NumPy files."""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sklearn_hsiode._memory import require_memory
from sklearn_hsiode.io.readers._arrays import chosen
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource
from sklearn_hsiode.io.readers._stored import BANDS, COLS, ROWS, StoredSource

NPY = "a NumPy file"


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


def read_npy(path: Path, *, grid: CubeSource | None = None) -> CubeSource:
    """The image, or the labels on the grid of one, in a ``.npy`` file."""
    with reading(path, NPY), path.open("rb") as file:
        header = _header(file)
        expected, actual = header.start + header.n_bytes, path.stat().st_size
        if expected != actual:
            raise ValueError(f"its header describes {expected} bytes, but it has {actual}")
    chosen(path, {"an array": (header.shape, header.dtype.name)}, None, grid)
    return StoredSource(
        path=path,
        shape=(*header.shape, 1)[:3],  # type: ignore[arg-type]
        dtype=header.dtype,
        start=header.start,
        axes=(BANDS, COLS, ROWS) if header.is_fortran else (ROWS, COLS, BANDS),
        stored=header.dtype,
        kind=NPY,
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
