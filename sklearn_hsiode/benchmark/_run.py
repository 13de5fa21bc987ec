"""One run of a benchmark: a model, fitted and tested on a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from time import perf_counter
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from sklearn_hsiode._arguments import OF_ARRAYS, naming
from sklearn_hsiode._pixels import PixelSamples, require_pixels
from sklearn_hsiode._validation import shown
from sklearn_hsiode.benchmark._fingerprint import environment
from sklearn_hsiode.classifiers import PatchNetClassifier
from sklearn_hsiode.metrics import Measure, per_class_accuracy_score
from sklearn_hsiode.metrics._measures import HasScores, scores_of
from sklearn_hsiode.model_selection import patch_overlap

MeasureOfFit = Callable[[Any, PixelSamples, np.ndarray], dict[str, float]]


@dataclass(frozen=True)
class Run(HasScores):
    """One model, fitted and tested on one split.

    Attributes
    ----------
    model : str
        Name of the model.
    split : int
        Number of the split, from 0.
    random_state : int
        Seed of the model.
    n_train, n_test : int
        Number of pixels.
    scores : dict of str to float or None
        Value on the test pixels of each of :data:`sklearn_hsiode.metrics.MEASURES`, by its
        name, None for NaN. Each is an attribute as well: `overall_accuracy`,
        `average_accuracy`, `kappa`.
    per_class_accuracy : list of float or None
        One per class of the scenes, None where the split does not test it.
    fit_seconds, predict_seconds : float
        Time to fit, and to predict the test pixels.
    n_parameters : int or None
        Trainable parameters, for a network.
    n_function_evaluations : float or None
        Evaluations of the ODE's right-hand side per forward pass, for an ODE-net.
    patch_overlap : list of float or None
        The two shares of :func:`~sklearn_hsiode.model_selection.patch_overlap`.
    measured : dict of str to float or None
        The figures that the benchmark's `measure` returned, None for NaN.
    environment : dict of str to str
        Versions and hardware.
    class_map : array of shape (rows, cols) or None
        Of the first split of a single scene: the class of each valid pixel, as index into the
        scene's classes, and -1 elsewhere.
    """

    model: str
    split: int
    random_state: int
    n_train: int
    n_test: int
    scores: dict[str, float | None]
    per_class_accuracy: list[float | None]
    fit_seconds: float
    predict_seconds: float
    n_parameters: int | None
    n_function_evaluations: float | None
    patch_overlap: list[float] | None
    measured: dict[str, float | None]
    environment: dict[str, str]
    class_map: np.ndarray | None = None

    def as_record(self) -> dict[str, Any]:
        """Everything but the map, in types that JSON knows.

        Returns
        -------
        record : dict
        """
        record = asdict(replace(self, class_map=None))
        del record["class_map"]
        return record


def run_of(record: dict[str, Any], class_map: np.ndarray | None) -> Run:
    """The run of a record.

    Raises
    ------
    TypeError
        When the record lacks a field, has one of another type, or one that runs do not have.
    """
    for name, hint in get_type_hints(Run).items():
        if name in record and not _fits(record[name], hint):
            raise TypeError(f"{name} cannot be {record[name]!r}.")
    return Run(**record, class_map=class_map)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value, as JSON has it, is of a type."""
    of = get_args(hint)
    if isinstance(hint, UnionType):
        return any(_fits(value, one) for one in of)
    if of:
        is_one = type(value) is get_origin(hint)
        items = value.values() if is_one and isinstance(value, dict) else value
        return is_one and all(_fits(item, of[-1]) for item in items)
    if hint is float:
        return type(value) in (int, float) and isfinite(value)
    return type(value) is hint


def check_runs(runs: Any, least: int = 1) -> None:
    """Raise TypeError unless these are runs, and ValueError where there are fewer than so many."""
    if not isinstance(runs, list | tuple) or not all(isinstance(run, Run) for run in runs):
        raise TypeError(
            f"runs must be a list of Run, as run_benchmark returns it, got {shown(runs)}."
        )
    if len(runs) < least:
        raise ValueError("runs must hold one run at least.")


