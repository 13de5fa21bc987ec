"""Settings and hashes that tell one benchmark from another, and where it ran."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_hsiode._memory import FILE_BLOCK, n_items
from sklearn_hsiode._scene import Scene

# Parameters that a benchmark sets itself, or that do not change what a model learns.
NEUTRAL = ("random_state", "device", "n_jobs", "verbose", "progress")
# Lists of estimators, whose parameters are told one by one.
LISTS_OF_ESTIMATORS = ("steps", "estimators", "transformers", "transformer_list")


def benchmark_settings(
    scenes: Sequence[Scene],
    splitters: Sequence[Any],
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    **others: Any,
) -> dict[str, Any]:
    """Settings that the runs of one file share, with hashes of the scenes and of the splits."""
    digests = [scene_digest(scene) for scene in scenes]
    one, *more = digests
    return {
        "scene": described(scenes),
        "scene_sha256": sha256(" ".join(digests).encode()).hexdigest() if more else one,
        "cv": [_text(splitter) for splitter in splitters],
        "splits_sha256": digest([part for split in splits for part in split]),
        **others,
    }


def described(scenes: Sequence[Scene]) -> str:
    """One scene, or a list of several, in words."""
    return repr(scenes[0]) if len(scenes) == 1 else repr(list(scenes))


def model_parameters(model: Any) -> dict[str, str]:
    """Every parameter of a model as text that is the same in each process."""
    return {"estimator": type(model).__name__} | {
        name: _composition(value) if name.split("__")[-1] in LISTS_OF_ESTIMATORS else _text(value)
        for name, value in sorted(model.get_params().items())
        if name.split("__")[-1] not in NEUTRAL
    }


def scene_digest(scene: Scene) -> str:
    """Hash of cube, mask and labels; of a cube in a file, some rows are in memory at a time."""
    hashed = sha256(f"{scene.dtype.str} {scene.shape}".encode())
    height, width, n_bands = scene.shape
    n_rows = n_items(FILE_BLOCK, width * n_bands * scene.dtype.itemsize)
    for rows in gen_batches(height, n_rows):
        _add_values(hashed, scene.window(rows, slice(0, width)).cube)
    return digest([scene.mask, scene.labels], hashed)


def digest(arrays: Iterable[Any], hashed: Any = None) -> str:
    """Hash of the types, shapes and values of arrays, behind what is hashed already."""
    hashed = sha256() if hashed is None else hashed
    for array in arrays:
        hashed.update(f"{array.dtype.str} {array.shape}".encode())
        _add_values(hashed, array)
    text: str = hashed.hexdigest()
    return text


def _add_values(hashed: Any, array: np.ndarray) -> None:
    hashed.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


@cache
def environment() -> dict[str, str]:
    """Versions and hardware."""
    packages = ("sklearn-hsiode", "scikit-learn", "skorch", "torch", "torchdiffeq", "numpy")
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": str(os.cpu_count()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _composition(estimators: Any) -> str:
    """Names and types in their order."""
    return ", ".join(f"{entry[0]}: {_text(entry[1])}" for entry in estimators)


def _text(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value).__name__
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.ndarray):
        return f"array {joblib.hash(value)}"
    text = repr(value)
    # An object's address is another in each process.
    return text if isinstance(value, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"
