"""Windows of a map: where they lie, and what is predicted in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np

from sklearn_hsiode._bands import iter_estimators
from sklearn_hsiode._cubes import Block
from sklearn_hsiode._labels import unlabeled_value
from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._scene import Scene

METHODS = ("predict", "predict_proba", "confidence")
CONFIDENCES = ("largest probability", "margin", "entropy")


class Window(NamedTuple):
    """Rows and columns of a window in the image, of its surroundings, and of it in these."""

    place: Block
    around: Block
    inner: Block


class Predicted(NamedTuple):
    """What is predicted in a window.

    Attributes
    ----------
    values : array of shape (rows, cols) or (rows, cols, n_layers)
        Classes by their place from 1 on among the estimator's, 0 where nothing is predicted; or
        the float32 layers of the other methods, NaN where nothing is.
    n_pixels : int
        How many pixels have been predicted.
    """

    values: np.ndarray
    n_pixels: int


@dataclass(frozen=True)
class WindowModel:
    """Predicts the windows of an image.

    Parameters
    ----------
    estimator, method, skip_unlabeled
        As for :func:`~sklearn_hsiode.predict_map`.
    """

    estimator: Any
    method: str
    skip_unlabeled: bool = False

    @property
    def classes(self) -> np.ndarray:
        """Labels of the classes."""
        return np.asarray(self.estimator.classes_)

    @property
    def n_layers(self) -> int:
        """Layers of the map, 0 for classes."""
        n_layers = {"predict": 0, "predict_proba": len(self.classes)}
        return n_layers.get(self.method, len(CONFIDENCES))

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        is_classes = self.method == "predict"
        return np.min_scalar_type(len(self.classes)) if is_classes else np.dtype(np.float32)

    @property
    def reach(self) -> int:
        """How far from a pixel the patch around it can take a value from.

        A masked neighbour, at most half a patch away in rows and columns, takes the spectrum of
        the valid pixel nearest to it, which is no further from it than the pixel itself.
        """
        parts = iter_estimators(self.estimator)
        sizes = [part.patch_size for part in parts if isinstance(part, PatchExtractor)]
        half = max(sizes, default=1) // 2
        return half + ceil(sqrt(2) * half)

    def blank(self, grid: tuple[int, ...]) -> np.ndarray:
        """Values of a map, or of a part of it, in which nothing is predicted."""
        if self.n_layers:
            return np.full((*grid, self.n_layers), np.nan, dtype=self.dtype)
        return np.zeros(grid, dtype=self.dtype)

    def __call__(self, part: Scene, inner: Block) -> Predicted:
        """Predict the inner part of a window's surroundings."""
        part = part.window(slice(None), slice(None))  # which reads it where it lies in a file
        wanted = np.zeros(part.mask.shape, dtype=bool)
        wanted[inner] = part.mask[inner]
        if self.skip_unlabeled:
            wanted &= part.is_labeled
        values = self.blank(wanted.shape)
        pixels = PixelSamples(part, np.flatnonzero(wanted))
        if len(pixels):
            values[wanted] = self._predicted(pixels)
        return Predicted(np.ascontiguousarray(values[inner]), len(pixels))

    def _predicted(self, pixels: PixelSamples) -> np.ndarray:
        if self.method == "predict":
            return self._places(np.asarray(self.estimator.predict(pixels)))
        probabilities = self.estimator.predict_proba(pixels)
        return probabilities if self.method == "predict_proba" else _confidence(probabilities)

    def _places(self, labels: np.ndarray) -> np.ndarray:
        """Places of labels among the classes, from 1 on."""
        places = np.searchsorted(self.classes, labels)
        if not (self.classes.take(places, mode="clip") == labels).all():
            raise ValueError(
                f"{type(self.estimator).__name__} predicts labels that are not among its classes_,"
                " or these are not sorted: the estimator cannot be mapped."
            )
        return places + 1

    def labeled(self, values: np.ndarray) -> np.ndarray:
        """Values with labels instead of places, as a map in memory has them."""
        if self.n_layers:
            return values
        labels = np.full(len(self.classes) + 1, unlabeled_value(self.classes), self.classes.dtype)
        labels[1:] = self.classes
        return labels[values]


def windows(grid: tuple[int, ...], size: int, reach: int) -> Iterator[Window]:
    """The windows that cover an image, row by row, with surroundings as far as patches reach."""
    rows, cols = grid
    for top in range(0, rows, size):
        for left in range(0, cols, size):
            bottom, right = min(top + size, rows), min(left + size, cols)
            first_row, first_col = max(top - reach, 0), max(left - reach, 0)
            yield Window(
                (slice(top, bottom), slice(left, right)),
                (
                    slice(first_row, min(bottom + reach, rows)),
                    slice(first_col, min(right + reach, cols)),
                ),
                (
                    slice(top - first_row, bottom - first_row),
                    slice(left - first_col, right - first_col),
                ),
            )


def _confidence(probabilities: np.ndarray) -> np.ndarray:
    n_classes = probabilities.shape[1]
    if n_classes == 1:
        return np.tile([1.0, 1.0, 0.0], (len(probabilities), 1))
    second, largest = np.partition(probabilities, -2, axis=1)[:, -2:].T
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    entropy = -(probabilities * logarithms).sum(axis=1) / np.log(n_classes)
    return np.column_stack([largest, largest - second, entropy])
