"""The linear shortcut of a network: a logistic regression, and the gate that blends the two."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_hsiode._gather import PatchDataset
from sklearn_hsiode.classifiers._net import PatchNet

# Shares of the network among which held-out pixels choose.
GATES = torch.linspace(0, 1, 9).tolist()
# Logit of a class that no pixel of the regression has; the largest of the others is never below 0.
ABSENT = -30.0


def logistic_regression(C: float = 1.0) -> LogisticRegression:
    """scikit-learn's logistic regression, as it is fitted to spectra."""
    # Bands are strongly correlated: Newton's method converges there, and lbfgs hardly does.
    return LogisticRegression(C=C, solver="newton-cg", max_iter=500)


def fit_shortcut(
    net: PatchNet,
    data: PatchDataset,
    spectra: np.ndarray,
    training: np.ndarray,
    validation: np.ndarray,
    C: float,
) -> None:
    """Give a trained net its linear map and the gate that blends the two.

    The gate is chosen with a linear map of the pixels that trained. Then the map is fitted to all.

    Parameters
    ----------
    net : PatchNet
        Its module has a shortcut.
    data : PatchDataset
        All patches, with their classes and weights.
    spectra : array of shape (n, bands)
        Those in the centres of the patches, as they are in the scene.
    training, validation : array of int
        Rows that trained, and rows that are held out.
    C : float
        Inverse of the strength of the regression's L2 penalty.

    Raises
    ------
    ValueError
        When the network's output is not finite on a patch that is held out.
    """
    module = net.plain_module_
    codes, weights = data.codes.cpu().numpy(), data.weights.cpu().double().numpy()

    def fit_to(rows: np.ndarray | slice) -> None:
        of_rows = spectra[rows], codes[rows], weights[rows]
        module.set_shortcut(*_regression(*of_rows, module.n_classes, C))

    # The order of a sum depends on the number of threads, which is that of PyTorch here.
    with threadpool_limits(torch.get_num_threads(), user_api="blas"):
        fit_to(training)
        choose_gate(net, data.subset(validation))
        fit_to(slice(None))


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


def choose_gate(net: PatchNet, held_out: PatchDataset) -> None:
    """Set the gate to the share of the network that classifies some patches rightly.

    Of the shares whose accuracy is within one standard error of the highest, the one closest to
    1/2 (the one-standard-error rule of Breiman et al., "Classification and regression trees",
    1984): the fewer pixels are held out, the more evidence it takes to prefer either part.
    Accuracy decides rather than a loss, since a network that has learnt from mixed patches is
    less sure of its classes than the linear map, not worse.

    Parameters
    ----------
    net : PatchNet
        Trained, and with a linear map of pixels other than the ones held out.
    held_out : PatchDataset
        Patches that neither has trained on.

    Raises
    ------
    ValueError
        When the network's output is not finite.
    """
    gate = net.plain_module_.gate
    codes = held_out.codes[held_out.rows].cpu()
    weights = held_out.weights[held_out.rows].cpu().double()
    gate.fill_(0)
    linear = net.logits(held_out).double()
    gate.fill_(1)
    network = net.logits(held_out).double()
    if not network.isfinite().all():
        raise net.divergence()
    weights /= weights.sum()
    blends = (torch.lerp(linear, network, share) for share in GATES)
    accuracies = [float(weights @ (logits.argmax(1) == codes).double()) for logits in blends]
    highest = min(max(accuracies), 1.0)
    error = (highest * (1 - highest) * float(weights @ weights)) ** 0.5
    close = [
        share
        for share, accuracy in zip(GATES, accuracies, strict=True)
        if accuracy >= highest - error - 1e-9
    ]
    gate.fill_(min(close, key=lambda share: abs(share - 0.5)))
