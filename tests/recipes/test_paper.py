"""The estimators of the paper's experiment."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.recipes import PAPER, paper, tuned
from sklearn_hsiode.recipes._classical import CLASSICAL

NAMES = [*NETWORKS, *CLASSICAL]
# Of the page "The paper's protocol" of the design, and nothing that it does not speak of.
PROTOCOL = {
    "optimizer": "sgd",
    "lr": 0.1,
    "lr_schedule": "step",
    "batch_size": 128,
    "max_epochs": 160,
    "n_filters": 64,
    "downsampling": True,
    "shortcut": False,
    "mixup": 0.0,
    "augment": False,
    "early_stopping": False,
    "weight_decay": 0.0,
    "class_weight": None,
    "precision": "float32",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_follow_the_papers_protocol(name):
    components, patches, network = (step for _, step in paper(name).steps)
    assert isinstance(network, NETWORKS[name].classifier)
    assert network.get_params().items() >= PROTOCOL.items()
    assert (components.fit_on, components.transformer[0].n_components) == ("scene", 1)
    assert (patches.patch_size, patches.padding) == (23, "zero")


def test_the_ode_is_solved_as_in_the_paper():
    network = paper("ode-net")[-1]
    assert (network.solver, network.rtol, network.atol) == ("dopri5", 1e-3, 1e-3)
    assert not network.adjoint
    assert (paper("resnet")[-1].n_blocks, paper("resnet")[-1].tied) == (6, False)


@pytest.mark.parametrize(("name", "n_parameters"), [("ode-net", 232_080), ("resnet", 601_872)])
def test_the_networks_have_the_papers_parameters(name, n_parameters):
    rng = np.random.default_rng(0)
    patches = rng.normal(size=(16, 1, 23, 23))
    network = paper(name)[-1].set_params(max_epochs=1)
    assert network.fit(patches, np.arange(16)).n_parameters_ == n_parameters


@pytest.mark.parametrize("name", NAMES)
def test_each_call_makes_an_estimator_of_its_own(name):
    first, second = paper(name), paper(name)
    assert repr(clone(first)) == repr(first) == repr(second)
    parameter = next(iter(first.get_params(deep=False)))
    first.set_params(**{parameter: None})
    assert repr(second) == repr(paper(name))
    assert PAPER.training["max_epochs"] == 160


@pytest.mark.parametrize("make", [paper, tuned])
@pytest.mark.parametrize("name", ["SVM", "coordinates", None])
def test_an_unknown_name_comes_with_the_known_ones(make, name):
    with pytest.raises(ValueError, match=f"name must be one of {', '.join(NAMES)}, got {name!r}"):
        make(name)
