"""Command line: ``hsiode`` and ``python -m sklearn_hsiode``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from sklearn_hsiode import __version__
from sklearn_hsiode.benchmark import compare_models, default_models, draw_maps, results_table
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.io import read_mat_scene
from sklearn_hsiode.scene import Scene

RANDOM_SPLIT = (
    "Test pixels were drawn at random among the training pixels, which flatters every model, and"
    " those on patches most."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake ends in one line on stderr and exit status 1.

    Parameters
    ----------
    arguments : list of str, default=None
        Command and options; those of the process by default.

    Returns
    -------
    status : int
        0 on success.
    """
    options = _parser().parse_args(arguments)
    try:
        _check_output(options.out)
        _compare(options.scene_of(options), options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"hsiode {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _compare(scene: Scene, options: argparse.Namespace) -> None:
    print(scene)
    models = default_models(options.random_state, verbose=1)
    results = []
    for result in compare_models(scene, models, options.train_size, options.random_state):
        results.append(result)
        print(f"{result.model} done", file=sys.stderr)
    print(results_table(results))
    print(RANDOM_SPLIT)
    draw_maps(scene, results, options.out)
    print(f"Classification maps: {options.out.resolve()}")


def _check_output(path: Path) -> None:
    """Refuse before the training what would fail after it."""
    if find_spec("matplotlib") is None:
        raise ImportError("the maps are drawn with matplotlib: pip install 'sklearn-hsiode[plot]'.")
    if path.is_dir() or not os.access(path.resolve().parent, os.W_OK):
        raise OSError(f"--out {path} cannot be written: name a file in a folder that exists.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hsiode", description="Classify hyperspectral images with neural ODEs."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="compare ODE-net, ResNet, SVM and random forest on a synthetic scene",
        epilog="example: hsiode demo --out maps.png",
    )
    demo.set_defaults(scene_of=lambda options: make_scene(random_state=options.random_state))
    benchmark = commands.add_parser(
        "benchmark",
        help="the same on your own scene",
        epilog="example: hsiode benchmark --scene SalinasA_corrected.mat"
        " --labels SalinasA_gt.mat --train-size 0.03",
    )
    benchmark.add_argument("--scene", type=Path, required=True, help=".mat file with the image")
    benchmark.add_argument("--labels", type=Path, required=True, help=".mat file, ground truth")
    benchmark.set_defaults(scene_of=lambda options: read_mat_scene(options.scene, options.labels))
    for command, picture in ((demo, "hsiode-demo.png"), (benchmark, "hsiode-benchmark.png")):
        command.add_argument(
            "--train-size",
            type=float,
            default=0.05,
            help="share of the labelled pixels that train, per class (default %(default)s)",
        )
        command.add_argument(
            "--random-state", type=int, default=0, help="seed (default %(default)s)"
        )
        command.add_argument(
            "--out", type=Path, default=Path(picture), help="PNG of maps (default %(default)s)"
        )
    return parser
