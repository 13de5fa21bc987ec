"""How the classifiers train: epochs, losses, weights, schedules, callbacks, interruptions."""

import functools
import json

import numpy as np
import pytest
import skorch.callbacks
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import recall_score
from sklearn.utils import compute_sample_weight

from sklearn_hsiode import ODENetClassifier, PatchExtractor, ResNetClassifier
from sklearn_hsiode._gather import ArrayGatherer, PatchDataset
from sklearn_hsiode.datasets import make_scene

few_examples = settings(deadline=None, max_examples=8)
SMALL = {
    "n_filters": 8,
    "optimizer": "adamw",
    "lr": 1e-2,
    "lr_schedule": "constant",
    "gate": 0.5,
    "max_epochs": 3,
    "batch_size": 32,
    "shortcut": False,  # the training of the network shows at once
    "device": "cpu",
    "random_state": 0,
}
STANDSTILL = 1e-12  # a learning rate that leaves the weights as they are


def ode_net(**parameters):
    return ODENetClassifier(solver="euler", n_steps=1, **(SMALL | parameters))


def res_net(**parameters):
    return ResNetClassifier(n_blocks=1, **(SMALL | parameters))


both = pytest.mark.parametrize("new", [ode_net, res_net])


@functools.cache
def training_set():
    """Patches of 5 x 5 pixels and labels 1, 2, 3 of a tiny scene."""
    X, y = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0).labeled_pixels()
    return PatchExtractor(5).fit_transform(X), y


@pytest.fixture(name="patches")
def _patches():
    return training_set()


@functools.cache
def distinct_spectra():
    """200 spectra of unlike values, so that a spectrum tells which pixel it is."""
    spectra = np.random.RandomState(0).normal(size=(200, 2))
    return spectra, np.repeat(["common", "rare", "single"], [160, 39, 1])


def probabilities(model, X, y, **fit_parameters):
    return model.fit(X, y, **fit_parameters).predict_proba(X)


class Spy(skorch.callbacks.Callback):
    """Reports every batch: whether it is for training, patches by their key, class codes."""

    def __init__(self, report):
        self.report = report

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        inputs, codes = batch
        assert inputs.keys() == {"patches", "sample_weight"}
        self.report((training, inputs["patches"].numpy().copy(), codes.numpy().copy()))


class WeightSpy(skorch.callbacks.Callback):
    """Reports the weights of every batch of the training."""

    def __init__(self, report):
        self.report = report

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.report(batch[0]["sample_weight"].numpy())


def spied_batches(model, X, y):
    """Batches of a fit: those for training, and those for validation."""
    batches = []
    model.set_params(callbacks=[Spy(batches.append)]).fit(X, y)
    return tuple(
        [(patches, codes) for training, patches, codes in batches if training == wanted]
        for wanted in (True, False)
    )


def rows_of(batches, spectra):
    """Which of the distinct spectra are in these batches of 1 x 1 patches."""
    seen = np.concatenate([patches[:, :, 0, 0] for patches, _ in batches])
    distances = np.abs(seen[:, np.newaxis] - spectra.astype(np.float32)).max(axis=2)
    assert (distances.min(axis=1) == 0).all()
    return distances.argmin(axis=1)


# The network learns, and says how


@both
def test_history_has_a_row_per_epoch(new, patches):
    history = new(max_epochs=4).fit(*patches).history_
    expected = {"epoch", "loss", "lr", "seconds"}
    if new is ode_net:
        expected |= {"n_function_evaluations"}
    assert [set(row) for row in history] == [expected] * 4
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert [row["lr"] for row in history] == [1e-2] * 4
    assert min(row["seconds"] for row in history) > 0


@both
def test_history_of_early_stopping_has_validation_loss_and_score(new, patches):
    history = new(early_stopping=True).fit(*patches).history_
    assert all({"validation_loss", "validation_score"} <= set(row) for row in history)
    assert all(0 <= row["validation_score"] <= 1 for row in history)


@pytest.mark.parametrize(
    ("solver", "n_steps", "expected"),
    [("euler", 1, 1), ("euler", 3, 3), ("midpoint", 2, 4), ("heun3", 2, 6), ("rk4", 2, 8)],
)
def test_function_evaluations_of_a_fixed_grid(patches, solver, n_steps, expected):
    model = ode_net(max_epochs=2).set_params(solver=solver, n_steps=n_steps).fit(*patches)
    assert [row["n_function_evaluations"] for row in model.history_] == [expected] * 2
    assert model.n_function_evaluations_ == expected


