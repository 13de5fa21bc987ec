"""Writers of one scene in every format, byte by byte where no other package writes it."""

import numpy as np
import pytest

ENVI_TYPES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13, "i8": 14, "u8": 15}
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
MAP_INFO = "{UTM, 1, 1, 364095, 5809965, 30, 30, 33, North, WGS-84, units=Meters}"


def random_cube(shape=(7, 9, 6), dtype="int16"):
    """Cube of numbers that every type of two bytes and more holds."""
    return np.random.default_rng(0).integers(0, 30000, shape).astype(dtype)


def write_envi(header, cube, *, interleave="bsq", order="<", offset=0, data=None, **fields):
    """Header and data file of an ENVI image; fields of None are left out."""
    rows, cols, bands = cube.shape
    stored = cube.transpose(AXES.get(interleave, (2, 0, 1)))
    data = data or header.with_suffix(".img")
    if data != header:
        kind = stored.dtype.newbyteorder(order)
        data.write_bytes(bytes(offset) + stored.astype(kind).tobytes())
    fields = {
        "samples": cols,
        "lines": rows,
        "bands": bands,
        "header_offset": offset,
        "data_type": ENVI_TYPES.get(cube.dtype.str[1:], 6),
        "interleave": interleave,
        "byte_order": int(order == ">"),
        "map_info": MAP_INFO,
        **fields,
    }
    lines = [
        f"{key.replace('_', ' ')} = {value}" for key, value in fields.items() if value is not None
    ]
    header.write_text("\n".join(["ENVI", "description = {of a test,\n  no more}", *lines]) + "\n")
    return header


def write_tif(path, cube, *, tags=(), **profile):
    """GeoTIFF with tags of the bands."""
    rasterio = pytest.importorskip("rasterio")
    rows, cols, bands = cube.shape
    profile = {
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(30, 0, 364095, 0, -30, 5809965),
        "dtype": cube.dtype,
        **profile,
    }
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=cols, count=bands, **profile
    ) as file:
        file.write(cube.transpose(2, 0, 1))
        for band, tag in enumerate(tags, start=1):
            file.update_tags(band, **tag)
    return path


def write_matlab_73(path, **arrays):
    """File as MATLAB 7.3 writes it: HDF5 after 512 bytes, with the axes in reverse."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            stored = file.create_dataset(name, data=np.asarray(array).T)
            stored.attrs["MATLAB_class"] = np.bytes_(array.dtype.name)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")
    return path


@pytest.fixture
def by_window(monkeypatch):
    """Treat every file as one that is too large to be read when it is opened."""
    monkeypatch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
    monkeypatch.setattr("sklearn_hsiode.io.readers._source.FILE_BLOCK", 200 / 2**20)


@pytest.fixture(scope="session")
def write():
    """The writers, by what they write."""

    class Writers:
        cube = staticmethod(random_cube)
        envi = staticmethod(write_envi)
        tif = staticmethod(write_tif)
        matlab_73 = staticmethod(write_matlab_73)

    return Writers
