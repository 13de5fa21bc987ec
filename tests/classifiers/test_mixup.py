"""Training on mixtures of two patches and their classes."""

import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from sklearn_hsiode import ODENetClassifier, PatchExtractor, PatchNetClassifier
from sklearn_hsiode.datasets import make_scene
from tests.classifiers.networks import Linear

X, Y = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0).labeled_pixels()
SPECTRA = np.asarray(X, dtype=float)
STANDSTILL = 1e-12  # a learning rate that leaves the weights as they are


class Spy(skorch.callbacks.Callback):
    """Reports each mini-batch as it trains, each as it was drawn, and the share of the former."""

    def __init__(self, report):
        self.report = report

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.drawn_ = batch

    def on_grad_computed(self, net, batch=None, training=False, **kwargs):
        self.report((self.drawn_, batch, net.share_ if net.mixup else None))


def linear(**parameters):
    """A classifier of a linear network."""
    defaults = {
        "max_epochs": 2,
        "batch_size": 50,
        "lr": STANDSTILL,
        "weight_decay": 0,
        "augment": False,
        "precision": "float64",
        "random_state": 0,
    }
    return PatchNetClassifier(Linear, **(defaults | parameters))


def spied(model, **fit_params):
    seen = []
    model.set_params(callbacks=[Spy(seen.append)]).fit(SPECTRA, Y, **fit_params)
    return model, seen


def cross_entropy(logits, codes):
    return logsumexp(logits, axis=1) - logits[np.arange(len(codes)), codes]


@settings(deadline=None, max_examples=15)
@given(mixup=st.sampled_from([0.05, 0.4, 1, 5]), batch_size=st.sampled_from([1, 7, 50, 1000]))
def test_the_loss_is_that_of_mixed_patches_for_both_classes_by_their_shares(mixup, batch_size):
    weights = np.random.default_rng(0).exponential(size=len(Y))
    model = linear(mixup=mixup, batch_size=batch_size, max_epochs=1)
    model, seen = spied(model, sample_weight=weights)
    layer = model.net_.plain_module_.network[2]
    mean, scale = SPECTRA.mean(axis=0), SPECTRA.std(axis=0)
    losses = [batch["train_loss"] for batch in model.net_.history[0]["batches"]]
    for ((plain, codes), (mixed, _), share), found in zip(seen, losses, strict=True):
        spectra, weight = plain["patches"][:, :, 0, 0].numpy(), plain["sample_weight"].numpy()
        other, codes = mixed["mixed_with"].numpy(), codes.numpy()
        assert sorted(other) == [*range(len(codes))]
        blend = share * spectra + (1 - share) * spectra[other]
        np.testing.assert_allclose(mixed["patches"][:, :, 0, 0], blend, rtol=1e-9)
        scaled = (blend - mean) / scale
        logits = scaled @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        expected = share * np.mean(weight * cross_entropy(logits, codes))
        expected += (1 - share) * np.mean(weight[other] * cross_entropy(logits, codes[other]))
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_shares_are_drawn_from_a_beta_distribution_for_each_batch():
    for mixup in (0.4, 5.0):
        _, seen = spied(linear(mixup=mixup, batch_size=1, max_epochs=4))
        shares = np.array([share for *_, share in seen])
        assert len(set(shares)) == len(shares)
        assert shares.mean() == pytest.approx(0.5, abs=0.05)
        assert shares.var() == pytest.approx(1 / (4 * (2 * mixup + 1)), rel=0.15)


def test_patches_are_mixed_as_a_whole():
    seen = []
    model = ODENetClassifier(n_filters=8, n_steps=1, max_epochs=1, random_state=0)
    model.set_params(callbacks=[Spy(seen.append)]).fit(PatchExtractor(5).fit_transform(X), Y)
    for (plain, _), (mixed, _), share in seen:
        patches, other = plain["patches"], mixed["mixed_with"]
        expected = share * patches + (1 - share) * patches[other]
        torch.testing.assert_close(mixed["patches"], expected)


def test_a_patch_alone_in_its_batch_stays_as_it_is():
    model = linear(batch_size=len(Y) - 1, max_epochs=1)
    _, seen = spied(model.set_params(mixup=0.4))
    (plain, _), (mixed, _), _ = seen[-1]
    assert len(plain["patches"]) == 1
    torch.testing.assert_close(mixed["patches"], plain["patches"])


def test_without_mixup_a_batch_trains_as_it_was_drawn():
    model, seen = spied(linear(mixup=0))
    assert all(batch is drawn for drawn, batch, _ in seen)
    logits = np.log(model.predict_proba(SPECTRA))
    expected = cross_entropy(logits, Y - 1).mean()
    assert model.history_[0]["loss"] == pytest.approx(expected, rel=1e-6)


def test_what_validates_is_not_mixed():
    model = linear(early_stopping=True, max_epochs=1, validation_fraction=0.5, mixup=1)
    validating = []

    class Validated(skorch.callbacks.Callback):
        def on_batch_begin(self, net, batch=None, training=False, **kwargs):
            if not training:
                validating.append(batch)

    model.set_params(callbacks=[Validated()]).fit(SPECTRA, Y)
    ((inputs, codes),) = validating
    logits = np.log(model.predict_proba(inputs["patches"].numpy()))
    expected = cross_entropy(logits, codes.numpy()).mean()
    assert model.history_[0]["validation_loss"] == pytest.approx(expected, rel=1e-6)


def test_an_optimiser_that_evaluates_a_batch_again_gets_the_same_mixture():
    model = linear(optimizer=torch.optim.LBFGS, lr=0.1, max_epochs=1, batch_size=1000, mixup=1)
    _, seen = spied(model)
    assert len(seen) > 3
    first = seen[0][1][0]
    for _, (inputs, _), share in seen:
        assert torch.equal(inputs["patches"], first["patches"])
        assert share == seen[0][2]


def test_a_seed_draws_the_same_mixtures_and_no_global_state_is_touched():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    shares = [[share for *_, share in spied(linear(random_state=seed))[1]] for seed in (0, 0, 1)]
    assert shares[0] == shares[1] != shares[2]
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_partial_fit_follows_the_present_mixup():
    model = linear(mixup=0).partial_fit(SPECTRA, Y, classes=[1, 2, 3])
    plain, mixed = (
        pickle.loads(pickle.dumps(model)).set_params(mixup=mixup).partial_fit(SPECTRA, Y)
        for mixup in (0, 5)
    )
    assert plain.history_[1]["loss"] != mixed.history_[1]["loss"]


@pytest.mark.parametrize("mixup", [-0.1, np.inf, np.nan, "yes", None])
def test_a_bad_value_is_an_error_that_names_it(mixup):
    with pytest.raises(ValueError, match="'mixup' parameter of PatchNetClassifier"):
        linear(mixup=mixup).fit(SPECTRA, Y)