def test_an_adaptive_solver_evaluates_more_for_a_smaller_tolerance(patches):
    rough, fine = (
        ode_net(max_epochs=1).set_params(solver="bosh3", rtol=tol, atol=tol).fit(*patches)
        for tol in (1e-1, 1e-4)
    )
    assert 4 <= rough.n_function_evaluations_ < fine.n_function_evaluations_


def test_the_networks_have_the_size_of_the_papers():
    X, y = np.random.RandomState(0).normal(size=(16, 1)), np.arange(16)
    parameters = {"shortcut": False, "max_epochs": 1, "device": "cpu", "random_state": 0}
    assert ODENetClassifier(**parameters).fit(X, y).n_parameters_ == 232_080
    assert ResNetClassifier(**parameters).fit(X, y).n_parameters_ == 601_872


@both
def test_the_loss_falls_and_the_labels_are_learnt(new, patches):
    X, y = patches
    model = new(max_epochs=20).fit(X[::2], y[::2])
    assert model.history_[-1]["loss"] < 0.5 * model.history_[0]["loss"]
    assert model.score(X[1::2], y[1::2]) > np.bincount(y).max() / len(y) + 0.2


@few_examples
@given(
    weights=arrays(float, 100, elements=st.floats(0.01, 10)),
    factors=st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    batch_size=st.sampled_from([7, 32, 100]),
)
def test_the_loss_is_the_weighted_cross_entropy(weights, factors, batch_size):
    X, y = (part[::2][:100] for part in training_set())
    model = ode_net(
        class_weight=dict(zip([1, 2, 3], factors, strict=True)),
        lr=STANDSTILL,
        max_epochs=1,
        batch_size=batch_size,
        augment=False,
        mixup=0,
        precision="float64",
    )
    of_own_class = probabilities(model, X, y, sample_weight=weights)[np.arange(100), y - 1]
    expected = np.average(-np.log(of_own_class), weights=weights * np.array(factors)[y - 1])
    assert model.history_[0]["loss"] == pytest.approx(expected, rel=1e-6)


@both
def test_a_class_with_a_single_pixel_trains(new, patches):
    X, y = patches
    rows = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 2), np.flatnonzero(y == 3)[:1]]
    for early_stopping in (False, True):
        model = new(early_stopping=early_stopping).fit(X[rows], y[rows])
        assert model.classes_.tolist() == [1, 2, 3]
        assert model.predict_proba(X).shape == (len(y), 3)


@both
def test_a_single_pixel_per_class_is_learnt(new, patches):
    X, y = patches
    X, y = X[np.unique(y, return_index=True)[1]], np.unique(y)
    model = new(max_epochs=30, augment=False).fit(X, y)
    assert model.predict(X).tolist() == [1, 2, 3]


# Early stopping


@both
def test_training_stops_when_the_validation_score_does_not_rise(new, patches):
    model = new(early_stopping=True, lr=STANDSTILL, n_iter_no_change=3, max_epochs=50)
    assert len(model.fit(*patches).history_) == 1 + 3


@both
@pytest.mark.parametrize("patience", [3, 100])
def test_the_weights_of_the_best_epoch_are_kept(new, patches, patience):
    X, y = patches
    parameters = {
        "early_stopping": True,
        # After the fourth epoch, steps so large that they ruin the weights.
        "lr_schedule": lambda epoch: 1 if epoch < 4 else 1000,
    }
    model = new(n_iter_no_change=patience, max_epochs=8, **parameters).fit(X, y)
    scores = [row["validation_score"] for row in model.history_]
    best = int(np.argmax(scores)) + 1
    assert best < len(scores)
    until_then = new(n_iter_no_change=100, max_epochs=best, **parameters).fit(X, y)
    assert [row["validation_score"] for row in until_then.history_] == scores[:best]
    np.testing.assert_array_equal(model.predict_proba(X), until_then.predict_proba(X))


@few_examples
@given(fraction=st.floats(0.01, 0.9), seed=st.integers(0, 1000))
def test_the_validation_pixels_are_a_share_of_each_class_that_is_never_trained_on(fraction, seed):
    spectra, y = distinct_spectra()
    model = ode_net(
        early_stopping=True, validation_fraction=fraction, max_epochs=2, random_state=seed
    ).set_params(n_iter_no_change=100)
    trained, validated = (rows_of(part, spectra) for part in spied_batches(model, spectra, y))
    assert not set(trained) & set(validated)
    assert sorted([*trained, *validated]) == sorted([*range(200)] * 2)  # in each of two epochs
    of_class = [np.sum(y[validated] == name) / 2 for name in ("common", "rare", "single")]
    expected = [max(1, round(160 * fraction)), max(1, round(39 * fraction)), 0]
    assert of_class == expected


