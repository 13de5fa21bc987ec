"""Download a file of public data, complete and checked, or not at all."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn_hsiode.datasets._registry import RemoteFile

TIMEOUT = 30.0  # seconds that a server may stay silent

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
    in a temporary folder inside `folder`, and moved to its place in one step.

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
    with _temporary_folder(folder) as temporary:
        path = temporary / file.name
        for attempt in range(n_retries + 1):
            if attempt:
                time.sleep(delay)
            for url in file.urls:
                try:
                    _download_from(url, file, path)
                    if check is not None:
                        check(path)
                except (OSError, ValueError, TypeError) as error:
                    failures[url] = str(error) or type(error).__name__
                    logger.warning("%s: %s", url, failures[url])
                else:
                    path.chmod(0o600 | folder.stat().st_mode & 0o044)  # as readable as the folder
                    return path.replace(folder / file.name)
    reasons = "".join(f"\n  {url}: {why}" for url, why in failures.items())
    raise OSError(
        f"{file.name} could not be downloaded. Try again later, or put the file into {folder} by"
        f" hand. Reasons by source:{reasons}"
    )


def _download_from(url: str, file: RemoteFile, path: Path) -> None:
    from pooch import HTTPDownloader

    size = "" if file.size is None else f" ({file.size / 1e6:.1f} MB)"
    logger.info("Downloading %s%s from %s", file.name, size, url)
    HTTPDownloader(timeout=TIMEOUT)(url, path, None)
    check_hash(path, file)


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
