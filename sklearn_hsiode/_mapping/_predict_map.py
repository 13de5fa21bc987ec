"""predict_map: every pixel of an image classified, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from sklearn_hsiode._arguments import JOBS, PATH, HasMethods, Integer, checked
from sklearn_hsiode._bands import check_wavelengths, fitted_wavelengths
from sklearn_hsiode._cubes import Block
from sklearn_hsiode._labels import display_names, unlabeled_value
from sklearn_hsiode._mapping._data_array import DaskImage, as_data_array
from sklearn_hsiode._mapping._engine import mapped
from sklearn_hsiode._mapping._map_file import TIFFS, MapFile
from sklearn_hsiode._mapping._windows import METHODS, Window, WindowModel, windows
from sklearn_hsiode._memory import MAPPED, n_items
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.io import read_scene
from sklearn_hsiode.io.readers._data_array import is_data_array
from sklearn_hsiode.io.writers._files import check_place


@checked(
    estimator=[HasMethods(["fit"])],
    method=[str],
    out=[*PATH, None],
    skip_unlabeled=["boolean"],
    class_names=[Mapping, None],
    n_jobs=JOBS,
    cog=["boolean"],
    overwrite=["boolean"],
    verify=["boolean"],
    progress=["boolean"],
)
def predict_map(
    estimator: Any,
    scene: Any,
    *,
    method: str = "predict",
    out: str | Path | None = None,
    window: int = 512,
    skip_unlabeled: bool = False,
    class_names: Mapping[Any, str] | None = None,
    n_jobs: int | None = None,
    cog: bool = False,
    overwrite: bool = False,
    verify: bool = True,
    progress: bool = False,
) -> Any:
    """Predict every valid pixel of an image, borders included, window by window.

    A window is read once, with as much ground around it as the patches of its pixels reach
    into, so that the map does not depend on the windows, nor on where they are computed.

    Parameters
    ----------
    estimator : estimator
        Any fitted classifier of spectra, or a pipeline with a :class:`PatchExtractor`.
    scene : Scene or xarray.DataArray
        The image. A DataArray has the dimensions y, x and band in any order; where it is
        Dask-backed, in chunks of any size, nothing of it is computed before the map is.
    method : {"predict", "predict_proba", "confidence"}, default="predict"
        The class of each pixel, the probability of each class, or how sure the estimator is:
        its largest probability, the margin between the two largest ones, and the entropy of
        all as a share of that of a uniform distribution (0 is sure, 1 is not).
    out : path, default=None
        File to write, which appears when it is complete; of several calls that write the same
        one, the last one to be ready wins.

        - A Zarr store where the suffix is ``.zarr``, of format 2 and with the grid mapping of
          the CF conventions, so that both xarray and GDAL open it in the scene's place.
        - Else a GeoTIFF: tiled, compressed, with the scene's CRS and transform, nodata, band
          names, and for classes their names and a palette.
    window : int, default=512
        Side of the windows in pixels, and of the chunks of a Zarr store and of a lazy map.
    skip_unlabeled : bool, default=False
        Predict labelled pixels only.
    class_names : dict, default=None
        Label to name, for the file; by default those of the scene.
    n_jobs : int, default=None
        Windows that are computed at a time, as joblib counts: None is 1, or what a
        :func:`joblib.parallel_config` around the call says, -1 all cores. See the notes.
    cog : bool, default=False
        Write the GeoTIFF as a Cloud Optimized GeoTIFF, with overviews: of classes the nearest
        pixel, of probabilities and confidence the mean.
    overwrite : bool, default=False
        Replace an existing `out`. Of Zarr stores, only maps of this package are replaced, and for
        a DataArray, which does not always tell its file, of GeoTIFFs likewise.
    verify : bool, default=True
        Read a GeoTIFF back when it is written, and compare it with what went in: GDAL tells
        nobody of a disk that is full.
    progress : bool, default=False
        Show a progress bar of the windows; a lazy map has Dask's own.

    Returns
    -------
    map : array, DataArray or path
        With `out` its path; in it, classes whose labels are no numbers from 1 to 65535 are
        numbered from 1 in their order.

        Without `out`, of a Scene, an array. Classes: of shape (rows, cols), in the labels that
        the estimator was fitted with, 0 (or ``""``) where nothing is predicted, so that these
        must not be labels of classes. Probabilities:
        float32 of shape (rows, cols, n_classes), in the order of the estimator's `classes_`,
        NaN where nothing is predicted. Confidence: float32 of shape (rows, cols, 3), likewise.

        Without `out`, of a DataArray, a DataArray of the same values: (y, x), (class, y, x) or
        (measure, y, x), with the coordinates and the CRS of the image, nodata as the attribute
        `_FillValue`, and the names of the classes as `class_names`, in the order of the labels
        in `flag_values` or along `class`. It is lazy where the image is Dask-backed, and keeps a
        copy of the estimator as it is then.

    Raises
    ------
    NotFittedError
        When the estimator is not fitted.
    ValueError
        For an unknown method, a window below one pixel, a scene of other bands than the estimator
        was fitted with (another number, or at other wavelengths where both are known), a scene of
        which no pixel is to be predicted, a map without `out` in which 0 would be a class, an
        `out` that is the file of the scene or something else that is not replaced, unlabelled
        pixels that are to be skipped in a scene without labels, an estimator that cannot be
        pickled and a lazy map, a rotated grid in a Zarr store, a DataArray of other dimensions,
        `n_jobs` with a Dask-backed one, or `cog` with an `out` that does not end in ``.tif``.
    TypeError
        When the estimator is no classifier, or an argument of another type.
    AttributeError
        When the estimator has no probabilities.
    FileExistsError
        When `out` exists and is not to be replaced.
    ImportError
        When rasterio is missing, or for Zarr and DataArrays xarray, rioxarray, zarr or Dask.

    Notes
    -----
    Windows are tasks of joblib, so any of its engines computes them: processes of this machine,
    or under ``joblib.parallel_config("dask")`` the workers of a Dask cluster, whose number then
    counts instead of `n_jobs`. Ray and Spark come with engines for joblib as well, which hand
    results over a round at a time; they are not tested here. The model is sent once to each
    process (with Ray and Spark, with each task). Of a scene in a file, its path and the window
    are sent, so the workers must see the file at the same path; of a scene in memory, the
    window with its surroundings. The caller's process writes the results in their order, with
    256 MiB of them in memory at most, or 4 windows for each worker where these are more.

    A process predicts with one thread of PyTorch, unless the network's own `n_jobs` says
    otherwise, and networks of one process take turns: give a Dask worker one thread.
    joblib bounds the threads of other libraries (its `inner_max_num_threads`). Nothing is
    gained by more workers than there are windows: a smaller `window` makes more of them, which
    read more ground around them.

    On Dask, windows of a worker that dies are computed by another one. joblib's own processes
    end the map with an error then, and leave no file.

    Examples
    --------
    >>> from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> from sklearn_hsiode import predict_map
    >>> from sklearn_hsiode.datasets import make_scene
    >>> scene = make_scene(random_state=0)
    >>> model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
    >>> predict_map(model, scene).shape
    (64, 64)
    >>> predict_map(model, scene, method="confidence").shape
    (64, 64, 3)
    """
    check_is_fitted(estimator)
    image = scene if is_data_array(scene) else None
    lazy = DaskImage(image) if image is not None and image.chunks is not None else None
    if image is not None:
        scene = read_scene(image) if lazy is None else lazy.scene
    _check(estimator, scene, method, window, skip_unlabeled)
    model = WindowModel(estimator, method, skip_unlabeled)
    _check_output(out, cog, [*scene.files, *_files_of(image)], model)
    if image is not None and out is not None:  # which may be the image, or a part of it
        check_place(out, overwrite=overwrite, only_maps=True)
    names = display_names(model.classes, scene.class_names if class_names is None else class_names)
    places = [*windows(scene.shape[:2], window, model.reach)]
    if lazy is None:
        n_at_once = n_items(MAPPED, window**2 * max(model.n_layers, 1) * model.dtype.itemsize)
        parts = _parts(scene, places)
        results = mapped(model, parts, len(places), n_jobs=n_jobs, n_at_once=n_at_once)
    elif n_jobs is not None:
        raise ValueError(
            "n_jobs is not for a Dask-backed DataArray, whose windows Dask computes where its"
            " scheduler says: leave it out."
        )
    elif out is None:
        return as_data_array(lazy.map(model, places), image, model, names)
    else:
        results = lazy.predicted(model, places)
    bar = tqdm(results, desc="map", unit="window", total=len(places), disable=not progress)
    n_predicted = 0
    with closing(results), bar:
        if out is None:
            raster = model.labeled(model.blank(scene.shape[:2]))
            for (place, _, _), predicted in zip(places, bar, strict=True):
                raster[place] = model.labeled(predicted.values)
                n_predicted += predicted.n_pixels
            _require_some(n_predicted)
            if image is None:
                return raster
            layers_first = np.moveaxis(raster, -1, 0) if model.n_layers else raster
            return as_data_array(layers_first, image, model, names)
        options = {"cog": cog, "overwrite": overwrite, "verify": verify}
        with MapFile(out, scene, model, names, chunk=window, **options) as file:
            for (place, _, _), predicted in zip(places, bar, strict=True):
                file.write(place, predicted.values)
                n_predicted += predicted.n_pixels
            _require_some(n_predicted)
    return Path(out)


def _parts(scene: Scene, places: Sequence[Window]) -> Iterator[tuple[Scene, Block]]:
    """The surroundings of windows: to be read by workers, or cut here where they are in memory."""
    for _, around, inner in places:
        is_here = scene.is_loaded or not scene.files
        yield scene.window(*around) if is_here else scene._unread_window(*around), inner


def _check(estimator: Any, scene: Scene, method: str, window: Any, skip_unlabeled: bool) -> None:
    if not isinstance(scene, Scene):
        raise TypeError(
            f"scene must be a Scene or a DataArray, got {type(scene).__name__}: read_scene(path)"
            " makes a Scene of a file, and Scene(cube) one of an array."
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
    there = list(getattr(estimator, "dropped_bands_in_", []))  # which a model file tells
    fitted_without = (
        f"The estimator was fitted without bands {', '.join(map(str, there))} of their file"
    )
    if n_bands != scene.n_bands:
        without = f" (without {', '.join(map(str, here))} of its file)" if here else ""
        raise ValueError(
            f"The estimator was fitted on {n_bands} bands, but the scene has {scene.n_bands}"
            f"{without}: give it the same bands, in the same order."
            f"{f' {fitted_without}.' if there else ''}"
        )
    wavelengths = fitted_wavelengths(estimator, scene.n_bands)
    check_wavelengths(scene.wavelengths, wavelengths, type(estimator).__name__)
    if (wavelengths is None or scene.wavelengths is None) and there and here and there != here:
        raise ValueError(
            f"{fitted_without}, but this scene is without bands {', '.join(map(str, here))}."
        )


def _check_output(
    out: str | Path | None, cog: bool, files: Iterable[Path], model: WindowModel
) -> None:
    if cog and (out is None or Path(out).suffix.lower() not in TIFFS):
        raise ValueError(
            f"cog=True writes a Cloud Optimized GeoTIFF: give out a name in .tif, got {out!r}."
        )
    if out is None:
        nothing = unlabeled_value(model.classes)
        if model.method == "predict" and nothing in model.classes.tolist():
            raise ValueError(
                f"{nothing!r} is one of the estimator's classes, but means no class in a map: fit"
                " it with labels other than that, or write the map to a file, where classes are"
                " numbered from 1 (out=...)."
            )
    elif _is_one_of(files, out):
        raise ValueError(f"out={str(out)!r} is the image itself: name another file.")


def _files_of(image: Any) -> list[Path]:
    """The file that a DataArray was opened from, as far as it tells."""
    source = getattr(image, "encoding", {}).get("source")
    return [Path(source)] if isinstance(source, str) else []


def _is_one_of(files: Iterable[Path], path: str | Path) -> bool:
    file = Path(path)
    return file.exists() and any(one.exists() and file.samefile(one) for one in files)


def _require_some(n_predicted: int) -> None:
    if not n_predicted:
        raise ValueError(
            "There is no pixel to predict: every one lacks data in some band, or, with"
            " skip_unlabeled=True, has no label."
        )
