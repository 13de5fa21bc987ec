"""The same seed gives the same network, and nothing of the caller's is changed."""

import functools
import os
import pickle
import random
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier
from sklearn_hsiode.datasets import make_scene

few_examples = settings(deadline=None, max_examples=10)
SMALL = {
    "n_filters": 8,
    "optimizer": "adamw",
    "lr": 1e-2,
    "max_epochs": 2,
    "batch_size": 32,
    "shortcut": False,  # the training of the network shows at once
    "device": "cpu",
    "random_state": 0,
}


def ode_net(**parameters):
    return ODENetClassifier(solver="euler", n_steps=2, **(SMALL | parameters))


def res_net(**parameters):
    return ResNetClassifier(n_blocks=1, **(SMALL | parameters))


both = pytest.mark.parametrize("new", [ode_net, res_net])
seeds = st.integers(0, 2**32 - 1)


@functools.cache
def training_set():
    X, y = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0).labeled_pixels()
    return PatchExtractor(5).fit_transform(X), y


@functools.cache
def fitted(new, precision="float32"):
    return new(max_epochs=5, precision=precision).fit(*training_set())


def probabilities(model):
    X, y = training_set()
    return model.fit(X, y).predict_proba(X)


# Seeds


@few_examples
@given(
    seed=seeds,
    new=st.sampled_from([ode_net, res_net]),
    early_stopping=st.booleans(),
    augment=st.booleans(),
)
def test_a_seed_gives_one_network_bit_by_bit(seed, new, early_stopping, augment):
    model = new(random_state=seed, early_stopping=early_stopping, augment=augment)
    first = probabilities(model)
    for random_state in (seed, np.random.RandomState(seed)):
        np.testing.assert_array_equal(
            probabilities(model.set_params(random_state=random_state)), first
        )


@few_examples
@given(seed=seeds, other=seeds)
def test_another_seed_gives_another_network(seed, other):
    same = np.array_equal(
        probabilities(ode_net(random_state=seed)), probabilities(ode_net(random_state=other))
    )
    assert same == (seed == other)


@both
def test_without_a_seed_every_fit_is_another(new):
    model = new(random_state=None)
    assert (probabilities(model) != probabilities(model)).any()


@both
def test_a_random_state_is_drawn_from(new):
    model = new(random_state=np.random.RandomState(0))
    assert (probabilities(model) != probabilities(model)).any()


@both
def test_a_seed_gives_one_network_in_every_process(new):
    expected = probabilities(new())
    models = [new() for _ in range(3)]
    X, y = training_set()
    given = joblib.Parallel(n_jobs=2)(joblib.delayed(model.fit)(X, y) for model in models)
    for model in given:
        np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_a_seed_gives_one_network_whatever_the_callers_threads():
    before = torch.get_num_threads()
    try:
        given = []
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            given.append(probabilities(ode_net()))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*given)


def test_a_seed_gives_one_network_whatever_the_callers_random_state():
    given = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        given.append(probabilities(ode_net()))
    np.testing.assert_array_equal(*given)


@both
def test_parts_are_repeated_too(new):
    X, y = training_set()

    def in_parts():
        model = new().partial_fit(X, y, classes=[1, 2, 3]).partial_fit(X[::2], y[::2])
        return model.predict_proba(X)

    np.testing.assert_array_equal(in_parts(), in_parts())


# What belongs to the caller


def global_states():
    return random.getstate(), np.random.get_state(), torch.get_rng_state().tolist()


