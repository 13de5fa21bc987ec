"""The module that a classifier trains: a network behind a standardisation of each band."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_hsiode.nn import SharedStem


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
        self.register_buffer("mean", torch.zeros(n_bands, 1, 1))
        self.register_buffer("scale", torch.ones(n_bands, 1, 1))
        if isinstance(network, nn.Module):
            raise TypeError(
                "network must be a class or function that makes a network, got a"
                f" {type(network).__name__} that is made already: pass its class."
            )
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

    def forward(self, patches: Tensor, stage: str = "patches") -> Tensor:
        """Logits of patches that have been precomputed up to a stage."""
        if stage == "stem":
            logits: Tensor = self.network.after_stem(patches)
        else:
            patches = self.standardized(patches) if stage == "patches" else patches
            if not isinstance(self.network, SharedStem):
                patches = patches.contiguous()  # others may call view on them
            logits = self.network(patches)
        expected = (len(patches), self.n_classes)
        if not isinstance(logits, Tensor) or logits.shape != expected:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"network must return logits of shape {expected} for {len(patches)} patches, but"
                f" it returned {found}."
            )
        return logits

    def standardized(self, x: Tensor) -> Tensor:
        """Bands with the mean and scale of the network's input."""
        return (x - self.mean).div_(self.scale)

    def stem_of_image(self, x: Tensor) -> Tensor:
        """Output of the network's stem for an image, for all the patches in it."""
        features: Tensor = self.network.stem_of_image(self.standardized(x))
        return features
