"""The commands demo, benchmark and solvers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._cli.options import (
    RECIPES,
    add_command,
    add_network,
    add_network_options,
    add_scene,
    add_seed,
    chosen_recipe,
    of_device,
    opened,
    opened_scenes,
    refuse,
    share_or_number,
)
from sklearn_hsiode._scene import Scene, labeled_pixels
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.benchmark import (
    Run,
    benchmark_models,
    chosen,
    draw_maps,
    draw_solvers,
    resolved_accuracy,
    results_table,
    run_benchmark,
    solver_models,
    solvers_table,
    write_tables,
)
from sklearn_hsiode.benchmark._models import MODELS
from sklearn_hsiode.benchmark._run import by_model, set_everywhere
from sklearn_hsiode.benchmark._tables import further_tables, overlap_sentence
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
from sklearn_hsiode.recipes import Recipe
from sklearn_hsiode.recipes._classical import CLASSICAL
from sklearn_hsiode.recipes._tuned import PATCH_SIZES

_RECIPE_OF = {"paper": "paper", "spatial": "tuned", "images": "tuned"}
AT_RANDOM = (
    "Test pixels were drawn at random among the training pixels, which flatters every model, and"
    " those on patches most: compare with the coordinates, which look at no spectrum at all, and"
    " with blocks of ground."
)
IN_BLOCKS = (
    "Whole blocks of ground were held out, and no patch of a test pixel shares a pixel with one of"
    " a training pixel as long as the buffer is at least the patch size less one."
)

BY_IMAGE = (
    "Whole images were held out: no pixel of a test image has trained. Where images overlap on the"
    " ground, the same ground has."
)
_ABOUT_SPLITS = {"paper": AT_RANDOM, "spatial": IN_BLOCKS, "images": BY_IMAGE}


def add_experiments(subparsers: Any) -> None:
    """The commands demo, benchmark and solvers."""
    demo_parser = add_command(
        subparsers,
        demo,
        "demo",
        "compare networks, classical estimators and bare coordinates on a synthetic scene, or on"
        " yours",
        "hsiode demo --out maps",
    )
    add_scene(demo_parser, required=False)
    benchmark_parser = add_command(
        subparsers,
        benchmark,
        "benchmark",
        "the paper's experiment, or an honest one, on your own scenes",
        "hsiode benchmark --scene SalinasA_corrected.mat --labels SalinasA_gt.mat"
        " --protocol spatial --models ode-net svm coordinates",
    )
    solvers_parser = add_command(
        subparsers,
        solvers,
        "solvers",
        "compare the ODE's solvers with residual networks, split as in the paper",
        "hsiode solvers --scene indian_pines.npy --labels Indian_pines_gt.mat --repeats 3",
    )
    for parser, name in (
        (demo_parser, "demo"),
        (benchmark_parser, "benchmark"),
        (solvers_parser, "solvers"),
    ):
        add_seed(parser)
        out = Path(f"hsiode-{name}")
        parser.add_argument(
            "--out", type=Path, default=out, help="folder to write (default %(default)s)"
        )
    for parser, repeats, recipes, recipe in (
        (benchmark_parser, "10, spatial: 1", tuple(RECIPES), "paper, others: tuned"),
        (solvers_parser, "3", ("default", "paper"), "paper"),
    ):
        add_scene(parser, several=parser is benchmark_parser)
        parser.add_argument(
            "--train-size",
            type=share_or_number,
            help="share of each class that trains, or number of its pixels (default: 0.03;"
            " spatial: all that the buffer leaves)",
        )
        parser.add_argument("--repeats", type=int, help=f"of the splits (default {repeats})")
        parser.add_argument("--n-jobs", type=int, help="runs at the same time (default: 1)")
        add_network(parser, recipes, recipe)
    solvers_parser.set_defaults(protocol="paper")
    add_network_options(benchmark_parser)
    _add_protocol(benchmark_parser)


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=tuple(_RECIPE_OF),
        help="what is held out: pixels of each class at random, as in the paper, whole blocks of"
        " ground with a buffer around them, or whole images (default: paper, of several images"
        " images)",
    )
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(MODELS), help="default: all"
    )
    parser.add_argument(
        "--folds", type=int, help="not with paper (default 5; images: one for each image)"
    )
    parser.add_argument("--block-size", type=int, help="side in pixels, spatial only (default 32)")
    parser.add_argument(
        "--buffer",
        type=int,
        help="in pixels, spatial only (default: patch size less one; 4 for tuned models)",
    )


def demo(options: argparse.Namespace) -> None:
    """Compare the models on a synthetic scene, or on the user's."""
    _check_folder(options.out)
    if (options.scene is None) != (options.labels is None):
        raise ValueError("--scene and --labels go together.")
    scene = opened(options) if options.scene else make_scene(random_state=options.random_state)
    print(scene)
    models = _demo_models()
    blocks = SpatialBlockKFold(5, "auto", buffer=4, random_state=options.random_state)
    at_random = PerClassShuffleSplit(0.5, n_splits=1, random_state=options.random_state)
    settings = {"random_state": options.random_state, "patch_size": 5, "n_jobs": 2}
    runs = run_benchmark(scene, models, blocks, **settings)
    print(f"\n{results_table(scene, runs)}\n{overlap_sentence(runs)}\n{IN_BLOCKS}")
    fewer = {name: models[name] for name in ("ode-net", "svm", "coordinates")}
    flattered = run_benchmark(scene, fewer, at_random, **settings)
    print(f"\n{results_table(scene, flattered)}\n{overlap_sentence(flattered)}\n{AT_RANDOM}")
    options.out.mkdir(parents=True, exist_ok=True)
    draw_maps(scene, runs, options.out / "maps.png")
    print(f"Classification maps: {(options.out / 'maps.png').resolve()}")


