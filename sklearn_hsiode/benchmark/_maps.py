"""The classification maps of a benchmark as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sklearn_hsiode._arguments import PATH, checked
from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._colors import NO_CLASS_COLOR, class_colors
from sklearn_hsiode._labels import display_names
from sklearn_hsiode._markup import figure_text
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.benchmark._models import title_of
from sklearn_hsiode.benchmark._run import Run, check_runs

PANELS_IN_A_ROW = 4
PANEL_INCHES = 3.0
LONGEST_PANEL_INCHES = 9.0
ENTRY_INCHES = 0.2  # height of a line of the legend
LETTER_INCHES = 0.09


@checked(scene=[Scene], path=PATH)
def draw_maps(scene: Scene, runs: Sequence[Run], path: str | Path) -> None:
    """Draw the ground truth, and each model's map of the first split with its OA, as PNG.

    Parameters
    ----------
    scene : Scene
        With labels.
    runs : list of Run
        Those without a map are left out.
    path : path
        File to write; it appears when it is complete.

    Raises
    ------
    TypeError, ValueError
        When an argument is of another type.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    check_runs(runs, least=0)
    truth = np.full(scene.mask.shape, -1)
    X, y = scene.labeled_pixels()
    truth[X.rows, X.cols] = np.searchsorted(scene.classes, y)
    panels = [("ground truth", truth)] + [
        (
            f"{figure_text(title_of(run.model))}, OA {100 * run.overall_accuracy:.1f} %",
            run.class_map,
        )
        for run in runs
        if run.class_map is not None
    ]
    names = list(map(figure_text, display_names(scene.classes, scene.class_names)))
    colors = np.vstack([class_colors(len(names)), NO_CLASS_COLOR])
    across = min(len(panels), PANELS_IN_A_ROW)
    down = -(-len(panels) // across)
    rows, cols = scene.mask.shape
    panel = min(PANEL_INCHES * rows / cols, LONGEST_PANEL_INCHES)
    height = max(down * (panel + 0.3), ENTRY_INCHES * len(names))
    legend = LETTER_INCHES * max(map(len, names)) + 0.6
    figure = Figure((PANEL_INCHES * across + legend, height + 0.3), layout="constrained")
    subplots = figure.subplots(down, across, squeeze=False).ravel()
    for axes in subplots:
        axes.set_axis_off()
    for axes, (title, codes) in zip(subplots, panels, strict=False):
        axes.imshow(colors[codes], interpolation="nearest")
        axes.set_title(title, fontsize="medium")
    handles = [Patch(color=color, label=name) for color, name in zip(colors, names, strict=False)]
    figure.legend(handles=handles, loc="outside right upper", fontsize="small", frameon=False)
    with complete_file(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=150)
