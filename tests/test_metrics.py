"""Metrics are those of the field's tables, by whichever way they are computed."""

import copy
import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from sklearn_hsiode.metrics import (
    MEASURES,
    SCORERS,
    ClassificationSummary,
    Measure,
    average_accuracy_score,
    average_accuracy_scorer,
    classification_summary,
    kappa_score,
    kappa_scorer,
    overall_accuracy_score,
    overall_accuracy_scorer,
    per_class_accuracy_score,
)

examples = settings(deadline=None, max_examples=100)
FUNCTIONS = [overall_accuracy_score, average_accuracy_score, kappa_score]
TRUE, PRED = [1, 1, 1, 1, 2, 2, 5, 5, 5, 5], [1, 1, 1, 2, 2, 1, 5, 5, 5, 3]


@st.composite
def classifications(draw):
    """Ground truth, prediction and weights, of classes as integers or strings."""
    n = draw(st.integers(1, 40))
    names = np.array(draw(st.sampled_from([[1, 2, 5, 16], ["", "corn", "oats", "soil"]])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    true = rng.integers(0, draw(st.integers(1, 4)), n)
    pred = np.where(rng.random(n) < draw(st.floats(0, 1)), true, rng.integers(0, 4, n))
    weights = rng.integers(1, 4, n) if draw(st.booleans()) else None
    return names[true], names[pred], weights


def confusion(true, pred, weights):
    """Pixels of each class of the ground truth (rows) predicted as each (columns)."""
    classes = sorted({*true.tolist(), *pred.tolist()})
    matrix = np.zeros((len(classes), len(classes)))
    weights = np.ones(len(true)) if weights is None else weights
    for t, p, weight in zip(true.tolist(), pred.tolist(), weights, strict=True):
        matrix[classes.index(t), classes.index(p)] += weight
    return matrix


# Functions


@examples
@given(classifications())
def test_overall_accuracy_is_the_share_on_the_diagonal(case):
    true, pred, weights = case
    matrix = confusion(*case)
    accuracy = overall_accuracy_score(true, pred, sample_weight=weights)
    assert accuracy == pytest.approx(matrix.trace() / matrix.sum())
    assert accuracy == accuracy_score(true, pred, sample_weight=weights)


@examples
@given(classifications())
def test_the_accuracy_of_a_class_is_its_share_on_the_diagonal(case):
    true, pred, weights = case
    matrix = confusion(*case)
    is_true = matrix.sum(axis=1) > 0
    expected = matrix.diagonal()[is_true] / matrix.sum(axis=1)[is_true]
    accuracies = per_class_accuracy_score(true, pred, sample_weight=weights)
    np.testing.assert_allclose(accuracies, expected)
    assert len(accuracies) == len(set(true.tolist()))


@examples
@given(classifications())
def test_average_accuracy_is_the_mean_over_classes_of_the_ground_truth(case):
    true, pred, weights = case
    matrix = confusion(*case)
    matrix = matrix[matrix.sum(axis=1) > 0]
    present = np.isin(sorted({*true.tolist(), *pred.tolist()}), true)
    expected = np.mean(matrix[:, present].diagonal() / matrix.sum(axis=1))
    accuracy = average_accuracy_score(true, pred, sample_weight=weights)
    assert accuracy == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", "A single label was found")
        expected = balanced_accuracy_score(true, pred, sample_weight=weights)
    assert accuracy == pytest.approx(expected)


@examples
@given(classifications())
def test_kappa_is_the_agreement_beyond_that_of_chance(case):
    true, pred, weights = case
    shares = confusion(*case) / confusion(*case).sum()
    by_chance = shares.sum(axis=0) @ shares.sum(axis=1)
    assume(len(shares) > 1)
    kappa = kappa_score(true, pred, sample_weight=weights)
    assert kappa == pytest.approx((shares.trace() - by_chance) / (1 - by_chance))


@pytest.mark.parametrize("n", [1, 9])
@pytest.mark.parametrize("label", [3, "oats"])
def test_the_kappa_of_a_single_class_is_one(label, n):
    assert kappa_score([label] * n, [label] * n) == 1


def test_by_hand():
    assert overall_accuracy_score(TRUE, PRED) == pytest.approx((3 + 1 + 3) / 10)
    np.testing.assert_allclose(per_class_accuracy_score(TRUE, PRED), [3 / 4, 1 / 2, 3 / 4])
    assert average_accuracy_score(TRUE, PRED) == pytest.approx((3 / 4 + 1 / 2 + 3 / 4) / 3)
    by_chance = (4 * 4 + 2 * 2 + 4 * 3) / 100
    assert kappa_score(TRUE, PRED) == pytest.approx((0.7 - by_chance) / (1 - by_chance))


def test_a_class_that_is_only_predicted_does_not_count_in_the_average():
    true, pred = [1, 1, 1, 1, 2], [1, 1, 1, 3, 2]
    assert average_accuracy_score(true, pred) == 0.875
    macro = recall_score(true, pred, average="macro", zero_division=0)
    assert macro == pytest.approx((0.75 + 1 + 0) / 3)


@pytest.mark.parametrize("function", [*FUNCTIONS, per_class_accuracy_score])
def test_a_weight_is_a_number_of_pixels(function):
    weights = np.arange(1, len(TRUE) + 1)
    many = function(np.repeat(TRUE, weights), np.repeat(PRED, weights))
    np.testing.assert_allclose(function(TRUE, PRED, sample_weight=weights), many)
    assert not np.allclose(many, function(TRUE, PRED))


def test_accuracies_of_given_classes_are_in_their_order():
    accuracies = per_class_accuracy_score(TRUE, PRED, labels=[5, 3, 2, 9])
    np.testing.assert_allclose(accuracies, [3 / 4, np.nan, 1 / 2, np.nan])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_scores_are_plain_numbers(function):
    assert type(function(np.array(TRUE), np.array(PRED))) is float


@pytest.mark.parametrize("function", [*FUNCTIONS, per_class_accuracy_score])
def test_more_or_fewer_predictions_than_pixels_are_an_error(function):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        function(TRUE, PRED[:-1])


@pytest.mark.parametrize("function", [*FUNCTIONS, per_class_accuracy_score])
def test_labels_of_two_kinds_are_an_error(function):
    with pytest.raises((ValueError, TypeError), match=r"mix|string"):
        function([1, 2, 2], ["corn", "oats", "oats"])


def test_a_class_without_weight_does_not_count_in_the_average():
    assert average_accuracy_score([1, 1, 2], [1, 2, 2], sample_weight=[1, 1, 0]) == 0.5


# Scorers


def test_scorers_are_the_functions_in_a_cross_validation(pixels):
    X, y = pixels
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    model = KNeighborsClassifier(3)
    scores = cross_validate(model, X, y, scoring=SCORERS, cv=cv, error_score="raise")
    functions = {
        "overall_accuracy": overall_accuracy_score,
        "average_accuracy": average_accuracy_score,
        "kappa": kappa_score,
    }
    assert functions.keys() == SCORERS.keys()
    for name, function in functions.items():
        expected = [
            function(y[test], model.fit(X[train], y[train]).predict(X[test]))
            for train, test in cv.split(X, y)
        ]
        np.testing.assert_allclose(scores[f"test_{name}"], expected)


def test_each_scorer_has_a_name():
    assert {
        "overall_accuracy": overall_accuracy_scorer,
        "average_accuracy": average_accuracy_scorer,
        "kappa": kappa_scorer,
    } == SCORERS


def test_a_search_maximises_the_average_accuracy(pixels):
    X, y = pixels
    grid = {"n_neighbors": [1, 60]}
    search = GridSearchCV(KNeighborsClassifier(), grid, scoring=average_accuracy_scorer, cv=3)
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == scores.max() > scores.min()
    assert search.score(X, y) == average_accuracy_score(y, search.predict(X))


# Summaries


REPEATS = [PRED, TRUE, [5] * 10]


def test_a_summary_has_the_scores_of_each_repeat():
    summary = classification_summary([TRUE] * 3, REPEATS)
    assert isinstance(summary, ClassificationSummary)
    assert summary.classes.tolist() == [1, 2, 5]
    assert summary.class_names == ["1", "2", "5"]
    np.testing.assert_array_equal(
        summary.per_class_accuracy, [per_class_accuracy_score(TRUE, pred) for pred in REPEATS]
    )
    for name, function in zip(
        ("overall_accuracy", "average_accuracy", "kappa"), FUNCTIONS, strict=True
    ):
        expected = [function(TRUE, pred) for pred in REPEATS]
        np.testing.assert_array_equal(getattr(summary, name), expected)
        np.testing.assert_array_equal(summary.scores[name], expected)
    assert list(summary.scores) == list(MEASURES)


def test_a_measure_that_is_added_has_a_row_and_an_attribute(monkeypatch):
    monkeypatch.setitem(MEASURES, "f1", Measure("F1", partial(f1_score, average="macro")))
    names = {1: "F1", 2: "oats", 5: "soil"}
    summary = classification_summary([TRUE] * 2, [TRUE, TRUE[::-1]], class_names=names)
    assert list(summary.rows()) == ["F1 (1)", "oats", "soil", "OA", "AA", "kappa", "F1"]
    expected = [1, f1_score(TRUE, TRUE[::-1], average="macro")]
    np.testing.assert_array_equal(summary.f1, expected)
    assert f"| F1      | {100 * np.mean(expected):.2f} ±" in str(summary)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda summary: pickle.loads(pickle.dumps(summary))]
)
def test_a_copy_of_a_summary_has_its_scores(copied):
    summary = classification_summary(TRUE, PRED)
    assert copied(summary).kappa == summary.kappa
    assert str(copied(summary)) == str(summary)


