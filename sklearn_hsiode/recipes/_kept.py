"""Searches that go on after a kill: the scores of finished candidates are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring
from tqdm.auto import tqdm

from sklearn_hsiode._checkpoint import (
    STATES,
    CheckpointFolder,
    OtherWorkError,
    read_state,
    write_state,
)
from sklearn_hsiode._fingerprint import content_of, digest, parameters_of, scenes_digest
from sklearn_hsiode._pixels import PixelSamples

# Parameters that do not change which candidate wins.
NEUTRAL = ("checkpoint", "device", "n_jobs", "progress", "verbose")
OWN = ("estimator", "folder", "path", "untrained")


class Kept:
    """An estimator that is not fitted where the score of this fit is in a folder.

    It has all attributes of the estimator. A network in it has a checkpoint in the folder.

    Parameters
    ----------
    estimator : estimator
        A candidate of a search, or the base of candidates.
    folder : Path
        That of the search.
    """

    path: Path  # of its scores
    untrained: Any  # what it is still to be fitted with

    def __init__(self, estimator: Any, folder: Path) -> None:
        self.estimator, self.folder = estimator, folder

    def __getattr__(self, name: str) -> Any:
        if name in OWN:  # while it is made from its pickle
            raise AttributeError(name)
        return getattr(self.estimator, name)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self if name in OWN else self.estimator, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self.estimator, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, (self.estimator, self.folder)

    def __sklearn_clone__(self) -> Kept:
        return Kept(clone(self.estimator), self.folder)

    def set_params(self, **parameters: Any) -> Kept:
        self.estimator.set_params(**parameters)
        return self

    def fit(self, X: Any, y: Any = None, **params: Any) -> Kept:
        settings = parameters_of(self.estimator, NEUTRAL, content_of) | {
            "pixels": _rows_digest(X, y)
        }
        name = sha256(repr(settings).encode()).hexdigest()
        self.path = self.folder / f"{name}{STATES}"
        self.untrained = X, y, params
        if not self.path.exists():
            self.train()
        return self

    def train(self) -> None:
        """Fit the estimator, if that has not been done."""
        if self.untrained is None:
            return
        X, y, params = self.untrained
        self.untrained = None
        names = [name for name in self.get_params() if name.split("__")[-1] == "checkpoint"]
        folder = self.path.with_suffix("")
        self.set_params(**dict.fromkeys(names, folder))
        try:
            self.estimator.fit(X, y, **params)
        except (
            OtherWorkError
        ):  # on another kind of device, say, or of the first of several networks
            shutil.rmtree(folder)
            self.estimator.fit(X, y, **params)
        finally:
            self.set_params(**dict.fromkeys(names))


class KeptScore:
    """A scorer of :class:`Kept` estimators, which writes their scores.

    Parameters
    ----------
    scorer : callable
        That of the estimators in them.
    """

    def __init__(self, scorer: Any) -> None:
        self.scorer = scorer

    def __call__(self, kept: Kept, X: Any, y: Any = None, **params: Any) -> Any:
        scores, rows = read_state(kept.path) or {}, _rows_digest(X, y)
        if rows not in scores:
            kept.train()  # killed between the score of the test pixels and that of the others
            scores[rows] = self.scorer(kept.estimator, X, y, **params)
            write_state(kept.path, scores)
        return scores[rows]

    def get_metadata_routing(self) -> Any:
        return self.scorer.get_metadata_routing()


@contextmanager
def kept_scores(
    search: Any, X: Any, y: Any, splits: list[tuple[np.ndarray, np.ndarray]], params: Any
) -> Iterator[None]:
    """Let a search keep the scores of its candidates while it is fitted, if it has a `checkpoint`.

    Parameters
    ----------
    search : GridSearch or HalvingSearch
        It is as before in the end.
    X, y, params
        What it is fitted with.
    splits : list of (train, test)
        Its inner splits.
    """
    if search.checkpoint is None:
        yield
        return
    estimator, scoring = search.estimator, search.scoring
    scorer = check_scoring(estimator, scoring)
    with CheckpointFolder(search.checkpoint) as folder:
        folder.agree(_settings(search, X, y, splits, params))
        if search.progress and folder.states():
            n_fits = len(folder.states())
            tqdm.write(f"{type(search).__name__}: {n_fits} fits are finished, in {folder.path}")
        search.estimator, search.scoring = Kept(estimator, folder.path), KeptScore(scorer)
        try:
            yield
        finally:
            search.estimator, search.scoring = estimator, scoring
        search.best_estimator_.train()  # also where an inner split has all of its pixels
        search.best_estimator_ = search.best_estimator_.estimator
        search.scorer_ = scorer
        # Where Ctrl-C has ended the training of the best, its checkpoint is there to go on.
        if not any(path.is_dir() and path.name[0] != "." for path in folder.path.iterdir()):
            folder.remove()


def _settings(
    search: Any, X: Any, y: Any, splits: list[tuple[np.ndarray, np.ndarray]], params: Any
) -> Mapping[str, str]:
    settings = {"search": type(search).__name__} | parameters_of(search, NEUTRAL, content_of)
    del settings["cv"]  # whose splits have been made
    settings["pixels sha256"] = _rows_digest(X, y)
    if isinstance(X, PixelSamples):
        settings["images sha256"] = scenes_digest(X.scenes.values())
        told = [content_of(scene.wavelengths) for scene in X.scenes.values()]
        settings["wavelengths sha256"] = " ".join(told)
    settings["splits of cv sha256"] = digest([rows for split in splits for rows in split])
    settings["arguments of fit sha256"] = str(joblib.hash(params))
    return settings


def _rows_digest(X: Any, y: Any) -> str:
    """Hash of spectra, positions and labels."""
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    positions = [X.positions, X.image] if isinstance(X, PixelSamples) else []
    labels = digest([np.asarray(X), codes, *positions])
    return f"{labels} of {classes.tolist()}"
