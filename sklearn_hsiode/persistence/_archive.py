"""Zip archives that are read within bounds, whatever they say of themselves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import BinaryIO

# Bytes that a model may unpack to: at most so many, and beyond the second number no more than
# so many times the size of its file. Weights hardly compress; a forest does tenfold.
LARGEST, SMALL, LARGEST_RATIO = 2**32, 2**28, 100


def unpacked(file: BinaryIO) -> dict[str, bytes]:
    """Return all members of an archive, by their names.

    Parameters
    ----------
    file : binary file
        Open for reading.

    Returns
    -------
    members : dict of str to bytes

    Raises
    ------
    ValueError
        When it unpacks to more than a model may, or has other contents than it says.
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError
        When it is damaged, or no archive.
    """
    allowed = min(LARGEST, max(SMALL, LARGEST_RATIO * file.seek(0, io.SEEK_END)))
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len({part.filename for part in parts}) < len(parts):
            raise ValueError("a part of it is there twice.")
        size = sum(part.file_size for part in parts)
        if size > allowed:
            raise ValueError(
                f"it unpacks to {size / 2**30:.3g} GiB, and a file of its size may to"
                f" {allowed / 2**30:.3g} GiB."
            )
        members = {}
        for part in parts:
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{part.filename} is compressed in a way that save_model is not.")
            with archive.open(part) as member:
                # A size that is told wrong bounds what is unpacked even so.
                members[part.filename] = member.read(part.file_size)
            if len(members[part.filename]) < part.file_size:
                raise ValueError(f"{part.filename} is shorter than it should be.")
    return members


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return an archive of these members, without compression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
