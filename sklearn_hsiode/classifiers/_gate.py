"""The gate that blends a network with its linear shortcut, chosen by cross-fitting."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch

from sklearn_hsiode._gather import PatchDataset
from sklearn_hsiode.classifiers._net import PatchNet, TrainingInterrupted
from sklearn_hsiode.classifiers._setup import TrainingPixels
from sklearn_hsiode.classifiers._shortcut import fit_linear
from sklearn_hsiode.classifiers._validation_split import Rows

#: Shares of the network among which held-out pixels choose.
GATES = torch.linspace(0, 1, 9).tolist()
# The gate that nothing has chosen.
UNDECIDED = 0.5


def cross_fitted_gate(
    pixels: TrainingPixels,
    folds: list[Rows],
    train: Callable[[np.ndarray, str], tuple[PatchNet, PatchDataset]],
    C: float,
) -> tuple[float, bool]:
    """Choose a gate on folds that networks and linear maps have not trained on.

    Parameters
    ----------
    pixels : TrainingPixels
        Those of the fit.
    folds : list of (training, held out)
        Row numbers.
    train : callable
        Called as ``train(training, title)``, it returns a net that has trained on these rows, and
        the dataset of all rows for it. The title is for people.
    C : float
        Inverse of the strength of the regression's L2 penalty.

    Returns
    -------
    gate : float
        1/2 where Ctrl-C leaves no fold to choose it by.
    complete : bool
        Whether there are folds, and all of them have chosen it.

    Raises
    ------
    ValueError
        When the training of a fold diverges, or its network's output is not finite.
    """
    hits: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for number, (training, held) in enumerate(folds, 1):
        title = f"fold {number} of {len(folds)}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", TrainingInterrupted)
                net, data = train(training, title)
            fit_linear(net, *pixels.spectra_of(training), C)
            of_fold = _hits(net, data.subset(held))
        except (KeyboardInterrupt, TrainingInterrupted):
            warnings.warn(
                f"Training was interrupted in {title} of those that choose the gate of the"
                f" shortcut: {number - 1} have chosen it. The network is trained.",
                TrainingInterrupted,
                stacklevel=2,
            )
            break
        except ValueError as error:
            raise ValueError(
                f"In {title} of those that choose the gate of the shortcut: {error} With a gate"
                " between 0 and 1 there are no folds."
            ) from error
        hits.append(of_fold)
        weights.append(pixels.weights[held])
    if not hits:
        return UNDECIDED, False
    return best_gate(np.hstack(hits), np.hstack(weights)), len(hits) == len(folds)


def _hits(net: PatchNet, data: PatchDataset) -> np.ndarray:
    """Tell which patches a net classifies rightly with each gate, as an array (n_gates, n)."""
    gate = net.plain_module_.gate
    codes = data.codes[data.rows].cpu()
    gate.fill_(0)
    linear = net.logits(data).double()
    gate.fill_(1)
    network = net.logits(data).double()
    if not network.isfinite().all():
        raise net.divergence()
    blends = (torch.lerp(linear, network, share) for share in GATES)
    return np.stack([(logits.argmax(1) == codes).numpy() for logits in blends])


def best_gate(hits: np.ndarray, weights: np.ndarray) -> float:
    """Choose the share of the network that classifies held-out pixels rightly.

    Of the shares whose accuracy is within one standard error of the highest, the one closest to
    1/2 (the one-standard-error rule of Breiman et al., "Classification and regression trees",
    1984): the fewer pixels are held out, the more evidence it takes to prefer either part.
    Accuracy decides rather than a loss, since a network that has learnt from mixed patches is
    less sure of its classes than the linear map, not worse.

    Parameters
    ----------
    hits : bool array of shape (n_gates, n)
        Which pixels each gate of :data:`GATES` classifies rightly, by parts that have not trained
        on them.
    weights : array of shape (n,)
        Weights of the pixels.

    Returns
    -------
    gate : float
    """
    weights = weights / weights.sum()
    accuracies = hits @ weights
    highest = min(accuracies.max(), 1.0)
    error = np.sqrt(highest * (1 - highest) * (weights @ weights))
    close = [
        gate
        for gate, accuracy in zip(GATES, accuracies, strict=True)
        if accuracy >= highest - error - 1e-9
    ]
    return min(close, key=lambda gate: abs(gate - 0.5))
