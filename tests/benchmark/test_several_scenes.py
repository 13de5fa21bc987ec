"""A benchmark on several scenes is one on the pixels of all of them."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.neighbors import KNeighborsClassifier

from sklearn_hsiode import PixelSamples, Scene, save_model
from sklearn_hsiode.benchmark import draw_maps, results_table, run_benchmark, write_tables
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.metrics import per_class_accuracy_score
from sklearn_hsiode.model_selection import SpatialBlockKFold

NEAREST = {"nearest": KNeighborsClassifier(1)}


@pytest.fixture(scope="module")
def scenes():
    """Two scenes with three classes, and one without the third."""
    made = [make_scene((20 + i, 24), n_bands=8, n_classes=3, random_state=i) for i in range(3)]
    labels = np.where(made[2].labels == 3, 0, made[2].labels)
    names = [{1: "water"}, {2: "tree"}, {}]
    return [
        Scene(scene.cube, raster, class_names=of_classes)
        for scene, raster, of_classes in zip(
            made, [made[0].labels, made[1].labels, labels], names, strict=True
        )
    ]


@pytest.fixture(scope="module")
def pixels_of_all(scenes):
    Xs, ys = zip(*(scene.labeled_pixels() for scene in scenes), strict=True)
    return PixelSamples.concatenate(Xs), np.concatenate(ys)


def bench(scenes, cv, **options):
    return run_benchmark(scenes, NEAREST, cv, progress=False, **options)


def test_whole_images_are_held_out_by_their_numbers(scenes, pixels_of_all):
    X, y = pixels_of_all
    runs = bench(scenes, LeaveOneGroupOut(), groups=X.image, patch_size=5)
    assert len(runs) == 3
    for run, (train, test) in zip(runs, LeaveOneGroupOut().split(X, y, X.image), strict=True):
        predicted = KNeighborsClassifier(1).fit(X[train], y[train]).predict(X[test])
        assert run.overall_accuracy == np.mean(predicted == y[test])
        expected = per_class_accuracy_score(y[test], predicted, labels=[1, 2, 3])
        np.testing.assert_array_equal(np.array(run.per_class_accuracy, dtype=float), expected)
        assert run.patch_overlap == [0, 0]
        assert run.class_map is None
    assert runs[2].per_class_accuracy[2] is None


def test_it_goes_on_where_it_stood_with_the_same_scenes_in_the_same_order(scenes, tmp_path):
    cv = SpatialBlockKFold(2, 8, buffer=2)
    runs = bench(scenes, cv, folder=tmp_path)
    before = (tmp_path / "runs.jsonl").read_bytes()
    again = bench(tuple(scenes), cv, folder=tmp_path)
    assert [run.as_record() for run in again] == [run.as_record() for run in runs]
    assert (tmp_path / "runs.jsonl").read_bytes() == before
    assert not (tmp_path / "class_maps").exists()
    with pytest.raises(ValueError, match="other settings"):
        bench(scenes[::-1], cv, folder=tmp_path)


def test_a_list_of_one_scene_is_that_scene(scenes, tmp_path):
    cv = SpatialBlockKFold(2, 8, buffer=2)
    bench(scenes[0], cv, folder=tmp_path)
    (first, *_) = bench(scenes[:1], cv, folder=tmp_path)
    assert first.class_map is not None


def test_tables_name_the_classes_of_all_scenes_and_maps_are_of_one(scenes, tmp_path):
    runs = bench(scenes, SpatialBlockKFold(2, 8, buffer=2))
    table = results_table(scenes, runs)
    assert all(f"| {name} " in table for name in ("water", "tree", "3"))
    assert {path.name for path in write_tables(scenes, runs, tmp_path)} >= {"table.md"}
    with pytest.raises(TypeError, match=r"'scene' parameter of draw_maps must be .*Scene"):
        draw_maps(scenes, runs, tmp_path / "maps.png")


@pytest.mark.parametrize(
    ("scene", "error", "message"),
    [
        (lambda s: [], ValueError, "scene must be a Scene, or a list of one"),
        (lambda s: [s[0], 3], TypeError, "scene must be a Scene, or a list of them, got 3"),
        (lambda s: [s[0], Scene(np.zeros((2, 2, 3)))], ValueError, "same bands"),
        (
            lambda s: [s[0], Scene(s[1].cube, s[1].labels, class_names={1: "roof"})],
            ValueError,
            "'water' in one scene and 'roof'",
        ),
    ],
)
def test_what_are_no_scenes_of_the_same_bands_is_refused(scenes, tmp_path, scene, error, message):
    with pytest.raises(error, match=message):
        bench(scene(scenes), SpatialBlockKFold())
    fitted = KNeighborsClassifier(1).fit([[0], [1]], [0, 1])
    with pytest.raises(error, match=message):
        save_model(fitted, tmp_path / "m", scene=scene(scenes))
