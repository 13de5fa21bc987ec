"""The classical estimators, and the strengths among which a search chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode.classifiers._shortcut import logistic_regression


@dataclass(frozen=True)
class ClassicalEntry:
    """A classical estimator of spectra.

    Attributes
    ----------
    title : str
        Its name in print.
    make : callable
        Returns the estimator.
    grid : dict of str to list
        Parameters of a search on all bands.
    strengths : dict of str to list
        Parameters of a search that also chooses among views of the spectrum.
    """

    title: str
    make: Callable[[], Any]
    grid: Mapping[str, list[Any]]
    strengths: Mapping[str, list[Any]]


CLASSICAL: dict[str, ClassicalEntry] = {
    "svm": ClassicalEntry(
        "SVM",
        lambda: make_pipeline(StandardScaler(), SVC()),
        {"svc__C": [1.0, 10.0, 100.0, 1000.0], "svc__gamma": ["scale", 0.01, 0.001]},
        {"svc__C": [1.0, 10.0, 100.0, 1000.0]},
    ),
    "random-forest": ClassicalEntry(
        "random forest",
        lambda: RandomForestClassifier(random_state=0),
        {"max_features": ["sqrt", 0.3], "min_samples_leaf": [1, 3]},
        {"min_samples_leaf": [1, 3]},
    ),
    "logistic-regression": ClassicalEntry(
        "logistic regression",
        lambda: make_pipeline(StandardScaler(), logistic_regression()),
        {"logisticregression__C": [0.01, 0.1, 1.0, 10.0, 100.0]},
        {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]},
    ),
}
