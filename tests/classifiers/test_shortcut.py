"""Networks that contain a linear map of the centre pixel's spectrum."""

import pickle

import numpy as np
import pytest
import skorch.callbacks
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    ResNetClassifier,
    Scene,
    load_model,
    predict_map,
    save_model,
)
from sklearn_hsiode.classifiers import _gate
from sklearn_hsiode.classifiers._net import TrainingInterrupted
from sklearn_hsiode.datasets import make_scene
from tests.classifiers.networks import Given, Linear, Negated, SpectralCNN, Stemmed

SCENE = make_scene((28, 28), n_bands=12, n_classes=4, random_state=0)
X, Y = SCENE.labeled_pixels()
SPECTRA = np.asarray(X, dtype=float)
DOUBLE = {
    "max_epochs": 2,
    "batch_size": 32,
    "precision": "float64",
    "validation": "random",
    "random_state": 0,
}


def ode_net(**parameters):
    return ODENetClassifier(n_filters=8, n_steps=1, **(DOUBLE | parameters))


def res_net(**parameters):
    return ResNetClassifier(n_filters=8, n_blocks=1, **(DOUBLE | parameters))


def own(network, **parameters):
    return PatchNetClassifier(network, **(DOUBLE | {"shortcut": True} | parameters))


def regression(C=1.0, **parameters):
    """The logistic regression that a shortcut is."""
    logistic = LogisticRegression(C=C, solver="newton-cg", max_iter=500, **parameters)
    return make_pipeline(StandardScaler(), logistic)


def knowing(scale):
    """Arguments of a network that knows the mean spectra of the classes."""
    means = np.array([SPECTRA[label == Y].mean(axis=0) for label in np.unique(Y)])
    return {"spectra": means, "scale": scale / np.ptp(means)}


def module_of(model):
    return model.net_.plain_module_


def with_gate(model, value):
    """A copy of a fitted classifier with another gate."""
    model = pickle.loads(pickle.dumps(model))
    module_of(model).gate.fill_(value)
    return model


def patches_of(size=5, pixels=X):
    return PatchExtractor(size).fit_transform(pixels)


# The linear map


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("size", [1, 5, 9])
@pytest.mark.parametrize("new", [ode_net, res_net])
def test_with_the_gate_at_zero_it_is_the_logistic_regression(new, size, standardize):
    expected = regression().fit(SPECTRA, Y).predict_proba(SPECTRA)
    patches = patches_of(size)
    model = with_gate(new(standardize=standardize).fit(patches, Y), 0)
    for same in (patches, np.asarray(patches)):
        np.testing.assert_allclose(model.predict_proba(same), expected, rtol=0, atol=1e-9)
    assert model.gate_ == 0


def test_so_are_its_maps_and_spectra_that_are_given_as_such():
    expected = regression().fit(SPECTRA, Y)
    every = np.asarray(SCENE.pixels(), dtype=float)
    model = make_pipeline(PatchExtractor(5), ode_net()).fit(X, Y)
    module_of(model[-1]).gate.fill_(0)
    for window in (9, 512):
        found = predict_map(model, SCENE, method="predict_proba", window=window)
        probabilities = expected.predict_proba(every).reshape(found.shape)
        np.testing.assert_allclose(found, probabilities, rtol=0, atol=1e-6)  # maps are float32
    spectral = with_gate(ode_net().fit(SPECTRA, Y), 0)
    found = spectral.predict_proba(SPECTRA)
    np.testing.assert_allclose(found, expected.predict_proba(SPECTRA), rtol=0, atol=1e-9)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [5, 9])
def test_the_linear_map_is_computed_in_single_precision_at_least(precision, size):
    expected = regression().fit(SPECTRA, Y).predict_proba(SPECTRA)
    patches = patches_of(size)
    model = with_gate(ode_net(precision=precision).fit(patches, Y), 0)
    for same in (patches, np.asarray(patches)):
        np.testing.assert_allclose(model.predict_proba(same), expected, rtol=0, atol=1e-5)


