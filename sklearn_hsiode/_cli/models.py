"""The commands info, train and map."""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._cli.options import (
    OF_RECIPES,
    OF_SEARCH,
    add_command,
    add_labels,
    add_network,
    add_network_options,
    add_scene,
    add_seed,
    chosen_recipe,
    each_opened,
    of_device,
    opened_scenes,
    refuse,
)
from sklearn_hsiode._mapping import predict_map
from sklearn_hsiode._mapping._map_file import TIFFS, VARIABLES, is_zarr
from sklearn_hsiode._scene import Scene, labeled_pixels
from sklearn_hsiode.benchmark import benchmark_models
from sklearn_hsiode.benchmark._models import MODELS
from sklearn_hsiode.benchmark._run import last_step, set_everywhere
from sklearn_hsiode.classifiers import PatchNetClassifier
from sklearn_hsiode.classifiers._net import TrainingInterrupted
from sklearn_hsiode.io import read_scene
from sklearn_hsiode.io.readers._envi import envi_files
from sklearn_hsiode.io.writers._files import check_place
from sklearn_hsiode.persistence._model_file import describe_model, load_model, save_model
from sklearn_hsiode.plotting import ClassificationMapDisplay
from sklearn_hsiode.recipes._tuned import chosen_in_words

LARGEST_PICTURE = 2000  # pixels of a map along the longer side of its picture
TRAINABLE = [name for name in MODELS if name != "coordinates"]


def add_models(subparsers: Any) -> None:
    """The commands info, train and map."""
    _add_info(subparsers)
    _add_train(subparsers)
    _add_map(subparsers)


def _add_info(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        info,
        "info",
        "what is in files: size, bands, wavelengths, coordinate system, classes",
        "hsiode info SalinasA_corrected.mat --labels SalinasA_gt.mat",
    )
    parser.add_argument(
        "scene", type=Path, nargs="+", help="file with the image, or several of the same bands"
    )
    add_labels(parser, required=False, several=True)


def _add_train(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        train,
        "train",
        "train a model on all labelled pixels of a scene, or of several, and save it",
        "hsiode train --scene SalinasA_corrected.mat --labels SalinasA_gt.mat --out salinas.model",
    )
    add_scene(parser, several=True)
    parser.add_argument("--out", type=Path, required=True, help="file of the model")
    parser.add_argument(
        "--model", choices=TRAINABLE, default="ode-net", help="kind (default %(default)s)"
    )
    add_network(parser, ("default", "paper"), "default")
    add_network_options(parser)
    parser.add_argument(
        "--tune",
        action="store_true",
        help="choose the view of the spectrum, the patch size of a network and the strength of a"
        " classical model by a search that holds out blocks of ground",
    )
    parser.add_argument(
        "--keep-interrupted",
        action="store_true",
        help="save a network although Ctrl-C has ended its training early, with the epochs it has",
    )
    parser.add_argument(
        "--no-checkpoint",
        action="store_true",
        help="keep nothing of a training that is killed or interrupted: otherwise the folder"
        " OUT.checkpoint, from which the same command goes on, lies beside the model until the"
        " training ends; remove the folder to begin anew",
    )
    add_seed(parser)
    _add_overwrite(parser)


def _add_map(subparsers: Any) -> None:
    parser = add_command(
        subparsers,
        classify,
        "map",
        "classify every pixel of a scene with a saved model, as GeoTIFF or Zarr",
        "hsiode map --model salinas.model --scene SalinasA_corrected.mat --out map.tif --png",
    )
    parser.add_argument("--model", type=Path, required=True, help="file that train has written")
    parser.add_argument("--scene", type=Path, required=True, help="file with the image")
    parser.add_argument(
        "--variable", help="name of the image in a .mat or .npz file (default: the only cube)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="map of the classes: a GeoTIFF (.tif), or a Zarr store (.zarr)",
    )
    parser.add_argument(
        "--proba", action="store_true", help="also OUT_proba: probability of each class"
    )
    parser.add_argument(
        "--confidence",
        action="store_true",
        help="also OUT_confidence: largest probability, margin, entropy",
    )
    parser.add_argument("--png", action="store_true", help="also OUT.png: a picture with a legend")
    parser.add_argument(
        "--window",
        type=int,
        default=512,
        help="side in pixels of the squares that are read at a time (default %(default)s)",
    )
    parser.add_argument(
        "--n-jobs",
        type=int,
        help="squares at the same time, each in a process; -1: one per core (default: 1)",
    )
    parser.add_argument(
        "--cog",
        action="store_true",
        help="Cloud Optimized GeoTIFFs: with overviews, for web maps and partial downloads",
    )
    _add_overwrite(parser)


def info(options: argparse.Namespace) -> None:
    """Tell what is in each file."""
    for i, scene in enumerate(each_opened(options)):
        if i:
            print()
        _describe(scene)


