"""SpectralTransformer: a scikit-learn transformer of spectra that keeps the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_hsiode._pixels import PixelSamples, check_finite, require_pixels
from sklearn_hsiode._scene import Scene


class SpectralTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Apply any scikit-learn transformer to the spectra of a whole scene.

    A scaler or a PCA on its own turns pixels into a plain array, which has no neighbours.
    This wrapper returns pixels of the transformed scene instead, so that the neighbours in a
    patch are transformed as well, each once.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of arrays (n, bands) to dense arrays (n, components).
    fit_on : {"samples", "scene"}, default="samples"
        Fit on the spectra of the samples given to :meth:`fit`, so that nothing of the test
        pixels is seen, or on every valid pixel of their scene, as the paper's authors do.

    Attributes
    ----------
    transformer_ : transformer
        The fitted copy of `transformer`.
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_hsiode import SpectralTransformer
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> components = SpectralTransformer(PCA(n_components=3)).fit_transform(X)
    >>> components.shape == (len(y), 3)
    True
    >>> components.scene.shape
    (64, 64, 3)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "transformer": [HasMethods(["fit", "transform"])],
        "fit_on": [StrOptions({"samples", "scene"})],
    }

    def __init__(self, transformer: Any, fit_on: str = "samples") -> None:
        self.transformer = transformer
        self.fit_on = fit_on

    def fit(self, X: PixelSamples, y: Any = None) -> SpectralTransformer:
        """Fit a copy of the transformer on spectra.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels that know their scene.
        y : array of shape (n,), default=None
            Class labels, for a transformer that uses them; not used with
            ``fit_on="scene"``, where most pixels have none.

        Returns
        -------
        self : SpectralTransformer

        Raises
        ------
        TypeError
            When X is a plain array.
        ValueError
            When a spectrum that is used holds NaN or infinity.
        """
        self._validate_params()
        require_pixels(X, type(self).__name__)
        validate_data(self, X, skip_check_array=True)
        whole_scene = self.fit_on == "scene"
        pixels = X.scene.pixels() if whole_scene else X
        check_finite(pixels)
        transformer = clone(self.transformer)
        self.transformer_ = transformer.fit(np.asarray(pixels), None if whole_scene else y)
        return self

    def transform(self, X: PixelSamples) -> PixelSamples:
        """The same pixels in the transformed scene.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels of any scene with as many bands as that of :meth:`fit`.

        Returns
        -------
        X_new : PixelSamples of shape (n, components)

        Raises
        ------
        TypeError, ValueError
            As in :meth:`fit`, or for another number of bands.
        """
        check_is_fitted(self)
        require_pixels(X, type(self).__name__)
        validate_data(self, X, reset=False, skip_check_array=True)
        check_finite(X)
        return PixelSamples(self._transformed(X.scene), X.positions)

    def set_output(self, *, transform: str | None = None) -> SpectralTransformer:
        """Do nothing: the result is no table. It is here so that a pipeline can be asked."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "transformer_")

    def _transformed(self, scene: Scene) -> Scene:
        """The scene with every valid pixel transformed; one that holds NaN is all NaN."""
        usable = np.flatnonzero(scene.mask & ~scene.non_finite)
        parts = [(part, self._values(spectra)) for part, spectra in scene.iter_spectra(usable)]
        dtypes = [values.dtype for _, values in parts]
        dtype = np.result_type(*dtypes, *([np.float32] if scene.non_finite.any() else []))
        cube = np.zeros((*scene.shape[:2], parts[0][1].shape[1]), dtype)
        for part, values in parts:
            cube.reshape(-1, cube.shape[2])[part] = values
        if scene.non_finite.any():
            cube[scene.non_finite] = np.nan
        return scene.with_cube(cube)

    def _values(self, spectra: np.ndarray) -> np.ndarray:
        values = self.transformer_.transform(spectra)
        if scipy.sparse.issparse(values):
            raise ValueError(
                f"{type(self.transformer).__name__} returns sparse matrices, which cannot be the"
                " bands of a scene: make its output dense (sparse_output=False)."
            )
        return np.asarray(values)
