"""Maps of an xarray.DataArray, without importing xarray."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import cloudpickle
import numpy as np

from sklearn_hsiode._cubes import ArrayCube, Cube
from sklearn_hsiode._labels import unlabeled_value
from sklearn_hsiode._mapping._engine import FEW
from sklearn_hsiode._mapping._map_file import VARIABLES
from sklearn_hsiode._mapping._windows import CONFIDENCES, Predicted, Window, WindowModel
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import check_cube
from sklearn_hsiode.io.readers import ArraySource
from sklearn_hsiode.io.readers._data_array import about_data_array, image_dims


class DaskImage:
    """The image in a Dask-backed DataArray, whose windows are tasks of Dask.

    Parameters
    ----------
    array : DataArray
        Of dimensions y, x and band, in any order and in chunks of any size.
    """

    def __init__(self, array: Any) -> None:
        self.values = array.transpose(*image_dims(array)).data
        self.about = about_data_array(array)
        check_cube(self.values.shape, self.values.dtype)

    @cached_property
    def scene(self) -> Scene:
        """The scene that it is, of which nothing has been computed."""
        known = {name: self.about.get(name) for name in ("wavelengths", "crs", "transform")}
        return Scene(Cube(self.values), name=str(self.about["path"]), **known)

    def map(self, model: WindowModel, windows: Iterable[Window]) -> Any:
        """The map as a Dask array, of shape (rows, cols) or (n_layers, rows, cols).

        The model is copied, so that the map stays that of the estimator as it is now.
        """
        from dask.array import block, from_delayed

        try:
            model = pickle.loads(cloudpickle.dumps(model))
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise ValueError(
                f"{type(model.estimator).__name__} cannot be pickled ({error}), but a lazy map"
                " keeps a copy of its estimator: give out=..., or compute the image first."
            ) from error
        dtype = model.labeled(np.zeros(1, dtype=model.dtype)).dtype
        rows: dict[int, list[Any]] = {}
        for window, task in self._tasks(_finished, model, windows):
            height, width = (part.stop - part.start for part in window.place)
            shape = (model.n_layers, height, width) if model.n_layers else (height, width)
            row = rows.setdefault(window.place[0].start, [])
            row.append(from_delayed(task, shape, dtype))
        return block(list(rows.values()))

    def predicted(self, model: WindowModel, windows: Iterable[Window]) -> Generator[Predicted]:
        """What a model predicts in windows, in their order, a few for each worker at a time."""
        from dask.base import compute

        tasks = (task for _, task in self._tasks(_predicted, model, windows))
        while some := [*islice(tasks, FEW * _n_workers())]:
            yield from compute(*some)

    def _tasks(
        self, run: Any, model: WindowModel, windows: Iterable[Window]
    ) -> Iterator[tuple[Window, Any]]:
        from dask.delayed import delayed

        outline = self.scene._replace(cube=ArrayCube(np.zeros((1, 1, self.values.shape[2]))))
        nodata = self.about["nodata"]
        # One task of its own, so that it is sent once to each worker.
        shared = delayed(BlockModel(model, outline, nodata), f"model-{uuid4().hex}", traverse=False)
        task = delayed(run, pure=False)
        for window in windows:
            yield window, task(shared, self.values[window.around], window)


@dataclass(frozen=True)
class BlockModel:
    """Predicts blocks of values.

    Parameters
    ----------
    model : WindowModel
        Predicts windows of a scene.
    outline : Scene
        The scene without its values.
    nodata : tuple or None
        For each band the value that means nodata.
    """

    model: WindowModel
    outline: Scene
    nodata: tuple[Any, ...] | None

    def __call__(self, values: np.ndarray, window: Window) -> Predicted:
        """Predict a window of which the surroundings have these values."""
        source = ArraySource(path=Path(), array=values, nodata=self.nodata)
        rows, cols = (slice(0, size) for size in values.shape[:2])
        part = self.outline._replace(
            cube=ArrayCube(values),
            mask=source.valid(values, np.arange(values.shape[2]), rows=rows, cols=cols),
            transform=None,
            origin=tuple(part.start for part in window.around),
        )
        return self.model(part, window.inner)


def _n_workers() -> int:
    """Threads that compute tasks: those of a cluster, or what Dask is told, or all cores."""
    from dask import config
    from dask.base import get_scheduler
    from dask.system import CPU_COUNT

    cluster: Any = getattr(get_scheduler(), "__self__", None)  # the client, whose method it is
    if hasattr(cluster, "nthreads"):
        return max(sum(cluster.nthreads().values()), 1)
    return config.get("num_workers", None) or CPU_COUNT


def _predicted(shared: BlockModel, values: np.ndarray, window: Window) -> Predicted:
    return shared(np.asarray(values), window)


def _finished(shared: BlockModel, values: np.ndarray, window: Window) -> np.ndarray:
    """The map of a window, with layers first."""
    found = shared.model.labeled(_predicted(shared, values, window).values)
    return np.moveaxis(found, -1, 0) if shared.model.n_layers else found


def as_data_array(values: Any, image: Any, model: WindowModel, names: Sequence[str]) -> Any:
    """A map with what is known of the image that it is of.

    Parameters
    ----------
    values : array of shape (rows, cols) or (n_layers, rows, cols)
        The map, as an array of NumPy or Dask.
    image : DataArray
        Its coordinates along y and x, and those that are scalar, are those of the map.
    model : WindowModel
        What it is mapped with.
    names : list of str
        Names of the classes.

    Returns
    -------
    map : DataArray
    """
    y, x, _ = image_dims(image)
    name, dimension = VARIABLES[model.method]
    coords = {key: along for key, along in image.coords.items() if {*along.dims} <= {y, x}}
    attributes: dict[str, Any] = {"class_names": list(names)}
    if dimension is None:
        attributes["flag_values"] = model.classes.tolist()
    else:
        is_of_classes = model.method == "predict_proba"
        coords[dimension] = model.classes if is_of_classes else list(CONFIDENCES)
    nothing = np.nan if dimension else unlabeled_value(model.classes)
    if not isinstance(nothing, str):
        attributes["_FillValue"] = values.dtype.type(nothing)
    dims = (y, x) if dimension is None else (dimension, y, x)
    result = type(image)(values, dims=dims, coords=coords, name=name, attrs=attributes)
    crs = about_data_array(image)["crs"]
    if crs is None:
        return result
    if image.rio.grid_mapping not in coords:
        return result.rio.write_crs(crs)
    result.encoding["grid_mapping"] = image.rio.grid_mapping
    return result
