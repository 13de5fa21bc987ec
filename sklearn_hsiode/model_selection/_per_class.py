"""PerClassShuffleSplit: the field's customary random split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil
from numbers import Real
from typing import Any

import numpy as np
from sklearn.model_selection import BaseShuffleSplit
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from sklearn_hsiode._arguments import OF_ARRAYS, Integer, check, naming

# A share of each class, a number of pixels of each, or such a number by label.
TrainSize = float | int | Mapping[Any, int]


class PerClassShuffleSplit(BaseShuffleSplit):  # type: ignore[misc]
    """Draw training pixels at random from each class; all other pixels test.

    The split of Paoletti et al. [1]_ and of most of the field. Pixels drawn at random lie among
    each other: patches of test pixels overlap those of training pixels (:func:`patch_overlap`),
    and the scores say how well a scene is filled in, not how well a model carries over to other
    ground. For that, use :class:`SpatialBlockKFold`.

    Parameters
    ----------
    train_size : float, int or dict of label to int, default=0.03
        A float is the share p of each class, of whose n pixels ceil(p * n) train. An int is a
        number of pixels of every class, a dict that number by label. Of a share, each class
        keeps at least one training and, where it has two pixels, one test pixel; the only
        pixel of a class trains.
    n_splits : int, default=10
        Number of random splits.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. None draws anew in each call of :meth:`split`.

    Raises
    ------
    TypeError
        From :meth:`split`, when `train_size` is neither float, int nor dict of int, or `y` is
        missing.
    ValueError
        From :meth:`split`, when a share is not between 0 and 1, a number is below 1 or leaves
        a class of two or more pixels without a test pixel, or a dict does not name the classes
        of `y`.

    References
    ----------
    .. [1] M. E. Paoletti, J. M. Haut, J. Plaza and A. Plaza, IGARSS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_hsiode.model_selection import PerClassShuffleSplit
    >>> y = np.repeat([1, 2, 5], [100, 21, 2])
    >>> cv = PerClassShuffleSplit(train_size=0.1, n_splits=1, random_state=0)
    >>> (train, test), = cv.split(np.zeros((len(y), 1)), y)
    >>> np.unique(y[train], return_counts=True)
    (array([1, 2, 5]), array([10,  3,  1]))
    >>> len(train) + len(test) == len(y)
    True
    """

    def __init__(
        self, train_size: TrainSize = 0.03, n_splits: int = 10, random_state: Any = None
    ) -> None:
        self.train_size = train_size
        self.n_splits = n_splits
        self.random_state = random_state

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield row numbers of training and test pixels.

        Parameters
        ----------
        X : array-like or PixelSamples of shape (n, bands)
            Pixels; their values are not looked at.
        y : array of shape (n,)
            Class labels.
        groups : object, default=None
            Ignored, as in :class:`~sklearn.model_selection.StratifiedShuffleSplit`.

        Yields
        ------
        train, test : array of int
            Training pixels in random order, so that a part of them, as
            :func:`~sklearn.model_selection.learning_curve` takes, is of all classes and places.
        """
        check_splitter(self, n_splits=1)
        y = checked_labels(self, X, y)
        n_train = training_counts(self.train_size, y)
        rng = check_random_state(self.random_state)
        for train in [drawn_per_class(y, n_train, rng) for _ in range(self.n_splits)]:
            yield rng.permutation(train), np.setdiff1d(np.arange(len(y)), train)


def check_splitter(splitter: Any, or_else: str = "", /, **smallest: int) -> None:
    """Raise ValueError unless these parameters are integers of at least these values.

    The error tells what else they may be, which the caller has looked at before. The seed, which
    all splitters have, is checked as well.
    """
    seed = splitter.random_state
    check(type(splitter).__name__, {"random_state": ["random_state"]}, random_state=seed)
    for name, least in smallest.items():
        value = getattr(splitter, name)
        if not _is_integer(value) or not least <= value < 2**31:
            raise ValueError(
                f"{name} must be an integer of at least {least}{or_else}, got {value!r}."
            )


def checked_labels(splitter: Any, X: Any, y: Any) -> np.ndarray:
    """Labels as an array, or an error that names the splitter."""
    if y is None:
        raise TypeError(f"{type(splitter).__name__} looks at classes: pass y to split(X, y).")
    with naming("y", OF_ARRAYS):
        y = column_or_1d(y)
        check_classification_targets(y)
    with naming("X, y", OF_ARRAYS):
        check_consistent_length(X, y)
    return y


def training_counts(train_size: TrainSize, y: np.ndarray) -> dict[Any, int]:
    """Number of training pixels of each class, by label."""
    sizes = dict(zip(*(array.tolist() for array in np.unique(y, return_counts=True)), strict=True))
    largest = {label: max(size - 1, 1) for label, size in sizes.items()}
    counts: dict[Any, Any]
    if isinstance(train_size, Mapping):
        if set(train_size) != set(sizes):
            raise ValueError(
                f"train_size must name each class of y and no other, got {list(train_size)} for"
                f" the classes {list(sizes)}."
            )
        counts = {label: train_size[label] for label in sizes}
    elif _is_integer(train_size):
        counts = dict.fromkeys(sizes, train_size)
    elif isinstance(train_size, Real) and not isinstance(train_size, (bool, np.bool_)):
        if not 0 < train_size < 1:
            raise ValueError(
                f"train_size={train_size} must lie between 0 and 1, or be an integer number of"
                " pixels of each class."
            )
        # Exact, since 0.07 * 100 is a little more than 7 in floating point.
        share = Fraction(str(train_size))
        return {label: min(ceil(share * size), largest[label]) for label, size in sizes.items()}
    else:
        raise TypeError(_meaning(train_size))
    for label, count in counts.items():
        if not _is_integer(count):
            raise TypeError(_meaning(train_size))
        if not 1 <= count <= largest[label]:
            raise ValueError(
                f"train_size asks for {count} training pixels of class {label}, which has"
                f" {sizes[label]}: at least 1 and at most {largest[label]} can train, so that one"
                " is left to test."
            )
    return {label: int(count) for label, count in counts.items()}


def drawn_per_class(
    y: np.ndarray, n_train: Mapping[Any, int], rng: np.random.RandomState
) -> np.ndarray:
    """Rows of pixels drawn at random from each class, in ascending order."""
    drawn = [
        rng.permutation(np.flatnonzero(y == label))[:count] for label, count in n_train.items()
    ]
    return np.sort(np.concatenate(drawn))


def _is_integer(value: Any) -> bool:
    return Integer().is_satisfied_by(value)


def _meaning(train_size: Any) -> str:
    return (
        "train_size must be a share between 0 and 1, an integer number of pixels of each class, or"
        f" a dict of such numbers by label, got {train_size!r}."
    )
