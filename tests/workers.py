"""Dask workers that start at once, forked by a server that has imported what they need."""

from contextlib import contextmanager

import dask
from distributed.utils import get_mp_context

FORKED = {"distributed.worker.multiprocessing-method": "forkserver"}
MODULES = ("distributed", "sklearn_hsiode.benchmark", "sklearn_hsiode.recipes")


@contextmanager
def forked_workers():
    """Let clusters that are started inside have such workers."""
    with dask.config.set(FORKED):
        get_mp_context().set_forkserver_preload(list(MODULES))
        yield
