import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from sklearn_hsiode.io import read_scene
from sklearn_hsiode.io.readers._numpy import read_npy

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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_labels_that_are_not_finite_are_no_labels(tmp_path, files, value):
    labels = LABELS.astype(float)
    labels[0, 0] = value
    np.save(tmp_path / "gt.npy", labels)
    with pytest.raises(TypeError, match="labels must be integers, but some are NaN or infinite"):
        read_scene(files[0], tmp_path / "gt.npy")


def test_what_else_lies_in_an_archive_is_not_read(tmp_path):
    about = np.array([{"sensor": "AVIRIS"}], dtype=object)
    np.savez(tmp_path / "all.npz", cube=CUBE, about=about, gt=LABELS)
    scene = read_scene(tmp_path / "all.npz", tmp_path / "all.npz")
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, LABELS)


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


@pytest.mark.parametrize("dtype", ["i2", "u2", "f4", "f8"])
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_a_scene_of_any_matlab_version_reads_back_equal(tmp_path, write, dtype, version):
    path, cube = tmp_path / "field.mat", write.cube(dtype=dtype)
    labels = np.arange(63.0).reshape(7, 9) % 4
    if version == "5":
        savemat(path, {"cube": cube, "gt": labels, "comment": "a string"})
    else:
        write.matlab_73(path, cube=cube, gt=labels)
    scene = read_scene(path, path)
    np.testing.assert_array_equal(scene.cube, cube)
    np.testing.assert_array_equal(scene.labels, labels)
    assert scene.cube.dtype == np.dtype(dtype)
    assert scene.labels.dtype == np.int64


@pytest.fixture(params=["5", "7.3", "npz"])
def several(request, tmp_path, write):
    """A file of two cubes and two label rasters."""
    held = {"before": CUBE, "after": CUBE + 1, "gt": LABELS, "tiles": LABELS + 1}
    path = tmp_path / "several.mat"
    if request.param == "5":
        savemat(path, held)
    elif request.param == "7.3":
        write.matlab_73(path, **held)
    else:
        path = tmp_path / "several.npz"
        np.savez_compressed(path, **held)
    return path


def test_arrays_may_be_named(several):
    scene = read_scene(several, several, variable="after", labels_variable="tiles")
    np.testing.assert_array_equal(scene.cube, CUBE + 1)
    np.testing.assert_array_equal(scene.labels, LABELS + 1)


def test_arrays_that_are_not_named_but_several_are_listed(several):
    with pytest.raises(ValueError, match=r"before \(4, 5, 3\).* Name one with variable="):
        read_scene(several)
    with pytest.raises(ValueError, match=r"tiles \(4, 5\).* Name one with labels_variable="):
        read_scene(several, several, variable="after")


def test_arrays_that_are_named_but_not_there_or_of_another_shape_are_refused(several):
    with pytest.raises(ValueError, match=r"several.* holds no cube .* called 'nowhere': .*after"):
        read_scene(several, variable="nowhere")
    with pytest.raises(ValueError, match=r"holds no cube .* called 'gt'"):
        read_scene(several, variable="gt")


def write_cut_73(path, write):
    write.matlab_73(path, cube=CUBE)
    path.write_bytes(path.read_bytes()[:1500])


def test_a_truncated_matlab_73_file_is_named(tmp_path, write):
    write_cut_73(tmp_path / "cut.mat", write)
    with pytest.raises(ValueError, match=r"cut\.mat cannot be read as a MATLAB 7\.3 file"):
        read_scene(tmp_path / "cut.mat")


def test_a_matlab_file_that_is_cut_within_its_cube_is_named(tmp_path):
    path = tmp_path / "cut.mat"
    savemat(path, {"cube": CUBE.astype(float)})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"cut\.mat cannot be read as a MATLAB file"):
        read_scene(path)


def test_a_truncated_archive_is_named(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez(path, cube=CUBE)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"cut\.npz cannot be read as a NumPy archive"):
        read_scene(path)


TEXTS = np.full((4, 5, 3), "text")


