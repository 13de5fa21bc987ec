"""Choices of tuned models, as figures of each run and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from tabulate import tabulate

from sklearn_hsiode._arguments import HasMethods, checked
from sklearn_hsiode._markup import escaped_markdown
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode.benchmark._models import title_of
from sklearn_hsiode.benchmark._run import Run, by_model, check_runs, checked_truth, last_step
from sklearn_hsiode.classifiers import PatchNetClassifier
from sklearn_hsiode.metrics import overall_accuracy_score
from sklearn_hsiode.recipes._tuned import in_words, last_part

VIEW = "view: "  # before the name of each view among the figures


@checked(fitted=[HasMethods(["predict"])])
def chosen(fitted: Any, X: PixelSamples, y: np.ndarray) -> dict[str, float]:
    """Choices of a fitted model: of its search, and of the gate beside its linear shortcut.

    Parameters
    ----------
    fitted : estimator
        Such as :func:`~sklearn_hsiode.recipes.tuned`, fitted. It stays as it is.
    X, y : PixelSamples and array of shape (n,)
        Test pixels.

    Returns
    -------
    figures : dict of str to float
        Of a search, each parameter that it chose: a number as itself, such as "patch size"; of
        all others each alternative, 1 for the one that was chosen and else 0, such as
        "view: slope". Of a network with a `shortcut`, "gate", its `gate_`, and "linear", overall
        accuracy of its linear part alone, that is with the gate at 0. Empty for other models.

    Raises
    ------
    TypeError
        When an argument is of another type.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from sklearn_hsiode.benchmark import chosen
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> grid = {"C": [100], "gamma": ["scale", "auto"]}
    >>> chosen(GridSearchCV(SVC(), grid).fit(X, y), X, y)
    {'C': 100.0, 'gamma: scale': 1.0, 'gamma: auto': 0.0}
    """
    y = checked_truth(X, y)
    figures: dict[str, float] = {}
    for name, best in getattr(fitted, "best_params_", {}).items():
        candidates = fitted.cv_results_[f"param_{name}"].compressed()
        if all(isinstance(value, Real) and not isinstance(value, bool) for value in candidates):
            figures[last_part(name)] = float(best)
        else:
            words = dict.fromkeys(str(in_words(value)) for value in candidates)
            right = str(in_words(best))
            figures |= {f"{last_part(name)}: {word}": float(word == right) for word in words}
    network = last_step(fitted)
    if isinstance(network, PatchNetClassifier) and network.net_.plain_module_.shortcut:
        figures |= {"gate": network.gate_, "linear": _linear_accuracy(fitted, X, y)}
    return figures


def _linear_accuracy(fitted: Any, X: PixelSamples, y: np.ndarray) -> float:
    """Overall accuracy of a network with its gate at 0, which is set back afterwards."""
    gate = last_step(fitted).net_.plain_module_.gate
    share = gate.clone()
    try:
        gate.zero_()
        return overall_accuracy_score(y, fitted.predict(X))
    finally:
        gate.copy_(share)


def choices_table(runs: Sequence[Run]) -> str:
    """How often each model chose each view of the spectrum, and what its networks chose.

    Parameters
    ----------
    runs : list of Run
        Of tuned models, measured by :func:`chosen`.

    Returns
    -------
    table : str
        In Markdown: for each model that chose among views, in how many splits it chose each,
        and for networks the means of patch size, gate, and overall accuracy in per cent of the
        linear part alone. Empty where no model chose.

    Raises
    ------
    TypeError, ValueError
        When an argument is of another type, or there are no runs.
    """
    check_runs(runs)
    views = list(
        dict.fromkeys(name for run in runs for name in run.measured if name.startswith(VIEW))
    )
    rows = [
        (
            escaped_markdown(title_of(model)),
            *(f"{_sum(own, view):.0f} of {len(own)}" for view in views),
            _mean(own, "patch size", 1, ".1f"),
            _mean(own, "gate", 1, ".2f"),
            _mean(own, "linear", 100, ".2f"),
        )
        for model, own in by_model(runs).items()
        if any(view in run.measured for run in own for view in views)
    ]
    if not rows:
        return ""
    names = (escaped_markdown(view.removeprefix(VIEW)) for view in views)
    headers = ("chosen by", *names, "patch size", "gate", "OA of the linear part")
    align = ("left", *["right"] * (len(headers) - 1))
    return tabulate(rows, headers, "github", colalign=align, disable_numparse=True)


def _sum(runs: Sequence[Run], name: str) -> float:
    return sum(run.measured.get(name) or 0 for run in runs)


def _mean(runs: Sequence[Run], name: str, times: float, style: str) -> str:
    values = [value for run in runs if (value := run.measured.get(name)) is not None]
    return format(times * np.mean(values), style) if values else ""
