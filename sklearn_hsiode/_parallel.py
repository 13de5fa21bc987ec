"""What joblib sends to the workers of a Dask cluster, and where the work of a task is done."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import update_wrapper
from typing import Any

from joblib import effective_n_jobs, parallel_config
from joblib.parallel import get_active_backend


def on_cluster() -> bool:
    """Whether joblib's active backend is a Dask cluster's."""
    return hasattr(get_active_backend()[0], "data_futures")


@contextmanager
def without_cluster() -> Iterator[None]:
    """Let joblib stay in this process, where the data are, if its active backend is a cluster."""
    with parallel_config("threading") if on_cluster() else nullcontext():
        yield


@contextmanager
def sent_once(*data: Any) -> Iterator[None]:
    """Send data to each worker of a Dask cluster once, if joblib's active backend is one.

    Tasks of all calls of joblib inside share them, where they are arguments themselves, and what
    a task does with joblib stays on its worker. By itself joblib sends them again for each call,
    loses them with the worker that has them, and lets a forest or a union of features in a task
    send its spectra to the whole cluster.
    """
    if not on_cluster() or _is_in_task():
        with without_cluster():
            yield
        return
    active, _ = get_active_backend()
    client, timeout = active.client, active.wait_for_workers_timeout
    effective_n_jobs(-1)  # waits for workers, and raises TimeoutError where there are none
    backend = _with_local_tasks(type(active))(
        client=client, wait_for_workers_timeout=timeout, **active.submit_kwargs
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")
        # Results of tasks, which are computed again where the only worker with them dies.
        backend.data_futures = {id(one): client.submit(_itself, one, pure=False) for one in data}
    # Dask keeps short tasks to the workers that have their data.
    client.replicate(list(backend.data_futures.values()))
    with parallel_config(backend):
        yield


def _is_in_task() -> bool:
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def _itself(one: Any) -> Any:
    return one


def _with_local_tasks(backend: type) -> type:
    """The class of joblib's Dask backend, but with tasks that use no other worker."""

    class WithLocalTasks(backend):  # type: ignore[misc]
        def submit(self, func: Any, callback: Any = None) -> Any:
            func.items = [(_Local(call), args, kwargs) for call, args, kwargs in func.items]
            return super().submit(func, callback)

    return WithLocalTasks


class _Local:
    """A function that runs without the cluster."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with without_cluster():
            return self.function(*args, **kwargs)
