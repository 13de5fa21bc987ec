"""Pictures of scenes, spectra, maps and trainings, in the manner of scikit-learn's displays."""

from sklearn_hsiode._colors import class_colors
from sklearn_hsiode.plotting._history import TrainingHistoryDisplay
from sklearn_hsiode.plotting._maps import ClassificationMapDisplay
from sklearn_hsiode.plotting._scene import SceneDisplay
from sklearn_hsiode.plotting._spectra import SpectraDisplay

__all__ = [
    "ClassificationMapDisplay",
    "SceneDisplay",
    "SpectraDisplay",
    "TrainingHistoryDisplay",
    "class_colors",
]
