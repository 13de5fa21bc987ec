"""Pixels of several scenes in one X are those of each scene, and nothing passes between them."""

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    PixelSamples,
    Scene,
    SpectralTransformer,
)
from sklearn_hsiode._pixels import check_finite
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import SpatialBlockKFold, patch_overlap
from sklearn_hsiode.preprocessing import SpectralDerivative

few_examples = settings(deadline=None, max_examples=40)
BANDS = 3
PADDINGS = ("reflect", "edge", "zero")


class InFile:
    """An array that is read by window, as what lies in a file is."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, window):
        return self.array[window]


@st.composite
def pieces(draw, least=1, finite=True):
    """Some pixels of each of some scenes of other sizes, types and masks, in memory or in files."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    parts = []
    for _ in range(draw(st.integers(least, 4))):
        shape = rng.integers(3, 9, 2)
        cube = rng.integers(0, 120, (*shape, BANDS)).astype(draw(st.sampled_from("BhHiqfd")))
        if not finite and cube.dtype.kind == "f" and rng.random() < 0.5:
            cube[tuple(rng.integers(0, shape))] = np.nan
        mask = rng.random(shape) < draw(st.sampled_from([0.7, 1]))
        mask[0, 0] = True
        source = InFile(cube) if draw(st.booleans()) else cube
        labels = rng.integers(1, 4, shape)
        X = Scene(source, labels, mask=mask, wavelengths=[500, 600, 700]).pixels()
        parts.append(X[rng.integers(0, len(X), draw(st.integers(1, 12)))])
    return parts


def labels_of(X):
    """The labels of some pixels, from their scenes."""
    pairs = zip(X.image.tolist(), X.rows, X.cols, strict=True)
    return np.array([X.scenes[number].labels[row, col] for number, row, col in pairs])


def images(n=3, shape=(20, 24), seed=0, **about):
    """Labelled scenes whose classes are easy to tell apart."""
    rng = np.random.default_rng(seed)
    scenes = []
    for i in range(n):
        labels = np.kron(rng.permutation(6).reshape(2, 3) % 3 + 1, np.ones((10, 8), int))
        cube = labels[:, :, np.newaxis] * [1.0, -1, 2, 0.5] + rng.normal(0, 0.3, (*shape, 4))
        scenes.append(Scene(cube.astype(np.float32), labels, name=f"line {i}", **about))
    return scenes


def together(scenes):
    """X and y of all labelled pixels."""
    Xs, ys = zip(*(scene.labeled_pixels() for scene in scenes), strict=True)
    return PixelSamples.concatenate(Xs), np.concatenate(ys)


# What they are


@few_examples
@given(pieces())
def test_as_an_array_they_are_the_spectra_of_all_parts_in_the_type_that_numpy_promotes_to(parts):
    X = PixelSamples.concatenate(parts)
    expected = np.concatenate([np.asarray(part) for part in parts])
    np.testing.assert_array_equal(np.asarray(X), expected, strict=True)
    assert X.dtype == expected.dtype
    assert X.shape == expected.shape
    for what in ("rows", "cols", "positions"):
        of_parts = np.concatenate([getattr(part, what) for part in parts])
        np.testing.assert_array_equal(getattr(X, what), of_parts)


@few_examples
@given(pieces())
def test_every_row_knows_its_image(parts):
    X = PixelSamples.concatenate(parts)
    expected = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    np.testing.assert_array_equal(X.image, expected)
    assert [X.scenes[number] for number in sorted(X.scenes)] == [part.scene for part in parts]
    np.testing.assert_array_equal(labels_of(X), np.concatenate([labels_of(part) for part in parts]))


