"""Jobs that die at random moments, or that find no room: nothing half-written, nothing left."""

import fcntl
import os
import re
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tests.robustness.child import Verdict
from tests.robustness.jobs import JOBS, Job
from tests.robustness.oracle import PACKAGE

SIGNALS = {name: getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")}
WAYS = (*SIGNALS, "SIGKILL", "full disk", "read-only")
SECONDS = 60.0  # that a job may take to end
NOBODY = 65534
GOOD = ("done", "stopped")
BAD = (
    *("half-written", "leftover", "not resumed", "not the same", "silent", "foreign error"),
    *("hang", "death"),
)
FAILED = 70  # exit status of a job that an exception has ended


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def listed() -> list[str]:
    """All files and folders here."""
    return sorted(str(path) for path in Path().rglob("*"))


@cache
def whole(name: str) -> tuple[dict[str, Any], list[str], float]:
    """What an undisturbed job writes, all that is there then, and how long it takes."""
    job = JOBS[name]
    with TemporaryDirectory() as folder, inside(Path(folder)), silence():
        job.prepare()
        job.run()  # loads all modules, so that children need not
    with TemporaryDirectory() as folder, inside(Path(folder)):
        job.prepare()
        began = time.monotonic()
        status, said = ended(*started(job))
        took = time.monotonic() - began
        if status != 0:
            raise RuntimeError(f"{name} ends with {status}: {said}")
        return job.read(), listed(), took


@contextmanager
def silence() -> Iterator[None]:
    """Leave out what is printed."""
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        yield


def started(job: Job, limit: Callable[[], None] = lambda: None) -> tuple[int, int]:
    """The process of a job, and a pipe with what it says."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 2**20)
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    status = FAILED
    try:
        for stream in (1, 2):
            os.dup2(writing, stream)
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        limit()
        status = job.run()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def ended(pid: int, pipe: int) -> tuple[int | None, str]:
    """Exit status of a process, or minus its signal, or None for a hang; and what it has said."""
    deadline, done, status = time.monotonic() + SECONDS, 0, 0
    while not done and time.monotonic() < deadline:
        time.sleep(0.002)
        done, status = os.waitpid(pid, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it has started ends with it
    if not done:
        os.waitpid(pid, 0)
    with os.fdopen(pipe, "rb") as said:
        text = said.read().decode(errors="replace")
    return os.waitstatus_to_exitcode(status) if done else None, text


def judge(case: str, folder: Path) -> Verdict:
    """What a job leaves that was stopped, and what it does when it is run again."""
    name, _, _ = case.rpartition("/")
    random, job = Random(case), JOBS[name]
    truth, there, took = whole(name)
    way, moment = random.choice(WAYS), random.uniform(0, 1.1) * took
    room = random.choice([0, 100, 1000, 5000, random.randrange(200_000)])
    with inside(folder):
        job.prepare()
        if way == "full disk":
            status, said = ended(*started(job, partial(_leave_room, room)))
        elif way == "read-only":
            status, said = ended(*started(job, _close_folder))
            folder.chmod(0o755)
        else:
            process = started(job)
            time.sleep(moment)
            with suppress(ProcessLookupError):
                os.kill(process[0], SIGNALS[way])
            status, said = ended(*process)
        what = f"{way}, exit {status}: {said[-250:]}"
        fault = _faults_at_once(job, truth, way, status, said)
        if not fault:
            status_after, said = ended(*started(job))
            what += f"\nand then exit {status_after}: {said[-1000:]}"
            fault = _faults_after(job, truth, there, status_after)
    return Verdict(fault, what) if fault else Verdict("done" if status == 0 else "stopped", what)


def _leave_room(room: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))


def _close_folder() -> None:
    """Nobody may write here, as nobody."""
    Path().chmod(0o555)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _faults_at_once(job: Job, truth: Any, way: str, status: int | None, said: str) -> str:
    """Faults of a job that was stopped."""
    if status is None:
        return "hang"
    try:
        found = job.read()
    except Exception:
        return "half-written"
    if status == 0 and found != truth:
        return "silent"
    last = said.strip().rpartition("\n")[2]
    if way in SIGNALS:
        interrupted = status == FAILED and last.startswith("KeyboardInterrupt")
        if interrupted and way == "SIGINT":  # a command may not have begun, or have ended already
            return "foreign error" if job.is_command and str(PACKAGE) in said else ""
        expected = 130 if way == "SIGINT" and job.is_command else -SIGNALS[way]
        return "" if status in (0, expected) else "foreign error"
    if status not in (0, 1, FAILED):
        return "death"
    failed = 1 if job.is_command else FAILED
    names = "|".join(map(re.escape, (job.writes, Path.cwd().name)))
    named = re.search(rf"(?<![\w-])({names})(?![\w-])", last)
    return "" if status == 0 or (status == failed and named) else "foreign error"


def _faults_after(job: Job, truth: Any, there: list[str], status: int | None) -> str:
    """Faults of a complete run to the same place, after one that was stopped."""
    if status is None:
        return "hang"
    if status != 0:
        return "not resumed"
    if job.read() != truth:
        return "not the same"
    return "leftover" if set(listed()) - set(there) else ""


def keep(case: str, folder: Path) -> None:
    """Nothing: the moment of a signal is not to be repeated."""
