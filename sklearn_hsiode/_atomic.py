"""Files and folders that appear when they are complete, or not at all."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid4, uuid5

from filelock import FileLock, Timeout

PREFIX = ".hsiode-unfinished-"  # of the hidden folders in which files are written
MOVES = f"{PREFIX}moves"  # the one in which files that belong together are moved
HOST = uuid5(NAMESPACE_DNS, platform.node()).hex[:8]
OLD = 24 * 3600  # seconds after which the folder of another machine is swept
LOCK = ".lock"  # a file in each, which is locked as long as somebody writes there
BEFORE = ".before"  # behind the name of a folder that is replaced
# Numbers of errors of the disk, of which Python does not always tell the file.
OF_WRITING = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.ENAMETOOLONG),
)


@contextmanager
def complete_file(path: str | Path, *beside: Path) -> Iterator[Path]:
    """Write a file in a hidden folder beside its place, and move it there when it is complete.

    Of several threads or processes that write the same file, the last one to be ready wins. A
    process that is killed leaves its hidden folder, of which it no longer holds the lock: the
    next file that is written to the same place sweeps it away, that of another machine after a
    day.

    Parameters
    ----------
    path : path
        Where the file is to be; what lies there stays until the new one is complete.
    *beside : path
        Files in the same folder that belong to this one. They are written beside the unfinished
        one, under their own names. Old ones are removed before it is moved, and new ones are
        moved after it, so that a process that is killed in between leaves none of another file.

    Yields
    ------
    unfinished : path
        Where to write.

    Raises
    ------
    ValueError
        When the path holds a null byte.
    FileNotFoundError
        When there is no folder for the file.
    IsADirectoryError
        When the path is a folder itself.
    OSError
        When the path is a device, say, the disk is full, or the folder cannot be written to. The
        error has the path of the file.
    """
    path = Path(path)
    _require_name(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file.")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no regular file: name one.")
    with _hidden_beside(path) as hidden:
        yield hidden / path.name
        # Nobody else's files come between those that belong together.
        with _owned(hidden.parent / MOVES) if beside else nullcontext():
            for file in beside:  # so that those of another file never lie beside this one
                (hidden.parent / file.name).unlink(missing_ok=True)
            (hidden / path.name).replace(path)
            for file in beside:
                if (hidden / file.name).exists():
                    (hidden / file.name).replace(hidden.parent / file.name)


@contextmanager
def complete_folder(path: str | Path) -> Iterator[Path]:
    """Write a folder of files in a hidden one beside its place, as :func:`complete_file` does.

    A folder that lies there is moved away first, and back where the new one cannot be moved. A
    process that is killed between the two moves leaves the old one in its hidden folder: what is
    written to the same place next moves it back.

    Parameters
    ----------
    path : path
        Where the folder is to be; what lies there stays until the new one is complete.

    Yields
    ------
    unfinished : path
        The folder to make, and to write in.

    Raises
    ------
    ValueError
        When the path holds a null byte.
    FileNotFoundError
        When there is no folder for it.
    NotADirectoryError
        When the path is something else than a folder.
    OSError
        As for files.
    """
    path = Path(path)
    _require_name(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file: name a folder.")
    with _hidden_beside(path) as hidden:
        yield hidden / path.name
        try:
            with _owned(hidden.parent / MOVES):
                if path.exists():
                    path.rename(hidden / f"{path.name}{BEFORE}")
                (hidden / path.name).rename(path)
        except BaseException:
            _move_back(hidden)
            raise


def _move_back(hidden: Path) -> None:
    """Move folders back that were moved away, unless something has come in their place."""
    if _moved_away(hidden):
        with _owned(hidden.parent / MOVES):
            for before, path in _moved_away(hidden):
                before.rename(path)


def _moved_away(hidden: Path) -> list[tuple[Path, Path]]:
    """The folders in a hidden one that are nowhere else, and where they were."""
    found = (
        (before, hidden.with_name(before.name.removesuffix(BEFORE)))
        for before in hidden.glob(f"*{BEFORE}")
    )
    return [(before, path) for before, path in found if not path.exists()]


def _require_name(path: Path) -> None:
    if "\0" in str(path):
        raise ValueError(f"{str(path)!r} cannot be the name of a file.")


@contextmanager
def _hidden_beside(path: Path) -> Iterator[Path]:
    """A hidden folder beside a path, which errors of the disk are to name."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} for {path.name}.")
    _sweep(folder)
    hidden = folder / f"{PREFIX}{HOST}-{uuid4().hex}"
    try:
        with _owned(hidden):
            yield hidden
    except OSError as error:
        told = error.filename
        is_hidden = told is not None and str(told).startswith(str(hidden))
        if error.errno and (is_hidden or (told is None and error.errno in OF_WRITING)):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


@contextmanager
def _owned(hidden: Path) -> Iterator[None]:
    """Make a folder and hold the lock in it; remove it in the end."""
    lock = FileLock(hidden / LOCK, thread_local=False)
    while not lock.is_locked:
        with suppress(FileExistsError):
            hidden.mkdir()
        try:
            lock.acquire()
        except (FileNotFoundError, FileExistsError):
            continue  # it was swept before it was locked
        except (OSError, NotImplementedError):
            break  # the file system has no locks, and nothing is swept there
    try:
        yield
    finally:
        is_needed = bool(_moved_away(hidden))  # could not be moved back: the next sweep tries again
        if not is_needed:
            shutil.rmtree(hidden, ignore_errors=True)
        lock.release()
        # Where a file that is open, such as the lock, cannot be removed.
        if os.name == "nt" and not is_needed:
            shutil.rmtree(hidden, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove the hidden folders in which nobody writes any more, and move back what they keep.

    Not every file system tells other machines of a lock, so theirs must be old as well.
    """
    for hidden in folder.glob(f"{PREFIX}*"):
        is_ours = hidden.name.startswith((f"{PREFIX}{HOST}-", MOVES))
        if not is_ours and time.time() - _last_written(hidden) < OLD:
            continue
        with suppress(OSError, Timeout), FileLock(hidden / LOCK, timeout=0):
            _move_back(hidden)
            shutil.rmtree(hidden)


def _last_written(hidden: Path) -> float:
    times = [time.time()]
    with suppress(OSError):
        times = [path.stat().st_mtime for path in (hidden, *hidden.rglob("*"))]
    return max(times)
