"""The file of a benchmark's finished runs, line by line."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from errno import ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP
from pathlib import Path
from typing import IO, Any, Self
from weakref import WeakSet
from zlib import crc32

from filelock import lock_descriptor, unlock_descriptor

FORMAT = 2
# Scores that stood beside all else in a run of format 1.
SCORES_OF_FORMAT_1 = ("overall_accuracy", "average_accuracy", "kappa")
# What a user may rename or what follows from the hashes: told, but not compared.
INFORMATIVE = ("kind", "scene", "cv")
MEANINGS = {
    "format": "the version of the file",
    "scene_sha256": "the image, its mask or its labels",
    "splits_sha256": "the splits into training and test pixels (has the splitter a random_state?)",
}
SUM = "crc32"  # of all else in a line
KINDS = ("settings", "model", "run")
NO_LOCKS = (ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP)
_locked: WeakSet[IO[bytes]] = WeakSet()


def _forget_locks() -> None:
    """Close the locked files of a process in its fork, which would hold the locks after its end."""
    for file in list(_locked):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


class ResultsFile:
    """Settings and finished runs as JSON lines, each complete on disk before the next begins.

    The first line holds the settings, then there is a line for each model's parameters and one
    for each finished run. A last line without its end, left by a killed process, is cut off
    before the next is written. Each line ends in a checksum, as "crc32", of all else in it. Lines
    of format 1 are read as those of format 2, and those without a checksum as they are.

    The file is locked from the moment it is opened until it is closed, or its process ends in
    whatever way. It is a context manager, which closes it.

    Parameters
    ----------
    path : path
        The file; it is made, with its folder.
    settings : dict
        Settings that all runs of the file have in common, in types that JSON knows.
    models : dict of str to dict of str to str
        Parameters of each model, by name.

    Attributes
    ----------
    runs : list of dict
        The finished runs of the file.

    Raises
    ------
    ValueError
        When the file holds runs of other settings, or is no such file. It stays as it is.
    OSError
        When the file cannot be written, or another benchmark has opened it (BlockingIOError).

    Warns
    -----
    UserWarning
        When the file system has no locks.
    """

    def __init__(
        self,
        path: Path,
        settings: Mapping[str, Any],
        models: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.path = path
        self.runs: list[dict[str, Any]] = []
        self._first = {"kind": "settings", "format": FORMAT, **settings}
        self._models = models
        self._known_models: set[str] = set()
        self._has_sums = False
        self._n_bytes, self._torn = 0, b""  # of complete lines, and what is left behind them
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)  # fails here where it cannot be written
        try:
            self._lock()
            self._read()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which unlocks it."""
        if self._file in _locked:
            unlock_descriptor(self._file.fileno())
            _locked.discard(self._file)
        self._file.close()

    def append(self, run: dict[str, Any]) -> None:
        """Write a finished run, and before the first of its model what the runs rest on.

        Parameters
        ----------
        run : dict
            With the name of its "model", in types that JSON knows.

        Raises
        ------
        OSError
            When the file cannot be written, or another program has written to it meanwhile.
        """
        entries = [] if self._n_bytes else [self._first]
        name = run["model"]
        if name not in self._known_models:
            entries.append({"kind": "model", "model": name, "parameters": self._models[name]})
        lines = b"".join(_line(entry) for entry in [*entries, {"kind": "run", **run}])
        self._check_untouched()
        try:
            self._file.truncate(self._n_bytes)  # what is torn
            self._torn = b""
            self._write(lines)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._n_bytes += len(lines)
        self._known_models.add(name)
        self.runs.append(run)

    def _write(self, lines: bytes) -> None:
        """Write lines as a whole, or nothing of them."""
        try:
            left = memoryview(lines)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self._n_bytes)
            raise

    def _check_untouched(self) -> None:
        """Raise OSError where the file is not as it was left: nothing of others is cut."""
        try:
            n_bytes = self.path.stat().st_size
        except FileNotFoundError:
            n_bytes = -1
        if n_bytes != self._n_bytes + len(self._torn):
            raise OSError(
                f"{self.path} has been changed by another program while this benchmark ran, and"
                " is left as it is: run the benchmark again, in a folder that no other writes to."
            )

    def _lock(self) -> None:
        try:
            is_free = lock_descriptor(self._file.fileno(), blocking=False)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warnings.warn(
                f"The file system of {self.path.parent} has no locks: see to it that no other"
                " benchmark writes to this folder.",
                stacklevel=4,
            )
            return
        if not is_free:
            raise BlockingIOError(
                f"Another benchmark writes to {self.path.parent}: wait for its end, or name"
                " another folder."
            )
        _locked.add(self._file)

    def _read(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        *lines, self._torn = content.split(b"\n")
        if not lines and not _line(self._first).startswith(self._torn):
            raise ValueError(self._foreign(1))
        for number, line in enumerate(lines, start=1):
            self._take(number, line)
        self._n_bytes = len(content) - len(self._torn)

    def _take(self, number: int, line: bytes) -> None:
        present: Mapping[str, Any] = {}
        wanted: Mapping[str, Any] = {}
        whose = ""
        try:
            entry = json.loads(line, parse_constant=_refused)
            self._check_sum(entry)
            entry = migrated(entry)
            kind = entry.pop("kind")
            if kind not in KINDS or (number == 1) != (kind == "settings"):
                raise ValueError("The settings are the first line, and no other.")
            if kind == "settings":
                present, wanted = entry, self._first
            elif kind == "model":
                name, present = entry["model"], dict(entry["parameters"])
                wanted, whose = self._models.get(name, present), f" of {name}"
                self._known_models.add(name)
            else:
                entry["model"], entry["split"]
                self.runs.append(entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(self._foreign(number)) from error
        self._compare(present, wanted, whose)

    def _check_sum(self, entry: dict[str, Any]) -> None:
        """Take the checksum out of an entry; lines of earlier versions come first, without one."""
        told = entry.pop(SUM, None)
        if told != _sum_of(entry) and (told is not None or self._has_sums):
            raise ValueError("The line is not as it was written.")
        self._has_sums = told is not None

    def _compare(
        self, present: Mapping[str, Any], wanted: Mapping[str, Any], whose: str = ""
    ) -> None:
        for name in {**wanted, **present}:
            there, here = present.get(name), wanted.get(name)
            if name in INFORMATIVE or there == here:
                continue
            what = MEANINGS.get(name)
            difference = (
                f"{name}{whose} is {there!r} there and {here!r} here"
                if what is None
                else f"{what}, differ"
            )
            raise ValueError(
                f"{self.path} holds runs of other settings: {difference}. Nothing has been"
                " changed: name another folder, or ask for the same settings to go on."
            )

    def _foreign(self, number: int) -> str:
        return (
            f"Line {number} of {self.path} is not a benchmark's, or it is damaged: name another"
            " folder."
        )


def migrated(entry: dict[str, Any]) -> dict[str, Any]:
    """A line of a results file in the present format, of whichever it was."""
    if entry.get("format") == 1:
        return entry | {"format": FORMAT}
    scores = {name: entry[name] for name in SCORES_OF_FORMAT_1 if name in entry}
    others = {name: value for name, value in entry.items() if name not in scores}
    return others | {"scores": scores} if scores else entry


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON.")


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps({**entry, SUM: _sum_of(entry)}, allow_nan=False).encode() + b"\n"


def _sum_of(entry: Mapping[str, Any]) -> int:
    return crc32(json.dumps(entry, allow_nan=False).encode())
