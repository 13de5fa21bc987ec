"""FileScene and WindowedScene: scenes that were, or are still to be, read from a file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import read_only
from sklearn_hsiode.io.readers import CubeSource

logger = logging.getLogger(__name__)


class FileScene(Scene):
    """A scene that was read from a file, with what the file tells of its bands.

    Made by :func:`read_scene`; otherwise a :class:`~sklearn_hsiode.Scene` as any other.

    Parameters
    ----------
    cube, labels, **about
        As for :class:`~sklearn_hsiode.Scene`.
    dropped_bands : dict of int to str
        Bands of the file that the scene is without, counted from 1, and why.
    fwhm : array of shape (bands,), default=None
        Full width at half maximum of each band in nanometres.
    files : sequence of path, default=()
        The files that it was read from.
    """

    def __init__(
        self,
        cube: Any,
        labels: Any = None,
        *,
        dropped_bands: Mapping[int, str],
        fwhm: np.ndarray | None = None,
        files: Sequence[Path] = (),
        **about: Any,
    ) -> None:
        self._dropped_bands, self._fwhm, self._files = dict(dropped_bands), fwhm, tuple(files)
        super().__init__(cube, labels, **about)

    @property
    def dropped_bands(self) -> dict[int, str]:
        """Bands of the file that the scene is without, counted from 1, and why."""
        return dict(self._dropped_bands)

    @property
    def fwhm(self) -> np.ndarray | None:
        """Full width at half maximum of each band in nanometres, or None."""
        return self._fwhm

    def was_read_from(self, path: str | Path) -> bool:
        """True where this is one of the files that the scene was read from."""
        file = Path(path)
        return file.exists() and any(one.exists() and file.samefile(one) for one in self._files)

    def __reduce__(self) -> tuple[Any, ...]:
        about = {
            "dropped_bands": self._dropped_bands,
            "fwhm": self._fwhm,
            "files": self._files,
            **self._about_pixels,
        }
        return partial(FileScene, wavelengths=self._wavelengths, **about), (self.cube, self.labels)


class WindowedScene(FileScene):
    """A scene in a large file, of which :meth:`window` reads a part.

    Its shape, wavelengths, georeference and labels are known without reading it. Asked for
    its `mask` it goes through the file once, a few rows at a time, unless integers without a
    nodata value leave nothing to mask. Pixels, and patches around them, are read with the rows
    that they lie in, each time that they are asked for; only asked for its `cube` it reads all
    of it and keeps it.

    Parameters
    ----------
    source : CubeSource
        The image.
    bands : array of int
        Its bands that the scene has, counted from 0, in increasing order.
    labels, class_names, name
        As for :class:`~sklearn_hsiode.Scene`.
    dropped_bands : dict of int to str
        Its bands that the scene is without, counted from 1, and why.
    unjudged : tuple of int, default=()
        Bands, counted from 0, that may lack data without a pixel being masked for it.
    mask : bool array of shape (rows, cols), default=None
        The mask where it is known already.
    """

    def __init__(
        self,
        source: CubeSource,
        bands: np.ndarray,
        labels: Any = None,
        *,
        class_names: Any = None,
        name: str | None = None,
        dropped_bands: Mapping[int, str],
        unjudged: tuple[int, ...] = (),
        mask: Any = None,
    ) -> None:
        self._source, self._bands, self._unjudged = source, bands, unjudged
        self._has_warned = False
        # A band of zeros stands in until the cube is read, so that all else can be checked.
        super().__init__(
            np.zeros((*source.shape[:2], 1), dtype=np.uint8),
            labels,
            mask=mask,
            class_names=class_names,
            name=name,
            dropped_bands=dropped_bands,
            files=source.files,
            **source.about(bands),
        )
        del self._cube
        if mask is None:
            del self._mask

    @property
    def shape(self) -> tuple[int, int, int]:
        rows, cols, _ = self._source.shape
        return rows, cols, len(self._bands)

    @property
    def dtype(self) -> np.dtype:
        return self._source.scaled_dtype

    @property
    def is_loaded(self) -> bool:
        return "_cube" in vars(self)

    @cached_property
    def _cube(self) -> np.ndarray:  # type: ignore[override]
        # Scene makes it contiguous, of native byte order and read-only.
        return Scene(self._source.whole(self._bands)).cube

    @cached_property
    def _mask(self) -> np.ndarray:  # type: ignore[override]
        mask = np.ones(self.shape[:2], dtype=bool)
        if self._source.has_gaps:
            for rows, cols in self._source.blocks(len(self._bands)):
                values = self._source.values(rows, cols, self._bands)
                mask[rows, cols] = self._valid(values, rows, cols)
        else:
            rows, cols = (slice(0, size) for size in self.shape[:2])
            unmasked = self._source.unmasked(rows, cols)
            mask = mask if unmasked is None else unmasked
        self._source.require_valid(mask)
        return read_only(mask)

    @cached_property
    def _non_finite(self) -> np.ndarray:  # type: ignore[override]
        # The mask has none but in bands that it does not judge.
        bad = np.zeros(self.shape[:2], dtype=bool)
        if np.isin(self._bands, self._unjudged).any():
            positions = np.flatnonzero(self.mask)
            for part, spectra in self.iter_spectra(positions):
                bad.reshape(-1)[part] = ~np.isfinite(spectra).all(axis=1)
        return read_only(bad)

    def spectra_at(self, positions: np.ndarray) -> np.ndarray:
        if self.is_loaded:
            return super().spectra_at(positions)
        ordered, places = np.unique(positions, return_inverse=True)
        spectra = np.empty((len(ordered), self.n_bands), dtype=self.dtype)
        for part, values in self.iter_spectra(ordered):
            spectra[np.searchsorted(ordered, part)] = values
        return spectra[places]

    def iter_spectra(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self.is_loaded:
            yield from super().iter_spectra(positions)
            return
        n_cols = self.shape[1]
        for strip, across in self._source.blocks(self.n_bands):
            some = slice(*np.searchsorted(positions, [strip.start * n_cols, strip.stop * n_cols]))
            part = positions[some]
            part = part[(part % n_cols >= across.start) & (part % n_cols < across.stop)]
            if not part.size:
                continue
            rows, cols = np.divmod(part, n_cols)
            top, left = rows.min(), cols.min()
            values = self._source.values(
                slice(top, rows.max() + 1), slice(left, cols.max() + 1), self._bands
            )
            spectra = values[rows - top, cols - left].astype(self._source.dtype.newbyteorder("="))
            yield part, self._source.scaled(spectra[np.newaxis], self._bands)[0]

    def select_bands(self, bands: Any) -> Scene:
        if self.is_loaded:
            return super().select_bands(bands)
        chosen = self._bands[bands]
        if len(chosen) > 1 and (np.diff(chosen) <= 0).any():
            in_file, places = np.unique(chosen, return_inverse=True)
            wavelengths = None if self._wavelengths is None else self._wavelengths[bands]
            cube = self._source.whole(in_file)[:, :, places]
            return self.with_cube(cube, wavelengths=wavelengths)
        return WindowedScene(
            self._source,
            chosen,
            self.labels,
            class_names=self._class_names,
            name=self._name,
            dropped_bands=self._dropped_bands,
            unjudged=self._unjudged,
            mask=self.mask,  # which bands that are not chosen have their part in
        )

    def _valid(self, values: np.ndarray, rows: slice, cols: slice) -> np.ndarray:
        bands, unjudged = self._bands, self._unjudged
        return self._source.valid(values, bands, unjudged=unjudged, rows=rows, cols=cols)

    def window(self, rows: slice, cols: slice) -> Scene:
        """A part of the scene in memory; nothing else of the file is read.

        Parameters
        ----------
        rows, cols : slice
            Rows and columns of the part, in steps of 1.

        Returns
        -------
        scene : Scene
            It may be without any valid pixel.
        """
        if self.is_loaded:
            return super().window(rows, cols)
        rows, cols = (
            slice(*where.indices(size)[:2])
            for where, size in zip((rows, cols), self.shape[:2], strict=True)
        )
        values = self._source.values(rows, cols, self._bands)
        part = Scene(
            self._source.scaled(values, self._bands),
            None if self.labels is None else self.labels[rows, cols],
            class_names=self._class_names,
            wavelengths=self._wavelengths,
            crs=self._crs,
            transform=self._shifted_transform(rows.start, cols.start),
            name=self._name,
        )
        # Scene itself refuses a mask that leaves no pixel.
        part._mask = read_only(self._valid(values, rows, cols))
        part._origin = rows.start, cols.start
        if not part.mask.any():
            self._warn_of_empty_bands(values, rows, cols)
        return part

    def _warn_of_empty_bands(self, values: np.ndarray, rows: slice, cols: slice) -> None:
        """Say once, where bands without data leave no pixel of a window, which ones they are."""
        bands = [band for band in self._bands.tolist() if band not in self._unjudged]
        places = dict(zip(self._bands.tolist(), range(len(self._bands)), strict=True))
        empty = [band + 1 for band in bands if self._source.is_empty(values, places[band], band)]
        if self._has_warned or not 0 < len(empty) < len(bands):
            return
        self._has_warned = True
        logger.warning(
            "%s: bands %s hold no data in rows %d to %d, columns %d to %d, and mask every pixel"
            " there. If they hold none at all, mark them as bad in the file's header (bbl = 0).",
            self._source.path,
            ", ".join(map(str, empty)),
            rows.start,
            rows.stop - 1,
            cols.start,
            cols.stop - 1,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if self.is_loaded:
            return super().__reduce__()
        about: dict[str, Any] = {
            "class_names": self._class_names,
            "name": self._name,
            "dropped_bands": self._dropped_bands,
            "unjudged": self._unjudged,
            "mask": vars(self).get("_mask"),
        }
        return partial(WindowedScene, **about), (self._source, self._bands, self.labels)

    def __repr__(self) -> str:
        if self.is_loaded:
            return super().__repr__()
        rows, cols, bands = self.shape
        title = f"{self._name!r}: " if self._name else ""
        labels = "" if self.labels is None else f", {np.count_nonzero(self.labels)} labelled pixels"
        return (
            f"Scene({title}{rows} x {cols} pixels, {bands} bands, {self.dtype}, in a file{labels})"
        )
