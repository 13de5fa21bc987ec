"""PixelSamples: an X that is a view of some pixels of a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter

from sklearn_hsiode._validation import as_array


class PixelSamples:
    """Some pixels of a scene: an ``X`` for scikit-learn that knows where its rows lie.

    It is a view, made by :meth:`Scene.labeled_pixels` and :meth:`Scene.pixels`. As an
    array (``np.asarray(X)``) it is the pixels' spectra, of shape (n, bands), so every
    scikit-learn estimator works on it; positions are never features. Indexed by rows it
    is a view of fewer pixels of the same scene, indexed by bands (``X[:, bands]``) one of
    the same pixels in the scene of those bands, and a single row or band, or single
    values, are plain arrays.

    Parameters
    ----------
    scene : Scene
        The image.
    positions : array of int of shape (n,)
        Row-major positions, ``row * n_columns + column``.

    Attributes
    ----------
    scene : Scene
        The image that the pixels belong to.
    positions : array of int of shape (n,)
        Row-major position of each pixel in the scene.
    rows, cols : array of int of shape (n,)
        The same as row and column.

    Examples
    --------
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> X.shape == (len(y), X.scene.n_bands)
    True
    >>> X[10:20].rows.shape
    (10,)
    """

    ndim = 2

    def __init__(self, scene: Any, positions: np.ndarray) -> None:
        if not hasattr(scene, "spectra_at"):  # a Scene, whose file imports this one
            raise TypeError(f"scene must be a Scene, got {type(scene).__name__}.")
        self.scene = scene
        self.positions = as_array("positions", positions, kinds="iu", n_dims=1)
        if not self.positions.size:
            self.positions = self.positions.astype(np.intp)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels and of bands."""
        return len(self.positions), self.scene.n_bands

    @property
    def dtype(self) -> np.dtype:
        """Type of the spectra, the cube's own."""
        dtype: np.dtype = self.scene.dtype
        return dtype

    @property
    def rows(self) -> np.ndarray:
        """Row of each pixel in the scene."""
        return self.positions // self.scene.shape[1]

    @property
    def cols(self) -> np.ndarray:
        """Column of each pixel in the scene."""
        return self.positions % self.scene.shape[1]

    def __len__(self) -> int:
        return len(self.positions)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("PixelSamples cannot become an array without a copy of its spectra.")
        return self.scene.spectra_at(self.positions).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> PixelSamples | np.ndarray:
        rows, bands = _split_key(key)
        if isinstance(rows, int):
            return np.asarray(self[[rows]])[0, bands]
        if rows is None or not (isinstance(rows, slice) or isinstance(bands, slice)):
            return np.asarray(self)[key]
        if isinstance(bands, int):
            return self.scene.spectra_at(self.positions[rows])[:, bands]
        everything = isinstance(bands, slice) and bands == slice(None)
        scene = self.scene if everything else self.scene.select_bands(bands)
        return PixelSamples(scene, self.positions[rows])

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
    ) -> PixelSamples | np.ndarray:
        """Pixels (``axis=0``) or bands (``axis=1``) by integer index, as :func:`numpy.take`."""
        if mode == "raise" and out is None and axis in (0, 1, -1, -2):
            indices = np.asarray(indices)
            return self[indices] if axis in (0, -2) else self[:, indices]
        return np.asarray(self).take(indices, axis, out, mode)  # type: ignore[call-overload]

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        # scikit-learn's array API dispatch asks every X for its namespace.
        return np

    def __sizeof__(self) -> int:
        # joblib's Dask backend decides by it whether to scatter X.
        cube = self.scene.cube.nbytes if self.scene.is_loaded else 0
        return object.__sizeof__(self) + self.positions.nbytes + cube

    def __repr__(self) -> str:
        return f"PixelSamples({len(self)} pixels of {self.scene!r})"


def require_pixels(X: Any, who: str, name: str = "X") -> None:
    """Raise TypeError unless X are pixels that know their scene."""
    if not isinstance(X, PixelSamples):
        raise TypeError(
            f"{who} needs PixelSamples, pixels that know their scene, as {name}, but got"
            f" {type(X).__name__}: pass the X of scene.labeled_pixels() or scene.pixels(). Where"
            " an earlier step of a pipeline has turned them into a plain array, wrap that step, as"
            " in SpectralTransformer(StandardScaler()), which keeps the scene."
        )


def check_finite(pixels: PixelSamples, patch_size: int = 1) -> None:
    """Raise ValueError where a patch around one of the pixels holds NaN or infinity."""
    bad = pixels.scene.non_finite
    if not bad.any():
        return
    touched = maximum_filter(bad, patch_size, mode="constant")[pixels.rows, pixels.cols]
    if touched.any():
        first = np.flatnonzero(touched)[0]
        top, left = pixels.scene.origin
        raise ValueError(
            f"X contains NaN or infinity at or around {touched.sum()} of {len(pixels)} pixels, the"
            f" first at row {top + pixels.rows[first]}, column {left + pixels.cols[first]}: declare"
            " such pixels"
            " invalid with Scene(cube, labels, mask=...), or fill them before the scene is made."
        )


def checked_positions(rows: Any, cols: Any, mask: np.ndarray) -> np.ndarray:
    """Row-major positions of rows and columns, all of them valid pixels."""
    rows, cols = (
        np.atleast_1d(as_array(what, places)) for what, places in (("rows", rows), ("cols", cols))
    )
    if rows.ndim != 1 or rows.shape != cols.shape:
        raise ValueError(
            "rows and cols must be one-dimensional and equally long,"
            f" got shapes {rows.shape} and {cols.shape}."
        )
    if rows.size and (rows.dtype.kind not in "iu" or cols.dtype.kind not in "iu"):
        raise TypeError("rows and cols must be integers, counted from 0.")
    for what, places, size in zip(("rows", "cols"), (rows, cols), mask.shape, strict=True):
        if places.size and not 0 <= places.min() <= places.max() < size:
            raise IndexError(f"{what} must lie within 0 to {size - 1} in this scene.")
    positions = rows.astype(np.intp) * mask.shape[1] + cols.astype(np.intp)
    invalid = ~mask.reshape(-1)[positions]
    if invalid.any():
        first = np.flatnonzero(invalid)[0]
        raise ValueError(
            f"{invalid.sum()} of the pixels are outside the scene's mask, the first at row"
            f" {rows[first]}, column {cols[first]}: leave them out, or mend the mask."
        )
    return positions


def _split_key(key: Any) -> tuple[Any, Any]:
    """Row and band part of an index, or (None, None) for one that is left to NumPy."""
    parts = list(key) if isinstance(key, tuple) else [key]
    gaps = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(gaps) == 1:
        parts[gaps[0] : gaps[0] + 1] = [slice(None)] * (3 - len(parts))
    parts = [_as_index(part) for part in parts]
    if len(parts) > 2 or any(part is None for part in parts):
        return None, None
    rows, bands = [*parts, slice(None), slice(None)][:2]
    return rows, bands


def _as_index(part: Any) -> slice | int | np.ndarray | None:
    """One part of an index as slice, int or one-dimensional array, or None."""
    if isinstance(part, slice):
        return part
    array = np.asarray(part)
    if array.ndim == 0 and array.dtype.kind in "iu":
        return int(array)
    if array.ndim != 1:
        return None
    return array if array.size else array.astype(np.intp)
