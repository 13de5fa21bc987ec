"""SpatialBlockKFold: cross-validation that holds out whole blocks of ground."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode._pixels import PixelSamples, require_pixels
from sklearn_hsiode.model_selection._overlap import near
from sklearn_hsiode.model_selection._per_class import (
    TrainSize,
    check_integers,
    checked_labels,
    drawn_per_class,
    training_counts,
)


class SpatialBlockKFold(BaseCrossValidator):  # type: ignore[misc]
    r"""Hold out whole blocks of ground, with a buffer around them that does not train.

    The scene is cut into square blocks, and each block is dealt to one fold. A fold tests the
    labelled pixels of its blocks and trains on those of all other blocks, without the pixels
    that lie within `buffer` rows and columns of a test pixel. With ``buffer >= patch_size - 1``
    no patch of a training pixel has a pixel in common with a patch of a test pixel.

    Blocks are dealt such that the folds test as even shares of each class, and so as many
    classes, as can be reached by moving single blocks and by swapping two. Every pixel is
    tested once.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.
    block_size : int, default=16
        Side of a block in pixels. Larger blocks leave more training pixels beside the buffers
        and hold out ground that is further away.
    buffer : int, default=10
        Rows and columns around a test pixel in which no pixel trains; 0 for none. The default
        is that of patches of 11 x 11 pixels.
    random_state : int, RandomState instance or None, default=None
        Seed of the order in which blocks are dealt. None goes through the scene in row-major
        order, so that each call splits alike.
    train_size : float, int, dict of label to int or None, default=None
        None trains on all pixels that a fold leaves. Otherwise as many of each class, drawn at
        random, as :class:`PerClassShuffleSplit` would take of all pixels, or as many of them as
        are left: a score beside one of that splitter then differs by the distance between
        training and test pixels alone. With ``random_state=None`` each call draws the same.

    Raises
    ------
    TypeError
        From :meth:`split`, when `X` does not know where its pixels lie.
    ValueError
        From :meth:`split`, when the blocks are larger than the scene or smaller than a pixel,
        there are fewer blocks with labels than folds, a buffer leaves a fold without training
        pixels, or `groups` are given.

    Warns
    -----
    UserWarning
        When no fold both trains and tests a class, which then counts as wrong in every fold
        that tests it.

    Notes
    -----
    Next to masked pixels a patch borrows the spectrum of the nearest valid pixel, which may lie
    outside of it by less than half a patch: there, add that to the buffer.

    See Also
    --------
    PerClassShuffleSplit : The field's random split, whose scores are far higher.
    patch_overlap : Measures the overlap that the buffer removes.

    Examples
    --------
    One fold of a scene of 12 x 24 pixels, each of which has a label: T tests, o trains, and
    the buffer (.) does neither.

    >>> import numpy as np
    >>> from sklearn_hsiode import Scene
    >>> from sklearn_hsiode.model_selection import SpatialBlockKFold
    >>> labels = np.repeat([[1, 2]], 12, axis=0).repeat(12, axis=1)
    >>> X, y = Scene(np.zeros((12, 24, 1)), labels).labeled_pixels()
    >>> train, test = next(SpatialBlockKFold(4, block_size=6, buffer=2).split(X, y))
    >>> fold = np.full(labels.shape, ".")
    >>> fold[X.rows[train], X.cols[train]] = "o"
    >>> fold[X.rows[test], X.cols[test]] = "T"
    >>> print("\n".join("".join(row) for row in fold))
    TTTTTT..oooooooooooooooo
    TTTTTT..oooooooooooooooo
    TTTTTT..oooooooooooooooo
    TTTTTT..oooooooooooooooo
    TTTTTT..oo..........oooo
    TTTTTT..oo..........oooo
    ........oo..TTTTTT..oooo
    ........oo..TTTTTT..oooo
    oooooooooo..TTTTTT..oooo
    oooooooooo..TTTTTT..oooo
    oooooooooo..TTTTTT..oooo
    oooooooooo..TTTTTT..oooo
    """

    def __init__(
        self,
        n_splits: int = 5,
        block_size: int = 16,
        buffer: int = 10,
        random_state: Any = None,
        *,
        train_size: TrainSize | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.block_size = block_size
        self.buffer = buffer
        self.random_state = random_state
        self.train_size = train_size

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds; the arguments are ignored."""
        return self.n_splits

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield row numbers of training and test pixels.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands), or PatchSamples
            Pixels that know where they lie.
        y : array of shape (n,)
            Class labels.
        groups : None
            Blocks are the groups; others are refused.

        Yields
        ------
        train, test : array of int
            In ascending order: give :func:`~sklearn.model_selection.learning_curve`
            ``shuffle=True``.
        """
        pixels = X.pixels if isinstance(X, PatchSamples) else X
        require_pixels(pixels, type(self).__name__)
        y = checked_labels(self, pixels, y)
        self._check_parameters(pixels, groups)
        fold_of = self._dealt(pixels, y)
        splits = [self._split_at(pixels, fold_of == fold) for fold in range(self.n_splits)]
        self._check_classes(y, splits)
        yield from self._thinned(y, splits)

    def _check_parameters(self, pixels: PixelSamples, groups: Any) -> None:
        if groups is not None:
            raise ValueError(
                f"{type(self).__name__} makes its groups itself, from blocks of ground: leave"
                " groups out, or use scikit-learn's GroupKFold with them."
            )
        check_integers(self, n_splits=2, block_size=1, buffer=0)
        rows, cols = pixels.scene.shape[:2]
        if self.block_size > max(rows, cols):
            raise ValueError(
                f"block_size={self.block_size} is larger than the scene of {rows} x {cols} pixels:"
                " choose smaller blocks."
            )

    def _dealt(self, pixels: PixelSamples, y: np.ndarray) -> np.ndarray:
        """Fold of each pixel."""
        across = -(-pixels.scene.shape[1] // self.block_size)
        block = pixels.rows // self.block_size * across + pixels.cols // self.block_size
        blocks, block = np.unique(block, return_inverse=True)
        if len(blocks) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {len(blocks)} blocks of"
                f" {self.block_size} x {self.block_size} pixels that hold labelled pixels: choose"
                " fewer folds or a smaller block_size."
            )
        classes, codes = np.unique(y, return_inverse=True)
        counts = np.zeros((len(blocks), len(classes)))
        np.add.at(counts, (block, codes), 1)
        order = np.arange(len(blocks))
        if self.random_state is not None:
            order = check_random_state(self.random_state).permutation(order)
        return _deal(counts, order, self.n_splits)[block]

    def _split_at(self, pixels: PixelSamples, is_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        test = np.flatnonzero(is_test)
        tested = PixelSamples(pixels.scene, pixels.positions[test])
        too_near = near(tested, self.buffer)[pixels.rows, pixels.cols]
        train = np.flatnonzero(~is_test & ~too_near)
        if not len(train):
            raise ValueError(
                f"buffer={self.buffer} leaves a fold without training pixels: choose a smaller"
                " buffer, larger blocks, or more folds."
            )
        return train, test

    def _check_classes(self, y: np.ndarray, splits: list[tuple[np.ndarray, np.ndarray]]) -> None:
        both = [np.intersect1d(y[train], y[test]) for train, test in splits]
        neither = np.setdiff1d(y, np.concatenate(both))
        if len(neither):
            warnings.warn(
                f"No fold both trains and tests class {', '.join(map(str, neither.tolist()))}:"
                " its ground lies too close together. Choose smaller blocks or a smaller buffer,"
                " or leave the class out.",
                stacklevel=3,
            )

    def _thinned(
        self, y: np.ndarray, splits: list[tuple[np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The splits, with as few training pixels as `train_size` asks for."""
        if self.train_size is None:
            yield from splits
            return
        n_train = training_counts(self.train_size, y)
        seed = 0 if self.random_state is None else self.random_state
        rng = check_random_state(seed)
        for train, test in splits:
            yield train[drawn_per_class(y[train], n_train, rng)], test


