"""read_scenes: several scenes of the same bands, each in a file of its own."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_hsiode._arguments import checked, naming
from sklearn_hsiode._bands import check_same_bands
from sklearn_hsiode._labels import UNLABELED
from sklearn_hsiode._scene import Scene
from sklearn_hsiode._validation import shown
from sklearn_hsiode.io._labels import read_labels
from sklearn_hsiode.io._opening import open_scene
from sklearn_hsiode.io._read import image_source
from sklearn_hsiode.io.readers import CubeSource

# Wildcards of a pattern, beside sets of letters, as regular expressions.
WILDCARDS = {"**": "(.*)", "*": "([^/]*)", "?": "(.)"}
# A raster of labels and the names of its classes, as read_labels returns them.
Labels = tuple[np.ndarray | None, dict[Any, str] | None]


@checked(
    variable=[str, None],
    labels_variable=[str, None],
    class_column=[str, None],
    drop_bad_bands=["boolean"],
)
def read_scenes(
    images: Any,
    labels: Any = None,
    *,
    variable: str | None = None,
    labels_variable: str | None = None,
    class_column: str | None = None,
    drop_bad_bands: bool = True,
) -> list[Scene]:
    """Read several scenes of the same bands, each as :func:`read_scene` does.

    Large files are opened by their headers alone.

    Parameters
    ----------
    images : list of paths, or pattern
        The images, or a pattern of their names such as ``"lines/*.tif"``, as :mod:`glob` has it
        (with ``**`` for folders of any depth), whose matches are sorted by name.
    labels : list of paths, or pattern, default=None
        Their labels, as many and in the same order; None in a list for an image without any. One
        file of polygons that lies under several images is named once for each. Two patterns are
        paired by what their wildcards stand for.
    variable, labels_variable : str, default=None
        As for :func:`read_scene`, the same in all files.
    class_column : str, default=None
        Column of the vector files that holds the classes. Names are numbered from 1 in the sorted
        order of all names in all files, so that a class has the same number in each scene.
    drop_bad_bands : bool, default=True
        Leave out a band from all the scenes where it is bad in one of them, so that all have the
        same bands: those that all have in common. `dropped_bands` of a scene tells why, and in
        which file. Bad bands that stay mask no pixel.

    Returns
    -------
    scenes : list of Scene
        One for each image, in their order.

    Raises
    ------
    FileNotFoundError
        When a pattern matches nothing, or a file does not exist.
    ValueError
        When there are more or fewer labels than images, two patterns do not pair, an image is
        there twice, the images differ in number of bands or a
        band lies more than 1 nm from that of the first with wavelengths, no band is good in all
        of them, and in all cases in which :func:`read_scene` refuses a file.
    TypeError
        When `images` or `labels` is neither a list nor a pattern, or some files have names in
        their `class_column` and others numbers.

    See Also
    --------
    PixelSamples.concatenate : The pixels of several scenes in one X.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_hsiode import read_scenes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for line in range(3):
    ...         np.savez(Path(folder, f"line{line}.npz"), cube=np.ones((4, 5 + line, 3)))
    ...     [scene.shape for scene in read_scenes(f"{folder}/line*.npz")]
    [(4, 5, 3), (4, 6, 3), (4, 7, 3)]
    """
    paths = _listed("images", images)
    of_labels = [None] * len(paths) if labels is None else _listed("labels", labels)
    if _is_pattern(images) and _is_pattern(labels):
        paths, of_labels = _paired(os.fsdecode(images), paths, os.fsdecode(labels), of_labels)
    if len(of_labels) != len(paths):
        raise ValueError(
            f"There are {len(paths)} images, but {len(of_labels)} labels: give one file of labels"
            " for each image, in the same order, or None for an image without any."
        )
    sources = [image_source(path, variable) for path in paths]
    _check_images(paths, sources)
    read: list[Labels] = []
    for path, source in zip(of_labels, sources, strict=True):
        given = {"labels_variable": labels_variable, "class_column": class_column}
        is_without = path is None and labels is not None  # though others have labels
        read.append(read_labels(path, source, **({} if is_without else given)))
    if class_column is not None:
        read = _numbered_alike(read, class_column)
    bad: dict[int, str] = {}  # in any of the files
    scenes: list[Scene] = []
    for source, (raster, names) in zip(sources, read, strict=True):
        scene = open_scene(source, raster, class_names=names, drop_bad_bands=drop_bad_bands)
        scenes.append(scene)
        for band, why in scene.dropped_bands.items():
            bad.setdefault(band, f"{why} in {source.path.name}")
    if len(bad) == sources[0].shape[2]:
        raise ValueError(f"Each of the {len(bad)} bands is bad in one image or another.")
    for i, (source, (raster, names)) in enumerate(zip(sources, read, strict=True)):
        if scenes[i].dropped_bands.keys() != bad.keys():
            scenes[i] = open_scene(source, raster, class_names=names, also_bad=bad)
    check_same_bands(scenes)
    return scenes


def _listed(what: str, files: Any) -> list[Any]:
    """The files of a list, or those that a pattern matches."""
    if isinstance(files, list | tuple):
        if not files:
            raise ValueError(f"{what} must hold one file at least.")
        return list(files)
    if not isinstance(files, str | PathLike):
        raise TypeError(
            f"{what} must be a list of files, or a pattern such as 'lines/*.tif', got"
            f" {shown(files)}; of an iterator, make a list: sorted(folder.glob('*.tif'))."
        )
    pattern = os.fsdecode(files)
    if os.path.isfile(pattern):  # whose name may look like a pattern
        return [files]
    with naming(what):
        found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise FileNotFoundError(f"{what}: there is no file {pattern!r}, and none that it matches.")
    return found


def _is_pattern(files: Any) -> bool:
    is_text = isinstance(files, str | PathLike)
    return is_text and glob.has_magic(os.fsdecode(files)) and not os.path.isfile(files)


def _paired(
    images: str, found: Sequence[str], labels: str, of_labels: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Images and labels of two patterns, by what the wildcards of each stand for in their names.

    Sorting both is not enough: "line1.tif" comes before "line10.tif", but "line1_gt.tif" after
    "line10_gt.tif".
    """
    images_by, labels_by = (
        {_stood_for(pattern, path): path for path in paths}
        for pattern, paths in ((images, found), (labels, of_labels))
    )
    alone = sorted(images_by.keys() ^ labels_by.keys())
    if alone:
        raise ValueError(
            f"images and labels do not pair: {' '.join(alone[0])!r} is what the wildcards stand for"
            f" in a file of the {'images' if alone[0] in images_by else 'labels'} alone. Name them"
            " alike, or give lists of files in the same order."
        )
    return list(images_by.values()), [labels_by[key] for key in images_by]