def test_a_summary_has_no_attribute_that_is_no_measure():
    summary = classification_summary(TRUE, PRED)
    assert not hasattr(summary, "f1")
    with pytest.raises(AttributeError, match="'ClassificationSummary' object has no attribute 'x'"):
        _ = summary.x


def test_its_rows_are_mean_and_population_deviation_over_repeats():
    rows = classification_summary([TRUE] * 3, REPEATS).rows()
    assert list(rows) == ["1", "2", "5", "OA", "AA", "kappa"]
    accuracies = np.array([0.7, 1, 0.4])
    assert rows["OA"] == pytest.approx((0.7, np.sqrt(((accuracies - 0.7) ** 2).sum() / 3)))
    assert rows["1"] == pytest.approx((1.75 / 3, np.std([0.75, 1, 0])))
    assert rows["AA"] == pytest.approx((2 / 3, np.std([2 / 3, 1, 1 / 3])))


def test_its_text_is_a_table_in_percent():
    text = str(classification_summary([[1, 1, 2]] * 2, [[1, 1, 2], [1, 2, 2]]))
    assert text.splitlines() == [
        "| class   |    accuracy % |",
        "|---------|---------------|",
        "| 1       | 75.00 ± 25.00 |",
        "| 2       | 100.00 ± 0.00 |",
        "| OA      | 83.33 ± 16.67 |",
        "| AA      | 87.50 ± 12.50 |",
        "| kappa   | 70.00 ± 30.00 |",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, ["1", "2", "5"]),
        ({2: "oats", 9: "water"}, ["1", "oats", "5"]),
        (["corn", "oats", "soil"], ["corn", "oats", "soil"]),
        (np.array(["corn", "oats", "soil"]), ["corn", "oats", "soil"]),
    ],
    ids=["none", "dict", "list", "array"],
)
def test_classes_can_have_names(names, expected):
    summary = classification_summary(TRUE, PRED, class_names=names)
    assert summary.class_names == expected
    assert list(summary.rows())[:3] == expected
    assert all(f"| {name}" in str(summary) for name in expected)


