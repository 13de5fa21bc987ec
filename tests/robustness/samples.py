"""A valid small file, what it holds, and which of its bytes hold bare values."""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Facts = dict[str, Any]


@dataclass(frozen=True)
class Values:
    """A range of a file whose bytes are values that no reader can check.

    A change in them is one of the facts of the same file, as if it had been meant. The text of a
    value must match `pattern` after the change as well, since a reader can tell what does not.
    A part of a file that `may_be_absent` may be left out as if it had never been there.
    """

    file: str
    start: int
    stop: int
    facts: frozenset[str]
    pattern: str | None = None
    may_be_absent: bool = False


@dataclass(frozen=True)
class Sample:
    """A valid small file, or a few that belong together.

    Parameters
    ----------
    files : dict of str to bytes
        All files by name. ``"a!b"`` is the member b of the archive a.
    read : callable
        Facts about the scene in a folder with these files.
    values : sequence of Values
        The ranges that hold bare values.
    damaged : sequence of str, default=()
        Files that are mutated, by default all.
    truth : dict
        What is read of the whole files.
    messages : frozenset of str
        Warnings that the whole files give, which therefore tell no damage.
    """

    files: Mapping[str, bytes]
    read: Callable[[Path], Facts]
    values: tuple[Values, ...] = ()
    damaged: tuple[str, ...] = ()
    truth: Facts = field(default_factory=dict)
    messages: frozenset[str] = frozenset()

    def write(self, folder: Path) -> None:
        """Write all files into a folder."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def at(
    name: str, content: bytes, wanted: bytes, facts: str, pattern: str | None = None
) -> Iterator[Values]:
    """Every place at which some bytes stand in a file."""
    for match in re.finditer(re.escape(wanted), content):
        yield Values(name, match.start(), match.end(), frozenset(facts.split()), pattern)


def doubles(name: str, content: bytes, numbers: Any, facts: str) -> Iterator[Values]:
    """Every place at which numbers of 64 bits stand in a file."""
    for number in {float(number) for number in np.ravel(numbers)}:
        yield from at(name, content, struct.pack("<d", number), facts)


def put_back(
    values: tuple[Values, ...], old: Mapping[str, bytes], new: Mapping[str, bytes]
) -> tuple[dict[str, bytes], set[str]]:
    """The new files with the old bare values, and the facts that these are about."""
    files, facts = dict(new), set[str]()
    for part in values:
        before, after = old[part.file], new.get(part.file)
        if after is None and "!" in part.file and part.may_be_absent:
            files[part.file] = before
            facts |= part.facts
        elif after is not None and before != after and _is_value(part, before, after):
            stop = part.stop + (len(after) - len(before) if part.pattern else 0)
            if after[part.start : stop] != before[part.start : part.stop]:
                kept = files[part.file]
                middle = before[part.start : part.stop]
                files[part.file] = kept[: part.start] + middle + kept[stop:]
                facts |= part.facts
    # In their order; what is there beyond them is not of this file.
    return {name: files[name] for name in (*old, *(set(files) - set(old))) if name in files}, facts


def _common(before: bytes, after: bytes) -> tuple[int, int]:
    """Lengths of the common beginning and of the common end."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    pairs = zip(reversed(before), reversed(after), strict=False)
    end = next((i for i, (one, other) in enumerate(pairs) if one != other), shorter)
    return start, min(end, shorter - start)


def _is_value(part: Values, before: bytes, after: bytes) -> bool:
    """True where a value, of the same length unless nothing else has changed, is one still."""
    if part.pattern is None:
        return part.stop <= len(after)
    grown = len(after) - len(before)
    if grown:
        start, end = _common(before, after)
        if part.start > start or len(before) - end > part.stop:
            return False
    text = after[part.start : part.stop + grown]
    return re.fullmatch(part.pattern.encode(), text, re.DOTALL) is not None
