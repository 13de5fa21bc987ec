"""The trainings of a fit: the network's own, and those of the folds that choose its gate."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from sklearn_hsiode._checkpoint import CheckpointFolder
from sklearn_hsiode._gather import PatchDataset
from sklearn_hsiode.classifiers._callbacks import (
    EpochBar,
    EpochRecorder,
    epochs_kept,
    schedule_callback,
)
from sklearn_hsiode.classifiers._checkpoint import TrainingCheckpoint
from sklearn_hsiode.classifiers._continuation import take_over
from sklearn_hsiode.classifiers._gate import cross_fitted_gate
from sklearn_hsiode.classifiers._net import PatchNet
from sklearn_hsiode.classifiers._setup import TrainingPixels, patch_dataset, standardize
from sklearn_hsiode.classifiers._shortcut import fit_linear
from sklearn_hsiode.classifiers._validation_split import Rows


class Trainings:
    """The trainings of one fit, which draw from one random state.

    Where there is a folder for checkpoints, each has a file of its own there. A fit that goes on
    does all again but the epochs that are there, and so comes to the same random state.

    Parameters
    ----------
    estimator : PatchNetClassifier
        Its parameters say how to train.
    pixels : TrainingPixels
        All pixels of the fit.
    device : torch.device
        Where to train.
    rng : RandomState
        Seeds the trainings.
    folder : CheckpointFolder, default=None
        Where their states are kept.
    """

    def __init__(
        self,
        estimator: Any,
        pixels: TrainingPixels,
        device: torch.device,
        rng: np.random.RandomState,
        folder: CheckpointFolder | None = None,
    ) -> None:
        self.estimator, self.pixels, self.device = estimator, pixels, device
        self.rng, self.folder = rng, folder

    def prepared(
        self, training: np.ndarray, previous: PatchNet | None = None
    ) -> tuple[PatchNet, PatchDataset]:
        """A net that is to train on some of the pixels, and all of them for it."""
        X, codes, classes, weights = self.pixels
        net = self.estimator._new_net(X, classes, self.device, len(training))
        if previous is not None:
            take_over(self.estimator, previous, net, classes)
        elif self.estimator.standardize:
            standardize(net, X, training)
        weights = weights / weights[training].mean()
        return net, patch_dataset(net, X, codes, weights, learning=True)

    def train(
        self,
        net: PatchNet,
        data: PatchDataset,
        n_epochs: int,
        title: str,
        *callbacks: Any,
    ) -> None:
        """Train a net on the rows of a dataset, with these callbacks beside those of all."""
        estimator = self.estimator
        of_all: list[Any] = [EpochRecorder()]
        if estimator.lr_schedule != "constant":
            of_all.append(schedule_callback(estimator.lr_schedule, estimator.max_epochs))
        if estimator.verbose == 1:
            of_all.append(EpochBar(n_epochs, title))
        checkpoint = None
        if self.folder is not None:
            path = self.folder.state(title)
            checkpoint = TrainingCheckpoint(path, title, n_epochs, bool(estimator.verbose))
        train_epochs(estimator, net, data, n_epochs, [*of_all, *callbacks], self.rng, checkpoint)

    def fit_shortcut(self, net: PatchNet, folds: list[Rows], gate: float | str) -> None:
        """Fit the regression of a trained net, and set its gate, "auto" from the folds."""
        fit_linear(net, *self.pixels.spectra_of(self.pixels.rows), self.estimator.shortcut_C)
        n_epochs = epochs_kept(net)

        def train(training: np.ndarray, title: str) -> tuple[PatchNet, PatchDataset]:
            of_fold, data = self.prepared(training)
            of_fold.batch_size = min(of_fold.batch_size, len(training))
            self.train(of_fold, data.subset(training), n_epochs, title)
            return of_fold, data

        if gate == "auto":
            folds = [] if net.interrupted_ else folds
            gate, complete = cross_fitted_gate(self.pixels, folds, train, self.estimator.shortcut_C)
            net.interrupted_ |= not complete
        net.plain_module_.gate.fill_(float(gate))


def train_epochs(
    estimator: Any,
    net: PatchNet,
    data: PatchDataset,
    n_epochs: int,
    callbacks: list[Any],
    rng: np.random.RandomState,
    checkpoint: TrainingCheckpoint | None = None,
) -> None:
    """Train a net for some epochs, with the augmentation that the estimator asks for."""
    augment = torch.Generator().manual_seed(rng.randint(2**31)) if estimator.augment else None
    data = data.subset(data.rows, augment)
    net.train_epochs(data, n_epochs, callbacks, rng.randint(2**31), checkpoint)


def users_callbacks(estimator: Any) -> list[Any]:
    """Copies of the user's callbacks, since skorch writes state into them."""
    for callback in estimator.callbacks or []:
        is_named = isinstance(callback, tuple | list) and len(callback) == 2
        one = callback[1] if is_named else callback  # perhaps a class, or named and None
        if not hasattr(one, "on_epoch_end") and not (is_named and one is None):
            raise TypeError(f"callbacks must hold callbacks of skorch's, got {callback!r}.")
    return list(clone(list(estimator.callbacks or []), safe=False))
