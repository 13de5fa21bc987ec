"""Paired differences between models, against the test as its authors write it down."""

import csv
import math
import re
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from sklearn_hsiode.benchmark import differences_table, paired_differences, write_tables

ACCURACIES = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=2, max_size=8)


def runs_of(new_run, accuracies, n_train=300, n_test=100):
    """Runs of "ode-net" and of "svm" with so many of 900 pixels right on each split."""
    return [
        new_run(model, split, overall_accuracy=n / 900, n_train=n_train + split, n_test=n_test)
        for split, pair in enumerate(accuracies)
        for model, n in zip(("ode-net", "svm"), pair, strict=True)
    ]


def students_tail(t, freedom):
    """Probability that Student's t exceeds a value in magnitude, by integrating its density."""
    scale = math.gamma((freedom + 1) / 2) / math.sqrt(freedom * math.pi)
    scale /= math.gamma(freedom / 2)
    tail, _ = integrate.quad(
        lambda x: scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2), abs(t), np.inf
    )
    return 2 * tail


@settings(deadline=None, max_examples=50)
@given(accuracies=ACCURACIES, n_test=st.integers(1, 1000))
def test_the_difference_is_that_of_nadeau_and_bengio(new_run, accuracies, n_test):
    (ahead,) = paired_differences(runs_of(new_run, accuracies, n_test=n_test), "ode-net")
    each = [(own - other) / 9 for own, other in accuracies]
    ratio = statistics.fmean(n_test / (300 + split) for split in range(len(each)))
    error = math.sqrt((1 / len(each) + ratio) * statistics.variance(each))
    assert ahead.model == "svm"
    assert ahead.mean == pytest.approx(statistics.fmean(each), abs=1e-9)
    assert ahead.standard_error == pytest.approx(error, abs=1e-9)
    assert ahead.won == sum(own > other for own, other in accuracies) / len(each)
    assert ahead.worst == pytest.approx(min(each), abs=1e-9)
    if error > 1e-6:
        expected = students_tail(statistics.fmean(each) / error, len(each) - 1)
        assert ahead.p == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(accuracies=ACCURACIES)
def test_who_is_ahead_is_behind_the_other_way_round(new_run, accuracies):
    runs = runs_of(new_run, accuracies)
    (ahead,), (behind,) = (paired_differences(runs, name) for name in ("ode-net", "svm"))
    assert behind.mean == pytest.approx(-ahead.mean)
    assert behind.standard_error == pytest.approx(ahead.standard_error)
    assert behind.p == pytest.approx(ahead.p, nan_ok=True)
    assert ahead.won + behind.won <= 1


def test_splits_that_only_one_model_has_do_not_count(new_run):
    runs = runs_of(new_run, [(900, 450), (900, 0)])
    (ahead,) = paired_differences(runs[:3], "ode-net")
    assert (ahead.mean, ahead.won, ahead.worst) == (50, 1, 50)


def test_one_split_has_neither_an_error_nor_a_probability(new_run):
    (ahead,) = paired_differences(runs_of(new_run, [(500, 300)]), "ode-net")
    assert np.isnan(ahead.standard_error)
    assert np.isnan(ahead.p)


def test_models_that_never_differ_have_no_probability(new_run):
    (ahead,) = paired_differences(runs_of(new_run, [(500, 500), (450, 450)]), "ode-net")
    assert (ahead.mean, ahead.standard_error, ahead.won) == (0, 0, 0)
    assert np.isnan(ahead.p)


@given(st.integers(1, 300), st.lists(st.integers(0, 600), min_size=2, max_size=8))
def test_nor_have_models_that_always_differ_alike(new_run, lead, others):
    (ahead,) = paired_differences(runs_of(new_run, [(n + lead, n) for n in others]), "ode-net")
    assert ahead.mean == pytest.approx(lead / 9)
    assert ahead.won == 1
    assert np.isnan(ahead.p)


def test_every_other_model_is_compared_in_its_order(new_run):
    runs = [new_run(model, split) for split in (0, 1) for model in ("b", "ode-net", "a")]
    assert [one.model for one in paired_differences(runs, "ode-net")] == ["b", "a"]
    assert paired_differences([new_run("a")], "a") == []


def test_two_runs_of_one_split_are_refused(new_run):
    runs = [new_run("a", 0), new_run("b", 0), new_run("b", 0)]
    with pytest.raises(
        ValueError, match="split of b twice: give one benchmark a list of splitters"
    ):
        paired_differences(runs, "a")


def test_models_that_share_no_split_are_refused(new_run):
    with pytest.raises(ValueError, match="no split of b that the reference has"):
        paired_differences([new_run("a", 0), new_run("b", 1)], "a")


def test_an_unknown_reference_comes_with_the_known_ones(new_run):
    with pytest.raises(ValueError, match="reference must be one of the models, a, b, got 'c'"):
        paired_differences([new_run("a"), new_run("b")], "c")


def test_the_table_and_the_csv_tell_the_same(scene, new_run, tmp_path):
    runs = runs_of(new_run, [(800, 700), (810, 820), (850, 700)])
    runs += [new_run("mine", overall_accuracy=0.5)]
    table = differences_table(runs, "ode-net")
    header, _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n")
    )
    assert header[0] == "ODE-net ahead of"
    assert [row[0] for row in rows] == ["SVM", "mine"]
    write_tables(scene, runs, tmp_path, reference="ode-net")
    assert (tmp_path / "table.md").read_text("utf-8").split("\n\n")[1] == table
    with (tmp_path / "differences.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["model"] for row in written] == ["svm", "mine"]
    for printed, row in zip(rows, written, strict=True):
        shown = [row["mean"], row["standard_error"], row["p"], row["worst"]]
        cells = [printed[1], printed[2], printed[3], printed[5]]
        for cell, value, digits in zip(cells, shown, (2, 2, 3, 2), strict=True):
            assert (cell == "") == (value == "")
            assert not cell or float(cell) == pytest.approx(float(value), abs=0.51 * 10**-digits)
        assert int(re.sub(" %", "", printed[4])) == round(100 * float(row["won"]))


def test_without_a_reference_nothing_is_compared(scene, new_run, tmp_path):
    write_tables(scene, runs_of(new_run, [(800, 700)]), tmp_path)
    assert not (tmp_path / "differences.csv").exists()
    assert "ahead of" not in (tmp_path / "table.md").read_text("utf-8")
