"""PerClassShuffleSplit draws an exact number of training pixels from each class."""

from decimal import ROUND_CEILING, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.neighbors import KNeighborsClassifier

from sklearn_hsiode.model_selection import PerClassShuffleSplit

examples = settings(deadline=None, max_examples=100)
decimals = st.sampled_from([10, 100, 1000]).flatmap(
    lambda whole: st.integers(1, whole - 1).map(lambda part: part / whole)
)
Y = np.repeat([1, 2, 5], [100, 21, 2])
X = np.zeros((len(Y), 1))
SEEDED = PerClassShuffleSplit(0.1, n_splits=4, random_state=0)


def splits(y, *args, **kwargs):
    return list(PerClassShuffleSplit(*args, **kwargs).split(np.zeros((len(y), 1)), y))


def counts(y):
    """Pixels of each class, by label."""
    return dict(zip(*(array.tolist() for array in np.unique(y, return_counts=True)), strict=True))


def counts_of(scene, train_size):
    """Numbers of training and test pixels, and those of training pixels of each class."""
    X, y = scene.labeled_pixels()
    ((train, test),) = PerClassShuffleSplit(train_size, n_splits=1, random_state=0).split(X, y)
    return len(train), len(test), counts(y[train])


def exact_share(share, size):
    """How many of so many pixels train, in decimal arithmetic."""
    exact = (Decimal(repr(share)) * size).to_integral_value(ROUND_CEILING)
    return min(int(exact), max(size - 1, 1))


def exact_shares(share, y):
    """The same of each class, by label."""
    return {label: exact_share(share, size) for label, size in counts(y).items()}


def equal(some, others):
    """Whether all splits are the same."""
    return all(
        np.array_equal(part, other)
        for split, other_split in zip(some, others, strict=True)
        for part, other in zip(split, other_split, strict=True)
    )


