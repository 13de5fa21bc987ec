"""Mini-batches of patches with their class codes and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches
from torch import Tensor

from sklearn_hsiode._patches import PatchSamples, apply_symmetry, shared_tensor, to_device
from sklearn_hsiode._pixels import SPECTRA_AT_ONCE


class ArrayCutter:
    """Mini-batches of ready-made patches, an array of shape (n, bands, size, size)."""

    def __init__(self, patches: np.ndarray, device: torch.device, dtype: torch.dtype) -> None:
        self.patches, self.device, self.dtype = patches, device, dtype

    def __call__(self, index: Any, symmetry: Tensor | None = None) -> Tensor:
        batch = shared_tensor(self.patches[np.asarray(index)])
        if symmetry is not None:
            batch = apply_symmetry(batch, symmetry)
        return batch.to(self.device, self.dtype, memory_format=torch.channels_last)


class PatchDataset(torch.utils.data.Dataset[Any]):
    """Patches with class codes and weights, gathered one mini-batch at a time.

    Parameters
    ----------
    cut : callable
        Turns row numbers, and perhaps a symmetry for each, into a tensor of patches on the
        training device.
    codes : Tensor of shape (n,)
        Class of every patch, 0 to n_classes - 1, on the training device.
    weights : Tensor of shape (n,)
        Weight of every patch in the loss, on the training device.
    rows : array of int of shape (n_rows,)
        The patches that belong to this dataset.
    augment : torch.Generator, default=None
        Draws one of the eight symmetries of the square for each patch.
    makes : {"patches", "standardized", "stems"}, default="patches"
        What `cut` makes: patches, standardised ones, or what the network's stem makes of these.
    """

    def __init__(
        self,
        cut: Callable[..., Tensor],
        codes: Tensor,
        weights: Tensor,
        rows: np.ndarray,
        augment: torch.Generator | None = None,
        makes: str = "patches",
    ) -> None:
        self.cut, self.codes, self.weights = cut, codes, weights
        self.rows, self.augment, self.makes = rows, augment, makes

    @classmethod
    def of(
        cls,
        X: PatchSamples | np.ndarray,
        codes: np.ndarray,
        weights: np.ndarray,
        device: torch.device,
        dtype: torch.dtype,
    ) -> PatchDataset:
        """All of X, for a device and a type of numbers."""
        cut = (
            X.cutter(device, dtype)
            if isinstance(X, PatchSamples)
            else ArrayCutter(X, device, dtype)
        )
        return cls(
            cut,
            torch.from_numpy(codes).to(device),
            torch.from_numpy(weights).to(device, dtype),
            np.arange(len(X)),
        )

    def subset(self, rows: np.ndarray, augment: torch.Generator | None = None) -> PatchDataset:
        """Some rows, sharing everything else."""
        return PatchDataset(self.cut, self.codes, self.weights, rows, augment, self.makes)

    def through(self, layer: Callable[[Tensor], Tensor], margin: int, makes: str) -> PatchDataset:
        """The same of what a layer makes of the image that the patches come from.

        As in :meth:`PatchCutter.through`: the patches of neighbouring pixels share most of
        their values.
        """
        cut = self.cut.through(layer, margin)  # type: ignore[attr-defined]
        return PatchDataset(cut, self.codes, self.weights, self.rows, self.augment, makes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, index: list[int]) -> tuple[dict[str, Tensor], Tensor]:
        rows = self.rows[index]
        symmetry = None
        if self.augment is not None:
            symmetry = torch.randint(8, (len(rows),), generator=self.augment)
        patches = self.cut(rows, symmetry)
        where = to_device(torch.from_numpy(rows), self.codes.device)
        return {self.makes: patches, "sample_weight": self.weights[where]}, self.codes[where]


def identity_collate(batch: Any) -> Any:
    """Collate function for a dataset that makes whole mini-batches."""
    return batch


def fitted_scaler(X: PatchSamples | np.ndarray, rows: np.ndarray) -> StandardScaler:
    """Mean and scale of each band over the pixels in the centres of some patches."""
    scaler = StandardScaler()
    for batch in gen_batches(len(rows), SPECTRA_AT_ONCE):
        scaler.partial_fit(_centres(X, rows[batch]))
    return scaler


def _centres(X: PatchSamples | np.ndarray, rows: np.ndarray) -> np.ndarray:
    if isinstance(X, PatchSamples):
        return np.asarray(X.pixels[rows])
    return X[rows, :, X.shape[2] // 2, X.shape[3] // 2]
