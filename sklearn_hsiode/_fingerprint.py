"""Hashes of arrays and scenes, and parameters as text, that are the same in each process."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any

import cloudpickle
import joblib
import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_hsiode._memory import FILE_BLOCK, n_items
from sklearn_hsiode._scene import Scene

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
# Lists of estimators, whose parameters are told one by one.
LISTS_OF_ESTIMATORS = ("steps", "estimators", "transformers", "transformer_list")


def parameters_of(
    model: Any, neutral: Collection[str] = (), told: Callable[[Any], str] | None = None
) -> dict[str, str]:
    """Every parameter of a model as text, but for those whose last name is among the neutral.

    By default parameters are told as they read, by :func:`text_of`.
    """
    told = text_of if told is None else told
    return {"estimator": type(model).__name__} | {
        name: _composition(value, told)
        if name.split("__")[-1] in LISTS_OF_ESTIMATORS
        else told(value)
        for name, value in sorted(model.get_params().items())
        if name.split("__")[-1] not in neutral
    }


def text_of(value: Any) -> str:
    """A parameter as text: estimators by their class, functions by their name."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value).__name__
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.ndarray):
        return f"array {joblib.hash(value)}"
    if isinstance(value, np.random.RandomState):
        return f"RandomState {joblib.hash(value.get_state())}"
    text = repr(value)
    # An object's address is another in each process.
    return text if isinstance(value, str) else re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def content_of(value: Any) -> str:
    """A parameter as text that is another one wherever its content is another.

    Estimators are told by their class, since their parameters are listed, and functions that can
    be imported by their name.
    """
    text = text_of(value)
    if isinstance(value, (*PLAIN, np.ndarray, np.random.RandomState)):
        return text
    if hasattr(value, "get_params"):
        return text
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {content_of(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(content_of, value))}]"
    if isinstance(value, torch.Tensor):
        values = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return f"{value.dtype} {tuple(value.shape)} {digest([values])}"
    if isinstance(value, torch.nn.Module):
        return f"{text} {content_of(value.state_dict())}"
    name = getattr(value, "__qualname__", "<")
    if "<" not in name and getattr(value, "__module__", "__main__") != "__main__":
        return text
    try:
        return f"{text} {joblib.hash(value)}"
    except Exception:  # a function without a name, say, which cloudpickle knows
        return f"{text} {sha256(cloudpickle.dumps(value)).hexdigest()}"


def scenes_digest(scenes: Iterable[Scene]) -> str:
    """Hash of a scene, or of those of several."""
    one, *more = [_scene_digest(scene) for scene in scenes]
    return sha256(" ".join([one, *more]).encode()).hexdigest() if more else one


def _scene_digest(scene: Scene) -> str:
    """Hash of cube, mask and labels; of a cube in a file, some rows are in memory at a time."""
    hashed = sha256(f"{scene.dtype.str} {scene.shape}".encode())
    height, width, n_bands = scene.shape
    n_rows = n_items(FILE_BLOCK, width * n_bands * scene.dtype.itemsize)
    for rows in gen_batches(height, n_rows):
        _add_values(hashed, scene.window(rows, slice(0, width)).cube)
    labels = [] if scene.labels is None else [scene.labels]
    return digest([scene.mask, *labels], hashed)


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


def _composition(estimators: Any, told: Callable[[Any], str]) -> str:
    """Names and types in their order, and what else stands there, such as columns."""
    return ", ".join(
        f"{name}: {' '.join([text_of(one), *map(told, others)])}"
        for name, one, *others in estimators
    )
