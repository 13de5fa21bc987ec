"""Odd arguments to every public function and class, one at a time in a call that is else valid.

A case is the name of a call, that of an argument, and the number of an odd value. Its verdict is
"same" where the call succeeds with a value that its annotation allows, "error" where the error
names an argument, or the file, and else "foreign error" or "wrong in silence".
"""

from __future__ import annotations

import datetime
import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import NoneType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pandas as pd
import scipy.sparse
import torch
import xarray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import GradientNormClipping
from torch import nn

import sklearn_hsiode as hsiode
from sklearn_hsiode import (
    baselines,
    benchmark,
    datasets,
    metrics,
    model_selection,
    persistence,
    plotting,
    preprocessing,
    recipes,
)
from sklearn_hsiode import nn as networks
from sklearn_hsiode.io import readers

GRID = ROWS, COLS = 16, 18
TRAINING = {"n_filters": 2, "max_epochs": 1, "gate": 0.5, "random_state": 0, "device": "cpu"}


class Call(NamedTuple):
    """A call that is valid.

    Attributes
    ----------
    function : callable
        What is called.
    valid : dict
        Arguments of a call that succeeds.
    signature : callable
        Whose annotations say which types are allowed.
    """

    function: Callable[..., Any]
    valid: Mapping[str, Any]
    signature: Callable[..., Any]


CALLS: dict[str, Callable[[], Call]] = {}


def call(name: str, signature: Callable[..., Any] | None = None) -> Any:
    """Register a maker of a function and its valid arguments."""

    def register(make: Callable[[], tuple[Callable[..., Any], Mapping[str, Any]]]) -> Any:
        def made() -> Call:
            function, valid = make()
            return Call(function, valid, signature or function)

        CALLS[name] = made
        return make

    return register


class Odd:
    """An object of a class that nothing knows."""

    def __repr__(self) -> str:
        return "an odd object"


