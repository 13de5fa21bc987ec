"""Trees and support vector machines of a file never read beyond their arrays."""

import io

import numpy as np
import pytest
import scipy.sparse
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_hsiode import load_model, save_model
from tests.persistence.tampering import array, attributes, edit, nodes_of, put, value

pytest.importorskip("skops")
N_BANDS = 8


@pytest.fixture
def saved(pixels, tmp_path):
    def save(estimator):
        X, y = pixels
        return save_model(estimator.fit(np.asarray(X), y), tmp_path / "my.model")

    return save


def content_of(node, parts):
    return np.load(io.BytesIO(parts[node["file"]]))


def with_node(name, index, new):
    """Change an entry of the nodes of the first tree."""

    def change(schema, parts):
        state = next(nodes_of(schema, "Tree"))["content"]
        nodes = content_of(state["content"]["nodes"], parts)
        nodes[name][index] = new
        put(state, "nodes", array(parts, nodes))

    return change


def with_state(name, new):
    """Change what the first tree says of itself."""
    return lambda schema, _: put(next(nodes_of(schema, "Tree"))["content"], name, value(new))


def with_argument(place, new):
    def change(schema, parts):
        arguments = next(nodes_of(schema, "Tree"))["__reduce__"]["args"]["content"]
        arguments[place] = array(parts, new) if isinstance(new, np.ndarray) else value(new)

    return change


def cut(name):
    def change(schema, parts):
        state = next(nodes_of(schema, "Tree"))["content"]
        put(state, name, array(parts, content_of(state["content"][name], parts)[:-1]))

    return change


@pytest.mark.parametrize(
    "change",
    [
        with_node("left_child", 0, 10**6),
        with_node("left_child", 0, 0),
        with_node("right_child", 0, -5),
        with_node("feature", 0, N_BANDS),
        with_node("feature", 0, -2),
        with_state("node_count", 10**6),
        with_state("node_count", "many"),
        with_argument(0, N_BANDS + 1),
        with_argument(1, np.array([10**9])),
        with_argument(1, np.array([], dtype=int)),
        with_argument(2, 1000),
        with_argument(2, -1),
        cut("nodes"),
        cut("values"),
    ],
)
def test_a_tree_that_would_be_left_is_refused(saved, change):
    path = saved(DecisionTreeClassifier(max_depth=3))
    edit(path, change)
    with pytest.raises(ValueError, match=r"my\.model cannot be loaded"):
        load_model(path)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(),
        RandomForestClassifier(2),
        ExtraTreesClassifier(2),
        GradientBoostingClassifier(n_estimators=2),
        AdaBoostClassifier(n_estimators=2),
        BaggingClassifier(n_estimators=2, max_features=0.5),
        IsolationForest(n_estimators=2),
        IsolationForest(n_estimators=2, max_features=0.5),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_know_as_many_bands_as_their_forest(saved, pixels, estimator):
    path = saved(estimator)
    X = np.asarray(pixels[0])
    np.testing.assert_array_equal(load_model(path).predict(X), estimator.predict(X))
    edit(path, with_argument(0, 10 * N_BANDS))
    with pytest.raises(ValueError, match="tree cannot be as a fit leaves it"):
        load_model(path)


def test_trees_that_are_asked_for_themselves_may_know_other_bands(saved, pixels):
    init = make_pipeline(SelectKBest(k=2), RandomForestClassifier(2))
    model, X = GradientBoostingClassifier(n_estimators=2, init=init), np.asarray(pixels[0])
    np.testing.assert_array_equal(load_model(saved(model)).predict(X), model.predict(X))


@pytest.mark.parametrize("bands", [np.arange(3), np.arange(100)], ids=["fewer", "more"])
def test_trees_of_an_isolation_forest_know_the_bands_that_are_selected(saved, bands):
    def change(schema, parts):
        (forest,) = attributes(schema, "IsolationForest")
        forest["content"]["estimators_features_"]["content"][0] = array(parts, bands)

    path = saved(IsolationForest(n_estimators=2, max_features=0.5))
    edit(path, change)
    with pytest.raises(ValueError, match="tree cannot be as a fit leaves it"):
        load_model(path)


def test_a_model_fitted_on_sparse_pixels_is_refused_for_its_sparse_matrix(pixels, tmp_path):
    X, y = pixels
    model = SVC().fit(scipy.sparse.csr_matrix(np.asarray(X)), y)
    with pytest.raises(TypeError, match="csr_matrix, which load_model would refuse"):
        save_model(model, tmp_path / "my.model")


def with_array(name, change_of):
    def change(schema, parts):
        (found,) = attributes(schema, "SVC")
        put(found, name, array(parts, change_of(content_of(found["content"][name], parts))))

    return change


@pytest.mark.parametrize(
    "change",
    [
        with_array("_n_support", lambda counts: counts + 1000),
        with_array("_n_support", lambda counts: counts[:-1]),
        with_array("_n_support", lambda counts: -counts),
        with_array("support_vectors_", lambda vectors: vectors[:1]),
        with_array("support_vectors_", lambda vectors: vectors[:, :1]),
        with_array("support_vectors_", lambda vectors: np.zeros((0, 0))),
        with_array("support_", lambda support: support + 10**6),
        with_array("_dual_coef_", lambda coefficients: coefficients[:1]),
        with_array("_intercept_", lambda intercept: intercept[:1]),
        with_array("_probA", lambda _: np.zeros(2)),
        lambda schema, _: put(attributes(schema, "SVC")[0], "kernel", value("precomputed")),
    ],
)
def test_a_support_vector_machine_that_would_be_left_is_refused(saved, change):
    path = saved(SVC())
    edit(path, change)
    with pytest.raises(ValueError, match="support vector machine cannot be as a fit leaves it"):
        load_model(path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("estimator", [SVC(probability=True), NuSVC(nu=0.1)], ids=str)
def test_whole_support_vector_machines_are_loaded(saved, pixels, estimator):
    X = np.asarray(pixels[0])
    np.testing.assert_array_equal(load_model(saved(estimator)).predict(X), estimator.predict(X))


def test_numbers_of_parts_stand_for_equal_parts(saved):
    def change(schema, parts):
        state = next(nodes_of(schema, "Tree"))["content"]
        nodes = state["content"]["nodes"]
        other = array(parts, content_of(nodes, parts)[::-1]) | {"__id__": nodes["__id__"]}
        put(attributes(schema, "DecisionTreeClassifier")[0], "classes_", other)

    path = saved(DecisionTreeClassifier(max_depth=3))
    edit(path, change)
    with pytest.raises(ValueError, match="under the number of something else"):
        load_model(path)
