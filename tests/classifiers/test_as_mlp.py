"""Epochs are counted, and logarithms taken, much as scikit-learn's MLPClassifier does."""

from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier

from sklearn_hsiode import ODENetClassifier, PatchNetClassifier, ResNetClassifier
from tests.classifiers.networks import linear

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(90, 3)), np.repeat([0, 1, 2], 30)
TRAINING = {"random_state": 0, "n_iter_no_change": 4}
NETWORK = {"device": "cpu", **TRAINING}
mlp = partial(MLPClassifier, **TRAINING)
ours = [
    partial(ODENetClassifier, n_filters=4, n_steps=1, **NETWORK),
    partial(ResNetClassifier, n_filters=4, n_blocks=1, **NETWORK),
    partial(PatchNetClassifier, linear, **NETWORK),
]
classifiers = pytest.mark.parametrize(
    "new", [lambda **more: mlp(**renamed(more)), *ours], ids=["mlp", "ode", "resnet", "patchnet"]
)


def renamed(parameters):
    """Parameters as MLPClassifier calls them."""
    names = {"max_epochs": "max_iter", "lr": "learning_rate_init"}
    return {names.get(name, name): value for name, value in parameters.items()}


@classifiers
def test_the_epochs_of_a_fit_are_counted_anew(new):
    model = new(max_epochs=3)
    assert not hasattr(model, "n_iter_")
    assert [model.fit(X, Y).n_iter_ for _ in range(2)] == [3, 3]


@pytest.mark.parametrize("new", ours, ids=["ode", "resnet", "patchnet"])
def test_the_epochs_of_warm_starts_and_parts_add_up_as_those_of_a_loss_curve(new):
    # MLPClassifier lets its loss curve grow alike, but n_iter_ is that of the last call alone.
    curves, counts = [], []
    for model in (mlp(max_iter=2, warm_start=True), new(max_epochs=2, warm_start=True)):
        for train in (model.fit, model.fit, model.partial_fit):
            train(X, Y)
            curves.append(len(getattr(model, "loss_curve_", [])))
            counts.append(model.n_iter_)
    assert counts[3:] == curves[:3] == [2, 4, 5]
    assert len(model.history_) == 5


@classifiers
def test_the_epochs_after_the_best_one_count_as_well(new):
    # At such a learning rate the first validation score stays the best.
    model = new(max_epochs=50, early_stopping=True, lr=1e-12).fit(X, Y)
    assert 1 + 4 <= model.n_iter_ <= 2 + 4


@classifiers
def test_logarithms_are_those_of_the_probabilities(new):
    model = new(max_epochs=2).fit(X, Y)
    expected = np.log(model.predict_proba(X))
    np.testing.assert_array_equal(model.predict_log_proba(X), expected)
    with pytest.raises(NotFittedError):
        new().predict_log_proba(X)


def test_the_logarithm_of_a_probability_of_zero_is_minus_infinity():
    model = PatchNetClassifier(linear, max_epochs=30, lr=1.0, lr_schedule="constant", **NETWORK)
    far = np.sign(X[:, :1]) * [[1e6, 0, 0]]
    logarithms = model.fit(X, (X[:, 0] > 0).astype(int)).predict_log_proba(far)
    assert (logarithms == -np.inf).any()
