"""The linear shortcut of a network: a logistic regression, and the gate that blends the two."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_hsiode._gather import PatchDataset
from sklearn_hsiode.classifiers._net import PatchNet

# Shares of the network among which held-out pixels choose.
GATES = np.linspace(0, 1, 9)
# Logit of a class that no pixel of the regression has.
ABSENT = -30.0


def fit_shortcut(
    net: PatchNet,
    spectra: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    C: float,
    rows: np.ndarray | slice = slice(None),
) -> None:
    """Set the linear map of a net to scikit-learn's logistic regression.

    Parameters
    ----------
    net : PatchNet
        Its module has a shortcut, and its standardisation is set.
    spectra : array of shape (n, bands)
        As they are in the scene.
    codes : array of int of shape (n,)
        Classes, 0 to n_classes - 1.
    weights : array of shape (n,)
        Weights of the pixels in the loss.
    C : float
        Inverse of the strength of the L2 penalty.
    rows : array of int or slice, default=slice(None)
        The pixels to fit on.
    """
    spectra, codes, weights = spectra[rows], codes[rows], weights[rows]
    module = net.plain_module_
    mean, scale = (values.double().cpu().numpy().ravel() for values in (module.mean, module.scale))
    coef = np.zeros((module.n_classes, spectra.shape[1]))
    intercept = np.full(module.n_classes, ABSENT)
    used = weights > 0
    present = np.unique(codes[used])
    intercept[present] = 0.0
    if len(present) > 1:
        # Bands are strongly correlated: Newton's method converges there, and lbfgs hardly does.
        logistic = LogisticRegression(C=C, solver="newton-cg", max_iter=500)
        logistic.fit((spectra[used] - mean) / scale, codes[used], sample_weight=weights[used])
        rows = present[-len(logistic.coef_) :]  # of two classes, the second has the one row
        coef[rows], intercept[rows] = logistic.coef_, logistic.intercept_
    module.set_shortcut(coef, intercept)


def choose_gate(net: PatchNet, held_out: PatchDataset) -> None:
    """Set the gate of a net to the share of the network that is most accurate on some patches.

    Of equally accurate shares, the largest.

    Parameters
    ----------
    net : PatchNet
        Trained, and with a linear map of pixels other than the ones held out.
    held_out : PatchDataset
        Patches that neither has seen.
    """
    gate = net.plain_module_.gate
    codes, weights = (
        values[held_out.rows].cpu().numpy() for values in (held_out.codes, held_out.weights)
    )
    ends = []
    for share in (0.0, 1.0):
        gate.fill_(share)
        probabilities = net.predict_proba(held_out).astype(float)
        ends.append(np.log(np.maximum(probabilities, np.finfo(float).tiny)))
    blends = ((1 - share) * ends[0] + share * ends[1] for share in GATES)
    right = [weights @ (blend.argmax(axis=1) == codes) for blend in blends]
    gate.fill_(GATES[np.flatnonzero(np.isclose(right, max(right)))[-1]])
