"""The estimators that a benchmark compares, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn_hsiode._arguments import checked
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.recipes import Recipe, tuned
from sklearn_hsiode.recipes._classical import CLASSICAL


@dataclass(frozen=True)
class ModelEntry:
    """A model that benchmarks compare.

    Attributes
    ----------
    title : str
        Its name in print.
    make : callable
        Called with a :class:`~sklearn_hsiode.recipes.Recipe`, or None for the tuned model;
        returns the estimator.
    options : tuple of str, default=()
        Options of the command line that go with it, apart from those of every command.
    """

    title: str
    make: Callable[[Recipe | None], Any]
    options: tuple[str, ...] = ()


def _made(name: str) -> Callable[[Recipe | None], Any]:
    return lambda recipe: tuned(name) if recipe is None else recipe.estimator(name)


#: The models by name.
MODELS: dict[str, ModelEntry] = {
    **{
        name: ModelEntry(
            entry.title,
            _made(name),
            ("patch_size", "components", "recipe", "epochs", "device", *entry.options),
        )
        for name, entry in NETWORKS.items()
    },
    **{name: ModelEntry(entry.title, _made(name)) for name, entry in CLASSICAL.items()},
    "coordinates": ModelEntry("coordinates", lambda recipe: CoordinateClassifier()),
}


def title_of(name: str) -> str:
    """Title of a model in print; one of the user's is called by its name."""
    return MODELS[name].title if name in MODELS else name


@checked(recipe=[Recipe, None])
def benchmark_models(
    names: Sequence[str] = tuple(MODELS), recipe: Recipe | None = None
) -> dict[str, Any]:
    """The estimators of these names.

    Parameters
    ----------
    names : sequence of str, default=all
        Of the networks "ode-net" and "resnet", and of "svm", "random-forest",
        "logistic-regression" and "coordinates", which sees no spectrum at all.
    recipe : Recipe, default=None
        How the networks see the scene and are trained; the SVM, the forest and the logistic
        regression then see all bands and choose their strengths on random training pixels. None
        tunes all of them alike, as :func:`~sklearn_hsiode.recipes.tuned`.

    Returns
    -------
    models : dict of str to estimator

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> from sklearn_hsiode.benchmark import benchmark_models
    >>> from sklearn_hsiode.recipes import PAPER
    >>> models = benchmark_models(["ode-net", "svm"], PAPER)
    >>> models["ode-net"][-1].solver
    'dopri5'
    """
    is_list = isinstance(names, Iterable) and getattr(names, "ndim", 1) == 1  # 0: of one number
    if isinstance(names, str | bytes) or not is_list:
        raise TypeError(f"names must be a list of names of models, got {names!r}.")
    names = list(names)
    unknown = [name for name in names if not isinstance(name, str) or name not in MODELS]
    if unknown:
        raise ValueError(
            f"Unknown model {unknown[0]!r}: choose among {', '.join(MODELS)} as names."
        )
    return {name: MODELS[name].make(recipe) for name in names}
