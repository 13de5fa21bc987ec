"""MapFile: a map in a file, a GeoTIFF or a Zarr store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._colors import class_colors
from sklearn_hsiode._labels import UNLABELED, known_classes
from sklearn_hsiode._mapping._windows import CONFIDENCES, WindowModel
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.io.writers import GeoTIFFWriter, ZarrWriter

TIFFS = (".tif", ".tiff")
#: What a map is called, and what its layers are.
VARIABLES = {
    "predict": ("classes", None),
    "predict_proba": ("probability", "class"),
    "confidence": ("confidence", "measure"),
}


class MapFile:
    """Writes a map window by window; classes as their numbers in the file.

    Parameters
    ----------
    path : path
        The GeoTIFF, or the Zarr store where its suffix says so. It appears when it is complete.
    scene : Scene
        The scene that is mapped.
    model : WindowModel
        What it is mapped with. Labels that are no numbers from 1 to 65535 are numbered from 1.
    names : list of str
        Names of the classes.
    chunk : int
        Side of the windows in pixels.
    cog, overwrite, verify : bool
        As for :func:`~sklearn_hsiode.predict_map`.
    """

    def __init__(
        self,
        path: str | Path,
        scene: Scene,
        model: WindowModel,
        names: Sequence[str],
        *,
        chunk: int,
        cog: bool,
        overwrite: bool,
        verify: bool,
    ) -> None:
        classes, self.is_classes = model.classes, model.method == "predict"
        labels_fit = classes.dtype.kind in "iu" and classes.min() > 0 and classes.max() <= 65535
        codes = classes.astype(int) if labels_fit else np.arange(1, len(classes) + 1)
        self.codes = np.array([UNLABELED, *codes], np.min_scalar_type(max(codes)))
        of_classes = {"class_names": list(names), "flag_values": codes.tolist()}
        about: dict[str, Any] = {"dtype": "float32", "nodata": np.nan, "overwrite": overwrite}
        if self.is_classes:
            about |= {"dtype": self.codes.dtype.name, "nodata": UNLABELED}
        self._writer: GeoTIFFWriter | ZarrWriter
        if is_zarr(path):
            name, dimension = VARIABLES[model.method]
            layers: dict[str, Any] = {"class": codes, "measure": CONFIDENCES}
            self._writer = ZarrWriter(
                path,
                scene,
                variable=name,
                chunk=chunk,
                layers=(dimension, layers[dimension]) if dimension else None,
                attributes=None if dimension == "measure" else of_classes,
                **about,
            )
            return
        bands = names if model.method == "predict_proba" else CONFIDENCES
        if self.is_classes:
            known = np.union1d(known_classes(scene.labels, scene.class_names), classes)
            colors = class_colors(len(known))[np.searchsorted(known, classes)]
            entries = zip(names, colors, strict=True)
            about["categories"] = dict(zip(codes.tolist(), entries, strict=True))
            bands = ["class"]
        self._writer = GeoTIFFWriter(path, scene, bands=bands, cog=cog, verify=verify, **about)

    def __enter__(self) -> MapFile:
        self._writer.__enter__()
        return self

    def write(self, place: tuple[slice, slice], values: np.ndarray) -> None:
        """Write what a :class:`WindowModel` has predicted in a window."""
        self._writer.write(place, self.codes[values] if self.is_classes else values)

    def __exit__(self, *error: Any) -> None:
        self._writer.__exit__(*error)


def is_zarr(path: str | Path) -> bool:
    """True where the name of a file is that of a Zarr store."""
    return Path(path).suffix.lower() == ".zarr"
