"""PatchNetClassifier: any PyTorch network of patches as a scikit-learn classifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import check_is_fitted
from skorch.helper import predefined_split
from torch import nn

from sklearn_hsiode._arguments import OF_ARRAYS, naming
from sklearn_hsiode._checkpoint import CheckpointFolder, checkpoint_folder
from sklearn_hsiode._sklearn import (
    CallbackSupportMixin,
    DocLinkMixin,
    fit_context,
    with_callbacks,
)
from sklearn_hsiode.classifiers._callbacks import (
    EpochRecorder,
    FitTasks,
    early_stopping_callback,
)
from sklearn_hsiode.classifiers._checkpoint import data_that_count, parameters_that_count
from sklearn_hsiode.classifiers._checks import (
    check_classes,
    check_labels,
    check_patches,
    check_weights,
    training_weights,
)
from sklearn_hsiode.classifiers._continuation import present_net
from sklearn_hsiode.classifiers._devices import (
    cpu_threads,
    device_or_cpu,
    reproducible,
    resolve_device,
)
from sklearn_hsiode.classifiers._docs import with_shared_docs
from sklearn_hsiode.classifiers._net import PatchNet
from sklearn_hsiode.classifiers._saved import restore, saved_state
from sklearn_hsiode.classifiers._setup import (
    PRECISIONS,
    TRAINING_CONSTRAINTS,
    TrainingPixels,
    net_parameters,
    new_random_state,
    patch_dataset,
    standardize,
    store_parameters,
)
from sklearn_hsiode.classifiers._training import Trainings, train_epochs, users_callbacks
from sklearn_hsiode.classifiers._validation_split import Rows, cross_fitting_folds, held_out

HISTORY = {
    "epoch": "epoch",
    "loss": "train_loss",
    "validation_loss": "valid_loss",
    "validation_score": "valid_acc",
    "n_function_evaluations": "n_function_evaluations",
    "lr": "lr",
    "seconds": "dur",
}


@with_shared_docs
class PatchNetClassifier(CallbackSupportMixin, DocLinkMixin, ClassifierMixin, BaseEstimator):
    """Classify pixels from the patches around them with any PyTorch network.

    It trains, predicts, maps, pickles and searches as :class:`ODENetClassifier` and
    :class:`ResNetClassifier` do, which are subclasses with a network of their own.

    Parameters
    ----------
    network : class or function
        Called as ``network(n_bands=..., n_classes=..., **network_params)``, it returns a
        :class:`torch.nn.Module` that turns patches of shape (n, bands, size, size) into logits
        of shape (n, n_classes). :class:`~sklearn_hsiode.nn.SharedStem` tells what it may offer
        besides. To be pickled it must be importable, so not defined inside a function.
    network_params : dict, default=None
        Further arguments of `network`. In a grid, list whole dicts:
        ``{"network_params": [{"n_filters": 8}, {"n_filters": 16}]}``.
    <training parameters>

    Attributes
    ----------
    <fitted attributes>

    See Also
    --------
    ODENetClassifier, ResNetClassifier : The networks of Paoletti et al. (IGARSS 2019).
    PatchExtractor : Makes patches of the pixels of a scene.

    Notes
    -----
    A batch normalisation fails on a training mini-batch of a single patch: with such a network
    pass ``net_params={"iterator_train__drop_last": True}``, or use group normalisation.

    Examples
    --------
    A perceptron on the centre pixel's neighbourhood, whatever its size:

    >>> from sklearn.pipeline import make_pipeline
    >>> from torch import nn
    >>> from sklearn_hsiode import PatchExtractor, PatchNetClassifier
    >>> from sklearn_hsiode.datasets import make_scene
    >>> def perceptron(n_bands, n_classes, n_hidden=32):
    ...     return nn.Sequential(
    ...         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_bands, n_hidden), nn.ReLU(),
    ...         nn.Linear(n_hidden, n_classes),
    ...     )
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> model = make_pipeline(
    ...     PatchExtractor(3), PatchNetClassifier(perceptron, max_epochs=5, random_state=0)
    ... )
    >>> bool(model.fit(X, y).score(X, y) > 0.5)
    True
    """

    network: Callable[..., nn.Module]
    network_params: dict[str, Any] | None
    shortcut: bool
    shortcut_C: float  # noqa: N815
    gate: float | str
    optimizer: Any
    lr: float
    lr_schedule: Any
    weight_decay: float
    max_epochs: int
    batch_size: int | str
    augment: bool
    mixup: float
    standardize: bool
    class_weight: Any
    early_stopping: bool
    validation: Any
    validation_fraction: float
    n_iter_no_change: int
    warm_start: bool
    callbacks: Any
    net_params: dict[str, Any] | None
    device: Any
    precision: str
    compile: bool
    n_jobs: int | None
    verbose: int
    random_state: Any
    checkpoint: str | os.PathLike[str] | None
    classes_: np.ndarray
    net_: PatchNet
    _patch_shape: tuple[int, ...]
    _gate_is_chosen: bool

    _parameter_constraints: dict[str, list[Any]] = {
        "network": [callable],
        "network_params": [dict, None],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        network: Callable[..., nn.Module],
        network_params: dict[str, Any] | None = None,
        *,
        shortcut: bool = False,
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PatchNetClassifier:
        """Train a network from scratch, or from the present weights with `warm_start`.

        Parameters
        ----------
        X : PatchSamples, array (n, bands, size, size), PixelSamples or array (n, bands)
            Patches, or spectra that count as patches of 1 x 1 pixels.
        y : array of shape (n,)
            Class labels, integers or strings.
        sample_weight : array of shape (n,), default=None
            Weight of each pixel in the loss, scaled to a mean of 1.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            For a parameter out of its range, a device that is not there, NaN or infinity in
            X, fewer than two classes, no pixels to hold out for early stopping or for the gate
            of the shortcut, weights of zero for all that train or in every fold for that gate, a
            loss that becomes NaN, or a `checkpoint` that is of another fit or damaged.
        BlockingIOError
            When another fit uses the folder `checkpoint`.
        RuntimeError
            When the step size of an adaptive solver underflows.
        KeyboardInterrupt
            On Ctrl-C before an epoch has ended, or while the regression of a shortcut is fitted;
            otherwise Ctrl-C ends the training with a warning, and the estimator is fitted.

        Warns
        -----
        UserWarning
            When ``validation="blocks"`` finds too little ground, and draws pixels instead.
        """
        with self._as_before_on_error():
            self._fit(X, y, sample_weight)
        return self

    @with_callbacks
    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        self._validate_params()
        device = resolve_device(self.device)
        tasks = fit_context(self, self.max_epochs)
        previous = getattr(self, "net_", None) if self.warm_start else None
        X = check_patches(self, X, None if previous is None else self._patch_shape)
        y = check_labels(self, X, y)
        classes, codes = check_classes(y)
        weights = training_weights(codes, classes, sample_weight, self.class_weight)
        pixels = TrainingPixels(X, codes, classes, weights)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        about = {"estimator": self, "X": X, "y": y, "metadata": metadata}
        with ExitStack() as stack:
            folder = stack.enter_context(checkpoint_folder(self.checkpoint))
            rng, training, validation, folds = self._drawn(pixels, y, device, previous, folder)
            stack.enter_context(cpu_threads(self.n_jobs))
            stack.enter_context(reproducible(rng.randint(2**31), device))
            trainings = Trainings(self, pixels, device, rng, folder)
            net, data = trainings.prepared(training, previous)
            callbacks = []
            if self.early_stopping:
                net.train_split = predefined_split(data.subset(validation))
                callbacks.append(early_stopping_callback(self.n_iter_no_change))
            callbacks += users_callbacks(self)
            fitted = {"classes_": classes, "net_": net, "_patch_shape": X.shape[2:]}
            if tasks is not None:
                tasks.call_on_fit_task_begin(**about)
                about["reconstruction_attributes"] = fitted
                callbacks.append(FitTasks(tasks, about))
            try:
                title = type(self).__name__
                trainings.train(net, data.subset(training), self.max_epochs, title, *callbacks)
                if self.shortcut:
                    trainings.fit_shortcut(net, folds, self._gate_of(previous))
            finally:
                if device.type == "cuda":
                    torch.cuda.empty_cache()  # for other processes that train on this GPU
            if folder is not None and not net.interrupted_:
                folder.remove()
        net.train_split = None  # a fitted estimator holds no pixels
        fitted["_gate_is_chosen"] = self.gate == "auto" and not net.interrupted_
        if previous is not None:
            net.prepend_history(previous.history)
        self.__dict__.update(fitted)
        if tasks is not None:
            tasks.call_on_fit_task_end(**about)

    def _gate_of(self, previous: PatchNet | None) -> float | str:
        """The gate, which `warm_start` keeps once it is chosen."""
        is_chosen = previous is not None and self.gate == "auto" and self._gate_is_chosen
        return self.gate_ if is_chosen else self.gate

    def _drawn(
        self,
        pixels: TrainingPixels,
        y: np.ndarray,
        device: torch.device,
        previous: PatchNet | None,
        folder: CheckpointFolder | None,
    ) -> tuple[np.random.RandomState, np.ndarray, np.ndarray, list[Rows]]:
        """The random state of a fit, the rows that train and validate, and the gate's folds."""
        random_state, settings = self.random_state, {}
        if folder is not None:
            settings = parameters_that_count(self, device)
            if random_state is None:
                random_state = folder.seed
        rng = new_random_state(random_state, previous)
        training, validation = pixels.rows, np.arange(0)
        if self.early_stopping:
            # What an earlier fit has held out, this one does not train on either.
            drawn = rng if previous is None else new_random_state(random_state, None)
            training, validation = held_out(
                pixels.X,
                y,
                validation=self.validation,
                fraction=self.validation_fraction,
                rng=drawn,
            )
        check_weights(pixels.weights, training)
        folds: list[Rows] = []
        if self.shortcut and self._gate_of(previous) == "auto":
            # A copy of rng, so that the network trains as it does without a shortcut.
            folds = cross_fitting_folds(
                pixels.X, y, pixels.weights, validation=self.validation, rng=deepcopy(rng)
            )
        if folder is not None:
            rows = [training, validation, *(part for fold in folds for part in fold)]
            folder.agree(settings | data_that_count(pixels, rows, previous))
        return rng, training, validation, folds

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> PatchNetClassifier:
        """Train one epoch on these pixels, going on from all earlier calls.

        The first call fixes the classes and the standardisation. The learning rate stays
        `lr`, and early stopping does not apply. The network alone is trained: the linear map of
        a `shortcut` and its gate stay those of the last :meth:`fit`, and without one the network
        predicts alone. The optimiser's state does not go into a
        pickle, so a loaded estimator goes on with a fresh one.

        Parameters
        ----------
        X : PatchSamples, array (n, bands, size, size), PixelSamples or array (n, bands)
            Patches, or spectra that count as patches of 1 x 1 pixels.
        y : array of shape (n,)
            Class labels.
        classes : array of shape (n_classes,), default=None
            Every class that will ever come; needed in the first call.
        sample_weight : array of shape (n,), default=None
            Weight of each pixel in the loss, taken as it is.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            As in :meth:`fit`; also for a label that is not among the classes, or a network
            whose parameters have changed since the first call.
        """
        with self._as_before_on_error():
            self._partial_fit(X, y, classes, sample_weight)
        return self

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> None:
        self._validate_params()
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs to see all pixels, which partial_fit"
                " does not: pass the weights as a dict, or as sample_weight."
            )
        device = resolve_device(self.device)
        first = not hasattr(self, "net_")
        X = check_patches(self, X, None if first else self._patch_shape)
        y = check_labels(self, X, y)
        if isinstance(classes, torch.Tensor):
            classes = classes.numpy(force=True)
        with naming("classes", OF_ARRAYS):
            _check_partial_fit_first_call(self, classes)
        check_classes(self.classes_)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y holds labels that are not among classes: {unknown.tolist()}.")
        codes = np.searchsorted(self.classes_, y)
        weights = training_weights(codes, self.classes_, sample_weight, self.class_weight)
        rng = new_random_state(self.random_state, None if first else self.net_)
        with cpu_threads(self.n_jobs), reproducible(rng.randint(2**31), device):
            if first:
                net = self._new_net(X, self.classes_, device, len(X))
            else:
                net = present_net(self, self._module_arguments(X, self.classes_), len(X))
            if first and self.standardize:
                standardize(net, X, np.arange(len(y)))
            data = patch_dataset(net, X, codes, weights, learning=True)
            train_epochs(self, net, data, 1, [EpochRecorder(), *users_callbacks(self)], rng)
        if first:
            self._gate_is_chosen = False
        self.net_, self._patch_shape = net, X.shape[2:]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : PatchSamples, array (n, bands, size, size), PixelSamples or array (n, bands)
            As in :meth:`fit`, with as many bands and patches of the same size.

        Returns
        -------
        probabilities : array of shape (n, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        X = check_patches(self, X, self._patch_shape)
        nothing = np.zeros(len(X), dtype=int)
        with cpu_threads(self.n_jobs):
            dataset = patch_dataset(self.net_, X, nothing, nothing, learning=False)
            return self.net_.predict_proba(dataset)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of the probability of each class.

        Parameters
        ----------
        X : PatchSamples, array (n, bands, size, size), PixelSamples or array (n, bands)
            As in :meth:`fit`, with as many bands and patches of the same size.

        Returns
        -------
        log_probabilities : array of shape (n, n_classes)
            In the order of `classes_`; minus infinity where a probability is zero.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """Most probable class.

        Parameters
        ----------
        X : PatchSamples, array (n, bands, size, size), PixelSamples or array (n, bands)
            As in :meth:`fit`, with as many bands and patches of the same size.

        Returns
        -------
        y : array of shape (n,)
            Labels as they were in :meth:`fit`.
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @property
    def n_parameters_(self) -> int:
        """Number of trainable parameters of the network, and of those of its shortcut."""
        module = self.net_.plain_module_
        linear = [module.coef, module.intercept] if module.shortcut else []
        trained = [weight for weight in module.parameters() if weight.requires_grad]
        return sum(weight.numel() for weight in [*trained, *linear])

    @property
    def gate_(self) -> float:
        """Share of the network beside its shortcut: 0 for the linear map alone, 1 without it."""
        module = self.net_.plain_module_
        return float(module.gate) if module.shortcut else 1.0

    @property
    def n_iter_(self) -> int:
        """Number of epochs of all trainings so far."""
        return len(self.net_.history)

    @property
    def history_(self) -> list[dict[str, float]]:
        """One dict per epoch: loss, validation score, seconds and so on."""
        return [
            {name: np.asarray(epoch[key]).item() for name, key in HISTORY.items() if key in epoch}
            for epoch in self.net_.history
        ]

    @classmethod
    def _has_own_network(cls) -> bool:
        """Whether the class says which network it is, which then nobody can change."""
        return isinstance(vars(cls).get("network"), property)

    def _module_arguments(self, X: Any, classes: np.ndarray) -> dict[str, Any]:
        return {
            "n_bands": X.shape[1],
            "n_classes": len(classes),
            "dtype": PRECISIONS[self.precision],
            "network_params": self._network_arguments(X.shape[2]),
            "shortcut": self.shortcut,
        }

    def _network_arguments(self, patch_size: int) -> dict[str, Any]:
        """Arguments of the network beside bands and classes."""
        return dict(self.network_params or {})

    def _new_net(
        self, X: Any, classes: np.ndarray, device: torch.device, n_pixels: int
    ) -> PatchNet:
        module, settings = (
            self._module_arguments(X, classes),
            net_parameters(self, device, n_pixels),
        )
        with naming("network, network_params, net_params"):
            return PatchNet.of(
                self.network, module, patch_size=X.shape[2], device=device, **settings
            )

    @contextmanager
    def _as_before_on_error(self) -> Iterator[None]:
        """Leave an earlier fit as it was when this one fails."""
        before = self.__dict__.copy()
        state = self.net_.snapshot() if self.__sklearn_is_fitted__() else None
        try:
            yield
        except BaseException:
            self.__dict__ = before
            if state is not None:
                self.net_.restore(state)
            raise

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles, which are trusted, keep everything.
        return unpickled, (type(self), self._everything())

    def __getstate__(self) -> dict[str, Any]:
        # Model files, which may come from a stranger, keep what can be checked.
        return saved_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)

    def _everything(self) -> dict[str, Any]:
        # Weights as plain arrays: they load without the device, the scene and the callbacks.
        state = dict(super().__getstate__())
        if "net_" in state:
            network = state["net_"].module__network
            state["net_"] = state["net_"].as_arrays()
            if not self._has_own_network():  # it may have been set anew since the fit
                state["net_"]["network"] = network
        return state

    def _take_everything(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "net_" in state:
            saved, device = state["net_"], device_or_cpu(self.device)
            network = self.network if self._has_own_network() else saved["network"]
            with reproducible(0, device):  # a new network draws weights before it takes these
                self.net_ = PatchNet.of(network, device=device, **saved["made_with"])
            self.net_.load_arrays(saved["weights"], saved["history"])


def unpickled(cls: type[PatchNetClassifier], state: dict[str, Any]) -> PatchNetClassifier:
    """Return a classifier from its pickle."""
    estimator = cls.__new__(cls)
    estimator._take_everything(state)
    return estimator