def _describe(scene: Scene) -> None:
    rows, cols, bands = scene.shape
    size = rows * cols * bands * scene.dtype.itemsize
    print(f"{scene.name}: {rows} x {cols} pixels, {bands} bands of {scene.dtype}")
    print(f"memory needed for all of it: {size / 1e6:.1f} MB")
    if scene.wavelengths is None:
        print("wavelengths: not told")
    else:
        print(f"wavelengths: {scene.wavelengths.min():g} to {scene.wavelengths.max():g} nm")
    if scene.is_loaded:
        print(f"valid pixels: {np.count_nonzero(scene.mask)}")
    _print_dropped_bands(scene)
    print(f"coordinate reference system: {scene.crs or 'none'}")
    if scene.labels is not None:
        for label, count in sorted(_label_counts(scene).items()):
            name = scene.class_names.get(label, "")
            print(f"class {label}: {count} pixels {name}".rstrip())


def _label_counts(scene: Scene) -> Counter[Any]:
    """Number of labelled pixels of each class, counted block by block."""
    counts: Counter[Any] = Counter()
    for block in scene._cube.blocks():
        part = scene.window(*block)
        labels, n_pixels = np.unique(np.asarray(part.labels)[part.is_labeled], return_counts=True)
        counts.update(dict(zip(labels.tolist(), n_pixels.tolist(), strict=True)))
    if not counts:
        raise ValueError("No valid pixel of this scene has a label: check labels and mask.")
    return counts


def _print_dropped_bands(scene: Scene) -> None:
    for band, why in scene.dropped_bands.items():
        print(f"left out: band {band}, {why}")


def train(options: argparse.Namespace) -> None:
    """Train a model on all labelled pixels of the scenes, and save it."""
    _check_outputs(options, [options.out], [*options.scene, *options.labels])
    _check_options(options)
    if find_spec("skops") is None:
        raise ImportError("models are saved with skops: pip install 'sklearn-hsiode[models]'.")
    scenes = opened_scenes(options)
    print(*scenes, sep="\n")
    _print_dropped_bands(scenes[0])  # which are those of all
    X, y = labeled_pixels(scenes)
    _, counts = np.unique(y, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise ValueError(
            f"{', '.join(map(str, options.labels))} labels {len(y)} valid pixels of {len(counts)}"
            " classes, but a model needs two classes at least, and two pixels of one."
        )
    recipe = None if options.tune else chosen_recipe(options, X.shape[1], "default")
    model = benchmark_models([options.model], recipe)[options.model]
    model = set_everywhere(model, random_state=options.random_state, **of_device(options))
    if isinstance(last_step(model), PatchNetClassifier):
        last_step(model).set_params(verbose=1)
    checkpoint = _set_checkpoint(model, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingInterrupted)  # which is told below
        try:
            model.fit(X, y)
        except KeyboardInterrupt as interruption:
            if checkpoint is None or not checkpoint.exists():
                raise
            raise KeyboardInterrupt(
                f"{checkpoint.resolve()} keeps what is finished: the same command goes on."
            ) from interruption
    stopped = _stopped(model)
    if stopped and not options.keep_interrupted:
        goes_on = "" if checkpoint is None else " The same command goes on from there."
        raise KeyboardInterrupt(
            f"{stopped}. No model is saved: --keep-interrupted saves it.{goes_on}"
        )
    save_model(model, options.out, scene=scenes, overwrite=options.overwrite)
    if stopped:
        goes_on = "" if checkpoint is None else "; the same command with --overwrite goes on"
        raise KeyboardInterrupt(f"{stopped}. This model is saved: {options.out.resolve()}{goes_on}")
    if options.tune:
        words = ", ".join(f"{name} {value}" for name, value in chosen_in_words(model).items())
        print(f"Chosen on held-out blocks, {100 * model.best_score_:.1f} % right: {words}")
    print(f"Trained on {len(y)} pixels of {len(counts)} classes: {options.out.resolve()}")


def _set_checkpoint(model: Any, options: argparse.Namespace) -> Path | None:
    """The folder with which a network, or a search, goes on where the same command was killed."""
    trained = model if options.tune else last_step(model)
    if options.no_checkpoint or "checkpoint" not in trained.get_params(deep=False):
        return None
    folder: Path = options.out.with_name(f"{options.out.name}.checkpoint")
    trained.set_params(checkpoint=folder)
    return folder


def _stopped(model: Any) -> str | None:
    """Tell how far a network was trained, if Ctrl-C has ended its training."""
    network = last_step(model)
    if not isinstance(network, PatchNetClassifier) or not network.net_.interrupted_:
        return None
    n_epochs, wanted = len(network.history_), network.max_epochs
    before = ", before the gate of its shortcut was chosen" if n_epochs == wanted else ""
    return f"Stopped after {n_epochs} of {wanted} epochs{before}"


def classify(options: argparse.Namespace) -> None:
    """Classify every pixel of a scene with a saved model."""
    outputs = _outputs(options)
    _check_outputs(options, outputs.values(), [options.scene, options.model])
    if is_zarr(options.out) and options.cog:
        raise ValueError(f"--cog writes GeoTIFFs: --out {options.out} must end in .tif.")
    if not is_zarr(options.out) and options.out.suffix.lower() not in TIFFS:
        raise ValueError(
            f"--out {options.out} must end in .tif, as GeoTIFFs do, or in .zarr for a Zarr store."
        )
    about, model = describe_model(options.model), load_model(options.model)
    scene = read_scene(options.scene, variable=options.variable)
    _print_dropped_bands(scene)
    with_probabilities = [name for name in TRAINABLE if name != "svm"]
    if {"predict_proba", "confidence"} & set(outputs) and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"--proba and --confidence need a model with probabilities, which {options.model} has"
            f" not (an SVM has none): train --model {', '.join(with_probabilities)}."
        )
    labels = np.asarray(model.classes_).tolist()
    names = dict(zip(labels, about["class_names"] or map(str, labels), strict=True))
    for method, path in outputs.items():
        if method == "picture":
            _draw(outputs["predict"], path)
        else:
            predict_map(
                model,
                scene,
                method=method,
                out=path,
                window=options.window,
                class_names=names,
                n_jobs=options.n_jobs,
                cog=options.cog,
                overwrite=options.overwrite,
                progress=True,
            )
        print(f"{method}: {path.resolve()}")


