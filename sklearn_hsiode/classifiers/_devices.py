"""Devices, threads and random states of PyTorch."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from joblib import cpu_count

from sklearn_hsiode._arguments import JOBS, check

_ONE_AT_A_TIME = threading.RLock()


def resolve_device(device: str | torch.device) -> torch.device:
    """The device that a parameter names, "auto" being CUDA where there is one.

    Raises
    ------
    ValueError
        When the name means nothing to PyTorch, or the device is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"Unknown device {device!r}: use 'auto', 'cpu', 'cuda', 'cuda:<index>' or 'mps'."
        ) from error
    if not _is_there(resolved):
        raise ValueError(
            f"device={str(device)!r} was asked for, but PyTorch finds no such device here: use"
            " device='auto' to take CUDA where there is one, or device='cpu'."
        )
    return resolved


def device_or_cpu(device: str | torch.device) -> torch.device:
    """The device that a parameter names, or the CPU with a warning where it is missing."""
    try:
        return resolve_device(device)
    except ValueError:
        warnings.warn(
            f"device={str(device)!r} is not here: the estimator was loaded onto the CPU.",
            stacklevel=3,
        )
        return torch.device("cpu")


def _is_there(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed activations for the next mini-batch.

    glibc gives blocks above a threshold back to the system, which hands out and clears new
    pages each time. The threshold rises to the largest block that has been freed, up to 32 MiB.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


@contextmanager
def reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch inside, restore its random state and settings outside."""
    # All of this belongs to the process, so threads that fit at once take turns.
    with _ONE_AT_A_TIME, _seeded(seed, device):
        yield


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    on_cuda = device.type == "cuda"
    deterministic = torch.backends.cudnn.deterministic
    with torch.random.fork_rng([device] if on_cuda else []):
        # Not torch.manual_seed, which would reach every device for good.
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        torch.backends.cudnn.deterministic = True
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic = deterministic


def n_threads_of(n_jobs: int | None) -> int:
    """Threads of this machine that `n_jobs` asks for, whatever joblib's backend is.

    A cluster's backend would count the cores of the cluster.
    """
    check("the estimator", {"n_jobs": JOBS}, n_jobs=n_jobs)
    n_jobs = 1 if n_jobs is None else int(n_jobs)
    return n_jobs if n_jobs > 0 else max(cpu_count() + 1 + n_jobs, 1)


@contextmanager
def cpu_threads(n_jobs: int | None) -> Iterator[None]:
    """Let PyTorch use so many threads inside: None means 1, and -1 all cores."""
    with _ONE_AT_A_TIME:
        n_threads = torch.get_num_threads()
        torch.set_num_threads(n_threads_of(n_jobs))
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)
