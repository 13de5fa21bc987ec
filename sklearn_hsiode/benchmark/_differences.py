"""Differences between models on the same splits, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from scipy import stats
from tabulate import tabulate

from sklearn_hsiode._arguments import checked
from sklearn_hsiode._markup import csv_text, escaped_markdown
from sklearn_hsiode.benchmark._models import title_of
from sklearn_hsiode.benchmark._run import Run, by_model


@dataclass(frozen=True)
class PairedDifference:
    """How far one model is ahead of another on the same splits, in overall accuracy.

    Attributes
    ----------
    model : str
        Name of the other model.
    mean : float
        Mean difference in percentage points, positive where the reference is better.
    standard_error : float
        Of the mean, in points; NaN for a single split.
    p : float
        Of the two-sided test that the mean is zero; NaN for a single split, or where all splits
        differ alike.
    won : float
        Share of the splits on which the reference is better.
    worst : float
        The smallest difference of a split, in points.
    """

    model: str
    mean: float
    standard_error: float
    p: float
    won: float
    worst: float


@checked(reference=[str])
def paired_differences(runs: Sequence[Run], reference: str) -> list[PairedDifference]:
    r"""How far a model is ahead of each of the others, split by split.

    Splits share training pixels, so that the usual standard error of a mean is too small. That
    of the corrected resampled t-test [1]_ is
    :math:`s \sqrt{1 / J + n_\mathrm{test} / n_\mathrm{train}}` for `J` splits, where `s` is the
    standard deviation of the differences and the ratio its mean over the splits.

    Parameters
    ----------
    runs : list of Run
        Of one benchmark.
    reference : str
        Name of the model that the others are compared with.

    Returns
    -------
    differences : list of PairedDifference
        One for each other model, in order of appearance, on the splits that both have.

    Raises
    ------
    ValueError
        When no run is of that model, a model has two runs of one split, or shares none with
        it.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning
       52, 239-281, 2003.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.svm import SVC
    >>> from sklearn_hsiode.benchmark import paired_differences, run_benchmark
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.model_selection import SpatialBlockKFold
    >>> models = {"svm": SVC(C=100), "majority": DummyClassifier()}
    >>> runs = run_benchmark(
    ...     make_scene(random_state=0), models, SpatialBlockKFold(4), progress=False
    ... )
    >>> (ahead,) = paired_differences(runs, "svm")
    >>> ahead.model, ahead.won
    ('majority', 1.0)
    """
    grouped = by_model(runs)
    if reference not in grouped:
        raise ValueError(
            f"reference must be one of the models, {', '.join(grouped)}, got {reference!r}."
        )
    for name, of_model in grouped.items():
        if len({run.split for run in of_model}) < len(of_model):
            raise ValueError(
                f"runs holds a split of {name} twice: give one benchmark a list of splitters as"
                " cv, rather than put the runs of several together."
            )
    own = {run.split: run for run in grouped.pop(reference)}
    return [_difference(name, own, others) for name, others in grouped.items()]


def _difference(name: str, reference: dict[int, Run], others: Sequence[Run]) -> PairedDifference:
    pairs = [(reference[other.split], other) for other in others if other.split in reference]
    if not pairs:
        raise ValueError(f"runs holds no split of {name} that the reference has as well.")
    ahead = np.array(
        [100 * (own.overall_accuracy - other.overall_accuracy) for own, other in pairs]
    )
    n_splits = len(ahead)
    error = p = np.nan
    if n_splits > 1:
        ratio = np.mean([own.n_test / own.n_train for own, _ in pairs])
        error = ahead.std(ddof=1) * np.sqrt(1 / n_splits + ratio)
        if error > 1e-9 * abs(ahead.mean()):  # not only by rounding
            p = 2 * stats.t.sf(abs(ahead.mean() / error), n_splits - 1)
    return PairedDifference(
        name, *map(float, (ahead.mean(), error, p, np.mean(ahead > 0), ahead.min()))
    )


@checked(reference=[str])
def differences_table(runs: Sequence[Run], reference: str) -> str:
    """How far a model is ahead of each of the others, in points of overall accuracy.

    Parameters
    ----------
    runs : list of Run
        Of one benchmark.
    reference : str
        Name of the model that the others are compared with.

    Returns
    -------
    table : str
        In Markdown, a row for each of :func:`paired_differences`.

    Raises
    ------
    ValueError
        When no run is of that model.
    """
    rows = [
        (
            escaped_markdown(title_of(one.model)),
            f"{one.mean:+.2f}",
            "" if np.isnan(one.standard_error) else f"{one.standard_error:.2f}",
            "" if np.isnan(one.p) else f"{one.p:.3f}",
            f"{100 * one.won:.0f} %",
            f"{one.worst:+.2f}",
        )
        for one in paired_differences(runs, reference)
    ]
    headers = (
        f"{escaped_markdown(title_of(reference))} ahead of",
        "points of OA",
        "standard error",
        "p",
        "splits won",
        "worst split",
    )
    align = ("left", *["right"] * 5)
    return tabulate(rows, headers, "github", colalign=align, disable_numparse=True)


def differences_csv(runs: Sequence[Run], reference: str) -> str:
    """The paired differences as CSV, empty where there is no figure."""
    lines: list[list[Any]] = [[field.name for field in fields(PairedDifference)]]
    for one in paired_differences(runs, reference):
        model, *figures = astuple(one)
        lines.append([model, *("" if np.isnan(figure) else figure for figure in figures)])
    return csv_text(lines)