def test_the_validation_pixels_are_drawn_by_the_seed():
    spectra, y = distinct_spectra()
    first, again, other = (
        set(rows_of(spied_batches(model, spectra, y)[1], spectra))
        for model in (ode_net(early_stopping=True, random_state=seed) for seed in (0, 0, 1))
    )
    assert first == again
    assert first != other


def test_the_spectra_of_validation_pixels_have_no_part_in_the_weights():
    spectra, y = distinct_spectra()
    model = ode_net(early_stopping=True, max_epochs=1)  # a single epoch is always the best
    _, validated = spied_batches(model, spectra, y)
    altered = spectra.copy()
    altered[rows_of(validated, spectra)] *= -100
    np.testing.assert_array_equal(
        clone(model).fit(altered, y).predict_proba(spectra), model.predict_proba(spectra)
    )


@few_examples
@given(weight=st.floats(0, 1e6))
def test_the_weights_of_validation_pixels_have_no_part_in_the_weights_of_the_network(weight):
    spectra, y = distinct_spectra()
    model = ode_net(early_stopping=True, max_epochs=1)  # a single epoch is always the best
    _, validated = spied_batches(model, spectra, y)
    sample_weight = np.ones(len(y))
    sample_weight[rows_of(validated, spectra)] = weight
    weighted = clone(model).fit(spectra, y, sample_weight=sample_weight)
    np.testing.assert_array_equal(weighted.predict_proba(spectra), model.predict_proba(spectra))


def test_training_weights_have_a_mean_of_one_beside_validation_pixels_of_any_weight():
    spectra, y = distinct_spectra()
    seen = []
    model = ode_net(early_stopping=True, max_epochs=1, class_weight="balanced")
    model.set_params(callbacks=[WeightSpy(seen.append)])
    model.fit(spectra, y, sample_weight=np.random.RandomState(0).exponential(size=len(y)))
    np.testing.assert_allclose(np.concatenate(seen).mean(), 1, rtol=1e-5)


def test_early_stopping_without_a_pixel_to_spare_is_an_error():
    with pytest.raises(ValueError, match=r"early_stopping=True needs.*early_stopping=False"):
        ode_net(early_stopping=True).fit(np.eye(3), [1, 2, 3])


# Weights of pixels and of classes


@both
@pytest.mark.parametrize("class_weight", ["balanced", {1: 0.5, 2: 3.0, 3: 1.0}])
def test_class_weights_are_sample_weights_by_class(new, patches, class_weight):
    X, y = patches
    np.testing.assert_array_equal(
        probabilities(new(class_weight=class_weight), X, y),
        probabilities(new(), X, y, sample_weight=compute_sample_weight(class_weight, y)),
    )


def test_class_and_sample_weights_multiply(patches):
    X, y = patches
    weights = np.random.RandomState(0).exponential(size=len(y))
    np.testing.assert_allclose(
        probabilities(ode_net(class_weight={1: 2, 2: 1, 3: 8}), X, y, sample_weight=weights),
        probabilities(ode_net(), X, y, sample_weight=weights * np.array([2, 1, 8])[y - 1]),
        rtol=1e-4,
    )


@both
def test_a_rare_class_is_found_more_often_with_balanced_weights(new):
    # Two overlapping clouds of points, the one twenty times the other.
    y = (np.arange(420) % 21 == 0).astype(int)
    X = np.random.RandomState(0).normal(size=(420, 3)) + y[:, np.newaxis]
    plain, balanced = (
        new(class_weight=weight, max_epochs=4).fit(X, y).predict_proba(X)[:, 1]
        for weight in (None, "balanced")
    )
    assert balanced.mean() > 2 * plain.mean()
    assert recall_score(y, balanced > 0.5) > recall_score(y, plain > 0.5)


@few_examples
@given(heavy=st.sampled_from([1, 2, 3]))
def test_a_heavy_class_is_predicted_more_often(heavy):
    X, y = training_set()
    plain, weighted = (
        probabilities(ode_net(class_weight=weight), X, y)[:, heavy - 1].mean()
        for weight in (None, {1: 1, 2: 1, 3: 1} | {heavy: 50})
    )
    assert weighted > plain


@few_examples
@given(seed=st.integers(0, 1000), share=st.floats(0.05, 0.95))
def test_the_label_of_a_pixel_of_weight_zero_does_not_matter(seed, share):
    X, y = training_set()
    ignored = np.random.RandomState(seed).permutation(len(y)) < share * len(y)
    wrong = np.where(ignored, y % 3 + 1, y)
    weights = (~ignored).astype(float)
    model = ode_net(max_epochs=2)
    given, expected = (
        probabilities(model, X, labels, sample_weight=weights) for labels in (wrong, y)
    )
    np.testing.assert_array_equal(given, expected)
    assert (given != probabilities(model, X, wrong)).any()


