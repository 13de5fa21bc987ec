"""Readers of scenes in files, and writers of maps."""

from sklearn_hsiode.io._read import read_scene
from sklearn_hsiode.io._read_scenes import read_scenes

__all__ = ["read_scene", "read_scenes"]
