"""PatchNetClassifier: a network of the user's own."""

import pickle
from functools import wraps

import numpy as np
import pytest
import skorch
import torch
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    ResNetClassifier,
    load_model,
    predict_map,
    save_model,
)
from sklearn_hsiode.benchmark import run_benchmark
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.nn import ODENet, ResNet
from tests.classifiers.networks import (
    Linear,
    Negated,
    Normalised,
    SpectralCNN,
    Stemmed,
    Viewing,
    frozen,
    linear,
    no_module,
    two_outputs,
    wrong_shape,
)

TRAINING = {
    "optimizer": "sgd",
    "lr": 0.1,
    "weight_decay": 1e-4,
    "max_epochs": 20,
    "batch_size": 32,
    "random_state": 0,
}


def own(network=SpectralCNN, **parameters):
    return PatchNetClassifier(network, **(TRAINING | parameters))


@pytest.fixture(scope="module")
def patches(pixels):
    X, y = pixels
    return PatchExtractor(5).fit_transform(X), y


@pytest.mark.parametrize("network", [SpectralCNN, Normalised, Stemmed, linear])
def test_a_network_of_ones_own_learns(network, patches):
    X, y = patches
    model = own(network).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.8
    assert model.classes_.tolist() == [1, 2, 3]
    assert model.n_iter_ == len(model.history_) == 20


@pytest.mark.parametrize(
    ("ours", "network", "params"),
    [
        (ODENetClassifier(n_filters=8, n_steps=3), ODENet, {"n_filters": 8, "n_steps": 3}),
        (ResNetClassifier(n_filters=8, n_blocks=2), ResNet, {"n_filters": 8, "n_blocks": 2}),
    ],
    ids=["ODE-net", "ResNet"],
)
@pytest.mark.parametrize("shortcut", [True, False])
def test_it_is_what_our_classifiers_are(ours, network, params, shortcut, patches):
    X, y = patches
    training = {"shortcut": shortcut, "max_epochs": 2, "random_state": 3}
    ours = clone(ours).set_params(**training).fit(X, y)
    params = params | {"downsampling": not shortcut}  # of patches of 5 x 5
    same = PatchNetClassifier(network, params, **training).fit(X, y)
    np.testing.assert_array_equal(same.predict_proba(X), ours.predict_proba(X))
    drop_seconds = [
        [{key: epoch[key] for key in epoch if key != "seconds"} for epoch in model.history_]
        for model in (same, ours)
    ]
    assert drop_seconds[0] == drop_seconds[1]


def test_arrays_and_spectra_train_it(patches, pixels):
    X, y = patches
    lazy = own().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(own().fit(np.asarray(X), y).predict_proba(X), lazy, atol=1e-4)
    spectra = np.asarray(pixels[0])  # this network looks at the centre alone
    np.testing.assert_allclose(own().fit(spectra, y).predict_proba(spectra), lazy, atol=1e-4)


def test_its_parameters_are_searched_in_a_pipeline(pixels):
    X, y = pixels
    grid = {
        "patchnetclassifier__network_params": [{"n_hidden": 4}, {"n_hidden": 30, "n_kernels": 5}],
        "patchextractor__patch_size": [1, 3],
    }
    model = make_pipeline(PatchExtractor(), own(max_epochs=3))
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert search.predict(X).shape == y.shape
    chosen = search.best_params_["patchnetclassifier__network_params"]["n_hidden"]
    layers = search.best_estimator_[-1].net_.plain_module_.network.layers
    assert layers[4].out_features == chosen


@pytest.mark.parametrize("network", [SpectralCNN, Normalised, Stemmed, linear])
def test_maps_and_pickles_have_its_predictions(network, scene, pixels):
    model = make_pipeline(PatchExtractor(5), own(network, max_epochs=3)).fit(*pixels)
    class_map = predict_map(model, scene)
    X, _ = pixels
    np.testing.assert_array_equal(class_map[X.rows, X.cols], model.predict(X))
    np.testing.assert_array_equal(predict_map(model, scene, window=7), class_map)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


def test_it_goes_on_from_earlier_calls(patches):
    X, y = patches
    model = own(max_epochs=2, warm_start=True)
    assert [model.fit(X, y).n_iter_ for _ in range(2)] == [2, 4]
    model = own().partial_fit(X, y, classes=[1, 2, 3]).partial_fit(X, y)
    with pytest.raises(ValueError, match="its parameters have changed"):
        model.set_params(network=linear).partial_fit(X, y)


