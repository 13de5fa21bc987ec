"""What a results file holds after a kill, a change of mind, or another program's write."""

import errno
import json
import os
import signal
import subprocess
import sys
from threading import Thread

import pytest

from sklearn_hsiode.benchmark._store import ResultsFile

SETTINGS = {"format": 2, "scene": "a field", "cv": ["KFold()"], "seed": 0}
MODELS = {"svm": {"estimator": "SVC", "C": "1"}, "forest": {"estimator": "Forest"}}
RUNS = [{"model": model, "split": split, "score": 0.5} for split in (0, 1) for model in MODELS]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.jsonl"


@pytest.fixture
def filled(path):
    """A file with all runs."""
    write(path, RUNS)
    return path


def opened(path, *, settings=SETTINGS, models=MODELS):
    return ResultsFile(path, settings, models)


def runs_of(path, **others):
    with opened(path, **others) as file:
        return file.runs


def write(path, runs, **others):
    with opened(path, **others) as file:
        for run in runs:
            file.append(run)


def lines_of(path):
    """The entries of a file, without their checksums."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["crc32"]
    return lines


def write_by_hand(path, entries):
    """A file of lines without checksums, as earlier versions wrote them."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_what_is_appended_reads_back(filled):
    assert runs_of(filled) == RUNS


def test_a_file_tells_its_settings_once_and_each_models_parameters_once(filled):
    lines = lines_of(filled)
    assert lines[0] == {"kind": "settings", **SETTINGS}
    assert [line for line in lines if line["kind"] == "model"] == [
        {"kind": "model", "model": model, "parameters": values} for model, values in MODELS.items()
    ]
    assert [line["kind"] for line in lines].count("settings") == 1


def test_a_new_file_is_made_with_its_folders_and_has_no_runs(tmp_path):
    path = tmp_path / "a" / "b" / "runs.jsonl"
    assert runs_of(path) == []
    write(path, RUNS[:1])
    assert runs_of(path) == RUNS[:1]


def test_a_file_cut_anywhere_goes_on_with_its_complete_runs_alone(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # hundreds of them take their time
    write(path, RUNS)
    content = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    ends_of_runs = [
        end for end, line in zip(ends, lines_of(path), strict=True) if line["kind"] == "run"
    ]
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        complete = sum(end <= cut for end in ends_of_runs)
        with opened(path) as file:
            assert file.runs == RUNS[:complete]
            for run in RUNS[complete:]:
                file.append(run)
        assert path.read_bytes() == content


def test_a_run_is_on_disk_before_append_returns(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    with opened(path) as file:
        for run in RUNS:
            file.append(run)
            assert lines_of(path)[-1] == {"kind": "run", **run}
            assert synced[-1] == path.stat().st_size
    assert len(synced) == len(RUNS)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"settings": SETTINGS | {"seed": 1}}, "seed is 0 there and 1 here"),
        ({"settings": SETTINGS | {"groups": "by hand"}}, "groups is None there"),
        ({"settings": SETTINGS | {"scene_sha256": "0"}}, "the image, its mask or its labels"),
        ({"models": {"svm": {"estimator": "SVC", "C": "10"}}}, "C of svm is '1' there and '10'"),
        ({"models": {"svm": {"estimator": "Ridge"}}}, "estimator of svm is 'SVC' there"),
        ({"models": {"svm": {"estimator": "SVC"}}}, "C of svm"),
    ],
)
def test_a_file_of_other_settings_is_refused_and_stays_as_it_is(filled, other, named):
    before = filled.read_bytes()
    with pytest.raises(ValueError, match=named):
        opened(filled, **other)
    assert filled.read_bytes() == before


def test_what_the_scene_and_the_splitter_are_called_does_not_matter(filled):
    renamed = SETTINGS | {"scene": "the same field", "cv": ["<KFold>"]}
    assert runs_of(filled, settings=renamed) == RUNS


def test_a_cut_file_of_other_settings_keeps_its_half_line(filled):
    half = filled.read_bytes()[:-5]
    filled.write_bytes(half)
    with pytest.raises(ValueError, match="seed"):
        opened(filled, settings=SETTINGS | {"seed": 1})
    assert filled.read_bytes() == half


@pytest.mark.parametrize(
    "content",
    [
        b"notes of mine\n",
        b"notes of mine",
        b'{"a": "document", "without": "an end of line"}',
        b"\n",
        b"{}\n",
        b"[1, 2]\n",
        b"12\n",
        b"null\n",
        b"\xff\xfe\x00\n",
        b'{"kind": "run", "model": "svm", "split": 0}\n',
    ],
)
def test_a_file_that_is_no_benchmarks_is_refused_and_stays_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"runs\.jsonl"):
        opened(path)
    assert path.read_bytes() == content


def test_a_file_of_format_1_is_read_and_goes_on_in_the_present_format(path):
    scores = {"overall_accuracy": 0.5, "average_accuracy": 0.25, "kappa": 0.125}
    lines = [
        {"kind": "settings", **SETTINGS, "format": 1},
        {"kind": "model", "model": "svm", "parameters": MODELS["svm"]},
        {"kind": "run", "model": "svm", "split": 0, **scores},
    ]
    write_by_hand(path, lines)
    before = path.read_text()
    first, second = ({"model": "svm", "split": i, "scores": scores} for i in (0, 1))
    assert runs_of(path) == [first]
    write(path, [second])
    assert path.read_text().startswith(before)
    assert runs_of(path) == [first, second]


