"""SpectraDisplay: mean spectrum and spread of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_hsiode._arguments import OF_ARRAYS, checked, naming
from sklearn_hsiode._colors import class_colors
from sklearn_hsiode._labels import display_names, known_classes
from sklearn_hsiode._markup import figure_text
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import as_array, checked_wavelengths, shown
from sklearn_hsiode.plotting._layout import OF_SPECTRA, import_pyplot, place_beside, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 3  # times the usual step between bands
_FEW_BANDS = 30
_FEW_CLASSES = 8
_LINE_STYLES = ("-", "--", ":", "-.")


class SpectraDisplay:
    """Mean spectra of classes, in a band of one standard deviation to either side.

    Make one with :meth:`from_scene`. The parameters are kept as attributes.

    Parameters
    ----------
    mean, std : array of shape (n_classes, bands)
        Mean and population standard deviation of each class in each band.
    class_names : list of str
        Names of the classes.
    wavelengths : array of shape (bands,), default=None
        Centre wavelength of each band in nanometres. Without them, the bands are counted
        from 0.
    colors : array of shape (n_classes, 3), default=None
        Red, green and blue of each class, from 0 to 1.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure around it.
    lines_ : list of matplotlib Line2D
        Mean spectrum of each class.
    spreads_ : list of matplotlib PolyCollection
        Its spread; empty where none is drawn.
    legend_ : matplotlib Legend or None
        The legend of the classes.

    Examples
    --------
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.plotting import SpectraDisplay
    >>> display = SpectraDisplay.from_scene(make_scene(random_state=0))
    >>> display.mean.shape
    (6, 48)
    >>> display.ax_.get_xlabel()
    'wavelength (nm)'
    """

    @checked(class_names=[list, tuple, np.ndarray], name=[str, None])
    def __init__(
        self,
        mean: np.ndarray,
        std: np.ndarray,
        class_names: Sequence[str],
        *,
        wavelengths: np.ndarray | None = None,
        colors: np.ndarray | None = None,
        name: str | None = None,
    ) -> None:
        self.mean = as_array("mean", mean, kinds="iuf", n_dims=2)
        self.std = as_array("std", std, kinds="iuf", n_dims=2)
        n_classes, n_bands = self.mean.shape
        if self.std.shape != self.mean.shape:
            raise ValueError(
                f"std must have the shape of mean, {self.mean.shape}, got {self.std.shape}."
            )
        with naming("class_names", OF_ARRAYS):
            names = list(class_names)
        if len(names) != n_classes or not all(isinstance(name, str) for name in names):
            raise ValueError(f"class_names must be {n_classes} names, got {shown(class_names)}.")
        self.class_names = class_names
        self.wavelengths = checked_wavelengths(wavelengths, n_bands)
        self.colors = None if colors is None else as_array("colors", colors, kinds="iuf", n_dims=2)
        if self.colors is not None and self.colors.shape != (n_classes, 3):
            raise ValueError(f"colors must be of shape ({n_classes}, 3), got {self.colors.shape}.")
        self.name = name

    @classmethod
    @checked(scene=[Scene], **OF_SPECTRA)
    def from_scene(
        cls,
        scene: Scene,
        *,
        classes: Sequence[Any] | None = None,
        spread: bool = True,
        legend: bool = True,
        ax: Axes | None = None,
    ) -> SpectraDisplay:
        """Draw the spectra of a scene's labelled pixels.

        Parameters
        ----------
        scene : Scene
            The image, with labels. NaN and infinity are left out.
        classes : sequence of labels, default=None
            The classes to draw, by default all that have valid pixels.
        spread : bool, default=True
            Draw the standard deviation.
        legend : bool, default=True
            Name the classes beside the picture.
        ax : matplotlib Axes, default=None
            Where to draw, by default a new figure. The legend stands to its right, for which
            ``layout="constrained"`` makes room in a figure of your own.

        Returns
        -------
        display : SpectraDisplay

        Raises
        ------
        ValueError
            When the scene has no labels, or no pixels of a class that is asked for.
        """
        X, y = scene.labeled_pixels()
        chosen = scene.classes
        if classes is not None:
            chosen = as_array("classes", classes, kinds="iufU", n_dims=1)
        if not len(chosen) or not all(one in scene.classes.tolist() for one in chosen.tolist()):
            raise ValueError(
                f"classes must be some of {scene.classes.tolist()}, the labels of this scene's"
                f" valid pixels, got {chosen.tolist()}."
            )
        moments = [_mean_and_std(np.asarray(X[y == label])) for label in chosen]
        known = known_classes(scene.labels, scene.class_names)
        display = cls(
            np.array([mean for mean, _ in moments]),
            np.array([std for _, std in moments]),
            display_names(chosen, scene.class_names),
            wavelengths=scene.wavelengths,
            colors=class_colors(len(known))[np.searchsorted(known, chosen)],
            name=scene.name,
        )
        return display.plot(ax, spread=spread, legend=legend)

    @checked(**OF_SPECTRA)
    def plot(
        self, ax: Axes | None = None, *, spread: bool = True, legend: bool = True
    ) -> SpectraDisplay:
        """Draw the picture.

        A line breaks between bands that are more than three times the usual step apart: where
        bands were removed, or where another detector begins.

        Parameters
        ----------
        ax, spread, legend
            As in :meth:`from_scene`.

        Returns
        -------
        self : SpectraDisplay
        """
        plt = import_pyplot()
        if ax is None:
            _, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_classes(ax, spread)
        ax.set(
            title=f"{figure_text(self.name)}: mean spectra" if self.name else "mean spectra",
            xlabel="band" if self.wavelengths is None else "wavelength (nm)",
            ylabel="value (mean ± standard deviation)" if spread else "value (mean)",
        )
        if self.wavelengths is None:
            whole_numbers(ax.xaxis)
        self.legend_ = place_beside(ax, self.lines_) if legend else None
        return self

    def _draw_classes(self, ax: Axes, spread: bool) -> None:
        from matplotlib.patheffects import Normal, Stroke

        n_classes, n_bands = self.mean.shape
        x = np.arange(float(n_bands)) if self.wavelengths is None else self.wavelengths
        gaps = _gaps(x)
        x = np.insert(x, gaps, np.nan)
        colors = class_colors(n_classes) if self.colors is None else self.colors
        opacity = 0.2 if n_classes <= _FEW_CLASSES else 0.1
        marked = _marked(x)
        look: dict[str, Any] = {
            "linewidth": 1.6,
            "marker": "o" if marked else "none",
            "markersize": 3,
            "markevery": marked,
            # A dark edge keeps pale lines visible on white.
            "path_effects": [Stroke(linewidth=2.6, foreground="0.25"), Normal()],
        }
        self.lines_: list[Any] = []
        self.spreads_: list[Any] = []
        for index, (name, color) in enumerate(zip(self.class_names, colors, strict=True)):
            mean, std = (np.insert(of[index], gaps, np.nan) for of in (self.mean, self.std))
            if spread:
                band = (mean - std, mean + std)
                self.spreads_ += [ax.fill_between(x, *band, color=color, alpha=opacity, lw=0)]
            style = _LINE_STYLES[index // _FEW_CLASSES % len(_LINE_STYLES)]
            self.lines_ += ax.plot(
                x, mean, style, color=color, label=figure_text(str(name)), **look
            )


def _gaps(x: np.ndarray) -> np.ndarray:
    """Bands that lie far from the one before: bands are missing, or another detector begins."""
    steps = np.abs(np.diff(x))
    usual = np.median(steps) if len(steps) else 0
    return np.flatnonzero(steps > _GAP * usual) + 1


def _marked(x: np.ndarray) -> list[int]:
    """Points with a marker: all where they are few, else those that no line joins."""
    empty = np.isnan(np.concatenate([[np.nan], x, [np.nan]]))
    if len(x) <= _FEW_BANDS:
        return np.flatnonzero(~empty[1:-1]).tolist()
    return np.flatnonzero(empty[:-2] & ~empty[1:-1] & empty[2:]).tolist()


def _mean_and_std(spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per band, of the values that are finite, in double precision."""
    values = np.ma.masked_invalid(spectra.astype(float))
    return np.ma.filled(values.mean(axis=0), np.nan), np.ma.filled(values.std(axis=0), np.nan)
