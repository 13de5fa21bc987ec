"""The ODE block solves its ODE, by whatever solver, and so do its gradients."""

import functools
import re

import numpy as np
import pytest
import torch
import torchdiffeq
from scipy.integrate import solve_ivp

from sklearn_hsiode.nn import SOLVERS, ODEBlock, ResidualUnit

EVALUATIONS_PER_STEP = {"euler": 1, "midpoint": 2, "heun2": 2, "heun3": 3, "rk4": 4}
FIXED_GRID_SOLVERS = [name for name, solver in SOLVERS.items() if not solver.adaptive]
ADAPTIVE_SOLVERS = [name for name, solver in SOLVERS.items() if solver.adaptive]
N_FILTERS = 4

all_solvers = pytest.mark.parametrize("solver", list(SOLVERS))
adaptive_solvers = pytest.mark.parametrize("solver", ADAPTIVE_SOLVERS)
both_ways = pytest.mark.parametrize("adjoint", [False, True], ids=["backprop", "adjoint"])
many_steps = pytest.mark.parametrize("n_steps", [1, 2, 3, 7])
# The Adams methods say so when their iteration does not converge, as on some of these dynamics.
unconverged = pytest.mark.filterwarnings("ignore:Functional iteration did not converge")


def block(solver="euler", n_filters=N_FILTERS, dtype=torch.float64, **parameters):
    """The same dynamics for every solver."""
    torch.manual_seed(0)
    made = ODEBlock(n_filters, solver=solver, **parameters).to(dtype)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name:
                parameter += 0.3 * torch.randn_like(parameter)
    return made


def smooth_block(solver="euler", **parameters):
    """Dynamics without kinks, every relu being open, for which a solver has its full order."""
    made = block(solver, **parameters)
    with torch.no_grad():
        made.dynamics.norm1.bias.fill_(5)
        made.dynamics.norm2.bias.fill_(5)
    return made


def image(n=2, n_filters=N_FILTERS, size=3, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_filters, size, size, dtype=dtype, generator=generator)


def unit_of(ode):
    """Residual unit with the weights of a block."""
    unit = ResidualUnit(N_FILTERS).double()
    weights = ode.dynamics.state_dict()
    unit.load_state_dict({name: w for name, w in weights.items() if not name.startswith("norm3")})
    return unit


def slope(ode, z):
    """Right-hand side of the block's ODE, from a residual unit and the block's last norm."""
    return ode.dynamics.norm3(unit_of(ode)(z) - z)


@functools.cache
def solution(of):
    """Solution at t = 1 of the ODE of `block` or `smooth_block`, by SciPy."""
    ode, x = of(), image()

    def derivative(t, z):
        with torch.no_grad():
            return slope(ode, torch.from_numpy(z).view(x.shape)).numpy().ravel()

    tolerance = 1e-11 if of is smooth_block else 1e-7  # kinks cost steps
    solved = solve_ivp(derivative, (0, 1), x.numpy().ravel(), rtol=tolerance, atol=tolerance)
    return torch.from_numpy(solved.y[:, -1]).view(x.shape)


@torch.no_grad()
def error(of, solver, **parameters):
    return (of(solver, **parameters)(image()) - solution(of)).abs().max().item()


def gradients(ode, x):
    x = x.clone().requires_grad_()
    ode(x).square().sum().backward()
    return [x.grad, *(parameter.grad for parameter in ode.parameters())]


def worst_relative_difference(some, others):
    pairs = zip(some, others, strict=True)
    return max(((a - b).norm() / b.norm()).item() for a, b in pairs)


# The solution


def test_one_euler_step_is_one_residual_unit_with_the_last_norm():
    ode, x = block(n_steps=1), image()
    torch.testing.assert_close(ode(x), x + ode.dynamics.norm3(unit_of(ode)(x) - x))


