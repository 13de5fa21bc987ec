"""MapFile: a map of classes, probabilities or confidence in a GeoTIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._colors import class_colors
from sklearn_hsiode._labels import UNLABELED, known_classes
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.io.writers import MapWriter

CONFIDENCES = ("largest probability", "margin", "entropy")


class MapFile:
    """Writes a map window by window; classes as their numbers in the file.

    Parameters
    ----------
    path : path
        The GeoTIFF, which appears when it is complete.
    scene : Scene
        The scene that is mapped.
    classes : array of shape (n_classes,)
        Labels of the estimator. Those that are no numbers from 1 to 65535 are numbered from 1.
    names : list of str
        Names of the classes.
    method : {"predict", "predict_proba", "confidence"}
        As in :func:`~sklearn_hsiode.predict_map`.
    **options
        `overwrite` and `verify` of :class:`~sklearn_hsiode.io.writers.MapWriter`.
    """

    def __init__(
        self,
        path: str | Path,
        scene: Scene,
        classes: np.ndarray,
        names: list[str],
        method: str,
        **options: Any,
    ) -> None:
        self.classes, self.method = classes, method
        labels_fit = classes.dtype.kind in "iu" and classes.min() > 0 and classes.max() <= 65535
        self.codes = classes.astype(int) if labels_fit else np.arange(1, len(classes) + 1)
        about: dict[str, Any]
        if method == "predict":
            known = np.union1d(known_classes(scene.labels, scene.class_names), classes)
            colors = class_colors(len(known))[np.searchsorted(known, classes)]
            entries = zip(names, colors, strict=True)
            about = {
                "bands": ["class"],
                "dtype": "uint8" if self.codes.max() < 256 else "uint16",
                "nodata": UNLABELED,
                "categories": dict(zip(self.codes.tolist(), entries, strict=True)),
            }
        else:
            bands = names if method == "predict_proba" else CONFIDENCES
            about = {"bands": bands, "dtype": "float32", "nodata": np.nan}
        self._writer = MapWriter(path, scene, **about, **options)

    def __enter__(self) -> MapFile:
        self._writer.__enter__()
        return self

    def write(self, place: tuple[slice, slice], values: np.ndarray, predicted: np.ndarray) -> None:
        """Write a window, of which the pixels in the raster `predicted` have been predicted."""
        if self.method == "predict":
            codes = np.full(predicted.shape, UNLABELED)
            codes[predicted] = self.codes[np.searchsorted(self.classes, values[predicted])]
            values = codes
        self._writer.write(place, values)

    def __exit__(self, *error: Any) -> None:
        self._writer.__exit__(*error)