class Hostile:
    """An object that answers nothing."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __iter__(self) -> Any:
        raise ZeroDivisionError("no items")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("no attributes")


def holding_itself() -> list[Any]:
    items: list[Any] = [1]
    items.append(items)
    return items


#: Makers of odd values.
ODD: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: False,
    lambda: -1,
    lambda: 0,
    lambda: 1,
    lambda: 2,
    lambda: 1.5,
    lambda: -0.5,
    lambda: 1e300,
    lambda: 10**30,
    lambda: -(10**30),
    lambda: 2**31,
    lambda: 20_000,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: float("-inf"),
    lambda: 1 + 2j,
    lambda: np.int64(3),
    lambda: np.float32(0.5),
    lambda: np.bool_(True),
    lambda: np.float64("nan"),
    lambda: "",
    lambda: "x",
    lambda: "auto",
    lambda: "a_$b^$",
    lambda: "\x00",
    lambda: "\ud800",
    lambda: "line\nfeed",
    lambda: b"x",
    lambda: bytearray(b"xyz"),
    list,
    lambda: (),
    dict,
    lambda: set(),
    lambda: [1],
    lambda: [1, "a"],
    lambda: [None, None],
    lambda: ["x", "y"],
    lambda: [float("nan")] * 3,
    lambda: [1, 2, 3],
    lambda: [[1, 2], [3]],
    lambda: (1, 2),
    lambda: {1, 2},
    lambda: {"a": 1},
    lambda: {1: "x", 2: "x"},
    lambda: {None: None},
    lambda: range(3),
    lambda: (i for i in range(3)),
    lambda: iter([]),
    lambda: slice(None),
    lambda: ...,
    lambda: NotImplemented,
    lambda: object(),
    lambda: Odd(),
    lambda: Odd,
    lambda: int,
    lambda: len,
    lambda: lambda *args, **kwargs: None,
    lambda: Path("of_nothing"),
    lambda: Path("/"),
    lambda: datetime.datetime(2024, 1, 1),
    lambda: np.empty(0),
    lambda: np.empty((0, 6)),
    lambda: np.array(5),
    lambda: np.array("x"),
    lambda: np.zeros(3),
    lambda: np.zeros((2, 3)),
    lambda: np.zeros((2, 3, 4)),
    lambda: np.zeros((1, 1, 1, 1, 1)),
    lambda: np.ones(GRID, dtype=int),
    lambda: np.ones(GRID, dtype=bool),
    lambda: np.full(GRID, np.nan),
    lambda: np.full((*GRID, 6), np.inf),
    lambda: np.zeros((*GRID, 6), dtype=complex),
    lambda: np.zeros((*GRID, 6), dtype=object),
    lambda: np.array(["a", "b"]),
    lambda: np.array([None, 1], dtype=object),
    lambda: np.array(["2024-01-01"], dtype="datetime64[D]"),
    lambda: np.zeros(3, dtype=[("a", int)]),
    lambda: np.ma.masked_all(GRID),
    lambda: np.arange(-3, 3),
    lambda: np.full(3, 2**62),
    lambda: torch.zeros(2, 3),
    lambda: torch.tensor(float("nan")),
    lambda: StandardScaler(),
    lambda: StandardScaler,
    lambda: KNeighborsClassifier(),
    lambda: PCA(2),
    lambda: KMeans(2),
    lambda: hsiode.Scene(np.zeros((2, 2, 1))),
    lambda: hsiode.Scene(np.zeros((2, 2, 1)), np.ones((2, 2), int)).labeled_pixels()[0],
    lambda: warnings,
    Hostile,
    holding_itself,
    lambda: Fraction(1, 3),
    lambda: Decimal("0.5"),
    lambda: Decimal("NaN"),
    lambda: pd.Series([1, 2, 3]),
    lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    lambda: scipy.sparse.csr_array(np.eye(3)),
    lambda: np.matrix([[1, 2], [3, 4]]),
    lambda: memoryview(b"abc"),
    lambda: "x" * 100_000,
    lambda: [[]] * 3,
    lambda: {"a": {"b": {}}},
    lambda: np.random.default_rng(0),
    lambda: np.random.RandomState(0),
    lambda: torch.zeros(3, requires_grad=True),
    lambda: torch.nn.Linear(2, 2),
    lambda: [Odd(), Odd()],
    lambda: {"a": Odd()},
    lambda: {1: 2, "a": None},
    lambda: np.float16(2),
    lambda: np.str_("x"),
    lambda: np.array([[1, 2], [3, 4]], dtype="O"),
    lambda: ValueError("x"),
]


#: Values that are to be taken, by call and argument.
GOOD: list[tuple[str, str, Callable[[], Any]]] = [
    ("Scene", "class_names", lambda: pd.Index(["a", "b"])),
    ("Scene", "class_names", lambda: {1: np.str_("a")}),
    ("Scene", "labels", lambda: np.array(["", "x", "y"], dtype=object)[scene().labels]),
    ("Scene", "wavelengths", lambda: pd.Series(np.linspace(400, 900, 6))),
    ("Scene.select_bands", "bands", lambda: np.arange(6) > 2),
    ("Scene.pixels", "rows", lambda: pd.Series([1])),
    ("PatchExtractor", "patch_size", lambda: np.int64(3)),
    ("make_scene", "noise", lambda: np.float32(0.5)),
    ("make_scene", "shape", lambda: [np.int64(1), np.int64(100_000)]),
    ("ODENetClassifier", "lr", lambda: np.float32(0.01)),
    ("ODENetClassifier", "n_filters", lambda: np.int64(2)),
    ("ODENetClassifier", "augment", lambda: np.bool_(True)),
    ("ODENetClassifier", "n_jobs", lambda: np.int64(1)),
    ("ODENetClassifier", "callbacks", lambda: [GradientNormClipping]),
    ("ODENetClassifier", "callbacks", lambda: [("clip", GradientNormClipping())]),
    ("ODENetClassifier", "callbacks", lambda: [["clip", GradientNormClipping()]]),
    ("ODENetClassifier", "callbacks", lambda: [("clip", None)]),
    ("ODENetClassifier.fit", "y", lambda: pd.Series(pixels()[1])),
    ("ODENetClassifier.fit", "y", lambda: pixels()[1].astype(str).astype(object)),
    ("ODENetClassifier.fit", "sample_weight", lambda: np.ones(len(pixels()[1]), dtype=object)),
    ("ODENetClassifier.fit", "sample_weight", lambda: pd.Series(np.ones(len(pixels()[1])))),
    ("ODENetClassifier.predict", "X", lambda: torch.ones(3, 6)),
    ("Solver", "tableau", lambda: [np.array([1.0])]),
    ("Recipe", "components", lambda: 0.99),
    ("tuned", "cv", lambda: 3),
    ("tuned", "n_jobs", lambda: -2),
    ("SceneDisplay.from_scene", "percentiles", lambda: np.array([2, 98])),
    ("SceneDisplay.from_scene", "bands", lambda: np.array([0, 1, 2])),
    ("SpectraDisplay.from_scene", "classes", lambda: pd.Index([1, 2])),
    ("SpectraDisplay.from_scene", "classes", lambda: np.array([1, 2], dtype=object)),
    ("ClassificationMapDisplay", "classes", lambda: np.array([1, 2], dtype=object)),
    ("ClassificationMapDisplay", "class_map", lambda: np.ones(GRID, dtype=object)),
    ("class_colors", "n_classes", lambda: np.int64(3)),
    ("predict_map", "scene", lambda: data_array()),
    ("predict_map", "scene", lambda: data_array().chunk({"y": 5})),
    ("predict_map", "out", lambda: Path("map.zarr")),
    ("predict_map", "cog", lambda: np.bool_(True)),
    ("predict_map", "n_jobs", lambda: np.int64(1)),
    ("save_model", "path", lambda: Path("path.model")),
    ("per_class_accuracy_score", "y_true", lambda: pd.Series([1, 1, 2])),
    ("per_class_accuracy_score", "labels", lambda: pd.Index([1, 2], dtype=object)),
    ("classification_summary", "class_names", lambda: {1: "a", 2: "b"}.values()),
    ("PerClassShuffleSplit", "random_state", lambda: np.random.RandomState(0)),
    ("PerClassShuffleSplit.split", "y", lambda: pixels()[1].astype(str).astype(object)),
    ("benchmark_models", "names", lambda: {"svm": 1}.keys()),
    ("benchmark_models", "names", lambda: np.array(["svm"])),
    ("run_benchmark", "random_state", lambda: 2**32 - 1),
    ("run_benchmark", "cv", lambda: 2),
    ("run_benchmark", "folder", lambda: Path("of_runs")),
    ("write_tables", "folder", lambda: ""),
    ("results_table", "runs", lambda: tuple(runs())),
]


# Parts of the calls


@cache
def scene() -> hsiode.Scene:
    made = datasets.make_scene(GRID, n_bands=6, n_classes=2, random_state=0)
    return hsiode.Scene(
        made.cube, made.labels, class_names=made.class_names, wavelengths=made.wavelengths
    )


def data_array() -> xarray.DataArray:
    return xarray.DataArray(scene().cube, dims=("y", "x", "band"))


@cache
def pixels() -> tuple[Any, np.ndarray]:
    return scene().labeled_pixels()


@cache
def fitted() -> Any:
    return LinearDiscriminantAnalysis().fit(*pixels())


@cache
def network() -> Any:
    return hsiode.ODENetClassifier(**TRAINING).fit(*pixels())


@cache
def runs() -> list[benchmark.Run]:
    splitter = model_selection.PerClassShuffleSplit(0.3, n_splits=2, random_state=0)
    models = {"mine": fitted(), "svm": KNeighborsClassifier()}
    return benchmark.run_benchmark(scene(), models, splitter, progress=False)


def one_layer(n_bands: int, n_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(n_classes))


def drawn(make: Callable[..., Any]) -> Callable[..., Any]:
    """The call, after which its figures are drawn and closed."""

    def draw(**arguments: Any) -> Any:
        import matplotlib.pyplot as plt

        try:
            display = make(**arguments)
            for number in plt.get_fignums():
                plt.figure(number).canvas.draw()
            return display
        finally:
            plt.close("all")

    return draw


def then(make: Callable[..., Any], use: Callable[[Any], Any]) -> Callable[..., Any]:
    """The call, whose result is used."""
    return lambda **arguments: use(make(**arguments))


def parameters_of(make: Any, **others: Any) -> dict[str, Any]:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.default is not parameter.empty
    }
    return defaults | others


def made_and_used(name: str, make: Any, use: Callable[[Any], Any], **valid: Any) -> None:
    call(name, make)(lambda: (then(make, use), parameters_of(make, **valid)))


def simple(name: str, function: Any, valid: Callable[[], Mapping[str, Any]]) -> None:
    call(name, function)(lambda: (function, parameters_of(function, **valid())))


# Scenes and pixels

simple(
    "Scene",
    hsiode.Scene,
    lambda: {
        "cube": scene().cube,
        "labels": scene().labels,
        "mask": np.ones(GRID, dtype=bool),
        "class_names": ["a", "b"],
        "wavelengths": np.linspace(400, 900, 6),
        "name": "field",
    },
)
simple("Scene.pixels", hsiode.Scene.pixels, lambda: {"self": scene(), "rows": [1], "cols": [2]})
simple("Scene.select_bands", hsiode.Scene.select_bands, lambda: {"self": scene(), "bands": [0, 2]})
simple(
    "Scene.window",
    hsiode.Scene.window,
    lambda: {"self": scene(), "rows": slice(0, 4), "cols": slice(0, 4)},
)
simple(
    "Scene.with_cube",
    hsiode.Scene.with_cube,
    lambda: {"self": scene(), "cube": scene().cube[:, :, :2], "wavelengths": [500, 600]},
)
simple(
    "PixelSamples",
    lambda scene, positions: np.asarray(hsiode.PixelSamples(scene, positions)),
    lambda: {"scene": scene(), "positions": np.arange(4)},
)
simple(
    "PixelSamples.concatenate",
    lambda parts: np.asarray(hsiode.PixelSamples.concatenate(parts)),
    lambda: {"parts": [pixels()[0], pixels()[0]]},
)
made_and_used("PatchExtractor", hsiode.PatchExtractor, lambda e: e.fit_transform(pixels()[0]))
made_and_used(
    "SpectralTransformer",
    hsiode.SpectralTransformer,
    lambda t: t.fit_transform(*pixels()),
    transformer=StandardScaler(),
)
simple(
    "PatchExtractor.fit",
    hsiode.PatchExtractor.fit,
    lambda: {"self": hsiode.PatchExtractor(), "X": pixels()[0]},
)
simple(
    "PatchExtractor.transform",
    hsiode.PatchExtractor.transform,
    lambda: {"self": hsiode.PatchExtractor().fit(pixels()[0]), "X": pixels()[0]},
)
simple("make_scene", datasets.make_scene, lambda: {"shape": (16, 16), "n_bands": 3, "n_classes": 2})


def _fetched(**arguments: Any) -> Any:
    """The files are never there, which is as documented."""
    with suppress(FileNotFoundError):
        datasets.fetch_salinas_a(download_if_missing=False, **arguments)


call("fetch_salinas_a", datasets.fetch_salinas_a)(
    lambda: (_fetched, {"data_home": "here", "return_X_y": False, "n_retries": 0, "delay": 0.0})
)

# Views, files

for _name in preprocessing.__all__:
    made_and_used(
        _name, getattr(preprocessing, _name), lambda view: view.fit_transform(pixels()[0])
    )


@cache
def folder() -> TemporaryDirectory[str]:
    """Where the files lie that are read; it is removed when the process ends."""
    return TemporaryDirectory()


@cache
def saved_scene() -> str:
    path = Path(folder().name, "field.npz")
    np.savez(path, cube=scene().cube, gt=scene().labels)
    return str(path)


@cache
def saved_model() -> str:
    return str(hsiode.save_model(fitted(), Path(folder().name, "m.model")))


simple(
    "read_scene",
    hsiode.read_scene,
    lambda: {"path": saved_scene(), "labels": saved_scene(), "variable": "cube"},
)
simple(
    "read_scenes",
    hsiode.read_scenes,
    lambda: {"images": [saved_scene()], "labels": [saved_scene()], "variable": "cube"},
)
simple(
    "ArraySource",
    readers.ArraySource,
    lambda: {"path": Path("field.pt"), "array": scene().cube},
)

# Classifiers

for _classifier in (hsiode.ODENetClassifier, hsiode.ResNetClassifier):
    made_and_used(_classifier.__name__, _classifier, lambda model: model.fit(*pixels()), **TRAINING)
made_and_used(
    "PatchNetClassifier",
    hsiode.PatchNetClassifier,
    lambda model: model.fit(*pixels()),
    network=one_layer,
    max_epochs=1,
    random_state=0,
    device="cpu",
)
for _method in ("fit", "partial_fit"):
    simple(
        f"ODENetClassifier.{_method}",
        getattr(hsiode.ODENetClassifier, _method),
        lambda method=_method: {
            "self": hsiode.ODENetClassifier(**TRAINING),
            "X": pixels()[0],
            "y": pixels()[1],
            **({"classes": [1, 2]} if method == "partial_fit" else {}),
        },
    )
for _method in ("predict", "predict_proba", "predict_log_proba"):
    simple(
        f"ODENetClassifier.{_method}",
        getattr(hsiode.ODENetClassifier, _method),
        lambda: {"self": network(), "X": pixels()[0][:5]},
    )
simple(
    "ODENetClassifier.with_solver",
    hsiode.ODENetClassifier.with_solver,
    lambda: {"self": network(), "solver": "rk4"},
)

# Recipes

simple("tuned", recipes.tuned, lambda: {"name": "svm"})
simple("paper", recipes.paper, lambda: {"name": "svm"})
simple("Recipe", recipes.Recipe, lambda: {"training": {"lr": 0.1}, "networks": {"resnet": {}}})
simple("Recipe.estimator", recipes.Recipe.estimator, lambda: {"self": recipes.PAPER, "name": "svm"})
simple(
    "Recipe.pipeline",
    recipes.Recipe.pipeline,
    lambda: {"self": recipes.PAPER, "network": hsiode.ODENetClassifier()},
)

# Networks

for _name in ("ODENet", "ResNet"):
    made_and_used(
        _name,
        getattr(networks, _name),
        lambda module: module,
        n_bands=3,
        n_classes=2,
        n_filters=2,
    )
for _name in ("ODEBlock", "ResidualUnit"):
    made_and_used(_name, getattr(networks, _name), lambda module: module, n_filters=2)
simple("Solver", networks.Solver, lambda: {"order": 1, "source": "Euler", "tableau": [[1.0]]})

# Maps and pictures

simple(
    "predict_map",
    hsiode.predict_map,
    lambda: {"estimator": fitted(), "scene": scene(), "out": "map.tif", "overwrite": True},
)
_from_scene = plotting.SceneDisplay.from_scene
call("SceneDisplay.from_scene", _from_scene)(
    lambda: (drawn(_from_scene), parameters_of(_from_scene, scene=scene(), with_labels=True))
)
_from_spectra = plotting.SpectraDisplay.from_scene
call("SpectraDisplay.from_scene", _from_spectra)(
    lambda: (drawn(_from_spectra), parameters_of(_from_spectra, scene=scene()))
)
_from_estimator = plotting.ClassificationMapDisplay.from_estimator
call("ClassificationMapDisplay.from_estimator", _from_estimator)(
    lambda: (
        drawn(_from_estimator),
        parameters_of(_from_estimator, estimator=fitted(), scene=scene()),
    )
)
_from_predictions = plotting.ClassificationMapDisplay.from_predictions
call("ClassificationMapDisplay.from_predictions", _from_predictions)(
    lambda: (
        drawn(_from_predictions),
        parameters_of(_from_predictions, scene=scene(), class_map=np.ones(GRID, dtype=int)),
    )
)
_of_history = plotting.TrainingHistoryDisplay.from_estimator
call("TrainingHistoryDisplay.from_estimator", _of_history)(
    lambda: (drawn(_of_history), parameters_of(_of_history, estimator=network()))
)


def display(make: Any, **valid: Callable[[], Any]) -> None:
    """Register a display's constructor and its method plot."""
    name = make.__name__
    call(name, make)(
        lambda: (
            drawn(then(make, lambda made: made.plot())),
            parameters_of(make, **{key: value() for key, value in valid.items()}),
        )
    )
    call(f"{name}.plot", make.plot)(
        lambda: (
            drawn(make.plot),
            parameters_of(make.plot, self=make(**{key: value() for key, value in valid.items()})),
        )
    )


