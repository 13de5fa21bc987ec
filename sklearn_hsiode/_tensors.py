"""Tensors of images: where they come from, where they go, and the symmetries of the square."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def as_tensor(array: np.ndarray) -> Tensor:
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


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A small tensor on a device; a GPU gets it without being waited for."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=tensor.is_pinned())


@lru_cache(maxsize=16)
def eight_symmetries(size: int, device: torch.device) -> Tensor:
    """For each symmetry of the square (8, size, size), the place that a pixel comes from."""
    places = torch.arange(size**2, device=device).view(size, size)
    return torch.stack(
        [torch.rot90(mirrored, k) for mirrored in (places, places.flip(1)) for k in range(4)]
    )


def apply_symmetry(images: Tensor, symmetry: Tensor) -> Tensor:
    """Images (n, channels, size, size), each turned and mirrored by its symmetry, 0 to 7."""
    order = eight_symmetries(images.shape[3], images.device)[to_device(symmetry, images.device)]
    order = order[:, None].expand(images.shape)
    return images.flatten(2).gather(2, order.flatten(2)).view(images.shape)