@few_examples
@given(pieces(), st.data())
def test_an_index_moves_image_and_place_along_with_the_spectra(parts, data):
    X = PixelSamples.concatenate(parts)
    rows = np.array(data.draw(st.lists(st.integers(0, len(X) - 1), min_size=1)), dtype=int)
    bands = data.draw(st.sampled_from([slice(None), [2, 0], slice(1, 3)]))
    part = X[rows][:, bands]
    np.testing.assert_array_equal(part.image, X.image[rows])
    np.testing.assert_array_equal(part.rows, X.rows[rows])
    np.testing.assert_array_equal(part.cols, X.cols[rows])
    np.testing.assert_array_equal(np.asarray(part), np.asarray(X)[rows][:, bands])
    np.testing.assert_array_equal(X[rows, 1], np.asarray(X)[rows, 1])
    np.testing.assert_array_equal(X[int(rows[0])], np.asarray(X)[rows[0]])
    assert set(part.scenes) == set(X.image[rows].tolist())


@few_examples
@given(pieces())
def test_the_parts_are_the_rows_of_each_image(parts):
    X = PixelSamples.concatenate(parts)[::-1]
    seen = []
    for rows, part in X.parts():
        np.testing.assert_array_equal(np.asarray(part), np.asarray(X)[rows])
        assert part.scene is X.scenes[X.image[rows[0]]]
        seen.extend(rows)
    assert sorted(seen) == list(range(len(X)))


def test_one_scene_is_an_image_of_its_own_with_the_number_0(pixels):
    X, _ = pixels
    assert X.scenes == {0: X.scene}
    assert not X.image.any()


def test_views_of_the_same_scene_are_of_one_image():
    first, second = images(2)
    X = PixelSamples.concatenate([first.pixels(), second.pixels()[:5], first.pixels()[:7]])
    assert len(X.scenes) == 2
    np.testing.assert_array_equal(X.image[-7:], 0)
    again = PixelSamples.concatenate([X[X.image == 1], X])
    assert [again.scenes[number] for number in again.scenes] == [second, first]


def test_pixels_of_one_of_the_scenes_know_it_and_those_of_several_say_what_to_use():
    scenes = images(3)
    X, _ = together(scenes)
    assert X[X.image == 2].scene is scenes[2]
    assert X[X.image == 2].scenes == {2: scenes[2]}
    with pytest.raises(AttributeError, match=r"X\.scenes .*X\.image .*X\.parts"):
        _ = X.scene


def test_no_pixels_of_several_scenes_are_an_empty_array_of_their_bands():
    X, _ = together(images(2))
    assert np.asarray(X[:0]).shape == (0, 4)
    assert np.asarray(PatchExtractor(3).fit_transform(X)[:0]).shape == (0, 4, 3, 3)


def test_class_names_are_merged():
    first, second = images(1, class_names={1: "water", 2: "tree"}), images(1, class_names={3: "a"})
    X, _ = together(first + second)
    assert X.class_names == {1: "water", 2: "tree", 3: "a"}


def test_printed_they_tell_what_they_have_in_common():
    X, _ = together(images(3))
    assert repr(X) == f"PixelSamples({len(X)} pixels of 3 scenes, 4 bands, float32)"
    assert "3 scenes" in repr(PatchExtractor(3).fit_transform(X))


def test_their_size_in_bytes_is_that_of_all_cubes_in_memory():
    scenes = images(3)
    X, _ = together(scenes)
    assert sys.getsizeof(X) > sum(scene.cube.nbytes for scene in scenes)
    in_files = [Scene(InFile(scene.cube), scene.labels) for scene in scenes]
    in_files, _ = together(in_files)
    assert sys.getsizeof(in_files) <= sys.getsizeof(X) - sum(scene.cube.nbytes for scene in scenes)


# What is refused


def test_scenes_of_other_numbers_of_bands_are_refused():
    parts = [Scene(np.zeros((2, 2, n))).pixels() for n in (3, 4)]
    with pytest.raises(ValueError, match=r"same bands, but they have 3, 4 of them: .*select_bands"):
        PixelSamples.concatenate(parts)


