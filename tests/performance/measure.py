"""Ratios of times that are taken side by side, so that a busy or slow machine changes both."""

import platform
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch


class Ratio(NamedTuple):
    """What one case has measured."""

    name: str
    values: np.ndarray  # measured / reference, one for each repeat
    bar: float | None = None  # largest ratio that is wanted
    note: str = ""

    def __str__(self) -> str:
        low, middle, high = np.min(self.values), np.median(self.values), np.max(self.values)
        verdict = ""
        if self.bar is not None:
            verdict = f"  {'reached' if middle <= self.bar else 'MISSED'}: at most {self.bar:g}"
        spread = f" ({low:.3f} to {high:.3f})" if high > low else ""
        return f"{self.name}: {middle:.3f}{spread}{verdict}{'  ' + self.note if self.note else ''}"


def seconds(function: Callable[[], object], device: str) -> float:
    """Time of a call, with everything that it has started on the device."""
    _synchronize(device)
    start = time.perf_counter()
    function()
    _synchronize(device)
    return time.perf_counter() - start


def side_by_side(
    name: str,
    measured: Callable[[], object],
    reference: Callable[[], object],
    *,
    bar: float | None = None,
    repeats: int = 5,
    device: str = "cpu",
    per: float = 1.0,
    unit: str = "s",
) -> Ratio:
    """Time both in turns after a first call of each, and divide.

    `per` and `unit` say what the absolute times are told in.
    """
    functions = measured, reference
    for function in functions:
        function()
    times = np.array([[seconds(f, device) for f in functions] for _ in range(repeats)])
    a, b = np.median(times, axis=0) / per
    return Ratio(name, times[:, 0] / times[:, 1], bar, f"{a:.3g} / {b:.3g} {unit}")


def matrix_rate(device: str = "cpu", repeats: int = 5) -> float:
    """Operations per second of a product of float32 matrices: the arithmetic floor.

    On CUDA in TF32, as convolutions are by default.
    """
    size = 2048 if device == "cpu" else 8192
    a = torch.rand(size, size, device=device)
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before, products.allow_tf32 = products.allow_tf32, convolutions.allow_tf32
    try:
        a @ a
        return 2 * size**3 / min(seconds(lambda: a @ a, device) for _ in range(repeats))
    finally:
        products.allow_tf32 = before


def machine() -> str:
    """What the ratios were measured on."""
    parts = [
        platform.platform(),
        f"{torch.get_num_threads()} of {torch.multiprocessing.cpu_count()} threads",
        f"torch {torch.__version__}",
        f"float32 matrix product {matrix_rate() / 1e9:.0f} GFLOP/s",
    ]
    if torch.cuda.is_available():
        parts.append(f"{torch.cuda.get_device_name()}, {matrix_rate('cuda') / 1e12:.1f} TFLOP/s")
    return ", ".join(parts)


def _synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
