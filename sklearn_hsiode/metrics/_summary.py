"""classification_summary: each class's accuracy and the measures in one table, over repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from tabulate import tabulate

from sklearn_hsiode._arguments import OF_ARRAYS, naming
from sklearn_hsiode._labels import display_names
from sklearn_hsiode._markup import escaped_markdown
from sklearn_hsiode._validation import as_array
from sklearn_hsiode.metrics._measures import MEASURES, HasScores, scores_of
from sklearn_hsiode.metrics._scores import per_class_accuracy_score


@dataclass(frozen=True)
class ClassificationSummary(HasScores):
    """Scores of one or more repeats, as :func:`classification_summary` returns them.

    Attributes
    ----------
    classes : array of shape (n_classes,)
        Labels, in the order of `per_class_accuracy`'s columns.
    class_names : list of str
        Name of each class in the table.
    per_class_accuracy : array of shape (n_repeats, n_classes)
        NaN where the ground truth of a repeat does not hold a class.
    scores : dict of str to array of shape (n_repeats,)
        Values of each measure of :data:`MEASURES`, by its name. Each is an attribute as well:
        `overall_accuracy`, `average_accuracy`, `kappa`.
    """

    classes: np.ndarray
    class_names: list[str]
    per_class_accuracy: np.ndarray
    scores: dict[str, np.ndarray]

    def rows(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation (population) over repeats of each class and measure.

        Returns
        -------
        rows : dict of str to (float, float)
            Between 0 and 1; NaN where no repeat tests a class.
        """
        columns = dict(zip(self.class_names, self.per_class_accuracy.T, strict=True))
        columns |= {
            measure.title: self.scores[name]
            for name, measure in MEASURES.items()
            if name in self.scores
        }
        return {title: mean_and_std(values) for title, values in columns.items()}

    def __str__(self) -> str:
        n_repeats = len(self.per_class_accuracy)
        rows = [
            (escaped_markdown(title), percentage(*row, n_repeats))
            for title, row in self.rows().items()
        ]
        headers = ("class", "accuracy %")
        return tabulate(rows, headers, "github", disable_numparse=True, colalign=("left", "right"))


def classification_summary(
    y_true: Any, y_pred: Any, *, labels: Any = None, class_names: Any = None
) -> ClassificationSummary:
    """Accuracy of each class and every measure, with mean and deviation over repeats.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,), or list of such arrays
        Classes of the ground truth, and predicted ones; a list has one array per repeat.
    labels : array of shape (n_classes,), default=None
        Classes of the table, by default those of `y_true` in sorted order.
    class_names : dict or sequence of str, default=None
        Their names: label to name, or one name for each of `labels`.

    Returns
    -------
    summary : ClassificationSummary
        Its text is a table with a row for each class and for each of :data:`MEASURES`; its
        attributes are the values of each repeat.

    Raises
    ------
    ValueError
        When there are no repeats, or `y_true` and `y_pred` do not have equally many.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import classification_summary
    >>> y_true = [1, 1, 1, 1, 2]
    >>> y_pred = [[1, 1, 1, 1, 2], [1, 1, 2, 2, 2]]
    >>> print(classification_summary([y_true, y_true], y_pred, class_names={2: "water"}))
    | class   |    accuracy % |
    |---------|---------------|
    | 1       | 75.00 ± 25.00 |
    | water   | 100.00 ± 0.00 |
    | OA      | 80.00 ± 20.00 |
    | AA      | 87.50 ± 12.50 |
    | kappa   | 64.29 ± 35.71 |
    """
    true, pred = _repeats("y_true", y_true), _repeats("y_pred", y_pred)
    if not true or len(true) != len(pred):
        raise ValueError(
            "y_true and y_pred must be one array each, or as many arrays as each other, got"
            f" {len(true)} and {len(pred)}."
        )
    if labels is None:
        with naming("y_true"):
            classes = np.unique(np.concatenate(true))
    else:
        classes = as_array("labels", labels, kinds="iuUOfb", n_dims=1)
    pairs = list(zip(true, pred, strict=True))
    scores = [scores_of(t, p, MEASURES) for t, p in pairs]
    return ClassificationSummary(
        classes,
        display_names(classes, class_names, [measure.title for measure in MEASURES.values()]),
        np.array([per_class_accuracy_score(t, p, labels=classes) for t, p in pairs]),
        {name: np.array([repeat[name] for repeat in scores]) for name in MEASURES},
    )


def mean_and_std(values: Any) -> tuple[float, float]:
    """Mean and population standard deviation of what is not NaN, NaN where nothing is."""
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    return (float(values.mean()), float(values.std())) if len(values) else (np.nan, np.nan)


def percentage(mean: float, std: float, n_repeats: int) -> str:
    """Text such as 81.63 ± 1.20 of a share, without deviation where nothing was repeated."""
    if np.isnan(mean):
        return "-"
    return f"{100 * mean:.2f}" + (f" ± {100 * std:.2f}" if n_repeats > 1 else "")


def _repeats(name: str, y: Any) -> list[np.ndarray]:
    """A list of arrays, of which a single array is the only one."""
    with naming(name, OF_ARRAYS):
        is_list = isinstance(y, (list, tuple)) and (len(y) == 0 or np.ndim(y[0]) > 0)
        return [column_or_1d(repeat) for repeat in (y if is_list else [y])]
