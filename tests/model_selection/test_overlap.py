"""patch_overlap counts what a training has seen of the test pixels' patches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_hsiode import PatchExtractor, Scene
from sklearn_hsiode.model_selection import PatchOverlap, PerClassShuffleSplit, patch_overlap

examples = settings(deadline=None, max_examples=100)
SCENE = Scene(np.zeros((9, 12, 3)))
TRAIN, TEST = SCENE.pixels([1, 1], [1, 2]), SCENE.pixels([1, 1, 1, 8], [3, 4, 5, 8])


@st.composite
def halves(draw):
    """Some training and some test pixels of a random scene, which may have pixels in common."""
    rows, cols = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scene = Scene(np.zeros((rows, cols, 1)))
    sizes = draw(st.integers(1, 6)), draw(st.integers(1, 20))
    return [scene.pixels(rng.integers(0, rows, n), rng.integers(0, cols, n)) for n in sizes]


def patches(pixels, patch_size):
    """The positions that the patch of each pixel covers."""
    reach = range(-(patch_size // 2), patch_size // 2 + 1)
    return [
        {(row + down, col + right) for down in reach for right in reach}
        for row, col in zip(pixels.rows, pixels.cols, strict=True)
    ]


def by_brute_force(train, test, patch_size):
    centers = set(zip(train.rows, train.cols, strict=True))
    trained = set().union(*patches(train, patch_size))
    tested = patches(test, patch_size)
    return tuple(
        np.mean([bool(patch & others) for patch in tested]) for others in (centers, trained)
    )


@examples
@given(halves(), st.sampled_from([1, 3, 5, 7, 9, 21]))
def test_shares_are_those_of_a_count_pixel_by_pixel(halves, patch_size):
    overlap = patch_overlap(*halves, patch_size)
    assert overlap == pytest.approx(by_brute_force(*halves, patch_size))


@pytest.mark.parametrize(
    ("patch_size", "expected"),
    [(1, (0, 0)), (3, (0.25, 0.5)), (5, (0.5, 0.75)), (7, (0.75, 0.75)), (9, (0.75, 1))],
)
def test_patches_overlap_from_half_their_size_and_from_their_size_on(patch_size, expected):
    assert patch_overlap(TRAIN, TEST, patch_size) == expected


def test_shares_have_names():
    overlap = patch_overlap(TRAIN, TEST, np.int64(5))
    assert isinstance(overlap, PatchOverlap)
    assert (overlap.training_center, overlap.shared_pixel) == (0.5, 0.75)
    assert repr(overlap) == "PatchOverlap(training_center=0.5, shared_pixel=0.75)"


@examples
@given(halves())
def test_larger_patches_overlap_no_less(halves):
    overlaps = [patch_overlap(*halves, size) for size in range(1, 16, 2)]
    assert (np.diff(overlaps, axis=0) >= 0).all()
    assert all(overlap.training_center <= overlap.shared_pixel for overlap in overlaps)


@examples
@given(halves())
def test_patches_larger_than_the_scene_hold_it_whole(halves):
    assert patch_overlap(*halves, 29) == (1, 1)


@examples
@given(halves())
def test_pixels_without_neighbours_overlap_where_they_are_the_same(halves):
    train, test = halves
    share = np.isin(test.positions, train.positions).mean()
    assert patch_overlap(train, test, 1) == pytest.approx((share, share))


@pytest.mark.parametrize("patch_size", [1, 3, 11])
def test_pixels_overlap_themselves(patch_size):
    assert patch_overlap(TEST, TEST, patch_size) == (1, 1)


def test_single_pixels_of_a_random_split_do_not_overlap(indian_pines):
    X, y = indian_pines.labeled_pixels()
    for train, test in PerClassShuffleSplit(0.03, n_splits=2, random_state=0).split(X, y):
        assert patch_overlap(X[train], X[test], 1) == (0, 0)


def overlaps_of(scene, train_size, patch_size, n_splits=5):
    X, y = scene.labeled_pixels()
    cv = PerClassShuffleSplit(train_size, n_splits, random_state=0)
    return [patch_overlap(X[train], X[test], patch_size) for train, test in cv.split(X, y)]


def test_nearly_every_test_patch_of_the_paper_holds_a_training_pixel(indian_pines):
    for overlap in overlaps_of(indian_pines, 0.03, 23):
        assert overlap.training_center >= 0.995
        assert overlap.shared_pixel == 1


def test_at_fifteen_percent_every_one_does(indian_pines):
    for overlap in overlaps_of(indian_pines, 0.15, 11):
        assert round(overlap.training_center, 3) == 1
        assert overlap.shared_pixel == 1


# Bad input


@pytest.mark.parametrize("patch_size", [0, -1, 2, 10, 2.5, 3.0, "3", None, [3]], ids=repr)
def test_a_patch_size_that_is_not_an_odd_number_is_an_error(patch_size):
    with pytest.raises(ValueError, match=r"patch_size must be an odd positive integer") as error:
        patch_overlap(TRAIN, TEST, patch_size)
    assert repr(patch_size) in str(error.value)


@pytest.mark.parametrize(
    "plain",
    [np.zeros((3, 3)), [[0.0]], None, SCENE, PatchExtractor(3).fit_transform(TRAIN)],
    ids=lambda plain: type(plain).__name__,
)
def test_anything_but_pixels_is_an_error_that_says_what_to_pass(plain):
    for halves in ((plain, TEST), (TRAIN, plain)):
        with pytest.raises(TypeError, match=type(plain).__name__) as error:
            patch_overlap(*halves, 3)
        for name in ("patch_overlap", "PixelSamples", "labeled_pixels"):
            assert name in str(error.value)


def test_no_pixels_are_an_error():
    for halves in ((TRAIN[:0], TEST), (TRAIN, TEST[:0])):
        with pytest.raises(ValueError, match="at least one training and one test pixel"):
            patch_overlap(*halves, 3)


def test_pixels_of_scenes_of_different_size_are_an_error_that_names_both():
    other = Scene(np.zeros((12, 9, 3))).pixels()
    with pytest.raises(ValueError, match=r"one scene, .*\(9, 12\) and \(12, 9\) pixels"):
        patch_overlap(TRAIN, other, 3)
