"""The table of solvers tells what is so, and takes a method of the user's own."""

import inspect
import math
from pathlib import Path

import pytest
import torch
from torchdiffeq._impl.odeint import SOLVERS as TORCHDIFFEQ_METHODS

from sklearn_hsiode import ODENetClassifier
from sklearn_hsiode.nn import SOLVERS, ODEBlock, Solver

RALSTON = [[2 / 3], [1 / 4, 3 / 4]]
GUIDE = Path(__file__).parents[2] / "docs" / "solvers.md"


def logistic_error(solver, n_steps, **parameters):
    """Error of a block's solution of dz/dt = z (1 - z), which has a closed form."""
    block = ODEBlock(4, solver=solver, n_steps=n_steps, **parameters)
    block.dynamics.forward = lambda t, z: z * (1 - z)
    z = torch.linspace(0.1, 0.9, 16, dtype=torch.float64).view(1, 4, 2, 2)
    with torch.no_grad():
        return (block(z) - z / (z + (1 - z) * math.exp(-1))).abs().max().item()


@pytest.fixture
def ralston(monkeypatch):
    monkeypatch.setitem(SOLVERS, "ralston", Solver(order=2, tableau=RALSTON, source="Ralston 1962"))
    return "ralston"


def test_every_solver_of_torchdiffeq_is_offered_but_the_one_that_leaves_pytorch():
    assert set(SOLVERS) == set(TORCHDIFFEQ_METHODS) - {"scipy_solver", "explicit_runge_kutta"}


@pytest.mark.parametrize("name", [name for name, solver in SOLVERS.items() if solver.adaptive])
def test_the_order_of_an_adaptive_solver_is_the_one_of_torchdiffeq(name):
    assert SOLVERS[name].order == TORCHDIFFEQ_METHODS[name].order


@pytest.mark.parametrize("adjoint", [False, True], ids=["backprop", "adjoint"])
def test_a_method_of_the_users_own_has_the_order_of_its_entry(ralston, adjoint):
    coarse, fine = (logistic_error(ralston, n_steps, adjoint=adjoint) for n_steps in (8, 16))
    assert abs(math.log2(coarse / fine) - SOLVERS[ralston].order) < 0.2


def test_the_adjoint_of_a_users_own_method_gives_the_gradients_of_back_propagation(ralston):
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradients = []
    for adjoint in (False, True):
        torch.manual_seed(0)
        block = ODEBlock(4, solver=ralston, n_steps=100, adjoint=adjoint).double()
        for norm in (block.dynamics.norm1, block.dynamics.norm2):
            torch.nn.init.constant_(norm.bias, 5)  # every relu is open, so that f is smooth
        block(x).square().sum().backward()
        assert block.n_function_evaluations == 200
        gradients.append([parameter.grad for parameter in block.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("adjoint", [False, True], ids=["backprop", "adjoint"])
def test_a_classifier_trains_with_a_users_own_method(ralston, pixels, adjoint):
    X, y = pixels
    parameters = {"n_filters": 4, "max_epochs": 2, "n_steps": 3, "random_state": 0}
    model = ODENetClassifier(solver=ralston, adjoint=adjoint, **parameters).fit(X[::8], y[::8])
    assert model.n_function_evaluations_ == 6
    assert model.net_.module_.network.n_function_evaluations > 0
    assert model.with_solver(ralston, n_steps=8).predict(X).shape == y.shape


def test_a_users_own_solver_without_a_tableau_needs_a_method_of_torchdiffeq(monkeypatch):
    monkeypatch.setitem(SOLVERS, "mine", Solver(order=3, source="unpublished"))
    with pytest.raises(ValueError, match="no method 'mine': give its entry in SOLVERS a tableau"):
        ODEBlock(4, solver="mine")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tableau": []}, "tableau must hold rows of 1, 2, 3"),
        ({"tableau": [[0, 0], [1, 0]]}, r"got rows of \[2, 2\]"),
        ({"tableau": [[1], [1 / 2, 1 / 4]]}, "last row of tableau must sum to 1"),
        ({"tableau": [[1]], "adaptive": True}, "leave adaptive=False"),
    ],
)
def test_a_tableau_that_is_none_of_an_explicit_method_is_an_error(parameters, message):
    with pytest.raises(ValueError, match=message):
        Solver(order=1, source="nobody", **parameters)


@pytest.mark.parametrize("documented", [ODEBlock, ODENetClassifier])
def test_docstrings_list_the_solvers(documented):
    doc = inspect.getdoc(documented)
    assert "<solvers>" not in doc
    assert all(f'"{name}"' in doc for name in SOLVERS)


def test_the_guide_lists_the_solvers_as_they_are():
    rows = [line.strip("| ").split(" | ") for line in GUIDE.read_text().splitlines()]
    listed = [row for row in rows if row[0].strip("`") in SOLVERS and len(row) == 4]
    assert listed == [
        [f"`{name}`", "adaptive" if s.adaptive else "fixed grid", str(s.order), s.source]
        for name, s in SOLVERS.items()
    ]
