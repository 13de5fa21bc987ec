"""Reader of MATLAB files: of version 7.3, which are HDF5 with the axes in reverse, and others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from sklearn_hsiode.io.readers._arrays import chosen
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource, some_bands


@dataclass(frozen=True, kw_only=True, eq=False)
class Matlab73Source(CubeSource):
    """An image in a MATLAB 7.3 file."""

    variable: str

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        first, last = int(bands[0]), int(bands[-1])
        with _opened(self.path) as file:
            layers = file[self.variable][first : last + 1, cols, rows]
        return some_bands(layers.transpose(2, 1, 0), bands - first)


def read_matlab(
    path: Path, *, variable: str | None = None, grid: CubeSource | None = None
) -> CubeSource:
    """The image, or the labels on the grid of one, in a MATLAB file."""
    with path.open("rb") as file:
        start = file.read(128)
    is_73 = start.startswith((b"MATLAB 7.3", b"\x89HDF"))
    return (_read_73 if is_73 else _read_5)(path, variable, grid)


def _read_5(path: Path, variable: str | None, grid: CubeSource | None) -> CubeSource:
    listed = _loaded(path, scipy.io.whosmat)
    found = {name: (tuple(map(int, shape)), kind) for name, shape, kind in listed}
    name = chosen(path, found, variable, grid)
    array = _loaded(path, scipy.io.loadmat, variable_names=[name])[name]
    return ArraySource(path=path, array=np.asarray(array))


def _loaded(path: Path, read: Any, **options: Any) -> Any:
    try:
        return read(path, **options)
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise ValueError(
            f"{path} cannot be read as a MATLAB file, and may be damaged: {error}"
        ) from error


def _read_73(path: Path, variable: str | None, grid: CubeSource | None) -> CubeSource:
    with _opened(path) as file:
        arrays = {name: value for name, value in file.items() if hasattr(value, "shape")}
        found = {name: (array.shape[::-1], _kind(array)) for name, array in arrays.items()}
        name = chosen(path, found, variable, grid)
        array = file[name]
        if grid is not None:
            return ArraySource(path=path, array=array[()].T)
        return Matlab73Source(
            path=path,
            shape=array.shape[::-1],
            dtype=array.dtype,
            block_rows=array.chunks[-1] if array.chunks else 1,
            block_cols=array.chunks[-2] if array.chunks else 1,
            variable=name,
        )


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
