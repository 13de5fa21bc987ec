"""Pictures of scenes, spectra, maps and trainings, in the manner of scikit-learn's displays."""

from sklearn_hsiode.plotting.history import TrainingHistoryDisplay
from sklearn_hsiode.plotting.maps import ClassificationMapDisplay
from sklearn_hsiode.plotting.scene import SceneDisplay
from sklearn_hsiode.plotting.spectra import SpectraDisplay

__all__ = ["ClassificationMapDisplay", "SceneDisplay", "SpectraDisplay", "TrainingHistoryDisplay"]
