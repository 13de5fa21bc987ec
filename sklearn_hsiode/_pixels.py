"""PixelSamples: an X that is a view of some pixels of one or more scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter

from sklearn_hsiode._arguments import naming
from sklearn_hsiode._bands import check_same_bands, first_wavelengths
from sklearn_hsiode._labels import merged_class_names, merged_classes
from sklearn_hsiode._validation import as_array


class PixelSamples:
    """Some pixels of one or more scenes: an ``X`` for scikit-learn that knows where its rows lie.

    It is a view, made by :meth:`Scene.labeled_pixels`, :meth:`Scene.pixels` and, of several
    scenes, :meth:`concatenate`. As an array (``np.asarray(X)``) it is the pixels' spectra, of
    shape (n, bands), so every scikit-learn estimator works on it; positions are never features.
    Indexed by rows it is a view of fewer pixels, which keep the numbers of their images, indexed
    by bands (``X[:, bands]``) one of the same pixels in scenes of those bands, and a single row
    or band, or single values, are plain arrays.

    Parameters
    ----------
    scene : Scene
        The image.
    positions : array of int of shape (n,)
        Row-major positions, ``row * n_columns + column``.

    Attributes
    ----------
    scenes : dict of int to Scene
        The images that the pixels belong to, by their numbers.
    image : array of int of shape (n,)
        Number of the image of each pixel, for `groups` of
        :class:`~sklearn.model_selection.LeaveOneGroupOut`, say; 0 where there is only one.
    scene : Scene
        The image, where all the pixels belong to one.
    positions : array of int of shape (n,)
        Row-major position of each pixel in its scene.
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
        self.scenes = {0: scene}
        positions = as_array("positions", positions, kinds="iu", n_dims=1)
        self.positions = positions.astype(np.intp, copy=False)
        self.image = np.zeros(len(self.positions), dtype=np.intp)

    @classmethod
    def _of(
        cls, scenes: Mapping[int, Any], image: np.ndarray, positions: np.ndarray
    ) -> PixelSamples:
        """Pixels of scenes by their numbers, without those that have none where any has one."""
        pixels = cls.__new__(cls)
        pixels.scenes = dict(scenes)
        if len(scenes) > 1 and len(image):
            used = np.flatnonzero(np.bincount(image)).tolist()
            pixels.scenes = {number: scenes[number] for number in used}
        pixels.image, pixels.positions = image, positions
        return pixels

    @classmethod
    def concatenate(cls, parts: Iterable[PixelSamples]) -> PixelSamples:
        """Pixels of several scenes in one, as lazy as its parts.

        The scenes may differ in size, type, coordinate system and in whether they lie in memory
        or in a file. Patches never reach from one into another, nor do the blocks and buffers of
        :class:`~sklearn_hsiode.model_selection.SpatialBlockKFold`. Parts of one scene, the same
        object, are of one image; a scene that was made twice, and a :meth:`Scene.window`, are
        images of their own.

        Parameters
        ----------
        parts : iterable of PixelSamples
            One at least.

        Returns
        -------
        X : PixelSamples of shape (n, bands)
            The rows of all parts in their order. Images are numbered from 0, in the order in
            which they come. The type of the spectra is the one that NumPy promotes those of the
            scenes to (:func:`numpy.result_type`).

        Raises
        ------
        TypeError
            When a part is no PixelSamples, or the labels of some scenes are integers and those of
            others strings.
        ValueError
            When there is no part, the scenes differ in number of bands, a band lies more than
            1 nm from that of the first scene with wavelengths, or a label has two names.

        Examples
        --------
        >>> from sklearn_hsiode import PixelSamples
        >>> from sklearn_hsiode.datasets import make_scene
        >>> scenes = [make_scene((24, 24), random_state=seed) for seed in range(3)]
        >>> X = PixelSamples.concatenate([scene.pixels() for scene in scenes])
        >>> X
        PixelSamples(1728 pixels of 3 scenes, 48 bands, int16)
        >>> X.image[[0, 600, 1200]]
        array([0, 1, 2])
        """
        with naming("parts"):
            parts = list(parts)
        for part in parts:
            require_pixels(part, "PixelSamples.concatenate", "parts")
        if not parts:
            raise ValueError("parts must hold the PixelSamples of one scene at least.")
        numbers: dict[int, int] = {}  # by the identity of a scene
        scenes, images = {}, []
        for part in parts:
            image = part.image.copy()
            for number, scene in part.scenes.items():
                new = numbers.setdefault(id(scene), len(numbers))
                scenes[new] = scene
                image[part.image == number] = new
            images.append(image)
        check_same_bands(list(scenes.values()))
        merged_class_names(scenes.values())
        positions = np.concatenate([part.positions for part in parts])
        return cls._of(scenes, np.concatenate(images), positions)

    def parts(self) -> Iterator[tuple[np.ndarray, PixelSamples]]:
        """The pixels of each image by themselves.

        Yields
        ------
        rows : array of int of shape (n_part,)
            The rows of X that belong to an image, in increasing order.
        part : PixelSamples of shape (n_part, bands)
            Their pixels, in one `scene`.
        """
        if len(self.scenes) == 1:
            yield np.arange(len(self)), self
            return
        for number, scene in self.scenes.items():
            rows = np.flatnonzero(self.image == number)
            yield rows, self._of({number: scene}, self.image[rows], self.positions[rows])

    def _at(self, rows: Any) -> PixelSamples:
        """The pixels of some rows."""
        return self._of(self.scenes, self.image[rows], self.positions[rows])

    @property
    def scene(self) -> Any:
        """The image that all the pixels belong to."""
        if len(self.scenes) > 1:
            raise AttributeError(
                f"These pixels are of {len(self.scenes)} scenes: X.scenes holds them by number,"
                " X.image says for each row which one it is of, and X.parts() goes through them."
            )
        return next(iter(self.scenes.values()))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels and of bands."""
        return len(self.positions), next(iter(self.scenes.values())).n_bands

    @property
    def dtype(self) -> np.dtype:
        """Type of the spectra, the cube's own, or what NumPy promotes those of several to."""
        return np.result_type(*(scene.dtype for scene in self.scenes.values()))

    @property
    def wavelengths(self) -> np.ndarray | None:
        """Centre wavelengths of the bands in nanometres, or None; of the first scene with any."""
        return first_wavelengths(self.scenes.values())

    @property
    def classes(self) -> np.ndarray:
        """Sorted labels of all valid pixels of the scenes, without the unlabelled one."""
        return merged_classes(self.scenes.values())

    @property
    def class_names(self) -> dict[Any, str]:
        """Name of each class that has one in any of the scenes, by label."""
        return merged_class_names(self.scenes.values())

    @property
    def rows(self) -> np.ndarray:
        """Row of each pixel in its scene."""
        return self.positions // self._widths

    @property
    def cols(self) -> np.ndarray:
        """Column of each pixel in its scene."""
        return self.positions % self._widths

    @property
    def _widths(self) -> Any:
        """Columns of the scene, or of that of each pixel."""
        widths = [scene.shape[1] for scene in self.scenes.values()]
        if len(widths) == 1:
            return widths[0]
        return np.array(widths)[np.searchsorted(list(self.scenes), self.image)]

    def __len__(self) -> int:
        return len(self.positions)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("PixelSamples cannot become an array without a copy of its spectra.")
        if len(self.scenes) == 1:
            return self.scene.spectra_at(self.positions).astype(dtype or self.dtype, copy=False)
        spectra = np.empty(self.shape, dtype or self.dtype)
        for rows, part in self.parts():
            spectra[rows] = part.scene.spectra_at(part.positions)
        return spectra

    def __getitem__(self, key: Any) -> PixelSamples | np.ndarray:
        rows, bands = _split_key(key)
        if isinstance(rows, int):
            return np.asarray(self[[rows]])[0, bands]
        if rows is None or not (isinstance(rows, slice) or isinstance(bands, slice)):
            return np.asarray(self)[key]
        pixels = self._at(rows)
        if isinstance(bands, int):
            return np.asarray(pixels)[:, bands]
        if isinstance(bands, slice) and bands == slice(None):
            return pixels
        return pixels._in_scenes(lambda scene: scene.select_bands(bands))

    def _in_scenes(self, change: Callable[[Any], Any]) -> PixelSamples:
        """The same pixels in what a function makes of each scene, of as many rows and columns."""
        scenes = {number: change(scene) for number, scene in self.scenes.items()}
        return self._of(scenes, self.image, self.positions)

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
        cubes = sum(scene.cube.nbytes for scene in self.scenes.values() if scene.is_loaded)
        return object.__sizeof__(self) + self.positions.nbytes + self.image.nbytes + cubes

    def __repr__(self) -> str:
        return f"PixelSamples({len(self)} pixels of {self._described_scenes()})"

    def _described_scenes(self) -> str:
        """The scene in words, or what several have in common."""
        if len(self.scenes) == 1:
            return repr(self.scene)
        return f"{len(self.scenes)} scenes, {self.shape[1]} bands, {self.dtype}"


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
    touched = np.zeros(len(pixels), dtype=bool)
    for rows, part in pixels.parts():
        bad = part.scene.non_finite
        if bad.any():
            around = maximum_filter(bad, patch_size, mode="constant")
            touched[rows] = around[part.rows, part.cols]
    if touched.any():
        first = pixels._at([np.flatnonzero(touched)[0]])
        (top, left), number = first.scene.origin, first.image[0]
        image = f" of image {number}" if len(pixels.scenes) > 1 else ""
        raise ValueError(
            f"X contains NaN or infinity at or around {touched.sum()} of {len(pixels)} pixels, the"
            f" first at row {top + first.rows[0]}, column {left + first.cols[0]}{image}: declare"
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
