"""StandardNormalVariate: each spectrum with a mean of zero and a standard deviation of one."""

from __future__ import annotations

import numpy as np

from sklearn_hsiode.preprocessing._view import SpectralView


class StandardNormalVariate(SpectralView):
    """Subtract from each spectrum its mean, and divide it by its standard deviation.

    Spectra that differ in brightness and in a constant offset become the same [1]_. The standard
    deviation is that of all bands (divided by their number, as in
    :class:`~sklearn.preprocessing.StandardScaler`). A flat spectrum becomes zeros.

    Attributes
    ----------
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.
    wavelengths_in_ : array of shape (n_bands,)
        Their wavelengths in nanometres, where X is from a scene that has them; other ones are
        refused then.
    feature_names_in_ : array of shape (n_bands,)
        Their names, where X has names or wavelengths.

    References
    ----------
    .. [1] R. J. Barnes, M. S. Dhanoa and S. J. Lister, "Standard normal variate transformation
       and de-trending of near-infrared diffuse reflectance spectra", Applied Spectroscopy 43(5),
       772-777, 1989.

    Examples
    --------
    >>> from sklearn_hsiode.preprocessing import StandardNormalVariate
    >>> spectra = [[1.0, 3.0], [10.0, 30.0], [5.0, 5.0]]
    >>> StandardNormalVariate().fit_transform(spectra)
    array([[-1.,  1.],
           [-1.,  1.],
           [ 0.,  0.]])
    """

    def _view(self, X: np.ndarray) -> np.ndarray:
        # Within -1 and 1 first, since the span of two finite numbers may not be one.
        peak = np.abs(X).max(axis=1, keepdims=True)
        X = X / np.where(peak > 0, peak, 1)
        # Then from 0 to 1: in these units rounding cannot make a flat spectrum uneven.
        darkest = X.min(axis=1, keepdims=True)
        span = X.max(axis=1, keepdims=True) - darkest
        X = (X - darkest) / np.where(span > 0, span, 1)
        X -= X.mean(axis=1, keepdims=True)
        X /= np.where(span > 0, X.std(axis=1, keepdims=True), 1)
        return X
