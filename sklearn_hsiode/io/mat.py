"""Reader of MATLAB files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

from sklearn_hsiode.scene import Scene


def read_mat_scene(scene: str | Path, labels: str | Path | None = None) -> Scene:
    """Read a scene, and its ground truth, from MATLAB files of version 5 to 7.

    Parameters
    ----------
    scene : path
        File with one array of shape (rows, cols, bands).
    labels : path, default=None
        File with one array of shape (rows, cols), 0 = unlabelled. May be the same file.

    Returns
    -------
    scene : Scene
        Named after its file. Pixels that hold NaN or infinity in any band are masked.

    Raises
    ------
    FileNotFoundError
        When a file does not exist.
    ValueError
        When a file is no such MATLAB file, or holds not exactly one array of the right shape.
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


def _only_array(path: Path, what: str, fits: object) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        variables = scipy.io.loadmat(path)
    except NotImplementedError as error:
        raise ValueError(f"{path} is a MATLAB 7.3 file: save it with -v7 in MATLAB.") from error
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error
    arrays = {name: v for name, v in variables.items() if isinstance(v, np.ndarray)}
    found = [name for name, array in arrays.items() if fits(array.shape)]  # type: ignore[operator]
    if len(found) != 1:
        held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise ValueError(f"{path} must hold one {what}, but it holds {held}.")
    return arrays[found[0]]