display(
    plotting.SceneDisplay,
    image=lambda: np.zeros((*GRID, 3)),
    labels=lambda: scene().labels,
    classes=lambda: scene().classes,
)
display(
    plotting.SpectraDisplay,
    mean=lambda: np.zeros((2, 6)),
    std=lambda: np.ones((2, 6)),
    class_names=lambda: ["a", "b"],
)
display(
    plotting.ClassificationMapDisplay,
    class_map=lambda: np.ones(GRID, dtype=int),
    classes=lambda: np.array([1, 2]),
    truth=lambda: scene().labels,
)
display(plotting.TrainingHistoryDisplay, history=lambda: [{"loss": 1.0}, {"loss": 0.5}])
simple("class_colors", plotting.class_colors, lambda: {"n_classes": 3})

# Model files

simple(
    "save_model",
    hsiode.save_model,
    lambda: {"estimator": fitted(), "path": "m.model", "scene": scene(), "overwrite": True},
)
simple(
    "load_model",
    hsiode.load_model,
    lambda: {"path": saved_model()},
)
simple(
    "describe_model",
    persistence.describe_model,
    lambda: {"path": saved_model()},
)

# Evaluation

for _splitter, _valid in (
    (model_selection.PerClassShuffleSplit, {"n_splits": 2}),
    (model_selection.SpatialBlockKFold, {"n_splits": 2, "block_size": 4, "buffer": 1}),
):
    made_and_used(_splitter.__name__, _splitter, lambda cv: list(cv.split(*pixels())), **_valid)
    call(f"{_splitter.__name__}.split", _splitter.split)(
        lambda splitter=_splitter, valid=_valid: (
            lambda **arguments: list(splitter(**valid).split(**arguments)),
            {"X": pixels()[0], "y": pixels()[1], "groups": None},
        )
    )