def _stood_for(pattern: str, path: str) -> tuple[str, ...]:
    """The parts of a path that the wildcards of a pattern of :mod:`glob` stand for."""
    expression = "".join(
        WILDCARDS.get(part)
        or (f"({part.replace('!', '^')})" if part[:1] == "[" else re.escape(part))
        for part in re.split(r"(\*\*|\*|\?|\[[^\]]+\])", pattern)
    )
    match = re.fullmatch(expression, path, re.DOTALL)
    return match.groups() if match else (path,)


def _check_images(paths: Sequence[Any], sources: Sequence[CubeSource]) -> None:
    """Raise ValueError for an image that is there twice, or has other bands."""
    first, known = sources[0], set[Path]()
    for path, source in zip(paths, sources, strict=True):
        # Two DataArrays may be of one file.
        is_file = isinstance(path, str | PathLike)
        files = {file.resolve() for file in source.files} if is_file else set[Path]()
        if files & known:
            raise ValueError(
                f"images holds {source.path} twice, or two files of it: a whole image that is held"
                " out must not be trained on. Name each once (of ENVI's, '*.hdr')."
            )
        known |= files
        if source.shape[2] != first.shape[2]:
            raise ValueError(
                f"{first.path} has {first.shape[2]} bands, but {source.path} has"
                f" {source.shape[2]}: images that are read together have the same bands."
            )


def _numbered_alike(read: Sequence[Labels], column: str) -> list[Labels]:
    """Labels in which classes that have names are numbered in the same way everywhere."""
    of_files = [names for raster, names in read if raster is not None]
    if all(names is None for names in of_files):
        return list(read)
    if any(names is None for names in of_files):
        raise TypeError(
            f"The column {column!r} holds names in some of the labels, and numbers in others: give"
            " all of them the same."
        )
    every = sorted({name for names in of_files for name in (names or {}).values()})
    numbers = {name: number for number, name in enumerate(every, start=1)}
    class_names = {number: name for name, number in numbers.items()}
    alike: list[Labels] = []
    for raster, names in read:
        if raster is None or names is None:
            alike.append((None, None))
            continue
        codes = np.full(max(names) + 1, UNLABELED, dtype=raster.dtype)
        codes[list(names)] = [numbers[name] for name in names.values()]
        alike.append((codes[raster], class_names))
    return alike