def test_wrong_labels_of_little_weight_do_little_harm(patches):
    X, y = patches
    wrong = np.where(np.arange(len(y)) % 2, y % 3 + 1, y)
    light = np.where(np.arange(len(y)) % 2, 0.01, 1)
    model = ode_net(max_epochs=15)
    plain, weighted = (model.fit(X, wrong, sample_weight=w).score(X, y) for w in (None, light))
    assert weighted > plain + 0.15


@few_examples
@given(factor=st.floats(1e-6, 1e6))
def test_only_ratios_of_sample_weights_matter(factor):
    X, y = training_set()
    weights = np.random.RandomState(0).exponential(size=len(y))
    np.testing.assert_allclose(
        probabilities(ode_net(), X, y, sample_weight=factor * weights),
        probabilities(ode_net(), X, y, sample_weight=weights),
        rtol=1e-4,
    )


# Training in parts


@both
def test_partial_fit_trains_an_epoch_per_call(new, patches):
    X, y = patches
    model = new()
    for call in range(1, 11):
        assert model.partial_fit(X, y, classes=[1, 2, 3]) is model
        assert [row["epoch"] for row in model.history_] == [*range(1, call + 1)]
    losses = [row["loss"] for row in model.history_]
    assert losses[-1] < 0.7 * losses[0]
    assert model.score(X, y) > np.bincount(y).max() / len(y) + 0.1


@both
def test_partial_fit_learns_classes_that_come_one_after_the_other(new, patches):
    X, y = patches
    model = new(batch_size=8)
    for call in range(30):
        rows = np.flatnonzero(y == call % 3 + 1)[call::10]
        model.partial_fit(X[rows], y[rows], classes=[1, 2, 3] if call == 0 else None)
        assert model.predict_proba(X[:5]).shape == (5, 3)
    assert model.classes_.tolist() == [1, 2, 3]


def test_partial_fit_needs_the_classes_first(patches):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        ode_net().partial_fit(*patches)


def test_partial_fit_names_an_unknown_label(patches):
    X, y = patches
    model = ode_net().partial_fit(X, y, classes=[1, 2, 3])
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"not among classes: \[7\]"):
        model.partial_fit(X, np.where(np.arange(len(y)) == 5, 7, y))
    np.testing.assert_array_equal(model.predict_proba(X), before)


@both
def test_a_first_call_of_partial_fit_that_failed_may_be_mended(new, patches):
    X, y = patches
    model = new()
    with pytest.raises(ValueError, match=r"not among classes: \[3\]"):
        model.partial_fit(X, y, classes=[1, 2])
    assert not hasattr(model, "classes_")
    model.partial_fit(X, y, classes=[1, 2, 3])
    assert model.predict_proba(X).shape == (len(y), 3)


@both
def test_a_call_of_partial_fit_that_fails_leaves_the_fit_usable(new, patches):
    X, y = patches
    model = new(optimizer="sgd").fit(X, y)
    before, history = model.predict_proba(X), model.history_
    with pytest.raises(ValueError, match="NaN or infinite in epoch"):
        model.set_params(lr=1e30).partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.history_ == history


def test_partial_fit_cannot_balance_classes(patches):
    with pytest.raises(ValueError, match=r"class_weight='balanced'.*dict"):
        ode_net(class_weight="balanced").partial_fit(*patches, classes=[1, 2, 3])


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant", lambda epoch: 0.5**epoch])
def test_partial_fit_after_fit_goes_on_at_the_initial_learning_rate(patches, schedule):
    model = ode_net(lr_schedule=schedule).fit(*patches)
    for _ in range(3):
        model.partial_fit(*patches)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 4, 5, 6]
    assert [row["lr"] for row in model.history_[3:]] == [1e-2] * 3
    assert model.history_[-1]["loss"] < model.history_[2]["loss"]


def test_partial_fit_takes_a_learning_rate_that_was_set_since(patches):
    X, y = patches
    model = ode_net().fit(X, y)
    before = model.predict_proba(X)
    model.set_params(lr=STANDSTILL).partial_fit(X, y)
    assert model.history_[-1]["lr"] == STANDSTILL
    np.testing.assert_allclose(model.predict_proba(X), before, rtol=1e-5)


def test_partial_fit_does_without_early_stopping(patches):
    model = ode_net(early_stopping=True).partial_fit(*patches, classes=[1, 2, 3])
    model.fit(*patches).partial_fit(*patches)
    assert "validation_score" not in model.history_[-1]


