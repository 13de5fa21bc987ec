"""skorch callbacks: records, progress, schedules and early stopping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from tqdm.auto import tqdm

SCHEDULES = ("constant", "cosine", "step")


class EpochRecorder(Callback):  # type: ignore[misc]
    """Records learning rate and function evaluations, and ends a training that diverges."""

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])
        self.evaluations_: list[int] = []

    def on_batch_end(self, net: Any, training: bool, **kwargs: Any) -> None:
        if not training:
            return
        if not np.isfinite(net.history[-1, "batches", -1, "train_loss"]):
            raise net.divergence()
        evaluations = getattr(net.plain_module_.network, "n_function_evaluations", None)
        if evaluations is not None:
            self.evaluations_.append(evaluations)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if self.evaluations_:
            net.history.record("n_function_evaluations", float(np.mean(self.evaluations_)))


class EpochBar(Callback):  # type: ignore[misc]
    """A progress bar over epochs, with the latest loss and validation score."""

    def __init__(self, n_epochs: int, title: str) -> None:
        self.n_epochs = n_epochs
        self.title = title

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.bar_: Any = None

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        if self.bar_ is None:  # only here is it known where a training goes on
            self.bar_ = tqdm(
                total=self.n_epochs,
                initial=len(net.history) - 1,
                desc=self.title,
                unit="epoch",
                leave=None,
            )

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        epoch = net.history[-1]
        figures = {"loss": epoch["train_loss"]}
        if "valid_acc" in epoch:
            figures["validation"] = epoch["valid_acc"]
        self.bar_.set_postfix(figures, refresh=False)
        self.bar_.update()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if self.bar_ is not None:
            self.bar_.close()


class FitTasks(Callback):  # type: ignore[misc]
    """Tells scikit-learn's callbacks of each epoch; one that returns True ends the training."""

    def __init__(self, context: Any, about: dict[str, Any]) -> None:
        self.context, self.about = context, about

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.epoch_ = self.context.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(**self.about)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if self.epoch_.call_on_fit_task_end(**self.about):
            raise KeyboardInterrupt  # as skorch's callbacks end a training


def schedule_callback(schedule: str | Callable[[int], float], n_epochs: int) -> LRScheduler:
    """The scheduler that `lr_schedule` names for a training of so many epochs."""
    policies = torch.optim.lr_scheduler
    if schedule == "cosine":
        return LRScheduler(policies.CosineAnnealingLR, event_name=None, T_max=n_epochs)
    if schedule == "step":  # the paper's: after 60, 100 and 140 of 160 epochs
        milestones = {max(1, round(n_epochs * share)) for share in (0.375, 0.625, 0.875)}
        return LRScheduler(policies.MultiStepLR, event_name=None, milestones=sorted(milestones))
    return LRScheduler(policies.LambdaLR, event_name=None, lr_lambda=schedule)


def early_stopping_callback(patience: int) -> EarlyStopping:
    """Stops when the validation score has not risen for so many epochs, keeps the best."""
    return EarlyStopping(
        "valid_acc", patience=patience, lower_is_better=False, load_best=True, threshold=0.0
    )


def epochs_kept(net: Any) -> int:
    """Epochs behind the weights of a net that has trained, with early stopping up to the best."""
    if net.train_split is None:
        return len(net.history)
    return int(np.argmax(net.history[:, "valid_acc"])) + 1
