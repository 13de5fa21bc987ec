"""SOLVERS: the methods that solve the ODE of an ODE block."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TypeVar

from sklearn_hsiode._arguments import Constraints, Integer, check

Class = TypeVar("Class", bound=type)
Tableau = Sequence[Sequence[float]]


OF_SOLVERS: Constraints = {
    "order": [Integer(1)],
    "source": [str],
    "adaptive": ["boolean"],
    "tableau": [list, tuple, None],
}


@dataclass(frozen=True, kw_only=True)
class Solver:
    """Method that solves an ODE, an entry of :data:`sklearn_hsiode.nn.SOLVERS`.

    A method of your own is one more entry: an explicit Runge-Kutta method by its tableau.

    Parameters
    ----------
    order : int
        Order of convergence: halving the steps divides the error by ``2**order``.
    source : str
        Publication of the method.
    adaptive : bool, default=False
        Whether the method chooses its steps by the tolerances, instead of equal steps on a
        fixed grid.
    tableau : sequence of sequences of float, default=None
        Butcher tableau of an explicit method on a fixed grid, for an autonomous f: row i holds
        the weights of the i slopes before stage i + 1, the last row those of the step. Without
        one, the name of the entry must be a method of :func:`torchdiffeq.odeint`. With
        ``adjoint=True``, torchdiffeq's method of that name, if any, is used instead.

    Raises
    ------
    ValueError, TypeError
        When the tableau is not that of an explicit method on a fixed grid, or an argument is of
        another type.

    Examples
    --------
    >>> import torch
    >>> from sklearn_hsiode.nn import SOLVERS, ODEBlock, Solver
    >>> SOLVERS["ralston"] = Solver(
    ...     order=2, tableau=[[2 / 3], [1 / 4, 3 / 4]], source="Ralston, Math. Comp. 16, 1962"
    ... )
    >>> block = ODEBlock(4, solver="ralston", n_steps=3)
    >>> block(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    >>> block.n_function_evaluations
    6
    >>> del SOLVERS["ralston"]
    """

    order: int
    source: str
    adaptive: bool = False
    tableau: Tableau | None = None

    def __post_init__(self) -> None:
        check("Solver", OF_SOLVERS, **vars(self))
        if self.tableau is None:
            return
        if self.adaptive:
            raise ValueError("A tableau takes equal steps: leave adaptive=False, or tableau out.")
        if not all(
            hasattr(row, "__len__")
            and all(isinstance(weight, Real) and math.isfinite(weight) for weight in row)
            for row in self.tableau
        ):
            raise TypeError(f"tableau must hold rows of numbers, got {self.tableau!r}.")
        lengths = [len(row) for row in self.tableau]
        if not lengths or lengths != list(range(1, len(lengths) + 1)):
            raise ValueError(
                "tableau must hold rows of 1, 2, 3 ... weights, the last row those of the step,"
                f" got rows of {lengths}."
            )
        if not math.isclose(sum(self.tableau[-1]), 1):
            raise ValueError(
                f"The last row of tableau must sum to 1, got {list(self.tableau[-1])}."
            )


_HEUN = "Heun, Z. Math. Phys. 45, 1900"
_MOULTON = Solver(order=4, source="Moulton, New Methods in Exterior Ballistics, 1926")

SOLVERS: dict[str, Solver] = {
    "euler": Solver(order=1, tableau=[[1]], source="Euler, Institutionum calculi integralis, 1768"),
    "midpoint": Solver(order=2, tableau=[[1 / 2], [0, 1]], source="Runge, Math. Ann. 46, 1895"),
    "heun2": Solver(order=2, tableau=[[1], [1 / 2, 1 / 2]], source=_HEUN),
    "heun3": Solver(order=3, tableau=[[1 / 3], [0, 2 / 3], [1 / 4, 0, 3 / 4]], source=_HEUN),
    "rk4": Solver(
        order=4,
        tableau=[[1 / 3], [-1 / 3, 1], [1, -1, 1], [1 / 8, 3 / 8, 3 / 8, 1 / 8]],
        source="Kutta, Z. Math. Phys. 46, 1901 (3/8 rule)",
    ),
    "explicit_adams": Solver(
        order=3, source="Bashforth & Adams, Theories of Capillary Action, 1883"
    ),
    "implicit_adams": _MOULTON,
    "fixed_adams": _MOULTON,
    "dopri5": Solver(
        order=5, adaptive=True, source="Dormand & Prince, J. Comput. Appl. Math. 6, 1980"
    ),
    "dopri8": Solver(
        order=8, adaptive=True, source="Prince & Dormand, J. Comput. Appl. Math. 7, 1981"
    ),
    "bosh3": Solver(order=3, adaptive=True, source="Bogacki & Shampine, Appl. Math. Lett. 2, 1989"),
    "fehlberg2": Solver(order=2, adaptive=True, source="Fehlberg, NASA TR R-315, 1969"),
    "adaptive_heun": Solver(order=2, adaptive=True, source=_HEUN),
}


def listed_solvers() -> str:
    """Names of the solvers by kind, for errors and docstrings."""
    grid, adaptive = (
        ", ".join(f'"{name}"' for name, solver in SOLVERS.items() if solver.adaptive == kind)
        for kind in (False, True)
    )
    return f"On a fixed grid: {grid}. Adaptive: {adaptive}."


def with_listed_solvers(cls: Class) -> Class:
    """Put the names of the solvers into a class docstring, at the mark ``<solvers>``."""
    doc = inspect.cleandoc(cls.__doc__ or "")  # some versions of Python have stripped it already
    cls.__doc__ = doc.replace("<solvers>", "\n    ".join(textwrap.wrap(listed_solvers(), 90)))
    return cls
