"""Odd arguments to every public function and class."""

import pytest

import sklearn_hsiode
from sklearn_hsiode import (
    baselines,
    benchmark,
    datasets,
    metrics,
    model_selection,
    nn,
    persistence,
    plotting,
    preprocessing,
    recipes,
)
from tests.robustness import arguments
from tests.robustness.child import Verdict, in_children

PACKAGES = (
    sklearn_hsiode,
    *(baselines, benchmark, datasets, metrics, model_selection, nn),
    *(persistence, plotting, preprocessing, recipes),
)
# Made by other functions, tables, scorers, and bases of classes of the user's.
NOT_CALLED = {
    *("PairedDifference", "Run", "PatchOverlap", "ClassificationSummary", "AreaEstimates"),
    *("Estimates", "SharedStem", "MEASURES", "SCORERS", "SOLVERS", "VIEWS", "PAPER"),
    *(f"{name}_scorer" for name in ("overall_accuracy", "average_accuracy", "kappa")),
    # As the first of their kind.
    *("fetch_botswana", "fetch_indian_pines", "fetch_ksc", "fetch_pavia_university"),
    "fetch_salinas",
}


def public_names():
    for package in PACKAGES:
        yield from getattr(package, "__all__", ["CoordinateClassifier"])


def test_every_public_function_and_class_is_tried():
    tried = {name.partition(".")[0] for name in arguments.NAMES}
    assert set(public_names()) - NOT_CALLED <= tried


def test_a_call_is_valid_before_an_argument_of_it_is_odd(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments.prepare()
    for name in ("Scene", "make_scene", "ODENet", "write_tables", "classification_summary"):
        function, valid, _ = arguments.CALLS[name]()
        function(**valid)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "argument", "value"), arguments.GOOD)
def test_what_is_usual_is_taken(tmp_path, monkeypatch, name, argument, value):
    monkeypatch.chdir(tmp_path)
    function, valid, _ = arguments.CALLS[name]()
    function(**{**valid, argument: value()})


def test_an_odd_argument_is_taken_as_documented_or_named_in_an_error(tmp_path):
    arguments.prepare()
    cases = arguments.some_cases(250, seed=0)
    verdicts = in_children(cases, lambda case: Verdict(*arguments.judge(case, tmp_path)))
    assert [verdict for _, verdict in verdicts if verdict.word not in ("same", "error")] == []
