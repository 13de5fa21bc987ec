"""The module that a classifier trains: a network behind a standardisation of each band."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_hsiode.nn import SharedStem
from sklearn_hsiode.nn._contract import centre_pixel


class StandardizedNetwork(nn.Module):
    r"""A network behind a standardisation of each band, perhaps beside a linear shortcut.

    With a shortcut, the logits are :math:`l(x) + g \, (f(p) - l(x))`, where :math:`l` is a
    linear map of the spectrum :math:`x` in the centre of a patch :math:`p`, :math:`f` the
    network and :math:`g` a gate, 0 for the linear map alone and 1 for the network alone. In
    training they are those of the network alone.

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
    shortcut : bool, default=False
        Have a linear map of the centre pixel's spectrum, which is not trained here.
    """

    # In a wider type than the weights where these would lose the differences within a band.
    mean: Tensor
    scale: Tensor
    coef: Tensor
    intercept: Tensor
    gate: Tensor

    def __init__(
        self,
        network: Callable[..., nn.Module],
        n_bands: int,
        n_classes: int,
        network_params: dict[str, Any],
        dtype: str,
        shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.shortcut = shortcut
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
        if shortcut:
            self.register_buffer("coef", torch.zeros(n_classes, n_bands))
            self.register_buffer("intercept", torch.zeros(n_classes))
            self.register_buffer("gate", torch.ones(()))
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.to(self.dtype)

    def standardize(self, mean: Any, scale: Any, dtype: torch.dtype | None = None) -> None:
        """Set the mean and scale of each band, and the type in which they are applied."""
        self._set_input_dtype(dtype or self.dtype)
        self.mean.copy_(torch.as_tensor(mean).view_as(self.mean))
        self.scale.copy_(torch.as_tensor(scale).view_as(self.scale))

    def _set_input_dtype(self, dtype: torch.dtype) -> None:
        self.mean, self.scale = self.mean.to(dtype), self.scale.to(dtype)

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        """Take over a state, and the type in which it has the mean and scale."""
        if "mean" in state_dict:
            self._set_input_dtype(state_dict["mean"].dtype)
        return super().load_state_dict(state_dict, *args, **kwargs)

    def set_shortcut(self, coef: Any, intercept: Any) -> None:
        """Set the linear map (n_classes, bands) of spectra as they are in the scene to logits."""
        mean, scale = (values.cpu().double().flatten() for values in (self.mean, self.scale))
        coef = torch.as_tensor(coef)
        self.coef.copy_(coef * scale)
        self.intercept.copy_(torch.as_tensor(intercept) + coef @ mean)

    def forward(self, patches: Tensor, stage: str = "patches") -> Tensor:
        """Logits of patches that have been precomputed up to a stage."""
        linear: Tensor | None = None
        if stage == "stem":
            if self.shortcut:
                linear = centre_pixel(patches[:, -self.n_classes :])
                patches = patches[:, : -self.n_classes]
            logits: Tensor = self.network.after_stem(patches)
        else:
            patches = self.standardized(patches) if stage == "patches" else patches
            if self.shortcut and not self.training:
                linear = self.linear(centre_pixel(patches))
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
        if linear is None:
            return logits
        return torch.lerp(linear, logits.to(linear.dtype), self.gate)

    def standardized(self, x: Tensor) -> Tensor:
        """Bands with the mean and scale of the network's input."""
        return (x - self.mean).div_(self.scale).to(self.dtype)

    def linear(self, x: Tensor) -> Tensor:
        """Linear map of standardised spectra (n, bands), or of each pixel of images."""
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 would be too coarse
            x = functional.linear(x.movedim(1, -1), self.coef, self.intercept)
        return x.movedim(-1, 1)

    def stem_of_image(self, x: Tensor) -> Tensor:
        """Output of the network's stem for an image, for all the patches in it.

        The channels of the linear map, if there is one, come after those of the stem.
        """
        x = self.standardized(x)
        features: Tensor = self.network.stem_of_image(x)
        if self.shortcut:
            rows, cols = features.shape[-2:]
            margin = self.network.stem_margin
            inner = x[..., margin : margin + rows, margin : margin + cols]
            features = torch.cat([features, self.linear(inner)], dim=1)
        return features
