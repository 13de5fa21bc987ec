"""The ODE block: a residual unit whose depth is continuous."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torchdiffeq
from torch import Tensor, nn
from torchdiffeq._impl.odeint import SOLVERS as TORCHDIFFEQ_METHODS

from sklearn_hsiode._arguments import Constraints, Integer, Number, checked
from sklearn_hsiode.nn._contract import WIDTH, check_images
from sklearn_hsiode.nn._residual import conv3x3, group_norm
from sklearn_hsiode.nn._solvers import (
    SOLVERS,
    Tableau,
    listed_solvers,
    with_listed_solvers,
)

#: Constraints of how an ODE is solved, apart from the solver.
SOLVING: Constraints = {
    "n_steps": [Integer(None, 1000)],
    "rtol": [Number(0, closed="left")],
    "atol": [Number(0, closed="left")],
    "adjoint": ["boolean"],
}


@contextmanager
def explained_failures(solver: str) -> Iterator[None]:
    """Turn torchdiffeq's failed assertions, in a forward or backward pass, into advice."""
    try:
        yield
    except AssertionError as error:
        causes = [
            cause for cause in ("underflow in dt", "non-finite values") if cause in str(error)
        ]
        if not causes:
            raise
        raise RuntimeError(
            f"The ODE's solver {solver!r} has failed ({causes[0]}): the dynamics have become too"
            " steep for its step sizes, or hold NaN. Use a fixed-grid solver such as 'rk4', larger"
            " rtol and atol, a smaller lr, or precision='float64'."
        ) from error


class Dynamics(nn.Module):
    """Right-hand side f(z) of the ODE, which counts its evaluations.

    norm, relu, 3 x 3 convolution, norm, relu, 3 x 3 convolution, norm; autonomous, that
    is without a time channel.
    """

    def __init__(self, n_filters: int) -> None:
        super().__init__()
        self.n_evaluations = 0
        self.norm1 = group_norm(n_filters)
        self.conv1 = conv3x3(n_filters)
        self.norm2 = group_norm(n_filters)
        self.conv2 = conv3x3(n_filters)
        self.norm3 = group_norm(n_filters)

    def forward(self, t: Tensor | None, z: Tensor) -> Tensor:
        self.n_evaluations += 1
        z = self.conv1(self.norm1(z).relu())
        z = self.conv2(self.norm2(z).relu())
        return self.norm3(z)


def explicit_steps(
    f: Callable[[Tensor | None, Tensor], Tensor],
    t: Tensor | None,
    z: Tensor,
    tableau: Tableau,
    n_steps: int,
) -> Tensor:
    """State after equal explicit steps through a unit of time; f is autonomous."""
    dt = 1 / n_steps
    for _ in range(n_steps):
        slopes: list[Tensor] = []
        stage = z
        for weights in tableau:
            slopes.append(f(t, stage))
            stage = z
            for weight, slope in zip(weights, slopes, strict=True):
                if weight:
                    stage = stage.add(slope, alpha=dt * weight)
        z = stage
    return z


class ExplicitRungeKutta:
    """Explicit steps as a method of torchdiffeq's, whose adjoint takes methods by name only."""

    name = "explicit_runge_kutta"

    def __init__(
        self, func: Any, y0: Tensor, *, tableau: Tableau, n_steps: int, **unused: Any
    ) -> None:
        self.func = func
        self.y0 = y0
        self.tableau = tableau
        self.n_steps = n_steps

    @classmethod
    def valid_callbacks(cls) -> set[str]:
        return set()

    def integrate(self, t: Tensor) -> Tensor:
        end = explicit_steps(self.func, t[0], self.y0, self.tableau, self.n_steps)
        return torch.stack([self.y0, end])


TORCHDIFFEQ_METHODS[ExplicitRungeKutta.name] = ExplicitRungeKutta


