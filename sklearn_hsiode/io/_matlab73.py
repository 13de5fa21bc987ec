"""Reader of MATLAB 7.3 files, which are HDF5 with the axes in reverse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io._sources import CubeSource, require_real, some_bands


@dataclass(frozen=True, kw_only=True, eq=False)
class Matlab73Source(CubeSource):
    """An image in a MATLAB 7.3 file."""

    variable: str

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        first, last = int(bands[0]), int(bands[-1])
        with _opened(self.path) as file:
            layers = file[self.variable][first : last + 1, cols, rows]
        return some_bands(layers.transpose(2, 1, 0), bands - first)


def matlab73_source(path: Path, name: str) -> CubeSource:
    """The image of this name."""
    with _opened(path) as file:
        array = file[name]
        require_real(path, name, array.dtype)
        return Matlab73Source(
            path=path,
            shape=array.shape[::-1],
            dtype=array.dtype,
            block_rows=array.chunks[-1] if array.chunks else 1,
            block_cols=array.chunks[-2] if array.chunks else 1,
            variable=name,
        )


def found(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of every array in the file."""
    with _opened(path) as file:
        arrays = {name: value for name, value in file.items() if hasattr(value, "shape")}
        return {name: (array.shape[::-1], _kind(array)) for name, array in arrays.items()}


def loaded(path: Path, name: str) -> np.ndarray:
    """The array of this name."""
    with _opened(path) as file:
        return np.asarray(file[name][()].T)


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
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"{path} cannot be read as a MATLAB 7.3 file: {error}. Write it again, or save it"
            " with -v7 in MATLAB."
        ) from error
