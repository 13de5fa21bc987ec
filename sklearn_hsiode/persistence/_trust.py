"""Types that a model file may hold: none can be made to run code of a file's author."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Set
from typing import Any

from sklearn_hsiode._patches import PatchExtractor
from sklearn_hsiode._spectral import SpectralTransformer
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.classifiers import PatchNetClassifier
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.metrics import average_accuracy_score, kappa_score, overall_accuracy_score
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
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
        "torch.optim.adam": "Adam",
        "torch.optim.adamw": "AdamW",
        "torch.optim.sgd": "SGD",
    }.items()
    for name in names.split()
) | {f"{own.__module__}.{own.__qualname__}" for own in OWN}
PATCH_NET = f"{PatchNetClassifier.__module__}.{PatchNetClassifier.__qualname__}"
# How skops may restore things. Its other ways call what the file names with the file's arguments.
WAYS = frozenset(
    {
        "BytearrayNode",
        "BytesNode",
        "CachedNode",
        "DTypeNode",
        "DictNode",
        "FunctionNode",
        "JsonNode",
        "ListNode",
        "LossNode",
        "MaskedArrayNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "SetNode",
        "SliceNode",
        "SparseMatrixNode",
        "TreeNode",
        "TupleNode",
        "TypeNode",
    }
)


def trusted_names(own: Iterable[Any]) -> frozenset[str]:
    """Names of the trusted types, and of the caller's own classes and functions.

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
    names = {f"{thing.__module__}.{thing.__qualname__}" for thing in own}
    return TRUSTED | names | ({PATCH_NET} if names else set())


def untrusted(model: bytes, skops: Any, trusted: Set[str] = TRUSTED) -> list[str]:
    """Names of what a model holds beyond the trusted types, and of other ways to restore it.

    Parameters
    ----------
    model : bytes
        The output of ``skops.io.dumps``.
    skops : module
        ``skops.io``.
    trusted : set of str, default=TRUSTED
        Names of the types that it may hold.

    Returns
    -------
    names : list of str
    """
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            ways = set(_ways(json.loads(archive.read("schema.json"))))
        types = set(skops.get_untrusted_types(data=model))
    except Exception as error:  # whatever a tampered content leads skops to
        raise ValueError(f"The model cannot be read: {error}") from error
    return sorted((types - trusted) | ways)


def _ways(schema: Any) -> Iterator[str]:
    """Everything in a schema of skops that is not restored in one of the trusted ways."""
    if isinstance(schema, dict):
        if "__loader__" in schema and schema["__loader__"] not in WAYS:
            yield f"{schema.get('__module__')}.{schema.get('__class__')}"
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _ways(part)
