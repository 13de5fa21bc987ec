"""What the classifiers compute in, and on: precisions, compilation, memory and devices."""

import warnings
from contextlib import nullcontext
from unittest.mock import Mock

import numpy as np
import pytest
import skorch.callbacks
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier
from sklearn_hsiode.classifiers import _patchnet as patchnet
from sklearn_hsiode.classifiers._setup import patch_dataset
from sklearn_hsiode.nn._networks import Head

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


def ode_net(**parameters):
    return ODENetClassifier(solver="euler", n_steps=1, **(SMALL | parameters))


def res_net(**parameters):
    return ResNetClassifier(n_blocks=1, **(SMALL | parameters))


both = pytest.mark.parametrize("new", [ode_net, res_net])


@pytest.fixture
def patches(pixels):
    """Patches of 5 x 5 pixels and labels 1, 2, 3 of a tiny scene."""
    X, y = pixels
    return PatchExtractor(5).fit_transform(X), y


def probabilities(model, X, y):
    return model.fit(X, y).predict_proba(X)


# Standardisation and precision


@settings(deadline=None, max_examples=8)
@given(
    gains=arrays(float, 4, elements=st.floats(1e-3, 1e3)),
    offsets=arrays(float, 4, elements=st.floats(-1e3, 1e3)),
    new=st.sampled_from([ode_net, res_net]),
)
def test_a_rescaled_band_changes_nothing(gains, offsets, new):
    random = np.random.RandomState(0)
    y = np.arange(60) % 3
    X = random.normal(size=(60, 4, 3, 3)) + y[:, np.newaxis, np.newaxis, np.newaxis]
    rescaled = gains[:, np.newaxis, np.newaxis] * X + offsets[:, np.newaxis, np.newaxis]
    model = new(precision="float64")
    np.testing.assert_allclose(
        probabilities(model, rescaled, y), probabilities(model, X, y), rtol=1e-5, atol=1e-8
    )


def test_digital_numbers_train_as_well_as_reflectance(patches):
    X, y = patches
    scene = X.pixels.scene
    reflectance = PatchExtractor(5).fit_transform(
        scene.with_cube(scene.cube / 10_000).labeled_pixels()[0]
    )
    np.testing.assert_allclose(
        probabilities(ode_net(precision="float64"), X, y),
        probabilities(ode_net(precision="float64"), reflectance, y),
        atol=1e-6,
    )
    plain = ode_net(standardize=False, max_epochs=10, shortcut=False)
    difference = probabilities(plain, X, y) - probabilities(plain, reflectance, y)
    assert np.abs(difference).max() > 0.1


def test_a_constant_band_is_no_obstacle():
    X = np.random.RandomState(0).normal(size=(40, 3))
    X[:, 1] = 7
    assert np.isfinite(probabilities(ode_net(), X, np.arange(40) % 2)).all()


@both
def test_precisions_agree_within_their_rounding(new, patches):
    X, y = patches
    double, single, half = (
        probabilities(new(precision=precision, optimizer="sgd", lr=1e-3, shortcut=False), X, y)
        for precision in ("float64", "float32", "bfloat16")
    )
    assert (double.dtype, single.dtype, half.dtype) == (np.float64, np.float32, np.float32)
    np.testing.assert_allclose(single, double, atol=1e-3)
    assert 1e-6 < np.abs(half - double).mean() < 0.03