simple(
    "patch_overlap",
    model_selection.patch_overlap,
    lambda: {"train": pixels()[0][:5], "test": pixels()[0][5:], "patch_size": 3},
)
for _name in ("overall_accuracy", "average_accuracy", "kappa", "per_class_accuracy"):
    simple(
        f"{_name}_score",
        getattr(metrics, f"{_name}_score"),
        lambda: {"y_true": [1, 1, 2], "y_pred": [1, 2, 2], "sample_weight": [1, 2, 3]},
    )
simple("Measure", metrics.Measure, lambda: {"title": "F1", "score": metrics.kappa_score})
call("classification_summary", metrics.classification_summary)(
    lambda: (
        then(metrics.classification_summary, str),
        parameters_of(metrics.classification_summary, y_true=[1, 1, 2], y_pred=[1, 2, 2]),
    )
)
call("area_estimates", metrics.area_estimates)(
    lambda: (
        then(metrics.area_estimates, str),
        parameters_of(
            metrics.area_estimates,
            map_or_counts={1: 50, 2: 50},
            reference=[1, 1, 2, 2],
            predicted=[1, 1, 2, 2],
        ),
    )
)
for _method in ("fit", "predict"):
    simple(
        f"CoordinateClassifier.{_method}",
        getattr(baselines.CoordinateClassifier, _method),
        lambda method=_method: {
            "self": baselines.CoordinateClassifier().fit(*pixels()),
            "X": pixels()[0],
            **({"y": pixels()[1]} if method == "fit" else {}),
        },
    )

