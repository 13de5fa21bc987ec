"""Files that appear when they are complete, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside the path, and move the file into place when it is written.

    Parameters
    ----------
    path : path
        Where the file is to be; what lies there stays until the new one is complete.

    Yields
    ------
    unfinished : path
        Where to write.

    Raises
    ------
    FileNotFoundError
        When there is no folder for the file.
    IsADirectoryError
        When the path is a folder itself.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} for {path.name}.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
