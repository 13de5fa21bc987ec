"""tuned: searches over views of the spectrum, patch sizes and strengths on unseen ground."""

from __future__ import annotations

import os
from typing import Any

from joblib import effective_n_jobs
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_hsiode._arguments import PATH, check, checked, jobs_of
from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._spectral import SpectralTransformer
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.model_selection import SpatialBlockKFold
from sklearn_hsiode.preprocessing import SpectralDerivative
from sklearn_hsiode.recipes._classical import CLASSICAL
from sklearn_hsiode.recipes._paper import check_name
from sklearn_hsiode.recipes._search import GridSearch, HalvingSearch

#: The views of the spectrum that a search chooses among: the bands themselves, the slope of their
#: logarithm, in which the brightness of a pixel cancels, and the logarithm beside its slope.
VIEWS: dict[str, Any] = {
    "bands": "passthrough",
    "slope": SpectralDerivative(log=True),
    "logarithm and slope": FeatureUnion(
        [
            ("logarithm", SpectralDerivative(order=0, log=True)),
            ("slope", SpectralDerivative(log=True)),
        ]
    ),
}
PATCH_SIZES = (3, 5)
# The first round of a halving search, and its last.
EPOCHS = (5, 15)
# Of a search, the networks of each candidate are this wide.
N_FILTERS = 32


def chosen_in_words(search: Any) -> dict[str, Any]:
    """Parameters that a fitted search chose, by the last part of their names, views by theirs."""
    return {last_part(name): in_words(value) for name, value in search.best_params_.items()}


def last_part(name: str) -> str:
    """Name of a parameter without the steps that it is in, such as "patch size"."""
    return name.split("__")[-1].replace("_", " ")


def in_words(value: Any) -> Any:
    """A value of a parameter, a view of :data:`VIEWS` by its name."""
    view = repr(value.transformer if isinstance(value, SpectralTransformer) else value)
    return next((name for name, known in VIEWS.items() if repr(known) == view), value)


@checked(cv=["cv_object"], random_state=["random_state"], checkpoint=[*PATH, None])
def tuned(
    name: str,
    *,
    cv: Any = None,
    random_state: Any = None,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Any:
    """An unfitted search for the best estimator of a name on unseen ground.

    All names choose among the same views of the spectrum (the bands, the slope of their
    logarithm, the logarithm beside its slope), by accuracy on blocks of ground that are held out
    of the training pixels. The networks choose their patch size as well, 3 or 5, by successive
    halving over epochs [1]_, in which network and shortcut have equal shares; the others choose
    the strength of their regularisation. Then the best is fitted on all training pixels, a
    network with the `gate` that it chooses there.

    Parameters
    ----------
    name : {"ode-net", "resnet", "svm", "random-forest", "logistic-regression"}
        Kind of classifier. The networks have a linear `shortcut`, weigh classes by
        ``class_weight="effective"``, and have 32 filters.
    cv : splitter, default=None
        The inner splits. None is three folds of
        :class:`~sklearn_hsiode.model_selection.SpatialBlockKFold` with ``block_size="auto"``
        and a buffer that keeps patches apart.
    random_state : int, RandomState instance or None, default=None
        Seed of networks and forests; None is a fresh one for networks, and 0 for the forest.
    n_jobs : int, default=None
        Fits at the same time, in processes: at most 64, or four times the cores where that is
        more. As many candidates are compared at a time. None means 1. Under
        ``joblib.parallel_config("dask")`` the workers of the cluster do them instead.
    checkpoint : path, default=None
        A folder in which ``fit`` keeps the score of each candidate on each inner split, and the
        state of networks in training. After a kill or Ctrl-C the same search goes on, and chooses
        as one that has not been disturbed; a finished one removes the folder. Parameters and
        pixels must be those of the search that began, but for `n_jobs` and the device: else an
        error names what differs. On a cluster, all workers must see the folder.

    Returns
    -------
    search : GridSearchCV or HalvingGridSearchCV
        After ``fit(X, y)``, with X pixels of a scene, it is a classifier with `best_params_`,
        `best_estimator_` and `cv_results_`. It shows a bar of candidates done; without a bar,
        ``set_params(progress=False)``. Its `scoring` may be set likewise; None is accuracy.

    Raises
    ------
    ValueError, TypeError
        For an unknown name, or an argument of another type or out of its range. From ``fit``,
        when the training pixels lie in too few places for the inner blocks: pass another `cv`;
        or when `checkpoint` is of another search, or no checkpoint.
    BlockingIOError
        From ``fit``, when another search, or a training, uses the folder `checkpoint`.

    See Also
    --------
    paper : The paper's own recipe.

    References
    ----------
    .. [1] K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and
       hyperparameter optimization", AISTATS 2016.

    Examples
    --------
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.model_selection import SpatialBlockKFold
    >>> from sklearn_hsiode.recipes import tuned
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> train, test = next(SpatialBlockKFold(buffer=4).split(X, y))
    >>> search = tuned("logistic-regression", random_state=0).set_params(progress=False)
    >>> search.fit(X[train], y[train]).predict(X[test]).shape == test.shape
    True
    >>> sorted(search.best_params_)
    ['model__logisticregression__C', 'view']
    """
    check_name(name)
    check("tuned", {"n_jobs": jobs_of(effective_n_jobs(-1))}, n_jobs=n_jobs)
    if cv is None:
        cv = SpatialBlockKFold(3, "auto", buffer=max(PATCH_SIZES) - 1, random_state=0)
    settings: dict[str, Any] = {"cv": cv, "n_jobs": n_jobs, "checkpoint": checkpoint}
    views = list(VIEWS.values())
    if name in CLASSICAL:
        model = CLASSICAL[name].make()
        if random_state is not None and "random_state" in model.get_params():
            model.set_params(random_state=random_state)
        pipeline = Pipeline([("view", "passthrough"), ("model", model)])
        strengths = {
            f"model__{key}": list(values) for key, values in CLASSICAL[name].strengths.items()
        }
        return GridSearch(pipeline, {"view": views, **strengths}, **settings)
    network: Any = NETWORKS[name].classifier
    network = network(n_filters=N_FILTERS, class_weight="effective", random_state=random_state)
    pipeline = Pipeline(
        [("view", "passthrough"), ("patches", PatchExtractor()), ("network", network)]
    )
    of_scenes = [view if view == "passthrough" else SpectralTransformer(view) for view in views]
    grid = {"view": of_scenes, "patches__patch_size": list(PATCH_SIZES)}
    return HalvingSearch(
        pipeline,
        grid,
        resource="network__max_epochs",
        min_resources=EPOCHS[0],
        max_resources=EPOCHS[1],
        factor=EPOCHS[1] // EPOCHS[0],
        # Only the best chooses its gate, which takes three more trainings.
        while_comparing={"network__gate": 0.5},
        **settings,
    )
