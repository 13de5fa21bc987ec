"""Figures are closed after each test, and none is drawn without matplotlib."""

import pytest


@pytest.fixture
def pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def legend_texts():
    """What a legend says, from top to bottom."""
    return lambda legend: [text.get_text() for text in legend.get_texts()]
