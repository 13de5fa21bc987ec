"""predict_map: every pixel of a scene classified, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from sklearn_hsiode._arguments import PATH, HasMethods, Integer, checked
from sklearn_hsiode._bands import check_wavelengths, fitted_wavelengths, iter_estimators
from sklearn_hsiode._labels import display_names, unlabeled_value
from sklearn_hsiode._map_file import CONFIDENCES, MapFile
from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._scene import Scene

METHODS = ("predict", "predict_proba", "confidence")


@checked(
    estimator=[HasMethods(["fit"])],
    method=[str],
    out=[*PATH, None],
    skip_unlabeled=["boolean"],
    class_names=[Mapping, None],
    overwrite=["boolean"],
    verify=["boolean"],
    progress=["boolean"],
)
def predict_map(
    estimator: Any,
    scene: Scene,
    *,
    method: str = "predict",
    out: str | Path | None = None,
    window: int = 512,
    skip_unlabeled: bool = False,
    class_names: Mapping[Any, str] | None = None,
    overwrite: bool = False,
    verify: bool = True,
    progress: bool = False,
) -> np.ndarray | Path:
    """Predict every valid pixel of a scene, borders included, window by window.

    A window is read once, with as much ground around it as the patches of its pixels reach
    into, so that the map does not depend on the windows.

    Parameters
    ----------
    estimator : estimator
        Any fitted classifier of spectra, or a pipeline with a :class:`PatchExtractor`.
    scene : Scene
        The image.
    method : {"predict", "predict_proba", "confidence"}, default="predict"
        The class of each pixel, the probability of each class, or how sure the estimator is:
        its largest probability, the margin between the two largest ones, and the entropy of
        all as a share of that of a uniform distribution (0 is sure, 1 is not).
    out : path, default=None
        GeoTIFF to write: tiled, compressed, with the scene's CRS and transform, nodata, band
        names, and for classes their names and a palette. It appears when it is complete; of
        several calls that write the same file, the last one to be ready wins.
    window : int, default=512
        Side of the windows in pixels.
    skip_unlabeled : bool, default=False
        Predict labelled pixels only.
    class_names : dict, default=None
        Label to name, for the file; by default those of the scene.
    overwrite : bool, default=False
        Replace an existing `out`.
    verify : bool, default=True
        Read `out` back when it is written, and compare it with what went in: GDAL tells nobody
        of a disk that is full.
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    map : array or path
        Without `out` an array. Classes: of shape (rows, cols), in the labels that the
        estimator was fitted with, 0 (or ``""``) where nothing is predicted, so that these must
        not be labels of classes. Probabilities:
        float32 of shape (rows, cols, n_classes), in the order of the estimator's `classes_`,
        NaN where nothing is predicted. Confidence: float32 of shape (rows, cols, 3), likewise.
        With `out` its path; in it, classes whose labels are no numbers from 1 to 65535 are
        numbered from 1 in their order.

    Raises
    ------
    NotFittedError
        When the estimator is not fitted.
    ValueError
        For an unknown method, a window below one pixel, a scene of other bands than the
        estimator was fitted with (another number, or at other wavelengths where both are
        known), a scene of which no pixel is to be predicted, a map
        without `out` in which 0 would be a class, an `out` that is the file of the scene, or
        unlabelled pixels that are to be skipped in a scene without labels.
    TypeError
        When the estimator is no classifier, or an argument of another type.
    AttributeError
        When the estimator has no probabilities.
    FileExistsError
        When `out` exists and is not to be replaced.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn_hsiode import predict_map
    >>> from sklearn_hsiode.datasets import make_scene
    >>> scene = make_scene(random_state=0)
    >>> model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
    >>> predict_map(model, scene).shape
    (64, 64)
    """
    check_is_fitted(estimator)
    _check(estimator, scene, method, window, skip_unlabeled)
    classes = np.asarray(estimator.classes_)
    _check_output(out, scene, classes, method)
    bar = tqdm(
        _windows(scene, window, _reach(estimator)),
        desc="map",
        unit="window",
        total=_n_windows(scene, window),
        disable=not progress,
    )
    parts = (
        (core, *_predicted(estimator, part, inner, method, skip_unlabeled))
        for core, inner, part in bar
    )
    n_predicted = 0
    with bar:
        if out is None:
            raster = _blank(scene.shape[:2], classes, method)
            for core, values, predicted in parts:
                raster[core] = values
                n_predicted += predicted.sum()
            _require_some(n_predicted)
            return raster
        names = display_names(classes, scene.class_names if class_names is None else class_names)
        options = {"overwrite": overwrite, "verify": verify}
        with MapFile(out, scene, classes, names, method, **options) as file:
            for core, values, predicted in parts:
                file.write(core, values, predicted)
                n_predicted += predicted.sum()
            _require_some(n_predicted)
    return Path(out)


def _check(estimator: Any, scene: Scene, method: str, window: Any, skip_unlabeled: bool) -> None:
    if not isinstance(scene, Scene):
        raise TypeError(
            f"scene must be a Scene, got {type(scene).__name__}: read_scene(path) makes one of a"
            " file, and Scene(cube) of an array."
        )
    if not hasattr(estimator, "classes_"):
        raise TypeError(
            f"predict_map needs a classifier, but {type(estimator).__name__} has no classes_."
        )
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    if not Integer(1).is_satisfied_by(window):
        raise ValueError(f"window must be an integer of at least 1 pixel, got {window!r}.")
    if skip_unlabeled and scene.labels is None:
        raise ValueError("skip_unlabeled=True needs a scene with labels.")
    _check_bands(estimator, scene)
    if method != "predict" and not hasattr(estimator, "predict_proba"):
        raise AttributeError(
            f"method={method!r} needs an estimator with predict_proba, which"
            f" {type(estimator).__name__} has not (for an SVM, wrap it in scikit-learn's"
            " CalibratedClassifierCV)."
        )


def _check_bands(estimator: Any, scene: Scene) -> None:
    """Refuse a scene of other bands than those of the training, as far as these are known."""
    n_bands = getattr(estimator, "n_features_in_", scene.n_bands)
    here = sorted(scene.dropped_bands)
    if n_bands != scene.n_bands:
        without = f" (without {', '.join(map(str, here))} of its file)" if here else ""
        raise ValueError(
            f"The estimator was fitted on {n_bands} bands, but the scene has {scene.n_bands}"
            f"{without}: give it the same bands, in the same order."
        )
    wavelengths = fitted_wavelengths(estimator, scene.n_bands)
    check_wavelengths(scene.wavelengths, wavelengths, type(estimator).__name__)
    there = list(getattr(estimator, "dropped_bands_in_", []))  # which a model file tells
    if (wavelengths is None or scene.wavelengths is None) and there and here and there != here:
        raise ValueError(
            f"The estimator was fitted without bands {', '.join(map(str, there))} of their file,"
            f" but this scene is without bands {', '.join(map(str, here))}."
        )


def _check_output(out: str | Path | None, scene: Scene, classes: np.ndarray, method: str) -> None:
    if out is None:
        nothing = unlabeled_value(classes)
        if method == "predict" and nothing in classes.tolist():
            raise ValueError(
                f"{nothing!r} is one of the estimator's classes, but means no class in a map: fit"
                " it with labels other than that, or write the map to a file, where classes are"
                " numbered from 1 (out=...)."
            )
    elif _is_one_of(scene.files, out):
        raise ValueError(f"out={str(out)!r} is the image itself: name another file.")


def _is_one_of(files: Iterable[Path], path: str | Path) -> bool:
    file = Path(path)
    return file.exists() and any(one.exists() and file.samefile(one) for one in files)


def _require_some(n_predicted: int) -> None:
    if not n_predicted:
        raise ValueError(
            "There is no pixel to predict: every one lacks data in some band, or, with"
            " skip_unlabeled=True, has no label."
        )


def _reach(estimator: Any) -> int:
    """How far from a pixel the patch around it can take a value from.

    A masked neighbour, at most half a patch away in rows and columns, takes the spectrum of the
    valid pixel nearest to it, which is no further from it than the pixel itself.
    """
    parts = iter_estimators(estimator)
    sizes = [part.patch_size for part in parts if isinstance(part, PatchExtractor)]
    half = max(sizes, default=1) // 2
    return half + ceil(sqrt(2) * half)


def _n_windows(scene: Scene, size: int) -> int:
    rows, cols = scene.shape[:2]
    return ceil(rows / size) * ceil(cols / size)


def _windows(
    scene: Scene, size: int, reach: int
) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], Scene]]:
    """Each window's place in the scene, its place in its surroundings, and these."""
    rows, cols = scene.shape[:2]
    for top in range(0, rows, size):
        for left in range(0, cols, size):
            bottom, right = min(top + size, rows), min(left + size, cols)
            first_row, first_col = max(top - reach, 0), max(left - reach, 0)
            part = scene.window(
                slice(first_row, min(bottom + reach, rows)),
                slice(first_col, min(right + reach, cols)),
            )
            inner = (
                slice(top - first_row, bottom - first_row),
                slice(left - first_col, right - first_col),
            )
            yield (slice(top, bottom), slice(left, right)), inner, part


