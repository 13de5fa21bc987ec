"""The judgement on what a reader makes of a damaged file."""

import logging
import traceback
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sklearn_hsiode
from tests.robustness.child import Verdict
from tests.robustness.parts import put_together, taken_apart
from tests.robustness.samples import Sample, put_back

PACKAGE = Path(sklearn_hsiode.__file__).parent
# A clear error is one of these, and none of their subclasses that say what went on inside.
CLEAR = (ValueError, TypeError, OSError, FileNotFoundError, IsADirectoryError, PermissionError)
GOOD = ("same", "error", "warning", "cannot be told")
BAD = ("silent", "foreign error", "hang", "death", "ran code")


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect all warnings, of Python and of the package's loggers."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                messages.append(record.getMessage())

    logger = logging.getLogger("sklearn_hsiode")
    handler = Collector()
    logger.addHandler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield messages
        finally:
            logger.removeHandler(handler)
            messages += [str(warning.message) for warning in caught]


def is_ours(error: BaseException) -> bool:
    """True where the package itself raises an error."""
    return PACKAGE in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parents


def judged_error(error: BaseException, names: Collection[str]) -> Verdict:
    """Whether an error is one of the package's that names the file."""
    details = f"{type(error).__module__}.{type(error).__name__}: {error}"
    where = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip().replace("\n", " ")
    message = str(error)
    says_why = not message.rstrip().endswith(": ")
    if (
        type(error) in CLEAR
        and is_ours(error)
        and any(name in message for name in names)
        and says_why
    ):
        return Verdict("error", details)
    return Verdict("foreign error", f"{details} | {where}")


def judged(sample: Sample, new: Mapping[str, bytes], folder: Path) -> Verdict:
    """Read damaged files, and compare what is read with what the whole ones held."""
    names = {*sample.files, *new}
    differing, shown = set[str](), ""
    with listening() as messages:
        try:
            differing, shown = differences(sample, new, folder)
        except BaseException as error:
            return judged_error(error, names)
    if not differing:
        return Verdict("same")
    of_damage = without(folder, messages) - sample.messages
    if any(name in message for name in names for message in of_damage):
        return Verdict("warning", "; ".join(sorted(of_damage)))
    files, facts = put_back(sample.values, taken_apart(sample.files), taken_apart(new))
    if facts:  # do all other changes change nothing?
        try:
            rest, _ = differences(sample, put_together(files), folder)
        except BaseException:
            rest = differing
        if not rest and differing <= facts:
            return Verdict("cannot be told", ", ".join(sorted(differing)))
    return Verdict("silent", f"{shown}; warned: {messages}")


def without(folder: Path, messages: Collection[str]) -> frozenset[str]:
    """Messages as they read wherever the files lie."""
    return frozenset(message.replace(str(folder), "") for message in messages)


def differences(sample: Sample, files: Mapping[str, bytes], folder: Path) -> tuple[set[str], str]:
    """Facts that are not those of the whole files, and how they read."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found = sample.read(folder)
    differing = {name for name in sample.truth if not same(found.get(name), sample.truth[name])}
    shown = {
        name: (sample.truth[name], found.get(name))
        for name in differing
        if not isinstance(sample.truth[name], bytes)
    }
    return differing, f"{', '.join(sorted(differing))} differ: {shown}"


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)
