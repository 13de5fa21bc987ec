"""scikit-learn's callbacks see every epoch of a training, and may end it."""

import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ODENetClassifier, PatchExtractor, PatchNetClassifier, ResNetClassifier

sklearn_callback = pytest.importorskip("sklearn.callback")  # since scikit-learn 1.9


def linear(n_bands, n_classes):
    return torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(n_bands, n_classes)
    )


TRAINING = {"max_epochs": 3, "device": "cpu", "random_state": 0}
ode_net = partial(ODENetClassifier, n_filters=8, n_steps=1, **TRAINING)
res_net = partial(ResNetClassifier, n_filters=8, n_blocks=1, **TRAINING)
patch_net = partial(PatchNetClassifier, linear, **TRAINING)
every_classifier = pytest.mark.parametrize("new", [ode_net, res_net, patch_net])


class Recorder:
    """Notes what it is told, and ends a training after so many epochs."""

    def __init__(self, stop_after=None):
        self.stop_after, self.heard, self.shown = stop_after, [], []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.heard.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.heard.append(f"end {context.task_name} {context.task_id}")
        probabilities = fitted_estimator.predict_proba(X)
        self.shown.append((fitted_estimator.n_iter_, probabilities, y, metadata))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


@pytest.fixture(scope="module")
def patches(scene):
    X, y = scene.labeled_pixels()
    return PatchExtractor(5).fit_transform(X), y


@every_classifier
def test_each_epoch_is_a_task_of_the_fit(new, patches):
    recorder = Recorder()
    new().set_callbacks(recorder).fit(*patches)
    epochs = [f"{when} epoch {number}" for number in range(3) for when in ("begin", "end")]
    assert recorder.heard == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]


@every_classifier
def test_in_the_middle_of_a_training_the_estimator_predicts_as_if_it_had_ended(new, patches):
    X, y = patches
    recorder = Recorder()
    network = partial(new, lr_schedule="constant", shortcut=False)
    network().set_callbacks(recorder).fit(X, y)
    assert [n_epochs for n_epochs, *_ in recorder.shown] == [1, 2, 3, 3]
    for n_epochs, probabilities, labels, _ in recorder.shown:
        shorter = network().set_params(max_epochs=n_epochs).fit(X, y)
        np.testing.assert_array_equal(probabilities, shorter.predict_proba(X))
        np.testing.assert_array_equal(labels, y)


@every_classifier
@pytest.mark.parametrize("early_stopping", [True, False])
def test_predictions_are_the_same_with_and_without_callbacks(new, patches, early_stopping):
    X, y = patches
    model = new(early_stopping=early_stopping)
    expected = clone(model).fit(X, y).predict_proba(X)
    given = model.set_callbacks(Recorder()).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(given, expected)


@every_classifier
@pytest.mark.parametrize("n_epochs", [1, 2])
def test_a_callback_that_returns_true_ends_the_training(new, patches, n_epochs):
    X, y = patches
    recorder = Recorder(stop_after=n_epochs)
    model = new(lr_schedule="constant").set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == len(model.history_) == n_epochs
    assert recorder.heard[-2:] == ["end fit 0", "teardown"]
    shorter = new(lr_schedule="constant").set_params(max_epochs=n_epochs).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_sample_weights_are_told(patches):
    X, y = patches
    weights = np.linspace(0.5, 1.5, len(y))
    weighted, plain = Recorder(), Recorder()
    ode_net().set_callbacks(weighted).fit(X, y, sample_weight=weights)
    ode_net().set_callbacks(plain).fit(X, y)
    assert all(metadata["sample_weight"] is weights for *_, metadata in weighted.shown)
    assert all(metadata is None for *_, metadata in plain.shown)


@pytest.mark.parametrize("failure", ["before", "within"])
def test_a_fit_that_fails_is_torn_down(patches, failure):
    X, y = patches
    recorder = Recorder()
    model = ode_net(lr=1e9 if failure == "within" else 0.03).set_callbacks(recorder)
    with pytest.raises(ValueError, match=r"NaN or infinite|inconsistent numbers"):
        model.fit(X, y if failure == "within" else y[1:])
    assert recorder.heard[0] == "setup"
    assert recorder.heard[-1] == "teardown"
    assert not any(name.startswith("_callback") for name in vars(model))


