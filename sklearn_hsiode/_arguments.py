"""Checks of arguments: scikit-learn's validation of parameters, in which True is no number."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from math import isfinite
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from joblib import cpu_count
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import HasMethods as _HasMethods
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from torch import OutOfMemoryError

__all__ = [
    "JOBS",
    "PATH",
    "Constraints",
    "HasMethods",
    "Integer",
    "Number",
    "Options",
    "StrOptions",
    "check",
    "checked",
    "jobs_of",
    "naming",
]

Constraints = dict[str, list[Any]]
Function = TypeVar("Function", bound=Callable[..., Any])


class Integer(Interval):
    """An integer from a least one to a largest one, where they are given."""

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        closed = {(False, False): "both", (False, True): "left", (True, False): "right"}
        ends = least is None, most is None
        super().__init__(Integral, least, most, closed=closed.get(ends, "neither"))

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool) and bool(super().is_satisfied_by(val))


class Number(Interval):
    """A finite number in an interval, as :class:`~numbers.Real`."""

    def __init__(
        self, left: float | None = None, right: float | None = None, *, closed: str = "both"
    ) -> None:
        super().__init__(Real, left, right, closed=closed)

    def is_satisfied_by(self, val: Any) -> bool:
        if isinstance(val, bool) or not isinstance(val, int | float | np.integer | np.floating):
            return False
        try:
            return isfinite(val) and bool(super().is_satisfied_by(val))
        except OverflowError:  # of an integer that is beyond all floats
            return False


class HasMethods(_HasMethods):
    """An object, but no class, that has methods."""

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, type) and bool(super().is_satisfied_by(val))

    def __str__(self) -> str:
        return str(super().__str__()).replace("an object", "an instance")


class Path(Options):
    """A name that a file or a folder can have."""

    def __init__(self) -> None:
        super().__init__(str, set())

    def is_satisfied_by(self, val: Any) -> bool:
        try:
            name = os.fsencode(val)
        except (TypeError, UnicodeEncodeError):
            return False
        return not isinstance(val, bytes) and bool(name) and b"\0" not in name

    def __str__(self) -> str:
        return "a path"


#: A path of a file or a folder.
PATH: list[Any] = [Path()]


def jobs_of(n_cores: int) -> list[Any]:
    """Constraint of a number of jobs, as joblib has it: negative ones count back from all cores.

    OpenMP ends the process where the system refuses it a thread.
    """
    return [Integer(None, -1), Integer(1, max(64, 4 * n_cores)), None]


#: A number of threads, or of processes, of this machine.
JOBS = jobs_of(cpu_count())


def check(who: str, constraints: Constraints, **arguments: Any) -> None:
    """Raise InvalidParameterError, a TypeError and ValueError, for an argument that is not valid.

    Parameters
    ----------
    who : str
        Whose arguments they are.
    constraints : dict of str to list
        What each argument may be, in the terms of scikit-learn's `_parameter_constraints`.
    **arguments
        The arguments.
    """
    validate_parameter_constraints(constraints, arguments, who)


def checked(**constraints: list[Any]) -> Callable[[Function], Function]:
    """Decorate a function so that it checks its arguments before it runs.

    Parameters
    ----------
    **constraints
        What each argument may be, as in :func:`check`.

    Examples
    --------
    >>> from sklearn_hsiode._arguments import Integer, checked
    >>> @checked(n=[Integer(1)])
    ... def doubled(n):
    ...     return 2 * n
    >>> doubled(True)
    Traceback (most recent call last):
    ...
    sklearn.utils._param_validation.InvalidParameterError: The 'n' parameter of doubled must be \
an int in the range [1, inf). Got True instead.
    """

    def decorate(function: Function) -> Function:
        parameters = signature(function)
        who = function.__qualname__.removesuffix(".__init__")

        @wraps(function)
        def checking(*args: Any, **kwargs: Any) -> Any:
            try:
                given = parameters.bind(*args, **kwargs)
            except TypeError:  # Python says it better
                return function(*args, **kwargs)
            given.apply_defaults()
            check(who, constraints, **{name: given.arguments[name] for name in constraints})
            return function(*args, **kwargs)

        return checking  # type: ignore[return-value]

    return decorate


# What libraries raise of arguments that they cannot use: not what a disk or memory is the cause of.
PLAIN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
OF_ARRAYS = (*PLAIN, RuntimeError)  # and of what does not become an array


@contextmanager
def naming(arguments: str, errors: Any = PLAIN) -> Iterator[None]:
    """Put the names of arguments before what other libraries say of their values.

    Parameters
    ----------
    arguments : str
        Such as "y_true, y_pred".
    errors : tuple of class, default=PLAIN
        Which errors become TypeError, IndexError or ValueError.

    Examples
    --------
    >>> from sklearn_hsiode._arguments import naming
    >>> with naming("share"):
    ...     float("a half")
    Traceback (most recent call last):
    ...
    ValueError: share: could not convert string to float: 'a half'
    """
    try:
        yield
    except (NotFittedError, OutOfMemoryError):
        raise
    except errors as error:
        if isinstance(error, PLAIN) and any(
            re.search(rf"\b{name}\b", str(error)) for name in arguments.split(", ")
        ):
            raise
        kinds = (kind for kind in (TypeError, IndexError) if isinstance(error, kind))
        raise next(kinds, ValueError)(f"{arguments}: {error}") from error
