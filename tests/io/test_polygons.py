import json

import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode.io import read_scene

rasterio = pytest.importorskip("rasterio")
pyogrio = pytest.importorskip("pyogrio")
shapely = pytest.importorskip("shapely")
features = pytest.importorskip("rasterio.features")
warp = pytest.importorskip("rasterio.warp")

DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}
TRANSFORM = rasterio.Affine(30, 0, 364095, 0, -30, 5809965)


def write_vector(path, geometries, values, *, column="class", kind=None, crs="EPSG:32633", **more):
    """File of geometries with one column."""
    shapes = shapely.from_geojson([json.dumps(geometry) for geometry in geometries])
    types = {shape.geom_type for shape in shapes}
    pyogrio.raw.write(
        path,
        shapely.to_wkb(shapes),
        field_data=[np.array(values, dtype=kind)],
        fields=[column],
        geometry_type=types.pop() if len(types) == 1 else "Unknown",
        crs=crs,
        driver=DRIVERS[path.suffix],
        **more,
    )
    return path


def square(row, col, size=1.0, row_shift=0.0, col_shift=0.0):
    """Polygon over pixels, from the corner of the one at this row and column."""
    rows = [row + row_shift, row + row_shift + size]
    cols = [col + col_shift, col + col_shift + size]
    corners = [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]
    ring = [at(rows[i], cols[j]) for i, j in corners]
    return {"type": "Polygon", "coordinates": [ring]}


def at(row, col):
    return (TRANSFORM.c + 30 * col, TRANSFORM.f - 30 * row)


def point(row, col):
    return {"type": "Point", "coordinates": at(row, col)}


@pytest.fixture
def field(tmp_path, write):
    return write.tif(tmp_path / "field.tif", write.cube())


def vectorised(labels, transform):
    pairs = features.shapes(labels.astype(np.int32), mask=labels != 0, transform=transform)
    shapes, values = zip(*pairs, strict=True)
    return list(shapes), [int(value) for value in values]


@pytest.mark.parametrize("suffix", DRIVERS)
def test_labels_made_polygons_and_rasterised_again_are_the_same(tmp_path, write, field, suffix):
    labels = np.random.default_rng(0).integers(0, 4, (7, 9))
    crs = "EPSG:4326" if suffix == ".geojson" else "EPSG:32633"
    shapes, values = vectorised(labels, TRANSFORM)
    if suffix == ".geojson":
        shapes = warp.transform_geom("EPSG:32633", crs, shapes)
    path = write_vector(tmp_path / f"gt{suffix}", shapes, values, crs=crs)
    scene = read_scene(field, path, class_column="class")
    np.testing.assert_array_equal(scene.labels, labels)
    assert scene.class_names == {}


@pytest.mark.parametrize("suffix", DRIVERS)
def test_polygons_in_degrees_land_on_the_pixels_of_the_enmap_scene(
    tmp_path, data_dir, enmap, suffix
):
    scene, _ = enmap
    shapes, values = vectorised(scene.labels, scene.transform)
    shapes = warp.transform_geom("EPSG:32633", "EPSG:4326", shapes)
    path = write_vector(tmp_path / f"gt{suffix}", shapes, values, crs="EPSG:4326")
    read = read_scene(data_dir / "enmap_potsdam" / "enmap_potsdam.tif", path, class_column="class")
    np.testing.assert_array_equal(read.labels, scene.labels)


def test_a_pixel_belongs_to_the_polygon_that_its_centre_lies_in(tmp_path, field):
    shapes = [
        square(2, 3, 2),
        square(5, 5, 0.9, row_shift=0.2, col_shift=0.2),  # its centre is in
        square(0, 0, 0.4),  # no centre is in
    ]
    path = write_vector(tmp_path / "gt.gpkg", shapes, [1, 2, 3])
    labels = read_scene(field, path, class_column="class").labels
    assert np.argwhere(labels == 1).tolist() == [[2, 3], [2, 4], [3, 3], [3, 4]]
    assert np.argwhere(labels == 2).tolist() == [[5, 5]]
    assert not (labels == 3).any()


