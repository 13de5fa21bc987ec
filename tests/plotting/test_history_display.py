import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ODENetClassifier, ResNetClassifier
from sklearn_hsiode.plotting import TrainingHistoryDisplay

pytestmark = pytest.mark.usefixtures("pyplot")


@pytest.fixture(scope="module")
def trained(scene):
    """An ODE-net with a validation part."""
    ode = ODENetClassifier(n_filters=8, max_epochs=3, early_stopping=True, random_state=0)
    return ode.fit(*scene.labeled_pixels())


def test_lines_are_what_the_classifier_recorded(trained):
    display = TrainingHistoryDisplay.from_estimator(trained)
    assert sorted(display.lines_) == [
        "loss",
        "n_function_evaluations",
        "validation_loss",
        "validation_score",
    ]
    for key, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), [e[key] for e in trained.history_])


def test_loss_score_and_evaluations_have_a_panel_each(trained, legend_texts):
    display = TrainingHistoryDisplay.from_estimator(trained)
    labels = [panel.get_ylabel().split("\n")[0] for panel in display.axes_]
    assert labels == ["loss", "validation score", "function evaluations"]
    assert display.axes_[-1].get_xlabel() == "epoch"
    assert display.ax_ is display.axes_[0]
    assert display.ax_.get_title() == "ODENetClassifier: training"
    assert legend_texts(display.ax_.get_legend()) == ["training", "validation"]


def test_what_was_not_recorded_has_no_panel(pixels, extractor):
    resnet = ResNetClassifier(n_filters=8, n_blocks=1, max_epochs=1, random_state=0)
    pipeline = make_pipeline(extractor, resnet).fit(*pixels)
    display = TrainingHistoryDisplay.from_estimator(pipeline)
    assert sorted(display.lines_) == ["loss"]
    assert len(display.axes_) == 1
    assert display.ax_.get_title() == "ResNetClassifier: training"


def test_epochs_that_lack_a_value_leave_a_gap():
    history = [{"loss": 2.0}, {"loss": 1.0, "validation_loss": 1.5}]
    display = TrainingHistoryDisplay(history).plot()
    np.testing.assert_array_equal(display.lines_["validation_loss"].get_ydata(), [np.nan, 1.5])


@pytest.mark.parametrize("n_epochs", [1, 2, 200])
def test_epochs_are_whole_numbers(n_epochs):
    display = TrainingHistoryDisplay([{"loss": 1.0}] * n_epochs).plot()
    display.figure_.canvas.draw()
    ticks = display.ax_.get_xticks()
    assert len(ticks) > 0
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_panels_share_the_place_of_given_axes(trained, pyplot):
    figure, axes = pyplot.subplots(1, 2, layout="constrained")
    place = axes[1].get_position()
    display = TrainingHistoryDisplay.from_estimator(trained, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert len(figure.axes) == 4
    heights = [panel.get_position().y0 for panel in display.axes_]
    assert heights == sorted(heights, reverse=True)
    assert all(panel.get_position().x0 >= place.x0 for panel in display.axes_)
    figure.canvas.draw()


def test_an_unfitted_estimator_is_refused():
    for estimator in (ODENetClassifier(), make_pipeline(ODENetClassifier())):
        with pytest.raises(NotFittedError):
            TrainingHistoryDisplay.from_estimator(estimator)


def test_an_estimator_without_a_history_is_refused(pixels):
    with pytest.raises(TypeError, match="RidgeClassifier, which has no history_"):
        TrainingHistoryDisplay.from_estimator(make_pipeline(RidgeClassifier()).fit(*pixels))


@pytest.mark.parametrize("history", [[], [{}]])
def test_an_empty_history_is_refused(history):
    with pytest.raises(ValueError, match="history is empty"):
        TrainingHistoryDisplay(history).plot()
