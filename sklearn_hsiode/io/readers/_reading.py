"""How files are read: what goes wrong names the file, and what GDAL warns of is heard."""

from __future__ import annotations

import errno
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MESSAGE = 500  # characters of a message; a damaged file may have whole blocks of it in one
TOLD = "_names_its_file"  # marks errors that need no other name
# Errors that are raised where a file names an impossible place or size.
BY_CONTENT = (errno.EINVAL, errno.EOVERFLOW, errno.EFBIG)
# Loggers that the errors and warnings of GDAL go to.
OF_GDAL = ("rasterio._env", "rasterio._err")


@contextmanager
def reading(path: object, kind: str) -> Iterator[None]:
    """Name the file in whatever goes wrong while it is read.

    Parameters
    ----------
    path : object
        The file, or what messages call it.
    kind : str
        What it is read as, with its article: "a MATLAB file".

    Raises
    ------
    ValueError
        For all that a library raises: its text, and that of its causes, is told.
    OSError
        Where the file system is to blame.

    Notes
    -----
    Errors of our own, which name the file already, and ImportError pass.

    Examples
    --------
    >>> from sklearn_hsiode.io.readers._reading import reading
    >>> with reading("field.mat", "a MATLAB file"):
    ...     {}["cube"]
    Traceback (most recent call last):
    ValueError: field.mat cannot be read as a MATLAB file, and may be damaged: KeyError: 'cube'
    """
    try:
        yield
    except ImportError:
        raise
    except Exception as error:
        is_ours = type(error).__module__ == "builtins" and str(path) in str(error)
        if is_ours or TOLD in vars(error):
            vars(error)[TOLD] = True  # another file, perhaps, in whose reading this is
            raise
        number = getattr(error, "errno", None)
        if isinstance(error, OSError) and number and number not in BY_CONTENT:
            new: Exception = OSError(number, told(error), str(path))
        elif isinstance(error, MemoryError):
            new = ValueError(f"{path} takes more memory than there is: {told(error)}")
        else:
            new = ValueError(f"{path} cannot be read as {kind}, and may be damaged: {told(error)}")
        vars(new)[TOLD] = True
        raise new from error


def told(error: BaseException | None) -> str:
    """The text of an error, and that of its causes."""
    texts: list[str] = []
    while error is not None:
        text = getattr(error, "strerror", None) or str(error)
        text = " ".join(text.replace("See previous exception for details.", "").split())
        is_clear = " " in text and not isinstance(error, KeyError)
        texts.append(text if is_clear else f"{type(error).__name__}: {text}".rstrip(": "))
        error = error.__cause__ or error.__context__
    return ": ".join(text.rstrip(".: ") for text in dict.fromkeys(texts))[:MESSAGE]


class _Heard(threading.local):
    """What GDAL says while this thread listens, else None."""

    messages: list[str] | None = None
    is_passing = False  # a message on, through hooks that may lead back here


_heard = _Heard()


class _ListeningLogger(logging.Logger):
    """A logger whose records go to the thread that listens, whatever its level is."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        listens = _heard.messages is not None and level >= logging.INFO
        return listens or super().isEnabledFor(level)

    def handle(self, record: logging.LogRecord) -> None:
        if _heard.messages is not None and record.levelno >= logging.INFO:
            parts = record.args if isinstance(record.args, tuple) else ()  # the text comes last
            _heard.messages.append(str(parts[-1]) if parts else record.getMessage())
        else:
            super().handle(record)


_hook_lock = threading.Lock()
_hook_before = sys.unraisablehook


def _hear_unreadable(failure: sys.UnraisableHookArgs) -> None:
    """Hear a message that is not UTF-8, as damaged text is not: rasterio fails to log it."""
    if _heard.messages is not None and isinstance(failure.exc_value, UnicodeDecodeError):
        _heard.messages.append(bytes(failure.exc_value.object).decode(errors="replace"))
    elif _heard.is_passing:
        sys.__unraisablehook__(failure)
    else:
        _heard.is_passing = True
        try:
            _hook_before(failure)
        finally:
            _heard.is_passing = False


@contextmanager
def listening() -> Iterator[list[str]]:
    """What GDAL warns of in this thread, which it only logs.

    Yields
    ------
    messages : list of str
        Grows while GDAL reads. Errors that GDAL recovers from are in it as well.
    """
    global _hook_before
    with _hook_lock:
        if sys.unraisablehook is not _hear_unreadable:
            _hook_before, sys.unraisablehook = sys.unraisablehook, _hear_unreadable
    for name in OF_GDAL:
        logger: Any = logging.getLogger(name)
        logger.__class__ = _ListeningLogger  # there is no other way to GDAL's own handler
    before, _heard.messages = _heard.messages, []
    try:
        yield _heard.messages
    finally:
        _heard.messages = before
