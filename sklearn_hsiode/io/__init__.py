"""Readers of scenes in files."""

from sklearn_hsiode.io.mat import read_mat_scene

__all__ = ["read_mat_scene"]