@pytest.mark.parametrize(
    ("name", "cube"),
    [
        ("odd.mat", CUBE + 1j),
        ("odd.mat", TEXTS.astype(object)),
        ("odd73.mat", CUBE + 1j),
        ("odd.npy", CUBE + 1j),
        ("odd.npy", TEXTS),
        ("odd.npz", CUBE + 1j),
        ("odd.npz", TEXTS),
    ],
    ids=lambda part: part if isinstance(part, str) else part.dtype.name,
)
def test_cubes_of_no_real_numbers_are_refused(tmp_path, write, name, cube):
    path = tmp_path / name
    if name == "odd73.mat":
        write.matlab_73(path, cube=cube)
    elif name == "odd.mat":
        savemat(path, {"cube": cube})
    elif name == "odd.npz":
        np.savez(path, cube=cube)
    else:
        np.save(path, cube)
    with pytest.raises(TypeError, match=rf"{name} .* but a cube must be real numbers: save"):
        read_scene(path)


def test_bands_of_nan_alone_are_left_out(tmp_path):
    cube = CUBE.astype(float)
    cube[:, :, 1] = np.nan
    savemat(tmp_path / "gaps.mat", {"cube": cube})
    scene = read_scene(tmp_path / "gaps.mat")
    np.testing.assert_array_equal(scene.cube, cube[:, :, [0, 2]])
    assert scene.dropped_bands == {2: "no data"}
    assert scene.mask.all()


def test_a_cube_of_nan_alone_is_refused(tmp_path):
    np.save(tmp_path / "nothing.npy", np.full((4, 5, 3), np.nan))
    with pytest.raises(ValueError, match=r"nothing\.npy holds no data"):
        read_scene(tmp_path / "nothing.npy")


@settings(deadline=None, max_examples=50)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    order=st.sampled_from("CF"),
    dtype=st.sampled_from(["i2", ">i4", "f4", ">f8", "u1"]),
    data=st.data(),
)
def test_any_window_of_a_numpy_file_is_that_of_its_array(
    tmp_path_factory, shape, order, dtype, data
):
    path = tmp_path_factory.mktemp("numpy") / "field.npy"
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape, order=order)
    np.save(path, array)
    source = read_npy(path)
    assert not source.is_in_memory
    edges = [
        sorted(data.draw(st.sets(st.integers(0, size), min_size=2, max_size=2)))
        for size in shape[:2]
    ]
    rows, cols = (slice(*pair) for pair in edges)
    bands = np.array(sorted(data.draw(st.sets(st.integers(0, shape[2] - 1), min_size=1))))
    np.testing.assert_array_equal(source.values(rows, cols, bands), array[rows, cols][:, :, bands])
    np.testing.assert_array_equal(source.whole(bands), array[:, :, bands])


def test_a_small_numpy_scene_stays_as_it_was_when_its_file_is_overwritten(tmp_path):
    path = tmp_path / "field.npy"
    np.save(path, CUBE)
    scene = read_scene(path)
    with path.open("r+b") as file:
        file.truncate(100)
    np.testing.assert_array_equal(scene.cube, CUBE)


@pytest.mark.parametrize("change", [-1, 1, 100])
def test_a_numpy_file_whose_size_is_not_what_its_header_says_is_refused(tmp_path, change):
    path = tmp_path / "field.npy"
    np.save(path, CUBE)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + change)
    with pytest.raises(ValueError, match=r"field\.npy .* header describes 248 bytes"):
        read_scene(path)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 5, 3}",
        "{'descr': '<i2',\n  'fortran_order': False,\n 'shape': (4, 5, 3)",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999999999, 5, 3)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (-4, -5, 3)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (4, 5, 3, 0)}",
        "(((((((((((",
        "",
    ],
)
def test_a_header_of_numpy_that_makes_no_sense_is_told_with_the_file(tmp_path, header):
    path = tmp_path / "field.npy"
    text = header.encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(120))
    with pytest.raises(ValueError, match=r"field\.npy"):
        read_scene(path)


def test_an_archive_that_would_take_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "field.npz", cube=np.zeros((100, 100, 100)))
    savemat(tmp_path / "field.mat", {"cube": np.zeros((100, 100, 100))}, do_compression=True)
    monkeypatch.setattr("sklearn_hsiode._memory.machine_memory", lambda: 7e6)
    for name in ("field.npz", "field.mat"):
        with pytest.raises(ValueError, match=rf"{name} would take .* memory"):
            read_scene(tmp_path / name)


def test_labels_may_be_an_array(files):
    for labels in (LABELS, LABELS.astype(float), np.ma.masked_less(LABELS, 2)):
        scene = read_scene(files[0], labels)
        assert scene.classes.tolist() in ([1, 2, 3], [2, 3])
    with pytest.raises(ValueError, match="labels must have the cube's shape"):
        read_scene(files[0], LABELS[:3])
