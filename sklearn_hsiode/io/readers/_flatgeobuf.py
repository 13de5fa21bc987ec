"""Checks that a FlatGeobuf is whole, which GDAL does not make.

Behind its header lie an R-tree, which may be left out, and the features, each behind its size:
https://github.com/flatgeobuf/flatgeobuf
"""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np

FANOUT = 16  # children of a node of the tree, as every known writer has it
NODE = np.dtype([("box", "<f8", 4), ("start", "<u8")])


def check_flatgeobuf(path: Path, bounds: np.ndarray) -> None:
    """Raise ValueError unless features with these bounds are all that is in a file.

    Parameters
    ----------
    path : path
        The file.
    bounds : array of shape (n_features, 4)
        Lowest x and y and highest x and y of the features that were read.
    """
    content = path.read_bytes()
    start = 12 + int.from_bytes(content[8:12], "little")
    n_features = len(bounds)
    if _n_features(content, start) == n_features:
        return
    levels = [ceil(n_features / FANOUT)]  # of the nodes that have children
    while levels[-1] > 1:
        levels.append(ceil(levels[-1] / FANOUT))
    start += sum(levels) * NODE.itemsize
    if _n_features(content, start + n_features * NODE.itemsize) != n_features:
        raise ValueError(f"it has other bytes than those of {n_features} features")
    leaves = np.frombuffer(content, NODE, count=n_features, offset=start)
    if not np.allclose(bounds, leaves["box"], rtol=1e-9, atol=1e-9):
        raise ValueError("its features are not within the bounds that it tells")


def _n_features(content: bytes, start: int) -> int | None:
    """How many features fill the bytes from a place to the end, or None where they do not."""
    n_features = 0
    while start < len(content):
        start += 4 + int.from_bytes(content[start : start + 4], "little")
        n_features += 1
    return n_features if start == len(content) else None
