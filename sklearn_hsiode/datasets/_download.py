"""Bring a file of public data into a folder, complete and checked, or not at all."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError

from sklearn.datasets import fetch_file

from sklearn_hsiode.datasets._registry import RemoteFile

TIMEOUT = 30.0  # seconds that a server may stay silent

logger = logging.getLogger(__name__)
_one_download_at_a_time = threading.Lock()


def check_hash(path: Path, file: RemoteFile) -> None:
    """Refuse a file in the data folder that is another one than it should be.

    Raises
    ------
    OSError
        When the file has another hash. It stays where it is.
    """
    if file.sha256 is None:
        return
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != file.sha256:
        raise refusal(path, file, f"its sha256 is {found}, not {file.sha256}")


def refusal(path: Path, file: RemoteFile, why: str) -> OSError:
    """What to say of a file in the data folder that is another one than it should be."""
    return OSError(
        f"{path} is not the {file.name} that is needed: {why.rstrip('.')}. It was left as it"
        " is: move it away to have the file downloaded, or put the right one in its place, for"
        f" example from {file.urls[0]}"
    )


def download(
    file: RemoteFile,
    folder: Path,
    *,
    check: Callable[[Path], object] | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Path:
    """Bring a file into a folder, complete and checked, or not at all.

    Its sources are asked in turn, and all of them again `n_retries` times. What they send is
    checked in a temporary folder inside `folder`, and moved to its place in one step.

    Parameters
    ----------
    file : RemoteFile
        What to bring; its hash is checked if it has one.
    folder : path
        Where to; made when it does not exist.
    check : callable, default=None
        A further check, which gets the path of what was sent, and raises ValueError or OSError.
    n_retries : int, default=3
        How often to ask all sources again when none could help.
    delay : float, default=1.0
        Seconds to wait before that.

    Returns
    -------
    path : path

    Raises
    ------
    OSError
        When the folder cannot be written to, or no source could help.
    """
    failures: dict[str, str] = {}
    with _temporary_folder(folder) as temporary:
        for attempt in range(n_retries + 1):
            if attempt:
                time.sleep(delay)
            for url in file.urls:
                try:
                    path = _sent_by(url, file, temporary)
                    if check is not None:
                        check(path)
                except (OSError, HTTPException, ValueError, TypeError) as error:
                    failures[url] = str(error) or type(error).__name__
                    logger.warning("%s: %s", url, failures[url])
                    if isinstance(error, HTTPError):
                        error.close()
                    # fetch_file would take what has failed the check for the file itself.
                    (temporary / file.name).unlink(missing_ok=True)
                else:
                    # As readable as the folder: a temporary file is its owner's alone.
                    path.chmod(0o600 | folder.stat().st_mode & 0o044)
                    return path.replace(folder / file.name)
    reasons = "".join(f"\n  {url}: {why}" for url, why in failures.items())
    raise OSError(
        f"{file.name} could not be downloaded. Try again later, or put the file into {folder} by"
        f" hand. What went wrong at each source:{reasons}"
    )


def _sent_by(url: str, file: RemoteFile, folder: Path) -> Path:
    size = "" if file.size is None else f" ({file.size / 1e6:.1f} MB)"
    logger.info("Downloading %s%s from %s", file.name, size, url)
    with _socket_timeout(TIMEOUT):
        return fetch_file(
            url, folder=folder, local_filename=file.name, sha256=file.sha256, n_retries=0
        )


@contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix=".download_", dir=folder)
    except OSError as error:
        raise OSError(
            f"The folder {folder} cannot be written to ({error}): name another one with data_home"
            " or the environment variable SKLEARN_HSIODE_DATA."
        ) from error
    with temporary as path:
        yield Path(path)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Let no connection that is opened meanwhile stay silent for longer.

    fetch_file has no timeout of its own, nor has urllib's urlretrieve below it: both go by the
    default of the whole process, which therefore is set for the time of a download, unless the
    user has set one. The lock keeps two threads from putting back each other's value.
    """
    with _one_download_at_a_time:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(seconds if before is None else before)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)
