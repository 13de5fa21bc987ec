"""held_out and cross_fitting_folds: which training pixels are held out."""

from __future__ import annotations

import warnings
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
        folds = [_with_all_classes(next(iter(validation.split(_places(X), y))), y)]
        return _of_splitter(folds, validation)[0]
    if validation == "blocks" and isinstance(X, PatchSamples):
        n_folds = max(2, round(1 / fraction))
        folds = _blocks(X, y, n_folds, rng)

        def rank(fold: Rows) -> tuple[float, ...]:
            n_trained, n_held = (len(np.unique(y[rows])) for rows in fold)
            return -n_trained, -n_held, abs(len(fold[1]) / len(y) - fraction)

        apart = (_apart(X, fold, y) for fold in sorted(folds, key=rank))
        found = next((fold for fold in apart if len(fold[1])), None)
        if found is not None:
            return found
        _warn_of_too_little_ground(X, n_folds)
    held = _drawn(y, fraction, rng)
    return np.setdiff1d(np.arange(len(y)), held), held


def cross_fitting_folds(
    X: PatchSamples | np.ndarray, y: np.ndarray, *, validation: Any, rng: np.random.RandomState
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
    if not isinstance(validation, str):
        splits = validation.split(_places(X), y)
        return _of_splitter([_with_all_classes(fold, y) for fold in splits], validation)
    if validation == "blocks" and isinstance(X, PatchSamples):
        apart = [_apart(X, fold, y) for fold in _blocks(X, y, N_FOLDS, rng)]
        found = [fold for fold in apart if len(fold[1])]
        if found:
            return found
        _warn_of_too_little_ground(X, N_FOLDS)
    most = int(np.unique(y, return_counts=True)[1].max())
    if most < 2:
        raise _nothing_to_hold_out()
    stratified = StratifiedKFold(min(N_FOLDS, most), shuffle=True, random_state=rng)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # it trains in all folds
        folds = [_with_all_classes(fold, y) for fold in stratified.split(np.zeros(len(y)), y)]
    return [fold for fold in folds if len(fold[1])]


def _places(X: PatchSamples | np.ndarray) -> PixelSamples | np.ndarray:
    """What a splitter is given: pixels that know where they lie, or arrays as they are."""
    return X.pixels if isinstance(X, PatchSamples) else X


def _of_splitter(folds: list[Rows], splitter: Any) -> list[Rows]:
    """The folds of a splitter that hold something out."""
    found = [fold for fold in folds if len(fold[1])]
    if not found:
        raise ValueError(
            f"validation is a {type(splitter).__name__} that holds out no pixel of a class that it"
            " also trains: choose another splitter, or validation='random'."
        )
    return found


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


def _with_all_classes(fold: Rows, y: np.ndarray) -> Rows:
    """A fold in which the pixels of a class that would not train do."""
    training, held = fold
    training = np.union1d(training, np.flatnonzero(_is_untrained(y, training)))
    return training, np.setdiff1d(held, training)


def _apart(patches: PatchSamples, fold: Rows, y: np.ndarray) -> Rows:
    """The same, without the held-out pixels whose patches these then touch."""
    pixels, buffer = patches.pixels, patches.patch_size - 1
    untrained = np.flatnonzero(_is_untrained(y, fold[0]))
    too_near = near(PixelSamples(pixels.scene, pixels.positions[untrained]), buffer)
    training, held = _with_all_classes(fold, y)
    return training, held[~too_near[pixels.rows[held], pixels.cols[held]]]


def _warn_of_too_little_ground(patches: PatchSamples, n_folds: int) -> None:
    warnings.warn(
        f"validation='blocks' cannot hold out one of {n_folds} parts of the ground,"
        f" {patches.patch_size - 1} pixels away from all others, for the {len(patches)} training"
        " pixels lie in too few places, or too close together: pixels among those that train are"
        " held out instead. Label more ground, make the patches smaller, make validation_fraction"
        " larger where that is the part to hold out, or pass validation='random'.",
        stacklevel=3,
    )


def _nothing_to_hold_out() -> ValueError:
    return ValueError(
        "early_stopping=True needs a class with two pixels at least, one of them to be held out,"
        " and so does a shortcut with gate='auto': label more pixels, or set early_stopping=False"
        " and a gate between 0 and 1."
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
