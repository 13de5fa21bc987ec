"""ODENetClassifier: a neural ODE as a scikit-learn classifier."""

from __future__ import annotations

import os
from typing import Any

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._arguments import Integer, Number, StrOptions
from sklearn_hsiode.classifiers._docs import with_shared_docs
from sklearn_hsiode.classifiers._patchnet import PatchNetClassifier
from sklearn_hsiode.classifiers._setup import (
    LAYER_CONSTRAINTS,
    TRAINING_CONSTRAINTS,
    downsamples,
    store_parameters,
)
from sklearn_hsiode.nn import SOLVERS, ODENet
from sklearn_hsiode.nn._solvers import with_listed_solvers


@with_listed_solvers
@with_shared_docs
class ODENetClassifier(PatchNetClassifier):
    """Classify pixels from the patches around them with a neural ODE.

    The network of Paoletti et al. [1]_: a 3 x 3 convolution, two strided residual units, one
    ODE block, and a linear head on the mean over the patch. The ODE block takes the place of
    the six residual units of :class:`ResNetClassifier`: 232,080 parameters instead of
    601,872 at one band and 16 classes. By default it stands beside a logistic regression, its
    `shortcut`, and for small patches its first layers are others: see `downsampling`.

    Parameters
    ----------
    <layer parameters>
    solver : str, default="euler"
        A name in :data:`sklearn_hsiode.nn.SOLVERS`; the paper's is "dopri5".
        <solvers>
        The adaptive ones choose their steps for a whole mini-batch, so that a probability
        depends on the batch within the tolerances.
    n_steps : int, default=2
        Equal steps of a fixed-grid solver.
    rtol, atol : float, default=1e-3
        Relative and absolute tolerance of an adaptive solver.
    adjoint : bool, default=False
        Gradients from the adjoint ODE instead of back-propagation through the solver: saved
        activations then do not grow with the number of steps, training takes longer.
    <training parameters>

    Attributes
    ----------
    <fitted attributes>
    n_function_evaluations_ : float
        Evaluations of the ODE's right-hand side per forward pass, mean of the last epoch.

    See Also
    --------
    ResNetClassifier : The same network with residual units for a body.
    PatchExtractor : Makes patches of the pixels of a scene.

    References
    ----------
    .. [1] M. E. Paoletti, J. M. Haut, J. Plaza and A. Plaza, IGARSS 2019; at more length in
       "Neural ordinary differential equations for hyperspectral image classification", IEEE
       Transactions on Geoscience and Remote Sensing 58(3), 2020.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_hsiode import ODENetClassifier, PatchExtractor
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, train_size=0.1, stratify=y, random_state=0
    ... )
    >>> model = make_pipeline(
    ...     PatchExtractor(), ODENetClassifier(n_filters=16, max_epochs=50, random_state=0)
    ... )
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.7
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **TRAINING_CONSTRAINTS,
        **LAYER_CONSTRAINTS,
        "solver": [StrOptions(SOLVERS.keys())],
        "n_steps": [Integer(1, 1000)],
        "rtol": [Number(0, closed="neither")],
        "atol": [Number(0, closed="neither")],
        "adjoint": ["boolean"],
    }

    def __init__(
        self,
        *,
        n_filters: int = 64,
        downsampling: bool | str = "auto",
        solver: str = "euler",
        n_steps: int = 2,
        rtol: float = 1e-3,
        atol: float = 1e-3,
        adjoint: bool = False,
        shortcut: bool = True,
        shortcut_C: float = 1.0,
        gate: float | str = "auto",
        optimizer: Any = "adamw",
        lr: float = 3e-3,
        lr_schedule: Any = "cosine",
        weight_decay: float = 1e-2,
        max_epochs: int = 20,
        batch_size: int | str = "auto",
        augment: bool = True,
        mixup: float = 0.4,
        standardize: bool = True,
        class_weight: Any = None,
        early_stopping: bool = False,
        validation: Any = "blocks",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        callbacks: Any = None,
        net_params: dict[str, Any] | None = None,
        device: Any = "auto",
        precision: str = "float32",
        compile: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        store_parameters(self, locals())

    @property
    def network(self) -> type[ODENet]:  # type: ignore[override]
        """The network, :class:`~sklearn_hsiode.nn.ODENet`."""
        return ODENet

    @property
    def network_params(self) -> dict[str, Any]:  # type: ignore[override]
        """Arguments of :class:`~sklearn_hsiode.nn.ODENet` beside bands and classes."""
        return {
            name: getattr(self, name)
            for name in ("n_filters", "solver", "n_steps", "rtol", "atol", "adjoint")
        }

    def _network_arguments(self, patch_size: int) -> dict[str, Any]:
        return {**self.network_params, "downsampling": downsamples(self, patch_size)}

    def with_solver(
        self, solver: str = "dopri5", *, n_steps: int = 4, rtol: float = 1e-5, atol: float = 1e-5
    ) -> ODENetClassifier:
        """Copy of the fitted classifier that solves its ODE with another solver.

        Where the copy predicts as well, the network has learnt an ODE; where it does not, the
        steps of the solver that it was trained with.

        Parameters
        ----------
        solver : str, default="dopri5"
            As in the constructor.
        n_steps : int, default=4
            Steps of a fixed-grid solver.
        rtol, atol : float, default=1e-5
            Tolerances of an adaptive solver.

        Returns
        -------
        classifier : ODENetClassifier
            Fitted, with the same weights. It has no `n_function_evaluations_`, since it has
            not trained with this solver.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ValueError
            For an unknown solver, or numbers out of range.

        Examples
        --------
        >>> from sklearn_hsiode import ODENetClassifier
        >>> from sklearn_hsiode.datasets import make_scene
        >>> X, y = make_scene((16, 16), n_bands=8, n_classes=2, random_state=0).labeled_pixels()
        >>> model = ODENetClassifier(n_filters=8, max_epochs=5, random_state=0).fit(X, y)
        >>> model.with_solver("rk4", n_steps=8).predict_proba(X).shape == (len(y), 2)
        True
        """
        check_is_fitted(self)
        other = {"solver": solver, "n_steps": n_steps, "rtol": rtol, "atol": atol}
        state = self._everything()
        made_with = state["net_"]["made_with"]
        params = made_with["module"]["network_params"] | other
        module = made_with["module"] | {"network_params": params}
        state["net_"]["made_with"] = made_with | {"module": module}
        for epoch in state["net_"]["history"]:
            epoch.pop("n_function_evaluations", None)
        copy = clone(self).set_params(**other)
        copy._validate_params()
        copy._take_everything(state | other)
        return copy

    @property
    def n_function_evaluations_(self) -> float:
        """Evaluations of the ODE's right-hand side per forward pass, in the last epoch."""
        evaluations = self.net_.history[-1].get("n_function_evaluations")
        if evaluations is None:
            raise AttributeError("This classifier was not trained with its present solver.")
        return float(evaluations)