@pytest.mark.parametrize("n_steps", [2, 3, 10])
def test_euler_steps_are_residual_units_with_tied_weights(n_steps):
    ode, x = block(n_steps=n_steps), image()
    z = x
    for _ in range(n_steps):
        z = z + slope(ode, z) / n_steps
    torch.testing.assert_close(ode(x), z)


@many_steps
def test_midpoint_steps_are_those_of_its_formula(n_steps):
    ode, x = block("midpoint", n_steps=n_steps), image()
    z = x
    for _ in range(n_steps):
        z = z + slope(ode, z + slope(ode, z) / (2 * n_steps)) / n_steps
    torch.testing.assert_close(ode(x), z)


@many_steps
@pytest.mark.parametrize("solver", EVALUATIONS_PER_STEP)
def test_the_steps_are_those_of_torchdiffeq(solver, n_steps):
    ode, x = block(solver, n_steps=n_steps), image()
    times = torch.linspace(0, 1, n_steps + 1, dtype=x.dtype)
    expected = torchdiffeq.odeint(lambda t, z: slope(ode, z), x, times, method=solver)[-1]
    torch.testing.assert_close(ode(x), expected)


@pytest.mark.parametrize("solver", FIXED_GRID_SOLVERS)
def test_halving_the_steps_divides_the_error_by_two_to_the_order(solver):
    # Adams's methods take their first two steps with rk4, which few steps would show.
    few = 4 if solver in EVALUATIONS_PER_STEP else 32
    coarse, fine = (error(smooth_block, solver, n_steps=n) for n in (few, 2 * few))
    assert abs(np.log2(coarse / fine) - SOLVERS[solver].order) < 0.5


@pytest.mark.parametrize("solver", FIXED_GRID_SOLVERS)
def test_a_finer_grid_comes_closer_to_the_solution(solver):
    coarse, finer, fine = (error(smooth_block, solver, n_steps=n) for n in (8, 16, 32))
    assert coarse > finer > fine
    assert fine < (0.05 if solver == "euler" else 1e-3)


@unconverged
@pytest.mark.parametrize("solver", FIXED_GRID_SOLVERS)
def test_a_fine_grid_comes_close_to_the_solution_of_dynamics_with_kinks(solver):
    assert error(block, solver, n_steps=64) < (0.1 if solver == "euler" else 1e-2)


@adaptive_solvers
def test_an_adaptive_solver_comes_closer_the_tighter_its_tolerance(solver):
    loose, tight = (error(smooth_block, solver, rtol=tol, atol=tol) for tol in (1e-3, 1e-7))
    assert tight < loose
    assert tight < 1e-4


@adaptive_solvers
@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_a_tighter_tolerance_takes_more_evaluations(solver, name):
    loose, tight = (smooth_block(solver, **{"rtol": 0, "atol": 0, name: t}) for t in (1e-2, 1e-6))
    for ode in (loose, tight):
        ode(image())
    assert tight.n_function_evaluations > loose.n_function_evaluations


@adaptive_solvers
def test_an_adaptive_solver_chooses_its_steps_itself(solver):
    few, many = block(solver, n_steps=1), block(solver, n_steps=50)
    torch.testing.assert_close(few(image()), many(image()), rtol=0, atol=0)


@unconverged
@pytest.mark.parametrize(
    ("solver", "n_steps"),
    [(solver, n_steps) for solver in FIXED_GRID_SOLVERS for n_steps in (1, 2, 7)]
    + [(solver, 1) for solver in ADAPTIVE_SOLVERS],
)
@both_ways
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_every_solver_keeps_shape_and_type_and_gives_gradients(solver, n_steps, adjoint, dtype):
    ode = block(solver, adjoint=adjoint, n_steps=n_steps, dtype=dtype)
    x = image(dtype=dtype)
    with torch.no_grad():
        z = ode(x)
    assert z.shape == x.shape
    assert z.dtype == dtype
    assert z.isfinite().all()
    assert not torch.equal(z, x)
    for gradient in gradients(ode, x):
        assert gradient.dtype == dtype
        assert gradient.isfinite().all()


