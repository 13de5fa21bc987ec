import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import Scene
from sklearn_hsiode._colors import ERROR_COLOR, NO_CLASS_COLOR
from sklearn_hsiode.plotting import ClassificationMapDisplay, class_colors

pytestmark = pytest.mark.usefixtures("pyplot")

LABELS = np.array([[3, 3, 0, 7], [7, 9, 0, 9]])
CLASS_MAP = np.array([[3, 7, 7, 0], [7, 9, 3, 3]])
from_predictions = ClassificationMapDisplay.from_predictions
from_estimator = ClassificationMapDisplay.from_estimator


@pytest.fixture
def tiny():
    return Scene(np.zeros((2, 4, 3)), LABELS, class_names={3: "water", 9: "tree"}, name="tiny")


def expected_colors(raster, classes):
    colors = {
        0: NO_CLASS_COLOR,
        **dict(zip(classes, class_colors(len(classes)).tolist(), strict=True)),
    }
    return [[list(colors[label]) for label in row] for row in raster.tolist()]


def test_a_class_has_the_same_color_in_map_and_truth(tiny):
    display = from_predictions(tiny, CLASS_MAP)
    np.testing.assert_array_equal(display.im_.get_array(), expected_colors(CLASS_MAP, [3, 7, 9]))
    np.testing.assert_array_equal(display.truth_im_.get_array(), expected_colors(LABELS, [3, 7, 9]))


def test_a_class_keeps_its_color_when_another_is_never_predicted(tiny):
    display = from_predictions(tiny, np.where(CLASS_MAP == 3, 0, CLASS_MAP))
    np.testing.assert_array_equal(display.im_.get_array()[1, 1], class_colors(3)[2])


def test_the_legend_names_what_occurs(tiny, legend_texts):
    display = from_predictions(tiny, CLASS_MAP, mark_errors=True)
    assert legend_texts(display.legend_) == ["water", "7", "tree", "no class", "wrong"]


def test_the_legend_leaves_out_what_does_not_occur(tiny, legend_texts):
    display = from_predictions(tiny, np.full((2, 4), 9), with_truth=False)
    assert legend_texts(display.legend_) == ["tree"]
    assert from_predictions(tiny, CLASS_MAP, legend=False).legend_ is None


def test_classes_of_the_same_name_have_an_entry_each(tiny, legend_texts):
    scene = Scene(tiny.cube, LABELS, class_names=["corn", "corn", "tree"])
    texts = legend_texts(from_predictions(scene, LABELS).legend_)
    assert [text[:4] for text in texts] == ["corn", "corn", "tree", "no c"]


def test_errors_are_marked_where_prediction_and_truth_disagree_and_nowhere_else(tiny):
    display = from_predictions(tiny, CLASS_MAP, mark_errors=True)
    wrong = np.array([[False, True, False, False], [False, False, False, True]])
    np.testing.assert_array_equal(display.errors, wrong)
    shown = (display.im_.get_array() == ERROR_COLOR).all(axis=2)
    np.testing.assert_array_equal(shown, wrong)
    assert not (display.truth_im_.get_array() == ERROR_COLOR).all(axis=2).any()


def test_errors_can_be_marked_without_drawing_the_truth(tiny):
    display = from_predictions(tiny, CLASS_MAP, mark_errors=True, with_truth=False)
    assert display.truth_ax_ is None
    assert display.truth_im_ is None
    assert (display.im_.get_array() == ERROR_COLOR).all(axis=2).sum() == 2


def test_a_scene_without_labels_has_a_map_alone(tiny, legend_texts):
    display = from_predictions(Scene(tiny.cube), CLASS_MAP)
    assert display.truth_ax_ is None
    assert legend_texts(display.legend_) == ["3", "7", "9", "no class"]


def test_errors_cannot_be_marked_without_labels(tiny):
    with pytest.raises(ValueError, match="scene with labels"):
        from_predictions(Scene(tiny.cube), CLASS_MAP, mark_errors=True)


def test_invalid_pixels_have_no_class(tiny):
    mask = np.ones((2, 4), dtype=bool)
    mask[0, 1] = False
    class_map = CLASS_MAP.copy()
    class_map[0, 1] = 99  # nobody looks
    display = from_predictions(Scene(tiny.cube, LABELS, mask=mask), class_map)
    for image in (display.im_, display.truth_im_):
        np.testing.assert_array_equal(image.get_array()[0, 1], NO_CLASS_COLOR)
    assert not display.errors[0, 1]


def test_masked_predictions_are_none(tiny):
    class_map = np.ma.masked_equal(CLASS_MAP, 7)
    shown = from_predictions(tiny, class_map).im_.get_array()
    np.testing.assert_array_equal(shown[CLASS_MAP == 7], [NO_CLASS_COLOR] * 3)


def test_classes_may_be_strings(legend_texts):
    labels = np.array([["oak", "", "elm"]])
    display = from_predictions(Scene(np.zeros((1, 3, 2)), labels), [["elm", "oak", "elm"]])
    assert legend_texts(display.legend_) == ["elm", "oak", "no class"]
    assert display.errors.tolist() == [[True, False, False]]


