"""open_scene: a scene of an image, read at once if it is small."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_hsiode.io._file_scene import FileScene, WindowedScene
from sklearn_hsiode.io.readers import CubeSource

logger = logging.getLogger(__name__)

SMALL = 64 * 2**20  # bytes; what is not larger is read when it is opened
BAD, EMPTY = "marked as bad", "no data"


def open_scene(
    source: CubeSource,
    labels: Any = None,
    *,
    class_names: Any = None,
    drop_bad_bands: bool = True,
    name: str | None = None,
) -> FileScene:
    """The scene of an image, read at once if it is small.

    Parameters
    ----------
    source : CubeSource
        The image.
    labels, class_names, name
        As for :class:`~sklearn_hsiode.Scene`.
    drop_bad_bands : bool, default=True
        Leave out bands that are marked as bad, and in a small file those without data. Bands
        that stay although they are bad mask no pixel.

    Returns
    -------
    scene : FileScene

    Raises
    ------
    ValueError
        When no band or, in a small file, no pixel is left.
    """
    n_bands = source.shape[2]
    without = {} if source.bad is None else dict.fromkeys(np.flatnonzero(source.bad).tolist(), BAD)
    kept = np.setdiff1d(np.arange(n_bands), list(without) if drop_bad_bands else [])
    is_loaded = (source.is_in_memory or source.n_bytes <= SMALL) and len(kept) > 0
    rows, cols = (slice(0, size) for size in source.shape[:2])
    values = source.values(rows, cols, kept) if is_loaded else None
    if values is not None and source.has_gaps:
        empty = {band for i, band in enumerate(kept.tolist()) if source.is_empty(values, i, band)}
        without |= dict.fromkeys(empty - set(without), EMPTY)
    if len(without) == n_bands:
        raise ValueError(
            f"{source.path} holds no data: each of its {n_bands} bands is marked as bad, or is"
            " nodata or NaN everywhere."
        )
    stays = ~np.isin(kept, list(without)) if drop_bad_bands else np.ones(len(kept), dtype=bool)
    kept = kept[stays]
    about: dict[str, Any] = {
        "labels": labels,
        "class_names": class_names,
        "name": name,
        "dropped_bands": _dropped_bands(source, without) if drop_bad_bands else {},
    }
    unjudged = tuple(sorted(without))
    if values is None:
        return WindowedScene(source, kept, unjudged=unjudged, **about)
    values = values if stays.all() else values[:, :, stays]
    mask = source.valid(values, kept, unjudged=unjudged, rows=rows, cols=cols)
    source.require_valid(mask)
    cube = source.scaled(values, kept)
    return FileScene(cube, mask=mask, files=source.files, **source.about(kept), **about)


def _dropped_bands(source: CubeSource, without: Mapping[int, str]) -> dict[int, str]:
    """Bands counted from 1, as files count them, and why they are left out."""
    dropped_bands = {band + 1: why for band, why in sorted(without.items())}
    if dropped_bands:
        numbers = ", ".join(map(str, dropped_bands))
        logger.info("%s: left out of %d bands: %s.", source.path, source.shape[2], numbers)
    return dropped_bands
