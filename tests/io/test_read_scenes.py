"""read_scenes opens several files of one sensor with the bands that all of them have."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import PixelSamples, read_scene, read_scenes
from tests.io.test_polygons import square, write_vector

rasterio = pytest.importorskip("rasterio")


@pytest.fixture
def lines(tmp_path, write):
    """Three flight lines of other lengths, with labels."""
    files = []
    for i, n_rows in enumerate((7, 5, 6)):
        cube = write.cube((n_rows, 9, 6)) + i
        labels = np.arange(n_rows * 9).reshape(n_rows, 9, 1) % 3
        image = write.tif(tmp_path / f"line{i}.tif", cube)
        files.append((image, write.tif(tmp_path / f"truth{i}.tif", labels.astype(np.uint8))))
    return tmp_path, [image for image, _ in files], [truth for _, truth in files]


def test_a_list_and_a_pattern_give_the_scenes_that_read_scene_gives(lines):
    folder, images, truths = lines
    alone = [read_scene(*files) for files in zip(images, truths, strict=True)]
    for scenes in (
        read_scenes(images, truths),
        read_scenes(str(folder / "line*.tif"), folder / "truth?.tif"),
        read_scenes(tuple(map(str, images)), folder / "**/truth*.tif"),
    ):
        assert [scene.name for scene in scenes] == ["line0", "line1", "line2"]
        for scene, expected in zip(scenes, alone, strict=True):
            np.testing.assert_array_equal(scene.cube, expected.cube)
            np.testing.assert_array_equal(scene.labels, expected.labels)
            assert scene.files == expected.files


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path, write):
    file = write.tif(tmp_path / "line[1].tif", write.cube())
    assert read_scenes(str(file))[0].files == (file,)


def test_images_may_be_without_labels(lines):
    _, images, truths = lines
    scenes = read_scenes(images, [truths[0], None, truths[2]])
    assert [scene.labels is None for scene in scenes] == [False, True, False]
    assert all(scene.labels is None for scene in read_scenes(images))


@pytest.mark.parametrize("is_lazy", [False, True])
def test_a_band_that_is_bad_in_one_file_is_left_out_of_all(
    tmp_path, write, request, is_lazy, caplog
):
    if is_lazy:
        request.getfixturevalue("by_window")
    cubes = [write.cube() for _ in range(3)]
    tags = [[{"bbl": "1"}] * 6 for _ in cubes]
    tags[0][1] = tags[2][4] = {"bbl": "0"}
    cubes[1][:2, :, 1] = -1  # nodata in a band that is bad elsewhere masks no pixel
    for i, (cube, of_bands) in enumerate(zip(cubes, tags, strict=True)):
        write.tif(tmp_path / f"{i}.tif", cube, tags=of_bands, nodata=-1)
    scenes = read_scenes(f"{tmp_path}/*.tif")
    for scene, cube in zip(scenes, cubes, strict=True):
        assert scene.is_loaded != is_lazy
        assert list(scene.dropped_bands) == [2, 5]
        assert scene.mask.all()
        np.testing.assert_array_equal(scene.cube, cube[:, :, [0, 2, 3, 5]])
    assert scenes[0].dropped_bands == {2: "marked as bad", 5: "marked as bad in 2.tif"}
    assert scenes[1].dropped_bands == {2: "marked as bad in 0.tif", 5: "marked as bad in 2.tif"}
    whole = read_scenes(f"{tmp_path}/*.tif", drop_bad_bands=False)
    assert [scene.n_bands for scene in whole] == [6, 6, 6]


def test_a_band_without_data_in_one_file_is_left_out_of_all(tmp_path, write):
    cubes = [write.cube(), write.cube()]
    cubes[1][:, :, 3] = -1
    for i, cube in enumerate(cubes):
        write.tif(tmp_path / f"{i}.tif", cube, nodata=-1)
    first, second = read_scenes(f"{tmp_path}/*.tif")
    assert (first.n_bands, second.n_bands) == (5, 5)
    assert first.dropped_bands == {4: "no data in 1.tif"}
    assert second.dropped_bands == {4: "no data"}


def test_bands_that_are_bad_in_one_file_or_another_may_not_be_all(tmp_path, write):
    for i, bad in enumerate(((0, 1), (1, 0))):
        tags = [{"bbl": str(good)} for good in bad]
        write.tif(tmp_path / f"{i}.tif", write.cube((3, 3, 2)), tags=tags)
    with pytest.raises(ValueError, match="Each of the 2 bands is bad in one image or another"):
        read_scenes(f"{tmp_path}/*.tif")


def test_names_of_classes_in_polygons_have_one_number_in_all_files(tmp_path, write):
    images = [write.tif(tmp_path / f"line{i}.tif", write.cube()) for i in range(2)]
    fields = [["tree", "grass"], ["roof", "tree"]]
    truths = [
        write_vector(tmp_path / f"{i}.gpkg", [square(0, 0), square(2, 3)], names)
        for i, names in enumerate(fields)
    ]
    scenes = read_scenes(images, truths, class_column="class")
    assert [scene.class_names for scene in scenes] == [{1: "grass", 2: "roof", 3: "tree"}] * 2
    for scene, names in zip(scenes, fields, strict=True):
        assert [scene.class_names[scene.labels[place]] for place in ((0, 0), (2, 3))] == names
        assert np.count_nonzero(scene.labels) == 2
    X = PixelSamples.concatenate([scene.labeled_pixels()[0] for scene in scenes])
    assert X.class_names == {1: "grass", 2: "roof", 3: "tree"}


def test_numbers_of_classes_in_polygons_stay_but_do_not_mix_with_names(tmp_path, write):
    images = [write.tif(tmp_path / f"line{i}.tif", write.cube()) for i in range(2)]
    numbers, names = (
        write_vector(tmp_path / f"{what}.gpkg", [square(0, 0)], [value])
        for what, value in (("numbers", 7), ("names", "tree"))
    )
    scenes = read_scenes(images, [numbers, numbers], class_column="class")
    assert [scene.labels[0, 0] for scene in scenes] == [7, 7]
    with pytest.raises(TypeError, match="names in some of the labels, and numbers in others"):
        read_scenes(images, [numbers, names], class_column="class")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda f, i, t: ([],), ValueError, "images must hold one file"),
        (lambda f, i, t: (i, []), ValueError, "labels must hold one file"),
        (lambda f, i, t: (i, t[:2]), ValueError, "3 images, but 2 labels: .* None"),
        (lambda f, i, t: (i, f / "truth[01].tif"), ValueError, "3 images, but 2 labels"),
        (lambda f, i, t: (f / "flight*.tif",), FileNotFoundError, r"images: .*flight\*\.tif"),
        (lambda f, i, t: (i, str(f / "x*")), FileNotFoundError, "labels: there is no file"),
        (lambda f, i, t: ([f / "flight.tif"],), FileNotFoundError, "There is no file"),
        (lambda f, i, t: (f.glob("*.tif"),), TypeError, "images must be a list .* sorted"),
        (lambda f, i, t: (i, np.zeros((3, 9))), TypeError, "labels must be a list"),
        (lambda f, i, t: (3,), TypeError, "images must be a list of files, or a pattern"),
        (lambda f, i, t: ("a\0b",), FileNotFoundError, "images"),
        (lambda f, i, t: ([i[0], 3],), TypeError, "path"),
    ],
)
def test_what_does_not_fit_is_refused(lines, arguments, error, message):
    with pytest.raises(error, match=message):
        read_scenes(*arguments(*lines))


def test_images_of_other_bands_are_refused_by_name(tmp_path, write):
    files = [write.tif(tmp_path / f"{n}.tif", write.cube((3, 3, n))) for n in (2, 3)]
    with pytest.raises(ValueError, match=r"2\.tif has 2 bands, but .*3\.tif has 3"):
        read_scenes(files)
    tags = [
        [{"wavelength": str(first), "wavelength_units": "nm"}, {"wavelength": "700"}]
        for first in (500, 502)
    ]
    files = [
        write.tif(tmp_path / f"at{i}.tif", write.cube((3, 3, 2)), tags=one)
        for i, one in enumerate(tags)
    ]
    with pytest.raises(ValueError, match=r"scenes 0 and 1, .* band 1 \(500 and 502 nm\)"):
        read_scenes(files)


@pytest.fixture
def enmap_parts(tmp_path, data_dir, write):
    """The EnMAP scene and its labels, cut into five strips as files."""
    for what in ("enmap_potsdam", "enmap_potsdam_labels"):
        with rasterio.open(data_dir / "enmap_potsdam" / f"{what}.tif") as file:
            image, tags = file.read().transpose(1, 2, 0), [file.tags(i) for i in file.indexes]
            nodata = file.nodata
        for i, strip in enumerate(np.array_split(image, 5)):
            write.tif(tmp_path / f"{what}_{i}.tif", strip, tags=tags, nodata=nodata)
    return tmp_path


def test_five_parts_of_enmap_are_held_out_one_by_one(enmap_parts, enmap, monkeypatch):
    monkeypatch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
    scenes = read_scenes(
        enmap_parts / "enmap_potsdam_[0-4].tif", enmap_parts / "enmap_potsdam_labels_*.tif"
    )
    assert not any(scene.is_loaded for scene in scenes)
    Xs, ys = zip(*(scene.labeled_pixels() for scene in scenes), strict=True)
    X, y = PixelSamples.concatenate(Xs), np.concatenate(ys)
    whole, labels = enmap[0].labeled_pixels()
    np.testing.assert_array_equal(np.asarray(X), np.asarray(whole))
    np.testing.assert_array_equal(y, labels)
    model = make_pipeline(StandardScaler(), SVC())
    X, y = X[::4], y[::4]
    scores = cross_val_score(model, X, y, cv=LeaveOneGroupOut(), groups=X.image)
    assert len(scores) == 5
    assert scores.mean() > 0.5


def test_two_patterns_are_paired_by_name_and_not_by_order(tmp_path):
    for line in (1, 2, 10):
        np.save(tmp_path / f"line{line}.npy", np.ones((4, 5, 3)))
        (tmp_path / "truth").mkdir(exist_ok=True)
        np.save(tmp_path / "truth" / f"line{line}_gt.npy", np.full((4, 5), line))
    scenes = read_scenes(f"{tmp_path}/line*.npy", f"{tmp_path}/truth/line*_gt.npy")
    assert [(scene.name, scene.classes.tolist()) for scene in scenes] == [
        ("line1", [1]),
        ("line10", [10]),
        ("line2", [2]),
    ]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ("*.npy", "truth/b*.npy", "'a' is what .* of the images alone"),
        ("[ab].npy", "truth/*.npy", "'a' is what .* of the images alone"),
    ],
)
def test_patterns_that_do_not_pair_are_an_error(tmp_path, images, labels, message):
    (tmp_path / "truth").mkdir()
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.ones((4, 5, 3)))
        np.save(tmp_path / "truth" / f"b{name}.npy", np.ones((4, 5), dtype=int))
    (tmp_path / "truth" / "ba.npy").rename(tmp_path / "truth" / "bc.npy")
    with pytest.raises(ValueError, match=message):
        read_scenes(f"{tmp_path}/{images}", f"{tmp_path}/{labels}")


def test_an_image_that_is_there_twice_is_an_error(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 5, 3)))
    with pytest.raises(ValueError, match=r"images holds .*a\.npy twice"):
        read_scenes([tmp_path / "a.npy", f"{tmp_path}/./a.npy"])