@st.composite
def labels(draw, least=1):
    """Labels of a few classes of any sizes, in any order, as integers or strings."""
    sizes = draw(st.lists(st.integers(least, 300), min_size=1, max_size=6))
    names = np.array(draw(st.sampled_from([[1, 2, 5, 7, 9, 16], ["a", "B", "cc", "d", "é", "f"]])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.permutation(np.repeat(names[: len(sizes)], sizes))


# Numbers of pixels


def test_three_percent_of_indian_pines_are_those_of_the_paper(indian_pines):
    per_class = [2, 43, 25, 8, 15, 22, 1, 15, 1, 30, 74, 18, 7, 38, 12, 3]
    expected = dict(enumerate(per_class, start=1))
    assert counts_of(indian_pines, 0.03) == (314, 9935, expected)


def test_fifteen_percent_of_indian_pines_are_those_of_the_paper(indian_pines):
    assert counts_of(indian_pines, 0.15)[:2] == (1543, 8706)


@pytest.mark.parametrize(("train_size", "expected"), [(0.01, (549, 53580)), (0.1, (5418, 48711))])
def test_shares_of_salinas_are_those_of_the_paper(salinas_truth, train_size, expected):
    assert counts_of(salinas_truth, train_size)[:2] == expected


def test_five_percent_of_pavia_university_are_those_worked_out_by_hand(pavia_university_truth):
    by_hand = {
        1: (6631, 332),  # 331.55
        2: (18649, 933),  # 932.45
        3: (2099, 105),  # 104.95
        4: (3064, 154),  # 153.20
        5: (1345, 68),  # 67.25
        6: (5029, 252),  # 251.45
        7: (1330, 67),  # 66.50
        8: (3682, 185),  # 184.10
        9: (947, 48),  # 47.35
    }
    _, y = pavia_university_truth.labeled_pixels()
    assert counts(y) == {label: size for label, (size, _) in by_hand.items()}
    # 332 + 933 + 105 + 154 + 68 + 252 + 67 + 185 + 48 = 2144, and 42776 - 2144 = 40632.
    expected = {label: train for label, (_, train) in by_hand.items()}
    assert counts_of(pavia_university_truth, 0.05) == (2144, 40632, expected)


@examples
@given(labels(), st.floats(0, 1, exclude_min=True, exclude_max=True), st.integers(0, 2**32 - 1))
def test_any_share_trains_its_exact_ceiling_in_each_class(y, share, seed):
    ((train, _),) = splits(y, share, n_splits=1, random_state=seed)
    assert counts(y[train]) == exact_shares(share, y)


@examples
@given(labels(), decimals)
def test_a_share_of_few_digits_trains_its_exact_ceiling_too(y, share):
    ((train, _),) = splits(y, share, n_splits=1)
    assert counts(y[train]) == exact_shares(share, y)


@pytest.mark.parametrize("size", [100, 1000])
def test_whole_percents_of_whole_hundreds_are_no_pixel_too_many(size):
    y = np.ones(size, dtype=int)
    for percent in range(1, 100):
        ((train, test),) = splits(y, percent / 100, n_splits=1)
        assert (len(train), len(test)) == (percent * size // 100, (100 - percent) * size // 100)


def test_a_share_in_single_precision_is_the_one_that_was_written():
    ((train, _),) = splits(np.ones(100, dtype=int), np.float32(0.07), n_splits=1)
    assert len(train) == 7


@examples
@given(labels(least=2), st.data())
def test_an_integer_is_a_number_of_pixels_of_every_class(y, data):
    sizes = counts(y)
    number = data.draw(st.integers(1, min(sizes.values()) - 1))
    ((train, _),) = splits(y, number, n_splits=1)
    assert counts(y[train]) == dict.fromkeys(sizes, number)
    ((train, _),) = splits(y, np.int16(number), n_splits=1)
    assert counts(y[train]) == dict.fromkeys(sizes, number)


@examples
@given(labels(), st.data())
def test_a_dict_is_a_number_of_pixels_by_label(y, data):
    numbers = {
        label: data.draw(st.integers(1, max(size - 1, 1))) for label, size in counts(y).items()
    }
    ((train, _),) = splits(y, numbers, n_splits=1)
    assert counts(y[train]) == numbers


@pytest.mark.parametrize("train_size", [0.01, 0.5, 0.99, 1, {3: 1, 8: 1}])
def test_the_only_pixel_of_a_class_trains_and_one_of_two_tests(train_size):
    y = np.array([8, 3, 3])
    for train, test in splits(y, train_size):
        assert sorted(y[train]) == [3, 8]
        assert y[test].tolist() == [3]


@pytest.mark.parametrize("share", [1e-9, 0.999999])
def test_each_class_has_a_training_and_a_test_pixel_whatever_the_share(share):
    for train, test in splits(Y, share):
        assert set(Y[train]) == set(Y[test]) == {1, 2, 5}


# Which pixels


@examples
@given(labels(), st.floats(0.001, 0.999), st.integers(1, 4))
def test_every_pixel_either_trains_or_tests(y, share, n_splits):
    cv = PerClassShuffleSplit(share, n_splits)
    given = list(cv.split(np.zeros((len(y), 1)), y))
    assert len(given) == n_splits == cv.get_n_splits()
    for train, test in given:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
        assert train.dtype.kind == test.dtype.kind == "i"
        assert (np.diff(test) > 0).all()


def test_training_pixels_come_in_random_order():
    orders = [np.argsort(train).tolist() for train, _ in splits(Y, 0.1, random_state=0)]
    assert len({tuple(order) for order in orders}) == 10
    first = [Y[train[0]] for train, _ in splits(Y, {1: 2, 2: 2, 5: 1}, 1000)]
    shares = [first.count(label) / 1000 for label in (1, 2, 5)]
    np.testing.assert_allclose(shares, [2 / 5, 2 / 5, 1 / 5], atol=0.08)


def test_each_pixel_of_a_class_is_as_likely_to_train_as_any_other():
    trained = np.zeros(len(Y))
    for train, _ in splits(Y, {1: 30, 2: 7, 5: 1}, n_splits=2000, random_state=0):
        trained[train] += 1
    expected = np.repeat([30 / 100, 7 / 21, 1 / 2], [100, 21, 2])
    np.testing.assert_allclose(trained / 2000, expected, atol=0.05)


def test_the_same_seed_draws_the_same():
    assert equal(SEEDED.split(X, Y), SEEDED.split(X, Y))
    assert equal(SEEDED.split(X, Y), clone(SEEDED, safe=False).split(X, Y))


def test_more_splits_begin_with_the_same_pixels():
    longer = splits(Y, 0.1, n_splits=9, random_state=0)
    for (train, test), (same_train, same_test) in zip(SEEDED.split(X, Y), longer, strict=False):
        assert set(train) == set(same_train)
        np.testing.assert_array_equal(test, same_test)


def test_splits_of_one_seed_differ_and_so_do_seeds():
    given = [split for seed in range(5) for split in splits(Y, 0.1, 4, random_state=seed)]
    trains = [frozenset(train) for train, _ in given]
    assert len(set(trains)) == 20


def test_without_a_seed_each_call_draws_anew():
    cv = PerClassShuffleSplit(0.1)
    assert not equal(cv.split(X, Y), cv.split(X, Y))


def test_a_random_state_goes_on_where_it_stopped():
    cv = PerClassShuffleSplit(0.1, n_splits=4, random_state=np.random.RandomState(0))
    first, second = list(cv.split(X, Y)), list(cv.split(X, Y))
    assert equal(first, SEEDED.split(X, Y))
    assert not equal(first, second)


def test_draws_depend_on_labels_alone():
    expected = list(SEEDED.split(X, Y))
    for other in (np.full((len(Y), 3), np.nan), Y.tolist()):
        assert equal(SEEDED.split(other, Y.tolist(), groups=Y), expected)
    assert equal(SEEDED.split(X, np.array(["", "a", "b", "", "", "c"])[Y]), expected)


def test_labels_in_a_column_are_a_column_of_labels():
    assert equal(SEEDED.split(X, Y[:, None]), SEEDED.split(X, Y))


# As a splitter of scikit-learn


@pytest.mark.parametrize("kind", ["pixels", "array"])
def test_it_splits_in_scikit_learn(pixels, kind):
    X, y = pixels
    X = X if kind == "pixels" else np.asarray(X)
    cv = PerClassShuffleSplit(0.2, n_splits=3, random_state=0)
    model = KNeighborsClassifier(1)
    by_hand = [
        model.fit(X[train], y[train]).score(X[test], y[test]) for train, test in cv.split(X, y)
    ]
    np.testing.assert_allclose(cross_val_score(model, X, y, cv=cv), by_hand)
    search = GridSearchCV(model, {"n_neighbors": [1, 5]}, cv=cv, error_score="raise").fit(X, y)
    assert search.n_splits_ == 3
    assert search.cv_results_["mean_test_score"][0] == pytest.approx(np.mean(by_hand))
    sizes, _, scores = learning_curve(model, X, y, cv=cv, train_sizes=[0.5, 1.0])
    n_train = len(next(cv.split(X, y))[0])
    assert sizes.tolist() == [n_train // 2, n_train]
    np.testing.assert_allclose(scores[1], by_hand)


def test_its_text_names_its_parameters():
    assert repr(SEEDED) == "PerClassShuffleSplit(n_splits=4, random_state=0, train_size=0.1)"
    default = PerClassShuffleSplit()
    assert (default.train_size, default.n_splits, default.random_state) == (0.03, 10, None)


@pytest.mark.parametrize("arguments", [(), (X, Y), (X, Y, Y)])
def test_the_number_of_splits_is_known_without_pixels(arguments):
    assert SEEDED.get_n_splits(*arguments) == 4


# Bad input


def first(y, *args, **kwargs):
    """The first split, or the error that comes in its place."""
    return next(PerClassShuffleSplit(*args, **kwargs).split(np.zeros((np.size(y), 1)), y))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, np.nan, np.inf, np.float32(1)])
def test_a_share_outside_of_0_and_1_is_an_error(share):
    with pytest.raises(ValueError, match=r"train_size=.* between 0 and 1"):
        first(Y, share)


@pytest.mark.parametrize("number", [0, -1, np.int64(-3)])
def test_no_pixels_or_fewer_are_an_error(number):
    with pytest.raises(ValueError, match=rf"train_size asks for {number} .* at least 1"):
        first(Y, number)
    with pytest.raises(ValueError, match=rf"asks for {number} training pixels of class 2\b"):
        first(Y, {1: 3, 2: number, 5: 1})


@pytest.mark.parametrize("number", [21, 22, 99])
def test_more_pixels_than_the_smallest_class_allows_are_an_error_that_names_it(number):
    y = np.repeat([1, 2], [100, 21])
    with pytest.raises(ValueError, match=rf"{number} .*class 2, which has 21: .* at most 20"):
        first(y, number)
    with pytest.raises(ValueError, match=rf"{number} .*class 2, which has 21: .* at most 20"):
        first(y, {1: 50, 2: number})
    assert len(first(y, 20)[0]) == 40


def test_the_class_of_an_error_is_named_as_the_labels_name_it():
    with pytest.raises(ValueError, match="class oats, which has 2"):
        first(np.repeat(["corn", "oats"], [9, 2]), 2)


@pytest.mark.parametrize(
    "train_size", [{}, {1: 3, 2: 3}, {1: 3, 2: 3, 5: 1, 7: 1}, {"1": 3, "2": 3, "5": 1}], ids=str
)
def test_a_dict_of_other_classes_is_an_error_that_lists_both(train_size):
    with pytest.raises(ValueError, match=r"each class of y") as error:
        first(Y, train_size)
    assert str(sorted(train_size)) in str(error.value)
    assert "[1, 2, 5]" in str(error.value)


def test_a_dict_of_labels_of_two_kinds_is_an_error_that_lists_them():
    with pytest.raises(ValueError, match=r"each class of y.*'oats'"):
        first(Y, {1: 3, 2: 3, 5: 1, "oats": 1})


@pytest.mark.parametrize("number", [0.5, 1.0, True, np.True_, "3", None], ids=repr)
def test_a_dict_of_anything_but_integers_is_an_error(number):
    with pytest.raises(TypeError, match="train_size must be"):
        first(Y, {1: 3, 2: number, 5: 1})


@pytest.mark.parametrize(
    "train_size", [True, False, np.True_, "0.1", None, [0.1], np.array([0.1]), 0.1j], ids=repr
)
def test_a_train_size_that_means_nothing_is_an_error_that_says_what_does(train_size):
    with pytest.raises(TypeError, match="train_size must be a share") as error:
        first(Y, train_size)
    assert repr(train_size) in str(error.value)


def test_missing_labels_are_an_error_that_asks_for_them():
    with pytest.raises(TypeError, match=r"PerClassShuffleSplit .* pass y"):
        next(SEEDED.split(X))


@pytest.mark.parametrize("y", [np.linspace(0, 1, 9), np.eye(3)], ids=["measurements", "matrix"])
def test_what_is_no_class_is_an_error(y):
    with pytest.raises(ValueError, match=r"label type|1d array"):
        first(y, 0.1)


@pytest.mark.parametrize("n", [5, 200])
def test_more_or_fewer_labels_than_pixels_are_an_error(n):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(SEEDED.split(np.zeros((n, 1)), Y))


@pytest.mark.parametrize("n_splits", [0, -1, 2.5, "3", None])
def test_a_number_of_splits_below_1_is_an_error(n_splits):
    with pytest.raises(ValueError, match="n_splits"):
        first(Y, 0.1, n_splits=n_splits)
