"""Axes and legends of the displays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_hsiode._arguments import Constraints, HasMethods, Number
from sklearn_hsiode._markup import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.legend import Legend

#: Constraints of arguments that displays share.
OF_DISPLAYS: Constraints = {
    "ax": [HasMethods(["get_subplotspec", "imshow"]), None],
    "legend": ["boolean"],
}
OF_MAPS: Constraints = OF_DISPLAYS | {"with_truth": ["boolean"], "mark_errors": ["boolean"]}
OF_SCENES: Constraints = OF_DISPLAYS | {"with_labels": ["boolean"], "alpha": [Number(0, 1)]}
OF_SPECTRA: Constraints = OF_DISPLAYS | {"spread": ["boolean"]}

_PANEL_INCHES = (1.8, 4.5)  # shortest and longest side of a picture of a scene
_LEGEND_INCHES = 1.9
_ENTRY_INCHES = 0.2
_MARGIN_INCHES = 0.8


def import_pyplot() -> Any:
    """matplotlib.pyplot, or an error that names the remedy."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "pictures are drawn with matplotlib: pip install 'sklearn-hsiode[plot]'."
        ) from error
    return plt


def raster_axes(
    ax: Axes | None, grid: tuple[int, ...], n_panels: int = 1, n_entries: int = 0
) -> list[Axes]:
    """Axes for pictures of a scene side by side, the last of them `ax` if it is given."""
    plt = import_pyplot()
    if ax is not None:
        return shared_place(ax, 1, n_panels, place=n_panels - 1)
    scale = _PANEL_INCHES[1] / max(grid)
    height, width = (max(_PANEL_INCHES[0], scale * size) for size in grid)
    size = (
        n_panels * (width + _MARGIN_INCHES) + (_LEGEND_INCHES if n_entries else 0),
        max(height, n_entries * _ENTRY_INCHES) + _MARGIN_INCHES,
    )
    subplots = plt.subplots(1, n_panels, figsize=size, layout="compressed", squeeze=False)[1]
    return list(subplots[0])


def shared_place(ax: Axes, n_rows: int, n_cols: int, place: int) -> list[Axes]:
    """Split the place of the given axes, which moves to one part, into equal parts with axes."""
    if n_rows * n_cols == 1:
        return [ax]
    parts: Any
    spec = ax.get_subplotspec()
    if spec is not None:
        parts = spec.subgridspec(n_rows, n_cols)
    else:  # made by Figure.add_axes, for example
        left, bottom, right, top = ax.get_position().extents
        parts = ax.figure.add_gridspec(
            n_rows, n_cols, left=left, right=right, bottom=bottom, top=top
        )
    ax.set_subplotspec(parts[place])
    return [
        ax if part == place else ax.figure.add_subplot(parts[part])
        for part in range(n_rows * n_cols)
    ]


def show_raster(ax: Axes, image: np.ndarray, title: str) -> Any:
    """Draw a picture of a scene, with rows and columns counted from 0."""
    shown = ax.imshow(image, interpolation="nearest")
    ax.set(title=title, xlabel="column (pixels)", ylabel="row (pixels)")
    return shown


def whole_numbers(axis: Axis) -> None:
    """Put the ticks of an axis on whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def legend_beside(ax: Axes, entries: Sequence[tuple[str, Any]]) -> Legend:
    """A legend of coloured squares, given as name and colour, to the right of the axes."""
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=color, edgecolor="0.3", linewidth=0.5, label=figure_text(name))
        for name, color in entries
    ]
    return place_beside(ax, handles)


def place_beside(ax: Axes, handles: list[Any]) -> Legend:
    """A legend to the right of the axes, where it hides nothing."""
    return ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
        borderaxespad=0,
        frameon=False,
        fontsize="small",
        labelspacing=0.3,
    )
