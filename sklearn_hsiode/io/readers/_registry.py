"""READERS: the reader of each file format, by suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn_hsiode.io.readers._data_array import (
    is_data_array,
    is_dataset,
    read_data_array,
)
from sklearn_hsiode.io.readers._envi import read_envi
from sklearn_hsiode.io.readers._matlab import read_matlab
from sklearn_hsiode.io.readers._numpy import read_npy, read_npz
from sklearn_hsiode.io.readers._reading import reading
from sklearn_hsiode.io.readers._source import CubeSource
from sklearn_hsiode.io.readers._vector import read_vector

READERS: dict[str, Callable[..., CubeSource]] = {
    ".mat": read_matlab,
    ".npy": read_npy,
    ".npz": read_npz,
    **dict.fromkeys((".gpkg", ".geojson", ".json", ".shp", ".fgb"), read_vector),
}
DEFAULT = read_envi  # and with it whatever rasterio opens


def read_source(path: Any, *, grid: CubeSource | None = None, **options: Any) -> CubeSource:
    """The image in a file or an xarray.DataArray, or the labels in a file on the grid of an image.

    Options that are not None are passed to the reader, if it takes them.
    """
    if is_dataset(path):
        held = ", ".join(f"{name} {tuple(var.dims)}" for name, var in path.data_vars.items())
        raise TypeError(
            "An xarray.Dataset may hold several images: choose one of its variables with"
            f" dataset[name]. It holds {held or 'none'}."
        )
    path, reader = (path, read_data_array) if is_data_array(path) else _reader(path)
    taken = signature(reader).parameters
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in taken:
            argument = "labels_variable" if grid is not None and name == "variable" else name
            suffixes = [key for key, one in READERS.items() if name in signature(one).parameters]
            file = path if isinstance(path, Path) else "a DataArray"
            raise ValueError(
                f"{argument} is for {', '.join(suffixes)} files, not for {file}: leave it out."
            )
    if "grid" in taken:
        given["grid"] = grid
    with reading(
        path if isinstance(path, Path) else "DataArray", "an image" if grid is None else "labels"
    ):
        source = reader(path, **given)
    if not isinstance(source, CubeSource):
        raise TypeError(
            f"The reader of {path} must return a CubeSource, got {type(source).__name__}: for an"
            " array, return ArraySource(path=path, array=array)."
        )
    return source


def _reader(path: Any) -> tuple[Path, Callable[..., CubeSource]]:
    if not isinstance(path, (str, PathLike)):
        raise TypeError(
            f"A scene is read from a path or an xarray.DataArray, got {type(path).__name__}: for"
            " an array, use Scene(cube, labels)."
        )
    path = Path(os.fsdecode(path))
    shown = str(path).encode(errors="backslashreplace").decode()
    if shown != str(path):
        raise ValueError(
            f"The name of {shown} is not UTF-8, which rasterio and figures need: rename it."
        )
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name the file in it.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with path.open("rb"):  # an error of the file system says more than those of libraries
        return path, READERS.get(path.suffix.lower(), DEFAULT)
