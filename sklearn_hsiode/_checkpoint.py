"""Folders with the states of unfinished work, which run no code when they are read."""

from __future__ import annotations

import json
import os
import shutil
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock, Timeout

from sklearn_hsiode._archive import packed, unpacked
from sklearn_hsiode._atomic import PREFIX, complete_file

FORMAT = 1
SETTINGS, LOCK, STATES = "hsiode-checkpoint.json", ".hsiode-lock", ".hsiode-state"
LARGEST_SETTINGS = 2**20  # bytes
PLAIN = (bool, int, float, str, type(None))
TREE = "tree.json"  # in a state: its values, and where its tensors are
DAMAGE = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError),
    *(EOFError, zipfile.BadZipFile, zlib.error),
)


class OtherWorkError(ValueError):
    """The checkpoint is of other data, or of other parameters."""


class CheckpointFolder:
    """A folder with the states of one piece of work, from which the same work goes on.

    It is locked from when it is entered until it is left, or its process ends in whatever way.

    Parameters
    ----------
    path : path
        The folder. It is made in one that is there, and may be there already if it is empty or
        holds states.

    Attributes
    ----------
    path : Path
        As given, from the root.
    seed : int
        A random number that stays the same for work that goes on.

    Raises
    ------
    ValueError
        When it is entered and holds other files, or its settings are damaged.
    BlockingIOError
        When it is entered and somebody else works with it.
    OSError
        When there is no folder around it, or it cannot be written to.

    Warns
    -----
    UserWarning
        When the file system has no locks.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()  # also for workers with another current folder

    def __enter__(self) -> Self:
        self._lock = self._locked()
        try:
            self._settings = self._read_settings()
            if self._settings is None:
                self._refuse_others_files()
        except BaseException:
            self._lock.release()
            raise
        fresh = int(np.random.SeedSequence().generate_state(1)[0])
        self.seed: int = fresh if self._settings is None else self._settings["seed"]
        return self

    def __exit__(self, *error: Any) -> None:
        # Unlocked, it is removed already, and a folder in its place is somebody else's.
        if self._lock.is_locked:
            if {path.name for path in self.path.iterdir()} <= {SETTINGS, LOCK}:
                self.remove()  # there is nothing to go on from
            self._lock.release()

    def agree(self, settings: Mapping[str, str]) -> None:
        """Compare the settings of the work with those in the folder, or write them there.

        Parameters
        ----------
        settings : dict of str to str
            Of those whose names end in "sha256", the values are not told.

        Raises
        ------
        ValueError
            When one of them differs.
        """
        if self._settings is None:
            content = {"format": FORMAT, "seed": self.seed, "settings": dict(settings)}
            with complete_file(self.path / SETTINGS) as unfinished:
                unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            self._settings = content
            return
        present = self._settings["settings"]
        for name in {**settings, **present}:
            there, here = present.get(name, "not told"), settings.get(name, "not told")
            if there != here:
                difference = (
                    f"the {name.removesuffix(' sha256')} are others"
                    if name.endswith("sha256")
                    else f"{name} is {there} there and {here} here"
                )
                raise OtherWorkError(
                    f"{self.path} is the checkpoint of something else: {difference}. To go on with"
                    " that, ask for the same again; to begin anew, remove this folder or name"
                    " another one."
                )

    def state(self, name: str) -> Path:
        """Path of a state, for :func:`read_state` and :func:`write_state`."""
        return self.path / f"{name}{STATES}"

    def states(self) -> list[Path]:
        """Paths of the states that there are."""
        return sorted(self.path.glob(f"*{STATES}"))

    def remove(self) -> None:
        """Remove the folder and unlock it, but leave all in it that comes from elsewhere."""
        for path in self.states():
            path.unlink(missing_ok=True)
        for hidden in self.path.glob(f"{PREFIX}*"):
            shutil.rmtree(hidden, ignore_errors=True)
        (self.path / SETTINGS).unlink(missing_ok=True)  # without it, states would mean nothing
        with suppress(OSError):  # of a folder that holds something else as well
            if os.name == "nt":  # where a file that is open cannot be removed
                self._lock.release()
            (self.path / LOCK).unlink(missing_ok=True)
            self.path.rmdir()
        self._lock.release()

    def _locked(self) -> FileLock:
        lock = FileLock(self.path / LOCK, timeout=0, thread_local=False)
        while True:
            try:
                self.path.mkdir(exist_ok=True)
            except FileNotFoundError:
                folder = self.path.absolute().parent
                raise FileNotFoundError(
                    f"There is no folder {folder} for the checkpoint {self.path.name}."
                ) from None
            except FileExistsError:
                raise NotADirectoryError(
                    f"{self.path} is a file: name a folder for the checkpoint."
                ) from None
            try:
                lock.acquire()
            except Timeout:
                raise BlockingIOError(
                    f"{self.path} is the checkpoint of work that goes on at this moment: wait for"
                    " its end, or name another folder. Fits that run side by side, as in a search,"
                    " need a folder each."
                ) from None
            except FileNotFoundError:
                continue  # others have just removed the folder
            except NotImplementedError:
                warnings.warn(
                    f"The file system of {self.path} has no locks: see to it that nobody else uses"
                    " this checkpoint.",
                    stacklevel=4,
                )
                return lock
            if (self.path / LOCK).exists():
                return lock
            lock.release()

    def _read_settings(self) -> dict[str, Any] | None:
        path = self.path / SETTINGS
        if not path.exists():
            return None
        with explained_damage(path), path.open("rb") as file:
            content = file.read(LARGEST_SETTINGS + 1)
            if len(content) > LARGEST_SETTINGS:
                raise ValueError("it is too large")
            found: dict[str, Any] = json.loads(content)
            if found["format"] != FORMAT:
                raise ValueError(f"its format is {found['format']!r} rather than {FORMAT}")
            values = found["settings"].values()
            is_seed = type(found["seed"]) is int and 0 <= found["seed"] < 2**32
            if not is_seed or not all(isinstance(value, str) for value in values):
                raise ValueError("its values have other types")
        return found

    def _refuse_others_files(self) -> None:
        names = {path.name for path in self.path.iterdir()} - {LOCK}
        strange = sorted(name for name in names if not name.startswith(PREFIX))
        if strange:
            (self.path / LOCK).unlink(missing_ok=True)
            raise ValueError(
                f"{self.path} holds files that are not of a checkpoint, such as {strange[0]}: name"
                " a folder that is empty, or not there yet."
            )


@contextmanager
def checkpoint_folder(path: str | os.PathLike[str] | None) -> Iterator[CheckpointFolder | None]:
    """The folder that is named, locked inside; None where none is."""
    if path is None:
        yield None
    else:
        with CheckpointFolder(path) as folder:
            yield folder


@contextmanager
def explained_damage(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a damaged file into one error that names it."""
    try:
        yield
    except DAMAGE as error:
        raise ValueError(
            f"{path} is damaged ({error}): remove the folder {path.parent} to begin anew."
        ) from error


