"""Command line: ``hsiode`` and ``python -m sklearn_hsiode``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sklearn_hsiode import __version__
from sklearn_hsiode.benchmark import RECIPES, commands
from sklearn_hsiode.benchmark.models import MODELS
from sklearn_hsiode.nn import ADAPTIVE_SOLVERS, FIXED_GRID_SOLVERS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake ends in one line on stderr and exit status 1.

    Parameters
    ----------
    arguments : list of str, default=None
        Command and options; those of the process by default.

    Returns
    -------
    status : int
        0 on success, 1 for a mistake or a failure, 130 when interrupted by Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt:
        print(f"hsiode {options.command}: interrupted; what is finished is kept", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        print(f"hsiode {options.command}: {reason}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hsiode", description="Classify hyperspectral images with neural ODEs."
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    _command(
        subparsers,
        commands.demo,
        "demo",
        "compare networks, classical estimators and bare coordinates on a synthetic scene",
        "hsiode demo --out maps",
    )
    benchmark = _command(
        subparsers,
        commands.benchmark,
        "benchmark",
        "the paper's experiment, or an honest one, on your own scene",
        "hsiode benchmark --scene SalinasA_corrected.mat --labels SalinasA_gt.mat"
        " --protocol spatial --models ode-net svm coordinates",
    )
    solvers = _command(
        subparsers,
        commands.solvers,
        "solvers",
        "compare the ODE's solvers with residual networks, split as in the paper",
        "hsiode solvers --scene indian_pines.npy --labels Indian_pines_gt.mat --repeats 3",
    )
    _add_scene(benchmark)
    benchmark.add_argument(
        "--protocol",
        choices=("paper", "spatial"),
        default="paper",
        help="pixels of each class at random, as in the paper, or whole blocks of ground with a"
        " buffer around them (default %(default)s)",
    )
    benchmark.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(MODELS), help="default: all"
    )
    benchmark.add_argument("--folds", type=int, help="spatial only (default 5)")
    benchmark.add_argument(
        "--block-size", type=int, help="side in pixels, spatial only (default 32)"
    )
    benchmark.add_argument(
        "--buffer", type=int, help="in pixels, spatial only (default: patch size less one)"
    )
    _add_scene(solvers)
    solvers.set_defaults(protocol="paper", solver=None, n_steps=None)
    benchmark.add_argument(
        "--solver",
        choices=FIXED_GRID_SOLVERS + ADAPTIVE_SOLVERS,
        help="of the ODE-net (default: the recipe's)",
    )
    benchmark.add_argument("--n-steps", type=int, help="of a solver on a fixed grid (default 4)")
    for command, repeats in ((benchmark, "10, spatial: 1"), (solvers, "3")):
        command.add_argument("--repeats", type=int, help=f"of the splits (default {repeats})")
        _add_training(command)
    return parser


def _command(
    subparsers: Any, run: Callable[[Any], None], name: str, purpose: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=purpose, description=purpose, epilog=f"example: {example}"
    )
    parser.set_defaults(run=run)
    parser.add_argument("--random-state", type=int, default=0, help="seed (default %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=f"hsiode-{name}", help="folder to write (default %(default)s)"
    )
    return parser


def _add_scene(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scene", type=Path, required=True, help=".mat or .npy with the image")
    parser.add_argument("--labels", type=Path, required=True, help=".mat or .npy, ground truth")


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--train-size",
        type=_share_or_number,
        help="share of each class that trains, or number of its pixels (default: 0.03; spatial:"
        " all that the buffer leaves)",
    )
    parser.add_argument(
        "--recipe",
        choices=RECIPES,
        help="how the networks are trained: the paper's recipe, which is the default of the"
        " paper's protocol, or this package's",
    )
    parser.add_argument("--patch-size", type=int, help="in pixels (default: the recipe's)")
    parser.add_argument(
        "--components",
        type=int,
        help="principal components of the whole scene that the networks see instead of its bands"
        " (default: the recipe's); classical models see all bands",
    )
    parser.add_argument("--epochs", type=int, help="of the networks (default: the recipe's)")
    parser.add_argument("--device", help="of the networks: cpu, cuda, cuda:1 (default: auto)")
    parser.add_argument("--n-jobs", type=int, help="runs at the same time (default: 1)")


def _share_or_number(text: str) -> float | int:
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a share such as 0.03 nor a number of pixels such as 50"
        ) from None