def test_it_is_benchmarked_like_any_other(scene):
    models = {
        "own": make_pipeline(PatchExtractor(3), own(max_epochs=2)),
        "discriminant": LinearDiscriminantAnalysis(),
    }
    cv = PerClassShuffleSplit(0.2, n_splits=2, random_state=0)
    runs = run_benchmark(scene, models, cv, progress=False)
    assert [run.model for run in runs] == ["own", "own", "discriminant", "discriminant"]
    n_parameters = sum(w.numel() for w in SpectralCNN(scene.n_bands, 3).parameters())
    assert runs[0].n_parameters == n_parameters


def test_a_validation_does_not_touch_the_statistics_of_a_batch_normalisation(patches):
    X, y = patches
    model = own(Normalised, max_epochs=1).fit(X, y)
    before = pickle.dumps(model.net_.as_arrays()["weights"])
    model.predict(X)
    assert pickle.dumps(model.net_.as_arrays()["weights"]) == before
    counted = model.net_.plain_module_.network.layers[1].num_batches_tracked
    assert counted == -(-len(y) // 32)  # the mini-batches of the training and no other


def test_a_shared_stem_is_used_where_the_network_offers_one(patches):
    X, y = patches
    model = own(Stemmed, max_epochs=1, precision="float64").fit(X, y)
    network = model.net_.plain_module_.network
    assert set(network.calls) == {"after stem"}  # from forward
    network.calls.clear()
    found = model.predict_proba(X)
    assert set(network.calls) == {"stem of image", "after stem"}
    network.calls.clear()
    np.testing.assert_allclose(found, model.predict_proba(np.asarray(X)), atol=1e-7)
    assert set(network.calls) == {"after stem"}


def test_a_subclass_with_another_forward_does_not_share_it(patches):
    X, y = patches
    model = own(Negated, max_epochs=1, precision="float64").fit(X, y)
    found = model.predict_proba(X)
    np.testing.assert_allclose(found, model.predict_proba(np.asarray(X)), atol=1e-7)


def test_a_network_may_view_its_patches_and_be_wide_in_its_own_way(patches):
    X, y = patches
    model = own(Viewing, max_epochs=2).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), model.predict_proba(np.asarray(X)), atol=1e-5
    )


def test_a_pickle_has_the_network_of_the_fit_whatever_is_set_since(patches):
    X, y = patches
    model = own(Linear, max_epochs=1).fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(network=SpectralCNN, network_params={"n_hidden": 3})
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)


def test_frozen_weights_are_no_trainable_parameters(patches):
    model = own(frozen, max_epochs=1).fit(*patches)
    assert model.n_parameters_ == 3


class Evaluation(skorch.callbacks.Callback):
    """Reports logits that a callback gets in three ways for the same training patches."""

    def __init__(self, report):
        self.report = report

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        batch = dataset_train.__getitems__(list(range(8)))
        subset = torch.utils.data.Subset(dataset_train, range(8))
        first = net.evaluation_step(batch).softmax(1).numpy()
        interrupted = net.forward_iter(dataset_train)
        next(interrupted)  # and never run to its end
        self.report((first, net.predict_proba(dataset_train)[:8], net.predict_proba(subset)))


@pytest.mark.parametrize("dense", [True, False])
def test_callbacks_may_predict_on_batches_and_parts_of_the_training(patches, dense):
    X, y = patches
    chosen = np.arange(len(y)) if dense else np.arange(0, len(y), 40)
    reports = []
    model = own(Linear, max_epochs=1, augment=False, callbacks=[Evaluation(reports.append)])
    model.fit(X[chosen], y[chosen])
    for found in reports[0]:
        np.testing.assert_allclose(found, model.predict_proba(X[chosen][:8]), atol=1e-5)


# Bad networks


def test_a_network_that_is_no_module_is_refused(patches):
    with pytest.raises(TypeError, match=r"network must make a torch\.nn\.Module.*made Tensor"):
        own(no_module).fit(*patches)


def test_a_network_that_is_made_already_is_refused(patches):
    with pytest.raises(TypeError, match="got a Linear that is made already: pass its class"):
        own(Linear(8, 3)).fit(*patches)


def test_a_network_with_two_outputs_is_refused(patches):
    with pytest.raises(ValueError, match=r"logits of shape \(32, 3\).*returned tuple"):
        own(two_outputs).fit(*patches)


def test_a_network_of_other_logits_is_refused(patches):
    with pytest.raises(ValueError, match=r"network must return logits of shape \(32, 3\).*32, 4"):
        own(wrong_shape).fit(*patches)