@with_listed_solvers
class ODEBlock(nn.Module):
    r"""Solution at :math:`t = 1` of :math:`\dot z = f(z),\ z(0) = x`.

    :math:`f` is the residual branch of a :class:`ResidualUnit` with a normalisation after
    it, so one Euler step of size 1 is one residual unit.

    Parameters
    ----------
    n_filters : int, default=64
        Channels of input and output.
    solver : str, default="euler"
        A name in :data:`sklearn_hsiode.nn.SOLVERS`.
        <solvers>
        The adaptive ones choose one step size for the whole batch, so that a result depends on
        the batch within the tolerances.
    n_steps : int, default=2
        Equal steps of a fixed-grid solver.
    rtol, atol : float, default=1e-3
        Relative and absolute tolerance of an adaptive solver.
    adjoint : bool, default=False
        Get gradients from the adjoint ODE, solved backwards in time, instead of by
        back-propagation through the solver. Saved activations then do not grow with the
        number of steps.

    Attributes
    ----------
    n_function_evaluations : int
        Evaluations of f in the latest forward pass.

    Raises
    ------
    ValueError, TypeError
        For a solver that is not in :data:`SOLVERS`, or neither has a tableau nor is one of
        torchdiffeq's, or for an argument of another type or out of its range.
    RuntimeError
        In the forward pass, when an adaptive solver's step size underflows or its state
        holds NaN.

    References
    ----------
    Chen, Rubanova, Bettencourt & Duvenaud, "Neural ordinary differential equations",
    NeurIPS 2018.

    Examples
    --------
    >>> import torch
    >>> from sklearn_hsiode.nn import ODEBlock
    >>> block = ODEBlock(64, solver="rk4", n_steps=2)
    >>> block(torch.zeros(1, 64, 5, 5)).shape
    torch.Size([1, 64, 5, 5])
    >>> block.n_function_evaluations
    8
    """

    @checked(n_filters=WIDTH, **SOLVING)
    def __init__(
        self,
        n_filters: int = 64,
        *,
        solver: str = "euler",
        n_steps: int = 2,
        rtol: float = 1e-3,
        atol: float = 1e-3,
        adjoint: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(solver, str) or solver not in SOLVERS:
            raise ValueError(
                f"Unknown solver {solver!r}. {listed_solvers()} Add a method of your own to"
                " sklearn_hsiode.nn.SOLVERS."
            )
        if SOLVERS[solver].tableau is None and solver not in TORCHDIFFEQ_METHODS:
            raise ValueError(
                f"torchdiffeq has no method {solver!r}: give its entry in SOLVERS a tableau."
            )
        if n_steps < 1:
            raise ValueError(f"n_steps must be at least 1, got {n_steps}.")
        self.dynamics = Dynamics(n_filters)
        self.solver = solver
        self.n_steps = n_steps
        self.rtol = rtol
        self.atol = atol
        self.adjoint = adjoint
        self.n_function_evaluations = 0

    def forward(self, x: Tensor) -> Tensor:
        check_images("x", x, self.dynamics.conv1.in_channels)
        self.dynamics.n_evaluations = 0
        tableau = SOLVERS[self.solver].tableau
        if tableau is not None and not self.adjoint:
            # torchdiffeq compares the times of each step, and a GPU would have to answer first.
            solution = explicit_steps(self.dynamics, None, x, tableau, self.n_steps)
        else:
            solution = self._solved_by_torchdiffeq(x)
        self.n_function_evaluations = self.dynamics.n_evaluations
        return solution

    def _solved_by_torchdiffeq(self, x: Tensor) -> Tensor:
        odeint = torchdiffeq.odeint_adjoint if self.adjoint else torchdiffeq.odeint
        solver, method = SOLVERS[self.solver], self.solver
        rtol, atol = self.rtol, self.atol
        options: dict[str, Any] = {}
        if solver.tableau is not None and method not in TORCHDIFFEQ_METHODS:
            method = ExplicitRungeKutta.name
            options = {"tableau": solver.tableau, "n_steps": self.n_steps}
        elif not solver.adaptive:
            options["grid_constructor"] = self._grid
            if solver.tableau is None:  # a method of Adams's
                options["max_order"] = 4  # higher ones diverge on dynamics with kinks, as relu's
                # The corrector would iterate until the whole batch agrees within the tolerances,
                # and a result depend on its batch: without tolerances, it corrects once.
                rtol = atol = 1e9
        with explained_failures(self.solver):
            states: Tensor = odeint(
                self.dynamics,
                x,
                torch.tensor([0.0, 1.0], dtype=x.dtype, device=x.device),
                method=method,
                rtol=rtol,
                atol=atol,
                options=options,
            )
        return states[-1]

    def _grid(self, func: Any, y0: Tensor, t: Tensor) -> Tensor:
        # From the ends of t, which the adjoint ODE runs backwards.
        grid = torch.linspace(0, 1, self.n_steps + 1, dtype=t.dtype, device=t.device)
        return t[0] + (t[-1] - t[0]) * grid

    def extra_repr(self) -> str:
        steps = f"n_steps={self.n_steps}"
        if SOLVERS[self.solver].adaptive:
            steps = f"rtol={self.rtol}, atol={self.atol}"
        return f"solver={self.solver!r}, {steps}, adjoint={self.adjoint}"
