from xml.etree import ElementTree

import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode.io.writers import GeoTIFFWriter

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
    with GeoTIFFWriter(
        path, scene, bands=["class"], dtype="uint8", nodata=0, verify=verify
    ) as writer:
        writer.write((slice(0, 4), slice(0, 5)), values)
    assert modes == (["w", "r"] if verify else ["w"])
    with opened(path) as file:
        np.testing.assert_array_equal(file.read(1), values)


def test_names_of_classes_are_whole_whatever_they_hold(tmp_path):
    names = {1: "two\nlines", 2: "\x00\x1b", 3: "\ud800", 4: "<&>", 5: "Wälder"}
    classes = np.arange(1, 6)
    transform = rasterio.Affine(30, 0, 0, 0, -30, 0)
    scene = Scene(np.zeros((1, 5, 1)), classes[None], transform=transform)
    path = tmp_path / "map.tif"
    about = {"bands": ["\x00class"], "dtype": "uint8", "nodata": 0}
    categories = {label: (name, (0, 0, 0)) for label, name in names.items()}
    with GeoTIFFWriter(path, scene, categories=categories, **about) as writer:
        writer.write((slice(0, 1), slice(0, 5)), classes[None])
    shown = [r"two\nlines", r"\x00\x1b", r"\ud800", "<&>", "Wälder"]
    with rasterio.open(path) as file:
        assert file.descriptions == (r"\x00class",)
        assert [file.tags(1)[f"class_{label}"] for label in classes] == shown
    sidecar = ElementTree.parse(tmp_path / "map.tif.aux.xml")
    assert [name.text for name in sidecar.iter("Category")][1:] == shown
