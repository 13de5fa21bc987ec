"""Fixtures: runs out of thin air, and a Figure that can be asked what was drawn on it."""

import pytest


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
