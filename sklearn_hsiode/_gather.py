"""Mini-batches of patches: gathered from a scene, from an array, or from a precomputed image."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor

from sklearn_hsiode._memory import LAYER_INPUT, n_items
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._tensors import apply_symmetry, as_tensor, to_device

OUTSIDE = -1
PADDING_MODES = {"reflect": "reflect", "edge": "edge", "zero": "constant"}


class SceneGatherer:
    """Gathers patches around pixels of a scene, a mini-batch in one indexed operation.

    The cube's values go to the device once, in their own type: those of the pixels that the
    patches hold. On the CPU a cube that is in memory is shared, not copied; one that still lies
    in a file is read at those pixels.

    Parameters
    ----------
    pixels : PixelSamples of shape (n, bands)
        The pixels in the centres.
    size : int
        Side of a patch in pixels, odd.
    padding : {"reflect", "edge", "zero"}
        Values beyond the border of the scene.
    device : torch.device
        Where patches are gathered.
    dtype : torch.dtype
        Type of the patches.
    """

    def __init__(
        self,
        pixels: PixelSamples,
        size: int,
        padding: str,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.dtype = dtype
        self.has_zeros = padding == "zero"
        scene = pixels.scene
        source = _padded_source(scene, size // 2, padding)
        if scene.is_loaded and device.type == "cpu":
            spectra = scene.spectra
        else:
            held, source = _held(source, pixels, size)
            spectra = scene.spectra_at(held)
        self.spectra = as_tensor(spectra).to(device)
        self.source = torch.from_numpy(source).to(device)
        self.rows = torch.from_numpy(pixels.rows).to(device)
        self.cols = torch.from_numpy(pixels.cols).to(device)
        # Padding has moved every pixel by half a patch, so a window starts at its pixel.
        self.window = torch.arange(size, device=device)

    def __call__(self, index: Any, symmetry: Tensor | None = None) -> Tensor:
        """Patches of these numbers, perhaps turned and mirrored.

        Parameters
        ----------
        index : array of int of shape (n,)
            Numbers of the patches.
        symmetry : Tensor of shape (n,), default=None
            One of the :func:`~sklearn_hsiode._tensors.eight_symmetries` for each.

        Returns
        -------
        patches : Tensor of shape (n, bands, size, size)
            In channels-last memory.
        """
        index = to_device(torch.as_tensor(index), self.window.device)
        rows = self.rows[index, None] + self.window
        cols = self.cols[index, None] + self.window
        source = self.source[rows[:, :, None], cols[:, None, :]]
        if symmetry is not None:
            source = apply_symmetry(source[:, None], symmetry)[:, 0]
        return self._values(source)

    def _values(self, source: Tensor) -> Tensor:
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
    def n_bands(self) -> int:
        """Channels of a patch."""
        return self.spectra.shape[1]

    @property
    def ground(self) -> tuple[slice, slice]:
        """Rows and columns of the padded scene that hold all the patches."""
        rows, cols = (
            slice(int(where.min()), int(where.max()) + self.size)
            for where in (self.rows, self.cols)
        )
        return rows, cols

    def map_image(self, layer: Callable[[Tensor], Tensor], margin: int) -> SceneGatherer:
        """The gatherer of a layer's output for these patches, computed once for all of them.

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
        gather : SceneGatherer
            Of tensors of shape (n, filters, size - 2 * margin, size - 2 * margin).
        """
        rows, cols = self.ground
        source = self.source[rows, cols]
        n_rows = n_items(LAYER_INPUT, source.shape[1] * self.n_bands * self.dtype.itemsize)
        image = torch.empty(0)
        for top in range(0, len(source) - 2 * margin, n_rows):
            strip = layer(self._values(source[None, top : top + n_rows + 2 * margin]))[0]
            if top == 0:
                n_filters, _, n_cols = strip.shape
                image = strip.new_empty(len(source) - 2 * margin, n_cols, n_filters)
            image[top : top + n_rows] = strip.permute(1, 2, 0)
        gather = copy(self)
        gather.spectra = image.flatten(0, 1)
        gather.dtype, gather.has_zeros = image.dtype, False
        places = torch.arange(len(gather.spectra), device=source.device)
        gather.source = places.view(image.shape[:2])
        gather.rows, gather.cols = self.rows - rows.start, self.cols - cols.start
        gather.window = self.window[: len(self.window) - 2 * margin]
        return gather


class ArrayGatherer:
    """Gathers ready-made patches from an array of shape (n, bands, size, size)."""

    def __init__(self, patches: np.ndarray, device: torch.device, dtype: torch.dtype) -> None:
        self.patches, self.device, self.dtype = patches, device, dtype

    def __call__(self, index: Any, symmetry: Tensor | None = None) -> Tensor:
        """Patches of these numbers, as :meth:`SceneGatherer.__call__`."""
        batch = as_tensor(self.patches[np.asarray(index)])
        if symmetry is not None:
            batch = apply_symmetry(batch, symmetry)
        return batch.to(self.device, self.dtype, memory_format=torch.channels_last)


class MiniBatch(dict[str, Tensor]):
    """The inputs of a mini-batch: "patches" and "sample_weight".

    Parameters
    ----------
    stage : {"patches", "standardized", "stem"}
        How far the patches have been precomputed.
    **inputs
        The tensors.
    """

    def __init__(self, stage: str = "patches", **inputs: Tensor) -> None:
        super().__init__(inputs)
        self.stage = stage


class PatchDataset(torch.utils.data.Dataset[Any]):
    """Patches with class codes and weights, gathered one mini-batch at a time.

    Parameters
    ----------
    gather : SceneGatherer or ArrayGatherer
        Turns numbers of patches into a tensor on the training device.
    codes : Tensor of shape (n,)
        Class of every patch, 0 to n_classes - 1, on the training device.
    weights : Tensor of shape (n,)
        Weight of every patch in the loss, on the training device.
    rows : array of int of shape (n_rows,)
        The patches that belong to this dataset.
    augment : torch.Generator, default=None
        Draws one of the eight symmetries of the square for each patch.
    stage : {"patches", "standardized", "stem"}, default="patches"
        How far `gather` has them precomputed: not at all, standardised, or through the stem.
    """

    def __init__(
        self,
        gather: Callable[..., Tensor],
        codes: Tensor,
        weights: Tensor,
        rows: np.ndarray,
        *,
        augment: torch.Generator | None = None,
        stage: str = "patches",
    ) -> None:
        self.gather, self.codes, self.weights = gather, codes, weights
        self.rows, self.augment, self.stage = rows, augment, stage

    def subset(self, rows: np.ndarray, augment: torch.Generator | None = None) -> PatchDataset:
        """Some rows, sharing everything else."""
        return PatchDataset(
            self.gather, self.codes, self.weights, rows, augment=augment, stage=self.stage
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, index: list[int]) -> tuple[MiniBatch, Tensor]:
        rows = self.rows[index]
        symmetry = None
        if self.augment is not None:
            symmetry = torch.randint(8, (len(rows),), generator=self.augment)
        patches = self.gather(rows, symmetry)
        where = to_device(torch.from_numpy(rows), self.codes.device)
        weights = self.weights[where]
        return MiniBatch(self.stage, patches=patches, sample_weight=weights), self.codes[where]


def identity_collate(batch: Any) -> Any:
    """Return a mini-batch as it is, for a dataset that makes whole ones."""
    return batch


def _padded_source(scene: Any, half: int, padding: str) -> np.ndarray:
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
