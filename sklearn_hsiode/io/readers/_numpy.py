"""Readers of NumPy files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._arrays import chosen
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource, some_bands


@dataclass(frozen=True, kw_only=True, eq=False)
class NumpySource(CubeSource):
    """An image in a ``.npy`` file, memory-mapped."""

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        return some_bands(_mapped(self.path)[rows, cols], bands)

    def whole(self, bands: np.ndarray) -> np.ndarray:
        return some_bands(_mapped(self.path), bands)


def read_npy(path: Path, *, grid: CubeSource | None = None) -> CubeSource:
    """The image, or the labels on the grid of one, in a ``.npy`` file."""
    array = _mapped(path)
    chosen(path, {"an array": (array.shape, array.dtype.name)}, None, grid)
    if grid is not None:
        return ArraySource(path=path, array=np.array(array))
    return NumpySource(path=path, shape=array.shape, dtype=array.dtype)


def read_npz(
    path: Path, *, variable: str | None = None, grid: CubeSource | None = None
) -> CubeSource:
    """The image, or the labels on the grid of one, in a ``.npz`` file."""
    with _archive(path) as archive:
        found = {name: _described(archive.zip, f"{name}.npy") for name in archive.files}
    name = chosen(path, found, variable, grid)
    with _archive(path) as archive:
        return ArraySource(path=path, array=archive[name])


def _described(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], str]:
    """Shape and type of an array in an archive, of which only the header is read."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    return shape, dtype.name


def _mapped(path: Path) -> np.memmap:
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} cannot be read as a NumPy file, and may be damaged: {error}"
        ) from error


@contextmanager
def _archive(path: Path) -> Iterator[Any]:
    try:
        # NumPy itself leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise ValueError("it is no archive")
            yield archive
    except Exception as error:  # a damaged archive leads zipfile and zlib to many
        raise ValueError(
            f"{path} cannot be read as a NumPy archive, and may be damaged: {error}"
        ) from error
