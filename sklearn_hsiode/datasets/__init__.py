"""Scenes to try things on."""

from sklearn_hsiode.datasets.synthetic import make_scene

__all__ = ["make_scene"]