def _predicted(
    estimator: Any, part: Scene, inner: tuple[slice, slice], method: str, skip_unlabeled: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The map of the inner part of a window's surroundings, and where it was predicted."""
    wanted = np.zeros(part.mask.shape, dtype=bool)
    wanted[inner] = part.mask[inner]
    if skip_unlabeled:
        wanted &= part.is_labeled
    values = _blank(part.mask.shape, np.asarray(estimator.classes_), method)
    pixels = PixelSamples(part, np.flatnonzero(wanted))
    if len(pixels):
        values[wanted] = (
            estimator.predict(pixels)
            if method == "predict"
            else _measured(estimator.predict_proba(pixels), method)
        )
    return values[inner], wanted[inner]


def _measured(probabilities: np.ndarray, method: str) -> np.ndarray:
    if method == "predict_proba":
        return probabilities
    n_classes = probabilities.shape[1]
    if n_classes == 1:
        return np.tile([1.0, 1.0, 0.0], (len(probabilities), 1))
    second, largest = np.partition(probabilities, -2, axis=1)[:, -2:].T
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    entropy = -(probabilities * logarithms).sum(axis=1) / np.log(n_classes)
    return np.column_stack([largest, largest - second, entropy])


def _blank(grid: tuple[int, ...], classes: np.ndarray, method: str) -> np.ndarray:
    """A map in which nothing is predicted."""
    if method == "predict":
        return np.full(grid, unlabeled_value(classes), dtype=classes.dtype)
    n_layers = len(classes) if method == "predict_proba" else len(CONFIDENCES)
    return np.full((*grid, n_layers), np.nan, dtype=np.float32)
