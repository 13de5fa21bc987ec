"""The field's scores of a classification: overall and average accuracy, kappa, per class."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, cohen_kappa_score, recall_score
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import unique_labels

from sklearn_hsiode._arguments import OF_ARRAYS, naming
from sklearn_hsiode._validation import as_array


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

    Raises
    ------
    TypeError, ValueError
        When an argument holds no classes or weights, or they are not equally many.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import overall_accuracy_score
    >>> overall_accuracy_score([1, 1, 1, 2], [1, 1, 2, 2])
    0.75
    """
    with naming("y_true, y_pred, sample_weight", OF_ARRAYS):
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
        Classes that are asked for, by default those of `y_true` in sorted order.
    sample_weight : array of shape (n,), default=None
        Weights of the pixels.

    Returns
    -------
    accuracies : array of shape (n_classes,)
        Between 0 and 1, NaN for a class that `y_true` does not hold.

    Raises
    ------
    TypeError, ValueError
        When an argument holds no classes or weights, or they are not equally many.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import per_class_accuracy_score
    >>> per_class_accuracy_score([1, 1, 1, 2], [1, 1, 3, 2], labels=[1, 2, 3])
    array([0.66666667, 1.        ,        nan])
    """
    if labels is not None:
        labels = as_array("labels", labels, kinds="iuUOfb", n_dims=1)
    with naming("y_true, y_pred, labels, sample_weight", OF_ARRAYS):
        accuracies: np.ndarray = recall_score(
            y_true,
            y_pred,
            labels=unique_labels(y_true) if labels is None else labels,
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

    Raises
    ------
    TypeError, ValueError
        When an argument holds no classes or weights, or they are not equally many.

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

    Raises
    ------
    TypeError, ValueError
        When an argument holds no classes or weights, or they are not equally many.

    Examples
    --------
    >>> from sklearn_hsiode.metrics import kappa_score
    >>> kappa_score([1, 1, 2, 2], [1, 1, 2, 1])
    0.5
    """
    with naming("y_true, y_pred, sample_weight", OF_ARRAYS):
        check_consistent_length(y_true, y_pred, sample_weight)
        if len(unique_labels(y_true, y_pred)) == 1:
            return 1.0
        return float(cohen_kappa_score(y_true, y_pred, sample_weight=sample_weight))
