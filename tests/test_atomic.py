import errno
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from sklearn_hsiode._atomic import PREFIX, complete_file, complete_folder

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "table.md"
    with complete_file(path) as unfinished:
        unfinished.write_text("half")
        assert not path.exists()
        unfinished.write_text("half and half")
    assert path.read_text() == "half and half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "table.md"
    path.write_text("old")

    def fail():
        with complete_file(path) as unfinished:
            unfinished.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), complete_file(tmp_path / "no" / "x") as unfinished:
        unfinished.write_text("x")
    assert not list(tmp_path.iterdir())


def in_a_child(work):
    """Run a function in a forked process, and return what that has died of, or its exit status."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    return child.exitcode


@pytest.fixture
def killed(tmp_path):
    """Folder in which a process was killed while it wrote a file."""

    def write():
        with complete_file(tmp_path / "table.md") as unfinished:
            unfinished.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(write) == -signal.SIGKILL
    assert not (tmp_path / "table.md").exists()
    assert len(list(tmp_path.iterdir())) == 1
    return tmp_path


@forks
def test_what_a_killed_process_leaves_is_swept_by_the_next_that_writes_there(killed):
    with complete_file(killed / "other.md") as unfinished:
        assert list(killed.iterdir()) == [unfinished.parent]
        unfinished.write_text("whole")
    assert list(killed.iterdir()) == [killed / "other.md"]


@forks
def test_a_folder_that_was_not_locked_yet_is_swept_as_well(killed):
    (left,) = killed.iterdir()
    for file in left.iterdir():
        file.unlink()
    with complete_file(killed / "table.md") as unfinished:
        assert list(killed.iterdir()) == [unfinished.parent]
        unfinished.write_text("whole")


@forks
def test_what_another_machine_leaves_is_swept_after_a_day(killed):
    (left,) = killed.iterdir()
    theirs = left.rename(killed / f"{PREFIX}other-{left.name[-32:]}")
    with complete_file(killed / "table.md") as unfinished:
        assert theirs.exists()
        unfinished.write_text("whole")
    for path in (*theirs.iterdir(), theirs):
        os.utime(path, (0, 0))
    with complete_file(killed / "table.md") as unfinished:
        unfinished.write_text("whole")
    assert list(killed.iterdir()) == [killed / "table.md"]


def test_files_are_written_where_there_are_no_locks(tmp_path, monkeypatch):
    def refuse(lock, *arguments, **options):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with complete_file(tmp_path / "table.md", tmp_path / "more.md") as unfinished:
        unfinished.write_text("whole")
    assert list(tmp_path.iterdir()) == [tmp_path / "table.md"]


@forks
def test_what_another_process_is_writing_is_not_swept(tmp_path):
    def write():
        with complete_file(tmp_path / "table.md") as unfinished:
            unfinished.write_text("of the child")

    with complete_file(tmp_path / "table.md") as unfinished:
        unfinished.write_text("of the parent")
        assert in_a_child(write) == 0
        assert (tmp_path / "table.md").read_text() == "of the child"
        assert unfinished.exists()
    assert (tmp_path / "table.md").read_text() == "of the parent"
    assert list(tmp_path.iterdir()) == [tmp_path / "table.md"]


def test_of_threads_that_write_the_same_files_the_last_one_wins_whole(tmp_path):
    path, names = tmp_path / "map.tif", tmp_path / "map.tif.aux.xml"

    def write(number):
        for _ in range(5):
            with complete_file(path, names) as unfinished:
                unfinished.write_text(f"{number}" * 1000)
                unfinished.with_name(names.name).write_text(f"{number}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert path.read_text() == names.read_text() * 1000
    assert sorted(tmp_path.iterdir()) == [path, names]


def test_a_file_beside_it_that_is_not_written_again_is_removed(tmp_path):
    path, names = tmp_path / "map.tif", tmp_path / "map.tif.aux.xml"
    names.write_text("of an older map")
    with complete_file(path, names) as unfinished:
        unfinished.write_text("new")
        assert names.exists()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("n_moves", [0, 1])
def test_a_kill_between_the_moves_leaves_no_file_beside_that_is_of_another(
    tmp_path, monkeypatch, n_moves
):
    path, names = tmp_path / "map.tif", tmp_path / "names.xml"
    path.write_text("old map")
    names.write_text("old names")
    moves = []

    def replace(source, target, original=Path.replace):
        if len(moves) == n_moves:
            raise KeyboardInterrupt
        moves.append(target)
        return original(source, target)

    def write():
        with complete_file(path, names) as unfinished:
            unfinished.write_text("new map")
            (unfinished.parent / "names.xml").write_text("new names")

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == ("new map" if n_moves else "old map")
    assert not names.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_names_the_file(tmp_path, number):
    def write():
        with complete_file(tmp_path / "table.md"):
            raise OSError(number, os.strerror(number))  # as write does, without a name

    with pytest.raises(OSError, match=r"'.*table\.md'$") as caught:
        write()
    assert caught.value.errno == number
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_names_the_file(tmp_path, monkeypatch):
    def refuse(path, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write wherever there is a folder
    with pytest.raises(PermissionError, match=r"'.*table\.md'$"):
        complete_file(tmp_path / "table.md").__enter__()


def test_a_name_with_a_null_byte_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        complete_file(tmp_path / "a\0b").__enter__()


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there are no devices")
def test_a_device_is_not_replaced():
    with pytest.raises(OSError, match=r"/dev/null is no regular file"):
        complete_file("/dev/null").__enter__()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_in_which_nothing_can_be_made_is_an_error():
    with pytest.raises(OSError, match="/proc/"):
        complete_file("/proc/table.md").__enter__()


def test_errors_of_other_files_stay_as_they_are(tmp_path):
    def read():
        with complete_file(tmp_path / "table.md"):
            raise PermissionError(errno.EACCES, "Permission denied", "field.tif")

    with pytest.raises(PermissionError, match=r"'field\.tif'$"):
        read()


def test_a_folder_appears_when_it_is_complete_and_replaces_the_one_before(tmp_path):
    path = tmp_path / "map.zarr"
    for content in ("old", "new"):
        with complete_folder(path) as unfinished:
            unfinished.mkdir()
            (unfinished / content).write_text(content)
            assert path.exists() == (content == "new")
        assert [file.name for file in path.iterdir()] == [content]
        assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_folder_that_was_there(tmp_path):
    path = tmp_path / "map.zarr"
    path.mkdir()
    (path / "old").touch()

    def fail():
        with complete_folder(path) as unfinished:
            unfinished.mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.rglob("*")) == [path, path / "old"]


def test_a_file_is_not_replaced_by_a_folder_nor_a_folder_by_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), complete_folder(tmp_path / "file"):
        pass
    with pytest.raises(IsADirectoryError), complete_file(tmp_path):
        pass
    with pytest.raises(FileNotFoundError), complete_folder(tmp_path / "no" / "x"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@forks
def test_the_folder_of_a_process_that_was_killed_is_swept(tmp_path):
    path = tmp_path / "map.zarr"

    def killed():
        with complete_folder(path) as unfinished:
            unfinished.mkdir()
            (unfinished / "chunk").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(killed) == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    assert not path.exists()
    with complete_folder(path) as unfinished:
        unfinished.mkdir()
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_threads_that_write_the_same_folder_the_last_one_wins_whole(tmp_path):
    path = tmp_path / "map.zarr"

    def write(content):
        with complete_folder(path) as unfinished:
            unfinished.mkdir()
            for number in range(5):
                (unfinished / str(number)).write_text(content)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, ["oak", "elm"] * 5))
    assert len({file.read_text() for file in path.iterdir()}) == 1
    assert list(tmp_path.iterdir()) == [path]


def replace_failing_at(path, monkeypatch, fail, n_times=1):
    """Replace a folder, and fail in the moves to its place."""
    rename, calls = Path.rename, []

    def renamed(source, target):
        if target == path and len(calls) < n_times:
            calls.append(source)
            fail()
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with complete_folder(path) as unfinished:
        unfinished.mkdir()
        (unfinished / "new").touch()


def refuse_to_move():
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture
def old_folder(tmp_path):
    path = tmp_path / "map.zarr"
    path.mkdir()
    (path / "old").touch()
    return path


@pytest.mark.parametrize("fail", [refuse_to_move, interrupt])
def test_where_the_new_folder_cannot_be_moved_the_old_one_is_moved_back(
    tmp_path, old_folder, monkeypatch, fail
):
    with pytest.raises((OSError, KeyboardInterrupt)):
        replace_failing_at(old_folder, monkeypatch, fail)
    assert sorted(tmp_path.rglob("*")) == [old_folder, old_folder / "old"]


def test_an_old_folder_that_cannot_be_moved_back_is_kept_for_the_next_sweep(
    tmp_path, old_folder, monkeypatch
):
    with pytest.raises(OSError, match=r"map\.zarr"):
        replace_failing_at(old_folder, monkeypatch, refuse_to_move, n_times=2)
    assert not old_folder.exists()
    with complete_file(tmp_path / "table.md") as unfinished:
        unfinished.touch()
    assert sorted(tmp_path.rglob("*")) == [
        old_folder,
        old_folder / "old",
        tmp_path / "table.md",
    ]


@forks
def test_a_process_killed_between_the_moves_leaves_the_old_folder_to_the_next_sweep(
    tmp_path, old_folder, monkeypatch
):
    def killed():
        replace_failing_at(old_folder, monkeypatch, lambda: os.kill(os.getpid(), signal.SIGKILL))

    assert in_a_child(killed) == -signal.SIGKILL
    assert not old_folder.exists()
    with complete_file(tmp_path / "table.md") as unfinished:
        assert (old_folder / "old").exists()
        unfinished.touch()
    assert sorted(tmp_path.iterdir()) == [old_folder, tmp_path / "table.md"]
