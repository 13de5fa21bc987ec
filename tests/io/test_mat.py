import numpy as np
import pytest
from scipy.io import savemat

from sklearn_hsiode.io import read_mat_scene

CUBE = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
LABELS = np.arange(20, dtype=np.uint8).reshape(4, 5) % 4


@pytest.fixture
def files(tmp_path):
    scene, labels = tmp_path / "field.mat", tmp_path / "field_gt.mat"
    savemat(scene, {"cube": CUBE, "comment": "a string"})
    savemat(labels, {"gt": LABELS, "legend": np.zeros((2, 2))})
    return scene, labels


def test_a_written_scene_reads_back_equal(files):
    scene = read_mat_scene(*files)
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.cube.dtype == CUBE.dtype
    assert scene.name == "field"


def test_labels_are_optional_and_may_lie_in_the_same_file(tmp_path):
    both = tmp_path / "both.mat"
    savemat(both, {"cube": CUBE, "gt": LABELS})
    assert read_mat_scene(both).labels is None
    np.testing.assert_array_equal(read_mat_scene(both, both).labels, LABELS)


def test_whole_numbers_stored_as_doubles_are_labels(tmp_path, files):
    doubles = tmp_path / "doubles.mat"
    savemat(doubles, {"gt": LABELS.astype(float)})
    np.testing.assert_array_equal(read_mat_scene(files[0], doubles).labels, LABELS)


def test_fractions_are_no_labels(tmp_path, files):
    fractions = tmp_path / "fractions.mat"
    savemat(fractions, {"gt": LABELS + 0.5})
    with pytest.raises(TypeError, match="labels must be integers"):
        read_mat_scene(files[0], fractions)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.mat"):
        read_mat_scene(tmp_path / "nowhere.mat")


def test_a_file_that_is_not_matlab_is_named(tmp_path):
    text = tmp_path / "text.mat"
    text.write_text("no MATLAB file at all " * 20)
    with pytest.raises(ValueError, match=r"text\.mat cannot be read as a MATLAB file"):
        read_mat_scene(text)


def test_a_truncated_file_is_named(tmp_path, files):
    broken = tmp_path / "broken.mat"
    broken.write_bytes(files[0].read_bytes()[:200])
    with pytest.raises(ValueError, match=r"broken\.mat cannot be read"):
        read_mat_scene(broken)


def test_a_matlab_73_file_comes_with_a_remedy(tmp_path):
    new = tmp_path / "new.mat"
    header = b"MATLAB 7.3 MAT-file".ljust(116, b" ") + bytes(8) + b"\x00\x02IM"
    new.write_bytes(header + bytes(400))
    with pytest.raises(ValueError, match="save it with -v7"):
        read_mat_scene(new)


def test_several_cubes_are_named(tmp_path):
    two = tmp_path / "two.mat"
    savemat(two, {"before": CUBE, "after": CUBE})
    with pytest.raises(ValueError, match=r"before \(4, 5, 3\), after \(4, 5, 3\)"):
        read_mat_scene(two)


def test_labels_of_another_shape_are_refused(tmp_path, files):
    other = tmp_path / "other.mat"
    savemat(other, {"gt": LABELS[:3]})
    with pytest.raises(ValueError, match=r"label raster of the cube's shape \(4, 5\)"):
        read_mat_scene(files[0], other)


def test_pixels_that_hold_nan_or_infinity_are_masked(tmp_path):
    cube = CUBE.astype(float)
    cube[1, 2, 0], cube[3, 4, 2] = np.nan, np.inf
    savemat(tmp_path / "holes.mat", {"cube": cube})
    mask = read_mat_scene(tmp_path / "holes.mat").mask
    np.testing.assert_array_equal(np.argwhere(~mask), [[1, 2], [3, 4]])
