"""Scene: the image, and what is known of its pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from sklearn.utils import gen_batches

from sklearn_hsiode._labels import checked_class_names, checked_labels, unlabeled_value
from sklearn_hsiode._pixels import SPECTRA_AT_ONCE, PixelSamples
from sklearn_hsiode._validation import (
    checked_cube,
    checked_mask,
    checked_wavelengths,
    read_only,
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
        that a masked array masks in any band count as invalid.
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
        What the scene is called in tables and titles.

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

    _origin = (0, 0)  # where a window begins in the scene that it was cut from

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
        self._cube = checked_cube(cube)
        grid = self._cube.shape[:2]
        self._labels = None if labels is None else checked_labels(labels, grid)
        self._mask = checked_mask(mask, grid)
        if np.ma.isMaskedArray(cube):
            unmasked = ~np.ma.getmaskarray(cube).any(axis=2)
            self._mask = checked_mask(self._mask & unmasked, grid)
        self._wavelengths = checked_wavelengths(wavelengths, self.n_bands)
        self._class_names = checked_class_names(class_names, self._labels)
        self._crs, self._transform, self._name = crs, transform, name

    @property
    def cube(self) -> np.ndarray:
        """Read-only array of shape (rows, cols, bands)."""
        return self._cube

    @property
    def labels(self) -> np.ndarray | None:
        """Read-only label raster of shape (rows, cols), or None."""
        return self._labels

    @property
    def mask(self) -> np.ndarray:
        """Read-only boolean raster of shape (rows, cols), True where a pixel is valid."""
        return self._mask

    @property
    def wavelengths(self) -> np.ndarray | None:
        """Centre wavelengths of the bands in nanometres, or None."""
        return self._wavelengths

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
        """What the scene is called, or None."""
        return self._name

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
    def spectra(self) -> np.ndarray:
        """The cube as an array of shape (rows * cols, bands), not copied."""
        return self._cube.reshape(-1, self.n_bands)

    @property
    def is_loaded(self) -> bool:
        """True where the cube is in memory, False where it still lies in a file."""
        return True

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
        return self.spectra[positions]

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
        for batch in gen_batches(len(positions), SPECTRA_AT_ONCE):
            yield positions[batch], self.spectra[positions[batch]]

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
        is_labeled = self.is_labeled
        return read_only(np.unique(self._labels[is_labeled]))  # type: ignore[index]

    @cached_property
    def _non_finite(self) -> np.ndarray:
        if self._cube.dtype.kind != "f":
            return read_only(np.zeros(self._mask.shape, dtype=bool))
        return read_only(~np.isfinite(self._cube).all(axis=2) & self._mask)

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
            return PixelSamples(self, np.flatnonzero(self._mask))
        if rows is None or cols is None:
            raise ValueError("Give both rows and cols, or neither for every valid pixel.")
        rows, cols = np.atleast_1d(rows), np.atleast_1d(cols)
        if rows.ndim != 1 or rows.shape != cols.shape:
            raise ValueError(
                "rows and cols must be one-dimensional and equally long,"
                f" got shapes {rows.shape} and {cols.shape}."
            )
        if rows.size and (rows.dtype.kind not in "iu" or cols.dtype.kind not in "iu"):
            raise TypeError("rows and cols must be integers, counted from 0.")
        for what, position, size in zip(("rows", "cols"), (rows, cols), self.shape, strict=False):
            if position.size and not 0 <= position.min() <= position.max() < size:
                raise IndexError(f"{what} must lie within 0 to {size - 1} in this scene.")
        flat = rows.astype(np.intp) * self.shape[1] + cols.astype(np.intp)
        invalid = ~self._mask.reshape(-1)[flat]
        if invalid.any():
            first = np.flatnonzero(invalid)[0]
            raise ValueError(
                f"{invalid.sum()} of the pixels are outside the scene's mask, the first at row"
                f" {rows[first]}, column {cols[first]}: leave them out, or mend the mask."
            )
        return PixelSamples(self, flat)

    def select_bands(self, bands: Any) -> Scene:
        """A scene of some of the bands, with a cube of its own.

        Parameters
        ----------
        bands : slice, array of int or boolean mask
            The bands that stay, in this order.

        Returns
        -------
        scene : Scene
        """
        wavelengths = None if self._wavelengths is None else self._wavelengths[bands]
        return self.with_cube(self._cube[:, :, bands], wavelengths=wavelengths)

    def window(self, rows: slice, cols: slice) -> Scene:
        """A part of the scene, with its part of labels, mask and georeference.

        Unlike a scene of its own, it may be without any valid pixel.

        Parameters
        ----------
        rows, cols : slice
            Rows and columns of the part, in steps of 1.

        Returns
        -------
        scene : Scene
        """
        part = Scene.__new__(Scene)
        part._cube = checked_cube(self._cube[rows, cols])
        part._labels = None if self._labels is None else self._labels[rows, cols]
        part._mask = self._mask[rows, cols]
        part._wavelengths, part._class_names = self._wavelengths, self._class_names
        part._crs, part._name = self._crs, self._name
        part._origin = rows.indices(self.shape[0])[0], cols.indices(self.shape[1])[0]
        part._transform = self._shifted_transform(*part._origin)
        return part

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
        """
        if np.shape(cube)[:2] != self.shape[:2]:
            raise ValueError(
                f"cube must have this scene's rows and columns {self.shape[:2]}, but its shape is"
                f" {np.shape(cube)}."
            )
        return Scene(cube, self._labels, wavelengths=wavelengths, **self._about_pixels)

    @property
    def _about_pixels(self) -> dict[str, Any]:
        """What stays true of the pixels whatever their bands."""
        return {
            "mask": self._mask,
            "class_names": self._class_names,
            "crs": self._crs,
            "transform": self._transform,
            "name": self._name,
        }

    @property
    def is_labeled(self) -> np.ndarray:
        """Boolean raster, True where a valid pixel has a label."""
        return ~self._is_unlabeled() & self._mask

    def _is_unlabeled(self) -> np.ndarray:
        if self._labels is None:
            raise ValueError("This scene has no labels: build it with Scene(cube, labels).")
        return self._labels == unlabeled_value(self._labels)

    def __copy__(self) -> Scene:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Scene:
        return self

    def __sklearn_clone__(self) -> Scene:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # The cube itself is handed over, the same object each time, so that joblib dumps
        # it once and every worker maps the same file.
        rebuild = partial(Scene, wavelengths=self._wavelengths, **self._about_pixels)
        return rebuild, (self._cube, self._labels)

    def __repr__(self) -> str:
        rows, cols, bands = self.shape
        parts = [f"{rows} x {cols} pixels", f"{bands} bands", str(self._cube.dtype)]
        if not self._mask.all():
            parts.append(f"{self._mask.sum()} valid")
        if self._labels is not None:
            parts.append(f"{self.is_labeled.sum()} labelled pixels in {len(self.classes)} classes")
        title = f"{self._name!r}: " if self._name else ""
        return f"Scene({title}{', '.join(parts)})"
