"""The state of a training between two epochs, and what tells one fit from another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils import gen_batches
from skorch.callbacks import Callback
from skorch.history import History
from tqdm.auto import tqdm

from sklearn_hsiode._checkpoint import explained_damage, read_state, write_state
from sklearn_hsiode._fingerprint import content_of, digest, parameters_of
from sklearn_hsiode._memory import SPECTRA, n_items
from sklearn_hsiode._patches import PatchSamples
from sklearn_hsiode.classifiers._devices import n_threads_of
from sklearn_hsiode.classifiers._setup import TrainingPixels, centre_spectra

# Parameters that may differ where a fit goes on; those of the machine are compared as they act.
FREE = ("callbacks", "checkpoint", "verbose", "device", "n_jobs")
# Writing takes at most one part in so many of the time of the training.
PARTS = 50
# What skorch's callbacks keep from epoch to epoch.
OF_CALLBACKS = (
    *("best_score_", "batch_idx_"),
    *("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_"),
)


class TrainingCheckpoint(Callback):  # type: ignore[misc]
    """Keeps the state of a training in a file, and lets the same training go on from there.

    It writes before an epoch begins, as often as a fiftieth of the time allows, so that Ctrl-C
    in a write is one in an epoch.

    Parameters
    ----------
    path : Path
        The file.
    title : str
        Of the training, for people.
    n_epochs : int
        Its length.
    verbose : bool
        Whether to say where the training goes on.

    Attributes
    ----------
    is_done : bool
        Whether the training had ended.
    """

    def __init__(self, path: Path, title: str, n_epochs: int, verbose: bool) -> None:
        self.path, self.title, self.n_epochs, self.verbose = path, title, n_epochs, verbose

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        if getattr(net, "iterator_train__persistent_workers", False):
            raise ValueError(
                "A checkpoint cannot keep the state of persistent workers: set checkpoint=None, or"
                " leave iterator_train__persistent_workers out of net_params."
            )
        self.augment_ = X.augment
        self.is_done = False
        state = read_state(self.path)
        if state is not None:
            with explained_damage(self.path):
                self._restore(net, state)
            self._tell(net)
        self.written_, self.cost_ = time.monotonic(), 0.0

    def before_epochs(self) -> Callback:
        """The first of the callbacks, where this is the last."""
        return BeforeEpochs(self)

    def write_if_due(self, net: Any) -> None:
        """Write the state before an epoch, if the last time is long ago."""
        finished = net.history[:-1]  # without the epoch that begins
        if finished and time.monotonic() - self.written_ >= PARTS * self.cost_:
            self._write(net, finished)

    def finish(self, net: Any) -> None:
        """Write the state of a training that has ended."""
        if not self.is_done:
            self.is_done = True
            self._write(net, net.history)

    def _write(self, net: Any, epochs: list[dict[str, Any]]) -> None:
        began = time.monotonic()
        write_state(self.path, self._state(net, epochs))
        self.written_ = time.monotonic()
        self.cost_ = self.written_ - began

    def _state(self, net: Any, epochs: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "is_done": self.is_done,
            "history": [
                {name: value for name, value in epoch.items() if name != "batches"}
                for epoch in epochs
            ],
            "weights": net.plain_module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "callbacks": {
                name: {key: vars(callback)[key] for key in OF_CALLBACKS if key in vars(callback)}
                for name, callback in net.callbacks_
            },
            "schedules": {name: _without_functions(one) for name, one in _schedules(net)},
            "generators": {name: one.get_state() for name, one in self._generators(net)},
            "mixing": _as_lists(net.mixing_.get_state(legacy=False)),
        }

    def _restore(self, net: Any, state: dict[str, Any]) -> None:
        net.plain_module_.load_state_dict(state["weights"])
        net.optimizer_.load_state_dict(state["optimizer"])
        for name, callback in net.callbacks_:
            vars(callback).update(state["callbacks"].get(name, {}))
        for name, schedule in _schedules(net):
            schedule.load_state_dict(state["schedules"][name])
        for name, generator in self._generators(net):
            generator.set_state(state["generators"][name])
        net.mixing_.set_state(state["mixing"])
        net.history = History(state["history"])
        self.is_done = bool(state["is_done"])

    def _generators(self, net: Any) -> Iterator[tuple[str, torch.Generator]]:
        yield "PyTorch", torch.default_generator
        yield "order", net.iterator_train__generator
        yield "validation", net.iterator_valid__generator
        if self.augment_ is not None:
            yield "augmentation", self.augment_
        device = torch.device(net.device)
        if device.type == "cuda":
            index = torch.cuda.current_device() if device.index is None else device.index
            yield "CUDA", torch.cuda.default_generators[index]

    def _tell(self, net: Any) -> None:
        if self.verbose:
            where = f"goes on from epoch {len(net.history) + 1} of {self.n_epochs}"
            how_far = "has been trained" if self.is_done else where
            tqdm.write(f"{self.title} {how_far} ({self.path.parent})")


class BeforeEpochs(Callback):  # type: ignore[misc]
    """Lets a checkpoint write before other callbacks do something at the beginning of an epoch.

    Parameters
    ----------
    checkpoint : TrainingCheckpoint
        The last of the callbacks, so that it restores what the others have prepared.
    """

    def __init__(self, checkpoint: TrainingCheckpoint) -> None:
        self.checkpoint = checkpoint

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.checkpoint.write_if_due(net)


def _schedules(net: Any) -> Iterator[tuple[str, Any]]:
    """The schedules of a net in training, by the names of their callbacks."""
    for name, callback in net.callbacks_:
        if hasattr(callback, "lr_scheduler_"):
            yield name, callback.lr_scheduler_


def _without_functions(schedule: Any) -> dict[str, Any]:
    """The state of a schedule, of which functions are none: they are the user's own."""
    state: dict[str, Any] = schedule.state_dict()
    if "lr_lambdas" in state:
        state["lr_lambdas"] = [None] * len(state["lr_lambdas"])
    return state


