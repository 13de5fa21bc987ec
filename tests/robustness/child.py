"""Child processes with limits: each case runs in a fork of its own, and may die in it."""

import json
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import Generic, TypeVar

from tqdm import tqdm

Case = TypeVar("Case")
SECONDS = 20.0
MEMORY = 1536 * 2**20  # bytes beyond those that the parent has


@dataclass(frozen=True)
class Verdict:
    """What became of a case: a word of the table, and details."""

    word: str
    details: str = ""
    seconds: float = 0.0


@dataclass
class _Child(Generic[Case]):
    pid: int
    pipe: int
    cases: list[Case]
    heard: float  # when the last verdict came
    answer: bytes = b""


def in_children(
    cases: Iterable[Case],
    judge: Callable[[Case], Verdict],
    *,
    n_jobs: int = 2,
    seconds: float = SECONDS,
    batch: int = 20,
) -> Iterator[tuple[Case, Verdict]]:
    """Judge cases in forked children of this process, which has all modules loaded already.

    Each child takes a few cases. One that dies, or that takes longer than it may over a case, is
    a verdict on this case, and another child takes those that are left.
    """
    waiting, left = selectors.DefaultSelector(), iter(cases)
    spare: list[Case] = []
    while True:
        while len(waiting.get_map()) < n_jobs:
            some = spare or list(islice(left, batch))
            spare = []
            if not some:
                break
            child = _started(some, judge)
            waiting.register(child.pipe, selectors.EVENT_READ, child)
        if not waiting.get_map():
            return
        ready = {key.fd for key, _ in waiting.select(timeout=0.2)}
        for key in list(waiting.get_map().values()):
            child, now = key.data, time.monotonic()
            part = os.read(child.pipe, 2**16) if key.fd in ready else None
            *lines, child.answer = (child.answer + (part or b"")).split(b"\n")
            for line in lines:
                yield child.cases.pop(0), Verdict(*json.loads(line), now - child.heard)
                child.heard = now
            if part or (part is None and now < child.heard + seconds):
                continue
            if part is None:
                os.kill(child.pid, signal.SIGKILL)
            _, status = os.waitpid(child.pid, 0)
            waiting.unregister(child.pipe)
            os.close(child.pipe)
            if child.cases:
                yield child.cases.pop(0), _end(status, now - child.heard, is_hang=part is None)
                spare += child.cases


def _started(cases: list[Case], judge: Callable[[Case], Verdict]) -> _Child[Case]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            tqdm.set_lock(RLock())  # else one that all share, which the killed keep for ever
            _set_limits()
            for case in cases:
                verdict = judge(case)
                line = json.dumps([verdict.word, verdict.details[:2000]])
                os.write(writing, line.encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    return _Child(pid, reading, cases, time.monotonic())


def _set_limits() -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries written in C print what they find
        os.dup2(silence, stream)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ImportError):
        import torch

        torch.set_num_threads(1)


def _end(status: int, took: float, *, is_hang: bool) -> Verdict:
    if is_hang:
        return Verdict("hang", f"killed after {took:.0f} s", took)
    if os.WIFSIGNALED(status):
        return Verdict("death", signal.Signals(os.WTERMSIG(status)).name, took)
    return Verdict("death", f"no answer, exit {os.waitstatus_to_exitcode(status)}", took)
