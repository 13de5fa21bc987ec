"""The networks of Paoletti et al. (IGARSS 2019) as plain PyTorch modules."""

from sklearn_hsiode.nn._contract import SharedStem
from sklearn_hsiode.nn._networks import ODENet, ResNet
from sklearn_hsiode.nn._ode import ADAPTIVE_SOLVERS, FIXED_GRID_SOLVERS, ODEBlock
from sklearn_hsiode.nn._residual import ResidualUnit

__all__ = [
    "ADAPTIVE_SOLVERS",
    "FIXED_GRID_SOLVERS",
    "ODEBlock",
    "ODENet",
    "ResNet",
    "ResidualUnit",
    "SharedStem",
]
