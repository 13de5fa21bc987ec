import sys

import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode.io import read_scene


def test_every_format_holds_the_same_scene(tmp_path, write):
    cube = write.cube()
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9, 1) % 4
    np.save(tmp_path / "field.npy", cube)
    np.save(tmp_path / "gt.npy", labels[:, :, 0])
    paths = [
        (write.tif(tmp_path / "field.tif", cube), write.tif(tmp_path / "gt.tif", labels)),
        (write.envi(tmp_path / "field.hdr", cube), write.envi(tmp_path / "gt.hdr", labels)),
        (write.matlab_73(tmp_path / "field.mat", cube=cube, gt=labels[:, :, 0]),) * 2,
        (tmp_path / "field.npy", tmp_path / "gt.npy"),
    ]
    for scene_path, labels_path in paths:
        scene = read_scene(scene_path, labels_path)
        assert isinstance(scene, Scene)
        np.testing.assert_array_equal(scene.cube, cube)
        np.testing.assert_array_equal(scene.labels, labels[:, :, 0])
        assert scene.mask.all()
        assert scene.dropped_bands == {}
        assert scene.fwhm is None
        X, y = scene.labeled_pixels()
        np.testing.assert_array_equal(np.asarray(X), cube[X.rows, X.cols])
        np.testing.assert_array_equal(y, labels[X.rows, X.cols, 0])


@pytest.mark.parametrize(
    ("package", "extra"), [("rasterio", "raster"), ("h5py", "matlab"), ("pyogrio", "vector")]
)
def test_a_package_that_is_not_installed_is_named(tmp_path, write, monkeypatch, package, extra):
    scene = write.tif(tmp_path / "field.tif", write.cube())
    labels = None
    if package == "h5py":
        scene = write.matlab_73(tmp_path / "field.mat", cube=write.cube())
    if package == "pyogrio":
        labels = tmp_path / "gt.gpkg"
        labels.touch()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"read with {package}: .*sklearn-hsiode\[{extra}\]"):
        read_scene(scene, labels, class_column="class" if labels else None)
