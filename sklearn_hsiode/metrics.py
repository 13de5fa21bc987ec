"""The field's measures of a classification: overall and average accuracy, kappa, per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, cohen_kappa_score, make_scorer, recall_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import unique_labels
from tabulate import tabulate

from sklearn_hsiode._labels import display_names


def overall_accuracy_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Overall accuracy (OA): the share of pixels that are right.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Classes of the ground truth, and predicted ones.
    sample_weight : array of shape (n,), default=None
        Weights of the pixels.

    Returns
    -------
    accuracy : float
        Between 0 and 1.

    See Also
    --------
    sklearn.metrics.accuracy_score : The same under scikit-learn's name.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import overall_accuracy_score
    >>> overall_accuracy_score([1, 1, 1, 2], [1, 1, 2, 2])
    0.75
    """
    return float(accuracy_score(y_true, y_pred, sample_weight=sample_weight))


def per_class_accuracy_score(
    y_true: Any, y_pred: Any, *, labels: Any = None, sample_weight: Any = None
) -> np.ndarray:
    """Share of each class's pixels that are right: the producer's accuracy, or recall.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Classes of the ground truth, and predicted ones.
    labels : array of shape (n_classes,), default=None
        Classes to tell of, by default those of `y_true` in sorted order.
    sample_weight : array of shape (n,), default=None
        Weights of the pixels.

    Returns
    -------
    accuracies : array of shape (n_classes,)
        Between 0 and 1, NaN for a class that `y_true` does not hold.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import per_class_accuracy_score
    >>> per_class_accuracy_score([1, 1, 1, 2], [1, 1, 3, 2], labels=[1, 2, 3])
    array([0.66666667, 1.        ,        nan])
    """
    labels = unique_labels(y_true) if labels is None else np.asarray(labels)
    accuracies: np.ndarray = recall_score(
        y_true,
        y_pred,
        labels=labels,
        average=None,
        sample_weight=sample_weight,
        zero_division=np.nan,
    )
    return accuracies


def average_accuracy_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Average accuracy (AA): the mean of the accuracies of the classes of the ground truth.

    A class that is only ever predicted does not count, other than in scikit-learn's macro
    recall, where it counts as 0.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Classes of the ground truth, and predicted ones.
    sample_weight : array of shape (n,), default=None
        Weights of the pixels.

    Returns
    -------
    accuracy : float
        Between 0 and 1.

    See Also
    --------
    sklearn.metrics.balanced_accuracy_score : The same value.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import average_accuracy_score
    >>> average_accuracy_score([1, 1, 1, 1, 2], [1, 1, 1, 3, 2])
    0.875
    """
    return float(np.nanmean(per_class_accuracy_score(y_true, y_pred, sample_weight=sample_weight)))


def kappa_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Cohen's kappa: the agreement beyond that of chance.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Classes of the ground truth, and predicted ones.
    sample_weight : array of shape (n,), default=None
        Weights of the pixels.

    Returns
    -------
    kappa : float
        1 for perfect agreement, 0 for that of chance. Where ground truth and prediction hold
        one and the same class alone, chance cannot be beaten, and kappa is 1.

    See Also
    --------
    sklearn.metrics.cohen_kappa_score : The same, but NaN for a single class.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import kappa_score
    >>> kappa_score([1, 1, 2, 2], [1, 1, 2, 1])
    0.5
    """
    check_consistent_length(y_true, y_pred)
    if len(unique_labels(y_true, y_pred)) == 1:
        return 1.0
    return float(cohen_kappa_score(y_true, y_pred, sample_weight=sample_weight))


overall_accuracy_scorer = make_scorer(overall_accuracy_score)
average_accuracy_scorer = make_scorer(average_accuracy_score)
kappa_scorer = make_scorer(kappa_score)

#: The three for ``scoring=`` of :func:`~sklearn.model_selection.cross_validate`, by name.
SCORERS = {
    "overall_accuracy": overall_accuracy_scorer,
    "average_accuracy": average_accuracy_scorer,
    "kappa": kappa_scorer,
}


TOTALS = ("OA", "AA", "kappa")


@dataclass(frozen=True)
class ClassificationSummary:
    """Scores of one or more repeats, what :func:`classification_summary` returns.

    Attributes
    ----------
    classes : array of shape (n_classes,)
        Labels, in the order of `per_class_accuracy`'s columns.
    class_names : list of str
        What the classes are called.
    per_class_accuracy : array of shape (n_repeats, n_classes)
        NaN where the ground truth of a repeat does not hold a class.
    overall_accuracy, average_accuracy, kappa : array of shape (n_repeats,)
        One value per repeat.
    """

    classes: np.ndarray
    class_names: list[str]
    per_class_accuracy: np.ndarray
    overall_accuracy: np.ndarray
    average_accuracy: np.ndarray
    kappa: np.ndarray

    def rows(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation (population) over repeats: each class, OA, AA, kappa.

        Returns
        -------
        rows : dict of str to (float, float)
            Between 0 and 1; NaN where no repeat tests a class.
        """
        columns = {
            **dict(zip(self.class_names, self.per_class_accuracy.T, strict=True)),
            **dict(
                zip(
                    TOTALS,
                    (self.overall_accuracy, self.average_accuracy, self.kappa),
                    strict=True,
                )
            ),
        }
        return {name: mean_and_std(values) for name, values in columns.items()}

    def __str__(self) -> str:
        n_repeats = len(self.kappa)
        rows = [(name, percentage(*row, n_repeats)) for name, row in self.rows().items()]
        headers = ("class", "accuracy %")
        return tabulate(rows, headers, "github", disable_numparse=True, colalign=("left", "right"))


def classification_summary(
    y_true: Any, y_pred: Any, *, labels: Any = None, class_names: Any = None
) -> ClassificationSummary:
    """Accuracy of each class, OA, AA and kappa, with mean and deviation over repeats.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,), or list of such arrays
        Classes of the ground truth, and predicted ones; a list has one array per repeat.
    labels : array of shape (n_classes,), default=None
        Classes to tell of, by default those of `y_true` in sorted order.
    class_names : dict or sequence of str, default=None
        What to call them: label to name, or one name for each of `labels`.

    Returns
    -------
    summary : ClassificationSummary
        Its text is a table; its attributes are the values of each repeat.

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
    true, pred = _repeats(y_true), _repeats(y_pred)
    if not true or len(true) != len(pred):
        raise ValueError(
            "y_true and y_pred must be one array each, or as many arrays as each other, got"
            f" {len(true)} and {len(pred)}."
        )
    classes = np.unique(np.concatenate(true)) if labels is None else np.asarray(labels)
    pairs = list(zip(true, pred, strict=True))
    return ClassificationSummary(
        classes,
        display_names(classes, class_names, TOTALS),
        np.array([per_class_accuracy_score(t, p, labels=classes) for t, p in pairs]),
        np.array([overall_accuracy_score(t, p) for t, p in pairs]),
        np.array([average_accuracy_score(t, p) for t, p in pairs]),
        np.array([kappa_score(t, p) for t, p in pairs]),
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


def _repeats(y: Any) -> list[np.ndarray]:
    """A list of arrays, of which a single array is the only one."""
    is_list = isinstance(y, (list, tuple)) and (len(y) == 0 or np.ndim(y[0]) > 0)
    return [column_or_1d(repeat) for repeat in (y if is_list else [y])]