def test_it_has_the_strength_the_weights_and_the_labels_of_the_user():
    names = np.array(["", "water", "tree", "asphalt", "soil"])[Y]
    weights = np.random.default_rng(0).exponential(size=len(Y))
    weights[::7] = 0
    model = ode_net(shortcut_C=3.0, class_weight={"water": 2.0, "tree": 1, "asphalt": 1, "soil": 3})
    model = with_gate(model.fit(patches_of(), names, sample_weight=weights), 0)
    used = weights > 0
    total = weights * np.select([names == "water", names == "soil"], [2.0, 3.0], 1.0)
    total = total[used] / total[used].mean()
    expected = regression(C=3.0)
    expected.fit(SPECTRA[used], names[used], logisticregression__sample_weight=total)
    np.testing.assert_array_equal(model.classes_, expected.classes_)
    # Newton's method stops early, and sooner or later by the last bits of the weights.
    probabilities, found = expected.predict_proba(SPECTRA), model.predict_proba(patches_of())
    np.testing.assert_allclose(found, probabilities, rtol=0, atol=3e-3)
    assert np.abs(found - regression().fit(SPECTRA, Y).predict_proba(SPECTRA)).max() > 0.1


def test_two_classes_have_one_map_between_them():
    two = Y <= 2
    patches = patches_of(pixels=X[two])
    model = with_gate(ode_net().fit(patches, Y[two]), 0)
    expected = regression().fit(SPECTRA[two], Y[two]).predict_proba(SPECTRA[two])
    np.testing.assert_allclose(model.predict_proba(patches), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_classes_without_any_weight_are_not_predicted(kept):
    class_weight = {label: float(label <= kept) for label in (1, 2, 3, 4)}
    model = ode_net(class_weight=class_weight).fit(patches_of(), Y)
    probabilities = with_gate(model, 0).predict_proba(patches_of())
    assert probabilities[:, kept:].max() < 1e-9
    if kept > 1:
        some = kept >= Y
        expected = regression().fit(SPECTRA[some], Y[some]).predict_proba(SPECTRA)
        np.testing.assert_allclose(probabilities[:, :kept], expected, rtol=0, atol=1e-9)


def test_a_class_with_a_single_pixel_is_in_the_map():
    rows = np.r_[np.flatnonzero(Y != 4), np.flatnonzero(Y == 4)[:1]]
    model = with_gate(ode_net().fit(patches_of(pixels=X[rows]), Y[rows]), 0)
    expected = regression().fit(SPECTRA[rows], Y[rows]).predict_proba(SPECTRA)
    np.testing.assert_allclose(model.predict_proba(patches_of()), expected, rtol=0, atol=1e-9)


# The gate


@settings(deadline=None, max_examples=15)
@given(gate=st.floats(0, 1), size=st.sampled_from([1, 5, 9]), stage=st.sampled_from("pa"))
def test_logits_are_blended_by_the_gate(blended, gate, size, stage):
    patches = patches_of(size)
    patches = patches if stage == "p" else np.asarray(patches)
    logits = []
    for share in (0, 1, gate):
        module_of(blended[size]).gate.fill_(share)
        logits.append(blended[size].predict_log_proba(patches))
    linear, network, found = logits
    expected = log_softmax((1 - gate) * linear + gate * network, axis=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def blended():
    return {size: res_net().fit(patches_of(size), Y) for size in (1, 5, 9)}


def test_with_the_gate_at_one_it_is_the_network(blended):
    patches, module = torch.as_tensor(np.asarray(patches_of(5))).double(), module_of(blended[5])
    with torch.no_grad():
        expected = module.network((patches - module.mean) / module.scale).softmax(1)
    found = with_gate(blended[5], 1).predict_proba(patches_of(5))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_gate_is_near_one_half_among_those_as_good_as_the_best_on_held_out_pixels(
    scale, weighted
):
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=len(Y)) if weighted else np.ones(len(Y))
    splitter = PredefinedSplit(rng.integers(-1, 4, len(Y)))
    model = own(Given, network_params=knowing(scale), validation=splitter, lr=1e-30)
    model.set_params(standardize=False).fit(SPECTRA, Y, sample_weight=weights)
    network = with_gate(model, 1).predict_log_proba(SPECTRA)
    gates = np.arange(9) / 8
    right, held_out_weights = [], []
    for train, held in splitter.split():
        trained = weights[train] / weights[train].mean()
        linear = regression().fit(
            SPECTRA[train], Y[train], logisticregression__sample_weight=trained
        )
        linear = linear.decision_function(SPECTRA[held])
        blends = [(1 - gate) * linear + gate * network[held] for gate in gates]
        right.append([model.classes_[blend.argmax(axis=1)] == Y[held] for blend in blends])
        held_out_weights.append(weights[held])
    weights = np.concatenate(held_out_weights)
    accuracies = np.average(np.hstack(right), axis=1, weights=weights)
    highest = accuracies.max()
    error = np.sqrt(highest * (1 - highest) * (weights**2).sum()) / weights.sum()
    good = gates[accuracies >= highest - error - 1e-9]
    assert model.gate_ == good[np.abs(good - 0.5).argmin()]


def test_a_network_that_knows_more_opens_the_gate_and_one_that_knows_less_closes_it():
    # The class is in the neighbours, which the linear map does not see.
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(1, 3, (8, 8)), np.ones((6, 6), dtype=int))
    cube = np.where(rng.random((48, 48, 1)) < 0.3, 3 - labels[..., None], labels[..., None])
    pixels, y = Scene(cube + rng.normal(0, 0.1, (48, 48, 8)), labels).labeled_pixels()
    patches = patches_of(pixels=pixels)
    assert ode_net(max_epochs=10, lr=1e-2).fit(patches, y).gate_ >= 0.5
    assert ode_net(max_epochs=1, lr=1e-9).fit(patches, rng.permutation(y)).gate_ <= 0.5
    wrong = knowing(scale=100)
    wrong["spectra"] = wrong["spectra"][::-1].copy()
    assert own(Given, network_params=wrong, lr=1e-30, standardize=False).fit(SPECTRA, Y).gate_ == 0


