from itertools import permutations

import numpy as np
import pytest

from sklearn_hsiode.io import read_scene

xarray = pytest.importorskip("xarray")


def data_array(cube, dims=("y", "x", "band"), **more):
    array = xarray.DataArray(cube, dims=("y", "x", "band"), **more)
    return array.transpose(*dims)


@pytest.mark.parametrize("dims", [*permutations(("y", "x", "band"))], ids=" ".join)
def test_dimensions_may_be_in_any_order(write, dims):
    cube = write.cube()
    labels = np.arange(63).reshape(7, 9) % 4
    coords = {"wavelength": ("band", [0.4, 0.5, 0.6, 0.7, 0.8, 0.9], {"units": "um"})}
    scene = read_scene(data_array(cube, dims, coords=coords, name="field"), labels)
    np.testing.assert_array_equal(scene.cube, cube)
    np.testing.assert_array_equal(scene.labels, labels)
    np.testing.assert_allclose(scene.wavelengths, [400, 500, 600, 700, 800, 900])
    assert scene.name == "field"


def test_the_bands_may_be_called_after_their_wavelengths(write):
    array = data_array(write.cube()).rename(y="lat", x="lon", band="wavelength")
    array = array.assign_coords(wavelength=[400.0, 500, 600, 700, 800, 900])
    assert read_scene(array).wavelengths.tolist() == [400, 500, 600, 700, 800, 900]


@pytest.mark.filterwarnings("ignore:Use .* matmul:PendingDeprecationWarning")  # of rioxarray
def test_the_georeference_is_that_of_rioxarray(tmp_path, write):
    rioxarray = pytest.importorskip("rioxarray")
    cube = write.cube()
    path = write.tif(tmp_path / "field.tif", cube, nodata=cube[2, 3, 4])
    with rioxarray.open_rasterio(path) as array:
        scene = read_scene(array)
    np.testing.assert_array_equal(scene.cube, cube)
    np.testing.assert_array_equal(scene.mask, (cube != cube[2, 3, 4]).all(axis=2))
    assert scene.crs.to_epsg() == 32633
    assert tuple(scene.transform)[:6] == (30, 0, 364095, 0, -30, 5809965)
    bare = read_scene(data_array(cube))
    assert bare.crs is None
    assert bare.transform is None


def test_nodata_and_nan_are_masked(write):
    cube = write.cube(dtype="f4")
    cube[2, 3, 4], cube[3, 4, 5] = -1, np.nan
    scene = read_scene(data_array(cube, attrs={"_FillValue": -1}))
    assert np.argwhere(~scene.mask).tolist() == [[2, 3], [3, 4]]


def test_other_dimensions_are_refused(write):
    with pytest.raises(ValueError, match=r"y, x and band .* got \('time', 'x', 'band'\)"):
        read_scene(data_array(write.cube()).rename(y="time"))


def test_complex_values_are_refused(write):
    with pytest.raises(TypeError, match="DataArray holds complex128"):
        read_scene(data_array(write.cube() + 1j))


def test_a_variable_is_refused_in_a_line(write):
    with pytest.raises(ValueError, match=r"variable is for \.mat, .* not for a DataArray: leave"):
        read_scene(data_array(write.cube()), variable="cube")


@pytest.mark.filterwarnings("ignore:Use .* matmul:PendingDeprecationWarning")  # of rioxarray
@pytest.mark.parametrize(
    ("y", "is_regular"),
    [
        ([1, 3, 6, 10], False),
        ([1.0, 2.0, 4.0, 5.0], False),
        ([np.nan, 2.0, 3.0, 4.0], False),
        ([40.0, 30.0, 20.0, 10.0], True),
        (np.float32(5.8e6) + np.arange(4, dtype=np.float32) / 3, True),
    ],
)
def test_irregular_coordinates_have_no_transform(write, caplog, y, is_regular):
    pytest.importorskip("rioxarray")
    coords = {"y": y, "x": np.arange(9) + 0.5}
    scene = read_scene(data_array(write.cube()[:4], coords=coords))
    assert (scene.transform is not None) == is_regular
    assert ("along y are not equally spaced" in caplog.text) != is_regular
