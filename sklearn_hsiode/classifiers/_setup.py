"""Nets, datasets and random states from the parameters of a classifier."""

from __future__ import annotations

from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, gen_batches

from sklearn_hsiode._arguments import JOBS, PATH, HasMethods, Integer, Number, StrOptions
from sklearn_hsiode._gather import ArrayGatherer, PatchDataset
from sklearn_hsiode._memory import SPECTRA, n_items
from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode.classifiers._callbacks import SCHEDULES
from sklearn_hsiode.classifiers._net import PatchNet
from sklearn_hsiode.classifiers._precompute import precompute
from sklearn_hsiode.nn._networks import Stem

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}
# Type of the weights; bfloat16 is for the operations that autocast chooses.
PRECISIONS = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
ROUNDING = 1e-3  # of a band's standard deviation, which the type of the weights may round away
#: Constraints of the parameters that all classifiers share.
TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "shortcut": ["boolean"],
    "gate": [Number(0, 1, closed="both"), StrOptions({"auto"})],
    "shortcut_C": [Number(0, closed="neither")],
    "optimizer": [StrOptions(set(OPTIMIZERS)), type],
    "lr": [Number(0, 1e38, closed="neither")],
    "lr_schedule": [StrOptions(set(SCHEDULES)), callable],
    "weight_decay": [Number(0, 1e38, closed="left")],
    "max_epochs": [Integer(1, 2**31 - 1)],
    "batch_size": [Integer(1, 2**31 - 1), StrOptions({"auto"})],
    "augment": ["boolean"],
    "mixup": [Number(0, 1e38, closed="left")],
    "standardize": ["boolean"],
    "class_weight": [StrOptions({"balanced", "effective"}), dict, None],
    "early_stopping": ["boolean"],
    # Text has a method split of its own.
    "validation": [StrOptions({"blocks", "random"}), HasMethods(["split", "get_n_splits"])],
    "validation_fraction": [Number(0, 1, closed="neither")],
    "n_iter_no_change": [Integer(1)],
    "warm_start": ["boolean"],
    "callbacks": [list, tuple, None],
    "net_params": [dict, None],
    "device": [str, torch.device],
    "precision": [StrOptions(set(PRECISIONS))],
    "compile": ["boolean"],
    "n_jobs": JOBS,
    "verbose": ["verbose"],
    "random_state": ["random_state"],
    "checkpoint": [*PATH, None],
}
#: Constraints of the parameters that the two networks share.
LAYER_CONSTRAINTS: dict[str, list[Any]] = {
    "n_filters": [Integer(1)],
    "downsampling": ["boolean", StrOptions({"auto"})],
}
# What net_params may not set, because parameters of the estimators do.
OWN_PARAMETERS = {
    "batch_size",
    "callbacks",
    "classes",
    "compile",
    "device",
    "lr",
    "max_epochs",
    "mixup",
    "module",
    "optimizer",
    "train_split",
    "verbose",
    "warm_start",
}


class TrainingPixels(NamedTuple):
    """The pixels of a fit.

    Attributes
    ----------
    X : PatchSamples or array of shape (n, bands, size, size)
        Their patches.
    codes : array of shape (n,)
        Codes of their classes.
    classes : array of shape (n_classes,)
        Labels of the codes.
    weights : array of shape (n,)
        Weights in the loss.
    """

    X: PatchSamples | np.ndarray
    codes: np.ndarray
    classes: np.ndarray
    weights: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Numbers of all rows."""
        return np.arange(len(self.codes))

    def spectra_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spectra in the centres of some patches, codes and weights."""
        return centre_spectra(self.X, rows), self.codes[rows], self.weights[rows]


def store_parameters(estimator: Any, arguments: dict[str, Any]) -> None:
    """Store the arguments of a constructor, its ``locals()``, as they are."""
    own = {name: value for name, value in arguments.items() if name != "self"}
    estimator.__dict__.update(own)