def test_partial_fit_heeds_sample_weights(patches):
    X, y = patches
    wrong, weights = np.where(y == 1, 3, y), (y != 1).astype(float)
    right, given = (
        ode_net().partial_fit(X, labels, classes=[1, 2, 3], sample_weight=weights)
        for labels in (y, wrong)
    )
    np.testing.assert_array_equal(right.predict_proba(X), given.predict_proba(X))


# Warm start


@both
@pytest.mark.parametrize("schedule", ["cosine", "step", "constant", lambda epoch: 0.5**epoch])
def test_warm_start_goes_on_where_the_last_fit_ended(new, patches, schedule):
    X, y = patches
    model = new(warm_start=True, lr_schedule=schedule, max_epochs=4).fit(X, y)
    first = model.history_
    model.fit(X, y)
    assert model.history_[:4] == first
    assert [row["epoch"] for row in model.history_] == [*range(1, 9)]
    assert model.history_[4]["loss"] < first[0]["loss"]
    assert [row["lr"] for row in model.history_[4:]] == [row["lr"] for row in first]


@both
def test_warm_start_begins_with_the_weights_and_the_standardisation_of_the_last_fit(new, patches):
    X, y = patches
    model = new(warm_start=True, max_epochs=5).fit(X, y)
    before = model.predict_proba(X)
    dark = np.argsort(np.asarray(X.pixels).sum(axis=1))[:200]  # whose mean is another
    model.set_params(lr=STANDSTILL, max_epochs=1).fit(X[dark], y[dark])
    np.testing.assert_allclose(model.predict_proba(X), before, rtol=1e-5, atol=1e-7)


def test_without_warm_start_a_fit_begins_anew(patches):
    X, y = patches
    model = ode_net()
    first = probabilities(model, X, y)
    np.testing.assert_array_equal(probabilities(model, X, y), first)
    assert len(model.history_) == 3


def test_warm_start_stops_early_too(patches):
    model = ode_net(
        warm_start=True, early_stopping=True, lr=STANDSTILL, n_iter_no_change=2, max_epochs=9
    )
    assert len(model.fit(*patches).history_) == 3
    assert len(model.fit(*patches).history_) == 6


def test_warm_start_needs_the_same_classes(patches):
    X, y = patches
    model = ode_net(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"warm_start=True.*\[1, 2, 3\].*\[1, 2\]"):
        model.fit(X[y < 3], y[y < 3])


@pytest.mark.parametrize(
    "changed", [{"n_filters": 16}, {"n_blocks": 2}], ids=lambda changed: next(iter(changed))
)
def test_warm_start_needs_the_same_network(patches, changed):
    model = res_net(warm_start=True).fit(*patches)
    with pytest.raises(ValueError, match=r"warm_start=True needs the network of the earlier fit"):
        model.set_params(**changed).fit(*patches)


# Augmentation


def symmetries(patch):
    """The eight symmetries of a patch (bands, size, size), by NumPy."""
    turned = [np.rot90(patch, k, (1, 2)) for k in range(4)]
    return turned + [np.swapaxes(each, 1, 2) for each in turned]


def test_the_eight_symmetries_are_equally_likely():
    patch = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    gather = ArrayGatherer(np.stack([patch] * 8000), torch.device("cpu"), torch.float32)
    nothing = torch.zeros(8000, dtype=int)
    augment = torch.Generator().manual_seed(0)
    dataset = PatchDataset(gather, nothing, nothing, np.arange(8000), augment=augment)
    turned = dataset.__getitems__(range(8000))[0]["patches"].numpy()
    counts = [np.sum((turned == each).all(axis=(1, 2, 3))) for each in symmetries(patch)]
    assert sum(counts) == 8000
    assert min(counts) > 900
    assert max(counts) < 1100


@pytest.mark.parametrize("augment", [True, False])
def test_training_patches_are_turned_and_validation_patches_are_not(augment):
    # Ready-made patches, each marked by its number in the centre.
    random = np.random.RandomState(0)
    X = random.normal(size=(60, 2, 3, 3)).astype(np.float32)
    X[:, 0, 1, 1] = np.arange(60)
    y = np.arange(60) % 2
    model = ode_net(augment=augment, early_stopping=True, max_epochs=20, n_iter_no_change=99)
    training, validation = spied_batches(model, X, y)
    seen = set()
    for patch in np.concatenate([patches for patches, _ in training]):
        own = X[int(patch[0, 1, 1])]
        (which,) = [k for k, each in enumerate(symmetries(own)) if np.array_equal(patch, each)]
        seen.add(which)
    assert seen == (set(range(8)) if augment else {0})
    for patch in np.concatenate([patches for patches, _ in validation]):
        np.testing.assert_array_equal(patch, X[int(patch[0, 1, 1])])


# Batches, learning rates, optimisers


