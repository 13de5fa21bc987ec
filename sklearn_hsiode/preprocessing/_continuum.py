"""ContinuumRemoval: each spectrum divided by its upper convex hull."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from sklearn_hsiode._memory import HULLS, n_items
from sklearn_hsiode.preprocessing._view import SpectralView

MANY = 0.01  # share of values below zero of which a fit warns


class ContinuumRemoval(SpectralView):
    """Divide each spectrum by its continuum, the upper convex hull over its wavelengths.

    The hull is what a band stretched over the spectrum would touch. Divided by it, a spectrum is
    1 at both ends and wherever the hull touches it, and below 1 within absorption features, which
    so become comparable whatever the brightness and slope of the spectrum [1]_.

    The spectra should be reflectance or radiance. Values below zero count as zero, so that the
    result lies between 0 and 1; where spectrum and hull are both zero, it is 1. The bands may be
    in any order, and the hull spans gaps between them.

    Parameters
    ----------
    wavelengths : array of shape (n_bands,), default=None
        Wavelengths of the bands in nanometres, no two of them equal. By default those of the
        scene, where X is from one that has them, also through
        :class:`~sklearn_hsiode.SpectralTransformer`; else the bands are taken as evenly spaced.

    Attributes
    ----------
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.
    wavelengths_in_ : array of shape (n_bands,)
        Their wavelengths in nanometres, where they are known.
    feature_names_in_ : array of shape (n_bands,)
        Their names, where X has names or its scene has wavelengths.

    Warns
    -----
    UserWarning
        In :meth:`fit`, when more than 1 % of the values lie below zero.

    Notes
    -----
    Points that lie on or below the line between their neighbours are removed, those of all spectra
    at the same time, until none is left. This takes some 20 microseconds for a spectrum of
    200 bands (one core), so 20 seconds for a million pixels.

    References
    ----------
    .. [1] R. N. Clark and T. L. Roush, "Reflectance spectroscopy: quantitative analysis techniques
       for remote sensing applications", Journal of Geophysical Research 89(B7), 6329-6340, 1984.

    Examples
    --------
    >>> from sklearn_hsiode.preprocessing import ContinuumRemoval
    >>> spectra = [[2.0, 1.0, 4.0, 2.0], [20.0, 10.0, 40.0, 20.0]]
    >>> ContinuumRemoval(wavelengths=[400, 500, 600, 900]).fit_transform(spectra)
    array([[1.        , 0.33333333, 1.        , 1.        ],
           [1.        , 0.33333333, 1.        , 1.        ]])
    """

    _parameter_constraints: dict[str, list[Any]] = {"wavelengths": ["array-like", None]}

    def __init__(self, wavelengths: Any = None) -> None:
        self.wavelengths = wavelengths

    def _learn(self, X: np.ndarray) -> None:
        places, counts = np.unique(self._places(), return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"wavelengths holds {places[counts > 1][0]:g} nm more than once, but a continuum"
                " needs one value at each wavelength: leave all but one of these bands out, as"
                " X[:, bands] does."
            )
        if np.mean(X < 0) > MANY:
            warnings.warn(
                "ContinuumRemoval counts values below zero as zero, and more than 1 % are: give it"
                " reflectance or radiance, before any step that centres the spectra, and leave out"
                " bands and pixels without signal.",
                stacklevel=3,
            )

    def _view(self, X: np.ndarray) -> np.ndarray:
        places = self._places()
        order = np.argsort(places)
        removed = np.empty_like(X)
        for batch in gen_batches(len(X), n_items(HULLS, 8 * len(places))):
            # In double precision: rounding would take points of a flat arc off the hull.
            spectra = np.maximum(X[batch][:, order], 0, dtype=float)
            hulls = np.maximum(upper_hulls(spectra, places[order]), spectra)
            ratio = np.divide(spectra, hulls, out=np.ones_like(hulls), where=hulls > 0)
            removed[batch, order] = ratio
        return removed

    def _places(self) -> np.ndarray:
        """Where the bands lie along the spectrum."""
        numbers = np.arange(self.n_features_in_, dtype=float)
        return np.asarray(getattr(self, "wavelengths_in_", numbers))


def upper_hulls(spectra: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Upper convex hull of each spectrum, at each band.

    Parameters
    ----------
    spectra : array of shape (n, bands)
        Values.
    places : array of shape (bands,)
        Where the bands lie, in increasing order.

    Returns
    -------
    hulls : array of shape (n, bands)
    """
    n_bands = len(places)
    values = spectra.ravel()  # one spectrum behind the other
    vertices = np.arange(values.size)
    while True:
        bands = vertices % n_bands
        x, y = places[bands], values[vertices]
        inner = (bands[1:-1] > 0) & (bands[1:-1] < n_bands - 1)
        rise, run = np.diff(y), np.diff(x)
        below = inner & (rise[:-1] * (x[2:] - x[:-2]) <= (y[2:] - y[:-2]) * run[:-1])
        if not below.any():
            break
        vertices = np.delete(vertices, np.flatnonzero(below) + 1)
    # From the last vertex of a spectrum, the line leads to itself alone.
    slopes = np.append(rise / run, 0) if n_bands > 1 else np.zeros_like(y)
    n_places = np.diff(vertices, append=values.size)
    beyond = np.tile(places, len(spectra)) - np.repeat(x, n_places)
    return (np.repeat(y, n_places) + np.repeat(slopes, n_places) * beyond).reshape(spectra.shape)
