"""The module that a classifier trains: a network behind a standardisation of each band."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class StandardizedNetwork(nn.Module):
    """A network behind a standardisation of each band.

    Parameters
    ----------
    network : callable
        Makes the network: ``network(n_bands=..., n_classes=..., **network_params)``.
    n_bands, n_classes : int
        Bands of a patch, and number of logits.
    network_params : dict
        Other arguments of the network.
    dtype : str
        Name of PyTorch's type of the weights.

    Attributes
    ----------
    stage : {"patches", "standardized", "stem"}
        How far the patches that are coming have been precomputed.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        network: Callable[..., nn.Module],
        n_bands: int,
        n_classes: int,
        network_params: dict[str, Any],
        dtype: str,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.stage = "patches"
        self.register_buffer("mean", torch.zeros(n_bands, 1, 1))
        self.register_buffer("scale", torch.ones(n_bands, 1, 1))
        made: Any = network(n_bands=n_bands, n_classes=n_classes, **network_params)
        if not isinstance(made, nn.Module):
            raise TypeError(
                f"network must make a torch.nn.Module, but {network!r} made {type(made).__name__}."
            )
        self.network: Any = made
        self.to(getattr(torch, dtype))

    def standardize(self, mean: Any, scale: Any) -> None:
        """Set the mean and scale of each band."""
        self.mean.copy_(torch.as_tensor(mean).view_as(self.mean))
        self.scale.copy_(torch.as_tensor(scale).view_as(self.scale))

    def forward(self, patches: Tensor) -> Tensor:
        """Logits of patches at the present stage."""
        if self.stage == "stem":
            logits: Tensor = self.network.after_stem(patches)
        else:
            logits = self.network(
                self.standardized(patches) if self.stage == "patches" else patches
            )
        if logits.shape != (len(patches), self.n_classes):
            raise ValueError(
                f"network must return logits of shape ({len(patches)}, {self.n_classes}) for"
                f" {len(patches)} patches, but it returned {tuple(logits.shape)}."
            )
        return logits

    def standardized(self, x: Tensor) -> Tensor:
        """Bands with the mean and scale of the network's input."""
        return (x - self.mean).div_(self.scale)

    def stem_of_image(self, x: Tensor) -> Tensor:
        """Output of the network's stem for an image, for all the patches in it."""
        features: Tensor = self.network.stem_of_image(self.standardized(x))
        return features
