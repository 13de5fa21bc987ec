"""TrainingHistoryDisplay: how a training went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._arguments import HasMethods, checked
from sklearn_hsiode._colors import class_colors
from sklearn_hsiode._markup import figure_text
from sklearn_hsiode.plotting._layout import OF_DISPLAYS, import_pyplot, shared_place, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Label of each panel's vertical axis, and the lines in it by their key.
PANELS: dict[str, dict[str, str]] = {
    "loss": {"loss": "training", "validation_loss": "validation"},
    "validation score\n(accuracy, 0 to 1)": {"validation_score": "validation"},
    "function evaluations\n(per forward pass)": {"n_function_evaluations": "training"},
}
_FEW_EPOCHS = 30


class TrainingHistoryDisplay:
    """Loss, validation score and function evaluations of a training, epoch by epoch.

    Make one with :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    history : list of dict
        One dict per epoch, as the ``history_`` of a classifier.
    name : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel of the loss.
    axes_ : list of matplotlib Axes
        All panels from top to bottom, one for each quantity that was recorded.
    figure_ : matplotlib Figure
        The figure around them.
    lines_ : dict of str to matplotlib Line2D
        The lines by their key in `history`.

    Examples
    --------
    >>> from sklearn_hsiode import ODENetClassifier
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.plotting import TrainingHistoryDisplay
    >>> X, y = make_scene((16, 16), n_bands=4, n_classes=2, random_state=0).labeled_pixels()
    >>> ode = ODENetClassifier(n_filters=8, max_epochs=2, random_state=0).fit(X, y)
    >>> display = TrainingHistoryDisplay.from_estimator(ode)
    >>> sorted(display.lines_)
    ['loss', 'n_function_evaluations']
    """

    @checked(history=[list, tuple], name=[str, None])
    def __init__(self, history: Sequence[Mapping[str, float]], *, name: str | None = None) -> None:
        for epoch in history:
            if not isinstance(epoch, Mapping):
                raise TypeError(f"history must hold a dict for each epoch, got {epoch!r}.")
        self.history = history
        self.name = name

    @classmethod
    @checked(estimator=[HasMethods(["fit"])], ax=OF_DISPLAYS["ax"])
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> TrainingHistoryDisplay:
        """Draw how a classifier was trained.

        Parameters
        ----------
        estimator : ODENetClassifier, ResNetClassifier or Pipeline
            A fitted classifier, or a pipeline that ends in one.
        ax : matplotlib Axes, default=None
            Where to draw the loss, by default a new figure. The other panels take a part of
            its place.

        Returns
        -------
        display : TrainingHistoryDisplay

        Raises
        ------
        NotFittedError
            When the estimator is not fitted.
        TypeError
            When the estimator records no history.
        ValueError
            When the history is empty.
        """
        check_is_fitted(estimator)
        while isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        if not hasattr(estimator, "history_"):
            raise TypeError(
                "A training history needs an ODENetClassifier or ResNetClassifier, or a pipeline"
                f" that ends in one, got {type(estimator).__name__}, which has no history_."
            )
        return cls(estimator.history_, name=type(estimator).__name__).plot(ax)

    @checked(ax=OF_DISPLAYS["ax"])
    def plot(self, ax: Axes | None = None) -> TrainingHistoryDisplay:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            As in :meth:`from_estimator`.

        Returns
        -------
        self : TrainingHistoryDisplay

        Raises
        ------
        ValueError
            When the history is empty.
        """
        recorded = {key for epoch in self.history for key in epoch}
        panels = {label: lines for label, lines in PANELS.items() if recorded & {*lines}}
        if not panels:
            raise ValueError("history is empty: it needs a dict with a loss for each epoch.")
        self.axes_ = _stacked_axes(ax, len(panels))
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.lines_: dict[str, Any] = {}
        for panel, (label, lines) in zip(self.axes_, panels.items(), strict=True):
            for key, part in lines.items():
                if key in recorded:
                    self.lines_[key] = self._draw_line(panel, key, part)
            panel.set(ylabel=label, xlim=(0.5, len(self.history) + 0.5))
            panel.tick_params(labelbottom=panel is self.axes_[-1])
            whole_numbers(panel.xaxis)
        self.axes_[-1].set_xlabel("epoch")
        if "validation_loss" in recorded:
            self.ax_.legend(frameon=False)
        if self.name:
            self.ax_.set_title(f"{figure_text(self.name)}: training")
        return self

    def _draw_line(self, panel: Axes, key: str, part: str) -> Any:
        training, _, validation = class_colors(3)
        color, style = (training, "-") if part == "training" else (validation, "--")
        values = [epoch.get(key, np.nan) for epoch in self.history]
        epochs = np.arange(1, len(values) + 1)
        marker = "." if len(values) <= _FEW_EPOCHS else "none"
        return panel.plot(epochs, values, style, color=color, marker=marker, label=part)[0]


def _stacked_axes(ax: Axes | None, n_panels: int) -> list[Axes]:
    plt = import_pyplot()
    if ax is not None:
        return shared_place(ax, n_panels, 1, place=0)
    size = (7, 1 + 2 * n_panels)
    subplots = plt.subplots(
        n_panels, 1, figsize=size, sharex=True, layout="constrained", squeeze=False
    )[1]
    return list(subplots[:, 0])
