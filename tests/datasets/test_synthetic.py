"""make_scene draws scenes that are valid, repeatable, and difficult as real ones are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, uniform_filter
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode.datasets import make_scene

seeds = st.integers(0, 2**32 - 1)
few_examples = settings(deadline=None, max_examples=20)


@st.composite
def valid_parameters(draw):
    n_classes, rows = draw(st.integers(2, 9)), draw(st.integers(1, 30))
    fewest_cols = -(-16 * n_classes // rows)
    return {
        "shape": (rows, draw(st.integers(fewest_cols, fewest_cols + 20))),
        "n_bands": draw(st.integers(1, 20)),
        "n_classes": n_classes,
        "noise": draw(st.floats(0, 100)),
        "labeled_fraction": draw(st.floats(0, 1, exclude_min=True)),
        "random_state": draw(seeds),
    }


def class_sizes(scene):
    return np.bincount(scene.labels.ravel(), minlength=len(scene.classes) + 1)[1:]


def class_means(scene):
    return np.stack([scene.cube[scene.labels == k].mean(axis=0) for k in scene.classes])


@few_examples
@given(valid_parameters())
def test_valid_parameters_give_the_scene_they_describe(parameters):
    scene = make_scene(**parameters)
    n_classes = parameters["n_classes"]
    assert scene.shape == (*parameters["shape"], parameters["n_bands"])
    assert scene.cube.dtype == np.int16
    assert scene.mask.all()
    assert scene.classes.tolist() == list(range(1, n_classes + 1))
    assert scene.class_names == {k: f"class {k}" for k in range(1, n_classes + 1)}
    assert scene.name == "synthetic"
    assert class_sizes(scene).min() >= 2


@few_examples
@given(valid_parameters())
def test_a_seed_gives_one_scene_and_leaves_the_global_random_state_alone(parameters):
    before = np.random.get_state()
    first, second = make_scene(**parameters), make_scene(**parameters)
    parameters["random_state"] = np.random.RandomState(parameters["random_state"])
    third = make_scene(**parameters)
    for again in (second, third):
        np.testing.assert_array_equal(first.cube, again.cube)
        np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_equal(np.random.get_state(), before)


@few_examples
@given(seeds, seeds)
def test_another_seed_gives_another_scene(seed, other):
    first, second = make_scene(random_state=seed), make_scene(random_state=other)
    assert np.array_equal(first.cube, second.cube) == (seed == other)
    assert np.array_equal(first.labels, second.labels) == (seed == other)


@few_examples
@given(seeds, st.integers(1, 100), st.floats(0, 1))
def test_labels_depend_neither_on_bands_nor_on_noise(seed, n_bands, noise):
    scene = make_scene(n_bands=n_bands, noise=noise, random_state=seed)
    np.testing.assert_array_equal(scene.labels, make_scene(random_state=seed).labels)


def test_wavelengths_run_evenly_from_400_to_2500_nm():
    scene = make_scene(n_bands=22, random_state=0)
    np.testing.assert_allclose(scene.wavelengths, np.arange(400, 2501, 100))


def test_many_classes_and_bands():
    scene = make_scene((100, 100), 200, 16, random_state=0)
    assert scene.shape == (100, 100, 200)
    assert len(scene.classes) == 16


@pytest.mark.parametrize("n_classes", [3, 6, 16])
def test_classes_are_of_unequal_size(n_classes):
    for seed in range(5):
        sizes = class_sizes(make_scene((100, 100), 4, n_classes, random_state=seed))
        assert sizes.max() > 1.3 * sizes.min()


@few_examples
@given(seeds, st.floats(0.01, 1))
def test_that_fraction_of_each_class_has_labels(seed, fraction):
    everywhere = make_scene(n_bands=1, labeled_fraction=1.0, random_state=seed)
    scene = make_scene(n_bands=1, labeled_fraction=fraction, random_state=seed)
    assert (everywhere.labels > 0).all()
    labeled = scene.labels > 0
    np.testing.assert_array_equal(scene.labels[labeled], everywhere.labels[labeled])
    expected = np.maximum(2, fraction * class_sizes(everywhere))
    np.testing.assert_allclose(class_sizes(scene), expected, atol=0.51)


@few_examples
@given(seeds)
def test_labels_come_in_patches(seed):
    labeled = make_scene(n_bands=1, random_state=seed).labels > 0
    assert (labeled[1:] == labeled[:-1]).mean() > 0.8


@few_examples
@given(seeds, st.floats(0.01, 0.3))
def test_noise_is_relative_to_the_mean_signal(seed, noise):
    clean = make_scene(noise=0.0, random_state=seed).cube.astype(float)
    noisy = make_scene(noise=noise, random_state=seed).cube
    np.testing.assert_allclose((noisy - clean).std() / clean.mean(), noise, rtol=0.02)


def test_noise_depends_on_the_band():
    clean = make_scene(n_bands=22, noise=0.0, random_state=0).cube.astype(float)
    by_band = (make_scene(n_bands=22, random_state=0).cube - clean).std(axis=(0, 1))
    water_vapour, window = by_band[10], by_band[7]  # 1400 and 1100 nm
    assert water_vapour > 2 * window


def test_more_noise_gives_noisier_spectra_within_a_field():
    def roughness(noise):
        scene = make_scene(noise=noise, labeled_fraction=1.0, random_state=0)
        inside = ~is_near_border(scene.labels)
        return np.abs(np.diff(scene.cube.astype(float), n=2)[inside]).mean()

    assert roughness(0.0) < roughness(0.02) < roughness(0.05) < roughness(0.2)


def test_neighbouring_bands_are_strongly_correlated():
    for seed in range(3):
        correlation = np.corrcoef(make_scene(random_state=seed).spectra, rowvar=False)
        assert np.median(np.diagonal(correlation, offset=1)) > 0.9


@few_examples
@given(seeds)
def test_the_two_classes_of_a_pair_have_similar_spectra(seed):
    similarity = np.corrcoef(class_means(make_scene(n_classes=6, random_state=seed)))
    of_pairs = similarity[[0, 2, 4], [1, 3, 5]]
    of_others = similarity[[0, 0, 2], [2, 4, 4]]
    assert of_pairs.mean() > of_others.mean()


def is_near_border(labels):
    borders = np.zeros(labels.shape, dtype=bool)
    borders[1:] |= labels[1:] != labels[:-1]
    borders[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return distance_transform_edt(~borders) <= 1


def test_pixels_at_borders_lie_further_from_their_class():
    for seed in range(5):
        scene = make_scene(labeled_fraction=1.0, random_state=seed)
        offsets = scene.cube - class_means(scene)[scene.labels - 1]
        distance = np.linalg.norm(offsets, axis=2)
        near = is_near_border(scene.labels)
        assert distance[near].mean() > 1.05 * distance[~near].mean()


@few_examples
@given(seeds)
def test_pixels_at_borders_are_mixtures_with_the_class_next_to_them(seed):
    scene = make_scene(labeled_fraction=1.0, random_state=seed)
    rows, cols = np.nonzero(scene.labels[:, 1:] != scene.labels[:, :-1])
    spectrum_of = class_means(scene)
    own = spectrum_of[scene.labels[rows, cols] - 1]
    towards_next = spectrum_of[scene.labels[rows, cols + 1] - 1] - own
    offsets = scene.cube[rows, cols] - own
    share_of_next = np.sum(offsets * towards_next) / np.sum(towards_next**2)
    assert 0.05 < share_of_next < 0.4


@few_examples
@given(seeds)
def test_light_runs_across_the_scene(seed):
    scene = make_scene(noise=0.0, labeled_fraction=1.0, random_state=seed)
    brightness = np.log(scene.cube.mean(axis=2)).ravel()
    position = np.indices(scene.labels.shape).reshape(2, -1).T
    of_class = np.eye(6)[scene.labels.ravel() - 1]
    slope = np.linalg.lstsq(np.hstack([position, of_class]), brightness)[0][:2]
    ramp = position @ slope
    assert np.ptp(ramp) == pytest.approx(np.log(1.15 / 0.85), abs=0.15)


def svm_accuracy(scene, window, seed):
    smooth = uniform_filter(scene.cube.astype(float), (window, window, 1), mode="nearest")
    labeled = scene.labels > 0
    X, y = smooth[labeled], scene.labels[labeled]
    train, test, y_train, y_test = train_test_split(
        X, y, train_size=0.05, stratify=y, random_state=seed
    )
    svm = make_pipeline(StandardScaler(), SVC(C=100))
    return svm.fit(train, y_train).score(test, y_test)


def test_spectra_are_learnable_and_neighbours_help():
    scenes = [make_scene(random_state=seed) for seed in range(6)]
    alone, small, large = (
        np.mean([svm_accuracy(scene, window, seed) for seed, scene in enumerate(scenes)])
        for window in (1, 3, 5)
    )
    assert 0.8 < alone < 0.9
    assert alone + 0.04 < small < 0.99
    assert alone + 0.04 < large < 0.99


@pytest.mark.parametrize(
    "bad",
    [
        {"shape": 64},
        {"shape": (64,)},
        {"shape": (64, 64, 48)},
        {"shape": (64.0, 64)},
        {"shape": (-64, -64)},
        {"shape": (0, 64)},
        {"n_bands": 0},
        {"n_bands": 4.5},
        {"n_classes": 1},
        {"noise": -0.1},
        {"noise": np.nan},
        {"noise": np.inf},
        {"labeled_fraction": 0},
        {"labeled_fraction": 1.1},
        {"random_state": "seed"},
    ],
)
def test_errors_name_the_parameter(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=name):
        make_scene(**bad)


def test_error_for_too_small_a_shape_tells_how_many_pixels_it_takes():
    make_scene((8, 12), n_classes=6, random_state=0)
    with pytest.raises(ValueError, match=r"shape=\(8, 11\).*n_classes=6.* 96 pixels"):
        make_scene((8, 11), n_classes=6, random_state=0)