@both
@pytest.mark.parametrize("seed", [None, 0, "RandomState"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_global_random_states_are_untouched(new, seed, early_stopping):
    X, y = training_set()
    random_state = np.random.RandomState(0) if seed == "RandomState" else seed
    model = new(random_state=random_state, early_stopping=early_stopping)
    before = global_states()
    model.fit(X, y)
    model.predict(X)
    model.partial_fit(X, y)
    new(random_state=random_state).partial_fit(X, y, classes=[1, 2, 3])
    np.testing.assert_equal(global_states(), before)


def test_loading_leaves_global_random_states_untouched():
    saved = pickle.dumps(fitted(ode_net))
    before = global_states()
    pickle.loads(saved)
    np.testing.assert_equal(global_states(), before)


def test_a_fit_that_fails_leaves_global_random_states_untouched():
    before = global_states()
    with pytest.raises(ValueError, match="NaN or infinite in epoch"):
        ode_net(optimizer="sgd", lr=1e30).fit(*training_set())
    np.testing.assert_equal(global_states(), before)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_jobs", [None, 1, 3, -1])
def test_the_callers_number_of_threads_is_unchanged(n_jobs):
    X, y = training_set()
    model = ode_net(n_jobs=n_jobs).fit(X, y)
    assert torch.get_num_threads() == 2
    model.predict(X)
    model.partial_fit(X, y)
    assert torch.get_num_threads() == 2
    with pytest.raises(ValueError, match="NaN or infinite in epoch"):
        model.set_params(optimizer="sgd", lr=1e30).fit(X, y)
    assert torch.get_num_threads() == 2


def test_the_result_hardly_depends_on_the_number_of_threads():
    np.testing.assert_allclose(
        probabilities(ode_net(n_jobs=2, precision="float64")),
        probabilities(ode_net(n_jobs=1, precision="float64")),
        atol=1e-6,
    )


def test_settings_of_pytorch_are_unchanged():
    def settings_of_pytorch():
        return (
            torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            torch.is_grad_enabled(),
            torch.get_float32_matmul_precision(),
        )

    before = settings_of_pytorch()
    for precision in ("float32", "float64", "bfloat16"):
        probabilities(ode_net(precision=precision))
        assert settings_of_pytorch() == before


def test_the_input_is_unchanged():
    X, y = training_set()
    X, y, weights = np.array(X), y.copy(), np.ones(len(y))
    before = X.copy(), y.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    ode_net().fit(X, y, sample_weight=weights).predict(X)
    np.testing.assert_equal((X, y), before)


def test_importing_touches_neither_random_state_nor_threads():
    script = (
        "import random, numpy, skorch, torch\n"
        "random.seed(0), numpy.random.seed(0), torch.manual_seed(0)\n"
        "def state():\n"
        "    return (random.getstate(), str(numpy.random.get_state()), torch.get_num_threads(),"
        " torch.get_rng_state().tolist())\n"
        "before = state()\n"
        "import sklearn_hsiode, sklearn_hsiode.datasets\n"
        "print(state() == before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "True\n", run.stderr


# A prediction is the pixel's own


@few_examples
@given(
    rows=st.lists(st.integers(0, 287), min_size=1, max_size=80),
    new=st.sampled_from([ode_net, res_net]),
    precision=st.sampled_from(["float32", "float64"]),
)
def test_a_prediction_does_not_depend_on_the_other_pixels_of_the_batch(rows, new, precision):
    X, _ = training_set()
    model = fitted(new, precision)
    np.testing.assert_allclose(
        model.predict_proba(X[rows]), model.predict_proba(X)[rows], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("solver", ["euler", "midpoint", "heun2", "heun3", "rk4"])
def test_no_fixed_grid_solver_mixes_pixels(solver, n_steps):
    X, y = training_set()
    model = ode_net().set_params(solver=solver, n_steps=n_steps).fit(X, y)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[[row]]) for row in range(0, 288, 24)])
    np.testing.assert_allclose(alone, together[::24], rtol=0, atol=1e-5)


def test_a_prediction_does_not_depend_on_the_size_of_the_prediction_batch():
    # More pixels than go through the network at a time.
    X, _ = training_set()
    rows = np.arange(1500) % 288
    many = fitted(ode_net).predict_proba(X[rows])
    np.testing.assert_allclose(many, fitted(ode_net).predict_proba(X)[rows], rtol=0, atol=1e-5)


@both
def test_a_prediction_is_repeated_bit_by_bit(new):
    X, _ = training_set()
    np.testing.assert_array_equal(fitted(new).predict_proba(X), fitted(new).predict_proba(X))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@both
def test_a_seed_gives_one_network_on_cuda(new):
    model = new(device="cuda")
    before = torch.cuda.get_rng_state().tolist()
    np.testing.assert_array_equal(probabilities(model), probabilities(model))
    assert torch.cuda.get_rng_state().tolist() == before