def test_namesakes_are_told_apart_by_their_labels():
    names = ["field", "field", "OA"]
    summary = classification_summary(TRUE, PRED, class_names=names)
    assert summary.class_names == ["field (1)", "field (2)", "OA (5)"]
    assert list(summary.rows()) == [*summary.class_names, "OA", "AA", "kappa"]
    assert [mean for mean, _ in summary.rows().values()][:4] == [0.75, 0.5, 0.75, 0.7]


@pytest.mark.parametrize("kind", [list, tuple, np.array], ids=["list", "tuple", "array"])
def test_a_single_repeat_needs_no_list(kind):
    summary = classification_summary(kind(TRUE), kind(PRED))
    assert summary.overall_accuracy.tolist() == [0.7]
    assert summary.per_class_accuracy.shape == (1, 3)
    assert str(summary) == str(classification_summary([TRUE], [PRED]))


def test_a_column_is_a_single_repeat():
    column = np.array(TRUE)[:, np.newaxis]
    assert str(classification_summary(column, PRED)) == str(classification_summary(TRUE, PRED))


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("repeat", [list, np.array, pd.Series])
def test_repeats_are_lists_of_whatever_holds_labels(kind, repeat):
    summary = classification_summary(kind([repeat(TRUE)] * 3), kind(map(repeat, REPEATS)))
    assert summary.overall_accuracy.tolist() == [0.7, 1, 0.4]


