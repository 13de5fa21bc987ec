"""The choice of one array among those in a file."""

from __future__ import annotations

from pathlib import Path

from sklearn_hsiode.io.readers._source import CubeSource

NUMBERS = ("int", "uint", "single", "double", "logical", "float", "bool")

Found = dict[str, tuple[tuple[int, ...], str]]


def chosen(path: Path, found: Found, variable: str | None, grid: CubeSource | None) -> str:
    """Name of the array that is asked for, or else of the only one of the right shape.

    `found` has the shape and type of every array in the file. Where there is a `grid`, its labels
    are asked for, else an image.
    """
    if grid is None:
        what, argument = "cube of shape (rows, cols, bands)", "variable"
        fitting = {name for name, (shape, _) in found.items() if len(shape) == 3 and 0 not in shape}
    else:
        rows_cols = grid.shape[:2]
        what, argument = f"label raster of the cube's shape {rows_cols}", "labels_variable"
        fitting = {name for name, (shape, _) in found.items() if shape == rows_cols}
    held = ", ".join(f"{name} {shape}" for name, (shape, _) in found.items()) or "nothing"
    if variable is not None:
        if variable not in fitting:
            raise ValueError(
                f"{path} holds no {what} called {variable!r}: it holds {held}. See {argument}."
            )
        return variable
    if len(fitting) > 1:  # a text may be as long as a raster is wide
        fitting = {name for name in fitting if found[name][1].startswith(NUMBERS)} or fitting
    if len(fitting) != 1:
        option = argument.replace("_", "-")
        remedy = f" Name one with {argument}=... (--{option} on the command line)."
        raise ValueError(
            f"{path} must hold one {what}, but it holds {held}.{remedy if fitting else ''}"
        )
    return fitting.pop()
