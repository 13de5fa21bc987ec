"""The field's measures of a classification: functions, scorers, and one table over repeats."""

from sklearn_hsiode.metrics._area import AreaEstimates, Estimates, area_estimates
from sklearn_hsiode.metrics._measures import MEASURES, SCORERS, Measure
from sklearn_hsiode.metrics._scores import (
    average_accuracy_score,
    kappa_score,
    overall_accuracy_score,
    per_class_accuracy_score,
)
from sklearn_hsiode.metrics._summary import ClassificationSummary, classification_summary

overall_accuracy_scorer = SCORERS["overall_accuracy"]
average_accuracy_scorer = SCORERS["average_accuracy"]
kappa_scorer = SCORERS["kappa"]

__all__ = [
    "MEASURES",
    "SCORERS",
    "AreaEstimates",
    "ClassificationSummary",
    "Estimates",
    "Measure",
    "area_estimates",
    "average_accuracy_score",
    "average_accuracy_scorer",
    "classification_summary",
    "kappa_score",
    "kappa_scorer",
    "overall_accuracy_score",
    "overall_accuracy_scorer",
    "per_class_accuracy_score",
]
