"""The class maps of a benchmark, beside its runs."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import numpy as np

from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._fingerprint import digest

DTYPE = np.dtype(np.int16)
LONGEST_NAME = 100  # of a file, in letters, beside the hash and the suffix


def save_map(folder: Path, model: str, class_map: np.ndarray) -> str:
    """Keep the class map of a model, and return the hash of it."""
    path = _map_path(folder, model)
    path.parent.mkdir(exist_ok=True)
    class_map = class_map.astype(DTYPE)
    with complete_file(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, class_map)
    return digest([class_map])


def load_map(
    folder: Path, model: str, grid: tuple[int, ...], n_classes: int, known_hash: str | None
) -> np.ndarray | None:
    """The class map that was kept of a model, or None.

    Raises
    ------
    ValueError
        When the file holds no class map of such a scene, or another one than was kept.
    """
    path = _map_path(folder, model)
    if not path.is_file():
        return None
    try:
        # Of a damaged header, no memory is allocated.
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        if stored.shape != grid or stored.dtype != DTYPE:
            raise ValueError(f"It holds {stored.dtype} of shape {stored.shape}.")
        class_map = np.array(stored)
        if class_map.min() < -1 or class_map.max() >= n_classes:
            raise ValueError("It holds numbers of classes that the scene does not have.")
        if known_hash not in (None, digest([class_map])):
            raise ValueError("It is another one than was kept.")
    except PermissionError:
        raise
    except Exception as error:  # whatever a damaged header leads NumPy to
        raise ValueError(
            f"{path} is not the class map that was kept, or it is damaged: delete it to go on"
            " without that map, or name another folder."
        ) from error
    return class_map


def _map_path(folder: Path, model: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", model)[:LONGEST_NAME]
    if name != model:  # two models may not share a file
        name += f"-{sha256(model.encode(errors='surrogatepass')).hexdigest()[:8]}"
    return folder / "class_maps" / f"{name}.npy"
