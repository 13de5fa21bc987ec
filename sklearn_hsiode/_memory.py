"""Memory budgets: how much a step may hold at a time, all in mebibytes."""

from __future__ import annotations

import math
import os
from pathlib import Path

from sklearn import get_config

# These two decide on more than memory, and are not lowered by scikit-learn's.
SMALL_FILE = 64  # an image that is loaded when it is opened, and whose empty bands are found
ACTIVATION = 16  # an activation in a prediction on a CPU, more of which leaves the cache
# These are, through n_items.
FILE_BLOCK = 32  # values that a pass through a file reads together
SPECTRA = 64  # spectra that are handled together
HULLS = 2  # spectra of which the convex hulls are found together
LAYER_INPUT = 64  # values of an image that go through a layer together
MAPPED = 256  # windows of a map that wait to be written
PRECOMPUTED = 256  # an image that is kept behind the standardisation or the stem


def n_items(mebibytes: float, item_bytes: float) -> int:
    """How many items of so many bytes a budget holds, one at least.

    scikit-learn's ``working_memory`` (:func:`sklearn.set_config`) lowers every budget above it.
    """
    mebibytes = min(mebibytes, get_config()["working_memory"])
    return max(int(mebibytes * 2**20 // max(item_bytes, 1)), 1)


def machine_memory() -> float:
    """Bytes of memory that this machine, or the container on it, has; infinite if not known."""
    limits = [math.inf]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    container = Path("/sys/fs/cgroup/memory.max")  # "max" where there is no limit
    if container.is_file() and (limit := container.read_text().strip()).isdecimal():
        limits.append(int(limit))
    return min(limits)


def require_memory(where: object, n_bytes: int) -> None:
    """Raise ValueError where a file holds more than the memory of this machine takes."""
    available = machine_memory()
    if n_bytes > available:
        raise ValueError(
            f"{where} would take {n_bytes / 2**30:,.1f} GiB of memory, but there are"
            f" {available / 2**30:,.1f} GiB: it is damaged, or too large to be read at once here."
        )
