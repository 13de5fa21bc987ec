"""Trainings that are killed and go on are the same as those that are not."""

import copy
import json
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    ResNetClassifier,
    load_model,
    save_model,
)
from sklearn_hsiode._checkpoint import SETTINGS, CheckpointFolder
from sklearn_hsiode._fingerprint import content_of
from sklearn_hsiode.classifiers._callbacks import EpochRecorder
from sklearn_hsiode.classifiers._net import TrainingInterrupted

pytestmark = pytest.mark.filterwarnings("ignore:validation='blocks'")
TRAINING = {"max_epochs": 4, "gate": 0.5, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def patches(scene):
    X, y = scene.labeled_pixels()
    return PatchExtractor(3).fit_transform(X)[::3], y[::3]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is not there yet, to which each epoch writes."""
    monkeypatch.setattr("sklearn_hsiode.classifiers._checkpoint.PARTS", 0)
    return tmp_path / "checkpoint"


class Killed(BaseException):
    """Nothing that is caught on the way."""


@pytest.fixture
def stop(monkeypatch):
    """End a fit in an epoch, counted over all its trainings; returns the epochs that have begun."""

    def stop(at=None, error=Killed):
        epochs = []

        class Stopping(EpochRecorder):
            def on_batch_end(self, net, training, **kwargs):
                super().on_batch_end(net, training, **kwargs)
                if len(epochs) == at:
                    raise error

            def on_epoch_begin(self, net, **kwargs):
                super().on_epoch_begin(net, **kwargs)
                epochs.append(net.history[-1, "epoch"])

        monkeypatch.setattr("sklearn_hsiode.classifiers._training.EpochRecorder", Stopping)
        return epochs

    return stop


ode_net = partial(ODENetClassifier, n_filters=4, n_steps=1, **TRAINING)


def dropping(n_bands, n_classes):
    """A network with a batch normalisation, and with random numbers of its own."""
    return torch.nn.Sequential(
        *(torch.nn.Conv2d(n_bands, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Dropout(0.5)),
        *(torch.nn.Flatten(), torch.nn.Linear(4, n_classes)),
    )


def without_times(model):
    return [
        {name: value for name, value in epoch.items() if name != "seconds"}
        for epoch in model.history_
    ]


def assert_same(model, other, X):
    weights, wanted = (each.net_.plain_module_.state_dict() for each in (model, other))
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    assert without_times(model) == without_times(other)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))


FITS = {
    "ode-net": (ode_net, range(2, 5)),
    "folds": (partial(ode_net, gate="auto", max_epochs=2), (3, 4, 6, 8)),
    "early stopping": (
        partial(ode_net, early_stopping=True, validation="random", n_iter_no_change=1),
        (2, 3),
    ),
    "steps": (partial(ode_net, lr_schedule="step", optimizer="sgd", augment=False), (3,)),
    "constant": (partial(ode_net, lr_schedule="constant", mixup=0), (3,)),
    "a function": (partial(ode_net, lr_schedule=np.cos, optimizer="adam"), (3,)),
    "resnet": (partial(ResNetClassifier, n_filters=4, n_blocks=1, **TRAINING), (3,)),
    "dropout": (partial(PatchNetClassifier, dropping, shortcut=True, **TRAINING), (2, 4)),
    "random state": (partial(ode_net, random_state=np.random.RandomState(5)), (3,)),
}


@pytest.mark.parametrize(("new", "moments"), FITS.values(), ids=list(FITS))
def test_a_fit_that_is_killed_and_goes_on_is_that_which_is_not(patches, folder, stop, new, moments):
    X, y = patches
    wanted, whole = clone(new()).fit(X, y), stop()
    clone(new()).fit(X, y)
    for moment in (at for at in moments if at <= len(whole)):
        stop(moment)
        with pytest.raises(Killed):
            clone(new(checkpoint=folder)).fit(X, y)
        assert folder.is_dir()
        later = stop()
        model = clone(new(checkpoint=folder)).fit(X, y)
        assert_same(model, wanted, X)
        assert later == whole[moment - 1 :]  # and no epoch is trained twice
        assert not folder.exists()


class Halving(Callback):
    """Halves the weights of the last layer whenever an epoch begins."""

    def on_epoch_begin(self, net, **kwargs):
        with torch.no_grad():
            for weights in net.plain_module_.network.head.parameters():
                weights /= 2


def test_a_callback_acts_once_at_the_beginning_of_each_epoch(patches, folder, stop):
    X, y = patches
    wanted = ode_net(callbacks=[("halving", Halving())]).fit(X, y)
    stop(3)
    with pytest.raises(Killed):
        ode_net(callbacks=[("halving", Halving())], checkpoint=folder).fit(X, y)
    stop()
    model = ode_net(callbacks=[("halving", Halving())], checkpoint=folder).fit(X, y)
    assert_same(model, wanted, X)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x, lambda x: 2 * x),
        ({"prior": np.arange(2000.0)}, {"prior": np.r_[np.arange(1999.0), 0]}),
        (torch.tensor([1.00001]), torch.tensor([1.00002])),
        ([("a", partial(np.add, 1))], [("a", partial(np.add, 2))]),
    ],
)
def test_parameters_are_told_apart_by_their_content(one, other):
    assert content_of(one) != content_of(other)
    assert content_of(one) == content_of(copy.deepcopy(one))


def test_a_fit_may_be_killed_again_and_again(patches, folder, stop):
    X, y = patches
    for _ in range(3):
        stop(2)
        with pytest.raises(Killed):
            ode_net(checkpoint=folder).fit(X, y)
    later = stop()
    model = ode_net(checkpoint=folder).fit(X, y)
    assert later == [4]
    assert_same(model, ode_net().fit(X, y), X)


def test_ctrl_c_leaves_a_fitted_estimator_and_a_checkpoint_to_go_on_from(patches, folder, stop):
    X, y = patches
    stop(3, KeyboardInterrupt)
    with pytest.warns(TrainingInterrupted, match="interrupted in epoch 3"):
        stopped = ode_net(checkpoint=folder).fit(X, y)
    assert stopped.n_iter_ == 2
    stop()
    assert_same(ode_net(checkpoint=folder).fit(X, y), ode_net().fit(X, y), X)
    assert not folder.exists()


def test_ctrl_c_in_a_fold_leaves_the_training_and_the_folds_before_it(patches, folder, stop):
    X, y = patches
    new = partial(ode_net, gate="auto", max_epochs=1)
    stop(3, KeyboardInterrupt)
    with pytest.warns(TrainingInterrupted, match="fold 2"):
        new(checkpoint=folder).fit(X, y)
    later = stop()
    model = new(checkpoint=folder).fit(X, y)
    assert len(later) == 2
    assert model.gate_ == new().fit(X, y).gate_


def test_a_fit_without_a_seed_goes_on_with_its_own(patches, folder, stop):
    X, y = patches
    stop(3)
    with pytest.raises(Killed):
        ode_net(checkpoint=folder, random_state=None).fit(X, y)
    seed = json.loads((folder / SETTINGS).read_text())["seed"]
    stop()
    model = ode_net(checkpoint=folder, random_state=None).fit(X, y)
    assert_same(model, ode_net(random_state=seed).fit(X, y), X)


def test_a_warm_start_goes_on_from_the_same_earlier_fit_alone(patches, folder, stop):
    X, y = patches
    earlier = ode_net(warm_start=True).fit(X, y)
    copies = (pickle.loads(pickle.dumps(earlier)) for _ in range(2))
    whole, model = (copy.set_params(checkpoint=folder) for copy in copies)
    whole.fit(X, y)
    stop(3)
    with pytest.raises(Killed):
        model.fit(X, y)
    stop()
    with pytest.raises(ValueError, match="weights of the earlier fit are others"):
        pickle.loads(pickle.dumps(whole)).fit(X, y)
    np.testing.assert_array_equal(
        model.fit(X, y).predict_proba(X),
        pickle.loads(pickle.dumps(earlier)).fit(X, y).predict_proba(X),
    )
    assert model.n_iter_ == 8


@pytest.fixture
def begun(patches, folder, stop):
    """A checkpoint of an unfinished fit."""
    stop(3)
    with pytest.raises(Killed):
        ode_net(checkpoint=folder).fit(*patches)
    stop()
    return folder


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"lr": 0.01}, r"lr is 0\.003 there and 0\.01 here"),
        ({"max_epochs": 5}, "max_epochs is 4 there and 5 here"),
        ({"random_state": 1}, "random_state is 0 there and 1 here"),
        ({"random_state": None}, "random_state is 0 there and None here"),
        ({"n_jobs": 2}, "n_jobs is 1 there and 2 here"),
        ({"lr_schedule": np.cos}, "lr_schedule is 'cosine' there and .*cos here"),
    ],
)
def test_other_parameters_are_refused_by_name_with_both_values(patches, begun, changed, difference):
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    with pytest.raises(ValueError, match=f"{difference}.*remove this folder or name another"):
        ode_net(checkpoint=begun).set_params(**changed).fit(*patches)
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


def test_another_classifier_is_refused(patches, begun):
    with pytest.raises(ValueError, match="estimator is ODENetClassifier there and ResNet"):
        ResNetClassifier(n_filters=4, n_blocks=1, checkpoint=begun, **TRAINING).fit(*patches)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda X, y: (np.asarray(X) + np.float32(1e-3), y, None), "the patches are others"),
        (lambda X, y: (X, np.roll(y, 1), None), "the labels are others"),
        (lambda X, y: (X, y + 1, None), r"classes is \[1, 2, 3\] there and \[2, 3, 4\] here"),
        (lambda X, y: (X[1:], y[1:], None), "the patches are others"),
        (lambda X, y: (X, y, y / 2), "the weights of the pixels are others"),
    ],
    ids=["values", "labels", "classes", "pixels", "weights"],
)
def test_other_data_are_refused(patches, begun, change, difference):
    X, y, weights = change(*patches)
    with pytest.raises(ValueError, match=difference):
        ode_net(checkpoint=begun).fit(X, y, sample_weight=weights)


def test_a_neighbour_outside_the_labelled_pixels_counts(scene, folder, stop):
    X, y = scene.labeled_pixels()
    corner = PatchExtractor(3).fit_transform(X[:40])
    stop(3)
    with pytest.raises(Killed):
        ode_net(checkpoint=folder).fit(corner, y[:40])
    cube = scene.cube.copy()
    unlabelled = np.flatnonzero(~np.isin(np.arange(cube[..., 0].size), X.positions[:40]))
    cube.reshape(-1, cube.shape[2])[unlabelled] += 1
    other = type(scene)(cube, scene.labels, mask=scene.mask).labeled_pixels()[0][:40]
    with pytest.raises(ValueError, match="the patches are others"):
        ode_net(checkpoint=folder).fit(PatchExtractor(3).fit_transform(other), y[:40])


def test_what_is_shown_may_differ_and_tells_from_which_epoch_it_goes_on(patches, begun, capsys):
    ode_net(checkpoint=begun, verbose=1).fit(*patches)
    printed = capsys.readouterr()
    assert f"ODENetClassifier goes on from epoch 3 of 4 ({begun})" in printed.out
    assert "| 2/4 " in printed.err
    assert "| 0/4 " not in printed.err


def test_the_folder_of_a_fit_in_progress_is_refused(patches, folder):
    with CheckpointFolder(folder), pytest.raises(BlockingIOError, match="name another folder"):
        ode_net(checkpoint=folder).fit(*patches)


def test_a_damaged_checkpoint_is_an_error_that_names_the_file(patches, begun):
    (state,) = begun.glob("*.hsiode-state")
    state.write_bytes(state.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"\.hsiode-state is damaged .*remove the folder"):
        ode_net(checkpoint=begun).fit(*patches)


def test_the_state_of_another_network_is_an_error_that_names_the_file(patches, begun, stop):
    other = begun.with_name("other")
    stop(3)
    with pytest.raises(Killed):
        ode_net(checkpoint=other, n_filters=8).fit(*patches)
    stop()
    (begun / "ODENetClassifier.hsiode-state").write_bytes(
        (other / "ODENetClassifier.hsiode-state").read_bytes()
    )
    with pytest.raises(ValueError, match=r"ODENetClassifier\.hsiode-state is damaged"):
        ode_net(checkpoint=begun).fit(*patches)


def test_writing_takes_a_small_part_of_the_time(patches, tmp_path, monkeypatch):
    now, written = [0.0], []

    def write(path, state):
        now[0] += 0.125
        written.append(len(state["history"]))

    monkeypatch.setattr("sklearn_hsiode.classifiers._checkpoint.write_state", write)
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    class Epoch(EpochRecorder):
        def on_epoch_end(self, net, **kwargs):
            super().on_epoch_end(net, **kwargs)
            now[0] += 1.0

    monkeypatch.setattr("sklearn_hsiode.classifiers._training.EpochRecorder", Epoch)
    ode_net(checkpoint=tmp_path / "x", max_epochs=16).fit(*patches)
    assert written == [1, 8, 15, 16]  # fifty eighths of a second apart, and at the end


def test_persistent_workers_are_refused(patches, folder):
    workers = {"iterator_train__persistent_workers": True, "iterator_train__num_workers": 1}
    with pytest.raises(ValueError, match="state of persistent workers: set checkpoint=None"):
        ode_net(checkpoint=folder, net_params=workers).fit(*patches)


def test_partial_fit_keeps_nothing(patches, folder):
    ode_net(checkpoint=folder).partial_fit(*patches, classes=[1, 2, 3])
    assert not folder.exists()


def test_copies_and_pickles_keep_the_folder_and_model_files_do_not(patches, folder, tmp_path):
    model = ode_net(checkpoint=folder, max_epochs=1).fit(*patches)
    assert clone(model).checkpoint == folder
    assert pickle.loads(pickle.dumps(model)).checkpoint == folder
    save_model(model, tmp_path / "a.model")
    assert load_model(tmp_path / "a.model").checkpoint is None


def test_fits_one_after_the_other_may_share_a_folder(patches, folder):
    X, y = patches
    grid = {"lr": [1e-3, 1e-2]}
    plain = GridSearchCV(ode_net(max_epochs=1), grid, cv=2).fit(X, y)
    kept = GridSearchCV(ode_net(max_epochs=1, checkpoint=folder), grid, cv=2).fit(X, y)
    scores = (search.cv_results_["mean_test_score"] for search in (plain, kept))
    np.testing.assert_array_equal(*scores)
    assert not folder.exists()
