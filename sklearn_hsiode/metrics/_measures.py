"""The measures of which every table has a row, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

from sklearn_hsiode._arguments import check
from sklearn_hsiode.metrics._scores import (
    average_accuracy_score,
    kappa_score,
    overall_accuracy_score,
)


@dataclass(frozen=True)
class Measure:
    """One number that tells how good a classification is; more is better.

    Attributes
    ----------
    title : str
        Name of its row in tables.
    score : callable
        Called with the classes of the ground truth and the predicted ones, arrays of shape
        (n,); returns a float.

    Examples
    --------
    >>> from sklearn.metrics import matthews_corrcoef
    >>> from sklearn_hsiode.metrics import Measure
    >>> Measure("MCC", matthews_corrcoef).score([1, 1, 2, 2], [1, 1, 2, 2])
    1.0
    """

    title: str
    score: Callable[..., float]

    def __post_init__(self) -> None:
        check("Measure", {"title": [str], "score": [callable]}, **vars(self))


#: The measures of summaries and benchmarks, by name. One that is added here, with a line such as
#: ``MEASURES["f1"] = Measure("F1", partial(f1_score, average="macro"))``, is in all of them.
MEASURES: dict[str, Measure] = {
    "overall_accuracy": Measure("OA", overall_accuracy_score),
    "average_accuracy": Measure("AA", average_accuracy_score),
    "kappa": Measure("kappa", kappa_score),
}

#: For ``scoring=`` of :func:`~sklearn.model_selection.cross_validate`, by name.
SCORERS = {name: make_scorer(measure.score) for name, measure in MEASURES.items()}


def scores_of(
    y_true: np.ndarray, y_pred: np.ndarray, measures: Mapping[str, Measure]
) -> dict[str, float]:
    """Value of each measure, by name."""
    return {name: float(measure.score(y_true, y_pred)) for name, measure in measures.items()}


class HasScores:
    """Base of what has `scores` by the names of measures: each is an attribute as well."""

    scores: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        # Copying and unpickling ask an object for attributes before it has any.
        scores = vars(self).get("scores", {})
        if name not in scores:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return scores[name]
