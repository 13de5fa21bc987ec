"""The files of a benchmark: finished runs, line by line, and class maps."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode.io.writers import complete_file

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


class ResultsFile:
    """Settings and finished runs as JSON lines, each complete on disk before the next begins.

    The first line holds the settings, then there is a line for each model's parameters and one
    for each finished run. A last line without its end, left by a killed process, is cut off
    before the next is written. Lines of format 1 are read as those of format 2.

    Parameters
    ----------
    path : path
        The file; it is made, with its folder, when the first line is written.
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
        When the file cannot be written.
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
        content = path.read_bytes() if path.exists() else b""
        *lines, torn = content.split(b"\n")
        if not lines and not _line(self._first).startswith(torn):
            raise ValueError(self._foreign(1))
        for number, line in enumerate(lines, start=1):
            self._take(number, line)
        self._n_bytes = len(content) - len(torn)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):  # fails here, before any run, where it cannot be written
            pass

    def append(self, run: dict[str, Any]) -> None:
        """Write a finished run, and before the first of its model what the runs rest on.

        Parameters
        ----------
        run : dict
            With the name of its "model", in types that JSON knows.
        """
        entries = [] if self._n_bytes else [self._first]
        name = run["model"]
        if name not in self._known_models:
            entries.append({"kind": "model", "model": name, "parameters": self._models[name]})
        lines = b"".join(_line(entry) for entry in [*entries, {"kind": "run", **run}])
        with self.path.open("r+b") as file:
            file.truncate(self._n_bytes)
            file.seek(self._n_bytes)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        self._n_bytes += len(lines)
        self._known_models.add(name)
        self.runs.append(run)

    def _take(self, number: int, line: bytes) -> None:
        wanted: Mapping[str, Any]
        try:
            entry = migrated(json.loads(line))
            kind = entry.pop("kind")
            if (number == 1) != (kind == "settings"):
                raise ValueError("The settings are the first line.")
            if kind == "settings":
                present, wanted, whose = entry, self._first, ""
            elif kind == "model":
                name, present = entry["model"], entry["parameters"]
                wanted, whose = self._models.get(name, present), f" of {name}"
                self._known_models.add(name)
            else:
                present, wanted, whose = {}, {}, f" of {entry['model']}, {entry['split']}"
                self.runs.append(entry)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(self._foreign(number)) from error
        self._compare(present, wanted, whose)

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
        return f"Line {number} of {self.path} is not a benchmark's: name another folder."


def migrated(entry: dict[str, Any]) -> dict[str, Any]:
    """A line of a results file in the present format, of whichever it was."""
    if entry.get("format") == 1:
        return entry | {"format": FORMAT}
    scores = {name: entry[name] for name in SCORES_OF_FORMAT_1 if name in entry}
    others = {name: value for name, value in entry.items() if name not in scores}
    return others | {"scores": scores} if scores else entry


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"


def save_map(folder: str | Path, model: str, class_map: np.ndarray | None) -> None:
    """Keep the class map of a model beside its runs."""
    if class_map is None:
        return
    path = _map_path(folder, model)
    path.parent.mkdir(exist_ok=True)
    with complete_file(path) as unfinished, unfinished.open("wb") as file:
        np.save(file, class_map.astype(np.int16))


def load_map(folder: str | Path, model: str) -> np.ndarray | None:
    """The class map that was kept of a model, or None."""
    path = _map_path(folder, model)
    return np.load(path) if path.is_file() else None


def _map_path(folder: str | Path, model: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", model)
    if name != model:  # two models may not share a file
        name += f"-{sha256(model.encode()).hexdigest()[:8]}"
    return Path(folder) / "class_maps" / f"{name}.npy"
