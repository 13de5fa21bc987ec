"""SpatialBlockKFold: cross-validation that holds out whole blocks of ground."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode._pixels import PixelSamples, require_pixels
from sklearn_hsiode.model_selection._dealing import deal
from sklearn_hsiode.model_selection._overlap import near
from sklearn_hsiode.model_selection._per_class import (
    TrainSize,
    check_splitter,
    checked_labels,
    drawn_per_class,
    training_counts,
)

# Rows that train, and rows that test.
Split = tuple[np.ndarray, np.ndarray]
# Sides of the blocks among which "auto" chooses.
AUTO_SIZES = (32, 16, 8, 4)


class SpatialBlockKFold(BaseCrossValidator):  # type: ignore[misc]
    r"""Hold out whole blocks of ground, with a buffer around them that does not train.

    The scene is cut into square blocks, and each block is dealt to one fold. A fold tests the
    labelled pixels of its blocks and trains on those of all other blocks, without the pixels
    that lie within `buffer` rows and columns of a test pixel. With ``buffer >= patch_size - 1``
    no patch of a training pixel has a pixel in common with a patch of a test pixel. Of several
    scenes each is cut by itself, and a buffer ends with its scene.

    Blocks are dealt such that the folds test as even shares of each class, and so as many
    classes, as can be reached by moving single blocks and by swapping two. Every pixel is
    tested once.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.
    block_size : int or "auto", default=16
        Side of a block in pixels. Larger blocks leave more training pixels beside the buffers
        and hold out ground that is further away. "auto" tries 32, 16, 8 and 4
        in this order, for as long as the share of the pixels outside a test that train does not
        fall, in the mean over the classes of each test, and takes the size with the largest
        share, of equal ones the larger. Sizes that would be an error are passed over.
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
        From :meth:`split`, when the blocks are larger than every scene or smaller than a pixel,
        there are fewer blocks with labels than folds, a buffer leaves a fold without training
        pixels, "auto" finds no size without one of these errors, or `groups` are given.

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
        block_size: int | Literal["auto"] = 16,
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

    @property
    def shuffle(self) -> bool:
        """Whether calls may split differently: scikit-learn's halving searches ask for it."""
        return self.random_state is not None

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds; the arguments are ignored."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
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
        self._check_parameters(groups)
        splits = self._folds(pixels, y)
        self._check_classes(y, splits)
        yield from self._thinned(y, splits)

    def _check_parameters(self, groups: Any) -> None:
        if groups is not None:
            raise ValueError(
                f"{type(self).__name__} makes its groups itself, from blocks of ground: leave"
                " groups out, or use scikit-learn's GroupKFold with them."
            )
        check_splitter(self, n_splits=2, buffer=0)
        if not isinstance(self.block_size, str) or self.block_size != "auto":
            check_splitter(self, " or 'auto'", block_size=1)

    def _folds(self, pixels: PixelSamples, y: np.ndarray) -> list[Split]:
        """All splits, with every training pixel that the buffers leave."""
        if self.block_size != "auto":
            return self._folds_of(self.block_size, pixels, y)
        best: list[Split] = []
        highest = -1.0
        for size in AUTO_SIZES:
            try:
                splits = self._folds_of(size, pixels, y)
            except ValueError:  # too few blocks of this size, or too close together
                continue
            share = _share_trained(y, splits)
            if share < highest:
                break  # of smaller blocks, the buffers take more and more
            if share > highest:
                best, highest = splits, share
        if not best:
            raise ValueError(
                "block_size='auto' finds no blocks of 32, 16, 8 or 4 pixels for"
                f" n_splits={self.n_splits} and buffer={self.buffer}: the {len(y)} pixels lie in"
                " too few places, or too close together. Choose fewer folds or a smaller buffer,"
                " give a search another cv, or label more ground."
            )
        return best

    def _folds_of(self, size: int, pixels: PixelSamples, y: np.ndarray) -> list[Split]:
        """All splits into blocks of a size."""
        rows, cols = max((scene.shape[:2] for scene in pixels.scenes.values()), key=max)
        if size > max(rows, cols):
            raise ValueError(
                f"block_size={size} is larger than the scene of {rows} x {cols} pixels: choose"
                " smaller blocks."
            )
        fold_of = self._dealt(size, pixels, y)
        return [self._split_at(pixels, fold_of == fold) for fold in range(self.n_splits)]

    def _dealt(self, size: int, pixels: PixelSamples, y: np.ndarray) -> np.ndarray:
        """Fold of each pixel."""
        down, across = (
            max(-(-scene.shape[side] // size) for scene in pixels.scenes.values())
            for side in (0, 1)
        )
        block = (pixels.image * down + pixels.rows // size) * across + pixels.cols // size
        blocks, block = np.unique(block, return_inverse=True)
        if len(blocks) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {len(blocks)} blocks of {size} x"
                f" {size} pixels that hold labelled pixels: choose fewer folds or a smaller"
                " block_size."
            )
        classes, codes = np.unique(y, return_inverse=True)
        counts = np.zeros((len(blocks), len(classes)))
        np.add.at(counts, (block, codes), 1)
        order = np.arange(len(blocks))
        if self.random_state is not None:
            order = check_random_state(self.random_state).permutation(order)
        return deal(counts, order, self.n_splits)[block]

    def _split_at(self, pixels: PixelSamples, is_test: np.ndarray) -> Split:
        test = np.flatnonzero(is_test)
        train = np.flatnonzero(~is_test & ~near(pixels, pixels._at(test), self.buffer))
        if not len(train):
            raise ValueError(
                f"buffer={self.buffer} leaves a fold without training pixels: choose a smaller"
                " buffer, larger blocks, or more folds."
            )
        return train, test

    def _check_classes(self, y: np.ndarray, splits: list[Split]) -> None:
        neither = np.setdiff1d(y, np.concatenate(_trained_and_tested(y, splits)))
        if len(neither):
            warnings.warn(
                f"No fold both trains and tests class {', '.join(map(str, neither.tolist()))}:"
                " its ground lies too close together. Choose smaller blocks or a smaller buffer,"
                " or leave the class out.",
                stacklevel=3,
            )

    def _thinned(self, y: np.ndarray, splits: list[Split]) -> Iterator[Split]:
        """The splits, with as few training pixels as `train_size` asks for."""
        if self.train_size is None:
            yield from splits
            return
        n_train = training_counts(self.train_size, y)
        seed = 0 if self.random_state is None else self.random_state
        rng = check_random_state(seed)
        for train, test in splits:
            yield train[drawn_per_class(y[train], n_train, rng)], test


def _trained_and_tested(y: np.ndarray, splits: list[Split]) -> list[np.ndarray]:
    """Classes that each split both trains and tests."""
    return [np.intersect1d(y[train], y[test]) for train, test in splits]


def _share_trained(y: np.ndarray, splits: list[Split]) -> float:
    """Share of the pixels outside a test that train, mean over the classes of each test."""
    classes, codes = np.unique(y, return_inverse=True)
    n_pixels = np.bincount(codes)
    shares = []
    for train, test in splits:
        n_train, n_test = (
            np.bincount(codes[rows], minlength=len(classes)) for rows in (train, test)
        )
        shares.append((n_train / np.maximum(n_pixels - n_test, 1))[n_test > 0])
    # Rounded, so that equal shares of other sums are equal.
    return round(float(np.mean(np.concatenate(shares))), 12)
