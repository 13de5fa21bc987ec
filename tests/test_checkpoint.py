"""Folders with the states of unfinished work."""

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_hsiode._checkpoint import (
    LOCK,
    SETTINGS,
    TREE,
    CheckpointFolder,
    read_state,
    write_state,
)

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
shapes = st.lists(st.integers(0, 3), max_size=3)
tensors = st.builds(
    lambda shape, dtype: torch.randint(0, 2, shape).to(dtype), shapes, st.sampled_from(DTYPES)
)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.integers() | st.text()
states = st.recursive(
    plain | tensors,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("states") / "x.state"


@given(states)
@settings(max_examples=60, deadline=None)
def test_a_state_is_read_as_it_was_written(file, state):
    write_state(file, state)
    assert same(read_state(file), state)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_state_that_is_cut_or_changed_is_an_error_that_names_it_or_changes_nothing(file, data):
    state = {"weights": torch.arange(20.0), "history": [{"epoch": 1, "lr": 0.5}], 3: (None, "a")}
    write_state(file, state)
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        file.write_bytes(content[:place])
    else:
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(content)
    try:
        found = read_state(file)
    except ValueError as error:
        found = str(error)
    assert same(found, state) or (
        found.startswith(f"{file} is damaged")
        and found.endswith(f"remove the folder {file.parent} to begin anew.")
    )


class Runs:
    def __reduce__(self):
        return Path.touch, (Path("has-run"),)


@pytest.mark.parametrize(
    "tree",
    [
        {"tensor": "0", "dtype": "load", "shape": [1]},
        {"tensor": "0", "dtype": "float32", "shape": [10**9]},
        {"tensor": "no", "dtype": "float32", "shape": [1]},
        {"call": "print"},
        {"dict": [1]},
    ],
)
def test_a_state_names_tensors_alone(file, tree):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(TREE, json.dumps(tree))
        archive.writestr("0", b"0000")
    with pytest.raises(ValueError, match="is damaged"):
        read_state(file)


def test_a_pickle_in_the_place_of_a_state_is_not_run(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(ValueError, match="is damaged"):
        read_state(file)
    assert not Path("has-run").exists()


def test_what_cannot_be_kept_is_an_error_with_a_remedy(file):
    with pytest.raises(TypeError, match=r"cannot keep .* of type Runs: set checkpoint=None"):
        write_state(file, {"optimizer": [Runs()]})


def begun(path, **settings):
    """A checkpoint in a folder, with one state."""
    with CheckpointFolder(path) as folder:
        folder.agree(settings)
        write_state(folder.state("one"), 1)


def test_a_folder_keeps_its_seed_and_its_states_until_it_is_removed(tmp_path):
    with CheckpointFolder(tmp_path / "x") as folder:
        folder.agree({"lr": "0.1"})
        write_state(folder.state("one"), 1)
        seed = folder.seed
    with CheckpointFolder(tmp_path / "x") as folder:
        folder.agree({"lr": "0.1"})
        assert folder.seed == seed
        assert [read_state(path) for path in folder.states()] == [1]
        folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_nothing_was_kept_is_removed(tmp_path):
    with CheckpointFolder(tmp_path / "x") as folder:
        folder.agree({"lr": "0.1"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "here", "difference"),
    [
        ({"lr": "0.1"}, {"lr": "0.2"}, r"lr is 0\.1 there and 0\.2 here"),
        ({"lr": "0.1"}, {}, r"lr is 0\.1 there and not told here"),
        ({"y sha256": "a"}, {"y sha256": "b"}, "the y are others"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, there, here, difference):
    begun(tmp_path / "x", **there)
    with (
        pytest.raises(ValueError, match=rf"{difference}.* remove this folder"),
        CheckpointFolder(tmp_path / "x") as folder,
    ):
        folder.agree(here)
    begun(tmp_path / "x", **there)


def test_a_folder_with_files_of_others_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match=r"not of a checkpoint, such as thesis\.tex"):
        CheckpointFolder(tmp_path).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_that_came_later_outlives_the_folder(tmp_path):
    begun(tmp_path / "x")
    (tmp_path / "x" / "notes.txt").write_text("precious")
    with CheckpointFolder(tmp_path / "x") as folder:
        folder.agree({})
        folder.remove()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["notes.txt"]


def test_two_do_not_use_a_folder_at_once(tmp_path):
    with CheckpointFolder(tmp_path / "x") as folder:
        with pytest.raises(BlockingIOError, match="goes on at this moment"):
            CheckpointFolder(tmp_path / "x").__enter__()
        folder.agree({})
        write_state(folder.state("one"), 1)
    begun(tmp_path / "x")


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"format": 2}', '{"format": 1, "seed": -1, "settings": {}}', " " * (2**20 + 1)],
    ids=["empty", "list", "format", "seed", "large"],
)
def test_settings_that_are_damaged_are_an_error_that_names_the_file(tmp_path, content):
    begun(tmp_path / "x")
    (tmp_path / "x" / SETTINGS).write_text(content)
    with pytest.raises(ValueError, match=f"{SETTINGS} is damaged .*remove the folder"):
        CheckpointFolder(tmp_path / "x").__enter__()


def test_a_folder_that_cannot_be_there_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileNotFoundError, match=r"no folder .*/no for the checkpoint x"):
        CheckpointFolder(tmp_path / "no" / "x").__enter__()
    with pytest.raises(NotADirectoryError, match="is a file: name a folder"):
        CheckpointFolder(tmp_path / "file").__enter__()


def test_what_a_killed_process_was_writing_is_removed_as_well(tmp_path):
    begun(tmp_path / "x")
    hidden = tmp_path / "x" / ".hsiode-unfinished-elsewhere"
    hidden.mkdir()
    (hidden / LOCK).touch()
    with CheckpointFolder(tmp_path / "x") as folder:
        folder.agree({})
        folder.remove()
    assert list(tmp_path.iterdir()) == []