def write_state(path: Path, state: Any) -> None:
    """Write a state, which is on disk when this returns.

    Parameters
    ----------
    path : Path
        The file; an earlier one stays there until this one is complete.
    state : dict, list, tuple, tensor, number, str or None
        Also nested.

    Raises
    ------
    TypeError
        When it holds something else.
    OSError
        When the file cannot be written.
    """
    tensors: list[bytes] = []
    tree = json.dumps(_encoded(state, tensors)).encode()
    content = packed({TREE: tree} | {str(number): raw for number, raw in enumerate(tensors)})
    with complete_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path) -> Any:
    """Return a state that :func:`write_state` has written, with its tensors on the CPU.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    state : dict, list, tuple, tensor, number, str or None
        None where there is no file.

    Raises
    ------
    ValueError
        When the file is damaged, or holds something else.
    """
    if not path.exists():
        return None
    with explained_damage(path):
        with path.open("rb") as file:
            members = unpacked(file, {})
        return _decoded(json.loads(members[TREE]), members)


def _encoded(value: Any, tensors: list[bytes]) -> Any:
    """A value in types that JSON knows, but for the tensors, which are appended."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().reshape(-1)
        tensors.append(flat.view(torch.uint8).numpy().tobytes())
        dtype = str(value.dtype).removeprefix("torch.")
        return {"tensor": str(len(tensors) - 1), "dtype": dtype, "shape": list(value.shape)}
    if isinstance(value, Mapping):
        return {"dict": [[_encoded(k, []), _encoded(v, tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        items = [_encoded(item, tensors) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if not isinstance(value, PLAIN):
        raise TypeError(
            f"A checkpoint cannot keep {value!r} of type {type(value).__name__}: set"
            " checkpoint=None, or leave out what has set this."
        )
    return value


def _decoded(tree: Any, members: Mapping[str, bytes]) -> Any:
    match tree:
        case {"tensor": name, "dtype": dtype, "shape": shape}:
            kind = getattr(torch, dtype)
            if not isinstance(kind, torch.dtype):
                raise TypeError(f"{dtype} is no type of tensors")
            content = bytearray(members[name])
            flat = torch.frombuffer(content, dtype=kind) if content else torch.empty(0, dtype=kind)
            return flat.reshape(shape)
        case {"dict": pairs}:
            return {key: _decoded(value, members) for key, value in pairs}
        case {"tuple": items}:
            return tuple(_decoded(item, members) for item in items)
        case list():
            return [_decoded(item, members) for item in tree]
    if not isinstance(tree, PLAIN):
        raise TypeError("it holds something else than a state")
    return tree
