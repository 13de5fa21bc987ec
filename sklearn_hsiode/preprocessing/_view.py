"""SpectralView: what the transformers of spectra have in common."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._bands import SAME_BAND, check_bands, checked_array
from sklearn_hsiode._pixels import PixelSamples, check_finite
from sklearn_hsiode._sklearn import DocLinkMixin
from sklearn_hsiode._validation import as_array, checked_wavelengths


class SpectralView(DocLinkMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer of spectra that returns as many bands as it is given.

    A subclass has `_learn`, which is given the spectra of :meth:`fit`, and `_view`, which
    returns the transformed spectra. Its wavelengths, where it asks for them with a parameter of
    that name, are noted as `wavelengths_in_`.
    """

    _doc_package = "sklearn_hsiode.preprocessing"
    _parameter_constraints: dict[str, list[Any]] = {}

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters, and learn from the spectra where there is something to learn.

        Parameters
        ----------
        X : array or PixelSamples of shape (n, bands)
            Spectra.
        y : None
            Ignored.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            When a parameter is out of its range, the wavelengths do not fit the bands, or a
            spectrum holds NaN or infinity.
        """
        self._validate_params()
        X = self._spectra(X, reset=True)
        if getattr(self, "wavelengths", None) is not None:
            self._note_wavelengths()
        self._learn(X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The view of each spectrum.

        Parameters
        ----------
        X : array or PixelSamples of shape (n, bands)
            Spectra with the bands of :meth:`fit`.

        Returns
        -------
        X_new : array of shape (n, bands)
            float32 where X is, else float64.

        Raises
        ------
        ValueError
            When there are more or fewer bands, or one at another wavelength, than in
            :meth:`fit`, or a spectrum holds NaN or infinity.
        """
        check_is_fitted(self)
        return self._view(self._spectra(X, reset=False))

    def _learn(self, X: np.ndarray) -> None:
        """Learn from the spectra of a fit."""

    def _view(self, X: np.ndarray) -> np.ndarray:
        """Transformed spectra, each computed without regard to the others."""
        raise NotImplementedError

    def _spectra(self, X: Any, *, reset: bool) -> np.ndarray:
        """X as an array of floats, with the bands of the fit."""
        checks: dict[str, Any] = {"dtype": [np.float64, np.float32], "order": "C"}
        if isinstance(X, PixelSamples):
            check_bands(self, X, reset=reset)
            check_finite(X)
            return check_array(X, estimator=self, **checks)
        return checked_array(self, X, reset=reset, **checks)

    def _note_wavelengths(self) -> None:
        """Note the wavelengths that were given, if they are those of the bands."""
        who, given = type(self).__name__, as_array("wavelengths", self.wavelengths).size
        if given != self.n_features_in_:
            raise ValueError(
                f"wavelengths holds {given} values, but X has {self.n_features_in_} bands. Where"
                f" a step before {who} changes the bands, put {who} in front of that step, or give"
                " it the wavelengths of the bands that are left."
            )
        wavelengths = np.array(checked_wavelengths(self.wavelengths, given))
        of_scene = getattr(self, "wavelengths_in_", wavelengths)
        if (np.abs(of_scene - wavelengths) > SAME_BAND).any():
            raise ValueError(
                f"wavelengths of {who} are not those of the scene that X is from: leave them out,"
                " or make the scene with the right ones."
            )
        self.wavelengths_in_ = wavelengths

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
