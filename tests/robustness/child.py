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
from pathlib import Path
from typing import Any, Generic, TypeVar

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
class _Running(Generic[Case]):
    case: Case
    pid: int
    pipe: int
    started: float
    answer: bytes = b""


def in_children(
    cases: Iterable[Case],
    judge: Callable[[Case], Verdict],
    *,
    n_jobs: int = 2,
    seconds: float = SECONDS,
) -> Iterator[tuple[Case, Verdict]]:
    """Judge each case in a forked child of this process, which has all modules loaded already.

    A child that dies, or that takes longer than it may, is a verdict as well.
    """
    waiting, left = selectors.DefaultSelector(), iter(cases)
    while True:
        while len(waiting.get_map()) < n_jobs:
            case = next(left, None)
            if case is None:
                break
            child = _started(case, judge, seconds)
            waiting.register(child.pipe, selectors.EVENT_READ, child)
        if not waiting.get_map():
            return
        ready = {key.fd for key, _ in waiting.select(timeout=0.2)}
        for key in list(waiting.get_map().values()):
            child = key.data
            took = time.monotonic() - child.started
            part = os.read(child.pipe, 2**16) if key.fd in ready else None
            if part:
                child.answer += part
                continue
            if part is None and took < seconds:
                continue
            if part is None:
                os.kill(child.pid, signal.SIGKILL)
            _, status = os.waitpid(child.pid, 0)
            waiting.unregister(child.pipe)
            os.close(child.pipe)
            yield child.case, _verdict(child.answer, status, took, is_hang=part is None)


def _started(case: Case, judge: Callable[[Case], Verdict], seconds: float) -> _Running[Case]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            _set_limits(seconds)
            verdict = judge(case)
            os.write(writing, json.dumps([verdict.word, verdict.details[:2000]]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    return _Running(case, pid, reading, time.monotonic())


def _set_limits(seconds: float) -> None:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries written in C print what they find
        os.dup2(silence, stream)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ImportError):
        import torch

        torch.set_num_threads(1)


def _verdict(answer: bytes, status: int, took: float, *, is_hang: bool) -> Verdict:
    if is_hang:
        return Verdict("hang", f"killed after {took:.0f} s", took)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return Verdict("death", name, took)
    try:
        word, details = json.loads(answer)
    except ValueError:
        return Verdict("death", "no answer", took)
    return Verdict(word, details, took)


def run_alone(judge: Callable[[Any], Verdict], case: Any) -> Verdict:
    """Judge a single case."""
    return next(iter(in_children([case], judge, n_jobs=1)))[1]
