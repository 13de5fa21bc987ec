"""Fixtures: runs out of thin air, and a Figure that can be asked what was drawn on it."""

import pytest

from sklearn_hsiode.benchmark import Run


@pytest.fixture(scope="session")
def new_run():
    """Makes a run of the tiny scene's three classes."""

    def make(model="svm", split=0, **values):
        scores = {"overall_accuracy": 0.5, "average_accuracy": 0.4, "kappa": 0.3}
        scores = {name: values.pop(name, score) for name, score in scores.items()}
        defaults = {
            "random_state": split,
            "n_train": 30,
            "n_test": 300,
            "scores": scores,
            "per_class_accuracy": [0.5, 0.25, 0.75],
            "fit_seconds": 1.5,
            "predict_seconds": 0.5,
            "n_parameters": None,
            "n_function_evaluations": None,
            "patch_overlap": None,
            "measured": {},
            "environment": {"python": "3.13", "torch": "2.9", "processor": "abacus"},
        }
        return Run(model=model, split=split, **(defaults | values))

    return make


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is made from now on."""
    figure = pytest.importorskip("matplotlib.figure")
    made = []

    class Remembered(figure.Figure):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(figure, "Figure", Remembered)
    return made
