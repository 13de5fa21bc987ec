"""The judgement on what a reader makes of a damaged file."""

import logging
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sklearn_hsiode
from tests.robustness.child import Verdict
from tests.robustness.samples import Facts, Values, cannot_be_told

PACKAGE = Path(sklearn_hsiode.__file__).parent
# A clear error is one of these, and none of their subclasses that say what went on inside.
CLEAR = (ValueError, TypeError, OSError, FileNotFoundError, IsADirectoryError, PermissionError)
GOOD = ("same", "error", "warning", "cannot be told")
BAD = ("silent", "foreign error", "hang", "death")


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


def judged_error(error: BaseException, names: Collection[str]) -> Verdict:
    """Whether an error is one of the package's that names the file."""
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    details = f"{type(error).__module__}.{type(error).__name__}: {error}"
    where = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip().replace("\n", " ")
    message = str(error)
    is_ours = PACKAGE in raised_in.parents
    says_why = not message.rstrip().endswith(": ")
    if type(error) in CLEAR and is_ours and any(name in message for name in names) and says_why:
        return Verdict("error", details)
    return Verdict("foreign error", f"{details} | {where}")


def judged(
    read: Callable[[Path], Facts],
    folder: Path,
    truth: Facts,
    values: tuple[Values, ...],
    old: Mapping[str, bytes],
    new: Mapping[str, bytes],
) -> Verdict:
    """Read damaged files, and compare what is read with what the whole ones held."""
    names = {Path(name).name for name in new} | {Path(name).stem for name in old}
    with listening() as messages:
        try:
            found = read(folder)
        except BaseException as error:
            return judged_error(error, names)
    differing = sorted(name for name in truth if not same(found.get(name), truth[name]))
    if not differing:
        return Verdict("same")
    if any(name in message for name in names for message in messages):
        return Verdict("warning", "; ".join(messages))
    if set(differing) <= cannot_be_told(values, old, new):
        return Verdict("cannot be told", ", ".join(differing))
    shown = {name: (truth[name], found.get(name)) for name in differing}
    short = {name: pair for name, pair in shown.items() if not isinstance(pair[0], bytes)}
    return Verdict("silent", f"{', '.join(differing)} differ: {short}; warned: {messages}")


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)
