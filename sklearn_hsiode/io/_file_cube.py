"""FileCube: bands of an image in a file, of which windows are read."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sklearn_hsiode._cubes import ArrayCube, Block, Cube
from sklearn_hsiode.io.readers import CubeSource

logger = logging.getLogger(__name__)


class FileCube(Cube):
    """Some bands of an image in a file, as a cube of which windows are read.

    Parameters
    ----------
    source : CubeSource
        The image.
    bands : array of int
        Its bands that the cube has, counted from 0, in increasing order.
    unjudged : collection of int, default=()
        Bands, counted from 0, that may lack data without a pixel being masked for it.
    """

    source: CubeSource

    def __init__(
        self, source: CubeSource, bands: np.ndarray, unjudged: Collection[int] = ()
    ) -> None:
        super().__init__(source)
        self.bands, self.unjudged = bands, tuple(unjudged)
        self._has_warned = False
        self._stamps = self._stamped()

    @property
    def shape(self) -> tuple[int, int, int]:
        rows, cols, _ = self.source.shape
        return rows, cols, len(self.bands)

    @property
    def dtype(self) -> np.dtype:
        return self.source.scaled_dtype

    def __getitem__(self, window: Block) -> np.ndarray:
        rows, cols = window
        with self._unchanged():
            stored = self.source.values(rows, cols, self.bands)
            valid = self._valid(stored, rows, cols)
        if not valid.any():
            self._warn_of_empty_bands(stored, rows, cols)
        values = self.source.scaled(stored, self.bands)
        values = values.astype(self.dtype, copy=False)  # of this machine's byte order
        masked = np.broadcast_to(~valid[:, :, np.newaxis], values.shape)
        return np.ma.MaskedArray(values, masked, copy=False)

    def blocks(self) -> Iterator[Block]:
        return self.source.blocks(len(self.bands))

    def select_bands(self, bands: Any) -> Cube:
        chosen = self.bands[bands]
        if len(chosen) > 1 and (np.diff(chosen) <= 0).any():  # a source reads in its own order
            ordered, places = np.unique(chosen, return_inverse=True)
            with self._unchanged():
                return ArrayCube(self.source.whole(ordered)[:, :, places])
        return FileCube(self.source, chosen, self.unjudged)

    def load(self) -> np.ndarray:
        with self._unchanged():
            return self.source.whole(self.bands)

    def valid(self) -> np.ndarray:
        if self.source.has_gaps:
            return super().valid()
        unmasked = self.source.unmasked(*(slice(0, size) for size in self.shape[:2]))
        return np.ones(self.shape[:2], dtype=bool) if unmasked is None else unmasked

    def non_finite(self, mask: np.ndarray) -> np.ndarray:
        # The mask has none but in bands that it does not judge.
        if np.isin(self.bands, self.unjudged).any():
            return super().non_finite(mask)
        return np.zeros(mask.shape, dtype=bool)

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Raise ValueError where the files were written to since they were opened."""
        try:
            yield
        finally:
            if self._stamped() != self._stamps:
                raise ValueError(
                    f"{self.source.path} has changed since it was opened: open it again with"
                    " read_scene, once it is complete."
                )

    def _stamped(self) -> list[tuple[int, int]]:
        return [(held.st_size, held.st_mtime_ns) for held in map(os.stat, self.source.files)]

    def _valid(self, stored: np.ndarray, rows: slice, cols: slice) -> np.ndarray:
        return self.source.valid(stored, self.bands, unjudged=self.unjudged, rows=rows, cols=cols)

    def _warn_of_empty_bands(self, stored: np.ndarray, rows: slice, cols: slice) -> None:
        """Log once, where bands without data leave no pixel of a window, which ones they are."""
        judged = [(i, band) for i, band in enumerate(self.bands) if band not in self.unjudged]
        empty = [str(band + 1) for i, band in judged if self.source.is_empty(stored, i, band)]
        if self._has_warned or not 0 < len(empty) < len(judged):
            return
        self._has_warned = True
        logger.warning(
            "%s: bands %s hold no data in rows %d to %d, columns %d to %d, and mask every pixel"
            " there. If they hold none at all, mark them as bad in the file's header (bbl = 0).",
            self.source.path,
            ", ".join(empty),
            rows.start,
            rows.stop - 1,
            cols.start,
            cols.stop - 1,
        )