def checked_truth(X: Any, y: Any) -> np.ndarray:
    """The classes of test pixels, one for each."""
    require_pixels(X, "This figure")
    with naming("y", OF_ARRAYS):
        y = column_or_1d(y)
    with naming("X, y", OF_ARRAYS):
        check_consistent_length(X, y)
    return y


def by_model(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each model, in order of appearance."""
    check_runs(runs)
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.model, []).append(run)
    return grouped


@dataclass(frozen=True)
class Failure:
    """One model on one split, and why there is no result."""

    model: str
    split: int
    error: Exception

    def __str__(self) -> str:
        reason = " ".join(str(self.error).split()) or type(self.error).__name__
        return f"{self.model} on split {self.split}: {reason}"


@dataclass(frozen=True)
class Job:
    """One model to be fitted and tested on one split, with its seed set already.

    It takes the measures along: in another process there are only those of the package.
    """

    name: str
    model: Any
    number: int
    seed: int
    patch_size: int | None
    measures: Mapping[str, Measure]
    measure: MeasureOfFit | None


def run_or_failure(
    job: Job, train: np.ndarray, test: np.ndarray, X: PixelSamples, y: np.ndarray
) -> Run | Failure:
    """Fit and test a model; an error is returned, so that other runs go on.

    The rows of the split are no part of the job: only arguments themselves are sent once, for all
    models, to the workers of a cluster.
    """
    try:
        return _run(job, train, test, X, y)
    except Exception as error:
        return Failure(job.name, job.number, error)


def _run(job: Job, rows: np.ndarray, rows_tested: np.ndarray, X: Any, y: np.ndarray) -> Run:
    train, test = X[rows], X[rows_tested]
    y_true = y[rows_tested]
    start = perf_counter()
    fitted = job.model.fit(train, y[rows])
    fitted_at = perf_counter()
    network = last_step(fitted)
    if isinstance(network, PatchNetClassifier) and network.net_.interrupted_:
        raise KeyboardInterrupt  # the network is fitted, but not to the end
    y_pred = fitted.predict(test)
    predicted_at = perf_counter()
    accuracies = per_class_accuracy_score(y_true, y_pred, labels=X.classes)
    size, measure = job.patch_size, job.measure
    has_map = job.number == 0 and len(X.scenes) == 1
    return Run(
        model=job.name,
        split=job.number,
        random_state=job.seed,
        n_train=len(train),
        n_test=len(test),
        scores=_numbers(scores_of(y_true, y_pred, job.measures)),
        per_class_accuracy=[_number(value) for value in accuracies],
        fit_seconds=fitted_at - start,
        predict_seconds=predicted_at - fitted_at,
        n_parameters=getattr(network, "n_parameters_", None),
        n_function_evaluations=getattr(network, "n_function_evaluations_", None),
        patch_overlap=None if size is None else list(patch_overlap(train, test, size)),
        measured={} if measure is None else _numbers(measure(fitted, test, y_true)),
        environment=environment(),
        class_map=_class_map(fitted, test, y_pred) if has_map else None,
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: Any) -> float | None:
    """A plain number, None in place of NaN, which JSON does not know."""
    return None if np.isnan(value) else float(value)


def set_everywhere(model: Any, **values: Any) -> Any:
    """The model, with every parameter of these names set, its own and those of its parts."""
    own = {name: name.split("__")[-1] for name in model.get_params()}
    return model.set_params(**{name: values[last] for name, last in own.items() if last in values})


def last_step(model: Any) -> Any:
    """The estimator that predicts, inside a pipeline or a finished search."""
    inner = model[-1] if hasattr(model, "steps") else getattr(model, "best_estimator_", model)
    return inner if inner is model else last_step(inner)


def _class_map(fitted: Any, tested: PixelSamples, predicted: np.ndarray) -> np.ndarray:
    """Class of every valid pixel, of which those tested are predicted already."""
    scene = tested.scene
    codes = np.full(scene.mask.size, -1)
    others = PixelSamples(scene, np.setdiff1d(np.flatnonzero(scene.mask), tested.positions))
    codes[tested.positions] = np.searchsorted(scene.classes, predicted)
    if len(others):
        codes[others.positions] = np.searchsorted(scene.classes, fitted.predict(others))
    return codes.reshape(scene.mask.shape)