def _demo_models() -> dict[str, Any]:
    """Models that need no search: those with defaults, but for a gate that takes no folds."""
    classical = {name: entry.make() for name, entry in CLASSICAL.items()}
    recipe = Recipe(training={"gate": 0.5})
    networks = {name: recipe.estimator(name) for name in NETWORKS}
    return {**networks, **classical, "coordinates": CoordinateClassifier()}


def benchmark(options: argparse.Namespace) -> None:
    """Compare models on the user's scenes, in the chosen protocol."""
    _check_folder(options.out)
    if options.protocol is None:
        options.protocol = "paper" if len(options.scene) == 1 else "images"
    scenes = opened_scenes(options)
    print(*scenes, sep="\n")
    recipe = chosen_recipe(options, scenes[0].n_bands, _RECIPE_OF[options.protocol])
    patch_size = max(PATCH_SIZES) if recipe is None else recipe.patch_size
    at_random = options.protocol == "paper"
    with _telling_what_is_kept(options.out):
        runs = run_benchmark(
            scenes,
            _on_device(benchmark_models(options.models, recipe), options),
            _splitters(options, patch_size),
            groups=labeled_pixels(scenes)[0].image if options.protocol == "images" else None,
            random_state=options.random_state,
            folder=options.out,
            patch_size=patch_size,
            measure=chosen if recipe is None else None,
            n_jobs=options.n_jobs,
        )
    print(results_table(scenes, runs))
    print(overlap_sentence(runs))
    print(_ABOUT_SPLITS[options.protocol])
    compared = None if at_random else _compared(runs)
    for table in further_tables(runs, compared):
        print(f"\n{table}")
    _write(scenes, runs, options, compared)


def solvers(options: argparse.Namespace) -> None:
    """Compare the ODE's solvers on the user's scene."""
    _check_folder(options.out)
    scene = opened(options)
    print(scene)
    recipe: Any = chosen_recipe(options, scene.n_bands, _RECIPE_OF[options.protocol])
    with _telling_what_is_kept(options.out):
        runs = run_benchmark(
            scene,
            _on_device(solver_models(recipe), options),
            _at_random(options, repeats=3),
            random_state=options.random_state,
            folder=options.out,
            measure=resolved_accuracy,
            n_jobs=options.n_jobs,
        )
    table = solvers_table(runs)
    print(table)
    with complete_file(options.out / "solvers.md") as unfinished:
        unfinished.write_text(table + "\n", encoding="utf-8")
    draw_solvers(runs, options.out / "solvers.png")
    _write([scene], runs, options)


