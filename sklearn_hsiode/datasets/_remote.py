"""fetch_*: the public scenes on which methods are compared."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from sklearn.utils import Bunch

from sklearn_hsiode._arguments import PATH, Constraints, Integer, Number, checked
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.datasets import _registry as registry
from sklearn_hsiode.datasets._download import check_hash, download
from sklearn_hsiode.datasets._registry import RemoteFile, RemoteScene
from sklearn_hsiode.io import read_scene

DataHome: TypeAlias = str | os.PathLike[str] | None
Fetched: TypeAlias = Bunch | tuple[PixelSamples, np.ndarray]

_DOC = """\
Load the <name> scene: <summary>, <bands> bands.

<classes>
It is downloaded (<size> MB) when it is not there yet.

Parameters
----------
data_home : str or path-like, default=None
    Folder of the files; ``~`` is the home directory. By default the one that the environment
    variable ``SKLEARN_HSIODE_DATA`` names, or else ``~/sklearn_hsiode_data``. Files that you
    put there by hand, or into a folder ``<folder>`` in it, are taken as they are once they
    have passed the same check as a download.
download_if_missing : bool, default=True
    If False, raise an OSError when a file is not there, instead of downloading it.
return_X_y : bool, default=False
    If True, return ``(data, target)`` instead of a Bunch.
n_retries : int, default=3
    How often to ask all sources of a file again when none of them could help.
delay : float, default=1.0
    Seconds to wait before that.

Returns
-------
dataset : :class:`~sklearn.utils.Bunch`
    With the attributes

    - ``scene`` : :class:`~sklearn_hsiode.Scene` of shape <shape>, with class names;
    - ``data`` : PixelSamples of shape (n_labelled, <bands>), the labelled pixels;
    - ``target`` : array of shape (n_labelled,), their labels as in the ground truth;
    - ``target_names`` : list of the <n_classes> class names in sorted order of the labels;
    - ``wavelengths`` : array of shape (<bands>,) in nanometres, or None where they are not
      known for certain, as here;
    - ``DESCR`` : str, a description;
    - ``citation`` : str, whom to cite.
(data, target) : tuple if ``return_X_y`` is True
    The labelled pixels and their labels.

Raises
------
OSError
    When a file is missing and ``download_if_missing`` is False (FileNotFoundError), when no
    source could send it, when the folder cannot be written to, or when a file in it is not
    the right one: then it is neither used nor touched.

Notes
-----
The files are <cube> and <labels>, sought at the collection's own address
and then in a snapshot of it. They appear in the folder when they are complete and have passed
their check: <check> A server that stays silent for 30 seconds, has sent less than 10 kB a second
after them, or sends more bytes than the file has counts as one that cannot help.
Each attempt, and why it failed, goes to the logger ``sklearn_hsiode.datasets``.

