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
    """

    file: str
    start: int
    stop: int
    facts: frozenset[str]
    pattern: str | None = None


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
    """

    files: Mapping[str, bytes]
    read: Callable[[Path], Facts]
    values: tuple[Values, ...] = ()
    damaged: tuple[str, ...] = ()
    truth: Facts = field(default_factory=dict)

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


def cannot_be_told(values: tuple[Values, ...], old: Mapping[str, bytes], new: Mapping[str, bytes]):
    """Facts that may have changed unseen, since nothing but bare values was changed.

    Empty where a byte outside of them was changed.
    """
    facts: set[str] = set()
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if before is None or after is None:
            return set()
        ranges = [part for part in values if part.file == name]
        hit = {part for part in ranges if _holds(part, before, after)}
        changed = _changed(before, after)
        covered = np.zeros(len(before) + 1, dtype=bool)
        for part in hit:
            covered[part.start : part.stop] = True
        if not covered[changed].all():
            return set()
        inside = (part for part in hit if ((changed >= part.start) & (changed < part.stop)).any())
        facts.update(*(part.facts for part in inside))
    return facts


def _changed(before: bytes, after: bytes) -> np.ndarray:
    """Places of the old content that were changed; all after an insertion but the common end."""
    if len(before) == len(after):
        return np.flatnonzero(np.frombuffer(before, "u1") != np.frombuffer(after, "u1"))
    start, end = _common(before, after)
    return np.arange(start, max(len(before) - end, start + 1))


def _common(before: bytes, after: bytes) -> tuple[int, int]:
    """Lengths of the common beginning and of the common end."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    pairs = zip(reversed(before), reversed(after), strict=False)
    end = next((i for i, (one, other) in enumerate(pairs) if one != other), shorter)
    return start, min(end, shorter - start)


def _holds(part: Values, before: bytes, after: bytes) -> bool:
    """True where a value is one after the change as well."""
    grown = len(after) - len(before)
    if grown:
        start, end = _common(before, after)
        if not (part.start <= start and len(before) - end <= part.stop and part.pattern):
            return False
    text = after[part.start : part.stop + grown]
    return part.pattern is None or re.fullmatch(part.pattern.encode(), text, re.DOTALL) is not None
