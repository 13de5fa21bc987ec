"""The linear shortcut of a network: a logistic regression on the spectrum of the centre pixel."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_hsiode.classifiers._net import PatchNet

# Logit of a class that no pixel of the regression has; the largest of the others is never below 0.
ABSENT = -30.0


def logistic_regression(C: float = 1.0) -> LogisticRegression:
    """scikit-learn's logistic regression, as it is fitted to spectra."""
    # Bands are strongly correlated: Newton's method converges there, and lbfgs hardly does.
    return LogisticRegression(C=C, solver="newton-cg", max_iter=500)


def fit_linear(
    net: PatchNet,
    spectra: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    C: float,
) -> None:
    """Fit the linear map of a net.

    Parameters
    ----------
    net : PatchNet
        Its module has a shortcut.
    spectra : array of shape (n, bands)
        Those in the centres of the patches, as they are in the scene.
    codes : array of int
        Codes of their classes.
    weights : array of shape (n,)
        Weights of the pixels in the loss.
    C : float
        Inverse of the strength of the regression's L2 penalty.
    """
    module = net.plain_module_
    # The order of a sum depends on the number of threads, which is that of PyTorch here.
    with threadpool_limits(torch.get_num_threads(), user_api="blas"):
        module.set_shortcut(*_regression(spectra, codes, weights, module.n_classes, C))


def _regression(
    spectra: np.ndarray, codes: np.ndarray, weights: np.ndarray, n_classes: int, C: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (n_classes, bands) and intercepts of a logistic regression on the spectra."""
    used = weights > 0
    spectra, codes, weights = spectra[used].astype(np.float64), codes[used], weights[used]
    scaler = StandardScaler().fit(spectra)
    coef, intercept = np.zeros((n_classes, spectra.shape[1])), np.full(n_classes, ABSENT)
    present = np.unique(codes)
    intercept[present] = 0.0
    if len(present) > 1:
        logistic = logistic_regression(C)
        logistic.fit(scaler.transform(spectra), codes, sample_weight=weights / weights.mean())
        fitted = present[-len(logistic.coef_) :]  # of two classes, the second has the one row
        coef[fitted], intercept[fitted] = logistic.coef_, logistic.intercept_
    coef /= scaler.scale_
    return coef, intercept - coef @ scaler.mean_
