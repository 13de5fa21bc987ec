"""Searches that are killed and go on choose as those that are not."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from sklearn_hsiode import load_model, save_model
from sklearn_hsiode.benchmark._run import last_step
from sklearn_hsiode.classifiers._callbacks import EpochRecorder
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.recipes import tuned
from sklearn_hsiode.recipes._kept import Kept, KeptScore
from sklearn_hsiode.recipes._search import GridSearch

INNER = PerClassShuffleSplit(0.5, n_splits=2, random_state=0)
pytestmark = pytest.mark.filterwarnings(
    "ignore:No fold both trains and tests class", "ignore:validation='blocks'"
)


@pytest.fixture(scope="module")
def pixels():
    return make_scene((20, 20), n_bands=8, n_classes=3, random_state=0).labeled_pixels()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.N_FILTERS", 4)
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.EPOCHS", (1, 2))
    monkeypatch.setattr("sklearn_hsiode.classifiers._checkpoint.PARTS", 0)


def search(name, **settings):
    """A search of four candidates, or two."""
    model = tuned(name, **{"random_state": 0, "cv": INNER} | settings)
    few = {key: values[:2] for key, values in model.param_grid.items()}
    if "net" in name:
        few["view"] = few["view"][:1]
    return model.set_params(progress=False, param_grid=few)


class Killed(BaseException):
    """Nothing that is caught on the way."""


@pytest.fixture
def kill(monkeypatch):
    """Kill before a call of a method, and count its calls."""

    def kill(owner, method, at=None):
        calls, call = [], getattr(owner, method)

        def counted(*args, **kwargs):
            calls.append(args)
            if len(calls) == at:
                raise Killed
            return call(*args, **kwargs)

        monkeypatch.setattr(owner, method, counted)
        return calls

    yield kill
    monkeypatch.undo()


def assert_same(found, wanted, X):
    assert found.best_params_.keys() == wanted.best_params_.keys()
    assert str(found.best_params_) == str(wanted.best_params_)
    assert found.cv_results_.keys() == wanted.cv_results_.keys()
    for name in (name for name in wanted.cv_results_ if "time" not in name):
        assert str(found.cv_results_[name]) == str(wanted.cv_results_[name])
    np.testing.assert_array_equal(found.predict(X), wanted.predict(X))


@pytest.mark.parametrize(
    ("name", "owner", "method", "moment"),
    [
        ("svm", Kept, "fit", 2),
        ("svm", KeptScore, "__call__", 5),
        ("ode-net", KeptScore, "__call__", 2),  # between two scores of one fit
        ("ode-net", Kept, "fit", 5),
    ],
)
def test_a_search_that_is_killed_and_goes_on_chooses_as_one_that_is_not(
    pixels, tmp_path, kill, name, owner, method, moment
):
    X, y = pixels
    wanted, folder = search(name).fit(X, y), tmp_path / "kept"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, method, getattr(owner, method))
        kill(owner, method, moment)
        with pytest.raises(Killed):
            search(name, checkpoint=folder).fit(X, y)
    assert folder.is_dir()
    kill(owner, method)
    trained = kill(type(last_step(wanted)), "fit")
    found = search(name, checkpoint=folder).fit(X, y)
    assert_same(found, wanted, X)
    assert found.score(X, y) == wanted.score(X, y)
    n_fits = found.n_splits_ * len(found.cv_results_["params"]) + 1
    assert len(trained) == n_fits - moment + 1 if owner is Kept else len(trained) <= n_fits
    assert list(tmp_path.iterdir()) == []


class Recorder(EpochRecorder):
    """Notes the epochs that begin, and is killed at the last one of the first training."""

    epochs, is_killed = [], False

    def on_epoch_begin(self, net, **kwargs):
        super().on_epoch_begin(net, **kwargs)
        self.epochs.append(net.history[-1, "epoch"])

    def on_epoch_end(self, net, **kwargs):
        if self.is_killed and net.history[-1, "epoch"] == 3:
            raise Killed


def test_the_training_of_a_candidate_goes_on_where_it_was_killed(pixels, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_hsiode.classifiers._training.EpochRecorder", Recorder)
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.EPOCHS", (3, 6))
    model = search("ode-net", checkpoint=tmp_path / "kept")
    monkeypatch.setattr(Recorder, "is_killed", True)
    with pytest.raises(Killed):
        model.fit(*pixels)
    monkeypatch.setattr(Recorder, "is_killed", False)
    model.fit(*pixels)
    assert Recorder.epochs[:7] == [1, 2, 3, 3, 1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"random_state": 1}, "random_state is 0 there and 1 here"),
        ({"cv": PerClassShuffleSplit(0.5, n_splits=2, random_state=1)}, "splits of cv are others"),
    ],
)
def test_another_search_is_refused_by_name(pixels, tmp_path, kill, changed, difference):
    X, y = pixels
    kill(Kept, "fit", 3)
    with pytest.raises(Killed):
        search("random-forest", checkpoint=tmp_path / "kept").fit(X, y)
    with pytest.raises(ValueError, match=difference):
        search("random-forest", checkpoint=tmp_path / "kept", **changed).fit(X, y)
    with pytest.raises(ValueError, match="pixels are others"):
        search("random-forest", checkpoint=tmp_path / "kept").fit(X, np.roll(y, 1))
    with pytest.raises(ValueError, match="is the checkpoint of something else: search is Grid"):
        search("ode-net", checkpoint=tmp_path / "kept").fit(X, y)


def test_threads_keep_their_scores_in_one_folder(pixels, tmp_path):
    X, y = pixels
    with joblib.parallel_config("threading"):
        found = search("svm", n_jobs=2, checkpoint=tmp_path / "kept").fit(X, y)
    assert_same(found, search("svm").fit(X, y), X)


@pytest.mark.parametrize("scoring", ["f1_macro", lambda model, X, y: float(model.score(X, y))])
def test_any_scorer_is_kept(pixels, tmp_path, scoring):
    X, y = pixels
    searches = (search("svm", checkpoint=folder) for folder in (tmp_path / "kept", None))
    found, wanted = (each.set_params(scoring=scoring).fit(X, y) for each in searches)
    assert_same(found, wanted, X)
    assert found.score(X, y) == wanted.score(X, y)
    assert found.scoring is wanted.scoring


def test_a_finished_search_pickles_with_its_folder_and_is_saved_without(pixels, tmp_path):
    found = search("logistic-regression", checkpoint=tmp_path / "kept").fit(*pixels)
    assert is_classifier(found)
    assert not isinstance(found.best_estimator_, Kept)
    assert pickle.loads(pickle.dumps(found)).checkpoint == tmp_path / "kept"
    save_model(found, tmp_path / "a.model")
    assert load_model(tmp_path / "a.model").checkpoint is None


@pytest.mark.filterwarnings("ignore:.*lambda")
def test_candidates_that_read_alike_are_kept_apart(pixels, tmp_path):
    X, y = pixels
    views = [FunctionTransformer(lambda a: 0 * np.asarray(a)), FunctionTransformer(np.asarray)]
    views[1].set_params(func=lambda a: np.asarray(a))
    pipeline = Pipeline([("view", views[0]), ("svc", SVC())])
    found = [
        GridSearch(pipeline, {"view": views}, cv=INNER, progress=False, checkpoint=checkpoint)
        .fit(X, y)
        .cv_results_["mean_test_score"]
        .tolist()
        for checkpoint in (None, tmp_path / "kept")
    ]
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_the_best_is_fitted_where_a_split_trains_on_all_pixels(pixels, tmp_path):
    X, y = pixels
    rows = np.arange(len(y))
    best = search("svm", cv=[(rows, rows)], checkpoint=tmp_path / "kept").fit(X, y)
    assert best.predict(X).shape == y.shape
