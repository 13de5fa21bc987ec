"""A few hundred cases of ``make fuzz``, and the harness itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_hsiode import read_scene
from tests.robustness.child import Verdict, in_children
from tests.robustness.formats import FORMATS, labels_of
from tests.robustness.fuzz import damaged, whole
from tests.robustness.oracle import judged_error
from tests.robustness.parts import put_together, taken_apart

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "cases",
    [["--files", "460"], ["--models", "150"], ["--arguments", "300"], ["--kills", "10"]],
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
    truth = whole(name).truth
    if name.startswith("labels") and "class map" not in name:
        found = np.frombuffer(truth["labels"], np.int64).reshape(6, 7)
        expected = labels_of().astype(int)
        assert ((found > 0) >= (expected > 0)).all()
    else:
        assert truth["shape"] in ((6, 7, 5), (6, 7, 4))
    assert truth == whole(name).read(_written(whole(name).files, tmp_path))


def _written(files, folder):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_taken_apart_and_put_together_again(name, tmp_path):
    sample = whole(name)
    again = put_together(taken_apart(sample.files))
    assert sample.read(_written(again, tmp_path)) == sample.truth


@pytest.mark.parametrize("name", FORMATS)
def test_a_case_is_damaged_in_the_same_way_whenever_it_is_repeated(name):
    whole.cache_clear()
    first = damaged(f"{name}/0-1")[1]
    whole.cache_clear()
    second = damaged(f"{name}/0-1")[1]
    if "Geo" not in name:  # GDAL writes the time into a GeoPackage
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
