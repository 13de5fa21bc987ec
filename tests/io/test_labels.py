import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sklearn_hsiode import predict_map
from sklearn_hsiode.io import read_scene

rasterio = pytest.importorskip("rasterio")
LABELS = np.arange(63, dtype=np.uint8).reshape(7, 9, 1) % 4


@pytest.fixture
def field(tmp_path, write):
    return write.tif(tmp_path / "field.tif", write.cube())


def test_nodata_of_a_label_raster_is_unlabelled(tmp_path, write, field):
    labels = read_scene(field, write.tif(tmp_path / "gt.tif", LABELS, nodata=3)).labels
    np.testing.assert_array_equal(labels, np.where(LABELS == 3, 0, LABELS)[:, :, 0])
    floats = np.where(LABELS == 3, np.nan, LABELS).astype(np.float32)
    labels = read_scene(field, write.tif(tmp_path / "gt.tif", floats)).labels
    np.testing.assert_array_equal(labels, np.where(LABELS == 3, 0, LABELS)[:, :, 0])
    assert labels.dtype == np.int64


def test_class_names_are_in_the_tags(tmp_path, write, field):
    path = write.tif(tmp_path / "gt.tif", LABELS, tags=[{"class_1": "oak", "class_3": "elm"}])
    assert read_scene(field, path).class_names == {1: "oak", 3: "elm"}
    assert read_scene(field, write.tif(path, LABELS)).class_names == {}


def test_a_map_of_ours_is_read_as_labels_with_its_class_names(tmp_path, write, field):
    path = write.tif(tmp_path / "gt.tif", LABELS, tags=[{"class_1": "oak", "class_2": "elm"}])
    scene = read_scene(field, path)
    model = LinearDiscriminantAnalysis().fit(*scene.labeled_pixels())
    again = read_scene(field, predict_map(model, scene, out=tmp_path / "map.tif"))
    np.testing.assert_array_equal(again.labels, predict_map(model, scene))
    assert again.class_names[1] == "oak"
    assert again.class_names[2] == "elm"


def test_rasters_and_arrays_go_together(tmp_path, write, field):
    np.save(tmp_path / "gt.npy", LABELS[:, :, 0])
    np.testing.assert_array_equal(read_scene(field, tmp_path / "gt.npy").labels, LABELS[:, :, 0])
    np.save(tmp_path / "cube.npy", write.cube())
    path = write.tif(tmp_path / "gt.tif", LABELS)
    np.testing.assert_array_equal(read_scene(tmp_path / "cube.npy", path).labels, LABELS[:, :, 0])


@pytest.mark.parametrize(
    ("labels", "profile", "message"),
    [
        (LABELS[:6], {}, r"gt\.tif has 6 x 9 pixels, but .*field\.tif has 7 x 9"),
        (
            LABELS,
            {"crs": "EPSG:32632"},
            r"gt\.tif is in EPSG:32632, but .*field\.tif is in EPSG",
        ),
        (
            LABELS,
            {"transform": rasterio.Affine(30, 0, 364110, 0, -30, 5809965)},
            r"gt\.tif lies up to 0\.5 pixels beside .*field\.tif",
        ),
        (
            LABELS,
            {"transform": rasterio.Affine(10, 0, 364095, 0, -10, 5809965)},
            r"gt\.tif lies up to 6 pixels beside",
        ),
        (np.dstack([LABELS, LABELS]), {}, r"gt\.tif must hold one band .* it has 2 bands"),
    ],
    ids=["size", "crs", "place", "pixel", "bands"],
)
def test_a_raster_beside_the_grid_is_refused(tmp_path, write, field, labels, profile, message):
    path = write.tif(tmp_path / "gt.tif", labels, **profile)
    with pytest.raises(ValueError, match=message):
        read_scene(field, path)


def test_a_grid_that_differs_by_rounding_alone_is_the_same(tmp_path, write, field):
    transform = rasterio.Affine(30, 0, 364095.0001, 0, -30, 5809965)
    path = write.tif(tmp_path / "gt.tif", LABELS, transform=transform)
    assert read_scene(field, path).labels.any()


def test_fractions_in_a_raster_are_no_labels(tmp_path, write, field):
    path = write.tif(tmp_path / "gt.tif", (LABELS + 0.5).astype(np.float32))
    with pytest.raises(TypeError, match=r"gt\.tif: labels must be integers"):
        read_scene(field, path)


def test_missing_labels_are_named(tmp_path, field):
    with pytest.raises(FileNotFoundError, match=r"no file .*gt\.tif"):
        read_scene(field, tmp_path / "gt.tif")


def test_what_is_said_of_another_kind_of_labels_is_refused(tmp_path, write, field):
    path = write.tif(tmp_path / "gt.tif", LABELS)
    with pytest.raises(ValueError, match=r"class_column is for \.gpkg, .* not for .*gt\.tif"):
        read_scene(field, path, class_column="class")
    with pytest.raises(ValueError, match=r"labels_variable is for \.mat, .* not for .*gt\.tif"):
        read_scene(field, path, labels_variable="gt")


@pytest.mark.parametrize("argument", ["labels_variable", "class_column"])
@pytest.mark.parametrize("labels", [None, LABELS[:, :, 0]], ids=["no labels", "an array"])
def test_what_is_said_of_labels_in_a_file_is_refused_without_one(field, argument, labels):
    with pytest.raises(ValueError, match=f"{argument}='x' is for labels in a file, .* pass its"):
        read_scene(field, labels, **{argument: "x"})


def test_numbers_beyond_64_bits_are_no_labels(field):
    with pytest.raises(TypeError, match=r"labels must be integers, but some .* 64 bits"):
        read_scene(field, LABELS[:, :, 0] * 1e300)
