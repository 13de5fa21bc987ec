"""Fit and test every model on every split, and keep what is finished."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.model_selection import check_cv
from tqdm.auto import tqdm

from sklearn_hsiode._arguments import PATH, Integer, StrOptions, check, checked, jobs_of, naming
from sklearn_hsiode._labels import merged_classes
from sklearn_hsiode._parallel import on_cluster, sent_once
from sklearn_hsiode._pixels import PixelSamples
from sklearn_hsiode._scene import SCENES, Scene, labeled_pixels, listed_scenes
from sklearn_hsiode._validation import shown
from sklearn_hsiode.benchmark._class_maps import load_map, save_map
from sklearn_hsiode.benchmark._fingerprint import benchmark_settings, model_parameters
from sklearn_hsiode.benchmark._run import (
    Failure,
    Job,
    MeasureOfFit,
    Run,
    last_step,
    run_of,
    run_or_failure,
    set_everywhere,
)
from sklearn_hsiode.benchmark._store import ResultsFile
from sklearn_hsiode.classifiers import PatchNetClassifier
from sklearn_hsiode.classifiers._devices import resolve_device
from sklearn_hsiode.metrics import MEASURES
from sklearn_hsiode.model_selection._overlap import check_patch_size


@checked(
    scene=SCENES,
    models=[Mapping],
    folder=[*PATH, StrOptions({""}), None],
    patch_size=[Integer(), None],
    measure=[callable, None],
    progress=["boolean"],
)
def run_benchmark(
    scene: Scene | Sequence[Scene],
    models: Mapping[str, Any],
    cv: Any,
    *,
    groups: Any = None,
    random_state: int = 0,
    folder: str | Path | None = None,
    patch_size: int | None = None,
    measure: MeasureOfFit | None = None,
    n_jobs: int | None = None,
    progress: bool = True,
) -> list[Run]:
    """Fit and test every model on every split of the labelled pixels of a scene, or of several.

    Parameters
    ----------
    scene : Scene or list of Scene
        With labels. Of several, the pixels of one follow on those of the other, as
        :meth:`PixelSamples.concatenate` has them.
    models : dict of str to estimator
        The models to compare. Each is cloned for each split, and every parameter of it, or of a
        step in it, that is called `random_state` is set to ``random_state + split``.
    cv : splitter, or list of splitters
        Any of scikit-learn's, or of :mod:`sklearn_hsiode.model_selection`, or what else
        :func:`~sklearn.model_selection.check_cv` takes. The splits of a list follow on each
        other, as repeats with other seeds. A model gets the pixels of a split in the order of
        the scene.
    groups : array of shape (n_labelled,), default=None
        For a splitter that wants them, as :class:`~sklearn.model_selection.LeaveOneGroupOut`
        wants the `image` of each pixel to hold out whole images.
    random_state : int, default=0
        Seed of the models. The splitter has its own.
    folder : path, default=None
        Where every finished run is kept at once, in ``runs.jsonl``, and the maps of the first
        split, though not of several scenes: :func:`~sklearn_hsiode.predict_map` makes one of each.
        With the same settings, a benchmark goes on where it was interrupted; models may be added.
        One benchmark at a time writes to a folder.
    patch_size : int, default=None
        Tell how far the patches of this size overlap between training and test pixels.
    measure : callable, default=None
        Called with the fitted model and the test pixels' X and y; it returns further figures
        by name.
    n_jobs : int, default=None
        Runs at the same time, in processes: at most 64, or four times the cores where that is
        more. None means 1. Under ``joblib.parallel_config("dask")`` the workers of the cluster
        do them instead, each with all that a model itself would do in parallel, and a run whose
        worker dies is done again. This process alone writes to the folder.
    progress : bool, default=True
        Show a bar of runs done and time left.

    Returns
    -------
    runs : list of Run
        Of the given models, in their order, split by split.

    Raises
    ------
    ValueError
        When the folder holds runs of other settings or a damaged file, which stay as they are,
        or an argument, or a parameter of a network, is out of range; before the first run.
    TypeError
        When an argument is of another type, before the first run.
    OSError
        When the folder cannot be written, or another benchmark writes to it (BlockingIOError),
        before the first run.
    RuntimeError
        When runs have failed, after all others have been done.

    Warns
    -----
    UserWarning
        When the file system of the folder has no locks, by which another benchmark would be kept
        out.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from sklearn_hsiode.benchmark import results_table, run_benchmark
    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.model_selection import SpatialBlockKFold
    >>> runs = run_benchmark(
    ...     make_scene(random_state=0), {"svm": SVC()}, SpatialBlockKFold(), progress=False
    ... )
    >>> len(runs)
    5
    """
    scenes = listed_scenes(scene)
    X, y = labeled_pixels(scenes)
    # A cluster has more cores than this machine.
    check("run_benchmark", {"n_jobs": jobs_of(effective_n_jobs(-1))}, n_jobs=n_jobs)
    _check(models, random_state, patch_size)
    splitters = _splitters(cv, y)
    splits = _splits(splitters, X, y, groups)
    if not 0 <= random_state <= 2**32 - len(splits):
        raise ValueError(
            "random_state must lie between 0 and 2**32 less the number of splits, got"
            f" {random_state}."
        )
    opened: Any = nullcontext()
    if folder is not None:
        settings = benchmark_settings(
            scenes,
            splitters,
            splits,
            random_state=int(random_state),
            patch_size=None if patch_size is None else int(patch_size),
            measure=None if measure is None else getattr(measure, "__qualname__", repr(measure)),
        )
        parameters = {name: model_parameters(model) for name, model in models.items()}
        opened = ResultsFile(Path(folder) / "runs.jsonl", settings, parameters)
    wanted = [(name, i) for i in range(len(splits)) for name in models]
    # Only fits in this process show what they do.
    show_fits = progress and n_jobs in (None, 1) and not on_cluster()
    with opened as store:
        finished = {} if store is None else _kept(store, wanted, scenes)
        jobs = []
        for name, i in wanted:
            if (name, i) not in finished:
                seed = int(random_state) + i
                model = _prepared(models[name], seed, show_fits)
                jobs.append(Job(name, model, i, seed, patch_size, MEASURES, measure))
        with sent_once(X, y, *chain.from_iterable(splits)):
            results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
                delayed(run_or_failure)(job, *splits[job.number], X, y) for job in jobs
            )
            bar = tqdm(
                results,
                total=len(wanted),
                initial=len(finished),
                desc="benchmark",
                unit="run",
                disable=not (progress and jobs),
            )
            finished |= _collected(bar, store)
    return [finished[name, i] for name in models for i in range(len(splits))]


Runs = dict[tuple[str, int], Run]  # by model and split
MAP_HASH = "class_map_sha256"


def _collected(results: tqdm, store: ResultsFile | None) -> Runs:
    """Keep every run as soon as it is finished; raise RuntimeError at the end where some failed."""
    finished, failures = {}, []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
            results.write(str(result), file=sys.stderr)
            continue
        if store is not None:
            store.append(result.as_record() | _kept_map(store, result))
        finished[result.model, result.split] = result
    if failures:
        kept = "" if store is None else f"; the others are kept in {store.path}"
        raise RuntimeError(
            f"{len(failures)} of {results.total} runs failed{kept}. The first: {failures[0]}"
        ) from failures[0].error
    return finished


def _kept_map(store: ResultsFile, run: Run) -> dict[str, str]:
    """Keep the class map of a run, if it has one; the record tells its hash."""
    if run.class_map is None:
        return {}
    return {MAP_HASH: save_map(store.path.parent, run.model, run.class_map)}


def _kept(store: ResultsFile, wanted: list[tuple[str, int]], scenes: Sequence[Scene]) -> Runs:
    """The wanted runs that a results file holds already."""
    finished = {}
    n_classes = len(merged_classes(scenes))
    for record in store.runs:
        name, split = record["model"], record["split"]
        if (name, split) not in wanted:
            continue
        map_hash = record.pop(MAP_HASH, None)
        class_map = None
        if split == 0 and len(scenes) == 1:
            grid = scenes[0].shape[:2]
            class_map = load_map(store.path.parent, name, grid, n_classes, map_hash)
        try:
            run = run_of(record, class_map)
            if len(run.per_class_accuracy) != n_classes:
                raise ValueError(f"per_class_accuracy is not of {n_classes} classes.")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The run of {name} on split {split} in {store.path} is damaged: name another"
                f" folder. {error}"
            ) from error
        finished[name, split] = run
    return finished


def _check(models: Mapping[str, Any], random_state: Any, patch_size: Any) -> None:
    """Refuse before the first run what would fail in a later one."""
    if not Integer().is_satisfied_by(random_state):
        raise TypeError(
            f"random_state must be an integer, from which the seeds count, got {random_state!r}."
        )
    if patch_size is not None:
        check_patch_size(patch_size)
    if not models:
        raise ValueError("models must hold one model at least.")
    for name, model in models.items():
        if not isinstance(name, str):
            raise TypeError(f"models must be a dict of names to estimators, got the name {name!r}.")
        if isinstance(model, type) or not hasattr(model, "get_params"):
            raise TypeError(f"models[{name!r}] must be an estimator, got {shown(model)}.")
        network = last_step(getattr(model, "estimator", model))  # of a search as well
        if isinstance(network, PatchNetClassifier):
            network._validate_params()
            if not on_cluster():  # whose workers have devices of their own
                resolve_device(network.device)


def _splitters(cv: Any, y: np.ndarray) -> list[Any]:
    if isinstance(cv, (list, tuple)) and cv and all(hasattr(one, "split") for one in cv):
        return list(cv)
    with naming("cv"):
        return [check_cv(cv, y, classifier=True)]


def _splits(
    splitters: list[Any], X: PixelSamples, y: np.ndarray, groups: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test pixels of each split, in the order of the scene."""
    with naming("cv, groups"):
        return [
            (np.sort(train), np.sort(test))
            for splitter in splitters
            for train, test in splitter.split(X, y, groups)
        ]


def _prepared(model: Any, seed: int, show_fits: bool) -> Any:
    """A copy of the model with its seed; a network shows its epochs, a search its candidates."""
    model = set_everywhere(clone(model), random_state=seed, progress=show_fits)
    if show_fits and isinstance(last_step(model), PatchNetClassifier):
        last_step(model).set_params(verbose=1)
    return model