@pytest.mark.parametrize("batch_size", [1, 50, 1000])
def test_each_epoch_takes_every_pixel_once_in_new_order(batch_size):
    spectra, y = distinct_spectra()
    model = res_net(batch_size=batch_size, max_epochs=2)
    batches, _ = spied_batches(model, spectra, y)
    sizes = [len(codes) for _, codes in batches]
    assert sizes == [min(batch_size, 200)] * (2 * -(-200 // batch_size))
    first, second = np.split(rows_of(batches, spectra), 2)
    assert sorted(first) == sorted(second) == [*range(200)]
    assert first.tolist() != second.tolist() != [*range(200)]


def learning_rates(**parameters):
    X, y = np.random.RandomState(0).normal(size=(4, 2)), [0, 1, 0, 1]
    return [row["lr"] for row in ode_net(**parameters).fit(X, y).history_]


def test_the_step_schedule_is_the_papers_at_160_epochs():
    rates = learning_rates(lr=0.1, lr_schedule="step", optimizer="sgd", max_epochs=160)
    expected = np.repeat([0.1, 0.01, 0.001, 0.0001], [60, 40, 40, 20])
    np.testing.assert_allclose(rates, expected)


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("constant", lambda t: np.ones(16)),
        ("step", lambda t: 0.1 ** np.searchsorted([6, 10, 14], t, side="right")),
        ("cosine", lambda t: (1 + np.cos(np.pi * t / 16)) / 2),
        (lambda epoch: 1 / (1 + epoch), lambda t: 1 / (1 + t)),
    ],
    ids=["constant", "step", "cosine", "callable"],
)
def test_the_learning_rate_follows_its_schedule(schedule, factor):
    rates = learning_rates(lr=0.02, lr_schedule=schedule, max_epochs=16)
    np.testing.assert_allclose(rates, 0.02 * factor(np.arange(16)))


@both
@pytest.mark.parametrize(
    ("name", "optimizer", "options"),
    [
        ("sgd", torch.optim.SGD, {"optimizer__momentum": 0.9}),
        ("adam", torch.optim.Adam, None),
        ("adamw", torch.optim.AdamW, None),
    ],
)
def test_an_optimiser_goes_by_name_or_class(new, patches, name, optimizer, options):
    X, y = patches
    np.testing.assert_array_equal(
        probabilities(new(optimizer=name), X, y),
        probabilities(new(optimizer=optimizer, net_params=options), X, y),
    )


def test_optimisers_differ(patches):
    def given(**parameters):
        return probabilities(ode_net(**parameters), *patches)

    assert not np.allclose(given(optimizer="sgd"), given(optimizer="adam"))
    assert not np.allclose(given(optimizer="adam"), given(optimizer="adamw"))
    assert not np.allclose(given(optimizer="adam"), given(optimizer="adam", weight_decay=1.0))


def test_weight_decay_shrinks_the_weights(patches):
    def size(weight_decay):
        model = ode_net(weight_decay=weight_decay).fit(*patches)
        return sum(float(w.detach().square().sum()) for w in model.net_.module_.parameters())

    assert size(10.0) < size(0.0)


# skorch's callbacks and parameters


class EpochCounter(skorch.callbacks.Callback):
    """Writes into itself, and reports itself."""

    def __init__(self, report):
        self.report = report

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ = getattr(self, "n_epochs_", 0) + 1
        self.report(self)


def test_callbacks_are_used_and_the_users_object_stays_unwritten(patches):
    reports = []
    callback = EpochCounter(reports.append)
    model = ode_net(callbacks=[callback], max_epochs=2)
    model.fit(*patches)
    assert [each.n_epochs_ for each in reports] == [2, 2]  # both the same copy
    assert reports[0] is reports[1]
    assert reports[0] is not callback
    assert set(vars(callback)) == {"report"}
    model.partial_fit(*patches)
    assert reports[-1].n_epochs_ == 1
    assert model.callbacks == [callback]


def test_callbacks_see_class_codes(patches):
    X, y = patches
    names = np.array(["water", "tree", "asphalt"])[y - 1]
    model = ode_net(early_stopping=True, validation="random")
    training, validation = spied_batches(model, X, names)
    codes = np.concatenate([codes for _, codes in training + validation])
    assert set(codes) == {0, 1, 2}
    assert np.sum(codes == 0) == 3 * np.sum(names == "asphalt")  # in three epochs


