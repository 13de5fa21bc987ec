"""Zip archives that are read within bounds, whatever they say of themselves."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from typing import BinaryIO

from numpy.lib import format as npy

# Bytes that an archive may unpack to: at most so many, and beyond the second number no more than
# so many times the size of its file. Weights hardly compress; a forest does tenfold.
LARGEST, SMALL, LARGEST_RATIO = 2**32, 2**28, 100
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def unpacked(file: BinaryIO, largest: Mapping[str, int]) -> dict[str, bytes]:
    """Return all members of an archive, by their names.

    Parameters
    ----------
    file : binary file
        Open for reading.
    largest : dict of str to int
        Bytes that some of the members may have.

    Returns
    -------
    members : dict of str to bytes

    Raises
    ------
    ValueError
        When it unpacks to more than it may, or has other contents than it says.
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
            if part.file_size > largest.get(part.filename, LARGEST):
                raise ValueError(f"{part.filename} is {part.file_size:,} bytes, which is too much.")
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{part.filename} is compressed in a way that no file of ours is.")
            with archive.open(part) as member:
                # A size that is told wrong bounds what is unpacked even so.
                members[part.filename] = member.read(part.file_size)
            if len(members[part.filename]) < part.file_size:
                raise ValueError(f"{part.filename} is shorter than it should be.")
    return members


def check_arrays(members: Mapping[str, bytes]) -> None:
    """Check that the arrays among the members take no more memory than they have bytes.

    Parameters
    ----------
    members : dict of str to bytes
        NumPy's files, sparse matrices, which are archives of such files, and others.

    Raises
    ------
    ValueError
        When an array, or all that an archive holds, is larger than it may be.
    """
    inner = 0
    for name, content in members.items():
        if content.startswith(b"PK"):
            parts = unpacked(io.BytesIO(content), {})
            inner += sum(map(len, parts.values()))
            if inner > LARGEST:
                raise ValueError("the sparse matrices in it are too large.")
            check_arrays(parts)
        elif name.endswith(".npy"):
            file = io.BytesIO(content)
            read = HEADERS.get(npy.read_magic(file))
            if read is None:
                raise ValueError(f"{name} is an array of a format that is not written here.")
            shape, _, dtype = read(file)
            n_values, n_bytes = math.prod(shape), len(content) - file.tell()
            if n_values * dtype.itemsize != n_bytes or (n_values and not n_bytes):
                raise ValueError(f"{name} has another size than it says.")


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return an archive of these members, without compression."""
    file = io.BytesIO()
    try:
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    except ValueError as error:  # an archive that is interrupted within a member cannot be closed
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    return file.getvalue()
