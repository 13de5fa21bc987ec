"""Fitted classifiers are saved and loaded, also where their device is missing."""

import copy
import functools
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.base import clone

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier
from sklearn_hsiode.datasets import make_scene

SMALL = {
    "n_filters": 8,
    "optimizer": "adamw",
    "lr": 1e-2,
    "lr_schedule": "constant",
    "gate": 0.5,
    "max_epochs": 3,
    "batch_size": 32,
    "device": "cpu",
    "random_state": 0,
}
no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def ode_net(**parameters):
    return ODENetClassifier(**(SMALL | {"solver": "rk4", "n_steps": 1} | parameters))


def res_net(**parameters):
    return ResNetClassifier(**(SMALL | {"n_blocks": 1} | parameters))


both = pytest.mark.parametrize("new", [ode_net, res_net])


@functools.cache
def training_set():
    X, y = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0).labeled_pixels()
    return PatchExtractor(5).fit_transform(X), y


def loaded(model):
    return pickle.loads(pickle.dumps(model))


def assert_same_fit(model, other):
    X, _ = training_set()
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.classes_, model.classes_)
    assert other.history_ == model.history_
    assert other.n_features_in_ == model.n_features_in_
    assert other.n_parameters_ == model.n_parameters_
    if isinstance(model, ODENetClassifier):
        assert other.n_function_evaluations_ == model.n_function_evaluations_


@both
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"precision": "float64"},
        {"precision": "bfloat16"},
        {"early_stopping": True},
        {"standardize": False},
        {"optimizer": torch.optim.RAdam},
        {"optimizer": "sgd", "net_params": {"optimizer__nesterov": True}},
        {"callbacks": [skorch.callbacks.GradientNormClipping(1.0)]},
        {"device": torch.device("cpu")},
        {"device": "auto"},
    ],
    ids=lambda parameters: " and ".join(parameters) or "defaults",
)
def test_a_pickled_classifier_predicts_the_same_bit_by_bit(new, parameters):
    model = new(**parameters).fit(*training_set())
    assert_same_fit(model, loaded(model))
    assert_same_fit(model, loaded(loaded(model)))


@pytest.mark.parametrize(
    "parameters",
    [{"solver": "midpoint", "n_steps": 2}, {"solver": "dopri5", "rtol": 0.1}, {"adjoint": True}],
    ids=str,
)
def test_the_solver_is_saved(parameters):
    model = ode_net(**parameters).fit(*training_set())
    assert_same_fit(model, loaded(model))


@both
def test_copies_predict_the_same(new):
    model = new().fit(*training_set())
    assert_same_fit(model, copy.copy(model))
    assert_same_fit(model, copy.deepcopy(model))


def test_an_unfitted_classifier_is_saved_with_its_parameters():
    model = ode_net(n_filters=12)
    assert loaded(model).get_params() == model.get_params()
    assert not hasattr(loaded(model), "net_")


def test_a_parameter_that_was_set_after_fit_does_not_change_what_is_loaded():
    model = ode_net().fit(*training_set())
    expected = loaded(model)
    model.set_params(
        n_filters=32, solver="euler", n_steps=7, precision="float64", standardize=False, n_jobs=2
    )
    assert_same_fit(model, expected)
    assert_same_fit(expected, loaded(model))


def test_later_training_leaves_a_copy_alone():
    X, y = training_set()
    model = ode_net().fit(X, y)
    copied, before = copy.deepcopy(model), model.predict_proba(X)
    model.partial_fit(X, y)
    np.testing.assert_array_equal(copied.predict_proba(X), before)
    assert len(copied.history_) == 3
    assert len(model.history_) == 4


