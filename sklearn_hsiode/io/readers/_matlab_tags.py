"""The variables of a MATLAB 5 file, by the tags of its elements.

SciPy looks data types up without a check, and a damaged one ends the process: what it is to read
is checked here first. Source: MAT-File Format, The MathWorks, chapter 1.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

HEADER = 128  # bytes before the first element
ENDIANNESS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
UINT32, INT32, NAMES, MATRIX, COMPRESSED = 6, 5, (1, 16), 14, 15
# Bytes of a number of each numeric data type.
BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
KINDS = (
    *("unknown", "cell", "struct", "object", "char", "sparse", "double", "single"),
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("function", "opaque", "object"),
)
NUMERIC = KINDS[6:16]
IS_COMPLEX = 0x0800
BEGINNING = 8192  # bytes of a variable that hold all but its values
PART = 2**20  # bytes that are inflated at once


@dataclass(frozen=True)
class Variable:
    """A variable: its name, shape and class, and the bytes of what SciPy reads as it is stored."""

    name: str
    shape: tuple[int, ...]
    kind: str
    n_bytes: int


def variables(path: Path) -> list[Variable]:
    """The variables of a MATLAB 5 file.

    Raises
    ------
    ValueError
        Where the tags do not describe the file.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        order = ENDIANNESS.get(file.read(HEADER)[124:])
        if order is None:
            raise ValueError("its header names no version and byte order of MATLAB 5")
        found = []
        end = HEADER
        while end < size:
            kind, length = struct.unpack(f"{order}II", file.read(8))
            end = file.tell() + length
            if end > size:
                raise ValueError(f"an element would end at byte {end}, but it has {size}")
            if kind == COMPRESSED:
                beginning = _inflated(file, length)
                kind, length = struct.unpack_from(f"{order}II", beginning)
                beginning = beginning[8:]
            else:
                beginning = file.read(min(length, BEGINNING))
            if kind != MATRIX:
                raise ValueError(f"an element is of type {kind}, but variables are of {MATRIX}")
            variable = _variable(beginning, order)
            found += [variable] if variable else []
            file.seek(end)
    return found


def _inflated(file: IO[bytes], length: int) -> bytes:
    """The beginning of a compressed element, of which the whole is checked; SciPy does not."""
    stream, beginning = zlib.decompressobj(), b""
    while length and not stream.eof:
        part = file.read(min(length, PART))
        length -= len(part)
        while part and not stream.eof:
            inflated = stream.decompress(part, PART)
            beginning += inflated[: BEGINNING - len(beginning)]
            part = stream.unconsumed_tail
    if not stream.eof:
        raise ValueError("a compressed variable ends before its values do")
    return beginning


def _variable(beginning: bytes, order: str) -> Variable | None:
    """A variable, of which the values need not be there; None for MATLAB's newer objects."""
    type_, n_bytes, flags, _ = struct.unpack_from(f"{order}4I", beginning)
    if (type_, n_bytes) != (UINT32, 8):
        raise ValueError("a variable has no flags")
    kind = KINDS[flags & 0xFF] if flags & 0xFF < len(KINDS) else KINDS[0]
    if kind == "opaque":  # these have neither shape nor name here
        return None
    type_, n_bytes, start, place = _element(beginning, 16, order)
    if type_ != INT32:
        raise ValueError("a variable has no shape")
    shape = struct.unpack_from(f"{order}{n_bytes // 4}i", beginning, start)
    if not 2 <= len(shape) <= 32 or min(shape) < 0:
        raise ValueError(f"a variable has the shape {shape}")
    type_, n_bytes, start, place = _element(beginning, place, order)
    if type_ not in NAMES or start + n_bytes > len(beginning):
        raise ValueError("a variable has no name")
    name = beginning[start : start + n_bytes].decode("latin-1")
    if kind not in NUMERIC:
        return Variable(name, shape, kind, 0)
    type_, n_bytes, *_ = _element(beginning, place, order)
    if type_ not in BYTES or n_bytes != prod(shape) * BYTES[type_]:
        raise ValueError(f"{name} holds {n_bytes} bytes of type {type_} for its shape {shape}")
    return Variable(name, shape, "complex" if flags & IS_COMPLEX else kind, n_bytes)


def _element(held: bytes, place: int, order: str) -> tuple[int, int, int, int]:
    """Type and size of an element, and where its values begin and the next element does."""
    (word,) = struct.unpack_from(f"{order}I", held, place)
    if word >> 16:  # values of up to four bytes lie in the tag itself
        n_bytes = word >> 16
        if n_bytes > 4:
            raise ValueError(f"a tag holds {n_bytes} bytes")
        return word & 0xFFFF, n_bytes, place + 4, place + 8
    (n_bytes,) = struct.unpack_from(f"{order}I", held, place + 4)
    return word, n_bytes, place + 8, place + 8 + -(-n_bytes // 8) * 8