Examples
--------
>>> from sklearn_hsiode.datasets import <fetch>
>>> <fetch>().scene.shape  # doctest: +SKIP
<shape>
"""

_BY_HASH = "both have the expected sha256."
_LABELS_BY_CONTENT = """\
the cube has the expected sha256. No hash of this ground truth is known to us, so
its check is a weaker one: it can be read, has the cube's rows and columns, and holds exactly the
labels of the <n_classes> classes."""


_CONSTRAINTS: Constraints = {
    "data_home": [*PATH, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
    "n_retries": [Integer(0, 1000)],
    "delay": [Number(0, 3600)],
}


class Fetcher(Protocol):
    """Signature of the fetchers."""

    def __call__(
        self,
        data_home: DataHome = None,
        *,
        download_if_missing: bool = True,
        return_X_y: bool = False,
        n_retries: int = 3,
        delay: float = 1.0,
    ) -> Fetched: ...


def _fetcher(key: str, summary: str, classes: str) -> Fetcher:
    """Make the function that fetches a scene of the registry, with its docstring."""

    def fetch(
        data_home: DataHome = None,
        *,
        download_if_missing: bool = True,
        return_X_y: bool = False,
        n_retries: int = 3,
        delay: float = 1.0,
    ) -> Fetched:
        scene = getattr(registry, key)
        return _fetch(scene, data_home, download_if_missing, return_X_y, n_retries, delay)

    scene: RemoteScene = getattr(registry, key)
    n_bytes = sum(file.size or 0 for file in (scene.cube, scene.labels))
    fetch.__name__ = fetch.__qualname__ = f"fetch_{key.lower()}"
    doc = _DOC
    for mark, fact in {
        "<check>": _BY_HASH if scene.labels.sha256 else _LABELS_BY_CONTENT,
        "<fetch>": fetch.__name__,
        "<name>": scene.name,
        "<summary>": summary,
        "<classes>": classes,
        "<size>": f"{n_bytes / 1e6:.2g}",
        "<folder>": scene.folder,
        "<shape>": str(scene.shape),
        "<bands>": str(scene.shape[2]),
        "<n_classes>": str(len(scene.class_names)),
        "<cube>": f"``{scene.cube.name}``",
        "<labels>": f"``{scene.labels.name}``",
    }.items():
        doc = doc.replace(mark, fact)
    fetch.__doc__ = doc
    return checked(**_CONSTRAINTS)(fetch)


fetch_indian_pines = _fetcher(
    "INDIAN_PINES",
    "fields and forest in Indiana, AVIRIS",
    "10249 labelled pixels in 16 very unequal classes, of which the smallest has 20.",
)
fetch_salinas = _fetcher(
    "SALINAS",
    "vegetables and vineyards in California, AVIRIS",
    "54129 labelled pixels in 16 classes.",
)
fetch_salinas_a = _fetcher(
    "SALINAS_A",
    "a small and easy part of Salinas, AVIRIS",
    "5348 labelled pixels in 6 classes, whose labels are 1, 10, 11, 12, 13 and 14.",
)
fetch_pavia_university = _fetcher(
    "PAVIA_UNIVERSITY", "a campus in Italy, ROSIS", "42776 labelled pixels in 9 classes."
)
fetch_ksc = _fetcher("KSC", "wetlands at the Kennedy Space Center, AVIRIS", "13 classes.")
fetch_botswana = _fetcher("BOTSWANA", "the Okavango Delta from space, Hyperion", "14 classes.")


def _fetch(
    remote: RemoteScene,
    data_home: DataHome,
    download_if_missing: bool,
    return_X_y: bool,
    n_retries: int,
    delay: float,
) -> Fetched:
    home = _data_home(data_home)
    # All that is there is checked before anything is downloaded.
    cube, labels = (_present(file, remote, home) for file in (remote.cube, remote.labels))
    missing = [
        file for file, path in ((remote.cube, cube), (remote.labels, labels)) if path is None
    ]
    if missing and not download_if_missing:
        raise _missing(missing, remote, home)

    bring = partial(download, folder=home, n_retries=n_retries, delay=delay)
    cube = cube or bring(remote.cube)
    if labels is None:
        labels = bring(remote.labels, check=partial(_read, remote, cube))
    try:
        scene = _read(remote, cube, labels)
    except (ValueError, TypeError) as error:
        raise _refusal(labels, remote.labels, error) from error

    X, y = scene.labeled_pixels()
    if return_X_y:
        return X, y
    return Bunch(
        scene=scene,
        data=X,
        target=y,
        target_names=list(remote.class_names.values()),
        wavelengths=scene.wavelengths,
        DESCR=remote.description,
        citation=remote.citation,
    )


def _data_home(data_home: DataHome) -> Path:
    """The folder of the files, as :func:`sklearn.datasets.get_data_home` has it, but not made."""
    named = data_home or os.environ.get("SKLEARN_HSIODE_DATA") or "~/sklearn_hsiode_data"
    home = Path(named).expanduser()
    if home.exists() and not home.is_dir():
        raise NotADirectoryError(f"data_home must be a folder, but {home} is a file.")
    return home


def _present(file: RemoteFile, remote: RemoteScene, home: Path) -> Path | None:
    """Path of a file that is there already and has passed its check, or None."""
    for path in (home / file.name, home / remote.folder / file.name):
        if path.exists():
            try:
                check_hash(path, file)
            except ValueError as error:
                raise _refusal(path, file, error) from error
            return path
    return None


def _refusal(path: Path, file: RemoteFile, why: Exception) -> OSError:
    return OSError(
        f"{path} is not the {file.name} that is needed: {str(why).rstrip('.')}. It was left as it"
        " is: move it away to have the file downloaded, or put the right one in its place, for"
        f" example from {file.urls[0]}"
    )


def _missing(files: list[RemoteFile], remote: RemoteScene, home: Path) -> FileNotFoundError:
    names = " and ".join(file.name for file in files)
    urls = " and ".join(file.urls[0] for file in files)
    return FileNotFoundError(
        f"{remote.name} lacks {names} in {home}. Set download_if_missing=True, name the folder that"
        f" has the files with data_home or SKLEARN_HSIODE_DATA, or put them there from {urls}"
    )


def _read(remote: RemoteScene, cube: Path, labels: Path) -> Scene:
    scene = read_scene(cube, labels)
    if set(scene.classes) != set(remote.class_names):
        raise ValueError(
            f"its labels are {scene.classes.tolist()}, not {sorted(remote.class_names)}"
        )
    wavelengths = None if remote.wavelengths is None else np.array(remote.wavelengths)
    names = dict(remote.class_names)
    return scene._replace(class_names=names, wavelengths=wavelengths, name=remote.name)