class Watched(SpectralCNN):
    """A network that remembers the first bands of the spectra that it has trained on."""

    made: list = []

    def __init__(self, n_bands, n_classes):
        super().__init__(n_bands, n_classes)
        self.seen, self.n_steps = set(), 0
        self.made.append(self)

    def forward(self, patches):
        if self.training:
            self.seen.update(patches[:, 0, 0, 0].tolist())
            self.n_steps += 1
        return super().forward(patches)


@pytest.fixture(name="made")
def _made(monkeypatch):
    monkeypatch.setattr(Watched, "made", [])
    return Watched.made


def watched(**parameters):
    return own(Watched, mixup=0, standardize=False, augment=False, **parameters)


@pytest.mark.parametrize("validation", ["random", PredefinedSplit(np.arange(len(Y)) % 5 - 1)])
def test_the_network_trains_on_all_pixels_and_another_for_each_fold_on_the_others(made, validation):
    numbers = np.arange(len(Y))
    watched(validation=validation).fit(np.column_stack([numbers, SPECTRA]), Y)
    values = set(numbers)
    network, *others = (each.seen for each in made)
    assert network == values
    held_out = [values - seen for seen in others]
    if validation == "random":
        assert len(held_out) == 3
        assert [len(held) for held in held_out] == pytest.approx([len(values) / 3] * 3, abs=3)
        assert set.union(*held_out) == values
    else:
        assert held_out == [set(held) for _, held in validation.split()]
    assert not set.intersection(*held_out)


@pytest.mark.parametrize("gate", [0, 0.3, 1])
def test_a_gate_that_is_given_takes_no_folds(made, gate):
    model = watched(gate=gate).fit(SPECTRA, Y)
    assert len(made) == 1
    assert model.gate_ == pytest.approx(gate)
    blend = ode_net(gate=gate).fit(SPECTRA, Y)
    expected = with_gate(ode_net().fit(SPECTRA, Y), gate).predict_proba(SPECTRA)
    np.testing.assert_array_equal(blend.predict_proba(SPECTRA), expected)