# Benchmark

simple(
    "run_benchmark",
    benchmark.run_benchmark,
    lambda: {
        "scene": scene(),
        "models": {"a": KNeighborsClassifier()},
        "cv": model_selection.PerClassShuffleSplit(0.3, n_splits=1, random_state=0),
        "progress": False,
    },
)
simple("benchmark_models", benchmark.benchmark_models, lambda: {"names": ["svm"]})
for _name in ("results_table", "write_tables", "draw_maps", "draw_solvers"):
    simple(
        _name,
        getattr(benchmark, _name),
        lambda name=_name: {
            **({} if name == "draw_solvers" else {"scene": scene()}),
            "runs": runs(),
            **({"path": "picture.png"} if name.startswith("draw") else {}),
            **({"folder": "tables"} if name == "write_tables" else {}),
        },
    )
for _name in ("paired_differences", "differences_table", "choices_table", "solvers_table"):
    simple(
        _name,
        getattr(benchmark, _name),
        lambda name=_name: {
            "runs": runs(),
            **({"reference": "svm"} if "differences" in name else {}),
        },
    )
for _name in ("chosen", "resolved_accuracy"):
    simple(
        _name,
        getattr(benchmark, _name),
        lambda name=_name: {
            "fitted": hsiode.recipes.Recipe()
            .pipeline(hsiode.ODENetClassifier(**TRAINING))
            .fit(*pixels())
            if name == "resolved_accuracy"
            else network(),
            "X": pixels()[0],
            "y": pixels()[1],
        },
    )
