"""What the README, the user guide and the API page promise."""

import re
from importlib import import_module

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold

from sklearn_hsiode.recipes import paper, tuned
from tests.pages import ROOT, blocks
from tests.workers import forked_workers

PACKAGES = (
    *("sklearn_hsiode", "benchmark", "datasets", "io.readers", "metrics", "model_selection"),
    *("nn", "persistence", "plotting", "preprocessing", "recipes"),
)


def run(page):
    """The names of a page after its examples have run one after the other."""
    names = {"__name__": "example"}
    for block in blocks(page):
        exec(block, names)
    return names


def test_the_readme_reaches_a_first_fitted_model_within_40_lines():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert next(i for i, line in enumerate(lines) if ".fit(" in line) < 40


def test_the_examples_of_the_readme_run_one_after_the_other(capsys):
    names = run("README.md")
    ode, svm = (float(line) for line in capsys.readouterr().out.splitlines())
    assert ode > svm
    assert names["scores"].shape == (4,)
    assert set(names["class_map"].ravel()) <= {3, 7}


def test_the_examples_of_the_user_guide_run_one_after_the_other():
    names = run("docs/user_guide.md")
    assert names["paper"].get_params() == paper("ode-net")[-1].get_params()
    assert names["results"]["test_kappa"].shape == (3,)
    assert names["own"][-1].net_.plain_module_.network[2].out_features == 16
    X, y, weights, search = (names[name] for name in ("X", "y", "weights", "search"))
    scores = []
    for train, test in GroupKFold(3).split(X, y, names["tiles"]):
        model = clone(names["model"]).set_params(**search.best_params_)
        model.fit(X[train], y[train], odenetclassifier__sample_weight=weights[train])
        scores.append(accuracy_score(y[test], model.predict(X[test]), sample_weight=weights[test]))
    assert search.best_score_ == np.mean(scores)


def test_the_examples_of_the_page_on_clusters_run_one_after_the_other():
    with forked_workers():
        names = run("docs/cluster.md")
    serial = tuned("logistic-regression", random_state=0).set_params(progress=False)
    assert names["search"].best_score_ == serial.fit(names["X"], names["y"]).best_score_
    assert [run.model for run in names["runs"]] == ["svm"] * 3 + ["tuned svm"] * 3
    assert names["own"].best_score_ == names["own"].fit(names["X"], names["y"]).best_score_


def test_the_api_page_lists_all_that_is_public_and_nothing_else():
    top, *packages = PACKAGES
    public = set(import_module(top).__all__)
    offered = public | {"baselines.CoordinateClassifier"}
    for package in packages:
        names = set(import_module(f"{top}.{package}").__all__) - public
        offered |= {f"{package}.{name}" for name in names}
    page = (ROOT / "docs/api.md").read_text("utf-8")
    assert sorted(re.findall(r"^   ([A-Za-z_.]+)$", page, re.M)) == sorted(offered)