def test_a_file_of_a_later_format_is_refused(filled):
    write_by_hand(filled, [lines_of(filled)[0] | {"format": 3}])
    with pytest.raises(ValueError, match="the version of the file"):
        opened(filled)


@pytest.mark.parametrize("line", [b"\n", b"garbage\n", b'{"kind"\n', b'{"kind": "model"}\n'])
def test_a_damaged_line_within_a_file_is_named(filled, line):
    first, *others = filled.read_bytes().splitlines(keepends=True)
    damaged = first + line + b"".join(others)
    filled.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"Line 2 of .*runs\.jsonl is not a benchmark's"):
        opened(filled)
    assert filled.read_bytes() == damaged


def test_new_models_may_be_added_and_known_ones_left_out(filled):
    new = {"estimator": "New", "a": "1"}
    assert runs_of(filled, models={"new": new}) == RUNS
    write(filled, [{"model": "new", "split": 0, "score": 0.75}], models={"new": new})
    assert len(runs_of(filled, models=MODELS | {"new": new})) == len(RUNS) + 1
    with pytest.raises(ValueError, match="a of new is '1' there and '2' here"):
        opened(filled, models={"new": new | {"a": "2"}})


def test_a_run_that_json_cannot_hold_leaves_the_file_as_it_was(filled):
    before = filled.read_bytes()
    for score in (float("nan"), {1}):
        with opened(filled) as file, pytest.raises((ValueError, TypeError)):
            file.append({"model": "svm", "split": 2, "score": score})
        assert filled.read_bytes() == before


def test_a_path_that_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        opened(tmp_path / "file" / "runs.jsonl")
    (tmp_path / "runs.jsonl").mkdir()
    with pytest.raises(OSError, match=r"runs\.jsonl"):
        opened(tmp_path / "runs.jsonl")


# Damage


def test_a_changed_byte_is_found_wherever_it_is(filled):
    whole = filled.read_bytes()
    for place in [*range(0, len(whole), 3), len(whole) - 1]:
        for mask in (1, 16):
            damaged = bytearray(whole)
            damaged[place] ^= mask
            filled.write_bytes(damaged)
            try:
                runs = runs_of(filled)
            except ValueError as error:
                assert str(filled) in str(error)  # noqa: PT017
            else:  # the end of the last line, which is as good as torn, or no other meaning
                assert runs == RUNS[: len(runs)]
                assert len(runs) >= len(RUNS) - 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind": "model", "model": "svm", "parameters": [1, 2]}',
        b'{"kind": "model", "model": ["svm"], "parameters": {}}',
        b'{"kind": "other", "model": "svm", "split": 1}',
        b'{"kind": "settings"}',
        b'{"kind": "run", "model": "svm", "split": NaN}',
        b"[" * 100_000,
    ],
)
def test_a_line_of_another_shape_is_named(filled, line):
    with filled.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(ValueError, match=r"Line \d+ of .*runs\.jsonl is not a benchmark's"):
        opened(filled)


def test_what_another_program_has_written_meanwhile_is_not_cut(path):
    with opened(path) as file:
        file.append(RUNS[0])
        with path.open("ab") as other:
            other.write(b"notes")
        before = path.read_bytes()
        with pytest.raises(OSError, match=r"runs\.jsonl has been changed by another program"):
            file.append(RUNS[1])
        assert path.read_bytes() == before


def test_a_file_that_is_gone_is_named(path):
    with opened(path) as file:
        path.unlink()
        with pytest.raises(OSError, match=r"runs\.jsonl has been changed"):
            file.append(RUNS[0])


def test_a_disk_that_is_full_is_named_and_leaves_whole_lines(filled, monkeypatch):
    before = filled.read_bytes()

    def fails(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with opened(filled) as file, pytest.raises(OSError, match=r"No space .*runs\.jsonl"):
        file.append({"model": "svm", "split": 2, "score": 0.5})
    assert filled.read_bytes() == before


# Locks


def test_a_file_is_one_benchmarks_alone_until_it_is_closed(path):
    with opened(path), pytest.raises(BlockingIOError, match=str(path.parent)):
        opened(path)
    assert runs_of(path) == []


def test_a_file_is_locked_between_threads(path):
    errors = []

    def open_it():
        try:
            opened(path).close()
        except OSError as error:
            errors.append(error)

    with opened(path):
        thread = Thread(target=open_it)
        thread.start()
        thread.join()
    assert [type(error) for error in errors] == [BlockingIOError]


OTHER = """
import sys, time
from pathlib import Path
from sklearn_hsiode.benchmark._store import ResultsFile
file = ResultsFile(Path(sys.argv[1]), {}, {})
if sys.argv[2] == "forks":
    import os
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
print("open", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["alone", "forks"])
def test_a_lock_ends_with_its_process_however_that_ends(path, how):
    command = [sys.executable, "-c", OTHER, str(path), how]
    child = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = [process.stdout.readline() for _ in range(1 + (how == "forks"))]
            child = next((int(line) for line in said if line.strip().isdigit()), None)
            with pytest.raises(BlockingIOError, match=str(path.parent)):
                opened(path)
        finally:
            process.kill()
    try:
        assert process.returncode == -signal.SIGKILL
        assert runs_of(path) == []
    finally:
        if child is not None:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_warned_of(path, monkeypatch, number):
    def fails(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("sklearn_hsiode.benchmark._store.lock_descriptor", fails)
    with pytest.warns(UserWarning, match=f"{path.parent} has no locks"):
        write(path, RUNS)
    with pytest.warns(UserWarning, match="no locks"):
        assert runs_of(path) == RUNS