def test_a_class_that_has_but_a_name_may_be_predicted(tiny, legend_texts):
    scene = Scene(tiny.cube, LABELS, class_names={5: "soil"})
    display = from_predictions(scene, np.full((2, 4), 5), with_truth=False)
    assert legend_texts(display.legend_) == ["soil"]
    np.testing.assert_array_equal(display.im_.get_array()[0, 0], class_colors(4)[1])


@pytest.mark.parametrize(
    ("class_map", "error", "message"),
    [
        (CLASS_MAP.T, ValueError, "class_map must have the cube's shape"),
        (CLASS_MAP.ravel(), ValueError, "class_map must have the cube's shape"),
        (CLASS_MAP + 1, ValueError, r"does not know: \[1, 4, 8, 10\]"),
        (CLASS_MAP.astype(str), ValueError, "does not know"),
        (CLASS_MAP * 1.0, TypeError, "integers"),
    ],
)
def test_a_map_that_does_not_fit_the_scene_is_refused(tiny, class_map, error, message):
    with pytest.raises(error, match=message):
        from_predictions(tiny, class_map)


def test_an_estimator_predicts_every_valid_pixel_in_its_place(scene, pixels):
    model = KNeighborsClassifier(1).fit(*pixels)
    mask = np.ones(scene.shape[:2], dtype=bool)
    mask[:5, :7] = False
    masked = Scene(scene.cube, scene.labels, mask=mask)
    display = from_estimator(model, masked)
    expected = np.zeros(mask.shape, dtype=int)
    expected[mask] = model.predict(scene.cube[mask])
    np.testing.assert_array_equal(display.class_map, expected)


def test_a_pipeline_of_patches_and_a_network_is_mapped(scene, pixels, extractor, ode):
    model = make_pipeline(extractor, ode.set_params(max_epochs=1)).fit(*pixels)
    display = from_estimator(model, scene, with_truth=False)
    X = scene.pixels()
    np.testing.assert_array_equal(display.class_map[X.rows, X.cols], model.predict(X))


def test_string_predictions_are_mapped():
    labels = np.array([["oak", "elm"], ["", "oak"]])
    scene = Scene(np.arange(8.0).reshape(2, 2, 2), labels)
    X, y = scene.labeled_pixels()
    model = KNeighborsClassifier(1).fit(X, y.astype(object))
    assert from_estimator(model, scene).class_map.tolist() == [["oak", "elm"], ["elm", "oak"]]


def test_an_unfitted_estimator_is_refused(scene):
    with pytest.raises(NotFittedError):
        from_estimator(RidgeClassifier(), scene)
    with pytest.raises(NotFittedError):
        from_estimator(make_pipeline(RidgeClassifier()), scene)


def test_an_estimator_of_other_classes_is_refused(scene, pixels):
    X, y = pixels
    model = KNeighborsClassifier(1).fit(X, y + 10)
    with pytest.raises(ValueError, match="does not know"):
        from_estimator(model, scene)


@pytest.mark.parametrize("made_by", ["subplots", "add_axes"])
def test_map_and_truth_share_the_place_of_given_axes(tiny, pyplot, made_by):
    if made_by == "subplots":
        figure, ax = pyplot.subplots(layout="constrained")
    else:
        figure = pyplot.figure()
        ax = figure.add_axes((0.1, 0.1, 0.5, 0.5))
    place = ax.get_position()
    display = from_predictions(tiny, CLASS_MAP, ax=ax)
    assert display.ax_ is ax
    assert display.truth_ax_ is not ax
    assert display.figure_ is display.truth_ax_.figure is figure
    left, right = display.truth_ax_.get_position(), ax.get_position()
    assert place.x0 <= left.x0 < left.x1 <= right.x0 < right.x1 <= place.x1
    figure.canvas.draw()


def test_a_map_alone_takes_given_axes_as_they_are(tiny, pyplot):
    figure, axes = pyplot.subplots(1, 2)
    display = from_predictions(tiny, CLASS_MAP, with_truth=False, ax=axes[0])
    assert display.ax_ is axes[0]
    assert figure.axes == axes.tolist()


def test_panels_say_what_they_are(tiny):
    display = from_predictions(tiny, CLASS_MAP)
    assert display.truth_ax_.get_title() == "ground truth"
    assert display.ax_.get_title() == "prediction"
    assert display.figure_.get_suptitle() == "tiny"
    assert display.ax_.get_xlabel() == "column (pixels)"
    assert display.truth_ax_.get_ylabel() == "row (pixels)"


def test_a_display_can_be_plotted_again_in_another_way(tiny):
    display = from_predictions(tiny, CLASS_MAP)
    first = display.ax_
    assert display.plot(mark_errors=True) is display
    assert display.ax_ is not first


def test_sixteen_classes_have_sixteen_colors_and_a_legend_within_the_figure(
    indian_pines, legend_texts
):
    display = from_predictions(indian_pines, np.array(indian_pines.labels), mark_errors=True)
    colors = np.unique(display.im_.get_array().reshape(-1, 3), axis=0)
    assert len(colors) == 17
    assert len(legend_texts(display.legend_)) == 18
    display.figure_.canvas.draw()
    legend, figure = display.legend_.get_window_extent(), display.figure_.bbox
    assert 0 <= legend.x0 < legend.x1 <= figure.x1
    assert 0 <= legend.y0 < legend.y1 <= figure.y1
    assert legend.x0 >= display.ax_.get_window_extent().x1
