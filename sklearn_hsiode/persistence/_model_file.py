"""save_model and load_model: model files that one may take from a stranger."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_hsiode._archive import packed, unpacked
from sklearn_hsiode._arguments import PATH, HasMethods, checked, naming
from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._bands import first_wavelengths, iter_estimators
from sklearn_hsiode._labels import merged_class_names
from sklearn_hsiode._scene import SCENES, Scene, listed_scenes
from sklearn_hsiode._validation import checked_wavelengths

FORMAT = 3
MODEL, ABOUT, HASH = "model.skops", "about.json", "sha256"
LARGEST_ABOUT = 2**24


@checked(estimator=[HasMethods(["fit"])], path=PATH, scene=[*SCENES, None], overwrite=["boolean"])
def save_model(
    estimator: Any,
    path: str | Path,
    *,
    scene: Scene | Sequence[Scene] | None = None,
    trusted: Iterable[Any] = (),
    overwrite: bool = False,
) -> Path:
    """Save a fitted estimator or pipeline in a file that runs no code when it is loaded.

    The file is a zip archive of the estimator, as skops saves it, with weights as plain arrays,
    and of what is to be known of it: versions, classes, bands and wavelengths. Of a network it
    holds the parameters of its classifier, weights and history, from which it is made again.
    Of `net_params` these are kept: "optimizer__momentum", "optimizer__nesterov",
    "optimizer__dampening", "optimizer__amsgrad" and "optimizer__eps". Others that training or
    the machine alone needs are left out, as are `compile` and `n_jobs`. A pickle keeps all.

    Parameters
    ----------
    estimator : estimator
        Fitted; made of scikit-learn's and this package's own types.
    path : path
        Where to; the file appears when it is complete.
    scene : Scene or list of Scene, default=None
        The scenes of the training, whose class names and wavelengths go into the file.
    trusted : iterable of class or function, default=()
        Networks of yours that a :class:`~sklearn_hsiode.PatchNetClassifier` trains. The file
        holds their names and weights, not their code: whoever loads it must have that code, and
        name it as trusted as well.
    overwrite : bool, default=False
        Replace an existing file.

    Returns
    -------
    path : path

    Raises
    ------
    NotFittedError
        When the estimator is not fitted.
    TypeError
        When the estimator holds what :func:`load_model` would refuse, such as a callback or a
        function of yours, or a search over `net_params`, `compile`, `n_jobs` or `memory`.
    FileExistsError
        When the file exists and is not to be replaced.
    ValueError
        When the scene has another number of bands than that of the training, the parameters of a
        network have been changed since its fit, its `net_params` have a part in what it predicts,
        or the estimator is too large for :func:`load_model`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.svm import SVC
    >>> from sklearn_hsiode import load_model, save_model
    >>> from sklearn_hsiode.datasets import make_scene
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> with TemporaryDirectory() as folder:
    ...     path = save_model(SVC().fit(X, y), Path(folder) / "svm.model")
    ...     load_model(path).predict(X).shape == y.shape
    True
    """
    skops, trust = _skops()
    check_is_fitted(estimator)
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already: name another file, or overwrite it.")
    n_bands = getattr(estimator, "n_features_in_", None)
    scenes = [] if scene is None else listed_scenes(scene)
    if scenes and n_bands is not None and scenes[0].n_bands != n_bands:
        raise ValueError(
            f"scene has {scenes[0].n_bands} bands, but the estimator was fitted on {n_bands}: give"
            " the scene of its training."
        )
    with naming("trusted"):
        names = trust.names_of(trusted)
    try:
        model = skops.dumps(estimator, compression=zipfile.ZIP_DEFLATED)
    except RecursionError as error:
        raise TypeError(
            "The estimator holds itself, or a request of metadata, which skops cannot save:"
            " pickle it for your own use."
        ) from error
    try:
        _, strange = trust.vetted(model, skops, names)
    except ValueError as error:
        raise ValueError(f"The estimator cannot be saved as a model: {error}") from error
    if strange:
        raise TypeError(
            f"The estimator holds {', '.join(strange)}, which load_model would refuse to load,"
            " since their code is not this package's to trust: leave them out, or pickle the"
            " estimator for your own use. The network of a PatchNetClassifier can be named as"
            " trusted=[...], here and in load_model."
        )
    about = {
        "format": FORMAT,
        "versions": {
            package: version(package)
            for package in ("sklearn-hsiode", "scikit-learn", "torch", "numpy", "skops")
        },
        **_classes_and_bands(estimator),
        "class_names": _class_names(estimator, scenes),
        "wavelengths": first_wavelengths(scenes),
        "dropped_bands": _dropped_bands(scenes),
    }
    text = json.dumps(about, indent=1, default=_plain)
    members = {ABOUT: text.encode(), MODEL: model, HASH: _hash(text.encode(), model).encode()}
    with complete_file(path) as unfinished:
        unfinished.write_bytes(packed(members))
    return path


@checked(path=PATH)
def load_model(path: str | Path, *, trusted: Iterable[Any] = ()) -> Any:
    """Load an estimator that :func:`save_model` has saved; no code of the file is run.

    Parameters
    ----------
    path : path
        The file. It may come from a stranger: what is not of scikit-learn's or of this
        package's own types is refused.
    trusted : iterable of class or function, default=()
        Networks of a :class:`~sklearn_hsiode.PatchNetClassifier` whose code you trust. They are
        called with the arguments that the file names.

    Returns
    -------
    estimator : estimator
        Fitted. What was trained on CUDA lies on the CPU where there is none. `n_jobs` and
        `memory` are None and `compile` is False in all of it, until you set them.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is no model, is damaged, is of another format, holds other types, unpacks
        to more than a model may, or holds parameters, classes, bands and weights of a network
        that do not fit together. The message names the file.

    Notes
    -----
    A file may unpack to 4 GiB, and beyond 256 MiB to no more than 100 times its size; the list
    of what an estimator is made of may be 64 MiB, as for a forest of 4,000 trees.

    Decision trees and support vector machines are checked before scikit-learn's compiled code
    gets them. That of others, such as nearest neighbours and histogram gradient boosting, takes
    its arrays on trust, so that a file made to do harm can still crash the process. And a hash
    tells damage, not who made a file: whoever changes weights can make another. What a file cannot
    do, by any known way, is to run code of its author's.
    """
    skops, trust = _skops()
    model, about = _read(path)
    with naming("trusted"):
        names = trust.names_of(trusted)
    try:
        model, strange = trust.vetted(model, skops, names)
        trusted_types = trust.trusted_types(names)
        estimator: Any = None if strange else skops.loads(model, trusted=trusted_types)
    except Exception as error:  # whatever a tampered content leads skops to
        raise ValueError(f"{path} cannot be loaded as a model: {_reason(error)}") from error
    if strange:
        raise ValueError(
            f"{path} holds {', '.join(strange)}, which could run any code when loaded, and was"
            " therefore refused. A network whose code you trust is named with trusted=[...]."
        )
    try:
        check_is_fitted(estimator)
        for part in iter_estimators(estimator):
            if hasattr(part, "wavelengths_in_"):
                checked_wavelengths(part.wavelengths_in_, part.n_features_in_)
        found = json.loads(json.dumps(_classes_and_bands(estimator), default=_plain))
    except Exception as error:  # of an object that is not what it says
        raise ValueError(f"{path} holds no fitted estimator: {_reason(error)}") from error
    for name, value in found.items():
        if value != about.get(name):
            raise ValueError(f"{path} is damaged: its model has other {name} than it says.")
    # predict_map compares them with a scene's.
    if about.get("wavelengths") is not None:
        estimator.wavelengths_in_ = np.array(about["wavelengths"], dtype=float)
    if about.get("dropped_bands"):
        estimator.dropped_bands_in_ = about["dropped_bands"]
    return estimator


@checked(path=PATH)
def describe_model(path: str | Path) -> dict[str, Any]:
    """Facts about a saved model, without loading it.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    about : dict
        "versions" of the packages, "classes", "class_names" (a list in their order, or None),
        "n_bands", "wavelengths" (in nanometres, or None) and "dropped_bands" (bands of the file
        that the scene of the training was without, counted from 1, or None).

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`load_model`.
    """
    _, about = _read(path)
    return {name: about.get(name) for name in ABOUT_MODEL}


ABOUT_MODEL = ("versions", "classes", "class_names", "n_bands", "wavelengths", "dropped_bands")


def _read(path: str | Path) -> tuple[bytes, dict[str, Any]]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {path}.")
    try:
        with path.open("rb") as file:
            members = unpacked(file, {ABOUT: LARGEST_ABOUT})
        text, model, told = members[ABOUT], members[MODEL], members[HASH].decode()
        about = json.loads(text)
        found = about["format"]
    except PermissionError:
        raise
    except Exception as error:  # whatever a damaged or repacked archive leads to
        raise ValueError(
            f"{path} is no model that save_model has written, or it is damaged: {_reason(error)}"
        ) from error
    if found != FORMAT:
        is_older = isinstance(found, int) and found < FORMAT
        remedy = "train and save the model again" if is_older else "update sklearn_hsiode"
        raise ValueError(
            f"{path} is of format {found}, and this version of sklearn_hsiode reads format"
            f" {FORMAT}: {remedy}."
        )
    if told != _hash(text, model):
        raise ValueError(f"{path} is damaged: its content does not have the hash that it names.")
    wrong = _wrong_facts(about)
    if wrong:
        raise ValueError(f"{path} is damaged: {', '.join(wrong)} cannot be what it says.")
    return model, about


def _wrong_facts(about: dict[str, Any]) -> list[str]:
    """Names of the facts about a model that are of another kind than they should be."""

    def numbers(values: Any, *kinds: type) -> bool:
        return isinstance(values, list) and all(
            type(value) in kinds and abs(value) < np.inf for value in values
        )

    versions, classes, names, n_bands, wavelengths, dropped = map(about.get, ABOUT_MODEL)
    n_classes = len(classes) if isinstance(classes, list) else -1
    right = {
        "versions": isinstance(versions, dict),
        "classes": classes is None or n_classes > 0,
        "class_names": names is None
        or (
            isinstance(names, list)
            and len(names) == n_classes
            and all(isinstance(name, str) for name in names)
        ),
        "n_bands": n_bands is None or (numbers([n_bands], int) and n_bands > 0),
        "wavelengths": wavelengths is None
        or (
            numbers(wavelengths, int, float)
            and n_bands in (None, len(wavelengths))
            and min(wavelengths, default=0) >= 0
        ),
        "dropped_bands": dropped is None or numbers(dropped, int),
    }
    return [name for name, is_right in right.items() if not is_right]


def _classes_and_bands(estimator: Any) -> dict[str, Any]:
    return {
        "classes": getattr(estimator, "classes_", None),
        "n_bands": getattr(estimator, "n_features_in_", None),
    }


def _hash(about: bytes, model: bytes) -> str:
    return sha256(about + model).hexdigest()


def _class_names(estimator: Any, scenes: Sequence[Scene]) -> list[str] | None:
    """Names of the estimator's classes, in their order."""
    if not scenes or not hasattr(estimator, "classes_"):
        return None
    names = merged_class_names(scenes)
    labels = np.asarray(estimator.classes_).tolist()
    return [str(names.get(label, label)) for label in labels]


def _dropped_bands(scenes: Sequence[Scene]) -> list[int] | None:
    """Bands of the file that every one of the scenes is without, where they agree."""
    dropped = [sorted(scene.dropped_bands) for scene in scenes]
    return dropped[0] if dropped and all(one == dropped[0] for one in dropped) else None


def _reason(error: Exception) -> str:
    """What an error says; some say nothing but their name."""
    return str(error) or type(error).__name__


def _plain(value: Any) -> Any:
    """A NumPy value in types that JSON knows."""
    return value.tolist()


def _skops() -> tuple[Any, Any]:
    """skops.io and the types to trust, which take time to import."""
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "Models are saved and loaded with skops: pip install 'sklearn-hsiode[models]'."
        ) from error
    from sklearn_hsiode.persistence import _trust

    return skops.io, _trust