@given(st.floats(-5, 5))
def test_bands_at_other_wavelengths_are_refused_by_name_from_1_nm_on(shift):
    wavelengths = np.array([500.0, 600, 700])
    others = Scene(np.zeros((2, 2, 3))), Scene(np.zeros((2, 2, 3)), wavelengths=wavelengths)
    moved = Scene(np.zeros((2, 2, 3)), wavelengths=wavelengths + np.array([0, shift, 0]))
    parts = [scene.pixels() for scene in (*others, moved)]
    if abs(moved.wavelengths[1] - 600) <= 1:
        X = PixelSamples.concatenate(parts)
        np.testing.assert_array_equal(X.wavelengths, wavelengths)
    else:
        with pytest.raises(ValueError, match=r"scenes 1 and 2, .* band 2 \(600 and .* nm\)"):
            PixelSamples.concatenate(parts)


def test_of_many_other_bands_the_first_are_named():
    parts = [
        Scene(np.zeros((2, 2, 9)), wavelengths=np.arange(9) * 100 + shift).pixels()
        for shift in (0, 50)
    ]
    with pytest.raises(ValueError, match=r"band 1 \(0 and 50 nm\), .* and 4 more:"):
        PixelSamples.concatenate(parts)


def test_a_label_with_two_names_is_refused():
    parts = [Scene(np.zeros((1, 1, 1)), class_names={1: n}).pixels() for n in ("tree", "roof")]
    with pytest.raises(ValueError, match="label 1 is 'tree' in one scene and 'roof' in another"):
        PixelSamples.concatenate(parts)


def test_labels_that_are_integers_here_and_strings_there_are_refused():
    parts = [Scene(np.zeros((1, 2, 1)), labels).pixels() for labels in ([[1, 2]], [["a", "b"]])]
    with pytest.raises(TypeError, match="integers and those of others strings"):
        PixelSamples.concatenate(parts)


@pytest.mark.parametrize(
    ("parts", "error"),
    [([], ValueError), (3, TypeError), ([np.zeros((2, 2))], TypeError), (None, TypeError)],
    ids=str,
)
def test_what_is_no_list_of_pixels_is_refused(parts, error):
    with pytest.raises(error, match="parts"):
        PixelSamples.concatenate(parts)


# Sent elsewhere


@pytest.mark.parametrize("copied", [lambda X: pickle.loads(pickle.dumps(X)), copy.deepcopy])
def test_copies_are_equal(copied):
    X, _ = together(images(3))
    other = copied(X)
    np.testing.assert_array_equal(np.asarray(other), np.asarray(X))
    np.testing.assert_array_equal(other.image, X.image)
    assert list(other.scenes) == list(X.scenes)


def test_a_copy_shares_the_images():
    X, _ = together(images(3))
    assert copy.deepcopy(X).scenes == X.scenes
    assert clone(X, safe=False).scenes == X.scenes


# Patches


@few_examples
@given(pieces(), st.sampled_from(PADDINGS), st.sampled_from([1, 3, 5]))
def test_patches_are_those_of_each_scene_by_itself(parts, padding, size):
    extractor = PatchExtractor(size, padding)
    expected = np.concatenate([np.asarray(extractor.fit_transform(part)) for part in parts])
    X = PixelSamples.concatenate(parts)
    np.testing.assert_array_equal(np.asarray(extractor.fit_transform(X)), expected)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(np.asarray(extractor.fit_transform(X[order])), expected[order])


@few_examples
@given(pieces(), st.sampled_from(PADDINGS))
def test_a_layer_of_the_images_is_gathered_as_a_layer_of_the_patches(parts, padding):
    patches = PatchExtractor(5, padding).fit_transform(PixelSamples.concatenate(parts))
    layer = torch.nn.Conv2d(BANDS, 2, 3, dtype=torch.float64)
    gather = patches.gatherer(dtype=torch.float64)
    rows = np.arange(len(patches))
    with torch.no_grad():
        expected = layer(gather(rows))
        np.testing.assert_allclose(gather.map_image(layer, 1)(rows), expected)


