"""Imports run one way, and no heavy dependency is loaded before it is used."""

import ast
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path

import pytest

import sklearn_hsiode

PACKAGE = Path(sklearn_hsiode.__file__).parent
NAME = PACKAGE.name
# Which other parts of the package a part may import, from the bottom up.
LAYERS = {
    "_arguments": set(),
    "_atomic": set(),
    "_archive": set(),
    "_validation": {"_arguments"},
    "_markup": set(),
    "nn": {"_arguments"},
    "_memory": set(),
    "_parallel": set(),
    "_tensors": set(),
    "_bands": set(),
    "_sklearn": set(),
    "_cubes": {"_memory", "_validation"},
    "_labels": {"_arguments", "_validation"},
    "_pixels": {"_arguments", "_bands", "_labels", "_validation"},
    "_scene": {"_arguments", "_bands", "_cubes", "_labels", "_pixels", "_validation"},
    "_checkpoint": {"_archive", "_atomic"},
    "_fingerprint": {"_memory", "_scene"},
    "_gather": {"_memory", "_pixels", "_tensors"},
    "_patches": {"_arguments", "_bands", "_gather", "_pixels", "_sklearn"},
    "_spectral": {"_arguments", "_bands", "_parallel", "_pixels", "_scene", "_sklearn"},
    "preprocessing": {"_arguments", "_bands", "_memory", "_pixels", "_sklearn", "_validation"},
    "baselines": {"_arguments", "_bands", "_pixels", "_sklearn"},
    "model_selection": {"_arguments", "_patches", "_pixels"},
    "classifiers": {
        *("nn", "_arguments", "_bands", "_checkpoint", "_fingerprint", "_gather", "_memory"),
        *("_patches", "_pixels", "_sklearn", "_tensors", "_validation", "model_selection"),
    },
    "io": {
        *("_arguments", "_atomic", "_bands", "_markup", "_cubes", "_labels", "_memory", "_scene"),
        "_validation",
    },
    "datasets": {"_arguments", "_atomic", "_labels", "_scene", "_pixels", "io"},
    "metrics": {"_arguments", "_labels", "_markup", "_validation"},
    "recipes": {
        "_arguments",
        "_checkpoint",
        "_fingerprint",
        "_pixels",
        "_parallel",
        "_patches",
        "_spectral",
        "classifiers",
        "model_selection",
        "preprocessing",
    },
    "persistence": {
        *("_archive", "_arguments", "_atomic", "_bands", "_labels", "_patches", "_scene"),
        *("_spectral", "_validation", "baselines"),
        *("classifiers", "io", "metrics", "model_selection", "preprocessing", "recipes"),
    },
    "_colors": {"_arguments", "_labels"},
    "_mapping": {
        *("_arguments", "_bands", "_colors", "_cubes", "_labels", "_memory", "_patches"),
        *("_parallel", "_pixels", "_scene", "_validation", "io"),
    },
    "plotting": {
        "_arguments",
        "_markup",
        "_colors",
        "_labels",
        "_mapping",
        "_validation",
        "_scene",
    },
    "benchmark": {
        *("_arguments", "_atomic", "_colors", "_fingerprint", "_labels", "_markup", "_memory"),
        *("_parallel", "_pixels"),
        *(
            "_scene",
            "_validation",
            "baselines",
            "classifiers",
            "datasets",
            "io",
            "metrics",
            "model_selection",
            "recipes",
        ),
    },
}


def files_of(part):
    """The one file of a module, or all of a subpackage."""
    return sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]


def imported_by(file):
    """Dotted name of everything that a file imports, wherever in the file."""
    package = ".".join([NAME, *file.relative_to(PACKAGE).parts[:-1]])
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def parts_of_ours(file):
    """Parts of the package that a file imports."""
    names = (name.split(".") for name in imported_by(file))
    return {name[1] for name in names if name[0] == NAME}


@pytest.mark.parametrize(
    ("part", "file"), [(part, file) for part in LAYERS for file in files_of(part)], ids=str
)
def test_a_part_imports_from_the_layers_below_it_alone(part, file):
    assert parts_of_ours(file) <= LAYERS[part] | {part}


@pytest.mark.parametrize("part", ["readers", "writers"])
def test_readers_and_writers_import_nothing_of_what_uses_them(part):
    names = [name for file in files_of(f"io/{part}") for name in imported_by(file)]
    assert {name.split(".")[2] for name in names if name.startswith(f"{NAME}.io.")} == {part}


@pytest.mark.parametrize("file", files_of("nn"), ids=lambda file: file.name)
def test_networks_are_torch_without_scikit_learn_or_skorch(file):
    imported = {name.split(".")[0] for name in imported_by(file)}
    assert imported - sys.stdlib_module_names <= {"torch", "torchdiffeq", NAME}


@pytest.mark.parametrize("module", [NAME, f"{NAME}._cli"])
def test_importing_the_package_loads_neither_plots_nor_rasters_nor_dask(module):
    command = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert NAME in loaded
    lazy = {
        "rasterio",
        "matplotlib",
        "dask",
        "skops",
        "h5py",
        "pyogrio",
        "shapely",
        "xarray",
        "pooch",
    }
    assert not loaded & lazy
