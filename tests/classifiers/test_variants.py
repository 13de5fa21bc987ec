"""Variants of a network: an ODE solved by another solver, and ResNets with fewer weights."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier
from sklearn_hsiode.nn import ODENet


@pytest.fixture(scope="module")
def training_set(scene):
    X, y = scene.labeled_pixels()
    return PatchExtractor(5).fit_transform(X), y


@pytest.fixture(scope="module")
def fitted(training_set):
    """ODE-net in double precision, trained well enough for its ODE to matter."""
    parameters = {"n_filters": 8, "n_steps": 1, "precision": "float64", "random_state": 0}
    model = ODENetClassifier(shortcut=False, batch_size=32, max_epochs=10, **parameters)
    return model.fit(*training_set)


def weights_of(model):
    return {name: w.clone() for name, w in model.net_.plain_module_.state_dict().items()}


def assert_same_weights(model, other):
    mine, others = weights_of(model), weights_of(other)
    assert mine.keys() == others.keys()
    for name, weight in mine.items():
        torch.testing.assert_close(weight, others[name], rtol=0, atol=0)


# Solved by another solver


def test_a_resolved_copy_has_the_same_weights_and_another_solver(fitted):
    copy = fitted.with_solver("rk4", n_steps=3)
    assert_same_weights(copy, fitted)
    body = copy.net_.plain_module_.network.body
    assert (copy.solver, copy.n_steps) == (body.solver, body.n_steps) == ("rk4", 3)
    np.testing.assert_array_equal(copy.classes_, fitted.classes_)
    assert copy.n_features_in_ == fitted.n_features_in_
    assert copy.n_parameters_ == fitted.n_parameters_
    losses = [[epoch["loss"] for epoch in model.history_] for model in (copy, fitted)]
    assert losses[0] == losses[1]


def test_a_resolved_copy_has_not_trained_with_its_solver(fitted):
    copy = fitted.with_solver("rk4")
    assert not hasattr(copy, "n_function_evaluations_")
    assert not any("n_function_evaluations" in epoch for epoch in copy.history_)
    assert not hasattr(pickle.loads(pickle.dumps(copy)), "n_function_evaluations_")
    assert fitted.n_function_evaluations_ == 1


def test_by_default_a_copy_is_solved_by_dopri5_at_1e_5(fitted):
    copy = fitted.with_solver()
    assert (copy.solver, copy.rtol, copy.atol) == ("dopri5", 1e-5, 1e-5)
    others = {"solver", "n_steps", "rtol", "atol"}
    kept = {name: value for name, value in fitted.get_params().items() if name not in others}
    assert {name: copy.get_params()[name] for name in kept} == kept


def test_a_resolved_copy_predicts_as_a_network_of_that_solver(fitted, training_set):
    X, _ = training_set
    trained = fitted.net_.plain_module_
    network = ODENet(8, 3, n_filters=8, solver="midpoint", n_steps=5).double()
    network.load_state_dict(trained.network.state_dict())
    patches = torch.as_tensor(np.asarray(X)).double()
    with torch.no_grad():
        expected = network((patches - trained.mean) / trained.scale).softmax(dim=1)
    probabilities = fitted.with_solver("midpoint", n_steps=5).predict_proba(X)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-6, atol=1e-9)


def test_the_original_stays_as_it_was(fitted, training_set):
    X, _ = training_set
    weights, parameters = weights_of(fitted), fitted.get_params()
    probabilities, state = fitted.predict_proba(X), pickle.dumps(fitted)
    copy = fitted.with_solver("rk4", n_steps=2)
    assert np.abs(copy.predict_proba(X) - probabilities).max() > 1e-3
    for weight in copy.net_.plain_module_.parameters():
        weight.data.zero_()
    copy.set_params(lr=9)
    assert fitted.get_params() == parameters
    for name, weight in weights_of(fitted).items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
    assert pickle.dumps(fitted) == state


def test_resolved_by_its_own_solver_a_copy_predicts_the_same(fitted, training_set):
    X, _ = training_set
    copy = fitted.with_solver("euler", n_steps=1)
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 2)])
def test_many_steps_approach_the_solution(fitted, training_set, solver, order):
    X = training_set[0][:20]
    exact = fitted.with_solver("dopri5", rtol=1e-8, atol=1e-8).predict_proba(X)
    few, many = (
        np.abs(fitted.with_solver(solver, n_steps=n).predict_proba(X) - exact).mean()
        for n in (2, 32)
    )
    # relu has a kink, across which no solver keeps an order above 2.
    assert few > 1e-5
    assert many < few / 16 ** (order - 0.5)


def test_a_resolved_copy_is_pickled_and_resolved_again(fitted, training_set):
    X, _ = training_set
    copy = fitted.with_solver("rk4", n_steps=2)
    loaded = pickle.loads(pickle.dumps(copy))
    np.testing.assert_array_equal(loaded.predict_proba(X), copy.predict_proba(X))
    assert (loaded.solver, loaded.n_steps) == ("rk4", 2)
    back = loaded.with_solver("euler", n_steps=1)
    np.testing.assert_array_equal(back.predict_proba(X), fitted.predict_proba(X))
    back = pickle.loads(pickle.dumps(fitted)).with_solver("rk4", n_steps=2)
    np.testing.assert_array_equal(back.predict_proba(X), copy.predict_proba(X))


def test_a_resolved_copy_may_be_cloned_and_trained(fitted, training_set):
    copy = fitted.with_solver("rk4", n_steps=2)
    anew = clone(copy).set_params(max_epochs=1).fit(*training_set)
    assert anew.n_function_evaluations_ == 8
    assert not hasattr(clone(copy), "net_")
    weights = weights_of(fitted)
    copy.partial_fit(*training_set)
    assert copy.n_function_evaluations_ == 8
    assert len(copy.history_) == len(fitted.history_) + 1
    for name, weight in weights_of(fitted).items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"solver": "rk5"}, "solver"),
        ({"solver": 4}, "solver"),
        ({"solver": "euler", "n_steps": 0}, "n_steps"),
        ({"rtol": 0}, "rtol"),
        ({"atol": -1e-5}, "atol"),
    ],
)
def test_a_bad_solver_is_an_error(fitted, bad, named):
    with pytest.raises(ValueError, match=f"The '{named}' parameter of ODENetClassifier"):
        fitted.with_solver(**bad)


def test_an_unfitted_classifier_has_nothing_to_resolve():
    with pytest.raises(NotFittedError):
        ODENetClassifier().with_solver()


def test_parameters_set_after_the_fit_do_not_change_the_network_of_a_copy(fitted, training_set):
    X, _ = training_set
    later = pickle.loads(pickle.dumps(fitted)).set_params(n_filters=16, precision="float32")
    expected = fitted.with_solver("rk4").predict_proba(X)
    np.testing.assert_array_equal(later.with_solver("rk4").predict_proba(X), expected)


# ResNets of one unit's weights, and of none


@pytest.mark.parametrize("parameters", [{"n_blocks": 4, "tied": True}, {"n_blocks": 0}])
def test_a_resnet_of_fewer_weights_trains_and_is_pickled(training_set, parameters):
    X, y = training_set
    training = {"batch_size": 32, "mixup": 0, "random_state": 0}
    model = ResNetClassifier(n_filters=8, **training, **parameters).fit(X, y)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"] / 2
    assert model.score(X, y) > np.bincount(y).max() / len(y) + 0.1
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.n_parameters_ == model.n_parameters_
    assert clone(model).get_params() == model.get_params()


def test_tied_units_count_once(training_set):
    def n_parameters(**parameters):
        model = ResNetClassifier(n_filters=8, max_epochs=1, **parameters)
        return model.fit(*training_set).n_parameters_

    nothing, single = n_parameters(n_blocks=0), n_parameters(n_blocks=1)
    assert n_parameters(n_blocks=5, tied=True) == single
    assert n_parameters(n_blocks=5) == nothing + 5 * (single - nothing)


@pytest.mark.parametrize(
    ("bad", "named"), [({"n_blocks": -1}, "n_blocks"), ({"tied": "yes"}, "tied")]
)
def test_a_bad_body_is_an_error(training_set, bad, named):
    with pytest.raises(ValueError, match=f"The '{named}' parameter of ResNetClassifier"):
        ResNetClassifier(**bad).fit(*training_set)
