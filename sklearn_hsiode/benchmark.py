"""Train several estimators on the same split of a scene, and compare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, cohen_kappa_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from tabulate import tabulate

from sklearn_hsiode.classifiers import ODENetClassifier, ResNetClassifier
from sklearn_hsiode.patches import PatchExtractor
from sklearn_hsiode.scene import Scene


@dataclass(frozen=True)
class Result:
    """How one model did on the test pixels of a scene.

    Attributes
    ----------
    model : str
        Name of the model.
    overall_accuracy, average_accuracy, kappa : float
        Share of test pixels that are right, mean of the accuracies of the classes that have
        test pixels, and Cohen's kappa.
    seconds : float
        Time to fit.
    n_parameters : int or None
        Trainable parameters, for a network.
    class_map : array of shape (rows, cols)
        Class of every valid pixel, as index into the scene's classes, and -1 elsewhere.
    """

    model: str
    overall_accuracy: float
    average_accuracy: float
    kappa: float
    seconds: float
    n_parameters: int | None
    class_map: np.ndarray


def default_models(random_state: int | None = None, verbose: int = 0) -> dict[str, Any]:
    """The package's two networks on patches, SVM and random forest on spectra.

    Parameters
    ----------
    random_state : int or None, default=None
        Seed of each.
    verbose : int, default=0
        1 shows the networks' progress.

    Returns
    -------
    models : dict of str to estimator
    """
    networks = {"ODE-net": ODENetClassifier(), "ResNet": ResNetClassifier()}
    return {
        **{
            name: make_pipeline(
                PatchExtractor(), network.set_params(random_state=random_state, verbose=verbose)
            )
            for name, network in networks.items()
        },
        "SVM": make_pipeline(StandardScaler(), SVC(C=100.0)),
        "random forest": RandomForestClassifier(random_state=random_state),
    }


def compare_models(
    scene: Scene,
    models: Mapping[str, Any],
    train_size: float = 0.05,
    random_state: int | None = None,
) -> Iterator[Result]:
    """Fit each model on the same random share of each class, test it on all other pixels.

    Pixels drawn at random lie among each other: patches of test pixels overlap patches of
    training pixels, and the scores say how well a scene is filled in, not how well a model
    carries over to other ground.

    Parameters
    ----------
    scene : Scene
        With labels.
    models : dict of str to estimator
        What to compare; each is cloned.
    train_size : float, default=0.05
        Share of each class's labelled pixels that train, rounded up.
    random_state : int or None, default=None
        Seed of the split.

    Yields
    ------
    result : Result
        One per model, in their order.

    Raises
    ------
    ValueError
        When the share is not between 0 and 1.
    """
    X, y = scene.labeled_pixels()
    train, test = _split_per_class(y, train_size, random_state)
    y_test = y[test]
    everywhere = scene.pixels()
    for name, model in models.items():
        start = perf_counter()
        fitted = clone(model).fit(X[train], y[train])
        seconds = perf_counter() - start
        class_map = np.full(scene.mask.shape, -1)
        class_map[scene.mask] = np.searchsorted(scene.classes, fitted.predict(everywhere))
        predicted = scene.classes[class_map.reshape(-1)[X.positions[test]]]
        last = fitted[-1] if hasattr(fitted, "steps") else fitted
        yield Result(
            name,
            accuracy_score(y_test, predicted),
            recall_score(
                y_test, predicted, average="macro", labels=np.unique(y_test), zero_division=0
            ),
            cohen_kappa_score(y_test, predicted),
            seconds,
            getattr(last, "n_parameters_", None),
            class_map,
        )


def _split_per_class(
    y: np.ndarray, train_size: float, random_state: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the share of each class, rounded up, but leave a pixel to test where there are two."""
    if not 0 < train_size < 1:
        raise ValueError(f"train_size must lie between 0 and 1, got {train_size}.")
    rng = check_random_state(random_state)
    train = []
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        n_train = min(ceil(train_size * len(members)), max(len(members) - 1, 1))
        train.append(members[:n_train])
    train_rows = np.sort(np.concatenate(train))
    return train_rows, np.setdiff1d(np.arange(len(y)), train_rows)


def results_table(results: Sequence[Result]) -> str:
    """One row per model; accuracies and kappa in per cent, seconds to fit.

    Parameters
    ----------
    results : list of Result

    Returns
    -------
    table : str
        In GitHub's Markdown.
    """
    rows = [
        (
            result.model,
            *(f"{100 * score:.2f}" for score in _scores(result)),
            f"{result.seconds:.1f}",
            "" if result.n_parameters is None else f"{result.n_parameters:,}",
        )
        for result in results
    ]
    headers = ("model", "OA %", "AA %", "kappa %", "seconds", "parameters")
    align = ("left", *("right",) * 5)
    return tabulate(rows, headers, "github", colalign=align, disable_numparse=True)


def _scores(result: Result) -> tuple[float, float, float]:
    return result.overall_accuracy, result.average_accuracy, result.kappa


def draw_maps(scene: Scene, results: Sequence[Result], path: str | Path) -> None:
    """Draw the ground truth and each model's classification map into one PNG.

    Parameters
    ----------
    scene : Scene
        With labels.
    results : list of Result
        The maps.
    path : path
        File to write; it appears when it is complete.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    truth = np.full(scene.mask.shape, -1)
    X, y = scene.labeled_pixels()
    truth[X.rows, X.cols] = np.searchsorted(scene.classes, y)
    panels = [("ground truth", truth)] + [
        (f"{result.model}, OA {100 * result.overall_accuracy:.1f} %", result.class_map)
        for result in results
    ]
    rows, cols = scene.mask.shape
    width = 3.0
    figure = Figure((width * len(panels), width * rows / cols + 1.0), layout="constrained")
    colors = _class_colors(len(scene.classes))
    for axes, (title, codes) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(colors[codes], interpolation="nearest")
        axes.set_title(title, fontsize="medium")
        axes.set_axis_off()
    names = [str(scene.class_names.get(label, label)) for label in scene.classes.tolist()]
    handles = [Patch(color=colors[code], label=name) for code, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 8))
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    figure.savefig(unfinished, format="png", dpi=150)
    unfinished.replace(path)


def _class_colors(n_classes: int) -> np.ndarray:
    """RGB colours of the classes, and black as the last for pixels without one."""
    from matplotlib import colormaps

    colormap = colormaps["tab20" if n_classes > 10 else "tab10"]
    colors = colormap(np.arange(n_classes) % colormap.N)[:, :3]
    return np.vstack([colors, np.zeros(3)])