@contextmanager
def _telling_what_is_kept(folder: Path) -> Iterator[None]:
    """Add to an interruption how many finished runs the same command will find."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        path = folder / "runs.jsonl"
        kept = path.read_bytes().count(b'"kind": "run"') if path.exists() else 0
        if not kept:
            raise
        raise KeyboardInterrupt(
            f"{kept} of the runs are kept in {path}, and the same command does the rest."
        ) from interruption


def _on_device(models: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    return {name: set_everywhere(model, **of_device(options)) for name, model in models.items()}


def _compared(runs: list[Run]) -> str | None:
    """The first network, which every other model is compared with."""
    names = list(by_model(runs))
    return next((name for name in names if name in NETWORKS and len(names) > 1), None)


def _write(
    scenes: list[Scene], runs: list[Run], options: argparse.Namespace, compared: str | None = None
) -> None:
    given = {
        name: _without_folders(value)
        for name, value in vars(options).items()
        if name not in ("run", "debug")
    }
    write_tables(scenes, runs, options.out, about=given, reference=compared)
    if len(scenes) > 1:
        print(f"Tables and every run: {options.out.resolve()}")
        print("Maps of several images: hsiode train on them, then hsiode map on each.")
        return
    draw_maps(scenes[0], runs, options.out / "maps.png")
    print(f"Tables, maps and every run: {options.out.resolve()}")


def _without_folders(value: Any) -> Any:
    """An option for the record: of files, their names alone."""
    if isinstance(value, list) and isinstance(value[0], Path):
        names = [path.name for path in value]
        return names if len(names) > 1 else names[0]
    return value.name if isinstance(value, Path) else value


def _splitters(options: argparse.Namespace, patch_size: int) -> Any:
    """What the chosen protocol holds out."""
    if options.protocol == "images":
        return _by_image(options)
    return _at_random(options) if options.protocol == "paper" else _in_blocks(options, patch_size)


def _at_random(options: argparse.Namespace, repeats: int = 10) -> PerClassShuffleSplit:
    for name in ("folds", "block_size", "buffer"):
        if getattr(options, name, None) is not None:
            protocols = "spatial or images" if name == "folds" else "spatial"
            raise ValueError(f"--{name.replace('_', '-')} goes with --protocol {protocols}.")
    train_size = 0.03 if options.train_size is None else options.train_size
    return PerClassShuffleSplit(train_size, _repeats(options, repeats), options.random_state)


def _in_blocks(options: argparse.Namespace, patch_size: int) -> list[SpatialBlockKFold]:
    return [
        SpatialBlockKFold(
            5 if options.folds is None else options.folds,
            32 if options.block_size is None else options.block_size,
            patch_size - 1 if options.buffer is None else options.buffer,
            options.random_state + repeat,
            train_size=options.train_size,
        )
        for repeat in range(_repeats(options, 1))
    ]


def _by_image(options: argparse.Namespace) -> Any:
    refuse(options, ("block_size", "buffer", "train_size", "repeats"), "--protocol images")
    n_images = len(options.scene)
    if n_images < 2:
        raise ValueError("--protocol images holds out whole images: give --scene several times.")
    if options.folds is None:
        return LeaveOneGroupOut()
    if not 2 <= options.folds <= n_images:
        raise ValueError(
            f"--folds must lie between 2 and the {n_images} images, got {options.folds}."
        )
    return GroupKFold(options.folds)


def _repeats(options: argparse.Namespace, default: int) -> int:
    repeats: int = default if options.repeats is None else options.repeats
    if repeats < 1:
        raise ValueError(f"--repeats must be at least 1, got {repeats}.")
    return repeats


def _check_folder(folder: Path) -> None:
    """Refuse before the training what would fail after it."""
    if find_spec("matplotlib") is None:
        raise ImportError("pictures are drawn with matplotlib: pip install 'sklearn-hsiode[plot]'.")
    present = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with TemporaryFile(dir=present):
            pass
    except OSError as error:
        raise OSError(f"--out {folder} is no folder that can be written: {error}") from error
