import numpy as np
import pytest
from scipy.io import savemat

from sklearn_hsiode.io import read_scene

CUBE = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
LABELS = np.arange(20, dtype=np.uint8).reshape(4, 5) % 4


@pytest.fixture
def files(tmp_path):
    scene, labels = tmp_path / "field.mat", tmp_path / "field_gt.mat"
    savemat(scene, {"cube": CUBE, "comment": "a string"})
    savemat(labels, {"gt": LABELS, "legend": np.zeros((2, 2))})
    return scene, labels


def test_a_written_scene_reads_back_equal(files):
    scene = read_scene(*files)
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.cube.dtype == CUBE.dtype
    assert scene.name == "field"


def test_labels_are_optional_and_may_lie_in_the_same_file(tmp_path):
    both = tmp_path / "both.mat"
    savemat(both, {"cube": CUBE, "gt": LABELS})
    assert read_scene(both).labels is None
    np.testing.assert_array_equal(read_scene(both, both).labels, LABELS)


def test_whole_numbers_stored_as_doubles_are_labels(tmp_path, files):
    doubles = tmp_path / "doubles.mat"
    savemat(doubles, {"gt": LABELS.astype(float)})
    np.testing.assert_array_equal(read_scene(files[0], doubles).labels, LABELS)


def test_fractions_are_no_labels(tmp_path, files):
    fractions = tmp_path / "fractions.mat"
    savemat(fractions, {"gt": LABELS + 0.5})
    with pytest.raises(TypeError, match="labels must be integers"):
        read_scene(files[0], fractions)


@pytest.mark.parametrize("suffix", [".npy", ".NPY"])
def test_a_scene_in_numpy_files_reads_back_equal(tmp_path, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in ("field", "field_gt")]
    for path, array in zip(paths, (CUBE.astype(">f4"), LABELS), strict=True):
        with path.open("wb") as file:
            np.save(file, array)
    scene = read_scene(*paths)
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, LABELS)
    assert scene.name == "field"
    assert read_scene(str(paths[0])).labels is None


def test_numpy_and_matlab_files_go_together(tmp_path, files):
    np.save(tmp_path / "gt.npy", LABELS.astype(float))
    np.testing.assert_array_equal(read_scene(files[0], tmp_path / "gt.npy").labels, LABELS)
    np.save(tmp_path / "cube.npy", CUBE)
    np.testing.assert_array_equal(read_scene(tmp_path / "cube.npy", files[1]).cube, CUBE)


def test_string_labels_may_lie_in_a_numpy_file(tmp_path):
    names = np.array(["", "oak", "elm", "ash"])[LABELS]
    np.save(tmp_path / "cube.npy", CUBE)
    np.save(tmp_path / "gt.npy", names)
    scene = read_scene(tmp_path / "cube.npy", tmp_path / "gt.npy")
    assert scene.classes.tolist() == ["ash", "elm", "oak"]


def test_labels_with_nan_are_no_labels(tmp_path, files):
    labels = LABELS.astype(float)
    labels[0, 0] = np.nan
    np.save(tmp_path / "gt.npy", labels)
    with pytest.raises(TypeError, match="labels must be integers"):
        read_scene(files[0], tmp_path / "gt.npy")


def test_a_numpy_file_of_another_shape_is_named_with_its_shape(tmp_path):
    np.save(tmp_path / "flat.npy", LABELS)
    with pytest.raises(ValueError, match=r"flat\.npy must hold one cube .* an array \(4, 5\)"):
        read_scene(tmp_path / "flat.npy")
    np.save(tmp_path / "cube.npy", CUBE)
    with pytest.raises(ValueError, match=r"label raster of the cube's shape \(4, 5\)"):
        read_scene(tmp_path / "cube.npy", tmp_path / "cube.npy")


def write_archive(path):
    with path.open("wb") as file:
        np.savez(file, cube=CUBE)


def write_objects(path):
    np.save(path, np.array([{"a": 1}, None]), allow_pickle=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x93NUMPY\x01"),
        lambda path: path.write_text("no array at all " * 20),
        lambda path: np.save(path, CUBE) or path.write_bytes(path.read_bytes()[:-7]),
        write_archive,
        write_objects,
    ],
    ids=["empty", "magic", "text", "cut", "archive", "objects"],
)
def test_a_numpy_file_that_cannot_be_read_is_named(tmp_path, write):
    path = tmp_path / "broken.npy"
    write(path)
    with pytest.raises(ValueError, match=r"broken\.npy cannot be read as a NumPy file"):
        read_scene(path)


def test_pixels_of_a_numpy_file_that_hold_nan_are_masked(tmp_path):
    cube = CUBE.astype(np.float32)
    cube[2, 3, 1] = np.nan
    np.save(tmp_path / "holes.npy", cube)
    mask = read_scene(tmp_path / "holes.npy").mask
    np.testing.assert_array_equal(np.argwhere(~mask), [[2, 3]])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.mat"):
        read_scene(tmp_path / "nowhere.mat")


def test_a_file_that_is_not_matlab_is_named(tmp_path):
    text = tmp_path / "text.mat"
    text.write_text("no MATLAB file at all " * 20)
    with pytest.raises(ValueError, match=r"text\.mat cannot be read as a MATLAB file"):
        read_scene(text)


def test_a_truncated_file_is_named(tmp_path, files):
    broken = tmp_path / "broken.mat"
    broken.write_bytes(files[0].read_bytes()[:200])
    with pytest.raises(ValueError, match=r"broken\.mat cannot be read"):
        read_scene(broken)


def test_a_matlab_73_file_comes_with_a_remedy(tmp_path):
    new = tmp_path / "new.mat"
    header = b"MATLAB 7.3 MAT-file".ljust(116, b" ") + bytes(8) + b"\x00\x02IM"
    new.write_bytes(header + bytes(400))
    with pytest.raises(ValueError, match="save it with -v7"):
        read_scene(new)


def test_several_cubes_are_named(tmp_path):
    two = tmp_path / "two.mat"
    savemat(two, {"before": CUBE, "after": CUBE})
    with pytest.raises(ValueError, match=r"before \(4, 5, 3\), after \(4, 5, 3\)"):
        read_scene(two)


def test_labels_of_another_shape_are_refused(tmp_path, files):
    other = tmp_path / "other.mat"
    savemat(other, {"gt": LABELS[:3]})
    with pytest.raises(ValueError, match=r"label raster of the cube's shape \(4, 5\)"):
        read_scene(files[0], other)


def test_pixels_that_hold_nan_or_infinity_are_masked(tmp_path):
    cube = CUBE.astype(float)
    cube[1, 2, 0], cube[3, 4, 2] = np.nan, np.inf
    savemat(tmp_path / "holes.mat", {"cube": cube})
    mask = read_scene(tmp_path / "holes.mat").mask
    np.testing.assert_array_equal(np.argwhere(~mask), [[1, 2], [3, 4]])