def batch_size(estimator: Any, n_pixels: int) -> int:
    """Patches in a mini-batch of an estimator that trains on so many pixels."""
    if estimator.batch_size == "auto":
        return min(max(n_pixels // 16, 8), 128)
    return int(estimator.batch_size)


def net_parameters(estimator: Any, device: torch.device, n_pixels: int) -> dict[str, Any]:
    """Arguments of a :class:`PatchNet` that follow from the parameters of a classifier."""
    owned = sorted(set(estimator.net_params or {}) & OWN_PARAMETERS)
    if owned:
        raise ValueError(
            f"net_params must not hold {', '.join(owned)}: {type(estimator).__name__} sets them"
            " from its own parameters."
        )
    on_cuda = device.type == "cuda"
    if estimator.precision == "bfloat16" and on_cuda and not torch.cuda.is_bf16_supported():
        raise ValueError(
            f"precision='bfloat16' is not for {torch.cuda.get_device_name(device)}, which"
            " cannot compute in it: use precision='float32'."
        )
    optimizer, options = OPTIMIZERS.get(estimator.optimizer, (estimator.optimizer, {}))
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise ValueError(
            f"optimizer must be one of {sorted(OPTIMIZERS)} or a class of torch.optim, got"
            f" {optimizer!r}."
        )
    if "weight_decay" in signature(optimizer).parameters:
        options = {"weight_decay": estimator.weight_decay, **options}
    return {
        "optimizer": optimizer,
        **{f"optimizer__{name}": value for name, value in options.items()},
        "lr": estimator.lr,
        "batch_size": batch_size(estimator, n_pixels),
        "mixup": float(estimator.mixup),
        "autocast": estimator.precision == "bfloat16",
        "compile": estimator.compile,
        "verbose": max(estimator.verbose - 1, 0),
        **(estimator.net_params or {}),
    }


def downsamples(estimator: Any, patch_size: int) -> bool:
    """Whether the paper's downsampling is in the network of an estimator, for such patches."""
    if estimator.downsampling == "auto":
        return not (estimator.shortcut and 3 <= patch_size < Stem.smallest_patch)
    return bool(estimator.downsampling)


def patch_dataset(
    net: PatchNet,
    X: PatchSamples | np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    *,
    learning: bool,
) -> PatchDataset:
    """All patches of X for a net, with what overlapping ones share computed once."""
    device = torch.device(net.device)
    gather = (
        X.gatherer(device, net.input_dtype)
        if isinstance(X, PatchSamples)
        else ArrayGatherer(X, device, net.input_dtype)
    )
    gather, stage = precompute(gather, net, learning=learning)
    return PatchDataset(
        gather,
        torch.from_numpy(codes).to(device),
        torch.from_numpy(weights).to(device, net.dtype),
        np.arange(len(X)),
        stage=stage,
    )


def standardize(net: PatchNet, X: PatchSamples | np.ndarray, rows: np.ndarray) -> None:
    """Give a net the mean and scale of each band over the centre pixels of some patches.

    They are applied in float64 where the type of the weights would round away more than a
    thousandth of a band's standard deviation, as it does with 1e9 in front of small differences.
    """
    scaler = StandardScaler()
    for batch in gen_batches(len(rows), n_items(SPECTRA, X.shape[1] * X.dtype.itemsize)):
        spectra = centre_spectra(X, rows[batch])
        scaler.partial_fit(spectra)
    mean, scale = scaler.mean_, scaler.scale_
    rounded_away = np.abs(mean) * torch.finfo(net.dtype).eps > ROUNDING * scale
    is_exact = np.can_cast(spectra.dtype, str(net.dtype).removeprefix("torch."))
    has_float64 = torch.device(net.device).type != "mps"
    is_wide = not is_exact and has_float64 and (rounded_away & (scale != 1)).any()  # 1: constant
    net.plain_module_.standardize(mean, scale, torch.float64 if is_wide else None)


def new_random_state(random_state: Any, earlier: PatchNet | None) -> np.random.RandomState:
    """As sklearn.utils.check_random_state, but None never touches NumPy's global state.

    A training that goes on from an earlier one draws other numbers than that one did.
    """
    if random_state is None:
        return np.random.RandomState()
    rng = check_random_state(random_state)
    if earlier is None:
        return rng
    return np.random.RandomState([rng.randint(2**31), len(earlier.history)])


def centre_spectra(X: PatchSamples | np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Spectra (n, bands) in the centres of some patches, as they are in the scene."""
    if isinstance(X, PatchSamples):
        return np.asarray(X.pixels[rows])
    return X[rows, :, X.shape[2] // 2, X.shape[3] // 2]