def test_a_callback_that_fails_leaves_an_earlier_fit_alone(patches):
    class Failing(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise OSError("disk full")

    X, y = patches
    model, failing = ode_net().fit(X, y), Failing()
    expected = model.predict_proba(X)
    with pytest.raises(OSError, match="disk full"):
        model.set_callbacks(failing).fit(X, y)
    assert failing.heard[-1] == "teardown"
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_a_class_in_place_of_a_callback_is_refused():
    with pytest.raises(TypeError, match="FitCallback"):
        ode_net().set_callbacks(Recorder)


def test_the_callbacks_of_skorch_run_beside_those_of_scikit_learn(patches):
    from skorch.callbacks import EpochTimer

    recorder = Recorder(stop_after=2)
    model = ode_net(callbacks=[EpochTimer()]).set_callbacks(recorder).fit(*patches)
    assert model.n_iter_ == 2


# The callbacks that scikit-learn has


def test_the_scoring_monitor_logs_the_score_of_each_epoch(patches):
    X, y = patches
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    # The shortcut and its gate come after the last epoch.
    model = ode_net(shortcut=False).set_callbacks(monitor).fit(X, y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == model.score(X, y)


@pytest.fixture
def bar():
    pytest.importorskip("rich")
    return sklearn_callback.ProgressBar(max_propagation_depth=None)


def test_the_progress_bar_shows_a_classifier(patches, bar, capsys):
    ode_net().set_callbacks(bar).fit(*patches)
    assert "ODENetClassifier - fit" in capsys.readouterr().out


# scikit-learn warns of each transformer without callbacks, its own ones too.
@pytest.mark.filterwarnings("ignore:The estimator PatchExtractor does not support callbacks")
def test_the_progress_bar_of_a_search_reaches_the_classifier_in_its_pipeline(pixels, bar, capsys):
    pipeline = make_pipeline(PatchExtractor(3), ode_net())
    search = GridSearchCV(pipeline, {"odenetclassifier__lr": [0.01, 0.1]}, cv=2)
    expected = clone(search).fit(*pixels).cv_results_["mean_test_score"]
    search.set_callbacks(bar).fit(*pixels)
    shown = capsys.readouterr().out
    for name in ("GridSearchCV - fit", "Pipeline - fit", "ODENetClassifier - fit"):
        assert name in shown
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


def test_the_callback_of_a_classifier_in_a_search_stops_each_of_its_trainings(pixels):
    recorder = Recorder(stop_after=2)
    pipeline = make_pipeline(PatchExtractor(3), ode_net().set_callbacks(recorder))
    search = GridSearchCV(pipeline, {"odenetclassifier__lr": [0.01, 0.1]}, cv=2).fit(*pixels)
    assert search.best_estimator_[-1].n_iter_ == 2
    trainings = 2 * 2 + 1
    assert recorder.heard.count("setup") == recorder.heard.count("teardown") == trainings
    assert recorder.heard.count("end epoch 1") == trainings
    assert "end epoch 2" not in recorder.heard


# Versions of scikit-learn before 1.9


def test_a_scikit_learn_without_callbacks_will_do():
    script = """
        import sys
        # Those that need it in this version of scikit-learn.
        import sklearn.linear_model, sklearn.model_selection, sklearn.pipeline
        sys.modules["sklearn.callback"] = None
        from sklearn_hsiode import ODENetClassifier, PatchExtractor
        from sklearn_hsiode.datasets import make_scene
        X, y = make_scene((24, 24), n_bands=8, n_classes=3, random_state=0).labeled_pixels()
        model = sklearn.pipeline.make_pipeline(
            PatchExtractor(5), ODENetClassifier(n_filters=8, n_steps=1, max_epochs=2, device="cpu")
        )
        print(hasattr(model[-1], "set_callbacks"), model.fit(X, y)[-1].n_iter_)
        print(sklearn.model_selection.cross_val_score(model, X, y, cv=2).shape)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["False 2", "(2,)"], done.stderr