def test_beside_a_shortcut_the_network_is_the_one_without():
    alone = ode_net(shortcut=False, downsampling=False).fit(patches_of(), Y)
    model = with_gate(ode_net().fit(patches_of(), Y), 1)
    expected = alone.predict_proba(patches_of())
    np.testing.assert_array_equal(model.predict_proba(patches_of()), expected)


def test_folds_train_as_many_epochs_as_the_network(made):
    class Stop(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    model = watched(max_epochs=5, callbacks=[Stop()], batch_size=len(Y)).fit(SPECTRA, Y)
    assert model.n_iter_ == 2
    assert [each.n_steps for each in made] == [2, 2, 2, 2]


def test_with_early_stopping_folds_train_up_to_the_best_epoch(made):
    model = watched(max_epochs=12, early_stopping=True, n_iter_no_change=2, lr=0.05)
    model.set_params(batch_size=len(Y)).fit(SPECTRA, Y)
    scores = [row["validation_score"] for row in model.history_]
    assert 1 + np.argmax(scores) < len(scores)
    assert [each.n_steps for each in made] == [len(scores), *[1 + np.argmax(scores)] * 3]


def test_folds_that_are_smaller_than_a_mini_batch_train(made):
    dropping = {"iterator_train__drop_last": True}
    model = watched(batch_size=len(Y), net_params=dropping).fit(SPECTRA, Y)
    assert [each.n_steps for each in made] == [2, 2, 2, 2]
    assert model.gate_ * 8 in range(9)


def test_a_fold_that_diverges_is_an_error_that_names_it():
    class Rescue(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            net.optimizer_.param_groups[0]["lr"] = 1e-3

    model = ode_net(lr=1e30, lr_schedule="constant", optimizer="sgd", callbacks=[Rescue()])
    with pytest.raises(ValueError, match=r"In fold 1 of 3.*NaN.*a gate between 0 and 1"):
        model.fit(SPECTRA, Y)
    assert model.set_params(gate=0.5).fit(SPECTRA, Y).gate_ == 0.5


def test_pixels_without_any_weight_are_in_no_fold(made):
    held = np.arange(len(Y)) % 4
    splitter = PredefinedSplit(np.where(held < 2, held, -1))
    weights = (held != 0).astype(float)
    watched(validation=splitter).fit(SPECTRA, Y, sample_weight=weights)
    assert len(made) == 2  # one for the other fold
    model = ode_net(validation=PredefinedSplit(np.where(held == 0, 0, -1)))
    for alone in (weights, 1 - weights):
        with pytest.raises(ValueError, match="holds out no pixel, with a weight"):
            model.fit(SPECTRA, Y, sample_weight=alone)
    assert model.set_params(gate=0.5).fit(SPECTRA, Y, sample_weight=weights).gate_ == 0.5


# Training


def test_early_stopping_looks_at_the_network_alone():
    parameters = {"early_stopping": True, "max_epochs": 6, "n_iter_no_change": 2}
    plain, model = (
        ode_net(downsampling=False, shortcut=shortcut, **parameters).fit(patches_of(), Y)
        for shortcut in (False, True)
    )
    losses, expected = (
        [(row["loss"], row["validation_loss"], row["validation_score"]) for row in each.history_]
        for each in (model, plain)
    )
    assert losses == expected
    found = with_gate(model, 1).predict_proba(patches_of())
    np.testing.assert_array_equal(found, plain.predict_proba(patches_of()))


def test_a_warm_start_keeps_the_gate_and_fits_the_map_anew(made):
    model = watched(warm_start=True).fit(SPECTRA, Y)
    module_of(model).gate.fill_(0.25)
    module_of(model).coef.fill_(9)
    made.clear()
    model.fit(SPECTRA, Y)
    assert len(made) == 1
    assert model.gate_ == 0.25
    assert model.n_iter_ == 4
    module_of(model).gate.fill_(0)
    expected = regression().fit(SPECTRA, Y).predict_proba(SPECTRA)
    np.testing.assert_allclose(model.predict_proba(SPECTRA), expected, rtol=0, atol=1e-9)
    assert model.set_params(gate=0.75).fit(SPECTRA, Y).gate_ == 0.75


def test_a_warm_start_chooses_the_gate_that_nothing_has_chosen_yet(made):
    def n_networks(fit, *arguments, **keywords):
        made.clear()
        fit(*arguments, **keywords)
        return len(made)

    model = watched(warm_start=True)
    model.partial_fit(SPECTRA, Y, classes=[1, 2, 3, 4])
    assert n_networks(model.fit, SPECTRA, Y) == 4
    assert n_networks(model.fit, SPECTRA, Y) == 1
    assert n_networks(model.set_params(gate=0.3).fit, SPECTRA, Y) == 1
    assert n_networks(model.set_params(gate="auto").fit, SPECTRA, Y) == 4
    again = pickle.loads(pickle.dumps(model))
    assert n_networks(again.fit, SPECTRA, Y) == 1


def test_a_warm_start_with_and_then_without_a_shortcut_is_refused():
    model = ode_net(warm_start=True, downsampling=False).fit(SPECTRA, Y)
    with pytest.raises(ValueError, match="warm_start=True needs the network"):
        model.set_params(shortcut=False).fit(SPECTRA, Y)


def test_partial_fit_trains_the_network_and_leaves_map_and_gate():
    model = ode_net().partial_fit(SPECTRA, Y, classes=[1, 2, 3, 4])
    assert model.gate_ == 1
    model.fit(SPECTRA, Y)
    before, gate = with_gate(model, 0).predict_proba(SPECTRA), model.gate_
    network = with_gate(model, 1).predict_proba(SPECTRA)
    model.partial_fit(SPECTRA[:50], Y[:50])
    assert model.gate_ == gate
    np.testing.assert_array_equal(with_gate(model, 0).predict_proba(SPECTRA), before)
    assert (with_gate(model, 1).predict_proba(SPECTRA) != network).any()


def test_after_ctrl_c_there_is_a_map_and_a_gate():
    class Interruption(skorch.callbacks.Callback):
        def on_batch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    model = ode_net(callbacks=[Interruption()], max_epochs=5)
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        model.fit(SPECTRA, Y)
    assert model.gate_ == 0.5  # nothing has chosen it
    module_of(model).gate.fill_(0)
    expected = regression().fit(SPECTRA, Y).predict_proba(SPECTRA)
    np.testing.assert_allclose(model.predict_proba(SPECTRA), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("where", ["forward", "fit_linear"])
@pytest.mark.parametrize("fold", [1, 3])
def test_after_ctrl_c_in_a_fold_those_before_choose_the_gate(made, monkeypatch, fold, where):
    def interrupt_in(function):
        def interrupted(*arguments):
            if len(made) == fold + 1:
                raise KeyboardInterrupt
            return function(*arguments)

        return interrupted

    place = Watched if where == "forward" else _gate
    monkeypatch.setattr(place, where, interrupt_in(getattr(place, where)))
    n_pixels = []

    def best_gate(hits, weights):
        n_pixels.append(len(weights))
        return 1.0

    monkeypatch.setattr(_gate, "best_gate", best_gate)
    said = f"interrupted in fold {fold} of 3.*: {fold - 1} have chosen it"
    with pytest.warns(TrainingInterrupted, match=said):
        model = watched().fit(SPECTRA, Y)
    assert model.n_iter_ == 2
    assert model.net_.interrupted_
    assert model.gate_ == (0.5 if fold == 1 else 1)
    assert n_pixels == pytest.approx([len(Y) * (fold - 1) / 3] if fold > 1 else [], abs=3)


def test_a_network_that_fails_on_what_is_held_out_is_an_error():
    is_held = np.arange(len(Y)) % 4 == 0
    spectra = SPECTRA / 1e6
    spectra[is_held] *= 3e38 / spectra.max()  # standardised, they overflow
    splitter = PredefinedSplit(np.where(is_held, 0, -1))
    model = own(Linear, validation=splitter, precision="float32")
    with pytest.raises(ValueError, match="NaN or infinite"):
        model.fit(spectra, Y)
    assert not hasattr(model, "net_")


def test_a_fit_with_more_threads_of_blas_around_it_is_the_same():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    found = []
    for limit in (1, 2):
        with threadpoolctl.threadpool_limits(limit):
            found.append(ode_net().fit(patches_of(), Y).predict_proba(patches_of()))
    np.testing.assert_array_equal(*found)


# Networks of one's own, copies and files


@pytest.mark.parametrize("network", [SpectralCNN, Stemmed, Negated])
def test_a_network_of_ones_own_has_a_shortcut_on_request(network):
    patches = patches_of()
    model = own(network).fit(patches, Y)
    expected = regression().fit(SPECTRA, Y).predict_proba(SPECTRA)
    for same in (patches, np.asarray(patches)):
        found = with_gate(model, 0).predict_proba(same)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    half = with_gate(model, 0.5)
    found, expected = (half.predict_proba(each) for each in (patches, np.asarray(patches)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert own(network, shortcut=False).fit(patches_of(), Y).gate_ == 1


def test_pickles_and_model_files_keep_it(tmp_path):
    pytest.importorskip("skops")
    model = res_net().fit(patches_of(), Y)
    module_of(model).gate.fill_(0.375)
    expected = model.predict_proba(patches_of())
    save_model(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), load_model(tmp_path / "model")):
        assert copy.gate_ == 0.375
        assert copy.n_parameters_ == model.n_parameters_
        np.testing.assert_array_equal(copy.predict_proba(patches_of()), expected)


def test_a_copy_with_another_solver_keeps_it():
    model = with_gate(ode_net().fit(patches_of(), Y), 0.25)
    copy = model.with_solver("rk4", n_steps=2)
    assert copy.gate_ == 0.25
    found, expected = (with_gate(each, 0).predict_proba(patches_of()) for each in (copy, model))
    np.testing.assert_array_equal(found, expected)
    assert (copy.predict_proba(patches_of()) != model.predict_proba(patches_of())).any()


def test_compiled_it_predicts_the_same():
    parameters = {"compile": True, "net_params": {"compile__backend": "eager"}}
    model = ode_net(**parameters).fit(patches_of(), Y)
    expected = regression().fit(SPECTRA, Y).predict_proba(SPECTRA)
    module_of(model).gate.fill_(0)
    np.testing.assert_allclose(model.predict_proba(patches_of()), expected, rtol=0, atol=1e-9)


def test_its_parameters_are_counted():
    shortcut, plain = (
        ode_net(downsampling=True, shortcut=shortcut, max_epochs=1).fit(patches_of(), Y)
        for shortcut in (True, False)
    )
    assert shortcut.n_parameters_ == plain.n_parameters_ + 4 * (12 + 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("shortcut", "yes"), ("shortcut_C", 0), ("shortcut_C", -1.0), ("shortcut_C", np.inf)),
        *(("gate", "open"), ("gate", -0.1), ("gate", 1.1), ("gate", None)),
    ],
)
def test_bad_values_are_errors_that_name_the_parameter(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of ODENetClassifier"):
        ode_net(**{name: value}).fit(SPECTRA, Y)


# The network of small patches


@pytest.mark.parametrize(
    ("size", "parameters", "downsamples"),
    [
        (1, {}, True),
        (3, {}, False),
        (7, {}, False),
        (9, {}, True),
        (5, {"shortcut": False}, True),
        (5, {"downsampling": True}, True),
        (9, {"downsampling": False}, False),
        (1, {"downsampling": False}, False),
    ],
)
@pytest.mark.parametrize("new", [ode_net, res_net])
def test_beside_a_shortcut_small_patches_are_not_downsampled(new, size, parameters, downsamples):
    model = new(max_epochs=1, **parameters).fit(patches_of(size), Y)
    network = module_of(model).network
    assert len(network.downsampling) == (2 if downsamples else 0)
    assert network.stem.kernel_size == ((3, 3) if downsamples else (1, 1))
    found, expected = (
        model.predict_proba(each) for each in (patches_of(size), np.asarray(patches_of(size)))
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("new", [ode_net, res_net])
@pytest.mark.parametrize("value", ["yes", None, 2])
def test_another_downsampling_is_an_error_that_names_it(new, value):
    with pytest.raises(ValueError, match=r"'downsampling' parameter of .*'auto'"):
        new(downsampling=value).fit(SPECTRA, Y)
