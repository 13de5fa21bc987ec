"""scikit-learn classifiers around a skorch net."""

from sklearn_hsiode.classifiers.odenet import ODENetClassifier
from sklearn_hsiode.classifiers.resnet import ResNetClassifier

__all__ = ["ODENetClassifier", "ResNetClassifier"]
