"""The state of a classifier in a model file, which may come from a stranger."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from sklearn_hsiode.classifiers._checks import check_classes
from sklearn_hsiode.classifiers._devices import device_or_cpu, reproducible
from sklearn_hsiode.classifiers._module import StandardizedNetwork

FITTED = {
    *("classes_", "n_features_in_", "_gate_is_chosen", "_patch_shape", "net_"),
    *("feature_names_in_", "wavelengths_in_", "dropped_bands_in_"),
}
# What the machine that trains or predicts decides, rather than the one that a file comes from.
OFF = {"checkpoint": None, "compile": False, "n_jobs": None}
# Of net_params, these alone: they are numbers of the optimiser, with which training goes on. All
# others name functions to call and processes to start, or concern one machine.
NET_PARAMS: dict[str, list[Any]] = {
    "optimizer__amsgrad": ["boolean"],
    "optimizer__dampening": [Interval(Real, 0, 1, closed="both")],
    "optimizer__eps": [Interval(Real, 0, 1, closed="neither")],
    "optimizer__momentum": [Interval(Real, 0, 1, closed="left")],
    "optimizer__nesterov": ["boolean"],
}
# Arguments of a net that change neither its weights nor what it predicts, or do not any more.
OF_TRAINING = (
    *("batch_size", "callbacks__", "compile", "iterator_train", "iterator_valid__batch_size"),
    *("iterator_valid__num_workers", "iterator_valid__persistent_workers"),
    *("iterator_valid__pin_memory", "iterator_valid__prefetch_factor", "lr", "mixup"),
    *("optimizer", "torch_load_kwargs", "use_caching", "verbose"),
)
# Above these an honest model would take ages, or memory that nobody has.
LIMITS = {
    "atol": (1e-15, np.inf),
    "batch_size": (1, 2**20),
    "max_epochs": (1, 2**20),
    "n_blocks": (0, 1000),
    "n_iter_no_change": (1, 2**20),
    "n_steps": (1, 1000),
    "rtol": (1e-15, np.inf),
}
LARGEST_PATCH = 2**12
NUMBERS = (bool, int, float, np.number, np.bool_)


def saved_state(estimator: Any) -> dict[str, Any]:
    """Return what a model file holds of a classifier: parameters, classes, weights, history.

    Parameters
    ----------
    estimator : PatchNetClassifier
        Fitted or not.

    Returns
    -------
    state : dict
        Its parameters but for those in `OFF`, `net_params` reduced to `NET_PARAMS`, and what a
        fit has found.

    Raises
    ------
    ValueError
        When the net cannot be made again from the parameters, or :func:`restore` would refuse
        the state.
    """
    names = set(estimator._get_param_names()) - set(OFF)
    if hasattr(estimator, "net_"):
        names |= FITTED
    state = {name: value for name, value in vars(estimator).items() if name in names}
    if isinstance(state["device"], torch.device):
        state["device"] = str(state["device"])
    given = (state["net_params"] or {}).items()
    state["net_params"] = {name: value for name, value in given if name in NET_PARAMS} or None
    if "net_" in state:
        _check_unchanged(estimator)
        arrays = state["net_"].as_arrays()
        history = [
            {name: value for name, value in epoch.items() if isinstance(value, NUMBERS)}
            for epoch in arrays["history"]
        ]
        state["net_"] = {"weights": arrays["weights"], "history": history}
    # Callbacks are left to those who look for types that are not trusted.
    _set_checked(object.__new__(type(estimator)), state | {"callbacks": None})
    return state


def restore(estimator: Any, state: Any) -> None:
    """Give a new classifier the state that a model file holds.

    Its network is made from its own parameters, after all of the state has been checked: what a
    file holds beside them is numbers alone.

    Parameters
    ----------
    estimator : PatchNetClassifier
        Without any attributes.
    state : dict
        As :func:`saved_state` returns it, or what somebody else has made of it.

    Raises
    ------
    ValueError
        When the parameters are not valid, or do not agree with bands, classes and weights.
    """
    _set_checked(estimator, state)
    if "net_" in state:
        device, size = device_or_cpu(estimator.device), estimator._patch_shape
        patches = np.broadcast_to(np.float32(0), (1, estimator.n_features_in_, *size))
        with reproducible(0, device):  # a new network draws weights before it takes these
            net = estimator._new_net(patches, estimator.classes_, device, len(patches))
        net.load_arrays(**state["net_"])
        estimator.net_ = net


def _check_unchanged(estimator: Any) -> None:
    """Refuse a fitted estimator whose net is not the one that its parameters would make."""
    net = estimator.net_
    expected = _predicting_arguments(estimator)
    made = {name: v for name, v in net.made_with_.items() if not name.startswith(OF_TRAINING)}
    strange = sorted(set(made) - set(expected))
    if strange:
        raise ValueError(
            f"net_params has set {', '.join(strange)}, which a model file cannot keep and the"
            " predictions may depend on: pickle the estimator for your own use."
        )
    same = net.module__network is estimator.network
    if not same or joblib.hash(made) != joblib.hash(expected):
        raise ValueError(
            f"The parameters of {type(estimator).__name__} have been changed since its fit, and a"
            " model file makes the network from them: set them back, or fit it again."
        )


def _predicting_arguments(estimator: Any) -> dict[str, Any]:
    """Arguments of a net that its predictions depend on, from the estimator's parameters."""
    size = estimator._patch_shape
    patches = np.broadcast_to(np.float32(0), (1, estimator.n_features_in_, *size))
    return {
        "module": estimator._module_arguments(patches, estimator.classes_),
        "patch_size": size[0],
        "autocast": estimator.precision == "bfloat16",
    }


