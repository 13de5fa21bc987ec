"""Mini-batches of patches: gathered from scenes, from an array, or from precomputed images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor

from sklearn_hsiode._memory import LAYER_INPUT, n_items
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._tensors import apply_symmetry, as_tensor, to_device

OUTSIDE = -1
PADDING_MODES = {"reflect": "reflect", "edge": "edge", "zero": "constant"}


class SceneGatherer:
    """Gathers patches around pixels of scenes, a mini-batch in one indexed operation.

    The values go to the device once, in their own type, as one table of spectra: those of the
    pixels that the patches hold. On the CPU the cube of a single scene in memory is shared, not
    copied; one that still lies in a file is read at those pixels.

    For each scene there is a raster of places in the table, in which its patches are windows. All
    rasters lie behind each other in one array, so that the window of a pixel is told by where it
    begins in that array, and by the width of its raster.

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
        is_shared = len(pixels.scenes) == 1 and pixels.scene.is_loaded and device.type == "cpu"
        corners = np.empty((2, len(pixels)), dtype=np.int64)
        sources: list[np.ndarray] = []
        held: list[PixelSamples] = []
        self.n_ground = 0
        for rows, part in pixels.parts():
            source, corners[:, rows], n_ground = _windows(part, size, padding)
            self.n_ground += n_ground
            if not is_shared:
                n_before = sum(len(others) for others in held)
                positions, source = _held(source, part.scene.mask.size, n_before)
                held.append(PixelSamples(part.scene, positions))
            sources.append(source)
        spectra = pixels.scene.spectra if is_shared else np.asarray(PixelSamples.concatenate(held))
        self.spectra = as_tensor(spectra).to(device)
        self.source = torch.cat([torch.from_numpy(one.reshape(-1)) for one in sources]).to(device)
        self.window = torch.arange(size, device=device)
        self.rows, self.cols = torch.from_numpy(corners).to(device)
        number = np.searchsorted(list(pixels.scenes), pixels.image)
        self.number = torch.from_numpy(number).to(device)
        self._lay([source.shape for source in sources])

    def _lay(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Note where the windows begin in rasters of these shapes, one behind the other."""
        self.shapes = shapes
        ends = np.cumsum([height * width for height, width in shapes]).tolist()
        first, width = torch.tensor(
            [[0, *ends[:-1]], [width for _, width in shapes]], device=self.number.device
        )
        self.width = width[self.number]
        self.begin = first[self.number] + self.rows * self.width + self.cols

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
        rows = self.begin[index, None] + self.width[index, None] * self.window
        source = self.source[rows[:, :, None] + self.window]
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
        shapes = [(height - 2 * margin, width - 2 * margin) for height, width in self.shapes]
        n_values = sum(height * width for height, width in shapes)
        spectra, end = torch.empty(0), 0
        sizes = [height * width for height, width in self.shapes]
        for source, shape in zip(torch.split(self.source, sizes), self.shapes, strict=True):
            raster = source.view(shape)
            n_rows = n_items(LAYER_INPUT, shape[1] * self.n_bands * self.dtype.itemsize)
            for top in range(0, shape[0] - 2 * margin, n_rows):
                strip = layer(self._values(raster[None, top : top + n_rows + 2 * margin]))[0]
                strip = strip.permute(1, 2, 0)
                if end == 0:
                    spectra = strip.new_empty(n_values, strip.shape[2])
                begin, end = end, end + strip.shape[0] * strip.shape[1]
                spectra[begin:end].view(strip.shape).copy_(strip)
        gather = copy(self)
        gather.spectra = spectra
        gather.dtype, gather.has_zeros = spectra.dtype, False
        gather.source = torch.arange(n_values, device=spectra.device)
        gather.window = self.window[: self.size - 2 * margin]
        gather._lay(shapes)
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


def _windows(pixels: PixelSamples, size: int, padding: str) -> tuple[np.ndarray, np.ndarray, int]:
    """The pixels that patches of one scene hold, as windows of a raster.

    Returns
    -------
    source : array of int of shape (height, width)
        Flat index of pixels of the scene, OUTSIDE where there is none or no patch holds it.
    corners : array of int of shape (2, n)
        Row and column in it at which each patch begins.
    n_ground : int
        Pixels of the rectangle of padded ground that holds all the patches.
    """
    source = _padded_source(pixels.scene, size // 2, padding)
    # Padding has moved every pixel by half a patch: its patch begins where it lay.
    rows, cols = pixels.rows, pixels.cols
    if len(pixels):
        top, left = rows.min(), cols.min()
        source = source[top : rows.max() + size, left : cols.max() + size]
        rows, cols = rows - top, cols - left
    n_ground = source.size
    if len(pixels) * size**2 < n_ground:
        # Far apart, they take less room one below the other.
        source = sliding_window_view(source, (size, size))[rows, cols].reshape(-1, size)
        rows, cols = size * np.arange(len(pixels)), np.zeros_like(cols)
    else:
        begins = np.zeros(source.shape, dtype=bool)
        begins[rows, cols] = True
        covered = maximum_filter(begins, size, mode="constant", origin=size // 2)
        source = np.where(covered, source, OUTSIDE)
    return source, np.array([rows, cols]), n_ground


def _held(source: np.ndarray, n_pixels: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat index of each pixel of a scene that patches hold, and the source as places of these.

    The places count from `first`.
    """
    is_held = np.zeros(n_pixels + 1, dtype=bool)  # the last one is that of OUTSIDE
    is_held[source] = True
    held = np.flatnonzero(is_held[:-1])
    places = np.full(n_pixels + 1, OUTSIDE, dtype=source.dtype)
    places[held] = np.arange(first, first + len(held))
    return held, places[source]
