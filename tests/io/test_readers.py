import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn

from sklearn_hsiode.io import read_scene
from sklearn_hsiode.io.readers import READERS, ArraySource

LABELS = np.arange(63).reshape(7, 9) % 4


def read_xyz(path, *, variable="values", grid=None):
    held = json.loads(path.read_text())
    array = np.array(held[variable])
    names = {1: "oak"} if grid is not None else None
    return ArraySource(path=path, array=array, class_names=names)


@pytest.fixture
def xyz(tmp_path, write, monkeypatch):
    """A format of the user's, and a file of it."""
    monkeypatch.setitem(READERS, ".xyz", read_xyz)
    path = tmp_path / "field.XYZ"
    arrays = {"values": write.cube(), "gt": LABELS, "half": LABELS + 0.5, "rest": LABELS[:5]}
    path.write_text(json.dumps({name: array.tolist() for name, array in arrays.items()}))
    return path


def test_a_reader_that_is_registered_reads_images_and_labels(xyz, write):
    scene = read_scene(xyz, xyz, labels_variable="gt")
    np.testing.assert_array_equal(scene.cube, write.cube())
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.class_names == {1: "oak"}
    assert scene.name == "field"


def test_labels_of_a_registered_format_are_checked_as_all_others(xyz):
    with pytest.raises(ValueError, match=r"field\.XYZ must hold one band of labels"):
        read_scene(xyz, xyz)
    with pytest.raises(ValueError, match=r"field\.XYZ has 5 x 9 pixels"):
        read_scene(xyz, xyz, labels_variable="rest")
    with pytest.raises(TypeError, match=r"field\.XYZ: labels must be integers"):
        read_scene(xyz, xyz, labels_variable="half")


def test_an_option_that_a_reader_does_not_take_is_refused(xyz):
    with pytest.raises(ValueError, match=r"class_column is for .* not for .*field\.XYZ"):
        read_scene(xyz, xyz, class_column="class")


def test_a_suffix_may_be_given_another_reader(tmp_path, monkeypatch):
    np.save(tmp_path / "field.npy", np.ones((4, 5, 3)))
    monkeypatch.setitem(
        READERS, ".npy", lambda path: ArraySource(path=path, array=np.load(path) * 2)
    )
    assert (read_scene(tmp_path / "field.npy").cube == 2).all()


def test_a_reader_that_returns_no_source_is_told_what_to_return(xyz, monkeypatch):
    monkeypatch.setitem(READERS, ".xyz", lambda path: np.ones((4, 5, 3)))
    with pytest.raises(TypeError, match=r"got ndarray: for an array, return ArraySource\(path"):
        read_scene(xyz)


def test_an_array_source_has_the_shape_and_type_of_its_array():
    flat = ArraySource(path=Path("gt"), array=LABELS)
    assert (flat.shape, flat.dtype) == ((7, 9, 1), LABELS.dtype)
    np.testing.assert_array_equal(flat.whole(np.array([0]))[:, :, 0], LABELS)
    assert replace(flat, array=np.ones((2, 3, 4))).shape == (2, 3, 4)
    with pytest.raises(ValueError, match=r"gt holds an array of shape \(3,\), but"):
        ArraySource(path=Path("gt"), array=np.ones(3))


def test_a_variable_is_not_for_a_file_that_holds_one_array(tmp_path):
    np.save(tmp_path / "field.npy", np.ones((4, 5, 3)))
    with pytest.raises(ValueError, match=r"variable is for \.mat, \.npz files, not for .*npy"):
        read_scene(tmp_path / "field.npy", variable="cube")


@pytest.mark.parametrize("name", ["wavelengths", "fwhm", "bad", "nodata", "gains", "offsets"])
def test_a_source_tells_of_each_of_its_bands(name):
    for n in (2, 4):
        with pytest.raises(ValueError, match=rf"has 3 bands, but its {name} are of shape \({n},\)"):
            ArraySource(path=Path("a.xyz"), array=np.zeros((4, 5, 3)), **{name: np.ones(n)})


def test_scikit_learns_working_memory_changes_nothing_of_a_small_file(tmp_path, write):
    cube = write.cube().astype(np.float32)
    cube[:, :, 2] = np.nan
    path = write.tif(tmp_path / "field.tif", cube)
    expected = read_scene(path)
    with sklearn.config_context(working_memory=1e-4):
        scene = read_scene(path)
        assert scene.dropped_bands == expected.dropped_bands == {3: "no data"}
        np.testing.assert_array_equal(scene.cube, expected.cube)
