"""Settings and hashes that tell one benchmark from another, and where it ran."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sklearn_hsiode._fingerprint import digest, parameters_of, scenes_digest, text_of
from sklearn_hsiode._scene import Scene

# Parameters that a benchmark sets itself, or that do not change what a model learns.
NEUTRAL = ("random_state", "device", "n_jobs", "verbose", "progress", "checkpoint")


def benchmark_settings(
    scenes: Sequence[Scene],
    splitters: Sequence[Any],
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    **others: Any,
) -> dict[str, Any]:
    """Settings that the runs of one file share, with hashes of the scenes and of the splits."""
    return {
        "scene": described(scenes),
        "scene_sha256": scenes_digest(scenes),
        "cv": [text_of(splitter) for splitter in splitters],
        "splits_sha256": digest([part for split in splits for part in split]),
        **others,
    }


def described(scenes: Sequence[Scene]) -> str:
    """One scene, or a list of several, in words."""
    return repr(scenes[0]) if len(scenes) == 1 else repr(list(scenes))


def model_parameters(model: Any) -> dict[str, str]:
    """Every parameter of a model, but for those that are neutral here."""
    return parameters_of(model, NEUTRAL)


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


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"
