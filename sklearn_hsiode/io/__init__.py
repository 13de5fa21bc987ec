"""Readers of scenes in files, and writers of maps."""

from sklearn_hsiode.io._read import read_scene

__all__ = ["read_scene"]
