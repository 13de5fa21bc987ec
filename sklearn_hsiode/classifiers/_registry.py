"""The networks by name: one entry serves benchmarks, tables, the command line and model files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sklearn_hsiode.classifiers._odenet import ODENetClassifier
from sklearn_hsiode.classifiers._patchnet import PatchNetClassifier
from sklearn_hsiode.classifiers._resnet import ResNetClassifier


@dataclass(frozen=True)
class NetworkEntry:
    """A network, and how it is to be offered.

    Attributes
    ----------
    classifier : type
        Its classifier.
    title : str
        Its name in print.
    options : dict of str to str, default={}
        Parameters of the classifier that the command line offers, and help for each. Types and
        choices are the classifier's own.
    """

    classifier: type[PatchNetClassifier]
    title: str
    options: Mapping[str, str] = field(default_factory=dict)


# Model files may hold these classifiers, whose network is a property that no file can set.
NETWORKS: dict[str, NetworkEntry] = {
    "ode-net": NetworkEntry(
        ODENetClassifier,
        "ODE-net",
        {
            "solver": "of the ODE-net (default: the recipe's)",
            "n_steps": "of a solver on a fixed grid (default 2)",
        },
    ),
    "resnet": NetworkEntry(ResNetClassifier, "ResNet"),
}
