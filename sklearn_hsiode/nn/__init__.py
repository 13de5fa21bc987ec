"""The networks of Paoletti et al. (IGARSS 2019) as plain PyTorch modules."""

from sklearn_hsiode.nn._contract import SharedStem
from sklearn_hsiode.nn._networks import ODENet, ResNet
from sklearn_hsiode.nn._ode import ODEBlock
from sklearn_hsiode.nn._residual import ResidualUnit
from sklearn_hsiode.nn._solvers import SOLVERS, Solver

__all__ = [
    "SOLVERS",
    "ODEBlock",
    "ODENet",
    "ResNet",
    "ResidualUnit",
    "SharedStem",
    "Solver",
]
