"""Settings that change between trainings, and trainings side by side."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import PatchExtractor
from sklearn_hsiode.classifiers._devices import cpu_threads


@pytest.fixture
def training_set(extractor, pixels):
    X, y = pixels
    return extractor.fit_transform(X), y


def weights_of(model):
    return torch.cat([w.detach().flatten() for w in model.net_.plain_module_.parameters()])


def test_threads_that_fit_at_once_find_what_a_serial_run_finds(ode, pixels):
    model = make_pipeline(PatchExtractor(5), ode)
    before = torch.get_rng_state()
    serial = cross_val_predict(model, *pixels, cv=4, method="predict_proba")
    with joblib.parallel_config("threading"):
        threads = cross_val_predict(model, *pixels, cv=4, method="predict_proba", n_jobs=4)
    np.testing.assert_array_equal(threads, serial)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.backends.cudnn.deterministic


def test_one_thread_is_one_whatever_the_callers_parallelism():
    with joblib.parallel_config("loky", n_jobs=2), cpu_threads(None):
        assert torch.get_num_threads() == 1


def test_weights_that_blow_up_in_the_last_update_are_an_error(ode, training_set):
    ode.set_params(max_epochs=1, batch_size=1000, lr=1e30)
    with pytest.raises(ValueError, match="in epoch 1: use a smaller lr"):
        ode.fit(*training_set)
    assert not hasattr(ode, "net_")


def test_parameters_set_after_a_fit_do_not_reach_the_pickled_network(ode, training_set):
    X, y = training_set
    expected = ode.fit(X, y).predict_proba(X)
    ode.set_params(precision="bfloat16", optimizer="adam", n_filters=16, n_steps=3)
    ode.set_params(net_params={"optimizer__nesterov": True})
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ode)).predict_proba(X), expected)


def test_partial_fit_takes_batches_without_a_class_that_has_a_weight(ode, training_set):
    X, y = training_set
    ode.set_params(class_weight={1: 5.0}).partial_fit(X, y, classes=[1, 2, 3])
    others = np.flatnonzero(y != 1)
    ode.partial_fit(X[others], y[others])
    assert len(ode.history_) == 2


def test_partial_fit_takes_weights_as_they_are(ode, training_set):
    X, y = training_set
    # The steps of Adam do not depend on the loss's scale.
    ode.set_params(optimizer="sgd", lr=0.03, weight_decay=1e-4)
    ode.partial_fit(X, y, classes=[1, 2, 3])
    before = weights_of(ode)
    small = pickle.loads(pickle.dumps(ode)).partial_fit(X, y, sample_weight=np.full(len(y), 1e-3))
    large = pickle.loads(pickle.dumps(ode)).partial_fit(X, y)
    moved = [(weights_of(model) - before).norm() for model in (small, large)]
    assert moved[0] < 0.1 * moved[1]


def test_partial_fit_follows_the_settings_of_training(ode, training_set):
    ode.partial_fit(*training_set, classes=[1, 2, 3])
    ode.set_params(lr=1e-4, weight_decay=0.5, batch_size=7).partial_fit(*training_set)
    (group,) = ode.net_.optimizer_.param_groups
    assert (group["lr"], group["weight_decay"], ode.net_.batch_size) == (1e-4, 0.5, 7)
    assert ode.history_[-1]["lr"] == 1e-4


def test_partial_fit_refuses_another_network_than_before(ode, training_set):
    ode.partial_fit(*training_set, classes=[1, 2, 3])
    with pytest.raises(ValueError, match="its parameters have changed"):
        ode.set_params(n_filters=16).partial_fit(*training_set)


def test_partial_fit_needs_two_classes(ode, training_set):
    X, y = training_set
    with pytest.raises(ValueError, match="one class only"):
        ode.partial_fit(X[y == 1], y[y == 1], classes=[1])
    assert not hasattr(ode, "classes_")


def test_warm_start_refuses_another_network_than_before(ode, training_set):
    ode.set_params(warm_start=True).fit(*training_set)
    with pytest.raises(ValueError, match="warm_start=True needs the network"):
        ode.set_params(n_filters=16).fit(*training_set)


@pytest.mark.parametrize("go_on", ["warm_start", "partial_fit"])
def test_going_on_augments_anew(ode, training_set, monkeypatch, go_on):
    drawn = []
    draw = torch.randint
    monkeypatch.setattr(torch, "randint", lambda *a, **k: drawn.append(draw(*a, **k)) or drawn[-1])
    ode.set_params(warm_start=True, max_epochs=1, batch_size=1000)
    for _ in range(3):
        if go_on == "warm_start":
            ode.fit(*training_set)
        else:
            ode.partial_fit(*training_set, classes=[1, 2, 3])
    first, second, third = drawn[::2]  # every other one is for a last look at the loss
    assert not torch.equal(first, second)
    assert not torch.equal(first, third)
    assert not torch.equal(second, third)


@pytest.mark.parametrize("max_epochs", [1, 2, 3])
def test_a_step_schedule_of_few_epochs_begins_at_lr(ode, training_set, max_epochs):
    ode.set_params(lr_schedule="step", lr=1e-3, max_epochs=max_epochs).fit(*training_set)
    assert ode.history_[0]["lr"] == 1e-3


@pytest.mark.parametrize("optimizer", [torch.optim.Rprop, torch.optim.RMSprop])
def test_optimisers_with_and_without_weight_decay_train(ode, training_set, optimizer):
    ode.set_params(optimizer=optimizer, lr=1e-4).fit(*training_set)
    assert isinstance(ode.net_.optimizer_, optimizer)


def test_a_class_that_is_no_optimiser_is_named(ode, training_set):
    with pytest.raises(ValueError, match="optimizer must be one of"):
        ode.set_params(optimizer=dict).fit(*training_set)


def test_labels_of_mixed_types_are_named(ode, training_set):
    X, _ = training_set
    with pytest.raises(ValueError, match=r"mixes labels|Unknown label type"):
        ode.fit(X, np.array([1, "a"] * len(X), dtype=object)[: len(X)])
