import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode.io.writers import MapWriter

rasterio = pytest.importorskip("rasterio")


@pytest.mark.parametrize("verify", [True, False])
def test_a_map_is_read_back_only_where_it_is_to_be_verified(tmp_path, monkeypatch, verify):
    modes, opened = [], rasterio.open

    def recorded(path, mode="r", **options):
        modes.append(mode)
        return opened(path, mode, **options)

    values = np.arange(20, dtype=np.uint8).reshape(4, 5)
    path = tmp_path / "map.tif"
    scene = Scene(np.ones((4, 5, 3)), transform=rasterio.Affine(30, 0, 0, 0, -30, 0))
    monkeypatch.setattr(rasterio, "open", recorded)
    with MapWriter(path, scene, bands=["class"], dtype="uint8", nodata=0, verify=verify) as writer:
        writer.write((slice(0, 4), slice(0, 5)), values)
    assert modes == (["w", "r"] if verify else ["w"])
    with opened(path) as file:
        np.testing.assert_array_equal(file.read(1), values)
