"""The skorch net that the classifiers hold."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.history import History
from torch import Tensor, nn

from sklearn_hsiode._gather import MiniBatch, PatchDataset, identity_collate
from sklearn_hsiode._memory import ACTIVATION
from sklearn_hsiode._tensors import as_tensor, to_device
from sklearn_hsiode.classifiers._devices import keep_freed_memory
from sklearn_hsiode.classifiers._module import StandardizedNetwork
from sklearn_hsiode.nn import ODEBlock
from sklearn_hsiode.nn._ode import explained_failures

if TYPE_CHECKING:  # it imports what imports this
    from sklearn_hsiode.classifiers._checkpoint import TrainingCheckpoint

logger = logging.getLogger(__name__)

# Without gradients a batch costs little memory, and small ones would cost time.
PREDICTION_BATCH = 512


class TrainingInterrupted(UserWarning):
    """Ctrl-C has ended a training before its last epoch."""


class PatchNet(NeuralNetClassifier):  # type: ignore[misc]
    """skorch net whose batches carry a weight per patch, and which may run in bfloat16.

    With `mixup` above 0, it trains on mixtures of two patches and their classes, whose shares
    are drawn from a beta distribution with this parameter for each mini-batch (Zhang, Cisse,
    Dauphin & Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018).
    """

    history: History
    solver_: str  # of an ODE in the network, or ""
    interrupted_ = False  # whether Ctrl-C has ended the latest training

    def __init__(
        self, *args: Any, autocast: bool = False, mixup: float = 0.0, **kwargs: Any
    ) -> None:
        self.autocast = autocast
        self.mixup = mixup
        super().__init__(*args, **kwargs)

    @classmethod
    def of(
        cls,
        network: Callable[..., nn.Module],
        module: dict[str, Any],
        patch_size: int,
        device: torch.device,
        **parameters: Any,
    ) -> PatchNet:
        """An initialised net of a :class:`StandardizedNetwork` with these arguments."""
        defaults: dict[str, Any] = {
            "device": str(device),
            "criterion": nn.CrossEntropyLoss,
            "criterion__reduction": "none",
            "classes": range(module["n_classes"]),
            "train_split": None,
            "iterator_train__shuffle": True,
            "iterator_train__generator": torch.Generator(),
            "iterator_train__collate_fn": identity_collate,
            "iterator_valid__collate_fn": identity_collate,
            # Without a generator of its own, a loader draws from PyTorch's global state.
            "iterator_valid__generator": torch.Generator(),
        }
        arguments = {f"module__{name}": value for name, value in module.items()}
        arguments["module__network"] = network
        if device.type == "cpu":
            keep_freed_memory()
        net = cls(StandardizedNetwork, **(defaults | arguments | parameters))
        net.initialize()
        net.made_with_ = {"module": module, "patch_size": patch_size, **parameters}
        inner = net.plain_module_.network
        solvers = [part.solver for part in inner.modules() if isinstance(part, ODEBlock)]
        net.solver_ = ", ".join(dict.fromkeys(solvers))
        if "iterator_valid__batch_size" not in parameters:
            n_filters = getattr(inner, "n_filters", None)
            if not isinstance(n_filters, int):
                n_filters = module["n_bands"]
            net.iterator_valid__batch_size = prediction_batch(patch_size, n_filters, device)
        return net

    @property
    def plain_module_(self) -> StandardizedNetwork:
        """The module, also where torch.compile has wrapped it."""
        module: Any = self.module_
        return getattr(module, "_orig_mod", module)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return self.plain_module_.dtype

    @property
    def input_dtype(self) -> torch.dtype:
        """Type of the patches before they are standardised."""
        return self.plain_module_.mean.dtype

    def torch_compile(self, module: nn.Module, name: str) -> nn.Module:
        # skorch would compile the loss, too.
        return super().torch_compile(module, name) if name == "module" else module

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> Tensor:
        with self.autocasting():
            logits: Tensor = self.module_(x["patches"], getattr(x, "stage", "patches"))
        if self.compile:
            logits = logits.clone()  # a CUDA graph writes those of the next batch in their place
        return logits.to(x["sample_weight"].dtype)

    def autocasting(self) -> torch.autocast:
        """Context in which PyTorch chooses where to compute in bfloat16, if that is wanted."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.autocast)

    def predict_proba(self, dataset: PatchDataset) -> np.ndarray:
        """Probabilities of the classes, in smaller batches where the device's memory runs out."""
        return self._as_memory_allows(super().predict_proba, dataset)

    def logits(self, dataset: PatchDataset) -> Tensor:
        """Logits of the classes, likewise."""
        return self._as_memory_allows(self.forward, dataset)

    def _as_memory_allows(self, predict: Callable[..., Any], dataset: PatchDataset) -> Any:
        while True:
            try:
                return predict(dataset)
            except torch.OutOfMemoryError:
                if self.iterator_valid__batch_size <= 1:
                    raise
            torch.cuda.empty_cache()
            self.iterator_valid__batch_size //= 2
            logger.warning(
                "The device's memory has run out: predicting on with batches of %d.",
                self.iterator_valid__batch_size,
            )

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor, X: Any = None, *args: Any, **kwargs: Any
    ) -> Tensor:
        losses: Tensor = self.criterion_(y_pred, y_true)
        loss = (losses * X["sample_weight"]).mean()
        if "mixed_with" not in X:
            return loss
        other = X["mixed_with"]
        of_other = (self.criterion_(y_pred, y_true[other]) * X["sample_weight"][other]).mean()
        return torch.lerp(of_other, loss, self.share_)

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        # A step may evaluate its batch more than once, but mixes it once.
        return super().train_step(self._mixed(batch) if self.mixup else batch, **fit_params)

    def _mixed(self, batch: Any) -> Any:
        """Each patch of a mini-batch mixed with another one of it."""
        inputs, codes = batch
        patches = inputs["patches"]
        self.share_ = self.mixing_.beta(self.mixup, self.mixup)
        other = torch.from_numpy(self.mixing_.permutation(len(patches)))
        other = to_device(other, patches.device)
        inputs = MiniBatch(
            inputs.stage,
            patches=torch.lerp(patches[other], patches, self.share_),
            sample_weight=inputs["sample_weight"],
            mixed_with=other,
        )
        return inputs, codes

    def train_step_single(self, batch: Any, **fit_params: Any) -> Any:
        try:
            # The adjoint ODE is solved in the backward pass.
            with explained_failures(self.solver_):
                return super().train_step_single(batch, **fit_params)
        except torch.OutOfMemoryError as error:
            n, n_bands, size, _ = batch[0]["patches"].shape
            raise MemoryError(
                f"The device's memory does not hold a step of training on {n} patches of {size} x"
                f" {size} pixels and {n_bands} bands: lower batch_size (now {self.batch_size}) or"
                f" patch_size (now {size}), or take adjoint=True for a solver of many steps."
            ) from error
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                cause = getattr(error, "inner_exception", error)
                reason = str(cause).strip().split("\n")[0]
                raise RuntimeError(
                    f"compile=True was asked for, but PyTorch cannot compile the network here"
                    f" ({reason}): set compile=False."
                ) from error
            if self.has_finite_weights():
                raise
            raise self.divergence() from error

    def has_finite_weights(self) -> bool:
        """Tell whether no weight has become NaN or infinite."""
        weights = [weight.isfinite().all() for weight in self.plain_module_.parameters()]
        return bool(torch.stack(weights).all())

    def has_finite_output(self, dataset: PatchDataset) -> bool:
        """Tell whether the first few patches have finite logits; the last update has no loss."""
        inputs, _ = dataset.__getitems__(list(range(min(len(dataset), 8))))
        self.module_.eval()
        with torch.no_grad():
            return bool(self.infer(inputs).isfinite().all())

    def divergence(self) -> ValueError:
        """Return the error for a training that has diverged."""
        return ValueError(
            "The training loss or the weights became NaN or infinite in epoch"
            f" {self.history[-1, 'epoch']}: use a smaller lr than {self.lr:g}, and standardize=True"
            " unless the input is scaled."
        )

    def train_epochs(
        self,
        dataset: PatchDataset,
        n_epochs: int,
        callbacks: list[Any],
        seed: int,
        checkpoint: TrainingCheckpoint | None = None,
    ) -> None:
        """Train on from the present state, until done, stopped by a callback, or by Ctrl-C.

        With a checkpoint it is the state that is kept there, if there is one.

        skorch's callbacks end a training by KeyboardInterrupt at the end of an epoch; inside
        an epoch it is the user's, and is raised again when no epoch has ended.
        """
        self.callbacks = callbacks
        if checkpoint is not None:
            self.callbacks = [checkpoint.before_epochs(), *callbacks, checkpoint]
        self.initialize_callbacks()
        if not len(self.get_iterator(dataset, training=True)):
            raise ValueError(
                "An epoch of training has no mini-batch: with iterator_train__drop_last=True,"
                f" batch_size (now {self.batch_size}) must not exceed the number of patches."
            )
        self.iterator_train__generator.manual_seed(seed)
        self.mixing_ = np.random.RandomState(seed)
        self.notify("on_train_begin", X=dataset, y=None)
        self.interrupted_ = stopped = False
        if checkpoint is not None:
            n_epochs = 0 if checkpoint.is_done else n_epochs - len(self.history)
        try:
            self.fit_loop(dataset, epochs=n_epochs)
        except KeyboardInterrupt:
            if not self.history:
                raise
            stopped = True
        finally:
            self.notify("on_train_end", X=dataset, y=None)
        if stopped and "train_loss" not in self.history[-1]:
            unfinished = self.history.pop()["epoch"]
            if not self.history:
                raise KeyboardInterrupt("No epoch of the training had ended.")
            self.interrupted_ = True
            warnings.warn(
                f"Training was interrupted in epoch {unfinished}: the estimator is fitted with what"
                " was learnt by then.",
                TrainingInterrupted,
                stacklevel=3,
            )
        if not self.has_finite_output(dataset):
            raise self.divergence()
        if checkpoint is not None and not self.interrupted_:
            checkpoint.finish(self)

    def snapshot(self) -> tuple[Any, ...]:
        """Return copies of weights and optimiser's state, and the length of the history."""
        state = self.plain_module_.state_dict(), self.optimizer_.state_dict()
        return *deepcopy(state), len(self.history)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go back to a :meth:`snapshot`."""
        weights, optimizer, n_epochs = state
        self.plain_module_.load_state_dict(weights)
        self.optimizer_.load_state_dict(optimizer)
        del self.history[n_epochs:]

    def prepend_history(self, earlier: History) -> None:
        """Count the epochs on from those of an earlier training."""
        later = [{**epoch, "epoch": epoch["epoch"] + len(earlier)} for epoch in self.history]
        self.history = History([*earlier, *later])

    def as_arrays(self) -> dict[str, Any]:
        """Return the arguments of :meth:`of`, weights as NumPy arrays, and history."""
        weights = self.plain_module_.state_dict()
        return {
            "made_with": self.made_with_,
            "weights": {name: weight.cpu().numpy() for name, weight in weights.items()},
            "history": [
                {key: value for key, value in epoch.items() if key != "batches"}
                for epoch in self.history
            ],
        }

    def load_arrays(self, weights: dict[str, Any], history: list[dict[str, Any]]) -> None:
        """Take over weights and history from :meth:`as_arrays`."""
        self.plain_module_.load_state_dict(
            {name: as_tensor(weight) for name, weight in weights.items()}
        )
        self.history = History(history)


def prediction_batch(patch_size: int, n_filters: int, device: torch.device) -> int:
    """How many patches are predicted together, of which the widest activation has `n_filters`."""
    if device.type != "cpu":
        return PREDICTION_BATCH
    n_patches = ACTIVATION * 2**20 // (n_filters * patch_size**2 * 4)
    return min(max(n_patches, 1), PREDICTION_BATCH)
