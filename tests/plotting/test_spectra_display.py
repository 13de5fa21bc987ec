import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode.plotting import SpectraDisplay, class_colors

pytestmark = pytest.mark.usefixtures("pyplot")


def test_mean_and_deviation_are_those_of_the_pixels_of_each_class(scene):
    display = SpectraDisplay.from_scene(scene)
    X, y = scene.labeled_pixels()
    for index, label in enumerate(scene.classes):
        spectra = np.asarray(X)[y == label]
        np.testing.assert_allclose(display.mean[index], spectra.mean(axis=0))
        np.testing.assert_allclose(display.std[index], spectra.std(axis=0))
        np.testing.assert_allclose(display.lines_[index].get_ydata(), spectra.mean(axis=0))
        lower, upper = (spectra.mean(axis=0) + k * spectra.std(axis=0) for k in (-1, 1))
        drawn = display.spreads_[index].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose([drawn.min(), drawn.max()], [lower.min(), upper.max()])


def test_spectra_lie_against_wavelength_in_nanometres(scene):
    display = SpectraDisplay.from_scene(scene)
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), scene.wavelengths)
    assert display.ax_.get_xlabel() == "wavelength (nm)"
    assert display.ax_.get_title() == "synthetic: mean spectra"


def test_without_wavelengths_spectra_lie_against_the_band(scene):
    display = SpectraDisplay.from_scene(scene.with_cube(scene.cube))
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), np.arange(scene.n_bands))
    assert display.ax_.get_xlabel() == "band"


def drawn(wavelengths):
    """Points of the only line of a scene with these wavelengths and the values 0, 1, 2..."""
    cube = np.tile(np.arange(float(len(wavelengths))), (1, 2, 1))
    display = SpectraDisplay.from_scene(Scene(cube, [[1, 1]], wavelengths=wavelengths))
    display.figure_.canvas.draw()
    return display.lines_[0]


def test_a_line_breaks_where_bands_were_removed():
    line = drawn([400, 410, 420, 600, 610, 620])
    np.testing.assert_array_equal(line.get_xdata(), [400, 410, 420, np.nan, 600, 610, 620])
    np.testing.assert_array_equal(line.get_ydata(), [0, 1, 2, np.nan, 3, 4, 5])


def test_a_line_breaks_where_another_detector_begins():
    line = drawn([900, 910, 920, 930, 890, 900, 910, 920])
    assert np.flatnonzero(np.isnan(line.get_xdata())).tolist() == [4]


@pytest.mark.parametrize("wavelengths", [[400, 410, 425, 435], [500, 490, 480], [500, 600], [500]])
def test_a_line_without_gaps_does_not_break(wavelengths):
    np.testing.assert_array_equal(drawn(wavelengths).get_xdata(), wavelengths)


def test_a_band_between_two_gaps_has_a_marker():
    line = drawn([*range(400, 600, 5), 700, *range(800, 1000, 5)])
    assert line.get_marker() == "o"
    assert line.get_xdata()[line.get_markevery()].tolist() == [700]


def test_the_legend_names_the_classes(scene, legend_texts):
    display = SpectraDisplay.from_scene(scene)
    assert legend_texts(display.legend_) == ["class 1", "class 2", "class 3"]
    assert SpectraDisplay.from_scene(scene, legend=False).legend_ is None


def test_chosen_classes_keep_the_color_they_have_among_all(scene, legend_texts):
    display = SpectraDisplay.from_scene(scene, classes=[3, 1])
    assert legend_texts(display.legend_) == ["class 3", "class 1"]
    colors = [line.get_color() for line in display.lines_]
    np.testing.assert_array_equal(colors, class_colors(3)[[2, 0]])


def test_the_deviation_can_be_left_out(scene):
    display = SpectraDisplay.from_scene(scene, spread=False)
    assert display.spreads_ == []
    assert display.ax_.get_ylabel() == "value (mean)"


def test_values_that_are_no_numbers_are_left_out():
    cube = np.array([[[1.0, np.nan], [3.0, np.nan], [np.inf, np.nan]]])
    display = SpectraDisplay.from_scene(Scene(cube, [[1, 1, 1]]))
    np.testing.assert_array_equal(display.mean, [[2, np.nan]])
    np.testing.assert_array_equal(display.std, [[1, np.nan]])


def test_sixteen_classes_differ_by_color_or_line(indian_pines):
    display = SpectraDisplay.from_scene(indian_pines)
    looks = {(*line.get_color(), line.get_linestyle()) for line in display.lines_}
    assert len(looks) == 16
    display.figure_.canvas.draw()


def test_it_is_drawn_into_given_axes(scene, pyplot):
    figure, ax = pyplot.subplots()
    display = SpectraDisplay.from_scene(scene, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_it_needs_labels(scene):
    with pytest.raises(ValueError, match="no labels"):
        SpectraDisplay.from_scene(Scene(scene.cube))


@pytest.mark.parametrize("classes", [[1, 9], [], ["tree"]])
def test_classes_without_a_pixel_are_refused(scene, classes):
    with pytest.raises(ValueError, match="classes must be some of"):
        SpectraDisplay.from_scene(scene, classes=classes)
