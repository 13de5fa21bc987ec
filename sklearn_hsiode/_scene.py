"""Scene: the image, and all that is known of its pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._arguments import OF_ARRAYS, checked, naming
from sklearn_hsiode._bands import check_same_bands
from sklearn_hsiode._cubes import (
    ArrayCube,
    Cube,
    CubeWindow,
    PackedRaster,
    as_cube,
    valid_pixels,
)
from sklearn_hsiode._labels import (
    checked_class_names,
    checked_labels,
    merged_class_names,
    unlabeled_value,
)
from sklearn_hsiode._pixels import PixelSamples, checked_positions
from sklearn_hsiode._validation import (
    checked_mask,
    checked_slice,
    checked_wavelengths,
    read_only,
    require_valid,
    shown,
)


class Scene:
    """A hyperspectral image: its cube, and what is known of its pixels.

    A scene is immutable, and the cube is shared, not copied: do not write into the
    array afterwards. :func:`~sklearn.base.clone` and :func:`copy.deepcopy` return the
    same object, so that no search or cross-validation ever duplicates an image.

    Parameters
    ----------
    cube : array of shape (rows, cols, bands)
        The image in any real type, as digital numbers, radiance or reflectance. Pixels
        that a masked array masks in any band count as invalid. What is no array, but has
        `shape`, `dtype` and ``[rows, cols]``, is read by window, as images in large files are.
    labels : array of shape (rows, cols), default=None
        Class of each pixel, as integers with 0 for unlabelled pixels, or as strings
        with ``""`` for unlabelled pixels. What a masked array masks is unlabelled.
    mask : bool array of shape (rows, cols), default=None
        True where a pixel is valid. By default all are. Invalid pixels (nodata, say) are
        never handed out, and a patch takes nothing from them.
    class_names : dict or sequence of str, default=None
        Names of the classes: label to name, or one name per class in sorted order of
        the labels.
    wavelengths : array of shape (bands,), default=None
        Centre wavelength of each band in nanometres.
    crs, transform : object, default=None
        Coordinate reference system and affine transform of the grid, kept as given.
    name : str, default=None
        Name of the scene in tables and titles.

    Raises
    ------
    ValueError
        When shapes do not fit each other.
    TypeError
        When the cube is not real, the mask is not boolean, or the labels are neither
        integers nor strings.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_hsiode import Scene
    >>> cube = np.arange(24).reshape(2, 3, 4)
    >>> scene = Scene(cube, labels=[[1, 0, 2], [2, 2, 0]], class_names=["water", "tree"])
    >>> scene
    Scene(2 x 3 pixels, 4 bands, int64, 4 labelled pixels in 2 classes)
    >>> X, y = scene.labeled_pixels()
    >>> y
    array([1, 2, 2, 2])
    >>> np.asarray(X)[0]
    array([0, 1, 2, 3])
    """

    _mask: np.ndarray | None  # None where it is still to be read

    @checked(name=[str, None])
    def __init__(
        self,
        cube: Any,
        labels: Any = None,
        *,
        mask: Any = None,
        class_names: Mapping[Any, str] | Sequence[str] | None = None,
        wavelengths: Any = None,
        crs: Any = None,
        transform: Any = None,
        name: str | None = None,
    ) -> None:
        self._cube: Cube = as_cube(cube)
        grid = self._cube.shape[:2]
        self._labels = None if labels is None else checked_labels(labels, grid)
        is_known = mask is not None or self._cube.is_loaded
        self._mask = checked_mask(mask, grid) if is_known else None
        if np.ma.isMaskedArray(cube):
            self._mask = checked_mask(self._mask & valid_pixels(cube), grid)
        self._wavelengths = checked_wavelengths(wavelengths, self.n_bands)
        self._class_names = checked_class_names(class_names, self._labels)
        self._crs, self._transform, self._name = crs, transform, name
        self._origin: tuple[int, int] = (0, 0)
        self._fwhm: np.ndarray | None = None
        self._dropped_bands: dict[int, str] = {}
        self._files: tuple[Path, ...] = ()

    def _replace(self, **fields: Any) -> Scene:
        """The scene with other values of some fields, which are taken as they are.

        As :func:`dataclasses.replace`: every scene that is derived from another one, and every
        one that is unpickled, is made here.
        """
        unknown = {f"_{name}" for name in fields} - {*FIELDS}
        if unknown:
            raise TypeError(f"A scene has no {', '.join(sorted(unknown))}.")
        scene = Scene.__new__(Scene)
        known = {name: vars(self)[name] for name in FIELDS if name in vars(self)}
        for name, value in (known | {f"_{name}": value for name, value in fields.items()}).items():
            setattr(scene, name, read_only(value) if isinstance(value, np.ndarray) else value)
        return scene

    @property
    def cube(self) -> np.ndarray:
        """Read-only array of shape (rows, cols, bands), for which a whole file may be read."""
        if not self.is_loaded:
            self._mask, self._cube = self.mask, ArrayCube(self._cube.load())
        return self._cube.load()

    @property
    def labels(self) -> np.ndarray | None:
        """Read-only label raster of shape (rows, cols), or None."""
        return self._labels

    @property
    def mask(self) -> np.ndarray:
        """Read-only boolean raster of shape (rows, cols), True where a pixel is valid."""
        if self._mask is None:
            where = str(self._files[0]) if self._files else "The cube"
            self._mask = require_valid(self._cube.valid(), where)
        return self._mask

    @property
    def wavelengths(self) -> np.ndarray | None:
        """Centre wavelengths of the bands in nanometres, or None."""
        return self._wavelengths

    @property
    def fwhm(self) -> np.ndarray | None:
        """Full width at half maximum of each band in nanometres, or None."""
        return self._fwhm

    @property
    def dropped_bands(self) -> dict[int, str]:
        """Bands of the file that the scene is without, counted from 1, and why."""
        return dict(self._dropped_bands)

    @property
    def class_names(self) -> dict[Any, str]:
        """Name of each class that has one, by label."""
        return dict(self._class_names)

    @property
    def crs(self) -> Any:
        """Coordinate reference system of the grid, or None."""
        return self._crs

    @property
    def transform(self) -> Any:
        """Affine transform of the grid, or None."""
        return self._transform

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column at which a :meth:`window` begins in its scene, or (0, 0)."""
        return self._origin

    @property
    def name(self) -> str | None:
        """Name of the scene, or None."""
        return self._name

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the image was, or is, read from."""
        return self._files

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and bands."""
        rows, cols, bands = self._cube.shape
        return rows, cols, bands

    @property
    def dtype(self) -> np.dtype:
        """Type of the cube's values."""
        return self._cube.dtype

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return self.shape[2]

    @property
    def is_loaded(self) -> bool:
        """True where the cube is in memory, False where it still lies in a file."""
        return self._cube.is_loaded

    @property
    def spectra(self) -> np.ndarray:
        """The cube as an array of shape (rows * cols, bands), not copied."""
        return self.cube.reshape(-1, self.n_bands)

    def spectra_at(self, positions: np.ndarray) -> np.ndarray:
        """Spectra of some pixels.

        Parameters
        ----------
        positions : array of int of shape (n,)
            Row-major positions, ``row * n_columns + column``.

        Returns
        -------
        spectra : array of shape (n, bands)
            Of a scene that lies in a file, no more is read than the rows they lie in.
        """
        return self._cube.spectra_at(positions)

    def iter_spectra(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Spectra of many pixels, some at a time.

        Parameters
        ----------
        positions : array of int of shape (n,)
            Row-major positions in increasing order.

        Yields
        ------
        part, spectra : array of shape (n_part,), array of shape (n_part, bands)
            Some of the positions, and their spectra.
        """
        return self._cube.iter_spectra(positions)

    @property
    def classes(self) -> np.ndarray:
        """Sorted labels of the valid pixels, without the unlabelled one."""
        return self._classes

    @property
    def non_finite(self) -> np.ndarray:
        """Boolean raster, True where a valid pixel holds NaN or infinity in any band."""
        return self._non_finite

    @cached_property
    def _classes(self) -> np.ndarray:
        return read_only(np.unique(self._labels[self.is_labeled]))  # type: ignore[index]

    @cached_property
    def _non_finite(self) -> np.ndarray:
        return read_only(self._cube.non_finite(self.mask))

    @property
    def is_labeled(self) -> np.ndarray:
        """Boolean raster, True where a valid pixel has a label."""
        if self._labels is None:
            raise ValueError("This scene has no labels: build it with Scene(cube, labels).")
        return (self._labels != unlabeled_value(self._labels)) & self.mask

    def labeled_pixels(self) -> tuple[PixelSamples, np.ndarray]:
        """Every valid pixel that has a label, in row-major order.

        Returns
        -------
        X : PixelSamples of shape (n_labelled, bands)
        y : array of shape (n_labelled,)
            The raster's own label values.

        Raises
        ------
        ValueError
            When the scene has no labels, or none on a valid pixel.
        """
        flat = np.flatnonzero(self.is_labeled)
        if not flat.size:
            raise ValueError("No valid pixel of this scene has a label: check labels and mask.")
        return PixelSamples(self, flat), self._labels.reshape(-1)[flat]  # type: ignore[union-attr]

    def pixels(self, rows: Any = None, cols: Any = None) -> PixelSamples:
        """The pixels at the given positions, or every valid pixel in row-major order.

        Parameters
        ----------
        rows, cols : array of int of shape (n,), default=None
            Positions, counted from 0; both or neither.

        Returns
        -------
        X : PixelSamples of shape (n, bands)

        Raises
        ------
        ValueError
            When only one of both is given, their lengths differ, or a pixel is invalid.
        IndexError
            When a position lies outside the scene.
        """
        if rows is None and cols is None:
            return PixelSamples(self, np.flatnonzero(self.mask))
        if rows is None or cols is None:
            raise ValueError("Give both rows and cols, or neither for every valid pixel.")
        return PixelSamples(self, checked_positions(rows, cols, self.mask))

    def select_bands(self, bands: Any) -> Scene:
        """A scene of some of the bands, with a cube of its own where it is in memory.

        Parameters
        ----------
        bands : slice, array of int or boolean mask
            The bands that stay, in this order.

        Returns
        -------
        scene : Scene

        Raises
        ------
        ValueError
            When no band stays, or a single number is given.
        """
        with naming("bands", OF_ARRAYS):
            chosen = np.arange(self.n_bands)[bands]
        if chosen.ndim != 1 or not chosen.size:
            raise ValueError(f"bands must choose one band at least, as a list, got {shown(bands)}.")
        mask = self.mask  # in which bands that are not chosen have their part
        of_bands = {
            name: None if values is None else values[bands]
            for name, values in (("wavelengths", self._wavelengths), ("fwhm", self._fwhm))
        }
        return self._replace(cube=self._cube.select_bands(bands), mask=mask, **of_bands)

    def window(self, rows: slice, cols: slice) -> Scene:
        """A part of the scene in memory, with its part of labels, mask and georeference.

        Of a scene that lies in a file nothing else is read. Unlike a scene of its own, the part
        may be without any valid pixel.

        Parameters
        ----------
        rows, cols : slice
            Rows and columns of the part, in steps of 1.

        Returns
        -------
        scene : Scene

        Raises
        ------
        ValueError
            For a slice with another step, or one that holds no pixel.
        """
        part = self._unread_window(rows, cols)
        n_rows, n_cols, _ = part.shape
        values = part._cube[slice(0, n_rows), slice(0, n_cols)]
        return part._replace(
            cube=ArrayCube(np.ma.getdata(values)),
            mask=valid_pixels(values) if part._mask is None else part._mask,
        )

    def _unread_window(self, rows: slice, cols: slice) -> Scene:
        """As :meth:`window`, but still in the file: small to be sent, and read by its `window`."""
        n_rows, n_cols, _ = self.shape
        block = checked_slice("rows", rows, n_rows), checked_slice("cols", cols, n_cols)
        top, left = (where.start for where in block)
        return self._replace(
            cube=CubeWindow(self._cube, block),
            labels=None if self._labels is None else self._labels[block],
            mask=None if self._mask is None else self._mask[block],
            transform=self._shifted_transform(top, left),
            origin=(self._origin[0] + top, self._origin[1] + left),
        )

    def _shifted_transform(self, row: int, col: int) -> Any:
        """The transform of the grid that begins at this row and column."""
        if not hasattr(self._transform, "translation"):
            return None
        a, b, x, d, e, y = self._transform[:6]
        return type(self._transform)(a, b, x + a * col + b * row, d, e, y + d * col + e * row)

    def with_cube(self, cube: Any, *, wavelengths: Any = None) -> Scene:
        """The same pixels, labels and mask with other bands, transformed ones for example.

        Parameters
        ----------
        cube : array of shape (rows, cols, other_bands)
            The new values.
        wavelengths : array of shape (other_bands,), default=None
            Their centre wavelengths in nanometres.

        Returns
        -------
        scene : Scene

        Raises
        ------
        ValueError
            When the cube has other rows or columns.
        """
        cube = ArrayCube(cube)
        if cube.shape[:2] != self.shape[:2]:
            raise ValueError(
                f"cube must have this scene's rows and columns {self.shape[:2]}, but its shape is"
                f" {cube.shape}."
            )
        return self._replace(
            cube=cube,
            mask=self.mask,
            wavelengths=checked_wavelengths(wavelengths, cube.shape[2]),
            fwhm=None,
            dropped_bands={},
        )

    def __copy__(self) -> Scene:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Scene:
        return self

    def __sklearn_clone__(self) -> Scene:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: vars(self)[name] for name in FIELDS}
        if not self.is_loaded:  # then the rasters would be most of what is sent
            fields |= {name: PackedRaster.of(fields[name]) for name in ("_labels", "_mask")}
        return _unpickled, (fields,)

    def __repr__(self) -> str:
        rows, cols, bands = self.shape
        parts = [f"{rows} x {cols} pixels", f"{bands} bands", str(self.dtype)]
        if not self.is_loaded:
            parts.append("in a file")
        elif not self.mask.all():
            parts.append(f"{self.mask.sum()} valid")
        if self._labels is not None and not self.is_loaded:
            parts.append(f"{np.count_nonzero(self._labels)} labelled pixels")
        elif self._labels is not None:
            parts.append(f"{self.is_labeled.sum()} labelled pixels in {len(self.classes)} classes")
        title = f"{self._name!r}: " if self._name else ""
        return f"Scene({title}{', '.join(parts)})"


#: What an argument may be that is one scene or several.
SCENES: list[Any] = [Scene, list, tuple]


def listed_scenes(scene: Any) -> list[Scene]:
    """The scenes of an argument that is one scene or several, which must have the same bands."""
    scenes = [scene] if isinstance(scene, Scene) else list(scene)
    for one in scenes:
        if not isinstance(one, Scene):
            raise TypeError(f"scene must be a Scene, or a list of them, got {shown(one)} in it.")
    if not scenes:
        raise ValueError("scene must be a Scene, or a list of one Scene at least.")
    check_same_bands(scenes)
    merged_class_names(scenes)
    return scenes


def labeled_pixels(scenes: Sequence[Scene]) -> tuple[PixelSamples, np.ndarray]:
    """X and y of the labelled pixels of scenes, one scene after the other."""
    Xs, ys = zip(*(scene.labeled_pixels() for scene in scenes), strict=True)
    return PixelSamples.concatenate(Xs), np.concatenate(ys)


FIELDS = (
    *("_cube", "_labels", "_mask", "_wavelengths", "_fwhm", "_dropped_bands"),
    *("_class_names", "_crs", "_transform", "_name", "_origin", "_files"),
)


def _unpickled(fields: dict[str, Any]) -> Scene:
    unpacked = {
        name.removeprefix("_"): value.raster() if isinstance(value, PackedRaster) else value
        for name, value in fields.items()
    }
    return Scene.__new__(Scene)._replace(**unpacked)
