"""scikit-learn's searches with a progress bar."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, ParameterGrid, check_cv
from sklearn.utils import gen_batches
from tqdm.auto import tqdm

from sklearn_hsiode._parallel import sent_once
from sklearn_hsiode.classifiers._net import TrainingInterrupted
from sklearn_hsiode.recipes._kept import kept_scores

Evaluate = Callable[..., dict[str, Any]]


class _WithBar:
    """Shows a bar of the candidates that have been compared, with ``progress=True``.

    With a folder as `checkpoint`, the scores of finished candidates are kept there, and the state
    of networks in training, until the search has ended; the same search goes on with them.
    """

    progress: bool
    checkpoint: str | os.PathLike[str] | None
    n_jobs: int | None
    cv: Any

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Compare the candidates on the inner splits, and fit the best on all pixels.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels that know their scene.
        y : array of shape (n,)
            Class labels.
        **params : dict
            As :meth:`sklearn.model_selection.GridSearchCV.fit` takes them.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            When the inner splits cannot be made, or one of them trains a single class, or the
            checkpoint is of another search.
        KeyboardInterrupt
            On Ctrl-C, also where a candidate has trained some epochs by then.
        """
        cv = self.cv
        splits = list(check_cv(cv, y, classifier=True).split(X, y, params.get("groups")))
        n_classes = len(np.unique(y))
        for number, (train, _) in enumerate(splits):
            if len(np.unique(np.asarray(y)[train])) < min(n_classes, 2):
                raise ValueError(
                    f"Inner split {number} of {self.cv!r} trains a single class of {n_classes}:"
                    " the pixels lie in too few places. Label more ground, or pass other inner"
                    " splits as cv."
                )
        self.cv = splits  # made once, for all candidates
        try:
            with (
                kept_scores(self, X, y, splits, params),
                sent_once(X, y, *chain.from_iterable(splits)),
            ):
                return super().fit(X, y, **params)  # type: ignore[misc]
        finally:
            self.cv = cv
            vars(self).pop("_checked_cv_orig", None)  # where scikit-learn keeps the rows

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles keep everything.
        return unpickled, (type(self), super().__getstate__())

    def __getstate__(self) -> dict[str, Any]:
        # Model files keep no folder of this machine.
        state: Any = super().__getstate__()
        return {**state, "checkpoint": None}

    def _run_search(self, evaluate_candidates: Evaluate, *, callback_ctx: Any = None) -> None:
        # scikit-learn 1.9 passes a context on, in which its callbacks count the candidates.
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        with (
            tqdm(
                desc=type(self).__name__, unit="candidate", leave=None, disable=not self.progress
            ) as bar,
            warnings.catch_warnings(),
        ):
            # A candidate that is half trained must not be compared with the others.
            warnings.simplefilter("error", TrainingInterrupted)

            def some_at_a_time(
                candidates: Iterable[Any],
                cv: Any = None,
                more_results: dict[str, list[Any]] | None = None,
                callback_ctx: Any = None,
            ) -> dict[str, Any]:
                candidates = list(candidates)
                bar.total = bar.n + len(candidates)
                bar.refresh()
                # Splits of as many candidates as there are workers occupy these evenly.
                for some in gen_batches(len(candidates), effective_n_jobs(self.n_jobs)):
                    more = {key: values[some] for key, values in (more_results or {}).items()}
                    results = evaluate_candidates(candidates[some], cv, more)
                    bar.update(len(candidates[some]))
                return results

            try:
                super()._run_search(some_at_a_time, **context)  # type: ignore[misc]
            except TrainingInterrupted as interruption:
                raise KeyboardInterrupt(*interruption.args) from interruption


class GridSearch(_WithBar, GridSearchCV):  # type: ignore[misc]
    """:class:`~sklearn.model_selection.GridSearchCV` with a progress bar."""

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
        progress: bool = True,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(
            estimator, param_grid, scoring=scoring, cv=cv, n_jobs=n_jobs, error_score="raise"
        )
        self.progress = progress
        self.checkpoint = checkpoint


class HalvingSearch(_WithBar, HalvingGridSearchCV):  # type: ignore[misc]
    """:class:`~sklearn.model_selection.HalvingGridSearchCV` with a progress bar.

    While candidates are compared, they have the parameters in `while_comparing`, which are columns
    of `cv_results_`; the best is then fitted with those of `estimator` in their place.
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        resource: str,
        min_resources: int,
        max_resources: int,
        factor: int,
        while_comparing: dict[str, Any] | None = None,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
        progress: bool = True,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            resource=resource,
            min_resources=min_resources,
            max_resources=max_resources,
            factor=factor,
            scoring=scoring,
            cv=cv,
            n_jobs=n_jobs,
            error_score="raise",
        )
        self.while_comparing = while_comparing
        self.progress = progress
        self.checkpoint = checkpoint

    def _run_search(self, evaluate_candidates: Evaluate, *, callback_ctx: Any = None) -> None:
        fixed = self.while_comparing or {}
        searched = fixed.keys() & {name for grid in ParameterGrid(self.param_grid) for name in grid}
        if searched:
            raise ValueError(
                f"{', '.join(sorted(searched))} is in param_grid and in while_comparing: to search"
                " over it, take it out of while_comparing."
            )
        compared: list[dict[str, Any]] = []

        def evaluate(candidates: Iterable[dict[str, Any]], *args: Any, **kwargs: Any) -> Any:
            candidates = [candidate | fixed for candidate in candidates]
            compared.extend(candidates)
            return evaluate_candidates(candidates, *args, **kwargs)

        super()._run_search(evaluate, callback_ctx=callback_ctx)
        # scikit-learn takes best_params_, with which it fits the best, from these.
        for candidate in compared:
            for name in fixed:
                del candidate[name]


def unpickled(cls: Any, state: dict[str, Any]) -> Any:
    """Return a search from its pickle."""
    search = cls.__new__(cls)
    search.__setstate__(state)
    return search