def test_rows_of_an_array_are_an_error():
    with pytest.raises(ValueError, match="1d array"):
        classification_summary([TRUE] * 3, np.array(REPEATS))


def test_repeats_may_test_different_numbers_of_pixels():
    trues, preds = [np.array(TRUE), np.array(TRUE[:6])], [np.array(PRED), np.array(PRED[:6])]
    summary = classification_summary(trues, preds)
    np.testing.assert_allclose(summary.overall_accuracy, [7 / 10, 4 / 6])


def test_a_class_missing_from_a_repeat_is_left_out_of_its_mean():
    summary = classification_summary([["a", "b"], ["a", "a"]], [["a", "b"], ["a", "b"]])
    np.testing.assert_array_equal(summary.per_class_accuracy, [[1, 1], [0.5, np.nan]])
    assert summary.rows()["b"] == (1, 0)
    assert summary.rows()["a"] == (0.75, 0.25)
    np.testing.assert_array_equal(summary.average_accuracy, [1, 0.5])


def test_a_class_that_no_repeat_tests_is_a_dash():
    summary = classification_summary(TRUE, PRED, labels=[1, 3, 5], class_names={3: "water"})
    assert np.isnan(summary.rows()["water"]).all()
    assert "| water   |            - |" in str(summary)
    assert summary.overall_accuracy == [0.7]


@examples
@given(st.lists(classifications(), min_size=1, max_size=4))
def test_any_repeats_are_summed_up_without_a_warning(cases):
    assume(len({true.dtype.kind for true, _, _ in cases}) == 1)
    trues, preds, _ = zip(*cases, strict=True)
    summary = classification_summary(list(trues), list(preds))
    assert summary.classes.tolist() == sorted(set().union(*(true.tolist() for true in trues)))
    means = [np.mean([f(t, p) for t, p, _ in cases]) for f in FUNCTIONS]
    rows = summary.rows()
    assert [rows[name][0] for name in ("OA", "AA", "kappa")] == pytest.approx(means)
    for label, name in zip(summary.classes, summary.class_names, strict=True):
        values = [np.mean(p[t == label] == label) for t, p, _ in cases if (t == label).any()]
        assert rows[name] == pytest.approx((np.mean(values), np.std(values)))
    assert len(str(summary).splitlines()) == 2 + len(rows)


# Bad input


@pytest.mark.parametrize(
    ("true", "pred", "numbers"),
    [(TRUE, REPEATS, "1 and 3"), ([TRUE] * 2, REPEATS, "2 and 3"), ([TRUE] * 2, PRED, "2 and 1")],
    ids=["one and three", "two and three", "two and one"],
)
def test_other_numbers_of_repeats_are_an_error_that_tells_them(true, pred, numbers):
    with pytest.raises(ValueError, match=f"as many arrays as each other, got {numbers}"):
        classification_summary(true, pred)


@pytest.mark.parametrize("nothing", [[], (), [[]], np.zeros(0, dtype=int)], ids=repr)
def test_no_repeats_are_an_error(nothing):
    with pytest.raises(ValueError, match=r"empty input|got 0 and 0"):
        classification_summary(nothing, nothing)


def test_a_repeat_of_other_lengths_is_an_error():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classification_summary([TRUE, TRUE], [PRED, PRED[:-1]])


@pytest.mark.parametrize("names", ["abc", ["corn", "oats"], ["a", "b", "c", "d"], []], ids=repr)
def test_other_numbers_of_names_than_classes_are_an_error(names):
    with pytest.raises(ValueError, match="one name for each of the 3 classes") as error:
        classification_summary(TRUE, PRED, class_names=names)
    assert repr(names) in str(error.value)