def test_arguments_that_a_network_does_not_take_are_an_error(patches):
    with pytest.raises(TypeError, match="n_layers"):
        own(network_params={"n_layers": 3}).fit(*patches)
    with pytest.raises(ValueError, match="'network_params' parameter of PatchNetClassifier"):
        own(network_params=3).fit(*patches)
    with pytest.raises(ValueError, match="'network' parameter of PatchNetClassifier"):
        own("resnet").fit(*patches)


def test_a_failed_fit_leaves_it_unfitted(patches):
    model = own(wrong_shape)
    with pytest.raises(ValueError, match="logits"):
        model.fit(*patches)
    with pytest.raises(NotFittedError):
        model.predict(patches[0])


# Model files


def test_a_model_file_needs_the_network_named_as_trusted(patches, tmp_path):
    pytest.importorskip("skops")
    X, y = patches
    model = own(max_epochs=1).fit(X, y)
    path = tmp_path / "own.model"
    with pytest.raises(TypeError, match=r"tests.*SpectralCNN.*code is not.*trusted=\["):
        save_model(model, path)
    assert not path.exists()
    save_model(model, path, trusted=[SpectralCNN])
    with pytest.raises(ValueError, match=r"SpectralCNN.*refused.*trusted=\["):
        load_model(path)
    with pytest.raises(ValueError, match=r"SpectralCNN.*refused"):
        load_model(path, trusted=[linear])
    restored = load_model(path, trusted=[SpectralCNN])
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    with pytest.raises(TypeError, match="trusted must hold classes or functions"):
        load_model(path, trusted=["SpectralCNN"])
    with pytest.raises(TypeError, match="trusted must be a list"):
        load_model(path, trusted=SpectralCNN)
    with pytest.raises(TypeError, match="put it where it can be imported, under its own name"):
        load_model(path, trusted=[impostor])


@wraps(SpectralCNN)
def impostor(*args, **kwargs):
    """A function under the name of a network."""


def test_no_file_can_name_the_network_of_a_classifier_that_has_its_own(patches):
    model = ODENetClassifier(n_filters=8, max_epochs=1).fit(*patches)
    state = model.__getstate__()
    of_net = state | {"net_": state["net_"] | {"network": torch.optim.SGD}}
    for tampered in (state | {"network": torch.optim.SGD}, of_net):
        with pytest.raises(ValueError, match=r"network|weights and history"):
            ODENetClassifier.__new__(ODENetClassifier).__setstate__(tampered)
    restored = ODENetClassifier.__new__(ODENetClassifier)
    restored.__setstate__(state)
    assert isinstance(restored.net_.plain_module_.network, ODENet)


def test_our_networks_need_no_trust_even_so(patches, tmp_path):
    pytest.importorskip("skops")
    model = ODENetClassifier(n_filters=8, max_epochs=1).fit(*patches)
    save_model(model, tmp_path / "ode.model")
    assert load_model(tmp_path / "ode.model").n_iter_ == 1


REASON = (
    "the weights enter the loss of shuffled mini-batches, so that a pixel of weight 2 and the same"
    " pixel given twice make different batches"
)


@parametrize_with_checks(
    [
        PatchNetClassifier(
            Linear,
            optimizer="adamw",
            lr=0.1,
            max_epochs=20,
            device="cpu",
            precision="float64",
            random_state=0,
        )
    ],
    expected_failed_checks=lambda _: {"check_sample_weight_equivalence_on_dense_data": REASON},
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_a_clone_shares_the_class_and_copies_the_arguments():
    model = own(network_params={"n_hidden": 4})
    copy = clone(model)
    assert copy.network is SpectralCNN
    assert copy.network_params == {"n_hidden": 4}
    assert copy.network_params is not model.network_params


# On a real scene


def test_it_trains_searches_maps_and_pickles_on_a_real_scene(salinas_a):
    X, y = salinas_a.labeled_pixels()
    train, test = next(PerClassShuffleSplit(0.05, random_state=0).split(X, y))
    model = make_pipeline(PatchExtractor(1), own(max_epochs=20))
    grid = {"patchnetclassifier__network_params": [{}, {"n_hidden": 50}]}
    search = GridSearchCV(model, grid, cv=2).fit(X[train], y[train])
    assert search.score(X[test], y[test]) > 0.9
    array = np.asarray(X[train])
    assert own(max_epochs=20).fit(array, y[train]).score(np.asarray(X[test]), y[test]) > 0.9
    class_map = predict_map(search, salinas_a)
    np.testing.assert_array_equal(class_map[X.rows, X.cols], search.predict(X))
    restored = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(restored.predict(X[test]), search.predict(X[test]))
    assert torch.is_tensor(next(restored.best_estimator_[-1].net_.module_.parameters()))
