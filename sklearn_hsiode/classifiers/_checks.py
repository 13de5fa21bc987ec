"""Checks of what users pass to the classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    column_or_1d,
)

from sklearn_hsiode._arguments import OF_ARRAYS, naming
from sklearn_hsiode._bands import check_bands, checked_array
from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode._pixels import PixelSamples, check_finite
from sklearn_hsiode._validation import as_array

# Of Cui et al.: a class of 300 pixels, three times 1 / (1 - 0.99), weighs as much as any larger.
SEEN_ENOUGH = 0.99


def check_patches(
    estimator: BaseEstimator, X: Any, fitted_shape: tuple[int, ...] | None = None
) -> PatchSamples | np.ndarray:
    """Return X as PatchSamples or as a finite array (n, bands, size, size).

    Bands, and the size of the patches where `fitted_shape` gives it, must agree with those of
    an earlier fit; without it they are noted for later.
    """
    reset = fitted_shape is None
    if isinstance(X, PixelSamples):
        X = PatchSamples(X, patch_size=1)
    if isinstance(X, PatchSamples):
        check_bands(estimator, X.pixels, reset=reset)
        check_finite(X.pixels, X.patch_size)
    else:
        with naming("X", OF_ARRAYS):
            if isinstance(X, torch.Tensor):
                X = X.numpy(force=True)
            X = checked_array(estimator, X, reset=reset, allow_nd=True)
        if X.ndim == 2:
            X = X[:, :, np.newaxis, np.newaxis]
        if X.ndim != 4 or X.shape[2] != X.shape[3]:
            raise ValueError(
                "X must be PatchSamples, an array of patches (n, bands, size, size), or spectra"
                f" (n, bands); got an array of shape {X.shape}."
            )
    if not len(X):
        raise ValueError("X has 0 samples, while a minimum of 1 is required.")
    if fitted_shape is not None and X.shape[2:] != fitted_shape:
        raise ValueError(
            f"X has patches of {X.shape[2]} x {X.shape[3]} pixels, but"
            f" {type(estimator).__name__} was fitted on patches of {fitted_shape[0]} x"
            f" {fitted_shape[1]}."
        )
    return X


def check_labels(estimator: BaseEstimator, X: Any, y: Any) -> np.ndarray:
    """Return y as a one-dimensional array of class labels, one per sample of X."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    with naming("y", OF_ARRAYS):
        if isinstance(y, torch.Tensor):
            y = y.numpy(force=True)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
    with naming("X, y", OF_ARRAYS):
        check_consistent_length(X, y)
    return y


def check_classes(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted classes of y, two at least, and the code of each label."""
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError("y mixes labels of different types: use integers or strings.") from error
    if len(classes) < 2:
        found = f"one class only ({classes[0]})" if len(classes) else "no class"
        raise ValueError(
            f"There is {found}: a classifier needs labelled pixels of at least 2 classes."
        )
    return classes, codes


def training_weights(
    codes: np.ndarray, classes: np.ndarray, sample_weight: Any, class_weight: Any
) -> np.ndarray:
    """Return the weight of each pixel in the loss, that of the pixel times that of its class."""
    with naming("sample_weight", OF_ARRAYS):
        if sample_weight is not None:
            sample_weight = as_array("sample_weight", sample_weight, kinds="biuf")
        weights = _check_sample_weight(sample_weight, codes, ensure_non_negative=True)
        assert_all_finite(weights, input_name="sample_weight")
    if class_weight == "effective":
        of_classes = 1 / (1 - SEEN_ENOUGH ** np.bincount(codes, minlength=len(classes)))
    else:
        with naming("class_weight"):
            of_classes = compute_class_weight(class_weight, classes=classes, y=classes[codes])
    return weights * of_classes[codes]


def check_weights(weights: np.ndarray, training: np.ndarray) -> None:
    """Refuse weights that leave nothing to train on."""
    if not weights[training].sum() > 0:
        raise ValueError("sample_weight times class_weight is zero for every training pixel.")
