"""SpectralDerivative: Savitzky-Golay derivatives along the spectrum."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from scipy.signal import savgol_filter

from sklearn_hsiode._arguments import Integer
from sklearn_hsiode.preprocessing._runs import band_runs
from sklearn_hsiode.preprocessing._view import SpectralView

FLOOR = 0.01  # of the median of a band's positive values: smaller ones are raised to it
MANY = 0.01  # share of raised values of which a fit warns


class SpectralDerivative(SpectralView):
    """Differentiate each spectrum, or its logarithm, along its bands.

    A polynomial is fitted to the window of bands around each band [1]_, and its derivative at
    that band is taken. The derivative is per band, not per nanometre: with steps of 10 nm it is
    ten times that per nanometre.

    With ``log=True`` it is that of the logarithm, for which a spectrum in the shade and the same
    one in the sun, a constant factor apart, are the same. With ``order=0`` the spectrum, or its
    logarithm, is smoothed.

    Where wavelengths are known, no window reaches across a gap between them, such as that of the
    bands removed because of water vapour. A gap is a step of more than 2.5 times the median of the
    21 steps around it, so that a single missing band makes none, or one in the other direction,
    as from one detector to the next that overlaps it. Near the ends of a run of bands the
    polynomial of the outermost window counts.

    Parameters
    ----------
    order : int, default=1
        Order of the derivative, `polyorder` at most; 0 smooths.
    window_length : int, default=7
        Number of bands in the window, odd. To a run of fewer bands, one polynomial is fitted,
        with a warning in :meth:`fit`; its derivative is zero where it has `order` bands or fewer.
    polyorder : int, default=2
        Order of the polynomial, less than `window_length`.
    log : bool, default=False
        Take the logarithm of the values first. Values below a floor, zero and negative ones
        among them, are raised to it: a hundredth of the median of the positive values that the
        band had in :meth:`fit`.
    wavelengths : array of shape (n_bands,), default=None
        Wavelengths of the bands in nanometres. By default those of the scene, where X is from
        one that has them, also through :class:`~sklearn_hsiode.SpectralTransformer`; else all
        bands count as one run.

    Attributes
    ----------
    runs_ : array of int of shape (n_runs, 2)
        First band of each gapless run, counted from 0, and the band after its last.
    floor_ : array of shape (n_bands,)
        Values below it are raised to it, with ``log=True``.
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.
    wavelengths_in_ : array of shape (n_bands,)
        Their wavelengths in nanometres, where they are known.
    feature_names_in_ : array of shape (n_bands,)
        Their names, where X has names or its scene has wavelengths.

    Raises
    ------
    ValueError
        In :meth:`fit`, when a parameter does not fit the others or the bands, or `log` finds no
        positive value.

    Warns
    -----
    UserWarning
        In :meth:`fit`, when a run of bands is shorter than the window, or `log` raises more than
        1 % of the values.

    See Also
    --------
    scipy.signal.savgol_filter : The filter that each run goes through (``mode="interp"``).

    References
    ----------
    .. [1] A. Savitzky and M. J. E. Golay, "Smoothing and differentiation of data by simplified
       least squares procedures", Analytical Chemistry 36(8), 1627-1639, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_hsiode.preprocessing import SpectralDerivative
    >>> sunny = np.exp(0.5 * np.arange(9))
    >>> derivative = SpectralDerivative(log=True).fit([sunny])
    >>> derivative.transform([sunny, 0.2 * sunny]).round(6)
    array([[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]])

    With a parameter `wavelengths` that is None, it gets the scene's wavelengths:

    >>> from sklearn_hsiode import SpectralTransformer
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> slopes = SpectralTransformer(SpectralDerivative(log=True)).fit_transform(X)
    >>> slopes.shape == X.shape
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "order": [Integer(0)],
        "window_length": [Integer(1)],
        "polyorder": [Integer(0)],
        "log": ["boolean"],
        "wavelengths": ["array-like", None],
    }

    def __init__(
        self,
        order: int = 1,
        window_length: int = 7,
        polyorder: int = 2,
        log: bool = False,
        wavelengths: Any = None,
    ) -> None:
        self.order = order
        self.window_length = window_length
        self.polyorder = polyorder
        self.log = log
        self.wavelengths = wavelengths

    def _validate_params(self) -> None:
        super()._validate_params()
        if self.window_length % 2 == 0:
            raise ValueError(
                "window_length must be odd, so that a band lies in the centre of its window; got"
                f" {self.window_length}."
            )
        if self.polyorder >= self.window_length:
            raise ValueError(
                f"polyorder={self.polyorder} must be less than window_length="
                f"{self.window_length}: lower it, or take a longer window."
            )
        if self.order > self.polyorder:
            raise ValueError(
                f"order={self.order} must not exceed polyorder={self.polyorder}, as such a"
                " derivative of the polynomial is zero: raise polyorder."
            )

    def _learn(self, X: np.ndarray) -> None:
        self.runs_ = band_runs(getattr(self, "wavelengths_in_", None), X.shape[1])
        self._warn_of_short_runs()
        if self.log:
            self.floor_ = _floor(X)

    def _warn_of_short_runs(self) -> None:
        short = self.runs_[np.diff(self.runs_).ravel() < self.window_length]
        if len(short):
            first, last = short[0] + [1, 0]
            warnings.warn(
                f"window_length={self.window_length} is longer than {len(short)} of"
                f" {len(self.runs_)} runs of bands, the first of them bands {first} to {last}"
                " (counted from 1); there, one polynomial is fitted to the whole run. Take a"
                " shorter window, or leave these bands out, as X[:, bands] does. Bands that are not"
                " in the order of their wavelengths make runs as well: sort them.",
                stacklevel=4,
            )

    def _view(self, X: np.ndarray) -> np.ndarray:
        if self.log:
            X = np.maximum(X, self.floor_.astype(X.dtype))
            np.log(X, out=X)
        # By a sparse product a spectrum comes out the same, to the bit, whatever the others are.
        return np.ascontiguousarray((self._filter().astype(X.dtype) @ X.T).T)

    def _filter(self) -> Any:
        """Sparse matrix (n_bands, n_bands) that the spectra are multiplied by."""
        blocks = []
        for n_bands in np.diff(self.runs_).ravel():
            window = min(self.window_length, n_bands)
            polyorder = min(self.polyorder, window - 1)
            weights = savgol_filter(np.eye(n_bands), window, polyorder, deriv=self.order, axis=0)
            blocks.append(scipy.sparse.csr_array(weights))
        return scipy.sparse.block_diag(blocks, format="csr")


def _floor(X: np.ndarray) -> np.ndarray:
    """The least value of each band whose logarithm is taken, with a warning where many are less."""
    medians = np.array([np.median(band[band > 0]) if (band > 0).any() else 0 for band in X.T])
    if not medians.any():
        raise ValueError(
            "log=True needs positive values, and X has none: give reflectance or radiance, or set"
            " log=False."
        )
    medians[medians == 0] = np.median(medians[medians > 0])
    floor = np.maximum(FLOOR * medians, np.finfo(np.float32).tiny)
    if np.mean(floor > X) > MANY:
        warnings.warn(
            "log=True needs positive values: more than 1 % of them lie below a hundredth of the"
            " median of their band, many of them at or below zero perhaps, and were raised to it."
            " Leave out bands and pixels without signal, or set log=False.",
            stacklevel=4,
        )
    return floor
