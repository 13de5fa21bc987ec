"""Readers of MATLAB and NumPy files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from sklearn_hsiode.io import _matlab73 as matlab73
from sklearn_hsiode.io._sources import ArraySource, CubeSource, require_real, some_bands

SUFFIXES = (".mat", ".npy", ".npz")
ONLY = "an array"  # what a .npy file holds has no name
NUMBERS = ("int", "uint", "single", "double", "logical", "float", "bool")

Found = dict[str, tuple[tuple[int, ...], str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class NumpySource(CubeSource):
    """An image in a ``.npy`` file, memory-mapped."""

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        return some_bands(_mapped(self.path)[rows, cols], bands)

    def whole(self, bands: np.ndarray) -> np.ndarray:
        return some_bands(_mapped(self.path), bands)


def array_source(path: Path, variable: str | None = None) -> CubeSource:
    """The image in a MATLAB or NumPy file.

    Parameters
    ----------
    path : path
        ``.mat``, ``.npy`` or ``.npz``.
    variable : str, default=None
        Name of the array; by default the only one of three dimensions.

    Returns
    -------
    source : CubeSource

    Raises
    ------
    ValueError
        When the file cannot be read, or holds not exactly one such array.
    TypeError
        When the array holds no real numbers.
    """
    found = _found(path)
    fitting = {name for name, (shape, _) in found.items() if len(shape) == 3 and 0 not in shape}
    name = _chosen(path, found, fitting, variable, "cube of shape (rows, cols, bands)", "variable")
    if path.suffix.lower() == ".npy":
        mapped = _mapped(path)
        require_real(path, name, mapped.dtype)
        return NumpySource(path=path, shape=mapped.shape, dtype=mapped.dtype)
    if _is_matlab_73(path):
        return matlab73.matlab73_source(path, name)
    array = _loaded(path, name)
    require_real(path, name, array.dtype)
    return ArraySource(path=path, shape=array.shape, dtype=array.dtype, array=array)


def label_array(path: Path, grid: tuple[int, int], variable: str | None = None) -> np.ndarray:
    """The label raster in a MATLAB or NumPy file.

    Parameters
    ----------
    path : path
        ``.mat``, ``.npy`` or ``.npz``.
    grid : tuple
        Rows and columns that the raster must have.
    variable : str, default=None
        Name of the array; by default the only one of the grid's shape.

    Returns
    -------
    labels : array of shape (rows, cols)

    Raises
    ------
    ValueError
        When the file cannot be read, or holds not exactly one such array.
    """
    found = _found(path)
    fitting = {name for name, (shape, _) in found.items() if shape == grid}
    what = f"label raster of the cube's shape {grid}"
    return _loaded(path, _chosen(path, found, fitting, variable, what, "labels_variable"))


def _chosen(
    path: Path, found: Found, fitting: set[str], name: str | None, what: str, argument: str
) -> str:
    """The array that is named, or the only one that fits."""
    option = argument.replace("_", "-")
    held = ", ".join(f"{name} {shape}" for name, (shape, _) in found.items()) or "nothing"
    if name is not None:
        if name not in fitting:
            raise ValueError(f"{path} holds no {what} called {name!r}: it holds {held}.")
        return name
    if len(fitting) > 1:  # a text may be as long as a raster is wide
        numbers = {name for name in fitting if found[name][1].startswith(NUMBERS)}
        fitting = numbers or fitting
    if len(fitting) != 1:
        remedy = (
            f" Name one with {argument}=... (--{option} on the command line)." if fitting else ""
        )
        raise ValueError(f"{path} must hold one {what}, but it holds {held}.{remedy}")
    return fitting.pop()


def _found(path: Path) -> Found:
    """Shape and type of every array in a file."""
    suffix = path.suffix.lower()
    if suffix == ".mat":
        if _is_matlab_73(path):
            return matlab73.found(path)
        listed = _matlab(path, scipy.io.whosmat)
        return {name: (tuple(map(int, shape)), kind) for name, shape, kind in listed}
    if suffix == ".npy":
        mapped = _mapped(path)
        return {ONLY: (mapped.shape, mapped.dtype.name)}
    with _archive(path) as archive:
        members = {name: f"{name}.npy" for name in archive.files}
        return {name: _described(archive.zip, member) for name, member in members.items()}


def _described(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], str]:
    """Shape and type of an array in an archive, of which only the header is read."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    return shape, dtype.name


def _loaded(path: Path, name: str) -> np.ndarray:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return np.array(_mapped(path))
    if suffix == ".npz":
        with _archive(path) as archive:
            return archive[name]
    if _is_matlab_73(path):
        return matlab73.loaded(path, name)
    return np.asarray(_matlab(path, scipy.io.loadmat, variable_names=[name])[name])


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


def _is_matlab_73(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(128)
    return start.startswith((b"MATLAB 7.3", b"\x89HDF"))


def _matlab(path: Path, read: Any, **options: Any) -> Any:
    try:
        return read(path, **options)
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise ValueError(
            f"{path} cannot be read as a MATLAB file, and may be damaged: {error}"
        ) from error
