"""The contract of networks: what a classifier asks of one, and what it may offer besides."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.fx import Proxy

from sklearn_hsiode._arguments import Integer

WIDTH = [Integer(1, 2**16)]
DEPTH = [Integer(0, 1024)]


def check_images(what: str, images: Any, n_channels: int | None = None) -> None:
    """Raise TypeError or ValueError unless these are images (n, channels, rows, cols)."""
    if isinstance(images, Proxy):  # a call that is traced
        return
    if not isinstance(images, Tensor):
        raise TypeError(
            f"{what} must be a tensor of shape (n, channels, rows, cols), got"
            f" {type(images).__name__}."
        )
    if images.ndim != 4 or n_channels not in (None, images.shape[1]):
        raise ValueError(
            f"{what} must be of shape (n, {n_channels or 'channels'}, rows, cols), got"
            f" {tuple(images.shape)}."
        )


def centre_pixel(patches: Tensor) -> Tensor:
    """Values (n, channels) in the centres of patches (n, channels, size, size)."""
    return patches[:, :, patches.shape[2] // 2, patches.shape[3] // 2]


class SharedStem(nn.Module):
    """Base of networks whose first layers may be computed once for all patches that overlap.

    A classifier builds its network by ``network(n_bands=..., n_classes=..., **network_params)``
    and asks one thing of it: to be a :class:`torch.nn.Module` that turns patches of shape
    (n, bands, size, size) into logits of shape (n, n_classes). It may offer more:

    - an int `n_filters`, the channels of its widest activation, from which the size of the
      mini-batches of a prediction follows;
    - `n_function_evaluations`, of its latest forward pass, which is recorded in `history_`;
    - this base class. A prediction then calls :meth:`stem_of_image` on the image that the
      patches come from, as a whole, and :meth:`after_stem` on the parts of its output under the
      patches, unless a subclass has overridden ``forward``.

    Attributes
    ----------
    stem : torch.nn.Module
        The first layers, from patches (n, bands, size, size) to features (n, n_filters, ...).
    n_filters : int
        Channels of the stem's output.
    stem_margin : int
        Pixels by which the stem's output is smaller than its input on each side, since each
        value is computed from its surroundings alone, without padding.
    smallest_patch : int
        Side of the smallest patches for which the stem of an image, cut at a patch, is the stem
        of that patch.
    """

    stem: nn.Module
    n_filters: int
    stem_margin: int
    smallest_patch: int

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (n, n_classes) of patches (n, bands, size, size)."""
        check_images("patches", patches)
        return self.after_stem(self.stem(patches))

    def stem_of_image(self, image: Tensor) -> Tensor:
        """Stem's output (n, n_filters, rows', cols') for images (n, bands, rows, cols)."""
        features: Tensor = self.stem(image)
        return features

    def after_stem(self, features: Tensor) -> Tensor:
        """Logits (n, n_classes) of the stem's output for patches."""
        raise NotImplementedError

    @property
    def shares_stem(self) -> bool:
        """True where ``forward`` is still that of this class."""
        return type(self).forward is SharedStem.forward
