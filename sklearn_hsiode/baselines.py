"""CoordinateClassifier: the baseline that looks at no spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._arguments import OF_ARRAYS, naming
from sklearn_hsiode._bands import check_bands
from sklearn_hsiode._pixels import PixelSamples, require_pixels
from sklearn_hsiode._sklearn import DocLinkMixin


class CoordinateClassifier(DocLinkMixin, ClassifierMixin, BaseEstimator):
    """Give a pixel the class of the training pixel nearest on the ground; for comparison only.

    It never sees a spectrum. Whatever it scores under a split, the split gives away: with pixels
    drawn at random, more than most published networks. A model is worth what it scores above
    this baseline. It is no classifier to make maps with: on other ground it knows nothing.

    Of several scenes in one X, each is compared with itself, as `X.image` numbers them. A pixel of
    an image without any training pixel gets the class that most of them have.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        Labels seen in :meth:`fit`.
    n_features_in_ : int
        Number of bands seen in :meth:`fit`, none of which is used.
    nearest_ : dict of int to KNeighborsClassifier
        Fitted on rows and columns of each image, by its number.
    most_frequent_ : label
        The class of most training pixels, of equal ones the first.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_hsiode.baselines import CoordinateClassifier
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> at_random = PerClassShuffleSplit(train_size=0.05, n_splits=3, random_state=0)
    >>> scores = cross_val_score(CoordinateClassifier(), X, y, cv=at_random)
    >>> honest = cross_val_score(CoordinateClassifier(), X, y, cv=SpatialBlockKFold())
    >>> bool(scores.mean() > 0.8 and honest.mean() < 0.5)
    True
    """

    _doc_package = "sklearn_hsiode.baselines"

    def fit(self, X: PixelSamples, y: Any) -> CoordinateClassifier:
        """Remember where the training pixels lie.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels that know their scene.
        y : array of shape (n,)
            Class labels.

        Returns
        -------
        self : CoordinateClassifier

        Raises
        ------
        TypeError
            When X is a plain array, which has no positions.
        """
        require_pixels(X, type(self).__name__)
        check_bands(self, X, reset=True)
        with naming("y", OF_ARRAYS):
            y = column_or_1d(y, warn=True)
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
        with naming("X, y", OF_ARRAYS):
            check_consistent_length(X, y)
            self.nearest_ = {}
            for rows, part in X.parts():
                (number,) = part.scenes
                nearest = KNeighborsClassifier(n_neighbors=1)
                self.nearest_[number] = nearest.fit(_positions(part), y[rows])
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_frequent_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X: PixelSamples) -> np.ndarray:
        """Class of the nearest training pixel.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels of the scene, or of the concatenation, of :meth:`fit`.

        Returns
        -------
        y : array of shape (n,)
        """
        check_is_fitted(self, "nearest_")
        require_pixels(X, type(self).__name__)
        check_bands(self, X, reset=False)
        classes = np.full(len(X), self.most_frequent_, dtype=self.classes_.dtype)
        for rows, part in X.parts():
            (number,) = part.scenes
            if number in self.nearest_:
                classes[rows] = self.nearest_[number].predict(_positions(part))
        return classes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # but pixels that know their scene
        tags.input_tags.allow_nan = True
        return tags


def _positions(X: PixelSamples) -> np.ndarray:
    """Rows and columns in the scene, also of pixels of a window of it."""
    return np.column_stack([X.rows, X.cols]) + X.scene.origin
