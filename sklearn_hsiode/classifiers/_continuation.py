"""Trainings that go on from earlier ones: by `warm_start`, and by later calls of `partial_fit`."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np

from sklearn_hsiode.classifiers._net import PatchNet
from sklearn_hsiode.classifiers._setup import batch_size


def take_over(estimator: Any, previous: PatchNet, net: PatchNet, classes: np.ndarray) -> None:
    """Give a new net the weights of the earlier fit, for `warm_start`.

    Parameters
    ----------
    estimator : PatchNetClassifier
        With the `classes_` of the earlier fit.
    previous, net : PatchNet
        The net of the earlier fit, and the new one.
    classes : array of shape (n_classes,)
        Those of the new fit.

    Raises
    ------
    ValueError
        When the classes are others, or the network is.
    """
    if not np.array_equal(classes, estimator.classes_):
        raise ValueError(
            "warm_start=True needs the classes of the earlier fit,"
            f" {estimator.classes_.tolist()}, but y holds {classes.tolist()}: set"
            " warm_start=False to begin anew."
        )
    module = net.plain_module_
    try:
        module.load_state_dict(previous.plain_module_.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "warm_start=True needs the network of the earlier fit, but its parameters have"
            " changed since: set warm_start=False to begin anew."
        ) from error
    if module.shortcut:
        module.gate.fill_(1)  # early stopping looks at the network alone


def present_net(estimator: Any, arguments: dict[str, Any], n_pixels: int) -> PatchNet:
    """Return the net of an estimator with its present settings of training, for `partial_fit`.

    Parameters
    ----------
    estimator : PatchNetClassifier
        Fitted.
    arguments : dict
        What its module is made with at present.
    n_pixels : int
        Pixels to train on.

    Raises
    ------
    ValueError
        When the network is another one.
    """
    net = estimator.net_
    same = joblib.hash(net.made_with_["module"]) == joblib.hash(arguments)
    if not same or net.module__network is not estimator.network:
        raise ValueError(
            "partial_fit goes on with the network of the first call, but its parameters have"
            " changed since: fit a clone of the estimator to begin anew."
        )
    net.batch_size = batch_size(estimator, n_pixels)
    net.lr, net.mixup = estimator.lr, estimator.mixup
    for group in net.optimizer_.param_groups:
        group["lr"] = estimator.lr  # a schedule of fit has brought it down
        if "weight_decay" in group:
            group["weight_decay"] = estimator.weight_decay
    return net
