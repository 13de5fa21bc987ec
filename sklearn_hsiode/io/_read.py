"""read_scene: any scene that lies in a file."""

from __future__ import annotations

from typing import Any

from sklearn_hsiode._arguments import checked
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import REAL_KINDS
from sklearn_hsiode.io._labels import read_labels
from sklearn_hsiode.io._opening import open_scene
from sklearn_hsiode.io.readers._registry import read_source
from sklearn_hsiode.io.readers._source import CubeSource


@checked(
    variable=[str, None],
    labels_variable=[str, None],
    class_column=[str, None],
    drop_bad_bands=["boolean"],
    name=[str, None],
)
def read_scene(
    path: Any,
    labels: Any = None,
    *,
    variable: str | None = None,
    labels_variable: str | None = None,
    class_column: str | None = None,
    drop_bad_bands: bool = True,
    name: str | None = None,
) -> Scene:
    """Read a scene, with its labels, from whatever file it lies in.

    A file of more than 64 MiB uncompressed (but no ``.mat`` before version 7.3, and no
    ``.npz``) is not read when it is opened: ``scene.window(rows, cols)`` then reads that part,
    as :func:`~sklearn_hsiode.predict_map` does, ``scene.mask`` goes through the file once,
    training reads the labelled pixels and what their patches hold, and only ``scene.cube``
    reads all of it into memory. A :class:`~sklearn_hsiode.SpectralTransformer` keeps the bands
    that it makes of the whole scene in memory.

    Parameters
    ----------
    path : path or xarray.DataArray
        The image:

        - MATLAB ``.mat`` of any version (7.3 needs h5py), NumPy ``.npz`` or ``.npy``;
        - ENVI, its header or its data file, with wavelengths, ``fwhm``, ``bbl``, data ignore
          value and reflectance scale factor; GeoTIFF, where bands may have the tags
          `wavelength`, `wavelength_units`, `fwhm` and `bbl`; and whatever else rasterio opens;
        - a DataArray of dimensions y, x and band in any order, which is read into memory;
        - any format that :mod:`sklearn_hsiode.io.readers` has, or was given, a reader for.
    labels : path or array, default=None
        Class of each pixel:

        - an array of shape (rows, cols), or a file of the first kind or the last with one;
        - a raster on the same grid, 0 or its nodata = unlabelled, with class names in an ENVI
          header, or in tags `class_1`, `class_2` and so on;
        - polygons or points in a GeoPackage, GeoJSON, shapefile or FlatGeobuf, which are
          reprojected; a file that does not say which coordinates it has is in the image's. A
          pixel belongs to the polygon that its centre lies in.
    variable, labels_variable : str, default=None
        Names of the arrays in ``.mat`` and ``.npz`` files; by default the only ones of the
        right shape.
    class_column : str, default=None
        Column of a vector file that holds the classes, as integers or as names. Names are
        numbered from 1 in sorted order, and are the scene's `class_names`.
    drop_bad_bands : bool, default=True
        Leave out bands that the header marks as bad, and bands that are nodata or NaN
        everywhere. The latter are found only where a file is read when it is opened. What is
        left out is listed in ``scene.dropped_bands`` and logged. Bad bands that stay mask no pixel.
    name : str, default=None
        Name of the scene; by default that of its file, without the suffix.

    Returns
    -------
    scene : Scene
        A :class:`~sklearn_hsiode.Scene` that also has `dropped_bands` and `fwhm`. Pixels that are
        nodata, NaN or infinite in any band are masked. Wavelengths are in nanometres. Values
        are multiplied with the scale that the file declares, if any, and are then floating
        point.

    Raises
    ------
    FileNotFoundError
        When a file does not exist, or an ENVI file lacks its other half.
    OSError
        When the file system does not let a file be read.
    ValueError
        When a file cannot be read, is cut or damaged, declares what does not fit its size or the
        memory of the machine, has changed since it was opened, or does not say which of its
        arrays or columns is meant, when an argument is given that is not for this kind of file,
        or for labels where there is no file of them, when labels do not lie on the scene's
        grid, or when no pixel holds data.
    TypeError
        When an image is not made of real numbers, or labels are no whole numbers.
    ImportError
        When the package that reads this format is not installed.

    Notes
    -----
    A file is read as a whole or not at all. Its size is compared with what its header says, the
    memory that it would take with that of the machine, and every warning of GDAL behind which
    something is lost is an error. Errors name the file and tell their cause. What may be damage,
    or not, is logged as a warning: a line of an ENVI header that is no field, wavelengths in
    unknown units, blocks that a MATLAB 7.3 file lacks. Damage within values that carry no
    checksum cannot be seen.

    A scene of a small file stays as it was when it was opened. One of a large file is read from
    it later: where its size or time of writing has changed by then, an error says so.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_hsiode.io import read_scene
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "field.npz")
    ...     np.savez(file, cube=np.ones((4, 5, 3)), gt=np.eye(4, 5, dtype=int))
    ...     read_scene(file, file)
    Scene('field': 4 x 5 pixels, 3 bands, float64, 4 labelled pixels in 1 classes)
    """
    source = image_source(path, variable)
    raster, names = read_labels(
        labels, source, labels_variable=labels_variable, class_column=class_column
    )
    return open_scene(
        source,
        raster,
        class_names=names,
        drop_bad_bands=drop_bad_bands,
        name=name,
    )


def image_source(path: Any, variable: str | None) -> CubeSource:
    """The image in a file, which must be of real numbers."""
    source = read_source(path, variable=variable)
    _require_real(source)
    return source


def _require_real(source: CubeSource) -> None:
    kind = source.dtype.kind
    if kind not in REAL_KINDS:
        remedy = "save their magnitude or their real part" if kind in "cV" else "save numbers"
        raise TypeError(
            f"{source.path} holds {source.dtype} values, but a cube must be real numbers: {remedy}."
        )
