"""Whole estimators, unfitted: those of the paper, and those that are tuned on unseen ground."""

from sklearn_hsiode.recipes._paper import PAPER, Recipe, paper
from sklearn_hsiode.recipes._tuned import VIEWS, tuned

__all__ = ["PAPER", "VIEWS", "Recipe", "paper", "tuned"]
