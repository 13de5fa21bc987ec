"""Hyperspectral image classification with neural ODEs, as scikit-learn estimators."""

from sklearn_hsiode._mapping import predict_map
from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._spectral import SpectralTransformer
from sklearn_hsiode.classifiers import ODENetClassifier, PatchNetClassifier, ResNetClassifier
from sklearn_hsiode.io import read_scene, read_scenes
from sklearn_hsiode.persistence import load_model, save_model

__version__ = "0.1.0"

__all__ = [
    "ODENetClassifier",
    "PatchExtractor",
    "PatchNetClassifier",
    "PixelSamples",
    "ResNetClassifier",
    "Scene",
    "SpectralTransformer",
    "load_model",
    "predict_map",
    "read_scene",
    "read_scenes",
    "save_model",
]