def test_a_compiled_network_agrees_with_the_plain_one(patches, monkeypatch):
    # By default, a compiler of C++ would be busy for a minute here. This backend of PyTorch's
    # runs the same traced graphs as they are.
    X, y = (part[::5] for part in patches)
    compiler = Mock(wraps=torch.compile)
    monkeypatch.setattr(torch, "compile", compiler)
    parameters = {"lr": 1e-3, "max_epochs": 2}
    model = ode_net(compile=True, net_params={"compile__backend": "eager"}, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about its own parts
        given = probabilities(model, X, y)
    compiler.assert_called()
    plain = ode_net(**parameters)
    np.testing.assert_allclose(given, probabilities(plain, X, y), atol=1e-3)
    assert model.n_parameters_ == plain.n_parameters_
    assert [row["n_function_evaluations"] for row in model.history_] == [1, 1]


# What a device cannot do


@pytest.mark.filterwarnings("ignore")  # torch's own, about its own parts
def test_what_cannot_be_compiled_is_said_in_one_line(patches):
    def no_backend(graph, inputs):
        raise RuntimeError("there is no compiler")

    model = ode_net(compile=True, net_params={"compile__backend": no_backend})
    with pytest.raises(RuntimeError, match=r"compile=True.*no compiler.*set compile=False"):
        model.fit(*patches)


def test_bfloat16_is_refused_on_a_gpu_without_it(monkeypatch, patches):
    monkeypatch.setattr(patchnet, "resolve_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "an old GPU")
    monkeypatch.setattr(patchnet, "reproducible", lambda *_: nullcontext())
    with pytest.raises(ValueError, match=r"precision='bfloat16' is not for an old GPU"):
        ode_net(precision="bfloat16").fit(*patches)


def holding(monkeypatch, n_patches):
    """Let the networks run out of memory on more patches at once, and note how many there were."""
    seen, forward = [], Head.forward

    def limited(head, x):
        seen.append(len(x))
        if len(x) > n_patches:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(head, x)

    monkeypatch.setattr(Head, "forward", limited)
    return seen


def test_a_prediction_goes_on_in_smaller_batches(patches, monkeypatch, caplog):
    X, y = patches
    model = ode_net(max_epochs=1).fit(X, y)
    expected = model.predict_proba(X)
    seen = holding(monkeypatch, 100)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)
    assert max(seen) > 100
    assert "predicting on with batches of 64" in caplog.text
    del seen[:]
    model.predict_proba(X)
    assert max(seen) == 64


def test_a_prediction_that_does_not_fit_at_all_is_an_error(patches, monkeypatch):
    model = ode_net(max_epochs=1).fit(*patches)
    holding(monkeypatch, 0)
    with pytest.raises(torch.OutOfMemoryError):
        model.predict_proba(patches[0])


def test_a_training_that_does_not_fit_names_batch_and_patch_size(patches, monkeypatch):
    holding(monkeypatch, 10)
    with pytest.raises(MemoryError, match=r"lower batch_size \(now 32\) or patch_size \(now 5\)"):
        ode_net(batch_size=32).fit(*patches)


# Devices

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@both
@pytest.mark.parametrize("device", ["auto", "cpu", torch.device("cpu")], ids=str)
def test_a_device_is_named_or_found(new, patches, device):
    model = new(device=device).fit(*patches)
    expected = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"
    assert {w.device.type for w in model.net_.module_.parameters()} == {expected}


@cuda
@both
@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda", 0)], ids=str)
def test_cuda_agrees_with_the_cpu(new, patches, device):
    X, y = patches
    parameters = {"precision": "float64", "max_epochs": 2, "lr": 1e-3}
    on_cuda = new(device=device, **parameters).fit(X, y)
    assert {w.device.type for w in on_cuda.net_.module_.parameters()} == {"cuda"}
    on_cpu = new(device="cpu", **parameters).fit(X, y)
    np.testing.assert_allclose(on_cuda.predict_proba(X), on_cpu.predict_proba(X), atol=1e-4)


@cuda
@both
def test_all_inputs_train_on_cuda(new, patches):
    X, y = patches
    given = [
        probabilities(new(device="cuda", max_epochs=1), each, y) for each in (X, np.asarray(X))
    ]
    np.testing.assert_allclose(*given, atol=1e-3)
    assert probabilities(new(device="cuda", precision="bfloat16"), X, y).dtype == np.float32


class NoWaiting(skorch.callbacks.Callback):
    """PyTorch raises where a GPU is waited for, from gathering a batch to its gradients."""

    def on_batch_end(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("error")  # skorch has fetched the loss

    def on_grad_computed(self, net, *args, **kwargs):
        torch.cuda.set_sync_debug_mode("default")

    def on_epoch_end(self, net, **kwargs):
        torch.cuda.set_sync_debug_mode("default")


@cuda
@both
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # is a prototype, it says
def test_a_mini_batch_waits_for_the_gpu_for_its_loss_alone(new, patches):
    X, y = patches
    model = new(device="cuda", augment=True, batch_size=16)
    model.set_params(callbacks=[NoWaiting()])
    try:
        model.fit(X, y)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@cuda
@both
@pytest.mark.filterwarnings("ignore")  # torch's own, about its own parts
def test_cuda_graphs_agree_with_single_steps(new, patches):
    X, y = patches
    parameters = {"device": "cuda", "max_epochs": 2, "lr": 1e-3, "precision": "float64"}
    options = {"compile__mode": "reduce-overhead", "iterator_valid__batch_size": 16}
    graphs = new(compile=True, net_params=options, **parameters)
    given = probabilities(graphs, X, y)
    np.testing.assert_allclose(given, probabilities(new(**parameters), X, y), atol=1e-3)
    # The graph writes each batch to the same place, from which it has to be taken in time.
    nothing = np.zeros(len(y), dtype=int)
    data = patch_dataset(graphs.net_, X, nothing, nothing, learning=False)
    kept = graphs.net_.forward(data, device="cuda")
    np.testing.assert_allclose(kept.softmax(dim=1).cpu(), given, atol=1e-6)
