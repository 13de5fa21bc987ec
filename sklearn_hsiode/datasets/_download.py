"""Download a file of public data, complete and checked, or not at all."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from sklearn_hsiode._atomic import OF_WRITING, complete_file
from sklearn_hsiode.datasets._registry import RemoteFile

TIMEOUT = 30.0  # seconds that a server may stay silent
SLOWEST = 10_000  # bytes a second that it must send on average, once these seconds have passed
LARGEST = 2**24  # bytes of a file whose size is not known, which is a ground truth

logger = logging.getLogger(__name__)


def check_hash(path: Path, file: RemoteFile) -> None:
    """Raise ValueError when a file has another hash than the expected one."""
    if file.sha256 is None:
        return
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != file.sha256:
        raise ValueError(f"its sha256 is {found}, not {file.sha256}")


def download(
    file: RemoteFile,
    folder: Path,
    *,
    check: Callable[[Path], object] | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Path:
    """Download a file into a folder, complete and checked, or not at all.

    Its sources are asked in turn, and all of them again `n_retries` times. The file is checked
    in a hidden folder inside `folder`, and moved to its place in one step. A source that stays
    silent, is very slow, or sends more bytes than the file has, is left.

    Parameters
    ----------
    file : RemoteFile
        File to download; its hash is checked if it has one.
    folder : path
        Destination; made when it does not exist.
    check : callable, default=None
        A further check, which gets the path of the downloaded file, and raises ValueError,
        TypeError or OSError.
    n_retries : int, default=3
        Rounds through all sources after a first one without success.
    delay : float, default=1.0
        Seconds to wait before each further round.

    Returns
    -------
    path : path
        The file.

    Raises
    ------
    OSError
        When the folder cannot be written to, or no source could help.
    """
    failures: dict[str, str] = {}
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = stack.enter_context(complete_file(folder / file.name))
        except OSError as error:
            raise OSError(
                f"The folder {folder} cannot be written to ({error}): name another one with"
                " data_home or the environment variable SKLEARN_HSIODE_DATA."
            ) from error
        for attempt in range(n_retries + 1):
            if attempt:
                time.sleep(delay)
            for url in file.urls:
                try:
                    _download_from(url, file, path)
                    if check is not None:
                        check(path)
                except (OSError, ValueError, TypeError) as error:
                    if getattr(error, "errno", None) in OF_WRITING:
                        raise  # of the disk, which no other source helps
                    failures[url] = str(error) or type(error).__name__
                    logger.warning("%s: %s", url, failures[url])
                else:
                    path.chmod(0o600 | folder.stat().st_mode & 0o044)  # as readable as the folder
                    return folder / file.name
        reasons = "".join(f"\n  {url}: {why}" for url, why in failures.items())
        raise OSError(
            f"{file.name} could not be downloaded. Try again later, or put the file into {folder}"
            f" by hand. Reasons by source:{reasons}"
        )


def _download_from(url: str, file: RemoteFile, path: Path) -> None:
    from pooch import HTTPDownloader

    size = "" if file.size is None else f" ({file.size / 1e6:.1f} MB)"
    logger.info("Downloading %s%s from %s", file.name, size, url)
    with path.open("wb") as content:
        received = _Received(content, file.size or LARGEST)
        # pooch cannot be stopped while it waits for a byte, but it need not be waited for.
        done: Future[None] = Future()
        get = partial(HTTPDownloader(timeout=TIMEOUT), url, received, None)
        Thread(target=_fulfil, args=(done, get), daemon=True).start()
        start, allowed = time.monotonic(), TIMEOUT
        while not wait([done], timeout=start + allowed - time.monotonic()).done:
            allowed = TIMEOUT + received.n_bytes / SLOWEST
            if time.monotonic() - start > allowed:
                raise TimeoutError(f"it sends less than {SLOWEST:,} bytes a second")
        try:
            done.result()
        finally:
            del done  # it holds the error, whose traceback would hold it
    check_hash(path, file)


class _Received:
    """A file that takes so many bytes at most, and counts them."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.file, self.most, self.n_bytes = file, most, 0

    def write(self, chunk: bytes) -> None:
        self.n_bytes += len(chunk)
        if self.n_bytes > self.most:
            raise ValueError(f"it sends more than the {self.most:,} bytes that the file may have")
        self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()


def _fulfil(done: Future[None], work: Callable[[], object]) -> None:
    try:
        work()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
    finally:
        del done  # as above