@both
@pytest.mark.parametrize("chosen", [slice(None), [0, 11, 200, 287]], ids=["dense", "sparse"])
def test_callbacks_see_patches_or_those_that_were_standardised_together(new, patches, chosen):
    X, y = patches[0][chosen], patches[1][chosen]
    dense = chosen == slice(None)
    model = new(augment=False, max_epochs=1, batch_size=1000)
    ((seen, codes),), _ = spied_batches(model, X, y)
    centres = np.asarray(X.pixels, dtype=np.float32)
    mean, scale = (centres.mean(axis=0), centres.std(axis=0)) if dense else (0, 1)
    expected = (np.asarray(X) - np.reshape(mean, (-1, 1, 1))) / np.reshape(scale, (-1, 1, 1))
    order, wanted = (np.lexsort(np.reshape(each, (len(y), -1)).T) for each in (seen, expected))
    np.testing.assert_allclose(seen[order], expected[wanted], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(codes[order] + 1, y[wanted])


def test_the_history_of_an_epoch_that_was_interrupted_can_be_written(patches, tmp_path):
    checkpoint = skorch.callbacks.TrainEndCheckpoint(dirname=str(tmp_path), fn_prefix="end_")
    model = ode_net(callbacks=[checkpoint, Interruption(2)], max_epochs=5)
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        model.fit(*patches)
    whole, begun = json.loads((tmp_path / "end_history.json").read_text())
    assert {type(row["train_loss"]) for row in whole["batches"] + begun["batches"]} == {float}


def test_an_epoch_without_a_batch_is_an_error(patches):
    X, y = patches
    drop_last = {"iterator_train__drop_last": True}
    model = ode_net(batch_size=len(y) + 1, net_params=drop_last)
    with pytest.raises(ValueError, match=rf"no mini-batch.*drop_last.*\(now {len(y) + 1}\)"):
        model.fit(X, y)
    model.set_params(batch_size=len(y)).fit(X, y)


def test_the_loss_of_an_epoch_is_the_mean_over_its_pixels(patches):
    X, y = patches
    model = ode_net(batch_size=len(y) - 10).fit(X, y)
    for epoch, row in zip(model.net_.history, model.history_, strict=True):
        losses = [batch["train_loss"] for batch in epoch["batches"]]
        sizes = [batch["train_batch_size"] for batch in epoch["batches"]]
        assert {type(loss) for loss in losses} == {float}
        assert sizes == [len(y) - 10, 10]
        assert row["loss"] == pytest.approx(np.average(losses, weights=sizes))


def test_a_callback_of_skorch_may_stop_the_training(patches):
    stop = skorch.callbacks.EarlyStopping("train_loss", patience=2, threshold=0.5)
    model = ode_net(callbacks=[stop], lr=STANDSTILL, max_epochs=20)
    assert len(model.fit(*patches).history_) == 3  # and warns of nothing


def test_net_params_are_passed_on(patches):
    X, y = patches
    plain = ode_net(max_epochs=15)
    smoothed = clone(plain).set_params(net_params={"criterion__label_smoothing": 0.9})
    assert probabilities(smoothed, X, y).max() < 0.6 < probabilities(plain, X, y).max()
    nesterov = ode_net(optimizer="sgd", net_params={"optimizer__nesterov": True}).fit(X, y)
    assert nesterov.net_.optimizer_.param_groups[0]["nesterov"]


@pytest.mark.parametrize("name", ["batch_size", "callbacks", "lr", "max_epochs", "optimizer"])
def test_net_params_that_have_a_parameter_of_their_own_are_refused(patches, name):
    with pytest.raises(ValueError, match=f"net_params must not hold {name}"):
        ode_net(net_params={name: None}).fit(*patches)


# What is shown


@both
@pytest.mark.parametrize("early_stopping", [False, True])
def test_nothing_is_shown_by_default(new, patches, capfd, early_stopping):
    model = new(early_stopping=early_stopping, lr=STANDSTILL, n_iter_no_change=1).fit(*patches)
    model.partial_fit(*patches).predict(patches[0])
    assert capfd.readouterr() == ("", "")


@both
def test_verbose_1_shows_a_progress_bar(new, patches, capfd):
    model = new(verbose=1, early_stopping=True).fit(*patches)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert type(model).__name__ in shown.err
    assert "3/3" in shown.err
    assert "loss" in shown.err
    assert "validation" in shown.err


@both
def test_verbose_2_shows_a_line_per_epoch(new, patches, capfd):
    new(verbose=2, max_epochs=5).fit(*patches)
    lines = capfd.readouterr().out.splitlines()
    first_words = [line.split()[0] for line in lines if line.strip()]
    assert [word for word in first_words if word.isdigit()] == ["1", "2", "3", "4", "5"]


# Interruptions


class Interruption(skorch.callbacks.Callback):
    """Ctrl-C in an epoch, at its first batch for training or for validation."""

    def __init__(self, epoch, training=True):
        self.epoch = epoch
        self.training = training

    def on_batch_end(self, net, training=False, **kwargs):
        if net.history[-1, "epoch"] == self.epoch and training == self.training:
            raise KeyboardInterrupt


@both
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_after_an_epoch_leaves_a_usable_estimator(new, patches, early_stopping):
    X, y = patches
    model = new(callbacks=[Interruption(3)], max_epochs=9, early_stopping=early_stopping)
    with pytest.warns(UserWarning, match="interrupted in epoch 3"):
        model.fit(X, y)
    assert [row["epoch"] for row in model.history_] == [1, 2]
    assert model.score(X, y) > 0.3
    assert model.classes_.tolist() == [1, 2, 3]
    if new is ode_net:
        assert model.n_function_evaluations_ == 1


def test_ctrl_c_in_the_validation_of_an_epoch_counts_as_within_it(patches):
    X, y = patches
    model = ode_net(early_stopping=True, max_epochs=9)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interruption(1, training=False)]).fit(X, y)
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        model.set_params(callbacks=[Interruption(2, training=False)]).fit(X, y)
    assert [row["epoch"] for row in model.history_] == [1]
    assert model.predict(X).shape == y.shape
    assert model.n_function_evaluations_ == 1


