"""The network that a classifier trains, behind a standardisation, and what patches share of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_hsiode._patches import PatchCutter
from sklearn_hsiode.classifiers._batches import PatchDataset
from sklearn_hsiode.nn._networks import SMALLEST_PATCH

# Below so many bands a stem costs no more than to gather its output.
FEWEST_BANDS = 8
# Values of an image that are kept, standardised or behind the stem: in float32, 256 MiB.
LARGEST_IMAGE = 2**26


class StandardizedNetwork(nn.Module):
    """A network behind a standardisation of each band.

    Parameters
    ----------
    network : type
        Class of the network.
    n_bands, n_classes : int
        Its first arguments.
    dtype : str
        Name of PyTorch's type of the weights.
    **options
        Its other arguments.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, network: type[nn.Module], n_bands: int, n_classes: int, dtype: str, **options: Any
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bands, 1, 1))
        self.register_buffer("scale", torch.ones(n_bands, 1, 1))
        self.network: Any = network(n_bands, n_classes, **options)
        self.to(getattr(torch, dtype))

    def standardize(self, mean: Any, scale: Any) -> None:
        """Set the mean and scale of each band."""
        self.mean.copy_(torch.as_tensor(mean).view_as(self.mean))
        self.scale.copy_(torch.as_tensor(scale).view_as(self.scale))

    def forward(
        self,
        patches: Tensor | None = None,
        standardized: Tensor | None = None,
        stems: Tensor | None = None,
    ) -> Tensor:
        """Logits of patches, of standardised patches, or of what the stem has made of them."""
        if patches is not None:
            standardized = self.standardized(patches)
        if standardized is not None:
            stems = self.network.stem(standardized)
        logits: Tensor = self.network.after_stem(stems)
        return logits

    def standardized(self, x: Tensor) -> Tensor:
        """Bands with the mean and scale of the network's input."""
        return (x - self.mean).div_(self.scale)

    def stem_of_image(self, x: Tensor) -> Tensor:
        """What the stem makes of an image, for all the patches in it."""
        stem: Tensor = self.network.stem.of_image(self.standardized(x))
        return stem

    def sharing(self, dataset: PatchDataset, *, learning: bool) -> PatchDataset:
        """The dataset with what overlapping patches share computed once, where that is less work.

        That is their standardisation and, unless the stem is still learning, their stem.
        """
        cut = dataset.cut
        if not isinstance(cut, PatchCutter) or dataset.makes != "patches":
            return dataset
        if not learning and _stem_is_shared(cut, self.network.stem.out_channels):
            return dataset.through(self.stem_of_image, margin=1, makes="stems")
        if _is_dense(cut, cut.spectra.shape[1]):
            return dataset.through(self.standardized, margin=0, makes="standardized")
        return dataset


def _stem_is_shared(cut: PatchCutter, n_filters: int) -> bool:
    """Tell whether a stem is less work for all the ground under some patches than for each patch.

    Smaller patches than the stem is made for have zeros around them that their ground has not.
    """
    n_bands = cut.spectra.shape[1]
    return cut.size >= SMALLEST_PATCH and n_bands >= FEWEST_BANDS and _is_dense(cut, n_filters)


def _is_dense(cut: PatchCutter, n_values: int) -> bool:
    """Tell whether patches hold the ground under them more than once, which may be kept.

    With so many values for each of its pixels.
    """
    rows, cols = cut.ground
    n_pixels = (rows.stop - rows.start) * (cols.stop - cols.start)
    return n_pixels <= min(len(cut.rows) * cut.size**2, LARGEST_IMAGE // n_values)