simple("solver_models", benchmark.solver_models, lambda: {"recipe": recipes.Recipe()})


# Cases and verdicts

#: Names of all calls.
NAMES = list(CALLS)


def prepare() -> None:
    """Make what the calls share, for all children of this process."""
    for made in (scene, pixels, fitted, network, runs, saved_scene, saved_model):
        made()


def all_cases() -> list[str]:
    """Every odd value of every argument, as ``call/argument/number of the value``."""
    return [
        f"{name}/{argument}/{number}"
        for name in NAMES
        for argument in arguments_of(CALLS[name]())
        for number in range(len(ODD))
    ]


def some_cases(n_cases: int, seed: int) -> list[str]:
    """Cases drawn at random."""
    return Random(seed).sample(all_cases(), n_cases)


def arguments_of(made: Call) -> list[str]:
    return [argument for argument in made.valid if argument != "self"]


def judge(case: str, folder: Path) -> tuple[str, str]:
    """The verdict on a case, and the call and what came of it; files go into a folder."""
    os.chdir(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _judged(*case.split("/"))


def _judged(name: str, argument: str, number: str) -> tuple[str, str]:
    made = CALLS[name]()
    value = ODD[int(number)]()
    details = f"{name}({argument}={value!r:.60})"
    if argument in LONG and LONG[argument](value):
        return "same", details
    try:
        made.function(**{**made.valid, argument: value})
    except BaseException as error:
        is_good = is_clear(error, names_of(made), value) or is_users(argument, value)
        says = f"{details}: {type(error).__name__}: {error}"
        return ("error" if is_good else "foreign error"), says
    hint = get_type_hints(hinted(made.signature), localns={"Axes": Any}).get(argument, Any)
    is_allowed = allows(hint, value) or (argument in ALLOWED and ALLOWED[argument](value))
    return ("same" if is_allowed else "wrong in silence"), details


def names_of(made: Call) -> set[str]:
    """Names of the arguments, and of the parameters of the estimator whose method it is."""
    own = getattr(made.valid.get("self"), "get_params", dict)()
    return {*made.valid, *own} - {"self"}


# Arguments that are functions, whose own errors are theirs.
OF_USERS = {"lr_schedule", "measure", "network", "score"}


def is_users(argument: str, value: Any) -> bool:
    """Whether an error comes from a function that was given."""
    return argument in OF_USERS and callable(value)


def is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


# Values that are valid, but take long.
LONG: dict[str, Callable[[Any], bool]] = {
    "compile": lambda value: value is True or isinstance(value, np.bool_),
    "max_epochs": lambda value: is_whole(value) and value > 100,
    "n_splits": lambda value: is_whole(value) and value > 1000,
    "n_jobs": lambda value: is_whole(value) and (value < 0 or 1 < value <= 64),
}
# Values that are valid beyond what the annotation says.
ALLOWED: dict[str, Callable[[Any], bool]] = {
    "verbose": lambda value: isinstance(value, bool | np.bool_),  # as in all of scikit-learn
}


def hinted(function: Any) -> Any:
    return function.__init__ if isinstance(function, type) else function


def is_clear(error: BaseException, names: Iterable[str], value: Any) -> bool:
    """Whether an error is of a documented kind and names an argument, or the file."""
    said = f"{error} {getattr(error, 'filename', '')}"
    is_file = isinstance(value, str | Path) and isinstance(error, OSError | ValueError)
    if is_file and str(value) and str(value) in said:
        return True
    kinds = (TypeError, ValueError, IndexError, OSError, AttributeError)
    named = re.search(rf"\b({'|'.join(map(re.escape, names))})\b", str(error)) is not None
    return isinstance(error, kinds) and named


def allows(hint: Any, value: Any) -> bool:
    """Whether an annotation allows a value, as far as scalars and texts go."""
    origin, of = get_origin(hint), get_args(hint)
    if hint is Any or hint is np.ndarray:
        return True
    if origin is Union or type(hint).__name__ == "UnionType":
        return any(allows(one, value) for one in of)
    if hint in (None, NoneType):
        return value is None
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if isinstance(value, bool | np.bool_):
        return hint not in (int, float, str, Path)
    if hint is int:
        return isinstance(value, int | np.integer)
    if hint is float:
        return isinstance(value, int | float | np.integer | np.floating) and bool(
            np.isfinite(float(value))
        )
    if hint is str:
        return isinstance(value, str)
    if hint is Path:
        return isinstance(value, str | Path)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Sequence | Mapping):
        return not isinstance(value, str | bytes | bytearray)
    return True
