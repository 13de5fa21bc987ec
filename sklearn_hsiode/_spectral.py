"""SpectralTransformer: a scikit-learn transformer of spectra that keeps the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._arguments import HasMethods, StrOptions
from sklearn_hsiode._bands import check_bands, feature_names
from sklearn_hsiode._parallel import without_cluster
from sklearn_hsiode._pixels import PixelSamples, check_finite, require_pixels
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._sklearn import DocLinkMixin


class SpectralTransformer(  # type: ignore[call-arg]
    DocLinkMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Apply any scikit-learn transformer to the spectra of a whole scene.

    A scaler or a PCA on its own turns pixels into a plain array, which has no neighbours.
    This wrapper returns pixels of the transformed scene instead, so that the neighbours in a
    patch are transformed as well, each once.

    A transformer asks for wavelengths by a parameter `wavelengths` that is None, as
    :class:`~sklearn_hsiode.preprocessing.SpectralDerivative` does, wherever it is in a pipeline
    or a union: it is fitted with those of the scene, where the scene has them.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of arrays (n, bands) to dense arrays (n, components).
    fit_on : {"samples", "scene"}, default="samples"
        Fit on the spectra of the samples given to :meth:`fit`, so that nothing of the test
        pixels is seen, or on every valid pixel of their scenes, as the paper's authors do.

    Attributes
    ----------
    transformer_ : transformer
        The fitted copy of `transformer`, with the scene's wavelengths where it asks for them.
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.
    wavelengths_in_ : array of shape (n_bands,)
        Their wavelengths in nanometres, where the scene has them; other ones are refused then.
    feature_names_in_ : array of shape (n_bands,)
        Their names, such as "450 nm", where the scene has wavelengths.

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

    def fit(self, X: PixelSamples, y: Any = None, **params: Any) -> SpectralTransformer:
        """Fit a copy of the transformer on spectra.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels that know their scene.
        y : array of shape (n,), default=None
            Class labels, for a transformer that uses them; not used with
            ``fit_on="scene"``, where most pixels have none.
        **params : dict
            Metadata for the transformer, such as `sample_weight`; with metadata routing
            switched on, what it requests. With ``fit_on="scene"`` there must be none, since
            they tell of the samples.

        Returns
        -------
        self : SpectralTransformer

        Raises
        ------
        TypeError
            When X is a plain array.
        ValueError
            When a spectrum that is used holds NaN or infinity, or there is metadata with
            ``fit_on="scene"``.
        """
        self._validate_params()
        require_pixels(X, type(self).__name__)
        check_bands(self, X, reset=True)
        whole_scene = self.fit_on == "scene"
        if whole_scene and params:
            raise ValueError(
                f"{', '.join(params)} tell of the samples, but fit_on='scene' fits on every valid"
                " pixel of the scene: use fit_on='samples'."
            )
        if _routing_enabled():
            params = process_routing(self, "fit", **params).transformer.fit
        pixels = X
        if whole_scene:
            pixels = PixelSamples.concatenate(scene.pixels() for scene in X.scenes.values())
        check_finite(pixels)
        transformer = _with_wavelengths(clone(self.transformer), X.wavelengths)
        y = None if whole_scene else y
        with without_cluster():
            self.transformer_ = transformer.fit(np.asarray(pixels), y, **params)
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
            Their scene has wavelengths where each of its bands has the name of a band of
            :meth:`fit`.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`fit`, or for another number of bands.
        """
        check_is_fitted(self)
        require_pixels(X, type(self).__name__)
        check_bands(self, X, reset=False)
        check_finite(X)
        return X._in_scenes(self._transformed)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the bands of the transformed scene.

        Parameters
        ----------
        input_features : array of shape (n_bands,), default=None
            Names of the bands of the input; by default `feature_names_in_`, or "x0", "x1" and
            so on.

        Returns
        -------
        names : array of str of shape (n_components,)
            Those that the transformer gives.

        Raises
        ------
        AttributeError
            When the transformer has no `get_feature_names_out`.
        """
        check_is_fitted(self)
        return self.transformer_.get_feature_names_out(feature_names(self, input_features))

    def get_metadata_routing(self) -> MetadataRouter:
        """Which metadata reach the transformer, as scikit-learn's meta-estimators tell it.

        Returns
        -------
        routing : MetadataRouter
        """
        # A pipeline calls fit_transform, which scikit-learn up to 1.8 does not take for a fit.
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="fit_transform", callee="fit")
        return MetadataRouter(owner=type(self).__name__).add(
            transformer=self.transformer, method_mapping=mapping
        )

    def set_output(self, *, transform: str | None = None) -> SpectralTransformer:
        """Do nothing: the result is no table. It is here so that a pipeline can be asked."""
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # but pixels that know their scene
        if isinstance(self.transformer, BaseEstimator):
            inner = get_tags(self.transformer)
            tags.input_tags.positive_only = inner.input_tags.positive_only
            tags.non_deterministic = inner.non_deterministic
            tags.target_tags.required = inner.target_tags.required
            if inner.transformer_tags is not None:
                tags.transformer_tags.preserves_dtype = inner.transformer_tags.preserves_dtype
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "transformer_")

    def _transformed(self, scene: Scene) -> Scene:
        """The scene with every valid pixel transformed; one that holds NaN is all NaN."""
        usable = np.flatnonzero(scene.mask & ~scene.non_finite)
        with without_cluster():
            parts = [(part, self._values(spectra)) for part, spectra in scene.iter_spectra(usable)]
        dtypes = [values.dtype for _, values in parts]
        dtype = np.result_type(*dtypes, *([np.float32] if scene.non_finite.any() else []))
        cube = np.zeros((*scene.shape[:2], parts[0][1].shape[1]), dtype)
        for part, values in parts:
            cube.reshape(-1, cube.shape[2])[part] = values
        if scene.non_finite.any():
            cube[scene.non_finite] = np.nan
        return scene.with_cube(cube, wavelengths=self._wavelengths_out(cube.shape[2]))

    def _wavelengths_out(self, n_bands: int) -> list[float] | None:
        """Wavelengths of the transformed bands, if these keep names of bands of the fit."""
        try:
            names = self.get_feature_names_out()
        except AttributeError:
            return None
        known = getattr(self, "feature_names_in_", ()), getattr(self, "wavelengths_in_", ())
        wavelengths = dict(zip(*known, strict=True))
        kept = [wavelengths[name] for name in names if name in wavelengths]
        return kept if len(kept) == n_bands else None

    def _values(self, spectra: np.ndarray) -> np.ndarray:
        values = self.transformer_.transform(spectra)
        if scipy.sparse.issparse(values):
            raise ValueError(
                f"{type(self.transformer).__name__} returns sparse matrices, which cannot be the"
                " bands of a scene: make its output dense (sparse_output=False)."
            )
        return np.asarray(values)


def _with_wavelengths(transformer: Any, wavelengths: np.ndarray | None) -> Any:
    """The transformer with wavelengths wherever a parameter of that name is None."""
    if wavelengths is None:
        return transformer
    asked = [
        name
        for name, value in transformer.get_params().items()
        if name.split("__")[-1] == "wavelengths" and value is None
    ]
    return transformer.set_params(**dict.fromkeys(asked, wavelengths))
