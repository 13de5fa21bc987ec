"""Readers of scenes in files, and writers of maps."""

from sklearn_hsiode.io.file_scene import FileScene
from sklearn_hsiode.io.read import read_scene

__all__ = ["FileScene", "read_scene"]
