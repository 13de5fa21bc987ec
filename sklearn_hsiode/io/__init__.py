"""Readers of scenes in files."""

from sklearn_hsiode.io.arrays import read_scene

__all__ = ["read_scene"]
