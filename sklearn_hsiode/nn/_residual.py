"""Pre-activation residual units."""

from __future__ import annotations

import math

from torch import Tensor, nn

from sklearn_hsiode._arguments import Integer, checked
from sklearn_hsiode.nn._contract import WIDTH, check_images


def group_norm(n_filters: int) -> nn.GroupNorm:
    """Group normalisation with at most 32 groups, each of two channels or more."""
    n_groups = math.gcd(32, n_filters)
    # A group of one channel on a 1 x 1 map would be normalised to nothing.
    return nn.GroupNorm(n_groups if n_groups < n_filters else max(n_filters // 2, 1), n_filters)


def conv3x3(n_filters: int, stride: int = 1) -> nn.Conv2d:
    """A bias-free 3 x 3 convolution that keeps the number of filters."""
    try:
        return nn.Conv2d(n_filters, n_filters, 3, stride, padding=1, bias=False)
    except RuntimeError as error:  # of PyTorch's allocator
        raise ValueError(
            f"n_filters={n_filters} asks for more memory than there is: choose fewer."
        ) from error


class ResidualUnit(nn.Module):
    r"""Pre-activation residual unit :math:`y = s(x) + F(x)`.

    :math:`F` is norm, relu, 3 x 3 convolution, norm, relu, 3 x 3 convolution, and
    :math:`s` the identity. With a stride, :math:`s` is a strided 1 x 1 convolution of the
    activated input.

    Parameters
    ----------
    n_filters : int, default=64
        Channels of input and output.
    stride : int, default=1
        Stride of the first convolution and of the shortcut.

    Raises
    ------
    ValueError, TypeError
        For an argument that is no positive integer, or too large a one.

    References
    ----------
    He, Zhang, Ren & Sun, "Identity mappings in deep residual networks", ECCV 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_hsiode.nn import ResidualUnit
    >>> ResidualUnit(64, stride=2)(torch.zeros(1, 64, 9, 9)).shape
    torch.Size([1, 64, 5, 5])
    """

    @checked(n_filters=WIDTH, stride=[Integer(1, 1024)])
    def __init__(self, n_filters: int = 64, stride: int = 1) -> None:
        super().__init__()
        self.norm1 = group_norm(n_filters)
        self.conv1 = conv3x3(n_filters, stride)
        self.norm2 = group_norm(n_filters)
        self.conv2 = conv3x3(n_filters)
        self.shortcut = (
            nn.Conv2d(n_filters, n_filters, 1, stride, bias=False) if stride > 1 else None
        )

    def forward(self, x: Tensor) -> Tensor:
        check_images("x", x, self.conv1.in_channels)
        activated = self.norm1(x).relu()
        shortcut = x if self.shortcut is None else self.shortcut(activated)
        residual: Tensor = self.conv2(self.norm2(self.conv1(activated)).relu())
        return shortcut + residual