@unconverged
@all_solvers
@both_ways
def test_memory_layout_makes_no_difference(solver, adjoint):
    plain, x = block(solver, adjoint=adjoint), image()
    channels_last = block(solver, adjoint=adjoint).to(memory_format=torch.channels_last)
    for a, b in zip(
        gradients(plain, x),
        gradients(channels_last, x.to(memory_format=torch.channels_last)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@unconverged
@pytest.mark.parametrize("solver", FIXED_GRID_SOLVERS)
@pytest.mark.parametrize("n_steps", [1, 4, 8])
def test_on_a_fixed_grid_a_sample_does_not_depend_on_its_batch(solver, n_steps):
    ode = block(solver, n_steps=n_steps, dtype=torch.float32)
    x = image(n=6, dtype=torch.float32)
    with torch.no_grad():
        one_by_one = torch.cat([ode(one) for one in x.split(1)])
        torch.testing.assert_close(ode(x), one_by_one, rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", EVALUATIONS_PER_STEP)
def test_explicit_steps_on_a_grid_compile_into_one_graph(solver):
    # PyTorch refuses a full graph where values, such as those of times, decide what follows.
    ode, x = block(solver, n_steps=2), image()
    compiled = torch.compile(ode, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), ode(x))
    assert ode.n_function_evaluations == 2 * EVALUATIONS_PER_STEP[solver]


# Function evaluations


@many_steps
@pytest.mark.parametrize("solver", EVALUATIONS_PER_STEP)
@both_ways
def test_a_one_step_method_evaluates_the_same_number_of_times_in_every_step(
    solver, n_steps, adjoint
):
    ode = block(solver, n_steps=n_steps, adjoint=adjoint)
    ode(image())
    assert ode.n_function_evaluations == n_steps * EVALUATIONS_PER_STEP[solver]


@unconverged
@all_solvers
@both_ways
def test_the_evaluations_of_the_latest_forward_pass_are_counted(solver, adjoint):
    ode, calls = block(solver, adjoint=adjoint), []
    ode.dynamics.register_forward_hook(lambda *_: calls.append(1))
    assert ode.n_function_evaluations == 0
    for seed in range(3):
        calls.clear()
        result = ode(image(seed=seed).requires_grad_())
        n_forward = len(calls)
        assert ode.n_function_evaluations == n_forward > 0
        result.sum().backward()
        assert (len(calls) > n_forward) == adjoint
        assert ode.n_function_evaluations == n_forward


# Gradients


@pytest.mark.parametrize(
    ("solver", "n_steps"),
    [(solver, 10 if solver == "rk4" else 60) for solver in FIXED_GRID_SOLVERS[1:]],
)
def test_the_adjoint_gives_the_gradients_of_back_propagation_on_a_fine_grid(solver, n_steps):
    x = image()
    adjoint, back_propagated = (
        gradients(smooth_block(solver, n_steps=n_steps, adjoint=adjoint), x)
        for adjoint in (True, False)
    )
    assert worst_relative_difference(adjoint, back_propagated) < 1e-3


def test_the_adjoint_of_dynamics_with_kinks_gives_the_gradients_of_back_propagation():
    x = image()
    adjoint, back_propagated = (
        gradients(block("midpoint", n_steps=200, adjoint=adjoint), x) for adjoint in (True, False)
    )
    assert worst_relative_difference(adjoint, back_propagated) < 1e-3


@pytest.mark.parametrize("solver", sorted(set(ADAPTIVE_SOLVERS) - {"adaptive_heun"}))
def test_the_adjoint_gives_the_gradients_of_back_propagation_at_a_tight_tolerance(solver):
    x = image()
    adjoint, back_propagated = (
        gradients(smooth_block(solver, rtol=1e-7, atol=1e-7, adjoint=adjoint), x)
        for adjoint in (True, False)
    )
    assert worst_relative_difference(adjoint, back_propagated) < 1e-3


def test_back_propagation_gives_the_gradients_of_finite_differences():
    ode = smooth_block("rk4", n_steps=3)
    x = image(n=1, size=2).requires_grad_()
    assert torch.autograd.gradcheck(ode, x)


def saved_bytes(ode, x):
    """Bytes that autograd keeps for the backward pass."""
    sizes = []

    def pack(tensor):
        sizes.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        ode(x.requires_grad_())
    return sum(sizes)


@unconverged
@pytest.mark.parametrize("solver", FIXED_GRID_SOLVERS)
def test_activations_saved_for_the_adjoint_do_not_grow_with_the_steps(solver):
    sizes = {saved_bytes(block(solver, n_steps=n, adjoint=True), image()) for n in (1, 2, 5, 40)}
    assert len(sizes) == 1
    assert sizes.pop() > 0


@pytest.mark.parametrize("solver", EVALUATIONS_PER_STEP)
def test_activations_saved_for_back_propagation_grow_linearly_with_the_steps(solver):
    one, two, three, twelve = (
        saved_bytes(block(solver, n_steps=n), image()) for n in (1, 2, 3, 12)
    )
    assert two - one >= EVALUATIONS_PER_STEP[solver] * image().nbytes
    assert three - two == two - one
    assert twelve - three == 9 * (two - one)


@adaptive_solvers
def test_activations_saved_for_the_adjoint_do_not_grow_with_the_evaluations(solver):
    loose, tight = (smooth_block(solver, rtol=tol, atol=tol, adjoint=True) for tol in (1e-2, 1e-6))
    assert saved_bytes(loose, image()) == saved_bytes(tight, image())
    assert loose.n_function_evaluations < tight.n_function_evaluations


# Parameters, and bad ones


def test_the_block_has_as_many_parameters_as_in_the_paper():
    assert sum(parameter.numel() for parameter in ODEBlock(64).parameters()) == 74_112


@pytest.mark.parametrize("solver", ["", "Euler", "rk45", "dopri", "scipy_solver", None, 4])
def test_an_unknown_solver_is_an_error_that_lists_every_known_one(solver):
    with pytest.raises(ValueError, match=f"Unknown solver {re.escape(repr(solver))}") as caught:
        ODEBlock(4, solver=solver)
    listed = re.findall(r"\w+", str(caught.value))
    assert set(SOLVERS) <= set(listed)


@pytest.mark.parametrize("n_steps", [0, -1, -100])
@pytest.mark.parametrize("solver", ["euler", "dopri5"])
def test_fewer_steps_than_one_are_an_error(solver, n_steps):
    with pytest.raises(ValueError, match=f"n_steps must be at least 1, got {n_steps}"):
        ODEBlock(4, solver=solver, n_steps=n_steps)


@adaptive_solvers
@both_ways
def test_a_step_size_that_underflows_is_an_error_with_remedies(solver, adjoint):
    ode = block(solver, adjoint=adjoint)
    with pytest.raises(RuntimeError, match="underflow in dt") as caught:
        ode(torch.full_like(image(), torch.nan))
    for part in [repr(solver), "rk4", "rtol", "atol", "lr", "float64"]:
        assert part in str(caught.value)


def test_another_failed_assertion_of_the_solver_is_passed_on(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("t must be strictly increasing or decreasing")

    monkeypatch.setattr(torchdiffeq, "odeint", fail)
    with pytest.raises(AssertionError, match="strictly increasing"):
        block("dopri5")(image())


def test_a_printed_block_tells_its_solver_and_what_steers_it():
    assert "solver='rk4', n_steps=3" in repr(ODEBlock(4, solver="rk4", n_steps=3))
    adaptive = repr(ODEBlock(4, solver="dopri5", rtol=0.5, atol=0.25, adjoint=True))
    assert "solver='dopri5', rtol=0.5, atol=0.25, adjoint=True" in adaptive
    assert "n_steps" not in adaptive