def test_the_image_that_is_too_small_for_a_mirror_is_named():
    X = PixelSamples.concatenate([Scene(np.zeros((n, 9, 1))).pixels() for n in (9, 3, 5)])
    with pytest.raises(ValueError, match="scene of 3 x 9 pixels"):
        PatchExtractor(7).fit(X)


@few_examples
@given(pieces(finite=False), st.sampled_from([1, 3]))
def test_pixels_are_finite_when_those_of_each_scene_are(parts, size):
    def is_finite(X):
        try:
            check_finite(X, size)
        except ValueError:
            return False
        return True

    X = PixelSamples.concatenate(parts)
    assert is_finite(X) == all(is_finite(part) for part in parts)


def test_the_image_of_a_nan_is_told():
    cube = np.zeros((3, 3, 1))
    cube[1, 2] = np.nan
    X = PixelSamples.concatenate([Scene(np.zeros((3, 3, 1))).pixels(), Scene(cube).pixels()])
    with pytest.raises(ValueError, match="1 of 18 pixels, the first at row 1, column 2 of image 1"):
        check_finite(X)


def test_salinas_a_cut_into_three_has_the_patches_of_its_pieces(salinas_a):
    cuts = [(slice(0, 30), slice(0, 86)), (slice(30, 83), slice(0, 40))]
    scenes = [salinas_a.window(*cut) for cut in (*cuts, (slice(30, 83), slice(40, 86)))]
    X, y = together(scenes)
    assert len(y) == len(salinas_a.labeled_pixels()[1])
    patches = PatchExtractor(11).fit_transform(X)
    for rows, part in X.parts():
        expected = np.asarray(PatchExtractor(11).fit_transform(part[::7]))
        np.testing.assert_array_equal(np.asarray(patches[rows[::7]]), expected)


# Estimators


@pytest.mark.parametrize("fit_on", ["samples", "scene"])
def test_a_transformer_is_fitted_on_the_spectra_of_all_scenes_and_transforms_each(fit_on):
    X, _ = together(images(3))
    X = X[::3]
    step = SpectralTransformer(PCA(2, svd_solver="full"), fit_on=fit_on).fit(X)
    spectra = X if fit_on == "samples" else [scene.pixels() for scene in X.scenes.values()]
    spectra = np.concatenate([np.asarray(part) for part in spectra]) if fit_on == "scene" else X
    expected = PCA(2, svd_solver="full").fit(spectra).transform(X)
    components = step.transform(X)
    np.testing.assert_allclose(np.asarray(components), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(components.image, X.image)
    assert [scene.shape for scene in components.scenes.values()] == [(20, 24, 2)] * 3


def test_wavelengths_of_the_scenes_reach_transformers_and_are_compared_with_those_of_a_fit():
    wavelengths = np.arange(4) * 10 + 500
    X, _ = together(images(2, wavelengths=wavelengths))
    step = SpectralTransformer(SpectralDerivative(window_length=3, polyorder=1)).fit(X)
    np.testing.assert_array_equal(step.wavelengths_in_, wavelengths)
    far, _ = images(1, wavelengths=wavelengths + 5)[0].labeled_pixels()
    with pytest.raises(ValueError, match="wavelengths"):
        step.transform(far)


@pytest.mark.parametrize(
    "network",
    [
        ODENetClassifier(n_filters=8, n_steps=1, gate=0.5, max_epochs=3, random_state=0),
        ODENetClassifier(
            n_filters=8, n_steps=1, gate=0.5, max_epochs=3, random_state=0, early_stopping=True
        ),
        PatchNetClassifier(
            lambda n_bands, n_classes: torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(25 * n_bands, n_classes)
            ),
            max_epochs=2,
            random_state=0,
        ),
    ],
    ids=["ode-net", "early stopping", "own"],
)
def test_a_network_tells_of_all_scenes_what_it_tells_of_each(network):
    X, y = together(images(3))
    model = make_pipeline(PatchExtractor(5), network).fit(X[::2], y[::2])
    probabilities = model.predict_proba(X)
    for rows, part in X.parts():
        np.testing.assert_allclose(model.predict_proba(part), probabilities[rows], atol=1e-5)


