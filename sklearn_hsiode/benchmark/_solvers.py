"""The study that the paper leaves to future work: which solver, and how many steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from tabulate import tabulate

from sklearn_hsiode._arguments import PATH, checked
from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._markup import escaped_markdown, figure_text
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode.benchmark._run import Run, by_model, checked_truth
from sklearn_hsiode.classifiers import ODENetClassifier, ResNetClassifier
from sklearn_hsiode.metrics import overall_accuracy_score
from sklearn_hsiode.metrics._summary import mean_and_std, percentage
from sklearn_hsiode.recipes import PAPER, Recipe

ADAPTIVE = ("dopri5",)
TOLERANCE = 1e-3  # the paper's
FIXED_GRIDS = (
    ("euler", 1),
    ("euler", 2),
    ("euler", 4),
    ("euler", 8),
    ("midpoint", 1),
    ("midpoint", 2),
    ("rk4", 1),
    ("rk4", 2),
)
BODIES: dict[str, dict[str, Any]] = {
    "ResNet, 6 units": {},
    "ResNet, 6 tied units": {"tied": True},
    "one residual unit": {"n_blocks": 1},
    "no body": {"n_blocks": 0},
}
RESOLVED = "overall_accuracy_resolved"


@checked(recipe=[Recipe])
def solver_models(recipe: Recipe = PAPER) -> dict[str, Any]:
    """ODE-nets of several solvers, and the residual networks that they are compared with.

    Parameters
    ----------
    recipe : Recipe, default=PAPER
        How the networks see the scene and are trained; its `networks` is not used.

    Returns
    -------
    models : dict of str to estimator
        ODE-nets of the paper's dopri5 at 1e-3 and of fixed grids of one to eight steps; then a
        ResNet of six units, one of six units with the same weights, a single unit, and no body.

    Raises
    ------
    TypeError
        When an argument is of another type.
    """
    solving: dict[str, dict[str, Any]] = {
        **{f"{solver} at {TOLERANCE:g}": {"solver": solver} for solver in ADAPTIVE},
        **{
            f"{solver}, {n_steps} step{'s' if n_steps > 1 else ''}": {
                "solver": solver,
                "n_steps": n_steps,
            }
            for solver, n_steps in FIXED_GRIDS
        },
    }
    odes = {
        name: ODENetClassifier(rtol=TOLERANCE, atol=TOLERANCE, **parameters)
        for name, parameters in solving.items()
    }
    bodies = {name: ResNetClassifier(**parameters) for name, parameters in BODIES.items()}
    return {name: recipe.pipeline(network) for name, network in (odes | bodies).items()}


@checked(fitted=[Pipeline])
def resolved_accuracy(fitted: Any, X: PixelSamples, y: np.ndarray) -> dict[str, float]:
    """Overall accuracy of a fitted pipeline whose ODE is solved by dopri5 at 1e-5 instead.

    Parameters
    ----------
    fitted : Pipeline
        A network's.
    X, y : PixelSamples and array of shape (n,)
        Test pixels.

    Returns
    -------
    figures : dict of str to float
        Empty for a network without an ODE.

    Raises
    ------
    TypeError
        When an argument is of another type.
    """
    y = checked_truth(X, y)
    network = fitted[-1]
    if not isinstance(network, ODENetClassifier):
        return {}
    exact = network.with_solver("dopri5", rtol=1e-5, atol=1e-5)
    return {RESOLVED: overall_accuracy_score(y, exact.predict(fitted[:-1].transform(X)))}


def solvers_table(runs: Sequence[Run]) -> str:
    """A row per body: evaluations, accuracy as trained and re-solved, times, parameters.

    Parameters
    ----------
    runs : list of Run
        Of :func:`solver_models`, measured by :func:`resolved_accuracy`.

    Returns
    -------
    table : str
        In Markdown. Times in seconds, mean over runs.

    Raises
    ------
    TypeError, ValueError
        When an argument is of another type, or there are no runs.
    """
    rows = []
    for name, own in by_model(runs).items():
        evaluations = [run.n_function_evaluations or np.nan for run in own]
        resolved = _resolved(own)
        rows.append(
            (
                escaped_markdown(name),
                "" if np.isnan(evaluations).any() else f"{np.mean(evaluations):.0f}",
                percentage(*mean_and_std([run.overall_accuracy for run in own]), len(own)),
                percentage(*mean_and_std(resolved), len(own)) if resolved else "",
                f"{np.mean([run.fit_seconds for run in own]):.1f}",
                f"{np.mean([run.predict_seconds for run in own]):.1f}",
                "" if own[0].n_parameters is None else f"{own[0].n_parameters:,}",
            )
        )
    headers = (
        "body",
        "evaluations",
        "OA %",
        "OA % by dopri5 at 1e-5",
        "seconds to fit",
        "to predict",
        "parameters",
    )
    align = ("left", *["right"] * 6)
    return tabulate(rows, headers, "github", colalign=align, disable_numparse=True)


@checked(path=PATH)
def draw_solvers(runs: Sequence[Run], path: str | Path) -> None:
    """Plot overall accuracy, as trained and re-solved, and time to fit of each body, as PNG.

    Parameters
    ----------
    runs : list of Run
        As for :func:`solvers_table`.
    path : path
        File to write; it appears when it is complete.

    Raises
    ------
    TypeError, ValueError
        When an argument is of another type, or there are no runs.
    """
    from matplotlib.figure import Figure

    bodies = by_model(runs)
    figure = Figure((9.0, 1.5 + 0.35 * len(bodies)), layout="constrained")
    accuracy, cost = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    series: dict[str, list[tuple[float, float, float]]] = {}
    for row, own in enumerate(bodies.values()):
        resolved = _resolved(own)
        kind = "ODE-net as trained" if resolved else "residual units"
        as_trained = mean_and_std([100 * run.overall_accuracy for run in own])
        series.setdefault(kind, []).append((row - 0.12 * bool(resolved), *as_trained))
        if resolved:
            again = mean_and_std([100 * value for value in resolved])
            series.setdefault("re-solved by dopri5 at 1e-5", []).append((row + 0.12, *again))
    for (kind, points), marker in zip(series.items(), "oxs", strict=False):
        rows, means, deviations = zip(*points, strict=True)
        accuracy.errorbar(means, rows, xerr=deviations, fmt=marker, capsize=3, label=kind)
    seconds = [mean_and_std([run.fit_seconds for run in own])[0] for own in bodies.values()]
    bars = cost.barh(range(len(bodies)), seconds, height=0.6, color="0.6")
    cost.bar_label(bars, fmt="%.0f", padding=3, fontsize="small")
    cost.margins(x=0.15)
    accuracy.set_yticks(range(len(bodies)), list(map(figure_text, bodies)))
    accuracy.invert_yaxis()
    accuracy.set_xlabel("overall accuracy, %")
    cost.set_xlabel("seconds to fit")
    for axes in (accuracy, cost):
        axes.grid(axis="x", alpha=0.3)
    accuracy.legend(loc="best", fontsize="small")
    with complete_file(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=150)


def _resolved(runs: Sequence[Run]) -> list[float]:
    """Accuracies of the re-solved ODE-nets among the runs."""
    return [value for run in runs if (value := run.measured.get(RESOLVED)) is not None]
