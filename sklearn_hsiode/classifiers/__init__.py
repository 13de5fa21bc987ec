"""scikit-learn classifiers around a skorch net."""

from sklearn_hsiode.classifiers._odenet import ODENetClassifier
from sklearn_hsiode.classifiers._patchnet import PatchNetClassifier
from sklearn_hsiode.classifiers._resnet import ResNetClassifier

__all__ = ["ODENetClassifier", "PatchNetClassifier", "ResNetClassifier"]
