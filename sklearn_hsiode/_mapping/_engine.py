"""Windows of a map as tasks of joblib."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Generator, Iterator
from functools import cached_property
from itertools import islice
from typing import Any
from uuid import uuid4

import cloudpickle
import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from sklearn_hsiode._cubes import Block
from sklearn_hsiode._mapping._windows import Predicted, WindowModel
from sklearn_hsiode._parallel import sent_once
from sklearn_hsiode._scene import Scene

FEW = 4  # windows for each worker whose results are in memory at a time, at least


def mapped(
    model: WindowModel,
    parts: Iterator[tuple[Scene, Block]],
    n_parts: int,
    *,
    n_jobs: int | None,
    n_at_once: int,
) -> Generator[Predicted]:
    """What a model predicts in parts of a scene, in their order.

    joblib starts new tasks as others end, however far behind the caller is. So the tasks are
    handed to it in rounds, which bound the memory of results that wait.

    Parameters
    ----------
    model : WindowModel
        The model, which is sent once to each worker.
    parts : iterator of (Scene, (slice, slice))
        Surroundings of windows, made when a worker is there to take them, and the windows in
        these.
    n_parts : int
        How many parts there are.
    n_jobs : int or None
        As for :class:`joblib.Parallel`.
    n_at_once : int
        How many results may wait in memory, if not a few for each worker.
    """
    shared = Shared(model)
    n_at_once = max(n_at_once, FEW * effective_n_jobs(n_jobs))
    with sent_once(shared):
        parallel = _parallel(n_jobs)
    with parallel:
        for _ in range(0, n_parts, n_at_once):
            tasks = (delayed(_run)(shared, *part) for part in islice(parts, n_at_once))
            yield from _until_closed(parallel(tasks))


def _run(shared: Shared, part: Scene, inner: Block) -> Predicted:
    model: WindowModel = shared.value
    return model(part, inner)


def _parallel(n_jobs: int | None) -> Parallel:
    try:
        return Parallel(n_jobs, return_as="generator")  # which are written while others are made
    except ValueError:  # of backends that return lists alone: multiprocessing's, Ray's, Spark's
        return Parallel(n_jobs)


def _until_closed(results: Any) -> Iterator[Predicted]:
    """Results that nobody waits for any longer are given up without joblib's warning."""
    try:
        # "yield from" would close them itself.
        for predicted in results:  # noqa: UP028
            yield predicted
    except GeneratorExit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(results, "close", list)()
        raise


class Shared:
    """Something that is sent once to each worker process, and stays there until the next.

    Parameters
    ----------
    value : object
        What is sent.
    key : str, default=None
        Of the one that it was received from.
    """

    def __init__(self, value: Any, key: str | None = None) -> None:
        self.value, self.key = value, key or uuid4().hex

    @cached_property
    def content(self) -> np.ndarray:
        """The pickled value: one array, which joblib writes to one file that processes map."""
        return np.frombuffer(cloudpickle.dumps(self.value), dtype=np.uint8)

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self.key, self.content)


_HERE: dict[str, Shared] = {}


def _received(key: str, content: np.ndarray) -> Shared:
    shared = _HERE.get(key)
    if shared is None:
        shared = Shared(pickle.loads(content.data), key)
        _HERE.clear()
        _HERE[key] = shared
    return shared
