"""SceneDisplay: the image in false colour, and the labels over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_hsiode._arguments import OF_ARRAYS, Number, checked, naming
from sklearn_hsiode._colors import (
    INVALID_COLOR,
    class_entries,
    colorize,
)
from sklearn_hsiode._labels import checked_labels, known_classes, valid_labels
from sklearn_hsiode._markup import figure_text, visible
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import as_array, shown
from sklearn_hsiode.plotting._layout import OF_SCENES, legend_beside, raster_axes, show_raster

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRUE_COLOR = (660.0, 560.0, 480.0)  # nanometres
_OUTSIDE = 50.0  # nanometres beyond the last band in which that band still counts as near


class SceneDisplay:
    """A scene in false colour, with its labels over it on request.

    Make one with :meth:`from_scene`. The parameters are kept as attributes.

    Parameters
    ----------
    image : array of shape (rows, cols, 3)
        Red, green and blue from 0 to 1.
    labels : array of shape (rows, cols), default=None
        Class of each pixel.
    classes : array of shape (n_classes,), default=None
        Sorted labels; the position of a class among them decides its colour.
    class_names : dict, default=None
        Label to name.
    bands : tuple of int, default=None
        The bands that are shown, as red, green and blue.
    title : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure around it.
    im_ : matplotlib AxesImage
        The image.
    labels_im_ : matplotlib AxesImage or None
        The labels over it.
    legend_ : matplotlib Legend or None
        The legend of the classes.

    Examples
    --------
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.plotting import SceneDisplay
    >>> display = SceneDisplay.from_scene(make_scene(random_state=0), with_labels=True)
    >>> display.bands
    (6, 4, 2)
    >>> print(display.ax_.get_title())
    synthetic
    668, 579, 489 nm as red, green, blue
    """

    @checked(class_names=[Mapping, None], bands=[tuple, list, None], title=[str, None])
    def __init__(
        self,
        image: np.ndarray,
        *,
        labels: Any = None,
        classes: Any = None,
        class_names: Mapping[Any, str] | None = None,
        bands: tuple[int, ...] | None = None,
        title: str | None = None,
    ) -> None:
        self.image = as_array("image", image, kinds="biuf", n_dims=3)
        if self.image.shape[2] not in (3, 4) or not self.image.size:
            raise ValueError(f"image must be of shape (rows, cols, 3), got {self.image.shape}.")
        self.labels: Any = None
        if labels is not None:
            self.labels = checked_labels(labels, self.image.shape[:2])
        self.classes: Any = None
        if classes is not None:
            self.classes = as_array("classes", classes, kinds="iuU", n_dims=1)
        self.class_names = class_names
        self.bands = bands
        self.title = title

    @classmethod
    @checked(scene=[Scene], percentiles=["array-like"], **OF_SCENES)
    def from_scene(
        cls,
        scene: Scene,
        *,
        wavelengths: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
        percentiles: tuple[float, float] = (2, 98),
        with_labels: bool = False,
        alpha: float = 0.6,
        legend: bool = True,
        ax: Axes | None = None,
    ) -> SceneDisplay:
        """Draw a scene; its invalid pixels are grey.

        Parameters
        ----------
        scene : Scene
            The image. NaN and infinity count as invalid here.
        wavelengths : sequence of 3 floats, default=None
            Wavelengths in nanometres to show as red, green and blue; the nearest bands are
            taken. By default 660, 560 and 480 nm, true colour, or evenly spaced bands where
            the scene has no wavelengths or no three bands there.
        bands : sequence of 1 or 3 ints, default=None
            The bands themselves, counted from 0, instead of wavelengths; one is shown in
            grey, as is the only band of a scene.
        percentiles : tuple of 2 floats, default=(2, 98)
            Of the valid pixels of each band; the contrast is stretched between them.
        with_labels : bool, default=False
            Draw the labels over the image.
        alpha : float, default=0.6
            Opacity of the labels, from 0 to 1.
        legend : bool, default=True
            Name the classes beside the picture where labels are drawn.
        ax : matplotlib Axes, default=None
            Where to draw, by default a new figure. The legend stands to its right, for which
            ``layout="constrained"`` makes room in a figure of your own.

        Returns
        -------
        display : SceneDisplay

        Raises
        ------
        ValueError
            When bands lie outside the scene or wavelengths more than 50 nm outside its
            range, both are given, or labels are wanted of a scene without any.
        """
        bands = _chosen_bands(scene, wavelengths, bands)
        display = cls(
            _stretched(scene, bands, percentiles),
            labels=valid_labels(scene.labels, scene.mask),
            classes=known_classes(scene.labels, scene.class_names),
            class_names=scene.class_names,
            bands=bands,
            title="\n".join(filter(None, [visible(scene.name or ""), _band_title(scene, bands)])),
        )
        return display.plot(ax, with_labels=with_labels, alpha=alpha, legend=legend)

    @checked(**OF_SCENES)
    def plot(
        self,
        ax: Axes | None = None,
        *,
        with_labels: bool = False,
        alpha: float = 0.6,
        legend: bool = True,
    ) -> SceneDisplay:
        """Draw the picture.

        Parameters
        ----------
        ax, with_labels, alpha, legend
            As in :meth:`from_scene`.

        Returns
        -------
        self : SceneDisplay

        Raises
        ------
        ValueError
            When labels are wanted but there are none.
        """
        if with_labels and (self.labels is None or self.classes is None):
            raise ValueError(
                "with_labels=True needs a scene with labels, Scene(cube, labels), or labels and"
                " their classes."
            )
        named = with_labels and legend
        entries = class_entries(self.classes, self.class_names, [self.labels]) if named else []
        (self.ax_,) = raster_axes(ax, self.image.shape[:2], n_entries=len(entries))
        self.figure_ = self.ax_.figure
        title = "\n".join(map(figure_text, (self.title or "").splitlines()))
        self.im_ = show_raster(self.ax_, self.image, title)
        self.labels_im_ = self.legend_ = None
        if with_labels:
            opacity = np.where(np.isin(self.labels, self.classes), alpha, 0)
            overlay = np.dstack([colorize(self.labels, self.classes), opacity])
            self.labels_im_ = self.ax_.imshow(overlay, interpolation="nearest")
        if entries:
            self.legend_ = legend_beside(self.ax_, entries)
        return self


def _chosen_bands(
    scene: Scene, wavelengths: Sequence[float] | None, bands: Sequence[int] | None
) -> tuple[int, ...]:
    """One band for grey, or three for red, green and blue."""
    if bands is not None and wavelengths is not None:
        raise ValueError("Give wavelengths or bands, not both.")
    if bands is not None:
        return _checked_bands(scene, bands)
    if wavelengths is not None:
        return _nearest_bands(scene, wavelengths)
    if scene.n_bands == 1:
        return (0,)
    if scene.wavelengths is not None and not _outside(scene.wavelengths, TRUE_COLOR):
        nearest = _nearest_bands(scene, TRUE_COLOR)
        if len(set(nearest)) == 3:
            return nearest
    return tuple(sixths * scene.n_bands // 6 for sixths in (5, 3, 1))


def _checked_bands(scene: Scene, bands: Sequence[int]) -> tuple[int, ...]:
    chosen = as_array("bands", bands)
    if chosen.shape not in {(1,), (3,)} or chosen.dtype.kind not in "iu":
        raise ValueError(f"bands must be three integers, or one for grey, got {shown(bands)}.")
    if not 0 <= chosen.min() <= chosen.max() < scene.n_bands:
        raise ValueError(
            f"bands must lie within 0 to {scene.n_bands - 1} in this scene, got {bands!r}."
        )
    return tuple(chosen.tolist())


def _nearest_bands(scene: Scene, wavelengths: Sequence[float]) -> tuple[int, ...]:
    if scene.wavelengths is None:
        raise ValueError("This scene has no wavelengths: give bands, or Scene(wavelengths=...).")
    asked = as_array("wavelengths", wavelengths, kinds="iuf", n_dims=1)
    if asked.shape != (3,) or not np.isfinite(asked).all():
        raise ValueError(
            f"wavelengths must be three numbers in nanometres, got {shown(wavelengths)}."
        )
    if _outside(scene.wavelengths, wavelengths):
        raise ValueError(
            f"wavelengths {tuple(wavelengths)} nm lie outside this scene, whose bands are at"
            f" {scene.wavelengths.min():g} to {scene.wavelengths.max():g} nm."
        )
    distance = np.abs(scene.wavelengths[:, np.newaxis] - np.asarray(wavelengths))
    return tuple(distance.argmin(axis=0).tolist())


def _outside(own: np.ndarray, asked: Sequence[float]) -> bool:
    return min(asked) < own.min() - _OUTSIDE or max(asked) > own.max() + _OUTSIDE


def _stretched(
    scene: Scene, bands: tuple[int, ...], percentiles: tuple[float, float]
) -> np.ndarray:
    """The bands from 0 to 1 between their percentiles, as an RGB image."""
    with naming("percentiles", OF_ARRAYS):
        limits = tuple(percentiles)
    if len(limits) != 2 or not all(map(Number(0, 100).is_satisfied_by, limits)):
        raise ValueError(f"percentiles must be two numbers from 0 to 100, got {percentiles!r}.")
    values = scene.select_bands(list(bands)).cube.astype(float)
    valid = scene.mask & np.isfinite(values).all(axis=2)
    image = np.empty((*valid.shape, 3))
    image[:] = INVALID_COLOR
    if valid.any():
        low, high = np.percentile(values[valid], limits, axis=0)
        span = np.where(high > low, high - low, 1)
        image[valid] = ((values[valid] - low) / span).clip(0, 1)
    return image


def _band_title(scene: Scene, bands: tuple[int, ...]) -> str:
    colors = "red, green, blue" if len(bands) == 3 else "grey"
    if scene.wavelengths is None:
        noun = "bands" if len(bands) == 3 else "band"
        return f"{noun} {', '.join(map(str, bands))} as {colors}"
    return f"{', '.join(f'{scene.wavelengths[band]:.0f}' for band in bands)} nm as {colors}"
