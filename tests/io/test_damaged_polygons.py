"""Files of polygons that are cut, or whose parts do not fit together."""

import json
import sqlite3
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_hsiode.io import read_scene

pyogrio = pytest.importorskip("pyogrio")
shapely = pytest.importorskip("shapely")
rasterio = pytest.importorskip("rasterio")

DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}
PARTS = [".gpkg", ".geojson", ".fgb", ".shp", ".shx", ".dbf"]
N_SHAPES = 20
LEFT, TOP = 364095, 5809965


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image and its labels in each format: a square over each pixel of a diagonal."""
    folder = tmp_path_factory.mktemp("whole")
    about = {"width": N_SHAPES, "height": N_SHAPES, "count": 2, "dtype": "uint8"}
    about |= {"crs": "EPSG:32633", "transform": rasterio.Affine(30, 0, LEFT, 0, -30, TOP)}
    with rasterio.open(folder / "field.tif", "w", driver="GTiff", **about) as file:
        file.write(np.ones((2, N_SHAPES, N_SHAPES), dtype=np.uint8))
    for suffix in DRIVERS:
        write(folder / f"gt{suffix}", squares(N_SHAPES), np.arange(N_SHAPES) % 3 + 1)
    return folder


def squares(n):
    corners = [(LEFT + 30 * i, TOP - 30 * i) for i in range(n)]
    return [shapely.box(x, y - 30, x + 30, y) for x, y in corners]


def write(path, shapes, classes, *, geometry_type="Polygon", **more):
    """File of shapes, with their classes as numbers and as names."""
    names = np.array(["oak", "elm", "wheat"], dtype=object)[np.arange(len(shapes)) % 3]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, dtype=object)),
        field_data=[names, np.asarray(classes)],
        fields=["name", "class"],
        geometry_type=geometry_type,
        driver=DRIVERS[path.suffix],
        **{"crs": "EPSG:32633", **more},
    )
    return path


def copied(folder, suffix, to):
    """Copy of all files of a format."""
    beside = [".shp", ".shx", ".dbf", ".prj"] if suffix in (".shp", ".shx", ".dbf") else [suffix]
    for part in beside:
        (to / f"gt{part}").write_bytes((folder / f"gt{part}").read_bytes())
    return to / f"gt{beside[0]}"


def labels(folder, path, column="class"):
    return read_scene(folder / "field.tif", path, class_column=column).labels


@pytest.mark.parametrize("part", PARTS)
def test_a_file_that_is_cut_is_an_error_that_names_it_or_reads_as_before(
    folder, tmp_path_factory, part
):
    whole = (folder / f"gt{part}").read_bytes()
    path = copied(folder, part, tmp_path_factory.mktemp("cut"))
    truth = labels(folder, path)

    @given(st.one_of(st.integers(1, 200), st.integers(1, len(whole))))
    @settings(max_examples=25, deadline=None)
    def cut(n_bytes):
        path.with_suffix(part).write_bytes(whole[:-n_bytes])
        found = error = None
        try:
            found = labels(folder, path)
        except ValueError as raised:
            error = str(raised)
        if error is None:
            np.testing.assert_array_equal(found, truth)
        else:
            assert str(path) in error

    cut()


@pytest.mark.parametrize("part", [".shp", ".shx", ".fgb"])
def test_bytes_at_the_end_that_belong_to_nothing_are_an_error(folder, tmp_path, part):
    path = copied(folder, part, tmp_path)
    with path.with_suffix(part).open("ab") as file:
        file.write(bytes(40))
    with pytest.raises(ValueError, match=rf"{path} cannot be read .* bytes"):
        labels(folder, path)


@pytest.mark.parametrize("part", [".shx", ".dbf"])
def test_a_shapefile_without_one_of_its_parts_is_an_error(folder, tmp_path, part):
    path = copied(folder, ".shp", tmp_path)
    path.with_suffix(part).unlink()
    with pytest.raises(ValueError, match=rf"{path} .*gt\{part}.* does not lie beside it"):
        labels(folder, path)


def test_the_parts_of_a_shapefile_may_be_in_capitals(folder, tmp_path):
    copied(folder, ".shp", tmp_path)
    for part in (".shp", ".shx", ".dbf", ".prj"):
        (tmp_path / f"gt{part}").rename(tmp_path / f"gt{part.upper()}")
    np.testing.assert_array_equal(
        labels(folder, tmp_path / "gt.SHP"), labels(folder, folder / "gt.shp")
    )


@pytest.mark.parametrize("part", [".fgb", ".gpkg"])
def test_a_coordinate_outside_of_the_bounds_of_its_shape_is_an_error(folder, tmp_path, part):
    path = copied(folder, part, tmp_path)
    x, moved = (struct.pack("<d", LEFT + 30 * i) for i in (5, 7))
    content = path.read_bytes()
    last = content.rindex(x)
    path.write_bytes(content[:last] + moved + content[last + 8 :])
    with pytest.raises(ValueError, match=rf"{path} cannot be read .*(bounds|closed)"):
        labels(folder, path)


def test_bounds_in_a_shapefile_that_are_not_those_of_the_shape_are_warned_of(folder, tmp_path):
    path = copied(folder, ".shp", tmp_path)
    content = bytearray(path.read_bytes())
    content[112:144] = bytes(32)  # of the first shape, as some writers leave them
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=rf"{path}: shape 1 has other bounds than it tells"):
        found = labels(folder, path)
    np.testing.assert_array_equal(found, labels(folder, folder / "gt.shp"))


def test_bytes_behind_the_records_of_a_shapefile_do_not_matter(folder, tmp_path):
    path = copied(folder, ".dbf", tmp_path)
    with path.with_suffix(".dbf").open("ab") as file:
        file.write(bytes(40))
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / "gt.shp"))


def test_a_prj_of_an_unknown_crs_is_none(folder, tmp_path):
    path = copied(folder, ".shp", tmp_path)
    path.with_suffix(".prj").write_text("{B286C06B-0879-11D2-AACA-00C04FA33C20}\n")
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / "gt.shp"))


def test_a_geojson_may_tell_its_crs_as_a_number(folder, tmp_path):
    path = tmp_path / "gt.geojson"
    content = json.loads((folder / "gt.geojson").read_text())
    content["crs"] = {"type": "EPSG", "properties": {"code": 32633}}
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / "gt.geojson"))


def test_a_number_in_a_shapefile_that_is_none_is_an_error(folder, tmp_path):
    path = copied(folder, ".dbf", tmp_path)
    content = bytearray(path.with_suffix(".dbf").read_bytes())
    content[-2] = ord("q")  # the last digit, before the mark of the end
    path.with_suffix(".dbf").write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path} .* where a number should be"):
        labels(folder, path)


def test_a_text_in_a_shapefile_with_control_characters_is_an_error(folder, tmp_path):
    path = copied(folder, ".dbf", tmp_path)
    content = path.with_suffix(".dbf").read_bytes()
    path.with_suffix(".dbf").write_bytes(content.replace(b"wheat  ", b"wheat \x01", 1))
    with pytest.raises(ValueError, match=rf"{path} .* where a text should be"):
        labels(folder, path)


def test_features_that_are_deleted_from_a_shapefile_do_not_count(folder, tmp_path):
    path = copied(folder, ".dbf", tmp_path)
    content = bytearray(path.with_suffix(".dbf").read_bytes())
    start, size = struct.unpack_from("<HH", content, 8)
    content[start + 3 * size] = ord("*")
    path.with_suffix(".dbf").write_bytes(content)
    expected = labels(folder, folder / "gt.shp").copy()
    expected[3, 3] = 0
    np.testing.assert_array_equal(labels(folder, path), expected)


@pytest.mark.parametrize("content", ["PROJCS[nonsense", "EPSG:99999"])
def test_a_prj_that_makes_no_sense_is_an_error(folder, tmp_path, content):
    path = copied(folder, ".shp", tmp_path)
    path.with_suffix(".prj").write_text(content)
    with pytest.raises(ValueError, match=rf"{path} .*coordinate reference system"):
        labels(folder, path)


def test_a_damaged_table_of_a_geopackage_is_an_error(folder, tmp_path):
    path = copied(folder, ".gpkg", tmp_path)
    content = path.read_bytes()
    place = content.rindex(b"wheat") - 500  # within the records
    path.write_bytes(content[:place] + b"\xff" * 200 + content[place + 200 :])
    with pytest.raises(ValueError, match=rf"{path} cannot be read"):
        labels(folder, path)


def test_names_in_a_geopackage_that_are_no_text_are_an_error(folder, tmp_path):
    path = copied(folder, ".gpkg", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"wheat", b"\xff\xfeeat"))
    with pytest.raises(ValueError, match=rf"{path} cannot be read"):
        labels(folder, path, "name")
    path.write_bytes(path.read_bytes().replace(b"class", b"\xff\xfeass"))
    with pytest.raises(ValueError, match=rf"{path}"):
        labels(folder, path)


def test_another_table_in_a_geopackage_does_not_matter(folder, tmp_path):
    path = copied(folder, ".gpkg", tmp_path)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (anything)")  # a column that GDAL warns of
    database.close()
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / "gt.gpkg"))


def test_a_geometry_of_a_geopackage_that_is_none_is_an_error(folder, tmp_path):
    path = copied(folder, ".gpkg", tmp_path)
    with sqlite3.connect(path) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE gt SET geom = x'475000' WHERE fid = 7")
    database.close()
    with pytest.raises(ValueError, match=rf"{path} cannot be read"):
        labels(folder, path)


def test_a_geopackage_whose_crs_is_not_there_is_an_error(folder, tmp_path):
    path = copied(folder, ".gpkg", tmp_path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gpkg_geometry_columns SET srs_id = 5")
        database.execute("UPDATE gpkg_contents SET srs_id = 5")
    database.close()
    with pytest.raises(ValueError, match=rf"{path} cannot be read"):
        labels(folder, path)


def feature(properties, geometry):
    return {"type": "Feature", "properties": properties, "geometry": geometry}


@pytest.mark.parametrize(
    "strange",
    [
        5,
        {"type": "Feature", "properties": {"class": 1}},
        feature({"class": 1}, {"type": "Point", "coordinates": ["a", "b"]}),
        feature({"class": 1}, {"type": "Point", "coordinates": [1]}),
        feature({"class": 1}, {"type": "Point", "coordinates": [float("nan"), 52]}),
        feature({"class": 1}, {"type": "Point", "coordinates": [1e999, 52]}),
        feature({"class": 1}, {"type": "Polygon", "coordinates": [[[13, 52], [14, 53], [13, 53]]]}),
        feature({"class": 1}, {"type": "Circle", "coordinates": [13, 52]}),
        feature([1], {"type": "Point", "coordinates": [13, 52]}),
        feature({"class": 1}, {"type": "GeometryCollection", "geometries": [
            {"type": "Point", "coordinates": [13, 52]},
        ]}),
    ],
)  # fmt: skip
def test_a_feature_of_a_geojson_that_is_none_is_an_error(folder, tmp_path, strange):
    path = tmp_path / "gt.geojson"
    good = feature({"class": 2}, {"type": "Point", "coordinates": [13, 52.4]})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [good, strange]}))
    with pytest.raises(ValueError, match=rf"{path}"):
        labels(folder, path)


@pytest.mark.parametrize(
    "content",
    ["[]", "5", "null", '{"type": "Topology"}', '{"type": [], "features": []}', "[" * 100_000],
)
def test_a_file_that_is_no_collection_of_features_is_an_error(folder, tmp_path, content):
    path = tmp_path / "gt.geojson"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"{path} cannot be read as polygons or points"):
        labels(folder, path)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp"])
def test_coordinates_in_metres_that_should_be_degrees_are_an_error(folder, tmp_path, suffix):
    path = write(tmp_path / f"gt{suffix}", squares(3), [1, 2, 3], crs="EPSG:4326")
    with pytest.raises(ValueError, match=rf"{path} has coordinates .* which are no degrees"):
        labels(folder, path)


@pytest.mark.parametrize("name", ["EPSG:99999", "nonsense", ""])
def test_a_crs_that_a_geojson_does_not_know_is_an_error(folder, tmp_path, name):
    path = tmp_path / "gt.geojson"
    content = json.loads((folder / "gt.geojson").read_text())
    content["crs"] = {"type": "name", "properties": {"name": name}}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"{path} cannot be read"):
        labels(folder, path)


@pytest.mark.filterwarnings("ignore:.*has other bounds than it tells")
@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_coordinates_that_are_no_place_are_an_error(folder, tmp_path, suffix, value):
    place = LEFT + 100.25
    shapes = [*squares(3), shapely.Polygon([(LEFT, TOP), (place, TOP), (LEFT, TOP - 60)])]
    path = write(tmp_path / f"gt{suffix}", shapes, [1, 2, 3, 1])
    content = path.read_bytes().replace(struct.pack("<d", place), struct.pack("<d", value))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{path}"):
        labels(folder, path)


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb"])
def test_heights_do_not_count(folder, tmp_path, suffix):
    shapes = [shapely.force_3d(shape, 100.0) for shape in squares(N_SHAPES)]
    path = tmp_path / f"gt{suffix}"
    write(path, shapes, np.arange(N_SHAPES) % 3 + 1, geometry_type="Polygon Z")
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / f"gt{suffix}"))


def test_measures_do_not_count(folder, tmp_path):
    path = tmp_path / "gt.geojson"
    content = json.loads((folder / "gt.geojson").read_text())
    for row in content["features"]:
        (ring,) = row["geometry"]["coordinates"]
        row["geometry"]["coordinates"] = [[[*point[:2], 5, 7] for point in ring]]
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / "gt.geojson"))


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb"])
def test_features_without_a_shape_are_told_of_and_do_not_count(folder, tmp_path, suffix, caplog):
    shapes = [squares(3)[0], None, shapely.Polygon(), squares(3)[2]]
    more = {"SPATIAL_INDEX": "NO"} if suffix == ".fgb" else {}
    path = write(tmp_path / f"gt{suffix}", shapes, [1, 2, 3, 4], **more)
    assert labels(folder, path).diagonal()[:4].tolist() == [1, 0, 4, 0]
    assert f"{path}: 2 of its 4 features have no geometry" in caplog.text


def test_arcs_are_read(folder, tmp_path):
    ring = [(LEFT, TOP), (LEFT + 60, TOP), (LEFT + 60, TOP - 60), (LEFT, TOP - 60), (LEFT, TOP)]
    arcs = struct.pack("<BII", 1, 8, 5) + b"".join(struct.pack("<2d", *point) for point in ring)
    path = tmp_path / "gt.gpkg"
    pyogrio.raw.write(
        path,
        np.array([struct.pack("<BII", 1, 10, 1) + arcs], dtype=object),  # a curve polygon
        field_data=[np.array([3])],
        fields=["class"],
        geometry_type="Unknown",
        crs="EPSG:32633",
        driver="GPKG",
    )
    assert labels(folder, path).diagonal()[:3].tolist() == [3, 3, 0]


def test_large_numbers_beside_gaps_are_an_error(folder, tmp_path):
    gaps = {"field_mask": [None, np.array([True, False, False])]}
    path = write(tmp_path / "gt.gpkg", squares(3), [1, 2**53 + 1, 2], **gaps)
    with pytest.raises(ValueError, match=rf"{path} .*column 'class' has gaps"):
        labels(folder, path)


def test_a_column_of_numbers_and_names_matters_where_it_holds_the_classes(folder, tmp_path):
    path = tmp_path / "gt.geojson"
    content = json.loads((folder / "gt.geojson").read_text())
    for i, row in enumerate(content["features"]):
        row["properties"]["mixed"] = "wheat" if i % 2 else 1
        row["properties"]["nested"] = {"a": [1]}
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(labels(folder, path), labels(folder, folder / "gt.geojson"))
    for column in ("mixed", "nested"):
        with pytest.raises(TypeError, match=rf"column '{column}' of {path} holds neither"):
            labels(folder, path, column)


@pytest.mark.parametrize("change", [lambda prj: prj * 2, lambda prj: prj[:-3], lambda prj: prj[5:]])
def test_a_prj_defines_one_crs(folder, tmp_path, change):
    path = copied(folder, ".dbf", tmp_path)
    path.with_suffix(".prj").write_bytes(change((folder / "gt.prj").read_bytes()))
    with pytest.raises(ValueError, match=rf"{path} "):
        labels(folder, path)
