import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode._colors import INVALID_COLOR
from sklearn_hsiode.plotting import SceneDisplay, class_colors

pytestmark = pytest.mark.usefixtures("pyplot")
WAVELENGTHS = [450, 550, 650, 850, 1600]


@pytest.fixture(scope="module")
def cube():
    return np.random.default_rng(0).uniform(size=(6, 8, 5))


def scene_of(cube, **about):
    labels = np.zeros(cube.shape[:2], dtype=int)
    labels[0, :2] = [7, 3]
    return Scene(cube, labels, **about)


def test_the_bands_nearest_to_the_wavelengths_are_shown(cube):
    scene = Scene(cube, wavelengths=WAVELENGTHS)
    assert SceneDisplay.from_scene(scene).bands == (2, 1, 0)
    assert SceneDisplay.from_scene(scene, wavelengths=(1500, 840, 700)).bands == (4, 3, 2)


def test_the_title_tells_scene_and_wavelengths(cube):
    scene = Scene(cube, wavelengths=WAVELENGTHS, name="field")
    title = SceneDisplay.from_scene(scene).ax_.get_title()
    assert title == "field\n650, 550, 450 nm as red, green, blue"


def test_without_wavelengths_evenly_spaced_bands_are_shown(cube):
    assert SceneDisplay.from_scene(Scene(np.repeat(cube, 6, axis=2))).bands == (25, 15, 5)


@pytest.mark.parametrize("wavelengths", [[1000, 1200, 1500, 2000, 2400], [400, 1000, 1500, 2, 3]])
def test_where_true_color_is_not_to_be_had_evenly_spaced_bands_are_shown(cube, wavelengths):
    assert SceneDisplay.from_scene(Scene(cube, wavelengths=wavelengths)).bands == (4, 2, 0)


@pytest.mark.parametrize("n_bands", [2, 3, 4])
def test_a_scene_of_few_bands_is_shown_in_color(cube, n_bands):
    bands = SceneDisplay.from_scene(Scene(cube[:, :, :n_bands])).bands
    assert len(bands) == 3
    assert len(set(bands)) == min(n_bands, 3)


def test_a_single_band_is_shown_in_grey(cube):
    for scene, bands in ((Scene(cube[:, :, :1]), None), (Scene(cube), [4])):
        display = SceneDisplay.from_scene(scene, bands=bands)
        np.testing.assert_array_equal(np.ptp(display.im_.get_array(), axis=2), 0)
        assert display.ax_.get_title().endswith("as grey")


def test_contrast_is_stretched_between_percentiles_of_the_valid_pixels(cube):
    mask = np.ones(cube.shape[:2], dtype=bool)
    mask[2] = False
    cube = np.where(mask[:, :, np.newaxis], cube, -32768)
    shown = SceneDisplay.from_scene(Scene(cube, mask=mask), bands=(3, 1, 0)).im_.get_array()
    valid = cube[mask][:, [3, 1, 0]]
    low, high = np.percentile(valid, (2, 98), axis=0)
    np.testing.assert_allclose(shown[mask], np.clip((valid - low) / (high - low), 0, 1))


def test_invalid_pixels_are_grey(cube):
    mask = np.ones(cube.shape[:2], dtype=bool)
    mask[2, 3] = False
    cube = cube.copy()
    cube[4, 4] = np.nan
    shown = SceneDisplay.from_scene(Scene(cube, mask=mask)).im_.get_array()
    np.testing.assert_array_equal(shown[[2, 4], [3, 4]], [INVALID_COLOR, INVALID_COLOR])
    assert np.isfinite(shown).all()


def test_constant_bands_and_scenes_without_a_number_can_be_drawn():
    for value in (5.0, np.nan):
        display = SceneDisplay.from_scene(Scene(np.full((3, 4, 3), value)))
        assert np.isfinite(display.im_.get_array()).all()


def test_labels_lie_over_labelled_pixels_alone(cube):
    display = SceneDisplay.from_scene(scene_of(cube), with_labels=True, alpha=0.25)
    shown = display.labels_im_.get_array()
    np.testing.assert_array_equal(shown[0, :2, :3], class_colors(2)[[1, 0]])
    np.testing.assert_array_equal(shown[0, :2, 3], 0.25)
    assert np.count_nonzero(shown[:, :, 3]) == 2


def test_labels_of_invalid_pixels_are_not_drawn(cube, legend_texts):
    mask = np.ones(cube.shape[:2], dtype=bool)
    mask[0, 0] = False
    display = SceneDisplay.from_scene(scene_of(cube, mask=mask), with_labels=True)
    assert display.labels_im_.get_array()[0, 0, 3] == 0
    assert legend_texts(display.legend_) == ["3"]
    # The hidden class keeps its colour for itself.
    np.testing.assert_array_equal(display.labels_im_.get_array()[0, 1, :3], class_colors(1)[0])


def test_the_legend_names_the_classes_on_request(cube, legend_texts):
    scene = scene_of(cube, class_names={7: "tree", 3: "water", 5: "nowhere", 0: "unlabelled"})
    display = SceneDisplay.from_scene(scene, with_labels=True)
    assert legend_texts(display.legend_) == ["water", "tree"]
    assert SceneDisplay.from_scene(scene, with_labels=True, legend=False).legend_ is None
    assert SceneDisplay.from_scene(scene).labels_im_ is None
    assert SceneDisplay.from_scene(scene).legend_ is None


def test_it_is_drawn_into_given_axes(cube, pyplot):
    figure, axes = pyplot.subplots(1, 2, layout="constrained")
    display = SceneDisplay.from_scene(scene_of(cube), with_labels=True, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bands": (0, 1, 5)}, "within 0 to 4"),
        ({"bands": (-1, 1, 2)}, "within 0 to 4"),
        ({"bands": (0, 1)}, "three integers"),
        ({"bands": (0, 1, 2.5)}, "three integers"),
        ({"wavelengths": (3000, 560, 480)}, "outside this scene"),
        ({"wavelengths": (560, 480)}, "three numbers"),
        ({"wavelengths": (660, 560, 480), "bands": (0, 1, 2)}, "not both"),
        ({"with_labels": True}, "needs a scene with labels"),
    ],
)
def test_what_the_scene_does_not_have_is_refused(cube, arguments, message):
    with pytest.raises(ValueError, match=message):
        SceneDisplay.from_scene(Scene(cube, wavelengths=WAVELENGTHS), **arguments)


def test_wavelengths_are_refused_without_wavelengths_in_the_scene(cube):
    with pytest.raises(ValueError, match="no wavelengths"):
        SceneDisplay.from_scene(Scene(cube), wavelengths=(660, 560, 480))


def test_a_scene_with_many_invalid_pixels_is_drawn(enmap):
    scene, _ = enmap
    display = SceneDisplay.from_scene(scene, with_labels=True)
    chosen = scene.wavelengths[list(display.bands)]
    np.testing.assert_allclose(chosen, (660, 560, 480), atol=5)
    assert (display.im_.get_array()[~scene.mask] == INVALID_COLOR).all()
    display.figure_.canvas.draw()
