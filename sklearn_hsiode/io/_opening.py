"""open_scene: a scene of an image, read at once if it is small."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from sklearn_hsiode._memory import SMALL_FILE
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import require_valid
from sklearn_hsiode.io._file_cube import FileCube
from sklearn_hsiode.io.readers import CubeSource

logger = logging.getLogger(__name__)

BAD, EMPTY = "marked as bad", "no data"


def open_scene(
    source: CubeSource,
    labels: Any = None,
    *,
    class_names: Any = None,
    drop_bad_bands: bool = True,
    also_bad: Mapping[int, str] = MappingProxyType({}),
    name: str | None = None,
) -> Scene:
    """The scene of an image, read at once if it is small.

    Parameters
    ----------
    source : CubeSource
        The image.
    labels, class_names
        As for :class:`~sklearn_hsiode.Scene`.
    drop_bad_bands : bool, default=True
        Leave out bands that are marked as bad, and in a small file those without data. Bands
        that stay although they are bad mask no pixel.
    also_bad : dict of int to str, default={}
        Further bands that count as bad, counted from 1, and why.
    name : str, default=None
        By default that of the file, without the suffix.

    Returns
    -------
    scene : Scene

    Raises
    ------
    ValueError
        When no band or, in a small file, no pixel is left.
    """
    n_bands = source.shape[2]
    without = {band - 1: why for band, why in also_bad.items()}
    if source.bad is not None:
        without |= dict.fromkeys(np.flatnonzero(source.bad).tolist(), BAD)
    kept = np.setdiff1d(np.arange(n_bands), list(without) if drop_bad_bands else [])
    is_loaded = (source.is_in_memory or source.n_bytes <= SMALL_FILE * 2**20) and len(kept) > 0
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
    unjudged = sorted(without)
    mask = None
    if values is None:
        cube: Any = FileCube(source, kept, unjudged)
    else:
        values = values if stays.all() else values[:, :, stays]
        mask = source.valid(values, kept, unjudged=unjudged, rows=rows, cols=cols)
        require_valid(mask, str(source.path))
        cube = source.scaled(values, kept)
    about = source.about(kept)
    fwhm = about.pop("fwhm")
    name = name or source.path.stem
    scene = Scene(cube, labels, mask=mask, class_names=class_names, name=name, **about)
    dropped = _dropped_bands(source, without) if drop_bad_bands else {}
    return scene._replace(fwhm=fwhm, dropped_bands=dropped, files=source.files)


def _dropped_bands(source: CubeSource, without: Mapping[int, str]) -> dict[int, str]:
    """Bands counted from 1, as files count them, and why they are left out."""
    dropped_bands = {band + 1: why for band, why in sorted(without.items())}
    if dropped_bands:
        numbers = ", ".join(map(str, dropped_bands))
        logger.info("%s: left out of %d bands: %s.", source.path, source.shape[2], numbers)
    return dropped_bands
