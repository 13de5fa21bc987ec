"""Types that a model file may hold: none can be made to run code of a file's author."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Set
from typing import Any

from sklearn_hsiode._archive import check_arrays, packed, unpacked
from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._spectral import SpectralTransformer
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.classifiers import PatchNetClassifier
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.metrics import average_accuracy_score, kappa_score, overall_accuracy_score
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
from sklearn_hsiode.persistence._compiled import check_compiled
from sklearn_hsiode.preprocessing import ContinuumRemoval, SpectralDerivative, StandardNormalVariate
from sklearn_hsiode.recipes._search import GridSearch, HalvingSearch

OWN: tuple[Any, ...] = (
    *(entry.classifier for entry in NETWORKS.values()),
    ContinuumRemoval,
    CoordinateClassifier,
    GridSearch,
    HalvingSearch,
    PatchExtractor,
    PerClassShuffleSplit,
    SpatialBlockKFold,
    SpectralDerivative,
    SpectralTransformer,
    StandardNormalVariate,
    average_accuracy_score,
    kappa_score,
    overall_accuracy_score,
)
# scikit-learn's estimators and NumPy's arrays are on skops' own list. To be added here, a class
# must not run what it is given when it is made, restored, or asked to predict.
TRUSTED = frozenset(
    f"{module}.{name}"
    for module, names in {
        "numpy": "dtype",
        "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
        "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
        "sklearn.feature_selection._univariate_selection": "chi2 f_classif",
        "sklearn.feature_selection._mutual_info": "mutual_info_classif",
        "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels": (
            "ConstantKernel DotProduct ExpSineSquared Exponentiation Matern Product RBF"
            " RationalQuadratic Sum WhiteKernel"
        ),
        "sklearn.metrics._classification": (
            "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score f1_score"
            " jaccard_score log_loss matthews_corrcoef precision_score recall_score"
        ),
        "sklearn.metrics._dist_metrics": (
            "ChebyshevDistance64 EuclideanDistance64 ManhattanDistance64 MinkowskiDistance64"
        ),
        "sklearn.metrics._ranking": "average_precision_score roc_auc_score top_k_accuracy_score",
        "sklearn.metrics._scorer": "_PassthroughScorer _Scorer",
        "sklearn.model_selection._split": (
            "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut PredefinedSplit"
            " RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold"
            " StratifiedKFold StratifiedShuffleSplit"
        ),
        "sklearn.neighbors._ball_tree": "BallTree",
        "sklearn.neighbors._kd_tree": "KDTree",
        "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
        "sklearn.tree._tree": "Tree",
        "sklearn.utils._bunch": "Bunch",
        "torch.optim.adam": "Adam",
        "torch.optim.adamw": "AdamW",
        "torch.optim.sgd": "SGD",
    }.items()
    for name in names.split()
) | {f"{own.__module__}.{own.__qualname__}" for own in OWN}
PATCH_NET = f"{PatchNetClassifier.__module__}.{PatchNetClassifier.__qualname__}"
# How skops may restore things, and of which modules, where it would call whatever type is named.
# Its other ways call what the file names with the file's arguments.
WAYS: dict[str, tuple[str, ...]] = {
    "BytearrayNode": (),
    "BytesNode": (),
    "DTypeNode": (),
    "DictNode": ("builtins", "collections", "sklearn.utils._bunch"),
    "FunctionNode": (),
    "JsonNode": (),
    "ListNode": ("builtins",),
    "LossNode": ("sklearn._loss._loss", "sklearn.linear_model._sgd_fast"),
    "MaskedArrayNode": (),
    "NdArrayNode": ("numpy",),
    "ObjectNode": (),
    "RandomGeneratorNode": (),
    "RandomStateNode": (),
    "SetNode": ("builtins",),
    "SliceNode": (),
    "SparseMatrixNode": (),
    "TreeNode": (),
    "TupleNode": ("builtins",),
    "TypeNode": (),
}
SCHEMA = "schema.json"
# Bytes; a tree of a forest takes 15,000.
LARGEST_SCHEMA = 2**26
# Attributes that whoever loads a model decides: threads and processes, and where pickles lie.
OFF = ("memory", "n_jobs")
NOTHING = {
    "__class__": "str",
    "__module__": "builtins",
    "__loader__": "JsonNode",
    "content": "null",
    "is_json": True,
}
# Parameters among whose values a search in a file may not choose.
NO_CHOICE = ("callbacks", "compile", "net_params", *OFF)


def names_of(own: Iterable[Any]) -> frozenset[str]:
    """Names of the caller's own classes and functions, as skops calls them.

    Parameters
    ----------
    own : iterable of class or function
        Networks of a :class:`~sklearn_hsiode.PatchNetClassifier`, which is trusted with its
        network alone.

    Returns
    -------
    names : frozenset of str

    Raises
    ------
    TypeError
        For what is neither a class nor a function.
    """
    if not isinstance(own, Iterable) or isinstance(own, str):
        raise TypeError(f"trusted must be a list of classes or functions, got {own!r}.")
    own = list(own)
    for thing in own:
        if not hasattr(thing, "__qualname__"):
            raise TypeError(f"trusted must hold classes or functions, got {thing!r}.")
        found: Any = sys.modules.get(thing.__module__)
        for name in thing.__qualname__.split("."):
            found = getattr(found, name, None)
        if found is not thing:
            raise TypeError(
                f"trusted holds {thing!r}, which is not found as {thing.__module__}."
                f"{thing.__qualname__}: put it where it can be imported, under its own name."
            )
    return frozenset(f"{thing.__module__}.{thing.__qualname__}" for thing in own)


def trusted_types(own: Set[str]) -> list[str]:
    """Names of all types that a model may hold, those of the caller among them."""
    return sorted(TRUSTED | own | ({PATCH_NET} if own else set()))


def vetted(model: bytes, skops: Any, own: Set[str]) -> tuple[bytes, list[str]]:
    """Check a model before anything of it is restored.

    Parameters
    ----------
    model : bytes
        The output of ``skops.io.dumps``, or what somebody else has made of it.
    skops : module
        ``skops.io``.
    own : set of str
        Names of the caller's own types, of which the network of a classifier must be one.

    Returns
    -------
    model : bytes
        The same with all in `OFF` switched off.
    strange : list of str
        What it holds beyond the trusted types, and in other ways than it may. If there is any,
        the model must not be restored.

    Raises
    ------
    Exception
        Of any kind, when it is damaged.
    """
    members = unpacked(io.BytesIO(model), {SCHEMA: LARGEST_SCHEMA})
    check_arrays(members)
    schema = json.loads(members[SCHEMA])
    strange = set(_strange(schema, own, members, kinds={}))
    if not strange:  # skops may take ages over others
        _switch_off(schema)
        model = packed(members | {SCHEMA: json.dumps(schema).encode()})
        strange = set(skops.get_untrusted_types(data=model)) - set(trusted_types(own))
    if not strange:
        check_compiled(schema, members)
    return model, sorted(strange)


def _strange(
    part: Any, own: Set[str], members: Mapping[str, bytes], kinds: dict[Any, Any], of: Any = None
) -> Generator[str, None, int]:
    """Names of the nodes in a part of a schema that are not as they may be.

    Returns a hash of the part, without the numbers of its nodes and with arrays for their names.
    """
    if not isinstance(part, dict | list):
        return hash((type(part), part))
    node, inner = part if isinstance(part, dict) else None, []
    for key, child in enumerate(part) if node is None else node.items():
        content = yield from _strange(child, own, members, kinds, of if node is None else node)
        if key == "file":
            content = hash(members.get(child))
        if key != "__id__":
            inner.append((key, content))
    content = hash((type(part), *inner))
    if node is not None and "__loader__" in node:
        yield from _strange_node(node, own, kinds, of, content)
    return content


def _strange_node(
    node: dict[str, Any], own: Set[str], kinds: dict[Any, Any], of: Any, content: int
) -> Iterator[str]:
    name, way = _name(node), node["__loader__"]
    modules = WAYS.get(way, ("",))
    if modules and node["__module__"] not in modules:
        yield name
    # skops takes the first of two nodes with one number for both: what was checked in one could
    # be something else in the other, or stand for many more parts than the file has.
    is_object = isinstance(of, dict) and of.get("__loader__") == "ObjectNode"
    is_attributes = way == "DictNode" and is_object and of["content"] is node
    kind = (is_attributes, content)
    if node.get("__id__") and kinds.setdefault(node["__id__"], kind) != kind:
        yield f"{name} under the number of something else"
    if way == "JsonNode" and isinstance(json.loads(node["content"]), dict | list):
        yield "text that is not a single value"
    if way != "DictNode":
        return
    for key, value in node["content"].items():
        parameter = key.rpartition("__")[2]
        values = value["content"] if value["__loader__"] in ("ListNode", "TupleNode") else [value]
        if parameter == "network" and any(
            each["__loader__"] != "JsonNode" and _name(each) not in own for each in values
        ):
            yield f"a network that is not trusted ({', '.join(map(_name, values))})"
        is_single = value["__loader__"] in ("JsonNode", "DictNode")
        if parameter in NO_CHOICE and values and not (is_attributes or is_single):
            yield f"values of {parameter} to choose from"


def _name(node: dict[str, Any]) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _switch_off(part: Any) -> None:
    """Give None to the attributes in `OFF`, of all objects in a part of a schema."""
    if isinstance(part, dict):
        attributes = part.get("content") if part.get("__loader__") == "ObjectNode" else None
        if isinstance(attributes, dict) and attributes.get("__loader__") == "DictNode":
            entries = attributes["content"]
            entries.update({name: NOTHING for name in OFF if name in entries})
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            _switch_off(child)