def _as_lists(state: Any) -> Any:
    """The state of a RandomState, with its array as a list."""
    inner = {name: np.asarray(value).tolist() for name, value in state["state"].items()}
    return {**state, "state": inner}


def parameters_that_count(estimator: Any, device: torch.device) -> dict[str, str]:
    """Return the parameters that the result of a fit depends on, as text.

    Parameters
    ----------
    estimator : PatchNetClassifier
        With the random state that the fit begins with.
    device : torch.device
        Where it trains; its kind counts, as the number of threads does.
    """
    of_machine = {"device": device.type, "n_jobs": f"{n_threads_of(estimator.n_jobs)}"}
    return parameters_of(estimator, FREE, content_of) | of_machine


def data_that_count(
    pixels: TrainingPixels, rows: list[np.ndarray], previous: Any
) -> dict[str, str]:
    """Return hashes of the data that the result of a fit depends on.

    Parameters
    ----------
    pixels : TrainingPixels
        All of them.
    rows : list of array
        Rows that early stopping and the folds of the gate train on, and hold out.
    previous : PatchNet or None
        The net of the earlier fit, with `warm_start`.
    """
    X, codes, classes, weights = pixels
    earlier = [] if previous is None else previous.plain_module_.state_dict().values()
    return {
        "classes": repr(classes.tolist()),
        "patches sha256": digest(_patches(X)),
        "labels sha256": digest([codes]),
        "weights of the pixels sha256": digest([weights]),
        "held-out pixels sha256": digest(rows),
        "weights of the earlier fit sha256": digest(tensor.cpu().numpy() for tensor in earlier),
    }


def _patches(X: PatchSamples | np.ndarray) -> Iterator[np.ndarray]:
    """The patches as a network sees them, and the spectra in their centres as they are."""
    gather = None
    if isinstance(X, PatchSamples):
        is_exact = np.can_cast(X.pixels.dtype, np.float32)
        gather = X.gatherer(dtype=torch.float32 if is_exact else torch.float64)
    for batch in gen_batches(len(X), n_items(SPECTRA, 4 * prod(X.shape[1:]))):
        rows = np.arange(batch.start, batch.stop)
        # Of a scene in the order that they have in memory.
        yield np.asarray(X[rows]) if gather is None else gather(rows).permute(0, 2, 3, 1).numpy()
        yield centre_spectra(X, rows)