def test_points_label_the_pixels_that_they_lie_in(tmp_path, field):
    path = write_vector(tmp_path / "gt.gpkg", [point(0.1, 0.9), point(6.9, 8.1)], [4, 5])
    labels = read_scene(field, path, class_column="class").labels
    assert labels[0, 0] == 4
    assert labels[6, 8] == 5
    assert np.count_nonzero(labels) == 2


def test_the_later_one_of_two_polygons_counts_where_they_overlap(tmp_path, field):
    path = write_vector(tmp_path / "gt.gpkg", [square(0, 0, 3), square(1, 1, 1)], [1, 2])
    labels = read_scene(field, path, class_column="class").labels
    assert labels[1, 1] == 2
    assert (labels == 1).sum() == 8


def test_names_are_numbered_in_sorted_order(tmp_path, field):
    shapes = [square(0, 0), square(1, 1), square(2, 2), square(3, 3), square(4, 4)]
    names = ["oak", "elm", None, "oak", ""]
    path = write_vector(tmp_path / "gt.gpkg", shapes, names, kind=object)
    scene = read_scene(field, path, class_column="class")
    assert scene.labels.diagonal()[:5].tolist() == [2, 1, 0, 2, 0]
    assert scene.class_names == {1: "elm", 2: "oak"}


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_nothing_and_zero_are_unlabelled(tmp_path, field, kind):
    shapes = [square(0, 0), square(1, 1), square(2, 2)]
    gaps = {"field_mask": [np.array([True, False, False])]}
    path = write_vector(tmp_path / "gt.gpkg", shapes, [5, 0, 7], kind=kind, **gaps)
    labels = read_scene(field, path, class_column="class").labels
    assert labels[2, 2] == 7
    assert np.count_nonzero(labels) == 1


def test_codes_beyond_32_bits_stay_apart(tmp_path, field):
    codes = [3_000_000_000, 10_200_500_001, -7]
    shapes = [square(0, 0), square(1, 1), square(2, 2)]
    path = write_vector(tmp_path / "gt.gpkg", shapes, codes)
    labels = read_scene(field, path, class_column="class").labels
    assert labels.diagonal()[:4].tolist() == [*codes, 0]


def test_polygons_without_a_crs_are_in_that_of_the_scene(tmp_path, field):
    path = write_vector(tmp_path / "gt.shp", [square(2, 3)], [1])
    path.with_suffix(".prj").unlink()
    labels = read_scene(field, path, class_column="class").labels
    assert np.argwhere(labels).tolist() == [[2, 3]]


def test_the_layer_with_the_column_is_taken(tmp_path, field):
    path = tmp_path / "gt.gpkg"
    write_vector(path, [square(0, 0)], ["red"], column="style", kind=object, layer="looks")
    write_vector(path, [square(2, 3)], [1], layer="fields")
    labels = read_scene(field, path, class_column="class").labels
    assert np.argwhere(labels).tolist() == [[2, 3]]
    write_vector(path, [square(2, 3)], [1], layer="more")
    with pytest.raises(ValueError, match="column 'class' in the layers fields, more: save"):
        read_scene(field, path, class_column="class")


def test_a_large_scene_takes_polygons_as_well(tmp_path, field, by_window):
    path = write_vector(tmp_path / "gt.gpkg", [square(2, 3)], [1])
    scene = read_scene(field, path, class_column="class")
    X, y = scene.labeled_pixels()
    assert (X.rows[0], X.cols[0], y[0]) == (2, 3, 1)
    assert not scene.is_loaded


