"""The estimators that a benchmark compares, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._spectral import SpectralTransformer
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.classifiers._registry import NETWORKS, NetworkEntry
from sklearn_hsiode.model_selection import PerClassShuffleSplit


@dataclass(frozen=True)
class Recipe:
    """How the networks see a scene, and how they are trained.

    Attributes
    ----------
    patch_size : int, default=11
        Side of the patches in pixels.
    padding : {"reflect", "edge", "zero"}, default="reflect"
        Values beyond the border of the scene.
    components : int or None, default=None
        Principal components of the whole scene that stand in for its bands, standardised.
        None takes all bands.
    training : dict, default={}
        Parameters of all networks.
    networks : dict of str to dict, default={}
        Parameters of one network alone, by its name, such as
        ``{"ode-net": {"solver": "rk4"}}``.
    """

    patch_size: int = 11
    padding: str = "reflect"
    components: int | None = None
    training: dict[str, Any] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def pipeline(self, network: Any) -> Any:
        """The network behind components and patches.

        Parameters
        ----------
        network : classifier
            One of the networks, which gets the parameters of `training`.

        Returns
        -------
        model : Pipeline
        """
        steps: list[Any] = []
        if self.components is not None:
            components = make_pipeline(PCA(self.components, random_state=0), StandardScaler())
            steps = [SpectralTransformer(components, fit_on="scene")]
        patches = PatchExtractor(self.patch_size, self.padding)
        return make_pipeline(*steps, patches, network.set_params(**self.training))


#: The recipe of Paoletti et al., IGARSS 2019. Standardised components need no second
#: standardisation, before which the zeros beyond the border would not be the mean.
PAPER = Recipe(
    patch_size=23,
    padding="zero",
    components=1,
    training={
        "shortcut": False,
        "optimizer": "sgd",
        "lr": 0.1,
        "lr_schedule": "step",
        "weight_decay": 0.0,
        "max_epochs": 160,
        "batch_size": 128,
        "augment": False,
        "mixup": 0.0,
        "standardize": False,
    },
    networks={"ode-net": {"solver": "dopri5", "rtol": 1e-3, "atol": 1e-3}},
)
#: The recipes by name: the paper's, and the defaults of this package.
RECIPES = {"paper": PAPER, "default": Recipe()}


@dataclass(frozen=True)
class ModelEntry:
    """A model that benchmarks compare.

    Attributes
    ----------
    title : str
        Its name in print.
    make : callable
        Called with a :class:`Recipe`; returns the estimator.
    options : tuple of str, default=()
        Options of the command line that go with it, apart from those of every command.
    """

    title: str
    make: Callable[[Recipe], Any]
    options: tuple[str, ...] = ()


def _network(name: str, entry: NetworkEntry) -> ModelEntry:
    def make(recipe: Recipe) -> Any:
        return recipe.pipeline(entry.classifier(**recipe.networks.get(name, {})))

    options = ("patch_size", "components", "recipe", "epochs", "device", *entry.options)
    return ModelEntry(entry.title, make, options)


def _tuned(estimator: Any, grid: dict[str, list[Any]]) -> GridSearchCV:
    """Search over parameters by splits of the training pixels alone."""
    inner = PerClassShuffleSplit(train_size=0.7, n_splits=3, random_state=0)
    return GridSearchCV(estimator, grid, cv=inner, error_score="raise")


def _svm(recipe: Recipe) -> Any:
    grid: dict[str, list[Any]] = {
        "svc__C": [1.0, 10.0, 100.0, 1000.0],
        "svc__gamma": ["scale", 0.01, 0.001],
    }
    return _tuned(make_pipeline(StandardScaler(), SVC()), grid)


def _random_forest(recipe: Recipe) -> Any:
    grid: dict[str, list[Any]] = {"max_features": ["sqrt", 0.3], "min_samples_leaf": [1, 3]}
    return _tuned(RandomForestClassifier(random_state=0), grid)


def _logistic_regression(recipe: Recipe) -> Any:
    # Bands are strongly correlated: Newton's method converges there, and lbfgs hardly does.
    logistic = LogisticRegression(solver="newton-cg", max_iter=500)
    grid = {"logisticregression__C": [0.01, 0.1, 1.0, 10.0, 100.0]}
    return _tuned(make_pipeline(StandardScaler(), logistic), grid)


#: The models by name.
MODELS: dict[str, ModelEntry] = {
    **{name: _network(name, entry) for name, entry in NETWORKS.items()},
    "svm": ModelEntry("SVM", _svm),
    "random-forest": ModelEntry("random forest", _random_forest),
    "logistic-regression": ModelEntry("logistic regression", _logistic_regression),
    "coordinates": ModelEntry("coordinates", lambda recipe: CoordinateClassifier()),
}


def title_of(name: str) -> str:
    """Title of a model in print; one of the user's is called by its name."""
    return MODELS[name].title if name in MODELS else name


def benchmark_models(
    names: Sequence[str] = tuple(MODELS), recipe: Recipe = RECIPES["default"]
) -> dict[str, Any]:
    """The estimators of these names.

    Parameters
    ----------
    names : sequence of str, default=all
        Of the networks "ode-net" and "resnet", and of "svm", "random-forest",
        "logistic-regression" and "coordinates". The SVM, the forest and the logistic
        regression see all bands and are tuned by an inner search on the training pixels;
        "coordinates" sees no spectrum at all.
    recipe : Recipe, default=Recipe()
        How the networks see the scene and are trained.

    Returns
    -------
    models : dict of str to estimator

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> from sklearn_hsiode.benchmark import PAPER, benchmark_models
    >>> models = benchmark_models(["ode-net", "svm"], PAPER)
    >>> models["ode-net"][-1].solver
    'dopri5'
    """
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise ValueError(f"Unknown model {unknown[0]!r}: choose among {', '.join(MODELS)}.")
    return {name: MODELS[name].make(recipe) for name in names}
