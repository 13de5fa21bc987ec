"""What scikit-learn's compiled code takes on trust, checked before it gets it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

# Ensembles that hand the pixels to their trees without asking each how many bands it knows.
FORESTS = ("sklearn.ensemble._forest", "sklearn.ensemble._gb", "sklearn.ensemble._iforest")
SVMS = ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")


def check_compiled(schema: Any, members: Mapping[str, bytes]) -> None:
    """Check decision trees and support vector machines, which would read beyond their arrays.

    Parameters
    ----------
    schema : dict
        What a model is made of, as skops tells it.
    members : dict of str to bytes
        The arrays that it names.

    Raises
    ------
    Exception
        Of any kind, when they are not as a fit leaves them.
    """
    for node in _nodes(schema):
        kind, module = node.get("__class__"), node.get("__module__")
        if node.get("__loader__") == "TreeNode":
            _check_tree(node, members)
        elif node.get("__loader__") != "ObjectNode":
            continue
        elif module == "sklearn.svm._classes" and kind in SVMS:
            _check_svm(node, members)
        elif module == "sklearn.tree._classes" or module in FORESTS:
            _check_bands(node, members)


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """All nodes in a part of a schema."""
    children = part if isinstance(part, list) else []
    if isinstance(part, dict):
        if "__loader__" in part:
            yield part
        children = list(part.values())
    for child in children:
        yield from _nodes(child)


def _plain(node: Any, members: Mapping[str, bytes]) -> Any:
    """The value of a node that is a number, a text, an array or a collection of them."""
    way = node["__loader__"]
    if way == "JsonNode":
        return json.loads(node["content"])
    if way == "NdArrayNode" and node["type"] == "numpy":
        return np.load(io.BytesIO(members[node["file"]]), allow_pickle=False)
    if way in ("ListNode", "TupleNode"):
        return [_plain(each, members) for each in node["content"]]
    return None


def _fitted(node: Any, members: Mapping[str, bytes], *names: str) -> list[Any]:
    """Attributes of an object, by their names."""
    return [_plain(node["content"]["content"][name], members) for name in names]


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise ValueError(f"{what} cannot be as a fit leaves it.")


def _check_tree(node: dict[str, Any], members: Mapping[str, bytes]) -> None:
    """Of a tree, every child comes after its parent, and every feature is a band."""
    _require(node["__class__"] == "Tree", "a decision tree")
    n_features, n_classes, n_outputs = _plain(node["__reduce__"]["args"], members)
    n_nodes, nodes, values = (
        _plain(node["content"]["content"][name], members)
        for name in ("node_count", "nodes", "values")
    )
    sizes = (n_features, n_outputs, n_nodes)
    _require(all(type(size) is int and 0 < size < 2**31 for size in sizes), "a decision tree")
    _require(n_classes.shape == (n_outputs,) and (n_classes > 0).all(), "a decision tree")
    _require(nodes.shape == (n_nodes,), "a decision tree")
    _require(values.shape == (n_nodes, n_outputs, n_classes.max()), "a decision tree")
    left, right, feature = (nodes[name] for name in ("left_child", "right_child", "feature"))
    inner = left != -1
    for child in (left[inner], right[inner]):
        is_later = (child > np.flatnonzero(inner)) & (child < n_nodes)
        _require(is_later.all(), "a decision tree")
    used = feature[inner]
    _require(((used >= 0) & (used < n_features)).all(), "a decision tree")


def _check_bands(node: dict[str, Any], members: Mapping[str, bytes]) -> None:
    """Trees know as many bands as they are given: all of the estimator, or those it selects."""
    fitted = node["content"]["content"]
    trees = fitted.get("tree_" if node["__module__"] == "sklearn.tree._classes" else "estimators_")
    if trees is None:
        return
    (n_features,) = _fitted(node, members, "n_features_in_")
    parts = [(trees, n_features)]
    if "estimators_features_" in fitted:
        (selected,) = _fitted(node, members, "estimators_features_")
        sizes = [len(bands) for bands in selected]
        _require(max(sizes) <= n_features, "a decision tree")
        parts = list(zip(trees["content"], sizes, strict=True))
    for part, n_bands in parts:
        of_trees = (inner for inner in _nodes(part) if inner["__loader__"] == "TreeNode")
        known = {_plain(tree["__reduce__"]["args"], members)[0] for tree in of_trees}
        _require(known == {n_bands}, "a decision tree")


def _check_svm(node: dict[str, Any], members: Mapping[str, bytes]) -> None:
    """Support vectors, their coefficients and classes are as many as they are said to be."""
    if "support_" not in node["content"]["content"]:
        return
    support, vectors, counts, coefficients, intercept = _fitted(
        node, members, "support_", "support_vectors_", "_n_support", "_dual_coef_", "_intercept_"
    )
    n_features, kernel, is_sparse, fitted_on = _fitted(
        node, members, "n_features_in_", "kernel", "_sparse", "shape_fit_"
    )
    is_classifier = node["__class__"] in ("SVC", "NuSVC")
    n_classes = len(_fitted(node, members, "classes_")[0]) if is_classifier else 2
    n_pairs, n_vectors = n_classes * (n_classes - 1) // 2, len(support)
    shape = (0, 0) if kernel == "precomputed" else (n_vectors, n_features)
    what = "a support vector machine"
    _require(is_sparse is False and support.shape == (n_vectors,), what)
    _require(((support >= 0) & (support < fitted_on[0])).all(), what)
    _require(vectors.shape == shape, what)
    _require(coefficients.shape == (n_classes - 1, n_vectors), what)
    _require(intercept.shape == (n_pairs,), what)
    _require(counts.shape == (n_classes,) and (counts >= 0).all(), what)
    _require(not is_classifier or counts.sum() == n_vectors, what)
    for probabilities in _fitted(node, members, "_probA", "_probB"):
        _require(probabilities.shape in ((0,), (n_pairs,)), what)
