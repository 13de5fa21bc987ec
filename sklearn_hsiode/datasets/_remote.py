"""fetch_*: the public scenes that the field compares its methods on."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._scene import Scene
from sklearn_hsiode.datasets import _registry as registry
from sklearn_hsiode.datasets._download import check_hash, download, refusal
from sklearn_hsiode.datasets._registry import RemoteFile, RemoteScene
from sklearn_hsiode.io import read_scene

DataHome: TypeAlias = str | os.PathLike[str] | None
Fetched: TypeAlias = Bunch | tuple[PixelSamples, np.ndarray]
Fetcher = TypeVar("Fetcher", bound=Callable[..., Any])

_SHARED_DOC = """\
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

    - ``scene`` : :class:`~sklearn_hsiode.Scene` of <shape>, with class names;
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
their check: <check> A server that stays silent for 30 seconds counts as one that cannot help.
What is tried, and why it fails, goes to the logger ``sklearn_hsiode.datasets``."""

_BY_HASH = "both have the expected sha256."
_LABELS_BY_CONTENT = """\
the cube has the expected sha256. No hash of this ground truth is known to us, so
its check is a weaker one: it can be read, has the cube's rows and columns, and holds exactly the
labels of the <n_classes> classes."""


def _fetcher(scene: RemoteScene) -> Callable[[Fetcher], Fetcher]:
    """Check a fetcher's arguments, and write the part of its docstring that all share."""
    facts = {
        "<shared>": _SHARED_DOC,
        "<check>": _LABELS_BY_CONTENT if scene.labels.sha256 is None else _BY_HASH,
        "<folder>": scene.folder,
        "<shape>": f"shape {scene.shape}",
        "<bands>": str(scene.shape[2]),
        "<n_classes>": str(len(scene.class_names)),
        "<cube>": f"``{scene.cube.name}``",
        "<labels>": f"``{scene.labels.name}``",
    }

    def decorate(fetch: Fetcher) -> Fetcher:
        doc = inspect.cleandoc(fetch.__doc__ or "")
        for mark, fact in facts.items():
            doc = doc.replace(mark, fact)
        fetch.__doc__ = doc
        return validate_params(
            {
                "data_home": [str, os.PathLike, None],
                "download_if_missing": ["boolean"],
                "return_X_y": ["boolean"],
                "n_retries": [Interval(Integral, 0, None, closed="left")],
                "delay": [Interval(Real, 0, None, closed="left")],
            },
            prefer_skip_nested_validation=True,
        )(fetch)

    return decorate


@_fetcher(registry.INDIAN_PINES)
def fetch_indian_pines(
    data_home: DataHome = None,
    *,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Fetched:
    """Load the Indian Pines scene: fields and forest in Indiana, AVIRIS, 200 bands.

    10249 labelled pixels in 16 very unequal classes, of which the smallest has 20. It is
    downloaded (6.0 MB) when it is not there yet.

    <shared>

    Examples
    --------
    >>> from sklearn_hsiode.datasets import fetch_indian_pines
    >>> fetch_indian_pines().scene  # doctest: +SKIP
    Scene('Indian Pines': 145 x 145 pixels, 200 bands, uint16, 10249 labelled pixels in 16 classes)
    """
    return _fetch(
        registry.INDIAN_PINES, data_home, download_if_missing, return_X_y, n_retries, delay
    )


@_fetcher(registry.SALINAS)
def fetch_salinas(
    data_home: DataHome = None,
    *,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Fetched:
    """Load the Salinas scene: vegetables and vineyards in California, AVIRIS, 204 bands.

    54129 labelled pixels in 16 classes. It is downloaded (27 MB) when it is not there yet.

    <shared>

    Examples
    --------
    >>> from sklearn_hsiode.datasets import fetch_salinas
    >>> X, y = fetch_salinas(return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (54129, 204)
    """
    return _fetch(registry.SALINAS, data_home, download_if_missing, return_X_y, n_retries, delay)


@_fetcher(registry.SALINAS_A)
def fetch_salinas_a(
    data_home: DataHome = None,
    *,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Fetched:
    """Load the Salinas-A scene: a small and easy part of Salinas, AVIRIS, 204 bands.

    5348 labelled pixels in 6 classes, whose labels are 1, 10, 11, 12, 13 and 14. It is
    downloaded (1.5 MB) when it is not there yet.

    <shared>

    Examples
    --------
    >>> from sklearn_hsiode.datasets import fetch_salinas_a
    >>> fetch_salinas_a().scene  # doctest: +SKIP
    Scene('Salinas-A': 83 x 86 pixels, 204 bands, int16, 5348 labelled pixels in 6 classes)
    """
    return _fetch(registry.SALINAS_A, data_home, download_if_missing, return_X_y, n_retries, delay)


@_fetcher(registry.PAVIA_UNIVERSITY)
def fetch_pavia_university(
    data_home: DataHome = None,
    *,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Fetched:
    """Load the Pavia University scene: a campus in Italy, ROSIS, 103 bands.

    42776 labelled pixels in 9 classes. It is downloaded (35 MB) when it is not there yet.

    <shared>

    Examples
    --------
    >>> from sklearn_hsiode.datasets import fetch_pavia_university
    >>> X, y = fetch_pavia_university(return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (42776, 103)
    """
    return _fetch(
        registry.PAVIA_UNIVERSITY, data_home, download_if_missing, return_X_y, n_retries, delay
    )


@_fetcher(registry.KSC)
def fetch_ksc(
    data_home: DataHome = None,
    *,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Fetched:
    """Load the KSC scene: wetlands at the Kennedy Space Center, AVIRIS, 176 bands.

    13 classes. It is downloaded (57 MB) when it is not there yet.

    <shared>

    Examples
    --------
    >>> from sklearn_hsiode.datasets import fetch_ksc
    >>> fetch_ksc().scene.shape  # doctest: +SKIP
    (512, 614, 176)
    """
    return _fetch(registry.KSC, data_home, download_if_missing, return_X_y, n_retries, delay)


@_fetcher(registry.BOTSWANA)
def fetch_botswana(
    data_home: DataHome = None,
    *,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Fetched:
    """Load the Botswana scene: the Okavango Delta from space, Hyperion, 145 bands.

    14 classes. It is downloaded (79 MB) when it is not there yet.

    <shared>

    Examples
    --------
    >>> from sklearn_hsiode.datasets import fetch_botswana
    >>> fetch_botswana().scene.shape  # doctest: +SKIP
    (1476, 256, 145)
    """
    return _fetch(registry.BOTSWANA, data_home, download_if_missing, return_X_y, n_retries, delay)


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
        raise refusal(labels, remote.labels, str(error)) from error

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
    """Where a file lies already, or None."""
    for path in (home / file.name, home / remote.folder / file.name):
        if path.exists():
            check_hash(path, file)
            return path
    return None


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
    return Scene(
        scene.cube,
        scene.labels,
        mask=scene.mask,
        class_names=remote.class_names,
        wavelengths=remote.wavelengths,
        name=remote.name,
    )
