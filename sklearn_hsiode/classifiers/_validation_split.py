"""held_out and cross_fitting_folds: which training pixels are held out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode.model_selection import SpatialBlockKFold
from sklearn_hsiode.model_selection._overlap import near

Rows = tuple[np.ndarray, np.ndarray]
# Cross-fitting holds out each third once.
N_FOLDS = 3


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
        first = _with_all_classes(X, next(iter(validation.split(_places(X), y))), y)
        return _of_splitter([first] if len(first[1]) else [], validation)[0]
    if validation == "blocks" and isinstance(X, PatchSamples):
        n_folds = max(2, round(1 / fraction))
        folds = _blocks(X, y, n_folds, rng)

        def rank(fold: Rows) -> tuple[float, ...]:
            n_trained, n_held = (len(np.unique(y[rows])) for rows in fold)
            return -n_trained, -n_held, abs(len(fold[1]) / len(y) - fraction)

        mended = (_with_all_classes(X, fold, y) for fold in sorted(folds, key=rank))
        found = next((fold for fold in mended if len(fold[1])), None)
        if found is not None:
            return found
        _warn_of_too_little_ground(X, n_folds)
    held = _drawn(y, fraction, rng)
    return np.setdiff1d(np.arange(len(y)), held), held


def cross_fitting_folds(
    X: PatchSamples | np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    *,
    validation: Any,
    rng: np.random.RandomState,
) -> list[Rows]:
    """Split the pixels of a training into folds, each of which is held out once.

    Every class trains in every fold: pixels of a class that would not train instead of being
    held out.

    Parameters
    ----------
    X : PatchSamples or array of shape (n, bands, size, size)
        The patches of the training.
    y : array of shape (n,)
        Their labels.
    weights : array of shape (n,)
        Their weights in the loss. Pixels without any are in no fold.
    validation : {"blocks", "random"} or splitter
        As :func:`held_out` takes it: three folds of blocks of ground, three of random pixels with
        as many of each class, or all splits of a splitter.
    rng : RandomState
        Deals blocks and pixels to the folds.

    Returns
    -------
    folds : list of (training, held out)
        Arrays of row numbers in ascending order, at least one of each.

    Raises
    ------
    ValueError
        When there is nothing to hold out.
    """

    def mended(folds: Iterable[Rows]) -> list[Rows]:
        used = ((rows[weights[rows] > 0] for rows in fold) for fold in folds)
        found = (_with_all_classes(X, (training, held), y) for training, held in used)
        return [fold for fold in found if all(weights[rows].sum() > 0 for rows in fold)]

    if not isinstance(validation, str):
        return _of_splitter(mended(validation.split(_places(X), y)), validation)
    if validation == "blocks" and isinstance(X, PatchSamples):
        found = mended(_blocks(X, y, N_FOLDS, rng))
        if found:
            return found
        _warn_of_too_little_ground(X, N_FOLDS)
    found = []
    most = int(np.unique(y, return_counts=True)[1].max())
    if most > 1:
        stratified = StratifiedKFold(min(N_FOLDS, most), shuffle=True, random_state=rng)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")  # it trains in all
            found = mended(stratified.split(np.zeros(len(y)), y))
    if not found:
        raise _nothing_to_hold_out()
    return found


def _places(X: PatchSamples | np.ndarray) -> PixelSamples | np.ndarray:
    """What a splitter is given: pixels that know where they lie, or arrays as they are."""
    return X.pixels if isinstance(X, PatchSamples) else X


def _of_splitter(folds: list[Rows], splitter: Any) -> list[Rows]:
    """The folds of a splitter, of which there must be one."""
    if not folds:
        raise ValueError(
            f"validation is a {type(splitter).__name__} that holds out no pixel, with a weight, of"
            " a class that it also trains: choose another splitter, or validation='random'."
        )
    return folds


def _blocks(
    patches: PatchSamples, y: np.ndarray, n_folds: int, rng: np.random.RandomState
) -> list[Rows]:
    """Folds of blocks of ground, or none."""
    try:
        # Without the warning of split: a class that it would name trains here.
        return SpatialBlockKFold(n_folds, "auto", patches.patch_size - 1, rng)._folds(
            patches.pixels, y
        )
    except ValueError:
        return []


def _with_all_classes(X: PatchSamples | np.ndarray, fold: Rows, y: np.ndarray) -> Rows:
    """A fold in which a class that would not train does, and no patch of it is held out."""
    training, held = fold
    untrained = np.flatnonzero(_is_untrained(y, training))
    training, held = np.union1d(training, untrained), np.setdiff1d(held, untrained)
    if isinstance(X, PatchSamples):
        pixels = X.pixels
        held = held[~near(pixels._at(held), pixels._at(untrained), X.patch_size - 1)]
    return training, held


def _warn_of_too_little_ground(patches: PatchSamples, n_folds: int) -> None:
    warnings.warn(
        f"validation='blocks' cannot hold out one of {n_folds} parts of the ground,"
        f" {patches.patch_size - 1} pixels away from all others, for the {len(patches)} training"
        " pixels lie in too few places, or too close together: pixels among those that train are"
        " held out instead. Label more ground, make the patches smaller, or pass"
        " validation='random'. For early stopping a larger validation_fraction may do as well.",
        stacklevel=3,
    )


def _nothing_to_hold_out() -> ValueError:
    return ValueError(
        "early_stopping=True needs a class with two pixels at least, one of them to be held out,"
        " and so does a shortcut with gate='auto', two that have a weight: label more pixels, or"
        " set early_stopping=False and a gate between 0 and 1."
    )


def _drawn(y: np.ndarray, fraction: float, rng: np.random.RandomState) -> np.ndarray:
    """A share of every class, of which one pixel at least stays for training."""
    members = [rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)]
    counts = [max(1, round(fraction * len(rows))) for rows in members]
    chosen = [rows[: min(n, len(rows) - 1)] for rows, n in zip(members, counts, strict=True)]
    held = np.sort(np.concatenate(chosen))
    if not len(held):
        raise _nothing_to_hold_out()
    return held


def _is_untrained(y: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Tell for each pixel whether no pixel of its class trains."""
    return np.isin(y, np.setdiff1d(y, y[training]))