@both
def test_ctrl_c_in_the_first_epoch_is_raised_again(new, patches):
    X, y = patches
    model = new(callbacks=[Interruption(1)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_ctrl_c_in_the_first_epoch_leaves_an_earlier_fit_alone(patches):
    X, y = patches
    model = ode_net()
    before = probabilities(model, X, y)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interruption(1)]).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_ctrl_c_in_the_first_call_of_partial_fit_leaves_no_fit(patches):
    X, y = patches
    model = ode_net(callbacks=[Interruption(1)])
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, classes=[1, 2, 3])
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert model.set_params(callbacks=None).partial_fit(X, y, classes=[1, 2, 3]).history_


def test_ctrl_c_in_a_warm_start_keeps_what_was_learnt(patches):
    X, y = patches
    model = ode_net(warm_start=True, max_epochs=4).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interruption(1)]).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.warns(UserWarning, match="interrupted in epoch"):
        model.set_params(callbacks=[Interruption(2)]).fit(X, y)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 4, 5]
    assert model.predict(X).shape == y.shape


# Failures


@both
def test_a_loss_that_becomes_nan_stops_the_fit_with_a_remedy(new, patches):
    model = new(optimizer="sgd", lr=1e6, standardize=False)
    with pytest.raises(ValueError, match=r"NaN or infinite in epoch \d+.*smaller lr than 1e\+06"):
        model.fit(*patches)
    with pytest.raises(NotFittedError):
        model.predict(patches[0])


def test_no_batch_follows_one_whose_loss_is_nan(patches):
    batches = []
    model = ode_net(optimizer="sgd", lr=1e30, batch_size=8, callbacks=[Spy(batches.append)])
    with pytest.raises(ValueError, match="NaN or infinite in epoch 1"):
        model.fit(*patches)
    assert len(batches) < 4


def test_the_epoch_of_a_nan_is_named(patches):
    model = ode_net(optimizer="sgd", lr_schedule=lambda epoch: 1e30 if epoch == 2 else 1, lr=1e-3)
    with pytest.raises(ValueError, match=r"NaN or infinite in epoch 3\b"):
        model.set_params(max_epochs=5).fit(*patches)


def test_underflow_of_the_step_size_is_reported_with_remedies(patches):
    model = ode_net(optimizer="sgd", lr=1e4, weight_decay=1e-4, downsampling=True)
    with pytest.raises(RuntimeError, match=r"'dopri5'.*underflow in dt.*'rk4'.*rtol.*smaller lr"):
        model.set_params(solver="dopri5", rtol=1e-9, atol=1e-9).fit(*patches)


@both
@pytest.mark.parametrize(
    "failure",
    [
        lambda model, X, y: model.set_params(optimizer="sgd", lr=1e30).fit(X, y),
        lambda model, X, y: model.set_params(lr=-1).fit(X, y),
        lambda model, X, y: model.fit(np.asarray(X)[:, :3], np.ones(len(y))),
        lambda model, X, y: model.set_params(optimizer="sgd", lr=1e30).fit(X.pixels[:, :3], y),
        lambda model, X, y: model.fit(X.pixels[:, :3], y[:-1]),
    ],
    ids=["NaN", "bad parameter", "one class", "NaN and other bands", "lengths"],
)
def test_a_refit_that_fails_leaves_the_earlier_fit_usable(new, patches, failure):
    X, y = patches
    model = new()
    before = probabilities(model, X, y)
    with pytest.raises(ValueError):  # noqa: PT011
        failure(model, X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.n_features_in_ == 8
