"""scikit-learn's searches with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from tqdm.auto import tqdm

Evaluate = Callable[..., dict[str, Any]]


class _WithBar:
    """Shows a bar of the candidates that have been compared, with ``progress=True``."""

    progress: bool

    def _run_search(self, evaluate_candidates: Evaluate, *, callback_ctx: Any = None) -> None:
        # scikit-learn 1.9 passes a context on, in which its callbacks count the candidates.
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        with tqdm(
            desc=type(self).__name__, unit="candidate", leave=None, disable=not self.progress
        ) as bar:

            def one_by_one(
                candidates: Iterable[Any],
                cv: Any = None,
                more_results: dict[str, list[Any]] | None = None,
                callback_ctx: Any = None,
            ) -> dict[str, Any]:
                candidates = list(candidates)
                bar.total = bar.n + len(candidates)
                bar.refresh()
                for number, candidate in enumerate(candidates):
                    more = {key: [values[number]] for key, values in (more_results or {}).items()}
                    results = evaluate_candidates([candidate], cv, more)
                    bar.update()
                return results

            super()._run_search(one_by_one, **context)  # type: ignore[misc]


class GridSearch(_WithBar, GridSearchCV):  # type: ignore[misc]
    """:class:`~sklearn.model_selection.GridSearchCV` with a progress bar."""

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        cv: Any = None,
        n_jobs: int | None = None,
        progress: bool = True,
    ) -> None:
        super().__init__(estimator, param_grid, cv=cv, n_jobs=n_jobs, error_score="raise")
        self.progress = progress


class HalvingSearch(_WithBar, HalvingGridSearchCV):  # type: ignore[misc]
    """:class:`~sklearn.model_selection.HalvingGridSearchCV` with a progress bar."""

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        resource: str,
        min_resources: int,
        max_resources: int,
        factor: int,
        cv: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        progress: bool = True,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            resource=resource,
            min_resources=min_resources,
            max_resources=max_resources,
            factor=factor,
            cv=cv,
            random_state=random_state,
            n_jobs=n_jobs,
            error_score="raise",
        )
        self.progress = progress
