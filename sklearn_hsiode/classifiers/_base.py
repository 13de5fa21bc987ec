"""What ODENetClassifier and ResNetClassifier share: everything but the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import check_is_fitted
from skorch.helper import predefined_split
from torch import nn

from sklearn_hsiode.classifiers._batches import PatchDataset, fitted_scaler
from sklearn_hsiode.classifiers._callbacks import (
    SCHEDULES,
    EpochBar,
    EpochRecorder,
    early_stopping_callback,
    schedule_callback,
)
from sklearn_hsiode.classifiers._checks import (
    check_classes,
    check_labels,
    check_patches,
    training_weights,
    validation_rows,
)
from sklearn_hsiode.classifiers._devices import (
    cpu_threads,
    device_or_cpu,
    reproducible,
    resolve_device,
)
from sklearn_hsiode.classifiers._net import PatchNet, prediction_batch

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}
# Type of the weights; bfloat16 is for the operations that autocast chooses.
PRECISIONS = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
# What net_params may not set, because parameters of the estimators do.
OWN_PARAMETERS = {
    "batch_size",
    "callbacks",
    "classes",
    "compile",
    "device",
    "lr",
    "max_epochs",
    "module",
    "optimizer",
    "train_split",
    "verbose",
    "warm_start",
}
HISTORY = {
    "epoch": "epoch",
    "loss": "train_loss",
    "validation_loss": "valid_loss",
    "validation_score": "valid_acc",
    "n_function_evaluations": "n_function_evaluations",
    "lr": "lr",
    "seconds": "dur",
}


class PatchClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers: a scikit-learn estimator that holds a skorch net."""

    _network: ClassVar[type[nn.Module]]
    _network_parameters: ClassVar[tuple[str, ...]]

    classes_: np.ndarray
    net_: PatchNet
    _patch_shape: tuple[int, ...]

    _parameter_constraints: dict[str, list[Any]] = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions(set(SCHEDULES)), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "augment": ["boolean"],
        "standardize": ["boolean"],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "net_params": [dict, None],
        "device": [str, torch.device],
        "precision": [StrOptions(set(PRECISIONS))],
        "compile": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_filters: int,
        optimizer: Any,
        lr: float,
        lr_schedule: Any,
        weight_decay: float,
        max_epochs: int,
        batch_size: int,
        augment: bool,
        standardize: bool,
        class_weight: Any,
        early_stopping: bool,
        validation_fraction: float,
        n_iter_no_change: int,
        warm_start: bool,
        callbacks: Any,
        net_params: dict[str, Any] | None,
        device: str | torch.device,
        precision: str,
        compile: bool,
        n_jobs: int | None,
        verbose: int,
        random_state: Any,
    ) -> None:
        self.n_filters = n_filters
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.augment = augment
        self.standardize = standardize
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PatchClassifier:
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
            X, fewer than two classes, or a loss that becomes NaN.
        RuntimeError
            When the step size of an adaptive solver underflows.
        KeyboardInterrupt
            On Ctrl-C before an epoch has ended; after that, Ctrl-C ends the fit with a
            warning, and the estimator is fitted.
        """
        with self._as_before_on_error():
            self._fit(X, y, sample_weight)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        self._validate_params()
        device = resolve_device(self.device)
        previous = getattr(self, "net_", None) if self.warm_start else None
        X = check_patches(self, X, None if previous is None else self._patch_shape)
        y = check_labels(self, X, y)
        classes, codes = check_classes(y)
        weights = training_weights(codes, classes, sample_weight, self.class_weight)
        if not weights.sum() > 0:
            raise ValueError("sample_weight times class_weight is zero for every pixel.")
        weights /= weights.mean()
        rng = _random_state(self.random_state, previous)
        validation, training = np.arange(0), np.arange(len(codes))
        if self.early_stopping:
            validation = validation_rows(codes, self.validation_fraction, rng)
            training = np.setdiff1d(training, validation)
        with cpu_threads(self.n_jobs), reproducible(rng.randint(2**31), device):
            net = self._new_net(X, classes, device)
            if previous is not None:
                self._go_on_from(previous, net, classes)
            elif self.standardize:
                _standardize(net, X, training)
            data = PatchDataset.of(X, codes, weights, device, net.dtype)
            data = net.sharing(data, learning=True)
            if len(validation):
                net.train_split = predefined_split(data.subset(validation))
            dataset = data.subset(training, self._augmenter(rng))
            try:
                callbacks = self._callbacks()
                net.train_epochs(dataset, self.max_epochs, callbacks, seed=rng.randint(2**31))
            finally:
                if device.type == "cuda":
                    torch.cuda.empty_cache()  # for other processes that train on this GPU
        net.train_split = None  # a fitted estimator holds no pixels
        if previous is not None:
            net.prepend_history(previous.history)
        self.classes_, self.net_, self._patch_shape = classes, net, X.shape[2:]

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> PatchClassifier:
        """Train one epoch on these pixels, going on from all earlier calls.

        The first call fixes the classes and the standardisation. The learning rate stays
        `lr`, and early stopping does not apply. The optimiser's state does not go into a
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
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs to see all pixels, which partial_fit does not: pass"
                " the weights as a dict, or as sample_weight."
            )
        device = resolve_device(self.device)
        first = not hasattr(self, "net_")
        X = check_patches(self, X, None if first else self._patch_shape)
        y = check_labels(self, X, y)
        _check_partial_fit_first_call(self, classes)
        check_classes(self.classes_)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y holds labels that are not among classes: {unknown.tolist()}.")
        codes = np.searchsorted(self.classes_, y)
        weights = training_weights(codes, self.classes_, sample_weight, self.class_weight)
        rng = _random_state(self.random_state, None if first else self.net_)
        with cpu_threads(self.n_jobs), reproducible(rng.randint(2**31), device):
            net = self._new_net(X, self.classes_, device) if first else self._present_net(X)
            if first and self.standardize:
                _standardize(net, X, np.arange(len(y)))
            data = PatchDataset.of(X, codes, weights, torch.device(net.device), net.dtype)
            data = net.sharing(data, learning=True)
            dataset = data.subset(data.rows, self._augmenter(rng))
            callbacks = [EpochRecorder(), *self._users()]
            net.train_epochs(dataset, 1, callbacks, seed=rng.randint(2**31))
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
        device = torch.device(self.net_.device)
        dataset = PatchDataset.of(X, nothing, nothing, device, self.net_.dtype)
        with cpu_threads(self.n_jobs):
            return self.net_.predict_proba(self.net_.sharing(dataset, learning=False))

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
        """Number of trainable parameters of the network."""
        return sum(weight.numel() for weight in self.net_.plain_module_.parameters())

    @property
    def history_(self) -> list[dict[str, float]]:
        """One dict per epoch: loss, validation score, seconds and so on."""
        return [
            {name: np.asarray(epoch[key]).item() for name, key in HISTORY.items() if key in epoch}
            for epoch in self.net_.history
        ]

    def _module_arguments(self, X: Any, classes: np.ndarray) -> dict[str, Any]:
        return {
            "n_bands": X.shape[1],
            "n_classes": len(classes),
            "dtype": PRECISIONS[self.precision],
            "n_filters": self.n_filters,
            **{name: getattr(self, name) for name in self._network_parameters},
        }

    def _new_net(self, X: Any, classes: np.ndarray, device: torch.device) -> PatchNet:
        owned = sorted(set(self.net_params or {}) & OWN_PARAMETERS)
        if owned:
            raise ValueError(
                f"net_params must not hold {', '.join(owned)}: {type(self).__name__} sets them from"
                " its own parameters."
            )
        on_cuda = device.type == "cuda"
        if self.precision == "bfloat16" and on_cuda and not torch.cuda.is_bf16_supported():
            raise ValueError(
                f"precision='bfloat16' is not for {torch.cuda.get_device_name(device)}, which"
                " cannot compute in it: use precision='float32'."
            )
        optimizer, options = OPTIMIZERS.get(self.optimizer, (self.optimizer, {}))
        if not issubclass(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"optimizer must be one of {sorted(OPTIMIZERS)} or a class of torch.optim, got"
                f" {optimizer!r}."
            )
        if "weight_decay" in signature(optimizer).parameters:
            options = {"weight_decay": self.weight_decay, **options}
        parameters = {
            "optimizer": optimizer,
            **{f"optimizer__{name}": value for name, value in options.items()},
            "lr": self.lr,
            "batch_size": self.batch_size,
            "autocast": self.precision == "bfloat16",
            "compile": self.compile,
            "iterator_valid__batch_size": prediction_batch(X.shape[2], self.n_filters, device),
            "verbose": max(self.verbose - 1, 0),
            **(self.net_params or {}),
        }
        return PatchNet.of(self._network, self._module_arguments(X, classes), device, **parameters)

    def _present_net(self, X: Any) -> PatchNet:
        """The net for a later call of partial_fit, with the present settings of training."""
        net = self.net_
        if net.made_with_["module"] != self._module_arguments(X, self.classes_):
            raise ValueError(
                "partial_fit goes on with the network of the first call, but its parameters have"
                " changed since: fit a clone of the estimator to begin anew."
            )
        net.batch_size, net.lr = self.batch_size, self.lr
        for group in net.optimizer_.param_groups:
            group["lr"] = self.lr  # a schedule of fit has brought it down
            if "weight_decay" in group:
                group["weight_decay"] = self.weight_decay
        return net

    def _go_on_from(self, previous: PatchNet, net: PatchNet, classes: np.ndarray) -> None:
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True needs the classes of the earlier fit, {self.classes_.tolist()},"
                f" but y holds {classes.tolist()}: set warm_start=False to begin anew."
            )
        try:
            net.plain_module_.load_state_dict(previous.plain_module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True needs the network of the earlier fit, but its parameters have"
                " changed since: set warm_start=False to begin anew."
            ) from error

    def _callbacks(self) -> list[Any]:
        callbacks: list[Any] = [EpochRecorder()]
        if self.lr_schedule != "constant":
            callbacks.append(schedule_callback(self.lr_schedule, self.max_epochs))
        if self.verbose == 1:
            callbacks.append(EpochBar(self.max_epochs, type(self).__name__))
        if self.early_stopping:
            callbacks.append(early_stopping_callback(self.n_iter_no_change))
        return callbacks + self._users()

    def _users(self) -> list[Any]:
        """Copies of the user's callbacks, since skorch writes state into them."""
        return list(clone(list(self.callbacks or []), safe=False))

    def _augmenter(self, rng: np.random.RandomState) -> torch.Generator | None:
        return torch.Generator().manual_seed(rng.randint(2**31)) if self.augment else None

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

    def __getstate__(self) -> dict[str, Any]:
        # Weights as plain arrays: they load without the device, the scene and the callbacks.
        state = dict(super().__getstate__())
        if "net_" in state:
            state["net_"] = state["net_"].as_arrays()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "net_" in state:
            saved, device = state["net_"], device_or_cpu(self.device)
            with reproducible(0, device):  # a new network draws weights before it takes these
                self.net_ = PatchNet.of(self._network, device=device, **saved["made_with"])
            self.net_.load_arrays(saved["weights"], saved["history"])


def _standardize(net: PatchNet, X: Any, rows: np.ndarray) -> None:
    scaler = fitted_scaler(X, rows)
    net.plain_module_.standardize(scaler.mean_, scaler.scale_)


def _random_state(random_state: Any, earlier: PatchNet | None) -> np.random.RandomState:
    """As sklearn.utils.check_random_state, but None never touches NumPy's global state.

    A training that goes on from an earlier one draws other numbers than that one did.
    """
    if random_state is None:
        return np.random.RandomState()
    rng = check_random_state(random_state)
    if earlier is None:
        return rng
    return np.random.RandomState([rng.randint(2**31), len(earlier.history)])
