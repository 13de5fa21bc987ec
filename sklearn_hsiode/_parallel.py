"""What joblib sends to the workers of a cluster, and what is done again when one of them dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from functools import update_wrapper
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.parallel import get_active_backend

Key = TypeVar("Key")


def client_of_cluster() -> Any:
    """The client of the Dask cluster that joblib's active backend uses, None for others."""
    return getattr(get_active_backend()[0], "client", None)


@contextmanager
def without_cluster() -> Iterator[None]:
    """Let joblib stay in this process, where the data are, if its active backend is a cluster."""
    with nullcontext() if client_of_cluster() is None else parallel_config("threading"):
        yield


@contextmanager
def sent_once(*data: Any) -> Iterator[None]:
    """Send data to every worker of a Dask cluster, if joblib's active backend is one.

    The tasks of any call of joblib inside share them, where they are arguments themselves, and
    each stays on its worker. By itself joblib sends them again for each call, and lets a forest or
    a union of features in a task send its spectra to the whole cluster.
    """
    backend, _ = get_active_backend()
    client = client_of_cluster()
    if client is None:
        yield
    elif _is_in_task():
        with without_cluster():
            yield
    else:
        with parallel_config(
            _staying(type(backend))(
                client=client,
                scatter=list(data),
                wait_for_workers_timeout=backend.wait_for_workers_timeout,
                **backend.submit_kwargs,
            )
        ):
            yield


def _is_in_task() -> bool:
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def _staying(backend: type) -> type:
    """The class of joblib's Dask backend, with tasks that stay on their worker."""

    class Staying(backend):  # type: ignore[misc]
        def submit(self, func: Any, callback: Any = None) -> Any:
            func.items = [(_Staying(call), args, kwargs) for call, args, kwargs in func.items]
            return super().submit(func, callback)

    return Staying


class _Staying:
    """A function that keeps off the cluster what joblib does in it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with without_cluster():
            return self.function(*args, **kwargs)


class LossesForgiven:
    """A context that ends without an error where data were lost with a worker that died.

    Dask does tasks of a dead worker again, but cannot send again what it has sent, when only that
    worker had it. The context is used again and again until what is done in it has been done. It
    forgives three losses, as Dask does for a task whose worker dies.
    """

    def __init__(self) -> None:
        self.left = 3

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> bool:
        # distributed's FutureCancelledError is one.
        if kind is None or not issubclass(kind, CancelledError) or not self.left:
            return False
        self.left -= 1
        return True


def in_any_order(
    function: Callable[..., Any],
    tasks: Mapping[Key, tuple[Any, ...]],
    *data: Any,
    n_jobs: int | None,
) -> Iterator[tuple[Key, Any]]:
    """Keys of tasks and ``function(*task, *data)``, as they are finished."""
    left = dict(tasks)
    losses = LossesForgiven()
    while left:
        with losses:
            with sent_once(*data):
                results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
                    delayed(_with_key)(key, function, *task, *data)
                    for key, task in list(left.items())
                )
            for key, result in results:
                del left[key]
                yield key, result


def _with_key(key: Key, function: Callable[..., Any], *args: Any) -> tuple[Key, Any]:
    return key, function(*args)
