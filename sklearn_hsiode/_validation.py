"""Checks of the arrays that a scene is made of."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from sklearn_hsiode._arguments import OF_ARRAYS

REAL_KINDS = "biuf"


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def as_array(what: str, value: Any, kinds: str = "", n_dims: int | None = None) -> Any:
    """An argument as an array; its name stands in the error where it is none.

    Parameters
    ----------
    what : str
        Name of the argument.
    value : array-like
        What is to be an array; a masked one stays so.
    kinds : str, default=""
        Kinds of NumPy's types that it may hold, any by default.
    n_dims : int, default=None
        How many dimensions it must have.

    Raises
    ------
    TypeError
        When it cannot be made an array, or one of other kinds.
    ValueError
        When it has more or fewer dimensions.
    """
    try:
        array = np.asanyarray(value) if np.ma.isMaskedArray(value) else np.asarray(value)
        if kinds and array.dtype.kind == "O":  # as pandas has text
            array = np.asarray(array.tolist())
    except OF_ARRAYS as error:
        raise TypeError(f"{what} must be an array, got {shown(value)}: {error}") from error
    if kinds and array.dtype.kind not in kinds and array.size:
        raise TypeError(f"{what} cannot be {shown(value)}, of type {array.dtype}.")
    if n_dims is not None and array.ndim != n_dims:
        raise ValueError(
            f"{what} must be an array of {n_dims} dimension{'s' if n_dims > 1 else ''}, got"
            f" {shown(value)}, of shape {array.shape}."
        )
    return array


def shown(value: Any) -> str:
    """A value in an error, as long as a line."""
    return reprlib.repr(value)


def check_cube(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise TypeError or ValueError unless these are the shape and type of a cube."""
    if dtype.kind not in REAL_KINDS:
        raise TypeError(f"cube must hold real numbers, got dtype {dtype}.")
    if len(shape) != 3:
        raise ValueError(
            f"cube must have shape (rows, cols, bands), got {len(shape)} dimensions {shape};"
            " a single band is cube[:, :, np.newaxis]."
        )
    if 0 in shape:
        raise ValueError(f"cube is empty: its shape is {shape}.")


def checked_cube(cube: Any) -> np.ndarray:
    """Return a cube as a read-only, contiguous array of real numbers in native byte order."""
    # A memory map stays one, so that joblib recognises it and passes its file on.
    try:
        cube = cube if isinstance(cube, np.memmap) else np.asarray(cube)
    except OF_ARRAYS as error:
        raise ValueError(f"cube is no array of shape (rows, cols, bands): {error}") from error
    check_cube(cube.shape, cube.dtype)
    if not cube.dtype.isnative:
        cube = cube.astype(cube.dtype.newbyteorder("="))
    return read_only(cube if cube.flags.c_contiguous else np.ascontiguousarray(cube))


def checked_raster(what: str, raster: Any, grid: tuple[int, ...]) -> np.ndarray:
    """Return a raster as an array of the cube's rows and columns."""
    raster = np.asarray(as_array(what, raster))
    if raster.shape != grid:
        hint = " It seems to be transposed: pass its .T." if raster.shape == grid[::-1] else ""
        raise ValueError(
            f"{what} must have the cube's shape (rows, cols) = {grid}, got {raster.shape}.{hint}"
        )
    return raster


def checked_mask(mask: Any, grid: tuple[int, ...]) -> np.ndarray:
    """Return a mask, by default all True, as a read-only boolean raster."""
    if mask is None:
        return read_only(np.ones(grid, dtype=bool))
    mask = checked_raster("mask", mask, grid)
    if mask.dtype != bool:
        raise TypeError(
            f"mask must be boolean, True where a pixel is valid, got dtype {mask.dtype}."
        )
    if not mask.any():
        raise ValueError("mask leaves no valid pixel: it must be True where a pixel is valid.")
    return read_only(mask)


def require_valid(mask: np.ndarray, where: str) -> np.ndarray:
    """Return the mask that was found in an image, read-only, unless it leaves no pixel."""
    if not mask.any():
        raise ValueError(
            f"{where} has no pixel that holds data in every band: mark the bands that lack most"
            " of it as bad in its header (bbl = 0), so that they are left out."
        )
    # One that is True everywhere takes no memory, however many images there are.
    return read_only(np.broadcast_to(True, mask.shape) if mask.all() else mask)


def checked_wavelengths(wavelengths: Any, n_bands: int) -> np.ndarray | None:
    """Return wavelengths as a read-only array of one number per band, or None."""
    if wavelengths is None:
        return None
    wavelengths = as_array("wavelengths", wavelengths)
    if wavelengths.dtype.kind not in "iuf" or wavelengths.shape != (n_bands,):
        raise ValueError(
            f"wavelengths must be one number per band, of shape ({n_bands},), got"
            f" {wavelengths.dtype} of shape {wavelengths.shape}."
        )
    if not (np.isfinite(wavelengths) & (wavelengths >= 0)).all():
        raise ValueError(
            "wavelengths must be finite and not negative; where they are not known, None."
        )
    return read_only(wavelengths.astype(float))


def checked_slice(what: str, part: slice, size: int) -> slice:
    """Return a slice of an axis with its start and stop, of one place at least, in steps of 1."""
    try:
        start, stop, step = part.indices(size)
    except (AttributeError, TypeError) as error:
        raise TypeError(f"{what} must be a slice of integers, got {shown(part)}.") from error
    if step != 1:
        raise ValueError(f"{what} must be a slice in steps of 1, got {part}.")
    if stop <= start:
        raise ValueError(f"{what} must hold at least one of the scene's {size}, got {part}.")
    return slice(start, stop)
