"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

from sklearn_hsiode._arguments import StrOptions
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.io import read_scene, read_scenes
from sklearn_hsiode.nn import SOLVERS
from sklearn_hsiode.recipes import PAPER, Recipe

#: Recipes by name; the tuned models have none.
RECIPES: dict[str, Recipe | None] = {"default": Recipe(), "paper": PAPER, "tuned": None}
OF_SEARCH = "whose search says how networks see the scene and are trained"
# Options that make a recipe another one.
OF_RECIPES = (
    *("patch_size", "components", "epochs"),
    *(name for entry in NETWORKS.values() for name in entry.options),
)


def add_command(
    subparsers: Any,
    run: Callable[[argparse.Namespace], None],
    name: str,
    purpose: str,
    example: str,
) -> argparse.ArgumentParser:
    """A command, which is run with its options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=purpose, description=purpose, epilog=f"example: {example}"
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--debug", action="store_true", help="show where an error comes from, with a traceback"
    )
    return parser


def add_seed(parser: argparse.ArgumentParser) -> None:
    """--random-state."""
    parser.add_argument("--random-state", type=int, default=0, help="seed (default %(default)s)")


def add_scene(
    parser: argparse.ArgumentParser, required: bool = True, several: bool = False
) -> None:
    """--scene, perhaps several times, and what :func:`add_labels` adds."""
    parser.add_argument(
        "--scene",
        type=Path,
        action="append" if several else "store",
        required=required,
        help="file with the image: MATLAB, ENVI, GeoTIFF, NumPy or what else rasterio opens"
        + ("; several times for several images of the same bands" if several else ""),
    )
    add_labels(parser, required, several)


def add_labels(parser: argparse.ArgumentParser, required: bool, several: bool = False) -> None:
    """--labels, perhaps several times, and how it, and the scene, are to be read."""
    parser.add_argument(
        "--labels",
        type=Path,
        action="append" if several else "store",
        required=required,
        help="file with the ground truth: a raster on the image's grid, or polygons and points"
        " (GeoPackage, GeoJSON, shapefile, FlatGeobuf)"
        + ("; once for each image, in their order" if several else ""),
    )
    parser.add_argument("--class-column", help="column of the polygons that holds the classes")
    parser.add_argument(
        "--variable", help="name of the image in a .mat or .npz file (default: the only cube)"
    )
    parser.add_argument(
        "--labels-variable",
        help="name of the labels in a .mat or .npz file (default: the only raster of that size)",
    )


def opened(options: argparse.Namespace) -> Scene:
    """The scene that is asked for, with its labels."""
    return read_scene(options.scene, options.labels, **_how_to_read(options))


def opened_scenes(options: argparse.Namespace) -> list[Scene]:
    """The scenes that are asked for, with their labels."""
    return read_scenes(options.scene, options.labels, **_how_to_read(options))


def each_opened(options: argparse.Namespace) -> Iterator[Scene]:
    """The scenes that are asked for, each as it is by itself."""
    labels = options.labels or [None] * len(options.scene)
    if len(labels) != len(options.scene):
        raise ValueError(
            f"There are {len(options.scene)} images, but {len(labels)} --labels: give one for each."
        )
    for path, of_path in zip(options.scene, labels, strict=True):
        yield read_scene(path, of_path, **_how_to_read(options))


def _how_to_read(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "class_column": options.class_column,
        "variable": options.variable,
        "labels_variable": options.labels_variable,
    }


def add_network(parser: argparse.ArgumentParser, recipes: Iterable[str], default: str) -> None:
    """How the networks see the scene and are trained."""
    parser.add_argument("--patch-size", type=int, help="in pixels (default: the recipe's)")
    parser.add_argument(
        "--components",
        type=int,
        help="principal components of the whole scene that the networks see instead of its bands"
        " (default: the recipe's); classical models see all bands",
    )
    parser.add_argument(
        "--recipe",
        choices=tuple(recipes),
        help="how the networks are trained: with this package's defaults or as in the paper; where"
        f" it may be tuned, a search tunes every model on blocks of ground (default: {default})",
    )
    parser.add_argument("--epochs", type=int, help="of the networks (default: the recipe's)")
    parser.add_argument("--device", help="of the networks: cpu, cuda, cuda:1 (default: auto)")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Options that some networks alone have, such as --solver."""
    offered = {
        name: (entry.classifier, explanation)
        for entry in NETWORKS.values()
        for name, explanation in entry.options.items()
    }
    for name, (classifier, explanation) in offered.items():
        constraints = classifier._parameter_constraints[name]
        choices = [c.options for c in constraints if isinstance(c, StrOptions)]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(signature(classifier).parameters[name].default),
            choices=sorted(choices[0]) if choices else None,
            help=explanation,
        )


def share_or_number(text: str) -> float | int:
    """A share such as 0.03, or a number of pixels such as 50."""
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a share such as 0.03 nor a number of pixels such as 50"
        ) from None


def refuse(options: argparse.Namespace, names: Iterable[str], other: str) -> None:
    """Refuse options of these names, as they do not go with another one."""
    for name in sorted(names):
        if getattr(options, name, None) is not None:
            raise ValueError(f"--{name.replace('_', '-')} does not go with {other}.")


def chosen_recipe(options: argparse.Namespace, n_bands: int, default: str) -> Recipe | None:
    """The chosen recipe, with the user's own options in it; None for tuned models."""
    recipe = RECIPES[options.recipe or default]
    if recipe is None:
        refuse(options, OF_RECIPES, f"tuned models, {OF_SEARCH}: add --recipe default")
        return None
    training = _given(max_epochs=options.epochs)
    given = {
        network: _given(**{name: getattr(options, name, None) for name in entry.options})
        for network, entry in NETWORKS.items()
    }
    networks = recipe.networks | {
        network: recipe.networks.get(network, {}) | own for network, own in given.items() if own
    }
    recipe = replace(
        recipe,
        **_given(patch_size=options.patch_size, components=options.components),
        training=recipe.training | training,
        networks=networks,
    )
    if recipe.components is not None and not 1 <= recipe.components <= n_bands:
        raise ValueError(
            f"--components must lie between 1 and the scene's {n_bands} bands, got"
            f" {recipe.components}."
        )
    for network, own in given.items():
        solver = networks.get(network, {}).get("solver", "euler")
        if "n_steps" in own and SOLVERS[solver].adaptive:
            raise ValueError(
                f"--n-steps goes with a solver on a fixed grid, but {solver} chooses its steps: add"
                " --solver euler, say."
            )
    return recipe


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def of_device(options: argparse.Namespace) -> dict[str, Any]:
    """The parameter `device` of networks, where --device is given."""
    return _given(device=options.device)