def _set_checked(estimator: Any, state: Any) -> None:
    """Set all attributes but `net_`, which is checked."""
    if not isinstance(state, dict):
        raise ValueError("The state of a classifier must be a dict.")
    parameters = set(estimator._get_param_names())
    fitted = FITTED if "net_" in state else set()
    wrong = (set(state) ^ (parameters - set(OFF))) - fitted
    if wrong:
        raise ValueError(
            f"A {type(estimator).__name__} has parameters that are not there, or should not be:"
            f" {', '.join(sorted(map(repr, wrong)))}."
        )
    vars(estimator).update(OFF | {name: state[name] for name in state if name != "net_"})
    estimator._validate_params()
    if estimator.callbacks:
        raise ValueError("callbacks must be None in a model file.")
    net_params = estimator.net_params or {}
    unknown = sorted(map(repr, set(net_params) - set(NET_PARAMS)))
    if unknown:
        raise ValueError(f"net_params must not hold {', '.join(unknown)} in a model file.")
    validate_parameter_constraints(NET_PARAMS, net_params, "net_params")
    for name, (low, high) in LIMITS.items():
        value: Any = state.get(name)
        if isinstance(value, Real) and not low <= float(value) <= high:
            raise ValueError(f"{name}={value!r} must lie between {low:g} and {high:g} in a file.")
    if fitted:
        _check_fitted(estimator, state["net_"])


def _check_fitted(estimator: Any, net: Any) -> None:
    """Check classes, bands, patch size, weights and history against each other."""
    values = vars(estimator)
    classes, n_bands = values.get("classes_"), values.get("n_features_in_")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        raise ValueError("classes_ must be an array of one dimension.")
    if not np.array_equal(check_classes(classes)[0], classes):
        raise ValueError("classes_ must be sorted, each class once.")
    if not isinstance(n_bands, Integral) or n_bands < 1:
        raise ValueError(f"n_features_in_ must be a positive integer, got {n_bands!r}.")
    shape = values.get("_patch_shape")
    sizes = shape if isinstance(shape, tuple) else ()
    if len(sizes) != 2 or len({(type(size), size) for size in sizes}) != 1:
        raise ValueError(f"_patch_shape must be two equal integers, got {shape!r}.")
    if type(sizes[0]) is not int or not 1 <= sizes[0] <= LARGEST_PATCH:
        raise ValueError(f"_patch_shape must be from 1 to {LARGEST_PATCH}, got {shape!r}.")
    if type(values.get("_gate_is_chosen")) is not bool:
        raise ValueError("_gate_is_chosen must be True or False.")
    for name in ("feature_names_in_", "wavelengths_in_"):
        if name in values and np.shape(values[name]) != (n_bands,):
            raise ValueError(f"{name} must have one entry for each of {n_bands} bands.")
    wavelengths = values.get("wavelengths_in_", np.zeros(0))
    if not isinstance(wavelengths, np.ndarray) or wavelengths.dtype.kind not in "fiu":
        raise ValueError("wavelengths_in_ must be an array of numbers.")
    if not np.isfinite(wavelengths).all():
        raise ValueError("wavelengths_in_ must be finite.")
    if not isinstance(net, dict) or set(net) != {"weights", "history"}:
        raise ValueError("net_ must hold weights and history.")
    _check_history(net["history"])
    _check_weights(estimator, net["weights"])


def _check_history(history: Any) -> None:
    if not isinstance(history, list) or not history:
        raise ValueError("history must be a list with a dict for each epoch.")
    for epoch in history:
        if not isinstance(epoch, dict) or "epoch" not in epoch:
            raise ValueError("history must be a list with a dict for each epoch.")
        for name, value in epoch.items():
            if not isinstance(name, str) or not isinstance(value, NUMBERS):
                raise ValueError(f"history must hold numbers, got {name!r}: {value!r}.")


def _check_weights(estimator: Any, weights: Any) -> None:
    """Compare the weights with those of the network that the parameters make."""
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(weight, np.ndarray) and weight.dtype.kind in "fiub"
        for name, weight in weights.items()
    ):
        raise ValueError("weights must be a dict of arrays of numbers.")
    if estimator._has_own_network():
        # Without any memory for weights: the parameters may ask for more than there is.
        with torch.device("meta"):
            arguments = _predicting_arguments(estimator)["module"]
            made = StandardizedNetwork(estimator.network, **arguments).state_dict()
            if getattr(weights.get("mean"), "dtype", None) == np.float64:
                made |= {name: made[name].double() for name in ("mean", "scale")}
        expected = {name: f"{tuple(w.shape)} of {w.dtype}" for name, w in made.items()}
        found = {name: f"{w.shape} of torch.{w.dtype}" for name, w in weights.items()}
        for name in sorted(set(expected) | set(found)):
            if found.get(name) != expected.get(name):
                raise ValueError(
                    f"The weights {name} are {found.get(name, 'not there')}, but the parameters,"
                    f" bands and classes need {expected.get(name, 'none')}."
                )
    for name, weight in weights.items():
        if not np.isfinite(weight).all():
            raise ValueError(f"The weights {name} must be finite.")
    if not (weights.get("scale", np.ones(1)) > 0).all():
        raise ValueError("The weights scale must be positive.")
    gate = weights.get("gate", np.ones(1))
    if not ((gate >= 0) & (gate <= 1)).all():
        raise ValueError("The weights gate must lie between 0 and 1.")
