"""Bands that an estimator was fitted on: how many, and at which wavelengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import _check_feature_names_in, validate_data

# Nanometres by which a band may differ from the one of the training.
SAME_BAND = 1.0
SHOWN_BANDS = 5  # in an error, of those that differ


def check_bands(estimator: Any, X: Any, *, reset: bool) -> None:
    """Note the bands of pixels in a fitted estimator, or compare them with those noted.

    Parameters
    ----------
    estimator : estimator
        Gets `n_features_in_` and, where the scene has wavelengths, `wavelengths_in_` and
        `feature_names_in_`.
    X : PixelSamples of shape (n, bands)
        Pixels that know their scenes.
    reset : bool
        Note the bands, instead of comparing them.

    Raises
    ------
    ValueError
        When there are more or fewer bands, or one at another wavelength, than in the fit.
    """
    n_bands, wavelengths = X.shape[1], X.wavelengths
    if reset:
        forget_bands(estimator)
        estimator.n_features_in_ = n_bands
        if wavelengths is not None:
            estimator.wavelengths_in_ = np.array(wavelengths)
            estimator.feature_names_in_ = band_names(wavelengths)
    else:
        check_n_bands(estimator, n_bands)
        fitted = getattr(estimator, "wavelengths_in_", None)
        for scene in X.scenes.values():
            check_wavelengths(scene.wavelengths, fitted, type(estimator).__name__)


def checked_array(estimator: Any, X: Any, *, reset: bool, **checks: Any) -> np.ndarray:
    """X as an array whose bands are noted in a fitted estimator, or compared with those noted.

    Parameters
    ----------
    estimator : estimator
        Gets `n_features_in_` and, where X has names, `feature_names_in_`.
    X : array or table of shape (n, bands, ...)
        Values that do not know their scene.
    reset : bool
        Note the bands, instead of comparing them.
    **checks
        As :func:`sklearn.utils.check_array` takes them.

    Returns
    -------
    X : array of shape (n, bands, ...)

    Raises
    ------
    ValueError
        When a check fails, or there are more or fewer bands than in the fit.
    """
    if reset:
        forget_bands(estimator)
    if hasattr(estimator, "wavelengths_in_") and not hasattr(X, "columns"):
        # It was fitted on a scene, and an array's bands have no names.
        checked: np.ndarray = check_array(X, estimator=estimator, input_name="X", **checks)
        check_n_bands(estimator, checked.shape[1])
    else:
        checked = validate_data(estimator, X, reset=reset, **checks)
    return checked


def check_n_bands(estimator: Any, n_bands: int) -> None:
    """Raise ValueError, in scikit-learn's words, for another number of bands than in the fit."""
    if n_bands != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_bands} features, but {type(estimator).__name__} is expecting"
            f" {estimator.n_features_in_} features as input: give it the same bands, in the same"
            " order."
        )


def forget_bands(estimator: Any) -> None:
    """Remove the wavelengths of an earlier fit."""
    for name in ("feature_names_in_", "wavelengths_in_"):
        vars(estimator).pop(name, None)


def check_wavelengths(
    wavelengths: np.ndarray | None, fitted: np.ndarray | None, who: str = "The estimator"
) -> None:
    """Raise ValueError where a band lies at another wavelength than in the fit, if both are known.

    Parameters
    ----------
    wavelengths, fitted : array of shape (bands,) or None
        Those of a scene, and those of the fit, in nanometres.
    who : str, default="The estimator"
        Subject of the message.
    """
    if wavelengths is None or fitted is None:
        return
    apart = np.abs(wavelengths - fitted)
    if apart.max() > SAME_BAND:
        band = int(apart.argmax())
        raise ValueError(
            f"{who} was fitted at other wavelengths: band {band + 1} is at"
            f" {wavelengths[band]:g} nm in this scene and was at {fitted[band]:g} nm. Give it the"
            " bands of the fit, in their order."
        )


def first_wavelengths(scenes: Iterable[Any]) -> np.ndarray | None:
    """Wavelengths of the first of several scenes that has any, or None."""
    return next((s.wavelengths for s in scenes if s.wavelengths is not None), None)


def check_same_bands(scenes: Sequence[Any]) -> None:
    """Raise ValueError unless scenes have as many bands, each within 1 nm of that of the first.

    That is the first one that has wavelengths; those that have none agree with every other.
    """
    numbers = sorted({scene.n_bands for scene in scenes})
    if len(numbers) > 1:
        raise ValueError(
            f"The scenes must have the same bands, but they have {', '.join(map(str, numbers))} of"
            " them: choose the ones in common with scene.select_bands, or open the files together"
            " with read_scenes."
        )
    known = [(i, scene.wavelengths) for i, scene in enumerate(scenes)]
    known = [(i, wavelengths) for i, wavelengths in known if wavelengths is not None]
    for i, wavelengths in known:
        first, expected = known[0]
        apart = np.flatnonzero(np.abs(wavelengths - expected) > SAME_BAND)
        if apart.size:
            bands = ", ".join(
                f"{band + 1} ({expected[band]:g} and {wavelengths[band]:g} nm)"
                for band in apart[:SHOWN_BANDS]
            )
            more = f" and {len(apart) - SHOWN_BANDS} more" if len(apart) > SHOWN_BANDS else ""
            raise ValueError(
                f"The scenes must have the same bands, within {SAME_BAND:g} nm, but those of"
                f" scenes {first} and {i}, counted from 0, differ in band {bands}{more}: choose or"
                " resample the bands of one to those of the other."
            )


def band_names(wavelengths: np.ndarray) -> np.ndarray:
    """Names of bands, such as "450 nm".

    Examples
    --------
    >>> from sklearn_hsiode._bands import band_names
    >>> band_names([450, 2.5e3])
    array(['450 nm', '2500 nm'], dtype=object)
    """
    return np.array([f"{wavelength:g} nm" for wavelength in wavelengths], dtype=object)


def feature_names(estimator: Any, names: Any = None) -> np.ndarray:
    """Names of the bands of a fitted estimator, given or known, as scikit-learn checks them."""
    return np.asarray(_check_feature_names_in(estimator, names), dtype=object)


def fitted_wavelengths(estimator: Any, n_bands: int) -> np.ndarray | None:
    """Wavelengths of so many bands that an estimator, or the first such part, was fitted at."""
    known = (getattr(part, "wavelengths_in_", None) for part in iter_estimators(estimator))
    return next((found for found in known if found is not None and len(found) == n_bands), None)


def iter_estimators(part: Any) -> Iterator[BaseEstimator]:
    """An estimator and all estimators in it, however deep."""
    if isinstance(part, BaseEstimator):
        yield part
        part = vars(part)
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
        for item in np.ravel(part) if isinstance(part, np.ndarray) else part:
            yield from iter_estimators(item)