def test_whole_images_are_held_out_by_groups():
    X, y = together(images(4))
    for cv in (LeaveOneGroupOut(), GroupKFold(2)):
        scores = cross_val_score(SVC(), X, y, cv=cv, groups=X.image)
        assert len(scores) == cv.get_n_splits(X, y, X.image)
        assert scores.min() > 0.9


def test_coordinates_are_compared_within_an_image_and_tell_nothing_of_another():
    X, y = together(images(3))
    model = CoordinateClassifier().fit(X[::2], y[::2])
    for rows, part in X.parts():
        alone = CoordinateClassifier().fit(part[::2], y[rows][::2])
        np.testing.assert_array_equal(model.predict(X)[rows], alone.predict(part))
    train, test = next(LeaveOneGroupOut().split(X, y, X.image))
    model.fit(X[train], y[train])
    most = np.bincount(y[train]).argmax()
    np.testing.assert_array_equal(model.predict(X[test]), np.full(len(test), most))


# Splits


@few_examples
@given(pieces(least=2), st.integers(0, 3), st.integers(1, 4))
def test_blocks_and_buffers_end_with_their_image(parts, buffer, size):
    X = PixelSamples.concatenate(parts)
    y = np.ones(len(X), dtype=int)
    try:
        splits = list(SpatialBlockKFold(2, size, buffer).split(X, y))
    except ValueError:  # too few blocks, or too close together
        return
    tested = np.concatenate([test for _, test in splits])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(X)))
    block = np.array([X.image, X.rows // size, X.cols // size])
    places = np.array([X.rows, X.cols])
    for train, test in splits:
        apart = np.abs(places[:, :, np.newaxis] - places[:, np.newaxis, test]).max(axis=0)
        is_near = (apart <= buffer) & (X.image[:, np.newaxis] == X.image[test])
        in_test = np.isin(np.arange(len(X)), test)
        np.testing.assert_array_equal(train, np.flatnonzero(~in_test & ~is_near.any(axis=1)))
        others = np.setdiff1d(np.arange(len(X)), test)
        shared = (block[:, test, np.newaxis] == block[:, np.newaxis, others]).all(axis=0)
        assert not shared.any()


@few_examples
@given(pieces(least=2), st.sampled_from([1, 3, 5]), st.data())
def test_the_overlap_is_that_of_patches_within_an_image(parts, size, data):
    X = PixelSamples.concatenate(parts)
    cut = data.draw(st.integers(1, len(X) - 1))
    order = np.random.default_rng(0).permutation(len(X))
    train, test = X[order[:cut]], X[order[cut:]]
    apart = np.maximum(
        np.abs(test.rows[:, np.newaxis] - train.rows),
        np.abs(test.cols[:, np.newaxis] - train.cols),
    )
    is_same = test.image[:, np.newaxis] == train.image
    shares = [(is_same & (apart <= reach)).any(axis=1).mean() for reach in (size // 2, size - 1)]
    np.testing.assert_allclose(patch_overlap(train, test, size), shares)


def test_a_name_has_one_label_in_all_scenes():
    one, other = (
        Scene(np.ones((2, 2, 3)), np.full((2, 2), label), class_names={label: "tree"})
        for label in (2, 3)
    )
    with pytest.raises(ValueError, match="'tree' has the label 2 in one scene and 3 in another"):
        PixelSamples.concatenate([one.pixels(), other.pixels()])


def test_one_scene_under_two_numbers_is_no_overlap_to_tell():
    scenes = [make_scene((12, 12), random_state=seed) for seed in range(2)]
    X = PixelSamples.concatenate([scene.pixels() for scene in scenes])
    with pytest.raises(ValueError, match="One scene has two numbers"):
        patch_overlap(X[X.image == 1], scenes[1].pixels(), 5)
