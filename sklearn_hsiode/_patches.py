"""PatchExtractor and PatchSamples: neighbourhoods, cut only when asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import copy
from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, maximum_filter
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_hsiode._pixels import PixelSamples, require_pixels
from sklearn_hsiode._scene import Scene

OUTSIDE = -1
AT_ONCE = 16 * 2**20  # values of an image that a layer is given together
PADDING_MODES = {"reflect": "reflect", "edge": "edge", "zero": "constant"}


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
        What lies beyond the border of the scene.

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

    def cutter(
        self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> PatchCutter:
        """What cuts mini-batches of these patches on a device."""
        return PatchCutter(self, device, dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("PatchSamples cannot become an array without cutting every patch.")
        patches = self.cutter()(np.arange(len(self))).numpy()
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

    def __repr__(self) -> str:
        size = self.patch_size
        return f"PatchSamples({len(self)} patches of {size} x {size} pixels, {self.pixels.scene!r})"


class PatchCutter:
    """Cuts any of a set of patches, a mini-batch in one indexed operation on one device.

    The cube's values go to the device once, in their own type: those of the pixels that the
    patches hold. On the CPU a cube that is in memory is shared, not copied; one that still lies
    in a file is read at those pixels.
    A call takes row numbers and returns a tensor of shape (len(index), bands, size, size)
    in channels-last memory; with `symmetry`, numbers of shape (len(index),), the patches are
    turned and mirrored by these of the :func:`eight_symmetries`.
    """

    def __init__(
        self, patches: PatchSamples, device: torch.device | str, dtype: torch.dtype
    ) -> None:
        pixels, half = patches.pixels, patches.patch_size // 2
        self.dtype = dtype
        self.has_zeros = patches.padding == "zero"
        scene = pixels.scene
        source = _padded_source(scene, half, patches.padding)
        if scene.is_loaded and torch.device(device).type == "cpu":
            spectra = scene.spectra
        else:
            held, source = _held(source, pixels, patches.patch_size)
            spectra = scene.spectra_at(held)
        self.spectra = shared_tensor(spectra).to(device)
        self.source = torch.from_numpy(source).to(device)
        self.rows = torch.from_numpy(pixels.rows).to(device)
        self.cols = torch.from_numpy(pixels.cols).to(device)
        # Padding has moved every pixel by half a patch, so a window starts at its pixel.
        self.window = torch.arange(patches.patch_size, device=device)

    def __call__(self, index: Any, symmetry: torch.Tensor | None = None) -> torch.Tensor:
        index = to_device(torch.as_tensor(index), self.window.device)
        rows = self.rows[index, None] + self.window
        cols = self.cols[index, None] + self.window
        source = self.source[rows[:, :, None], cols[:, None, :]]
        if symmetry is not None:
            source = apply_symmetry(source[:, None], symmetry)[:, 0]
        return self._values(source)

    def _values(self, source: torch.Tensor) -> torch.Tensor:
        """Values (n, bands, rows, cols) of the pixels that `source` (n, rows, cols) names."""
        patches = self.spectra.index_select(0, source.clamp(min=0).flatten())
        patches = patches.view(*source.shape, self.spectra.shape[1]).to(self.dtype)
        if self.has_zeros:
            patches.masked_fill_((source == OUTSIDE).unsqueeze(-1), 0)
        return patches.permute(0, 3, 1, 2)

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return len(self.window)

    @property
    def ground(self) -> tuple[slice, slice]:
        """Rows and columns of the padded scene that hold all the patches."""
        rows, cols = (
            slice(int(where.min()), int(where.max()) + self.size)
            for where in (self.rows, self.cols)
        )
        return rows, cols

    def through(self, layer: Callable[[torch.Tensor], torch.Tensor], margin: int) -> PatchCutter:
        """The cutter of what a layer makes of these patches, computed once for all of them.

        Parameters
        ----------
        layer : callable
            Turns images (1, bands, rows, cols) into images (1, filters, rows - 2 * margin,
            cols - 2 * margin), each value from its surroundings alone, as a convolution
            without padding does.
        margin : int
            How far these surroundings reach.

        Returns
        -------
        cut : PatchCutter
            Of tensors of shape (len(index), filters, size - 2 * margin, size - 2 * margin).
        """
        rows, cols = self.ground
        source = self.source[rows, cols]
        n_rows = max(AT_ONCE // (source.shape[1] * self.spectra.shape[1]), 1)
        image = torch.empty(0)
        for top in range(0, len(source) - 2 * margin, n_rows):
            strip = layer(self._values(source[None, top : top + n_rows + 2 * margin]))[0]
            if top == 0:
                n_filters, _, n_cols = strip.shape
                image = strip.new_empty(len(source) - 2 * margin, n_cols, n_filters)
            image[top : top + n_rows] = strip.permute(1, 2, 0)
        cut = copy(self)
        cut.spectra = image.flatten(0, 1)
        cut.dtype, cut.has_zeros = image.dtype, False
        cut.source = torch.arange(len(cut.spectra), device=source.device).view(image.shape[:2])
        cut.rows, cut.cols = self.rows - rows.start, self.cols - cols.start
        cut.window = self.window[: len(self.window) - 2 * margin]
        return cut


class PatchExtractor(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Turn pixels of a scene into the square neighbourhoods around them.

    Nothing is cut here: the result is a lazy array, and a classifier of this package cuts a
    mini-batch of patches when it needs one. Not to be confused with scikit-learn's class of
    the same name, which samples random patches of photographs.

    Parameters
    ----------
    patch_size : int, default=11
        Side of a patch in pixels, odd so that its pixel lies in the centre.
    padding : {"reflect", "edge", "zero"}, default="reflect"
        What a patch sees beyond the border of the scene: its mirror image, its outermost
        pixels, or zeros. Zeros go in before the classifiers standardise, so they are the mean
        (as in the paper) only where the bands have a mean of zero. Pixels outside the scene's
        mask are treated likewise: they take the spectrum of the nearest valid pixel, or zero.

    Attributes
    ----------
    n_features_in_ : int
        Number of bands seen in :meth:`fit`.

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
        "patch_size": [Integral],
        "padding": [StrOptions(set(PADDING_MODES))],
    }

    def __init__(self, patch_size: int = 11, padding: str = "reflect") -> None:
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
        validate_data(self, X, skip_check_array=True)
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
        validate_data(self, X, reset=False, skip_check_array=True)
        return PatchSamples(X, self.patch_size, self.padding)

    def set_output(self, *, transform: str | None = None) -> PatchExtractor:
        """Do nothing: patches are no table. It is here so that a pipeline can be asked."""
        return self

    def _check(self, X: Any) -> None:
        self._validate_params()
        require_pixels(X, "PatchExtractor")
        size = self.patch_size
        if isinstance(size, bool) or size < 1 or size % 2 == 0:
            raise ValueError(
                f"patch_size must be a positive odd integer, so that a pixel lies in the centre"
                f" of its patch; got {size}."
            )
        smallest = min(X.scene.shape[:2])
        if self.padding == "reflect" and size // 2 >= smallest:
            raise ValueError(
                f"patch_size={size} reaches {size // 2} pixels beyond the border, further than a"
                f" scene of {X.scene.shape[0]} x {X.scene.shape[1]} pixels can be reflected: use"
                f" patch_size <= {2 * smallest - 1}, or padding='edge' or 'zero'."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def _padded_source(scene: Scene, half: int, padding: str) -> np.ndarray:
    """For each pixel of the padded scene, the flat index of the pixel it repeats.

    OUTSIDE where it repeats none and is zero.
    """
    n_pixels = scene.mask.size
    small = n_pixels <= np.iinfo(np.int32).max
    source = np.arange(n_pixels, dtype=np.int32 if small else np.int64).reshape(scene.mask.shape)
    usable = scene.mask & ~scene.non_finite
    if padding == "zero":
        source[~scene.mask] = OUTSIDE
    elif not scene.mask.all() and usable.any():
        nearest = distance_transform_edt(~usable, return_distances=False, return_indices=True)
        source = np.where(scene.mask, source, source[tuple(nearest)])
    fill = {"constant_values": OUTSIDE} if padding == "zero" else {}
    return np.pad(source, half, mode=PADDING_MODES[padding], **fill)  # type: ignore[call-overload, no-any-return]


def _held(source: np.ndarray, pixels: PixelSamples, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat index of each pixel that patches hold, and the padded source as places among these."""
    corner = np.zeros(source.shape, dtype=bool)
    corner[pixels.rows, pixels.cols] = True
    # Padding has moved every pixel by half a patch: its patch begins where it lay.
    covered = maximum_filter(corner, size, mode="constant", origin=size // 2)
    held = np.unique(source[covered])
    held = held[held != OUTSIDE]
    # The last place is that of OUTSIDE.
    places = np.full(pixels.scene.mask.size + 1, OUTSIDE, dtype=source.dtype)
    places[held] = np.arange(len(held))
    return held, places[source]


@lru_cache(maxsize=16)
def eight_symmetries(size: int, device: torch.device) -> torch.Tensor:
    """For each symmetry of the square (8, size, size), the place that a pixel comes from."""
    places = torch.arange(size**2, device=device).view(size, size)
    return torch.stack(
        [torch.rot90(mirrored, k) for mirrored in (places, places.flip(1)) for k in range(4)]
    )


def apply_symmetry(images: torch.Tensor, symmetry: torch.Tensor) -> torch.Tensor:
    """Images (n, channels, size, size), each turned and mirrored by its symmetry, 0 to 7."""
    order = eight_symmetries(images.shape[3], images.device)[to_device(symmetry, images.device)]
    order = order[:, None].expand(images.shape)
    return images.flatten(2).gather(2, order.flatten(2)).view(images.shape)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A small tensor on a device; a GPU gets it without being waited for."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=tensor.is_pinned())


def shared_tensor(array: np.ndarray) -> torch.Tensor:
    """Tensor over an array, also a read-only one, which nothing here writes to.

    Types that PyTorch does not know, or hardly, are converted to one that it does.
    """
    dtype = array.dtype.newbyteorder("=")
    if dtype.kind == "u" and dtype != np.uint8:
        dtype = np.promote_types(dtype, np.float32)
    elif dtype == np.longdouble:
        dtype = np.dtype(np.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array.astype(dtype, copy=False))
