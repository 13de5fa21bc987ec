"""Stem, downsampling, body, head: the two networks differ in the body alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_hsiode._arguments import Constraints, Integer, checked
from sklearn_hsiode.nn._contract import DEPTH, WIDTH, SharedStem, centre_pixel, check_images
from sklearn_hsiode.nn._ode import SOLVING, ODEBlock
from sklearn_hsiode.nn._residual import ResidualUnit, group_norm

#: Constraints of what both networks are told.
OF_BOTH: Constraints = {
    "n_bands": [Integer(1, 2**16)],
    "n_classes": [Integer(1, 2**16)],
    "n_filters": WIDTH,
    "downsampling": ["boolean"],
}


class Stem(nn.Conv2d):
    """3 x 3 convolution of the bands without padding; patches below 9 x 9 are zero-padded."""

    # GroupNorm over the two values that a group has on a 1 x 1 map keeps their order alone, and
    # such a network does not learn. From 9 x 9 on, the body sees more than one pixel.
    smallest_patch = 9

    def __init__(self, n_bands: int, n_filters: int) -> None:
        super().__init__(n_bands, n_filters, 3)

    def forward(self, x: Tensor) -> Tensor:
        check_images("patches", x, self.in_channels)
        missing = self.smallest_patch - min(x.shape[-2:])
        if missing > 0:
            x = functional.pad(x, [(missing + 1) // 2] * 4)
        return super().forward(x)


class Head(nn.Module):
    """norm, relu, global average pooling, linear; perhaps the centre pixel beside the average."""

    def __init__(self, n_filters: int, n_classes: int, *, centre: bool = False) -> None:
        super().__init__()
        self.centre = centre
        self.norm = group_norm(n_filters)
        self.linear = nn.Linear((1 + centre) * n_filters, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x).relu()
        features = x.mean((2, 3))
        if self.centre:
            features = torch.cat([features, centre_pixel(x)], dim=1)
        return self.linear(features)


class PatchNetwork(SharedStem):
    """Stem, two strided residual units, a body, and a head.

    Without `downsampling`, for small patches: a stem of 1 x 1 convolutions, a body that sees each
    pixel of the patch, and a head that reads the centre pixel beside the average.
    """

    def __init__(
        self, n_bands: int, n_classes: int, n_filters: int, body: nn.Module, downsampling: bool
    ) -> None:
        super().__init__()
        self.n_filters = n_filters
        self.stem = Stem(n_bands, n_filters) if downsampling else nn.Conv2d(n_bands, n_filters, 1)
        self.stem_margin = 1 if downsampling else 0
        self.smallest_patch = Stem.smallest_patch if downsampling else 1
        self.downsampling = nn.Sequential(
            *(ResidualUnit(n_filters, stride=2) for _ in range(2 if downsampling else 0))
        )
        self.body = body
        self.head = Head(n_filters, n_classes, centre=not downsampling)

    def stem_of_image(self, image: Tensor) -> Tensor:
        stem: Any = self.stem
        features: Tensor = nn.Conv2d.forward(stem, image)  # without the padding
        return features

    def after_stem(self, features: Tensor) -> Tensor:
        # Group norm is slow in channels-last memory, and on CUDA would turn it round each time.
        return self.head(self.body(self.downsampling(features.contiguous())))


class ResNet(PatchNetwork):
    """The paper's ResNet: a body of residual units.

    601,872 parameters at one band and 16 classes.

    Parameters
    ----------
    n_bands : int
        Bands of a patch.
    n_classes : int
        Number of logits.
    n_filters : int, default=64
        Filters of every convolution.
    n_blocks : int, default=6
        Residual units of the body; 0 for no body at all.
    downsampling : bool, default=True
        Two strided residual units behind a stem of 3 x 3, as in the paper. False, for patches
        of 3 x 3 to 7 x 7: a stem of 1 x 1, no downsampling, and a head that reads the centre
        pixel beside the average.
    tied : bool, default=False
        Use one unit `n_blocks` times, with one set of weights, as a fixed-step solver does.

    Raises
    ------
    ValueError, TypeError
        For an argument of another type, or out of its range.

    References
    ----------
    Paoletti, Haut, Plaza & Plaza, IGARSS 2019, Table 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_hsiode.nn import ResNet
    >>> network = ResNet(n_bands=1, n_classes=16)
    >>> network(torch.zeros(2, 1, 23, 23)).shape
    torch.Size([2, 16])
    >>> sum(p.numel() for p in network.parameters())
    601872
    """

    @checked(**OF_BOTH, n_blocks=DEPTH, tied=["boolean"])
    def __init__(
        self,
        n_bands: int,
        n_classes: int,
        n_filters: int = 64,
        *,
        n_blocks: int = 6,
        downsampling: bool = True,
        tied: bool = False,
    ) -> None:
        n_units = min(n_blocks, 1) if tied else n_blocks
        units = [ResidualUnit(n_filters) for _ in range(n_units)]
        body = nn.Sequential(*(units * n_blocks if tied else units))
        super().__init__(n_bands, n_classes, n_filters, body, downsampling)


class ODENet(PatchNetwork):
    """The paper's ODE-net: a body of one ODE block.

    232,080 parameters at one band and 16 classes.

    Parameters
    ----------
    n_bands : int
        Bands of a patch.
    n_classes : int
        Number of logits.
    n_filters : int, default=64
        Filters of every convolution.
    downsampling : bool, default=True
        As in :class:`ResNet`.
    solver, n_steps, rtol, atol, adjoint
        As in :class:`ODEBlock`.

    Raises
    ------
    ValueError, TypeError
        For an argument of another type, or out of its range.

    References
    ----------
    Paoletti, Haut, Plaza & Plaza, IGARSS 2019, Table 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_hsiode.nn import ODENet
    >>> network = ODENet(n_bands=1, n_classes=16, solver="dopri5")
    >>> network(torch.zeros(2, 1, 23, 23)).shape
    torch.Size([2, 16])
    >>> sum(p.numel() for p in network.parameters())
    232080
    """

    body: ODEBlock

    @checked(**OF_BOTH, **SOLVING)
    def __init__(
        self,
        n_bands: int,
        n_classes: int,
        n_filters: int = 64,
        *,
        downsampling: bool = True,
        solver: str = "euler",
        n_steps: int = 2,
        rtol: float = 1e-3,
        atol: float = 1e-3,
        adjoint: bool = False,
    ) -> None:
        body = ODEBlock(
            n_filters, solver=solver, n_steps=n_steps, rtol=rtol, atol=atol, adjoint=adjoint
        )
        super().__init__(n_bands, n_classes, n_filters, body, downsampling)

    @property
    def n_function_evaluations(self) -> int:
        """Evaluations of the ODE's right-hand side in the latest forward pass."""
        return self.body.n_function_evaluations
