"""Searches that tune every kind of model on blocks of ground."""

import numpy as np
import pytest
import skorch.callbacks
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import FeatureUnion
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode import SpectralTransformer, load_model, predict_map, save_model
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
from sklearn_hsiode.preprocessing import SpectralDerivative
from sklearn_hsiode.recipes import VIEWS, tuned
from sklearn_hsiode.recipes._classical import CLASSICAL

NAMES = [*NETWORKS, *CLASSICAL]
INNER = PerClassShuffleSplit(0.5, n_splits=2, random_state=0)
pytestmark = pytest.mark.filterwarnings(
    "ignore:No fold both trains and tests class", "ignore:validation='blocks'"
)


@pytest.fixture(scope="module")
def scene():
    return make_scene((32, 32), n_bands=8, n_classes=3, noise=0.02, random_state=0)


@pytest.fixture(scope="module")
def pixels(scene):
    return scene.labeled_pixels()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.N_FILTERS", 4)
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.EPOCHS", (1, 2))


def search(name, **settings):
    model = tuned(name, **{"random_state": 0, **settings}).set_params(progress=False)
    if name == "random-forest":
        model.set_params(estimator__model__n_estimators=5)
    return model


@pytest.fixture(scope="module")
def fitted(pixels):
    """A fitted search by name, each fitted once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sklearn_hsiode.recipes._tuned.N_FILTERS", 4)
        patched.setattr("sklearn_hsiode.recipes._tuned.EPOCHS", (1, 2))
        made = {}

        def get(name):
            if name not in made:
                made[name] = search(name).fit(*pixels)
            return made[name]

        yield get


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_chooses_among_the_same_views(name):
    grid = tuned(name).param_grid
    views = [
        view.transformer if isinstance(view, SpectralTransformer) else view for view in grid["view"]
    ]
    assert list(map(repr, views)) == list(map(repr, VIEWS.values()))
    assert len(grid) == 2  # and one more thing


def test_the_views_are_the_bands_and_the_slope_of_their_logarithm():
    bands, slope, both = VIEWS.values()
    assert bands == "passthrough"
    assert repr(slope) == repr(SpectralDerivative(log=True))
    assert isinstance(both, FeatureUnion)
    assert [view.order for _, view in both.transformer_list] == [0, 1]
    assert all(view.log for _, view in both.transformer_list)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_choose_among_small_patches_by_halving_over_epochs(name):
    model = tuned(name)
    assert model.param_grid["patches__patch_size"] == [3, 5]
    assert model.resource == "network__max_epochs"
    assert (model.min_resources, model.max_resources, model.factor) == (1, 2, 2)
    network = model.estimator[-1]
    assert isinstance(network, NETWORKS[name].classifier)
    assert network.shortcut
    assert network.class_weight == "effective"


@pytest.mark.parametrize("name", NETWORKS)
def test_candidates_are_compared_with_one_gate_and_the_best_chooses_its_own(name, fitted):
    model = fitted(name)
    assert set(model.cv_results_["param_network__gate"]) == {0.5}
    assert "network__gate" not in model.best_params_
    assert model.best_estimator_[-1].gate == "auto"


def test_a_gate_that_is_searched_over_is_not_also_fixed(pixels):
    model = tuned("ode-net").set_params(param_grid={"network__gate": [0, 1]}, progress=False)
    with pytest.raises(ValueError, match="network__gate is in param_grid and in while_comparing"):
        model.fit(*pixels)


def test_splits_may_come_from_a_generator(pixels):
    splits = list(SpatialBlockKFold(2, 8, buffer=2).split(*pixels))
    found, expected = (
        tuned("logistic-regression", cv=cv).set_params(progress=False).fit(*pixels).cv_results_
        for cv in (iter(splits), splits)
    )
    np.testing.assert_array_equal(found["mean_test_score"], expected["mean_test_score"])


@pytest.mark.parametrize("name", NAMES)
def test_inner_splits_are_buffered_blocks_that_keep_patches_apart(name, pixels):
    cv = tuned(name).cv
    assert repr(cv) == repr(SpatialBlockKFold(3, "auto", buffer=4, random_state=0))
    X, y = pixels
    for train, test in cv.split(X, y):
        away = np.maximum(
            abs(X.rows[train][:, None] - X.rows[test]), abs(X.cols[train][:, None] - X.cols[test])
        )
        assert away.min() > 4


@pytest.mark.parametrize("name", NAMES)
def test_after_fit_it_is_a_classifier_like_any_other(name, fitted, scene, pixels, tmp_path):
    X, y = pixels
    model = fitted(name)
    assert is_classifier(model)
    assert set(model.best_params_) >= set(model.param_grid)
    assert model.score(X, y) > 0.6
    class_map = predict_map(model, scene)
    np.testing.assert_array_equal(class_map[X.rows, X.cols], model.predict(X))
    pytest.importorskip("skops")
    loaded = load_model(save_model(model, tmp_path / "a.model", scene=scene))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert repr(loaded.best_params_) == repr(model.best_params_)


@pytest.mark.parametrize("name", NAMES)
def test_the_best_candidate_is_the_one_of_the_highest_score(name, fitted):
    results = fitted(name).cv_results_
    last = results.get("iter", np.zeros(len(results["params"])))
    in_last = last == last.max()
    assert fitted(name).best_score_ == results["mean_test_score"][in_last].max()
    n_candidates = np.prod([len(values) for values in fitted(name).param_grid.values()])
    assert (last == 0).sum() == n_candidates


@pytest.mark.parametrize("name", ["ode-net", "random-forest"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_seed_decides_the_result_whatever_the_jobs(name, n_jobs, fitted, pixels):
    X, y = pixels
    again = search(name, n_jobs=n_jobs).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted(name).predict_proba(X))
    assert repr(again.best_params_) == repr(fitted(name).best_params_)


@pytest.mark.parametrize("name", ["ode-net", "random-forest"])
def test_another_seed_is_another_model(name, fitted, pixels):
    X, y = pixels
    other = search(name, random_state=1).fit(X, y)
    assert (other.predict_proba(X) != fitted(name).predict_proba(X)).any()


@pytest.mark.parametrize("name", NAMES)
def test_inner_splits_of_ones_own_are_used(name):
    assert tuned(name, cv=INNER).cv is INNER


def test_scores_are_those_of_the_inner_splits(pixels):
    X, y = pixels
    model = search("logistic-regression", cv=INNER).fit(X, y)
    best = clone(model.estimator).set_params(**model.best_params_)
    scores = cross_val_score(best, X, y, cv=INNER)
    assert model.best_score_ == pytest.approx(np.mean(scores))


@pytest.mark.parametrize("name", NAMES)
def test_pixels_in_too_few_places_are_an_error_that_names_the_remedies(name, pixels):
    X, y = pixels
    near = np.maximum(abs(X.rows - X.rows[0]), abs(X.cols - X.cols[0])) < 6
    with pytest.raises(ValueError, match=r"too few places.*give a search another cv"):
        search(name).fit(X[near], y[near])


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_unfitted_and_the_same(name, fitted):
    copy = clone(fitted(name))
    assert repr(copy) == repr(search(name))
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(copy)


@pytest.mark.parametrize(("name", "n_candidates"), [("logistic-regression", 12), ("ode-net", 9)])
def test_a_bar_counts_the_candidates_unless_it_is_turned_off(name, n_candidates, pixels, capsys):
    search(name, cv=INNER).set_params(progress=True).fit(*pixels)
    assert f"{n_candidates}/{n_candidates} [" in capsys.readouterr().err
    search(name, cv=INNER).fit(*pixels)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", NAMES)
def test_blocks_without_a_seed_are_inner_splits_as_well(name, pixels):
    cv = SpatialBlockKFold(2, block_size=8, buffer=2)
    assert search(name, cv=cv).fit(*pixels).n_splits_ == 2


@pytest.mark.parametrize("name", NAMES)
def test_an_inner_split_that_trains_one_class_is_an_error_that_says_so(name, pixels):
    X, y = pixels
    of_one = y == y[0]
    cv = [(np.flatnonzero(of_one), np.flatnonzero(~of_one))] * 2
    with pytest.raises(ValueError, match=r"trains a single class of 3.*pass other inner splits as"):
        search(name, cv=cv).fit(X, y)


def test_ctrl_c_ends_a_search_though_a_candidate_has_trained_by_then(pixels):
    class Interrupts(skorch.callbacks.Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            if training and len(net.history) == 2:
                raise KeyboardInterrupt

    model = search("ode-net")
    model.set_params(estimator__network__callbacks=[Interrupts()], min_resources=2)
    with pytest.raises(KeyboardInterrupt, match="interrupted in epoch 2"):
        model.fit(*pixels)


def test_the_score_of_a_search_can_be_chosen(pixels):
    model = search("logistic-regression").set_params(scoring=lambda model, X, y: 7.0)
    assert set(model.fit(*pixels).cv_results_["mean_test_score"]) == {7.0}
