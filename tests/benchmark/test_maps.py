"""The picture of a benchmark's maps."""

import numpy as np
import pytest
from matplotlib import image

from sklearn_hsiode import Scene
from sklearn_hsiode.benchmark import draw_maps


@pytest.fixture
def truth(scene):
    """The tiny scene's ground truth as indices of its classes, -1 where it has none."""
    return np.where(scene.labels > 0, scene.labels - 1, -1)


def scene_of(rows, cols, n_classes):
    labels = np.arange(rows * cols).reshape(rows, cols) % (n_classes + 1)
    return Scene(np.zeros((rows, cols, 1)), labels)


def test_a_perfect_map_looks_as_the_ground_truth(scene, truth, new_run, tmp_path, figures):
    draw_maps(scene, [new_run(class_map=truth)], tmp_path / "maps.png")
    assert [path.name for path in tmp_path.iterdir()] == ["maps.png"]
    pixels = image.imread(tmp_path / "maps.png")[:, :, :3]
    black = []
    for axes in figures[0].axes:
        left, bottom, right, top = axes.get_position().extents
        rows = slice(*(int(len(pixels) * (1 - edge)) for edge in (top, bottom)))
        cols = slice(*(int(pixels.shape[1] * edge) for edge in (left, right)))
        black.append((pixels[rows, cols] == 0).all(axis=2).mean())
    assert black[0] == pytest.approx((truth < 0).mean(), abs=0.05)
    assert black[0] == pytest.approx(black[1], rel=0.02)


def test_each_class_has_one_colour_in_all_maps_and_in_the_legend(
    scene, truth, new_run, tmp_path, figures
):
    runs = [new_run(class_map=truth), new_run("forest", class_map=(truth + 1) % 3)]
    draw_maps(scene, runs, tmp_path / "maps.png")
    (figure,) = figures
    ground, same, other = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    np.testing.assert_array_equal(ground, same)
    assert (ground[truth < 0] == 0).all()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(scene.class_names.values())
    for code, patch in enumerate(legend.get_patches()):
        color = np.array(patch.get_facecolor()[:3])
        assert (ground[truth == code] == color).all()
        assert (other[(truth + 1) % 3 == code] == color).all()


def test_titles_tell_the_model_and_its_overall_accuracy(scene, truth, new_run, tmp_path, figures):
    runs = [
        new_run("ode-net", overall_accuracy=0.8163, class_map=truth),
        new_run("ode-net", 1, overall_accuracy=0.1),
        new_run("mine", overall_accuracy=1.0, class_map=truth),
    ]
    draw_maps(scene, runs, tmp_path / "maps.png")
    titles = [axes.get_title() for axes in figures[0].axes]
    assert titles == ["ground truth", "ODE-net, OA 81.6 %", "mine, OA 100.0 %"]


@pytest.mark.parametrize(("n_runs", "down", "across"), [(0, 1, 1), (3, 1, 4), (4, 2, 4), (6, 2, 4)])
def test_panels_wrap_after_four(scene, truth, new_run, tmp_path, figures, n_runs, down, across):
    runs = [new_run(str(i), class_map=truth) for i in range(n_runs)]
    draw_maps(scene, runs, tmp_path / "maps.png")
    axes = figures[0].axes
    assert axes[0].get_subplotspec().get_gridspec().get_geometry() == (down, across)
    assert [len(panel.images) for panel in axes] == [1] * (1 + n_runs) + [0] * (
        down * across - 1 - n_runs
    )
    assert not any(panel.axison for panel in axes)


@pytest.mark.parametrize("n_classes", [2, 10, 16, 20])
def test_classes_are_told_apart_by_colour(new_run, tmp_path, figures, n_classes):
    scene = scene_of(12, 30, n_classes)
    draw_maps(scene, [new_run(class_map=scene.labels - 1)], tmp_path / "maps.png")
    patches = figures[0].legends[0].get_patches()
    colors = {patch.get_facecolor() for patch in patches}
    assert len(colors) == len(patches) == n_classes
    assert (0.0, 0.0, 0.0, 1.0) not in colors


@pytest.mark.parametrize(
    ("rows", "cols", "n_classes"), [(100, 6, 3), (6, 150, 3), (6, 150, 16), (40, 50, 25), (1, 3, 2)]
)
def test_scenes_of_any_shape_are_drawn(new_run, tmp_path, rows, cols, n_classes):
    scene = scene_of(rows, cols, n_classes)
    run = new_run(class_map=scene.labels - 1)
    draw_maps(scene, [run], tmp_path / "maps.png")
    assert image.imread(tmp_path / "maps.png").std() > 0


def test_string_labels_and_masked_pixels_are_drawn(scene, truth, new_run, tmp_path, figures):
    mask = np.arange(scene.mask.size).reshape(scene.mask.shape) % 5 > 0
    names = np.array(["", "oak", "elm", "ash"])[scene.labels]
    masked = Scene(scene.cube, names, mask=mask)
    draw_maps(masked, [new_run(class_map=np.where(mask, 0, -1))], tmp_path / "maps.png")
    ground, drawn = (np.asarray(axes.images[0].get_array()) for axes in figures[0].axes)
    np.testing.assert_array_equal((ground == 0).all(axis=2), ~mask | (truth < 0))
    np.testing.assert_array_equal((drawn == 0).all(axis=2), ~mask)
    labels = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert labels == ["ash", "elm", "oak"]


def test_a_picture_that_cannot_be_written_leaves_nothing(scene, truth, new_run, tmp_path):
    with pytest.raises(OSError, match="missing"):
        draw_maps(scene, [new_run(class_map=truth)], tmp_path / "missing" / "maps.png")
    assert not list(tmp_path.iterdir())
