"""Some cases of ``make fuzz``, and the harness itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS

from sklearn_hsiode import read_scene
from tests.robustness.child import Verdict, in_children
from tests.robustness.formats import FORMATS, TRANSFORM, WAVELENGTHS, cube_of, labels_of
from tests.robustness.fuzz import damaged, whole
from tests.robustness.oracle import judged_error
from tests.robustness.parts import put_together, taken_apart

ROOT = Path(__file__).parents[2]
POLYGONS = [f"labels: {kind}" for kind in ("GeoPackage", "shapefile", "FlatGeobuf", "GeoJSON")]


@pytest.mark.parametrize(
    "cases",
    [["--files", "230"], ["--models", "100"], ["--arguments", "100"], ["--kills", "5"]],
    ids=lambda cases: cases[0].strip("-"),
)
def test_nothing_goes_wrong_in_silence(cases, tmp_path):
    command = [sys.executable, "-m", "tests.robustness.fuzz", "--jobs", "1", *cases]
    command += ["--failures", str(tmp_path / "failures")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_file_is_what_it_was_made_of(name, tmp_path):
    truth, facts = whole(name).truth, made_of(name)
    assert truth | facts == truth
    assert set(truth) - set(facts) <= {"crs"}
    crs = None if truth["crs"] is None else CRS.from_wkt(truth["crs"]).to_epsg(20)
    assert crs == (32633 if truth["transform"] else None)


def made_of(name):
    """All that is to be read from a format, but the words of its CRS."""
    is_field = name.startswith(("ENVI", "GeoTIFF", "BigTIFF"))
    kinds = {"GeoTIFF tiled deflate": "float32", "GeoTIFF tiled pixel": "uint16"}
    kinds |= {"BigTIFF zstd": "uint16", "npz": "float32", "npz compressed": "float32"}
    cube, mask = cube_of(kinds.get(name, "int16")), np.ones((6, 7), dtype=bool)
    if name.startswith("ENVI"):
        cube = cube / np.float32(10_000)
    if name == "GeoTIFF LZW scaled":
        cube = (cube * 0.0001 + 0.5).astype(np.float32)
    good, names, labels = [0, 1, 2, 3, 4], {}, None
    if is_field:
        good, mask[2, 3] = [0, 1, 3, 4], False
    if name.startswith(("labels", "npz")):
        labels = labels_of()
    if name == "labels: class map":
        labels = 1 + (cube[:, :, 0] > 15_000)
    if name in ("labels: ENVI", "labels: class map"):
        names = {1: "wheat", 2: "maize"}
    elif name in (
        "labels: GeoPackage",
        "labels: shapefile",
        "labels: FlatGeobuf",
        "labels: GeoJSON",
    ):
        names = {1: "maize", 2: "wheat"}
        labels = np.array([0, 2, 1])[labels]
        labels[0, 5:] = 2
    widths = [10.5, 11.5, 12.5, 13.5, 14.5] if name.startswith("ENVI") else [10.5] * 5
    return {
        "shape": (6, 7, len(good)),
        "dtype": str(cube.dtype),
        "cube": np.where(mask[:, :, None], cube[:, :, good], 0).astype(cube.dtype).tobytes(),
        "mask": mask.tobytes(),
        "wavelengths": [WAVELENGTHS[band] for band in good] if is_field else None,
        "fwhm": [widths[band] for band in good] if is_field else None,
        "transform": tuple(TRANSFORM) if is_field or name.startswith("labels") else None,
        "dropped": {3: "marked as bad"} if is_field else {},
        "labels": None if labels is None else labels.astype(np.int64).tobytes(),
        "class_names": names,
    }


def _written(files, folder):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_taken_apart_and_put_together_again(name, tmp_path):
    sample = whole(name)
    again = put_together(taken_apart(sample.files))
    assert sample.read(_written(again, tmp_path)) == sample.truth


# GDAL writes the time into a GeoPackage.
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "labels: GeoPackage"])
def test_a_case_is_damaged_in_the_same_way_whenever_it_is_repeated(name):
    whole.cache_clear()
    first = damaged(f"{name}/0-1")[1]
    whole.cache_clear()
    second = damaged(f"{name}/0-1")[1]
    assert first == second


def ended(way):
    if way == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    while way == "hangs":
        pass
    if way == "takes memory":
        try:
            bytearray(2**40)
        except MemoryError as error:
            return judged_error(error, [])
    return Verdict("same")


def test_children_that_die_or_hang_are_told_and_the_others_go_on():
    cases = ["is well", "dies", "is well", "hangs", "takes memory", "is well"]
    verdicts = in_children(cases, ended, n_jobs=1, seconds=2)
    words = [verdict.word for _, verdict in verdicts]
    assert words == ["same", "death", "same", "hang", "foreign error", "same"]


def test_an_error_is_clear_where_the_package_raises_it_and_names_the_file(tmp_path):
    (tmp_path / "field.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="field") as caught:
        read_scene(tmp_path / "field.npy")
    assert judged_error(caught.value, ["field.npy"]).word == "error"
    assert judged_error(caught.value, ["other.npy"]).word == "foreign error"
    with pytest.raises(ValueError, match=r"field\.npy") as caught:
        int("field.npy")
    assert judged_error(caught.value, ["field.npy"]).word == "foreign error"