def _deal(counts: np.ndarray, order: np.ndarray, n_folds: int) -> np.ndarray:
    """Fold of each block, such that the folds have even shares of each class.

    Minimises the sum of squares of the shares of classes (columns of `counts`) in folds, which
    is least where all are equal: block by block, then by moves and swaps that lower it.
    """
    shares = counts / counts.sum(axis=0)
    squares = (shares**2).sum(axis=1)
    in_fold = np.zeros((n_folds, counts.shape[1]))
    fold_of = np.full(len(counts), -1)

    def put(block: int, fold: int) -> None:
        if fold_of[block] >= 0:
            in_fold[fold_of[block]] -= shares[block]
        in_fold[fold] += shares[block]
        fold_of[block] = fold

    for block in order:
        # Among equally poor folds the emptiest, so that none stays without a block.
        crowding = in_fold @ shares[block]
        put(block, int(np.lexsort((in_fold.sum(axis=1), crowding))[0]))
    improved = True
    while improved:
        improved = False
        for block in order:
            here = fold_of[block]
            # Half of what the sum of squares grows by with a move into each fold ...
            moves = (in_fold - in_fold[here]) @ shares[block] + squares[block]
            moves[here] = 0
            # ... and with a swap with each block.
            change = shares - shares[block]
            swaps = ((in_fold[here] - in_fold[fold_of]) * change).sum(axis=1)
            swaps += (change**2).sum(axis=1)
            swaps[fold_of == here] = 0
            if min(moves.min(), swaps.min()) > -1e-9:
                continue
            improved = True
            if moves.min() <= swaps.min():
                put(block, int(moves.argmin()))
            else:
                other = int(swaps.argmin())
                there = fold_of[other]
                put(other, here)
                put(block, there)
    return fold_of
