"""PatchExtractor and PatchSamples: neighbourhoods, gathered only when asked for."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._arguments import Integer, StrOptions
from sklearn_hsiode._bands import check_bands, feature_names
from sklearn_hsiode._gather import PADDING_MODES, SceneGatherer
from sklearn_hsiode._pixels import PixelSamples, require_pixels
from sklearn_hsiode._sklearn import DocLinkMixin


class PatchSamples:
    """Square neighbourhoods of pixels, as a lazy array of shape (n, bands, size, size).

    Made by :meth:`PatchExtractor.transform`. Indexed by rows it is a view of fewer patches;
    a single patch, or all of them with ``np.asarray``, are float32 arrays.

    Parameters
    ----------
    pixels : PixelSamples of shape (n, bands)
        The pixels in the centres.
    patch_size : int
        Side of a patch in pixels, odd.
    padding : {"reflect", "edge", "zero"}
        Values beyond the border of the scene.

    Attributes
    ----------
    pixels, patch_size, padding
        As given.
    """

    ndim = 4
    dtype = np.dtype(np.float32)

    def __init__(self, pixels: PixelSamples, patch_size: int, padding: str = "reflect") -> None:
        self.pixels = pixels
        self.patch_size = patch_size
        self.padding = padding

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of patches, bands, and twice the patch size."""
        return (*self.pixels.shape, self.patch_size, self.patch_size)

    def __len__(self) -> int:
        return len(self.pixels)

    def gatherer(
        self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> SceneGatherer:
        """Gatherer of mini-batches of these patches on a device."""
        return SceneGatherer(
            self.pixels, self.patch_size, self.padding, torch.device(device), dtype
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("PatchSamples cannot become an array without cutting every patch.")
        patches = self.gatherer()(np.arange(len(self))).numpy()
        return np.ascontiguousarray(patches, dtype=dtype)

    def __getitem__(self, key: Any) -> PatchSamples | np.ndarray:
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]
        if isinstance(key, Integral):
            return np.asarray(self[[key]])[0]
        pixels = None if isinstance(key, tuple) else self.pixels[key]
        if isinstance(pixels, PixelSamples):
            return PatchSamples(pixels, self.patch_size, self.padding)
        return np.asarray(self)[key]

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
    ) -> PatchSamples | np.ndarray:
        """Patches by integer index, as :func:`numpy.take` along the first axis."""
        if mode == "raise" and out is None and axis in (0, -4):
            return self[np.asarray(indices)]
        return np.asarray(self).take(indices, axis, out, mode)  # type: ignore[call-overload]

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        # scikit-learn's array API dispatch asks every X for its namespace.
        return np

    def __sizeof__(self) -> int:
        # joblib's Dask backend decides by it whether to scatter X.
        return object.__sizeof__(self) + self.pixels.__sizeof__()

    def __repr__(self) -> str:
        size, scenes = self.patch_size, self.pixels._described_scenes()
        return f"PatchSamples({len(self)} patches of {size} x {size} pixels, {scenes})"


class PatchExtractor(  # type: ignore[call-arg]
    DocLinkMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Turn pixels of a scene into the square neighbourhoods around them.

    Nothing is cut here: the result is a lazy array, and a classifier of this package cuts a
    mini-batch of patches when it needs one. Not to be confused with scikit-learn's class of
    the same name, which samples random patches of photographs.

    Parameters
    ----------
    patch_size : int, default=5
        Side of a patch in pixels, odd so that its pixel lies in the centre.
    padding : {"reflect", "edge", "zero"}, default="reflect"
        Values beyond the border of the scene: its mirror image, its outermost
        pixels, or zeros. Zeros go in before the classifiers standardise, so they are the mean
        (as in the paper) only where the bands have a mean of zero. Pixels outside the scene's
        mask are treated likewise: they take the spectrum of the nearest valid pixel, or zero.

    Attributes
    ----------
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.
    wavelengths_in_ : array of shape (n_bands,)
        Their wavelengths in nanometres, where the scene has them; other ones are refused then.
    feature_names_in_ : array of shape (n_bands,)
        Their names, such as "450 nm", where the scene has wavelengths.

    Examples
    --------
    >>> from sklearn_hsiode import PatchExtractor
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> patches = PatchExtractor(patch_size=7).fit_transform(X[:100])
    >>> patches.shape
    (100, 48, 7, 7)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "patch_size": [Integer()],
        "padding": [StrOptions(set(PADDING_MODES))],
    }

    def __init__(self, patch_size: int = 5, padding: str = "reflect") -> None:
        self.patch_size = patch_size
        self.padding = padding

    def fit(self, X: PixelSamples, y: Any = None) -> PatchExtractor:
        """Check the parameters against the scene, and remember the number of bands.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels that know their scene.
        y : None
            Ignored.

        Returns
        -------
        self : PatchExtractor

        Raises
        ------
        TypeError
            When X is a plain array, which has no neighbourhoods.
        ValueError
            When the patch size is not a positive odd integer, or too large to reflect.
        """
        self._check(X)
        check_bands(self, X, reset=True)
        return self

    def transform(self, X: PixelSamples) -> PatchSamples:
        """Patches around pixels, cut only when asked for.

        Parameters
        ----------
        X : PixelSamples of shape (n, bands)
            Pixels of any scene with as many bands as that of :meth:`fit`.

        Returns
        -------
        patches : PatchSamples of shape (n, bands, patch_size, patch_size)

        Raises
        ------
        TypeError, ValueError
            As in :meth:`fit`, or for another number of bands.
        """
        check_is_fitted(self)
        self._check(X)
        check_bands(self, X, reset=False)
        return PatchSamples(X, self.patch_size, self.padding)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the bands, which are those of the input.

        Parameters
        ----------
        input_features : array of shape (n_bands,), default=None
            Names of the bands; by default `feature_names_in_`, or "x0", "x1" and so on.

        Returns
        -------
        names : array of str of shape (n_bands,)
        """
        check_is_fitted(self)
        return feature_names(self, input_features)

    def set_output(self, *, transform: str | None = None) -> PatchExtractor:
        """Do nothing: patches are no table. It is here so that a pipeline can be asked."""
        return self

    def _check(self, X: Any) -> None:
        self._validate_params()
        require_pixels(X, "PatchExtractor")
        size = self.patch_size
        if size < 1 or size % 2 == 0:
            raise ValueError(
                f"patch_size must be a positive odd integer, so that a pixel lies in the centre"
                f" of its patch; got {size}."
            )
        rows, cols = min((scene.shape[:2] for scene in X.scenes.values()), key=min)
        if self.padding == "reflect" and size // 2 >= min(rows, cols):
            raise ValueError(
                f"patch_size={size} reaches {size // 2} pixels beyond the border, further than a"
                f" scene of {rows} x {cols} pixels can be reflected: use"
                f" patch_size <= {2 * min(rows, cols) - 1}, or padding='edge' or 'zero'."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # but pixels that know their scene
        tags.input_tags.allow_nan = True  # the classifier looks for it, in all of a patch
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")
