"""ResNetClassifier: the residual network that the ODE-net is compared with."""

from __future__ import annotations

import os
from typing import Any

from sklearn_hsiode._arguments import Integer
from sklearn_hsiode.classifiers._docs import with_shared_docs
from sklearn_hsiode.classifiers._patchnet import PatchNetClassifier
from sklearn_hsiode.classifiers._setup import (
    LAYER_CONSTRAINTS,
    TRAINING_CONSTRAINTS,
    downsamples,
    store_parameters,
)
from sklearn_hsiode.nn import ResNet


@with_shared_docs
class ResNetClassifier(PatchNetClassifier):
    """Classify pixels from the patches around them with a residual network.

    The ResNet of Paoletti et al. [1]_, which they compare the ODE-net with: a 3 x 3
    convolution, two strided residual units, `n_blocks` residual units, and a linear head on
    the mean over the patch. 601,872 parameters at one band and 16 classes. By default it stands
    beside a logistic regression, its `shortcut`, and for small patches its first layers are
    others: see `downsampling`.

    Parameters
    ----------
    <layer parameters>
    n_blocks : int, default=6
        Residual units of the body; 0 for no body at all.
    tied : bool, default=False
        Let all units of the body share one set of weights, as the steps of an ODE's solver do.
    <training parameters>

    Attributes
    ----------
    <fitted attributes>

    See Also
    --------
    ODENetClassifier : The same network with an ODE block for a body.
    PatchExtractor : Makes patches of the pixels of a scene.

    References
    ----------
    .. [1] M. E. Paoletti, J. M. Haut, J. Plaza and A. Plaza, IGARSS 2019; at more length in
       "Neural ordinary differential equations for hyperspectral image classification", IEEE
       Transactions on Geoscience and Remote Sensing 58(3), 2020.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_hsiode import PatchExtractor, ResNetClassifier
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> model = make_pipeline(
    ...     PatchExtractor(), ResNetClassifier(n_filters=16, n_blocks=2, max_epochs=2)
    ... )
    >>> model.fit(X[::10], y[::10]).predict(X).shape == y.shape
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **TRAINING_CONSTRAINTS,
        **LAYER_CONSTRAINTS,
        "n_blocks": [Integer(0)],
        "tied": ["boolean"],
    }

    def __init__(
        self,
        *,
        n_filters: int = 64,
        downsampling: bool | str = "auto",
        n_blocks: int = 6,
        tied: bool = False,
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
    def network(self) -> type[ResNet]:  # type: ignore[override]
        """The network, :class:`~sklearn_hsiode.nn.ResNet`."""
        return ResNet

    @property
    def network_params(self) -> dict[str, Any]:  # type: ignore[override]
        """Arguments of :class:`~sklearn_hsiode.nn.ResNet` beside bands and classes."""
        return {name: getattr(self, name) for name in ("n_filters", "n_blocks", "tied")}

    def _network_arguments(self, patch_size: int) -> dict[str, Any]:
        return {**self.network_params, "downsampling": downsamples(self, patch_size)}
