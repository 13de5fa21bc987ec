"""ClassificationMapDisplay: predicted classes beside the ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_hsiode._arguments import checked
from sklearn_hsiode._colors import (
    ERROR_COLOR,
    NO_CLASS_COLOR,
    class_entries,
    colorize,
)
from sklearn_hsiode._labels import (
    checked_labels,
    known_classes,
    unlabeled_value,
    valid_labels,
)
from sklearn_hsiode._mapping import predict_map
from sklearn_hsiode._markup import figure_text
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import as_array, checked_raster
from sklearn_hsiode.plotting._layout import OF_MAPS, legend_beside, raster_axes, show_raster

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ClassificationMapDisplay:
    """A map of predicted classes, with the ground truth beside it where there is one.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. The parameters are kept
    as attributes.

    Parameters
    ----------
    class_map : array of shape (rows, cols)
        Predicted class of each pixel, 0 or ``""`` for none.
    classes : array of shape (n_classes,)
        Sorted labels; the position of a class among them decides its colour.
    truth : array of shape (rows, cols), default=None
        True class of each pixel, 0 or ``""`` for unlabelled pixels.
    class_names : dict, default=None
        Label to name.
    name : str, default=None
        Name of the scene, for the title of a new figure.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the map is drawn.
    truth_ax_ : matplotlib Axes or None
        Where the ground truth is drawn.
    figure_ : matplotlib Figure
        The figure around both.
    im_, truth_im_ : matplotlib AxesImage
        Map and ground truth (or None).
    legend_ : matplotlib Legend or None
        The legend of the classes.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.plotting import ClassificationMapDisplay
    >>> scene = make_scene(random_state=0)
    >>> model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
    >>> display = ClassificationMapDisplay.from_estimator(model, scene, mark_errors=True)
    >>> [text.get_text() for text in display.legend_.get_texts()][-3:]
    ['class 6', 'no class', 'wrong']
    """

    @checked(class_names=[Mapping, None], name=[str, None])
    def __init__(
        self,
        class_map: np.ndarray,
        classes: np.ndarray,
        *,
        truth: np.ndarray | None = None,
        class_names: Mapping[Any, str] | None = None,
        name: str | None = None,
    ) -> None:
        self.class_map = as_array("class_map", class_map, kinds="iuU", n_dims=2)
        self.classes = as_array("classes", classes, kinds="iuU", n_dims=1)
        self.truth = None if truth is None else checked_raster("truth", truth, self.class_map.shape)
        self.class_names = class_names
        self.name = name

    @classmethod
    @checked(scene=[Scene], **OF_MAPS)
    def from_estimator(
        cls,
        estimator: Any,
        scene: Scene,
        *,
        with_truth: bool = True,
        mark_errors: bool = False,
        legend: bool = True,
        ax: Axes | None = None,
    ) -> ClassificationMapDisplay:
        """Predict every valid pixel of a scene and draw the map.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier or pipeline, which predicts labels of the scene.
        scene : Scene
            The image.
        with_truth, mark_errors, legend, ax
            As in :meth:`from_predictions`.

        Returns
        -------
        display : ClassificationMapDisplay

        Raises
        ------
        NotFittedError
            When the estimator is not fitted.
        ValueError
            As in :meth:`from_predictions`.
        """
        class_map = predict_map(estimator, scene)
        return cls.from_predictions(
            scene, class_map, with_truth=with_truth, mark_errors=mark_errors, legend=legend, ax=ax
        )

    @classmethod
    @checked(scene=[Scene], **OF_MAPS)
    def from_predictions(
        cls,
        scene: Scene,
        class_map: Any,
        *,
        with_truth: bool = True,
        mark_errors: bool = False,
        legend: bool = True,
        ax: Axes | None = None,
    ) -> ClassificationMapDisplay:
        """Draw a map of classes that were predicted before.

        Parameters
        ----------
        scene : Scene
            The image, with or without labels.
        class_map : array of shape (rows, cols)
            Predicted class of each pixel, in the scene's own label values; 0 (or ``""`` among
            strings, or a masked value) where there is no prediction. Its values at invalid
            pixels are ignored. Predictions ``y`` of some pixels ``X`` become such a map by
            ``class_map = np.zeros(scene.shape[:2], int); class_map[X.rows, X.cols] = y``.
        with_truth : bool, default=True
            Draw the ground truth on the left, where the scene has labels.
        mark_errors : bool, default=False
            Draw in white the labelled pixels whose predicted class is wrong. Labelled pixels
            without a prediction are not marked.
        legend : bool, default=True
            Name beside the map the classes that occur.
        ax : matplotlib Axes, default=None
            Where to draw the map, by default a new figure. The ground truth takes the left half
            of its place. The legend stands to the right, for which ``layout="constrained"``
            makes room in a figure of your own.

        Returns
        -------
        display : ClassificationMapDisplay

        Raises
        ------
        ValueError
            When the map differs from the scene in rows or columns, or holds labels that
            neither the scene's raster nor its class names have, or errors are to be marked
            without a ground truth.
        TypeError
            When the map holds neither integers nor strings.
        """
        checked_raster("class_map", class_map, scene.shape[:2])
        class_map = checked_labels(class_map, scene.shape[:2], "class_map")
        no_class = unlabeled_value(class_map)
        class_map = np.where(scene.mask, class_map, no_class)
        classes = known_classes(
            class_map if scene.labels is None else scene.labels, scene.class_names
        )
        unknown = sorted({*np.unique(class_map).tolist()} - {*classes.tolist(), no_class})
        if unknown:
            raise ValueError(
                f"class_map holds labels that the scene does not know: {unknown}; it knows"
                f" {classes.tolist()}. Classes that its labels lack can be given as class_names."
            )
        display = cls(
            class_map,
            classes,
            truth=valid_labels(scene.labels, scene.mask),
            class_names=scene.class_names,
            name=scene.name,
        )
        return display.plot(ax, with_truth=with_truth, mark_errors=mark_errors, legend=legend)

    @property
    def errors(self) -> np.ndarray:
        """Boolean raster of shape (rows, cols), True where a labelled pixel is wrong."""
        if self.truth is None:
            raise ValueError("Errors need a scene with labels: Scene(cube, labels).")
        compared = np.isin(self.class_map, self.classes) & np.isin(self.truth, self.classes)
        return compared & (self.class_map != self.truth)

    @checked(**OF_MAPS)
    def plot(
        self,
        ax: Axes | None = None,
        *,
        with_truth: bool = True,
        mark_errors: bool = False,
        legend: bool = True,
    ) -> ClassificationMapDisplay:
        """Draw the picture.

        Parameters
        ----------
        ax, with_truth, mark_errors, legend
            As in :meth:`from_predictions`.

        Returns
        -------
        self : ClassificationMapDisplay

        Raises
        ------
        ValueError
            When errors are to be marked without a ground truth.
        """
        image = colorize(self.class_map, self.classes)
        if mark_errors:
            image[self.errors] = ERROR_COLOR
        truth = self.truth if with_truth else None
        entries = self._entries(truth, mark_errors) if legend else []
        n_panels = 1 if truth is None else 2
        axes = raster_axes(ax, self.class_map.shape, n_panels, len(entries))
        self.ax_, self.figure_ = axes[-1], axes[-1].figure
        self.im_ = show_raster(self.ax_, image, "prediction")
        self.truth_ax_ = self.truth_im_ = self.legend_ = None
        if truth is not None:
            self.truth_ax_ = axes[0]
            self.truth_im_ = show_raster(axes[0], colorize(truth, self.classes), "ground truth")
            self.ax_.set_ylabel("")
            self.ax_.tick_params(labelleft=False)
        if ax is None and self.name:
            self.figure_.suptitle(figure_text(self.name))
        if entries:
            self.legend_ = legend_beside(self.ax_, entries)
        return self

    def _entries(self, truth: np.ndarray | None, mark_errors: bool) -> list[tuple[str, Any]]:
        """Name and colour of everything that is drawn."""
        drawn = [self.class_map] if truth is None else [self.class_map, truth]
        entries = class_entries(self.classes, self.class_names, drawn)
        if not all(np.isin(raster, self.classes).all() for raster in drawn):
            entries.append(("no class", NO_CLASS_COLOR))
        if mark_errors:
            entries.append(("wrong", ERROR_COLOR))
        return entries
