"""Choices of fitted models, as figures and as a table."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import ODENetClassifier, PatchExtractor, SpectralTransformer
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.benchmark import choices_table, chosen, run_benchmark, write_tables
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.recipes import VIEWS

AT_RANDOM = PerClassShuffleSplit(0.3, n_splits=2, random_state=0)


def network(**parameters):
    settings = {"n_filters": 4, "max_epochs": 2, "validation": "random", "random_state": 0}
    return ODENetClassifier(**settings | parameters)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("best", VIEWS)
def test_the_view_that_was_chosen_is_told_beside_those_that_were_not(pixels, best, wrapped):
    views = [VIEWS[best], *(view for name, view in VIEWS.items() if name != best)]
    if wrapped:
        views = [view if view == "passthrough" else SpectralTransformer(view) for view in views]
    search = GridSearchCV(
        Pipeline([("view", "passthrough"), ("scale", StandardScaler()), ("svm", SVC())]),
        {"view": views, "svm__C": [10]},
        cv=AT_RANDOM,
        scoring=lambda model, X, y: float(repr(model["view"]) == repr(views[0])),
    )
    figures = chosen(search.fit(*pixels), *pixels)
    assert figures == {"C": 10.0, **{f"view: {name}": float(name == best) for name in VIEWS}}


def test_a_number_among_words_is_told_as_one_of_the_words(pixels):
    search = GridSearchCV(SVC(C=100), {"gamma": ["scale", 1e-9]}, cv=AT_RANDOM).fit(*pixels)
    assert chosen(search, *pixels) == {"gamma: scale": 1.0, "gamma: 1e-09": 0.0}


@pytest.mark.parametrize("model", [CoordinateClassifier(), SVC()], ids=repr)
def test_a_model_that_chose_nothing_has_no_figures(pixels, model):
    assert chosen(model.fit(*pixels), *pixels) == {}


def test_a_network_without_a_shortcut_has_no_linear_part(pixels):
    model = make_pipeline(PatchExtractor(3), network(shortcut=False)).fit(*pixels)
    assert chosen(model, *pixels) == {}


def test_the_linear_part_is_the_logistic_regression_of_its_training_pixels(pixels):
    X, y = pixels
    train, test = next(AT_RANDOM.split(X, y))
    model = make_pipeline(PatchExtractor(3), network(shortcut_C=0.1, precision="float64"))
    model.fit(X[train], y[train])
    before = model.predict_proba(X)
    figures = chosen(model, X[test], y[test])
    spectra = np.asarray(X, dtype=float)
    held_in = StandardScaler().fit(spectra[train])  # what the network standardises by, about
    by_hand = LogisticRegression(C=0.1, max_iter=1000)
    by_hand.fit(held_in.transform(spectra[train]), y[train])
    expected = by_hand.score(held_in.transform(spectra[test]), y[test])
    assert figures["linear"] == pytest.approx(expected, abs=0.02)
    assert figures["gate"] == model[-1].gate_
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_gate_at_zero_leaves_the_linear_part_alone(pixels):
    X, y = pixels
    model = make_pipeline(PatchExtractor(3), network()).fit(X, y)
    model[-1].net_.plain_module_.gate.zero_()
    assert chosen(model, X, y) == {"gate": 0.0, "linear": model.score(X, y)}


def test_a_failure_leaves_the_model_as_it_was(pixels, monkeypatch):
    X, y = pixels
    model = make_pipeline(PatchExtractor(3), network()).fit(X, y)
    model[-1].net_.plain_module_.gate.fill_(0.625)
    with pytest.raises(ValueError, match="inconsistent"):
        chosen(model, X, y[:5])
    assert model[-1].gate_ == 0.625


def test_the_choices_are_in_the_records_of_a_benchmark(scene):
    grid = {"patchextractor__patch_size": [1, 3]}
    search = GridSearchCV(make_pipeline(PatchExtractor(), network()), grid, cv=AT_RANDOM)
    runs = run_benchmark(scene, {"s": search}, AT_RANDOM, measure=chosen, progress=False)
    for run in runs:
        assert run.measured.keys() == {"patch size", "gate", "linear"}
        assert run.measured["patch size"] in (1, 3)


# The table


def row(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_the_table_counts_the_views_of_each_model(scene, new_run, tmp_path):
    def measured(view, **others):
        views = {f"view: {name}": float(name == view) for name in VIEWS}
        return views | {name.replace("_", " "): value for name, value in others.items()}

    runs = [
        new_run("svm", 0, measured=measured("slope", C=10.0)),
        new_run("svm", 1, measured=measured("slope", C=1.0)),
        new_run("coordinates", 0),
        new_run(
            "ode-net", 0, measured=measured("bands", gate=0.25, linear=0.5) | {"patch size": 3}
        ),
        new_run(
            "ode-net", 1, measured=measured("slope", gate=1.0, linear=0.75) | {"patch size": 5}
        ),
    ]
    table = choices_table(runs)
    header, _, *rows = table.splitlines()
    assert row(header) == ["chosen by", *VIEWS, "patch size", "gate", "OA of the linear part"]
    assert list(map(row, rows)) == [
        ["SVM", "0 of 2", "2 of 2", "0 of 2", "", "", ""],
        ["ODE-net", "1 of 2", "1 of 2", "0 of 2", "4.0", "0.62", "62.50"],
    ]
    write_tables(scene, runs, tmp_path)
    assert (tmp_path / "table.md").read_text("utf-8").split("\n\n")[1] == table


def test_nothing_is_told_where_nothing_was_chosen(new_run):
    assert choices_table([new_run("svm", measured={"C": 1.0}), new_run("ode-net")]) == ""