def _outputs(options: argparse.Namespace) -> dict[str, Path]:
    """Every file to write, by what it holds."""
    out: Path = options.out
    outputs = {"predict": out}
    if options.proba:
        outputs["predict_proba"] = out.with_name(f"{out.stem}_proba{out.suffix}")
    if options.confidence:
        outputs["confidence"] = out.with_name(f"{out.stem}_confidence{out.suffix}")
    if options.png:
        outputs["picture"] = out.with_suffix(".png")
    return outputs


def _check_outputs(
    options: argparse.Namespace, outputs: Iterable[Path], inputs: Iterable[Path]
) -> None:
    """Refuse before the work what would fail after it, or would destroy what it works on."""
    seen = {part.resolve() for path in inputs for part in (envi_files(path) or [path])}
    for path in outputs:
        if path.resolve() in seen:
            raise ValueError(f"{path} is read, or written, already: name another file.")
        seen.add(path.resolve())
        if path.is_dir() and not is_zarr(path):
            raise IsADirectoryError(f"{path} is a folder: name a file.")
        if path.exists() and not options.overwrite:
            raise FileExistsError(f"{path} exists already: name another file, or add --overwrite.")
        check_place(path, overwrite=True, only_maps=is_zarr(path))
        folder = path.absolute().parent
        if not folder.is_dir():
            raise FileNotFoundError(f"There is no folder {folder} for {path.name}.")
        try:
            with TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise OSError(f"{folder} cannot be written to: {error}") from error


def _check_options(options: argparse.Namespace) -> None:
    """Refuse what the chosen model does not have."""
    of_any = {name for model in MODELS.values() for name in model.options}
    refuse(options, of_any - set(MODELS[options.model].options), f"--model {options.model}")
    if options.tune:
        refuse(options, {"recipe", *OF_RECIPES}, f"--tune, {OF_SEARCH}: leave one of them out")


def _draw(class_map: Path, path: Path) -> None:
    """A picture of a map of classes that predict_map has written."""
    codes, names = (_of_zarr if is_zarr(class_map) else _of_geotiff)(class_map)
    scene = Scene(np.zeros((*codes.shape, 1), dtype=np.uint8), class_names=names)
    figure: Any = ClassificationMapDisplay.from_predictions(scene, codes).figure_
    with complete_file(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=150)


def _of_geotiff(class_map: Path) -> tuple[np.ndarray, dict[int, str]]:
    """The nearest pixels of a map at the size of a picture, and the names of classes."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        file = rasterio.open(class_map)
    with file:
        step = ceil(max(file.shape) / LARGEST_PICTURE)
        size = ceil(file.height / step), ceil(file.width / step)
        codes, tags = file.read(1, out_shape=size), file.tags(1)
    return codes, {int(tag.removeprefix("class_")): name for tag, name in tags.items()}


def _of_zarr(class_map: Path) -> tuple[np.ndarray, dict[int, str]]:
    """The same of a Zarr store."""
    import zarr

    store: Any = zarr.open_group(class_map, mode="r")[VARIABLES["predict"][0]]
    step = ceil(max(store.shape) / LARGEST_PICTURE)
    values, names = (store.attrs[name] for name in ("flag_values", "class_names"))
    return store[::step, ::step], dict(zip(values, names, strict=True))


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
