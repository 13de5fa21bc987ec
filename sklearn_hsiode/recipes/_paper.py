"""Recipe: how networks see a scene and are trained; paper: the estimators of the paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode._arguments import (
    Constraints,
    HasMethods,
    Integer,
    Number,
    check,
    checked,
    naming,
)
from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._spectral import SpectralTransformer
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.recipes._classical import CLASSICAL

OF_RECIPES: Constraints = {
    "patch_size": [Integer(1)],
    "padding": [str],
    "components": [Integer(), Number(0, 1, closed="neither"), None],
    "training": [dict],
    "networks": [dict],
}


@dataclass(frozen=True)
class Recipe:
    """How the networks see a scene, and how they are trained.

    Attributes
    ----------
    patch_size : int, default=5
        Side of the patches in pixels.
    padding : {"reflect", "edge", "zero"}, default="reflect"
        Values beyond the border of the scene.
    components : int, float or None, default=None
        Principal components of the whole scene that stand in for its bands, standardised; below
        1, as many as have that share of the variance.
        None takes all bands.
    training : dict, default={}
        Parameters of all networks.
    networks : dict of str to dict, default={}
        Parameters of one network alone, by its name, such as
        ``{"ode-net": {"solver": "rk4"}}``.
    """

    patch_size: int = 5
    padding: str = "reflect"
    components: float | None = None
    training: dict[str, Any] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check("Recipe", OF_RECIPES, **vars(self))

    @checked(network=[HasMethods(["fit", "set_params"])])
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
        with naming("network, training"):
            network = network.set_params(**self.training)
        return make_pipeline(*steps, patches, network)

    def estimator(self, name: str) -> Any:
        """The estimator of a name.

        Parameters
        ----------
        name : str
            One of the networks, which see the scene as this recipe says; or "svm",
            "random-forest" or "logistic-regression", which see all bands, and whose strengths
            are chosen on random training pixels.

        Returns
        -------
        model : Pipeline or GridSearchCV

        Raises
        ------
        ValueError
            For an unknown name.
        """
        check_name(name)
        if name in NETWORKS:
            network = NETWORKS[name].classifier(**self.networks.get(name, {}))
            return self.pipeline(network)
        model, grid = CLASSICAL[name].make(), CLASSICAL[name].grid
        inner = PerClassShuffleSplit(train_size=0.7, n_splits=3, random_state=0)
        return GridSearchCV(model, dict(grid), cv=inner, error_score="raise")


#: The recipe of Paoletti et al., IGARSS 2019. Standardised components need no second
#: standardisation, before which the zeros beyond the border would not be the mean.
PAPER = Recipe(
    patch_size=23,
    padding="zero",
    components=1,
    training={
        "downsampling": True,
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


def check_name(name: str) -> None:
    """Raise ValueError for a name that no recipe has."""
    known = [*NETWORKS, *CLASSICAL]
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}, got {name!r}.")


def paper(name: str) -> Any:
    """The unfitted estimator of a name, as in the paper's experiment.

    Parameters
    ----------
    name : {"ode-net", "resnet", "svm", "random-forest", "logistic-regression"}
        The networks are those of Paoletti et al. (IGARSS 2019) with its training: the first
        principal component of the whole scene, zero-padded patches of 23 x 23, 160 epochs of
        SGD. The others see all bands, and their strengths are chosen on random training pixels,
        which suits an experiment whose test pixels are random as well.

    Returns
    -------
    model : estimator

    Raises
    ------
    ValueError
        For an unknown name.

    See Also
    --------
    tuned : The estimators for ground that has not been seen.

    Examples
    --------
    >>> from sklearn_hsiode.recipes import paper
    >>> paper("ode-net")[-1].solver
    'dopri5'
    """
    return PAPER.estimator(name)
