r"""Readers of images and labels, one for each file format.

`READERS` holds them by suffix, in lower case; what it does not hold, rasterio opens. A reader is
a function ``reader(path, **options)`` that returns a :class:`CubeSource`: of several bands for an
image, of one band of whole numbers for labels. Its keyword-only parameters are the options that
it takes: `variable` and `class_column` as in :func:`~sklearn_hsiode.read_scene`, and `grid`, the
:class:`CubeSource` of the image where labels are to be read, else None.

Examples
--------
A format of one's own is one function and one entry:

>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> from sklearn_hsiode import read_scene
>>> from sklearn_hsiode.io.readers import READERS, ArraySource
>>> def read_csv(path):
...     return ArraySource(path=path, array=np.loadtxt(path, delimiter=",", ndmin=2))
>>> READERS[".csv"] = read_csv
>>> with tempfile.TemporaryDirectory() as folder:
...     file = Path(folder, "field.csv")
...     _ = file.write_text("0, 1\n2, 0")
...     read_scene(file, file)
Scene('field': 2 x 2 pixels, 1 bands, float64, 2 labelled pixels in 2 classes)
>>> del READERS[".csv"]
"""

from sklearn_hsiode.io.readers._registry import READERS
from sklearn_hsiode.io.readers._source import ArraySource, CubeSource

__all__ = ["READERS", "ArraySource", "CubeSource"]