def test_a_column_that_is_not_there_or_not_named_is_an_error(tmp_path, field):
    path = write_vector(tmp_path / "gt.gpkg", [square(2, 3)], [1], column="kind")
    with pytest.raises(ValueError, match=r"gt\.gpkg has no column 'class': it has kind"):
        read_scene(field, path, class_column="class")
    with pytest.raises(ValueError, match=r"class_column=\.\.\. .*column of .*gt\.gpkg .* kind"):
        read_scene(field, path)


def test_polygons_outside_the_scene_are_refused(tmp_path, field):
    path = write_vector(tmp_path / "gt.gpkg", [square(100, 100), square(0, 0, 0.1)], [1, 2])
    with pytest.raises(ValueError, match=r"None of the 2 geometries in .*gt\.gpkg covers"):
        read_scene(field, path, class_column="class")


def test_polygons_need_a_georeference(tmp_path):
    np.save(tmp_path / "field.npy", np.ones((7, 9, 3)))
    path = write_vector(tmp_path / "gt.gpkg", [square(2, 3)], [1])
    with pytest.raises(ValueError, match=r"field\.npy has no CRS and transform"):
        read_scene(tmp_path / "field.npy", path, class_column="class")


def test_lines_are_refused(tmp_path, field):
    line = {"type": "LineString", "coordinates": [at(0, 0), at(3, 3)]}
    path = write_vector(tmp_path / "gt.gpkg", [line], [1])
    with pytest.raises(ValueError, match=r"gt\.gpkg holds geometries of type LineString"):
        read_scene(field, path, class_column="class")


def test_fractions_are_no_classes(tmp_path, field):
    path = write_vector(tmp_path / "gt.gpkg", [square(2, 3)], [1.5])
    with pytest.raises(TypeError, match=r"column 'class' of .*gt\.gpkg holds neither"):
        read_scene(field, path, class_column="class")


def write_values(path, *values):
    """GeoJSON of a polygon over each pixel of the diagonal, with numbers as JSON spells them."""
    shapes = [square(place, place) for place in range(len(values))]
    shapes = warp.transform_geom("EPSG:32633", "EPSG:4326", shapes)
    start = '{"type": "Feature", "properties": {"class": '
    features = ", ".join(
        f'{start}{value}}}, "geometry": {json.dumps(shape)}}}'
        for value, shape in zip(values, shapes, strict=True)
    )
    path.write_text(f'{{"type": "FeatureCollection", "features": [{features}]}}')
    return path


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "1e300"])
def test_numbers_that_are_no_integers_of_64_bits_are_no_classes(tmp_path, field, value):
    path = write_values(tmp_path / "gt.geojson", value, 1.0)
    with pytest.raises(TypeError, match=r"column 'class' of .*gt\.geojson .* it holds"):
        read_scene(field, path, class_column="class")


def test_nan_is_unlabelled(tmp_path, field):
    path = write_values(tmp_path / "gt.geojson", "NaN", 2.0)
    labels = read_scene(field, path, class_column="class").labels
    assert labels.diagonal()[:3].tolist() == [0, 2, 0]


@pytest.mark.parametrize("suffix", DRIVERS)
def test_a_broken_file_is_named(tmp_path, field, suffix):
    path = tmp_path / f"gt{suffix}"
    path.write_text("nothing of the kind")
    with pytest.raises(ValueError, match=rf"gt\{suffix} cannot be read as polygons or points"):
        read_scene(field, path, class_column="class")


def test_geojson_by_hand_is_read(tmp_path, field):
    polygon = warp.transform_geom("EPSG:32633", "EPSG:4326", square(2, 3))
    feature = {"type": "Feature", "properties": {"class": "oak"}, "geometry": polygon}
    empty = {"type": "Feature", "properties": {"class": "elm"}, "geometry": None}
    path = tmp_path / "gt.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature, empty]}))
    scene = read_scene(field, path, class_column="class")
    assert isinstance(scene, Scene)
    assert np.argwhere(scene.labels).tolist() == [[2, 3]]
    assert scene.class_names == {1: "oak"}