def run(script, folder, *options, **variables):
    subprocess.run(
        [sys.executable, *options, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        check=True,
    )


@pytest.fixture
def saved(tmp_path):
    """Folder with a fitted classifier, patches, and its probabilities."""
    X, y = training_set()
    model = res_net().fit(X, y)
    joblib.dump(model, tmp_path / "model")
    np.save(tmp_path / "patches", np.asarray(X))
    np.save(tmp_path / "expected", model.predict_proba(np.asarray(X)))
    return tmp_path


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_a_loaded_classifier_predicts_in_another_process(saved, mmap_mode):
    # Weights stay in a file that is only read, mmap_mode="r", in joblib's workers as well.
    script = f"""
import joblib, numpy
model, X = joblib.load("model", mmap_mode={mmap_mode!r}), numpy.load("patches.npy")
numpy.testing.assert_allclose(model.predict_proba(X), numpy.load("expected.npy"), rtol=1e-6)
"""
    run(script, saved, "-W", "error")


def test_the_size_of_a_pickle_does_not_depend_on_the_number_of_batches():
    X, y = training_set()
    few, many = (len(pickle.dumps(ode_net(batch_size=n).fit(X, y))) for n in (len(y), 1))
    assert abs(few - many) < 500


# Training goes on


@both
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_partial_fit_goes_on_with_the_same_optimiser(new, name):
    X, y = training_set()
    model = new(optimizer=name).partial_fit(X, y, classes=[1, 2, 3])
    other = loaded(model).partial_fit(X, y)
    model.partial_fit(X, y)
    assert type(other.net_.optimizer_) is type(model.net_.optimizer_)
    for option in ("lr", "weight_decay", "momentum"):
        given, expected = (
            each.net_.optimizer_.param_groups[0].get(option) for each in (other, model)
        )
        assert given == expected
    assert [row["epoch"] for row in other.history_] == [1, 2]
    assert other.history_[1].keys() == model.history_[1].keys()
    assert other.history_[1]["loss"] < other.history_[0]["loss"]


@both
def test_warm_start_goes_on_after_loading(new):
    X, y = training_set()
    model = new(warm_start=True).fit(X, y)
    other = loaded(model).fit(X, y)
    model.fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert len(other.history_) == len(model.history_) == 6


def test_a_loaded_classifier_is_cloned_and_fitted_anew():
    X, y = training_set()
    model = ode_net().fit(X, y)
    again = clone(loaded(model)).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded(model).fit(X, y).predict_proba(X), model.predict_proba(X))


# Devices


@no_cuda
@both
@pytest.mark.parametrize("device", ["cuda", "cuda:3", torch.device("cuda")], ids=str)
def test_a_classifier_whose_device_is_missing_is_loaded_onto_the_cpu(new, device):
    model = new().fit(*training_set())
    saved = pickle.dumps(model.set_params(device=device))
    with pytest.warns(UserWarning, match=rf"device='{device}' is not here.*CPU"):
        other = pickle.loads(saved)
    assert {w.device.type for w in other.net_.module_.parameters()} == {"cpu"}
    assert_same_fit(model, other)


@no_cuda
def test_a_classifier_whose_device_is_missing_trains_on_once_told_to():
    X, y = training_set()
    saved = pickle.dumps(ode_net().fit(X, y).set_params(device="cuda"))
    with pytest.warns(UserWarning, match="CPU"):
        other = pickle.loads(saved)
    with pytest.raises(ValueError, match="device='cuda' was asked for"):
        other.partial_fit(X, y)
    assert len(other.set_params(device="cpu").partial_fit(X, y).history_) == 4


def test_no_tensor_is_pickled():
    # A pickled tensor names the device it was on, and loads there alone.
    class NoTensors(pickle.Pickler):
        def reducer_override(self, value):
            assert not isinstance(value, torch.Tensor | torch.nn.Module)
            return NotImplemented

    with open(os.devnull, "wb") as nowhere:
        NoTensors(nowhere).dump(ode_net(early_stopping=True).fit(*training_set()))


@cuda
@both
def test_a_classifier_fitted_on_cuda_loads_where_there_is_none(new, tmp_path):
    X, y = training_set()
    model = new(device="cuda").fit(X, y)
    joblib.dump(model, tmp_path / "model")
    np.save(tmp_path / "patches", np.asarray(X))
    np.save(tmp_path / "expected", model.predict_proba(X))
    script = """
import joblib, numpy
model, X = joblib.load("model"), numpy.load("patches.npy")
assert {w.device.type for w in model.net_.module_.parameters()} == {"cpu"}
numpy.testing.assert_allclose(model.predict_proba(X), numpy.load("expected.npy"), atol=1e-4)
"""
    run(script, tmp_path, CUDA_VISIBLE_DEVICES="")


@cuda
@both
def test_a_classifier_fitted_on_cuda_is_loaded_there(new):
    model = new(device="cuda").fit(*training_set())
    other = loaded(model)
    assert {w.device.type for w in other.net_.module_.parameters()} == {"cuda"}
    assert_same_fit(model, other)
