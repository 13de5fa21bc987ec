"""Colours of classes, the same in every picture of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_hsiode._arguments import Integer, checked
from sklearn_hsiode._labels import display_names

# Found by a search for the 16 colours that are farthest from each other, and from black and
# white, in CIELAB (at least 22) and in CIEDE2000 (at least 12), to the eye with all three cones
# as well as under full protanopia and deuteranopia (Machado, Oliveira & Fernandes 2009,
# doi:10.1109/TVCG.2009.113). Okabe and Ito's seven come to 17 and 12.
PALETTE = (
    "3060A0 E0A030 C00060 40FFA0 B050FF 707000 80E0FF 603000"
    " D07060 A0A0FF 90C0A0 0000C0 C0FF30 601060 C080B0 004030"
)
NO_CLASS_COLOR = (0.0, 0.0, 0.0)
ERROR_COLOR = (1.0, 1.0, 1.0)
INVALID_COLOR = (0.6, 0.6, 0.6)

_GOLDEN = (5**0.5 - 1) / 2
_STRONGEST_SHADE = 0.7


@checked(n_classes=[Integer(None, 2**16)])
def class_colors(n_classes: int) -> np.ndarray:
    """Colours of classes, distinct for readers with and without colour blindness.

    The first 16 are chosen for it. Later ones are lighter and darker shades of these. No colour
    occurs twice, and a class keeps its colour when others come after it.

    Parameters
    ----------
    n_classes : int
        Number of colours.

    Returns
    -------
    colors : array of shape (n_classes, 3)
        Red, green and blue from 0 to 1. Neither black, the colour of pixels without a class,
        nor white is among them.

    Raises
    ------
    ValueError, TypeError
        When `n_classes` is negative, above 65536, or no integer.

    Examples
    --------
    >>> from sklearn_hsiode.plotting import class_colors
    >>> (255 * class_colors(2)).round()
    array([[ 48.,  96., 160.],
           [224., 160.,  48.]])
    """
    if n_classes < 0:
        raise ValueError(f"n_classes must not be negative, got {n_classes}.")
    palette = np.array([list(bytes.fromhex(color)) for color in PALETTE.split()]) / 255
    rounds, index = np.divmod(np.arange(n_classes), len(palette))
    target = (rounds % 2)[:, np.newaxis]  # white and black by turns
    # Multiples of the golden ratio spread evenly between 0 and 1 and never meet.
    strength = _STRONGEST_SHADE * ((rounds + 1) // 2 * _GOLDEN % 1)[:, np.newaxis]
    return palette[index] * (1 - strength) + target * strength


def colorize(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """RGB picture (rows, cols, 3) of a label raster."""
    colors = np.vstack([class_colors(len(classes)), NO_CLASS_COLOR])
    codes = np.where(np.isin(labels, classes), np.searchsorted(classes, labels), -1)
    return colors[codes]


def class_entries(
    classes: np.ndarray, names: Mapping[Any, str] | None, rasters: Sequence[np.ndarray]
) -> list[tuple[str, Any]]:
    """Name and colour of each class that one of the rasters holds, for a legend."""
    occurs = np.isin(classes, np.concatenate([raster.ravel() for raster in rasters]))
    pairs = zip(display_names(classes, names), class_colors(len(classes)), strict=True)
    return [pair for pair, drawn in zip(pairs, occurs, strict=True) if drawn]
