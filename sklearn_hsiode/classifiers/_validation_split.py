"""held_out: which training pixels validate instead."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode.model_selection import SpatialBlockKFold
from sklearn_hsiode.model_selection._overlap import near

Rows = tuple[np.ndarray, np.ndarray]


def held_out(
    X: PatchSamples | np.ndarray,
    y: np.ndarray,
    *,
    validation: Any,
    fraction: float,
    rng: np.random.RandomState,
) -> Rows:
    """Split the pixels of a training into those that train and those that validate.

    Every class keeps a training pixel: the pixels of a class that would have none train
    instead of validating.

    Parameters
    ----------
    X : PatchSamples or array of shape (n, bands, size, size)
        The patches of the training.
    y : array of shape (n,)
        Their labels.
    validation : {"blocks", "random"} or splitter
        "blocks" holds out blocks of ground with a buffer that keeps their patches apart from
        those that train. It draws pixels of arrays, which do not know where they lie, and with a
        warning where no blocks can be made.
        "random" draws a share of each class. Of a scikit-learn splitter it is the first split.
    fraction : float
        The share to hold out, of which "blocks" makes ``max(2, round(1 / fraction))`` folds. A
        splitter has its own.
    rng : RandomState
        Draws pixels, or the order in which blocks are dealt to folds.

    Returns
    -------
    training, validation : array of int
        Row numbers in ascending order, at least one of each. Those of a buffer are in neither.

    Raises
    ------
    ValueError
        When there is nothing to hold out.
    """
    if not isinstance(validation, str):
        return _first_split(X, y, validation)
    if validation == "blocks" and isinstance(X, PatchSamples):
        found = _block_fold(X, y, fraction, rng)
        if found is not None:
            return found
    held = _drawn(y, fraction, rng)
    return np.setdiff1d(np.arange(len(y)), held), held


def _first_split(X: PatchSamples | np.ndarray, y: np.ndarray, splitter: Any) -> Rows:
    pixels = X.pixels if isinstance(X, PatchSamples) else X
    training, held = next(iter(splitter.split(pixels, y)))
    training = np.union1d(training, np.flatnonzero(_is_untrained(y, training)))
    held = np.setdiff1d(held, training)
    if not len(held):
        raise ValueError(
            f"validation is a {type(splitter).__name__} whose first split holds out no pixel of a"
            " class that it also trains: choose another splitter, or validation='random'."
        )
    return training, held


def _block_fold(
    patches: PatchSamples, y: np.ndarray, fraction: float, rng: np.random.RandomState
) -> Rows | None:
    """The fold that trains most classes, holds out most, and is closest to the wanted share."""
    pixels, buffer = patches.pixels, patches.patch_size - 1
    n_folds = max(2, round(1 / fraction))
    try:
        # Without the warning of split: a class that it would name trains here.
        folds = SpatialBlockKFold(n_folds, "auto", buffer, rng)._folds(pixels, y)
    except ValueError:
        folds = []

    def rank(fold: Rows) -> tuple[float, ...]:
        n_trained, n_held = (len(np.unique(y[rows])) for rows in fold)
        return -n_trained, -n_held, abs(len(fold[1]) / len(y) - fraction)

    for training, held in sorted(folds, key=rank):
        untrained = np.flatnonzero(_is_untrained(y, training))
        too_near = near(PixelSamples(pixels.scene, pixels.positions[untrained]), buffer)
        held = held[~too_near[pixels.rows[held], pixels.cols[held]]]
        if len(held):
            return np.union1d(training, untrained), held
    warnings.warn(
        f"validation='blocks' cannot hold out one of {n_folds} parts of the ground, {buffer} pixels"
        f" away from all others, for the {len(y)} training pixels lie in too few places, or too"
        " close together: pixels among those that train are held out instead. Label more ground,"
        " make validation_fraction larger or the patches smaller, or pass validation='random'.",
        stacklevel=2,
    )
    return None


def _drawn(y: np.ndarray, fraction: float, rng: np.random.RandomState) -> np.ndarray:
    """A share of every class, of which one pixel at least stays for training."""
    members = [rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)]
    counts = [max(1, round(fraction * len(rows))) for rows in members]
    chosen = [rows[: min(n, len(rows) - 1)] for rows, n in zip(members, counts, strict=True)]
    held = np.sort(np.concatenate(chosen))
    if not len(held):
        raise ValueError(
            "early_stopping=True needs a class with two pixels at least, one of them for"
            " validation, and so does shortcut=True: label more pixels, or set"
            " early_stopping=False and shortcut=False."
        )
    return held


def _is_untrained(y: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Tell for each pixel whether no pixel of its class trains."""
    return np.isin(y, np.setdiff1d(y, y[training]))
