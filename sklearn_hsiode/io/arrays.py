"""Reader of MATLAB and NumPy files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io

from sklearn_hsiode.scene import Scene


def read_scene(scene: str | Path, labels: str | Path | None = None) -> Scene:
    """Read a scene, and its ground truth, from MATLAB (version 5 to 7) or NumPy files.

    Parameters
    ----------
    scene : path
        ``.mat`` with one array of shape (rows, cols, bands), or ``.npy`` of this shape.
    labels : path, default=None
        ``.mat`` with one array of shape (rows, cols), or ``.npy`` of this shape, 0 =
        unlabelled. A ``.mat`` file may hold both.

    Returns
    -------
    scene : Scene
        Named after its file. Pixels that hold NaN or infinity in any band are masked.

    Raises
    ------
    FileNotFoundError
        When a file does not exist.
    ValueError
        When a file is of neither kind, or holds not exactly one array of the right shape.
    """
    cube = _only_array(Path(scene), "cube of shape (rows, cols, bands)", lambda s: len(s) == 3)
    mask = np.isfinite(cube).all(axis=2) if cube.dtype.kind == "f" else None
    if labels is None:
        return Scene(cube, mask=mask, name=Path(scene).stem)
    grid = cube.shape[:2]
    what = f"label raster of the cube's shape {grid}"
    raster = _only_array(Path(labels), what, lambda shape: shape == grid)
    if raster.dtype.kind == "f" and (raster == np.trunc(raster)).all():
        raster = raster.astype(np.int64)  # MATLAB's numbers are doubles unless told otherwise
    return Scene(cube, raster, mask=mask, name=Path(scene).stem)


def _only_array(path: Path, what: str, fits: Callable[[tuple[int, ...]], bool]) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    arrays = _numpy_arrays(path) if path.suffix.lower() == ".npy" else _matlab_arrays(path)
    found = [name for name, array in arrays.items() if fits(array.shape)]
    if len(found) != 1:
        held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise ValueError(f"{path} must hold one {what}, but it holds {held}.")
    return arrays[found[0]]


def _numpy_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            return {"an array": np.lib.format.read_array(file, allow_pickle=False)}
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a NumPy file: {error}") from error


def _matlab_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        variables = scipy.io.loadmat(path)
    except NotImplementedError as error:
        raise ValueError(f"{path} is a MATLAB 7.3 file: save it with -v7 in MATLAB.") from error
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error
    return {name: value for name, value in variables.items() if isinstance(value, np.ndarray)}
