"""Where the blocks of a TIFF lie, and its metadata, which GDAL does not check.

Sources: TIFF 6.0, Adobe, 1992; BigTIFF, as libtiff documents it.
"""

from __future__ import annotations

import logging
import struct
import zlib
from math import ceil
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import numpy as np

logger = logging.getLogger(__name__)

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
SAMPLES, ROWS_PER_STRIP, PLANAR = 277, 278, 284
TILE_WIDTH, TILE_LENGTH = 322, 323
OFFSETS, COUNTS = (273, 324), (279, 325)  # of strips, of tiles
UNCOMPRESSED, DEFLATE = 1, (8, 32946)
YCBCR = 6
METADATA = 42112  # XML of GDAL's
TYPES = {1: "u1", 3: "u2", 4: "u4", 16: "u8", 18: "u8"}  # of numbers that are not negative

Tags = dict[int, np.ndarray]


def check_blocks(path: Path, *, checksums: bool) -> None:
    """Raise ValueError where blocks lie beyond the file, in each other or are too short.

    With `checksums`, those of blocks that are compressed with deflate are compared as well.
    """
    with path.open("rb") as file:
        tags, directory = _tags(file)
        _warn_of_metadata(path, tags)
        found = [next((tags[tag] for tag in of if tag in tags), None) for of in (OFFSETS, COUNTS)]
        if found[0] is None or found[1] is None or len(found[0]) != len(found[1]):
            return
        offsets, counts = (np.asarray(of, dtype=np.uint64) for of in found)
        if ((offsets > 0) != (counts > 0)).any():
            raise ValueError("a block has a place without a size, or a size without a place")
        blocks = np.stack([offsets, counts])[:, offsets > 0]  # others were never written
        if (blocks > 2**62).any() or (blocks.sum(axis=0) > path.stat().st_size).any():
            raise ValueError("a block lies beyond its end")
        regions = np.unique(np.column_stack([blocks, directory]), axis=1)  # blocks may be shared
        if (regions.sum(axis=0)[:-1] > regions[0, 1:]).any():
            raise ValueError("blocks lie in each other")
        compression = _number(tags, COMPRESSION, 1)
        if compression == UNCOMPRESSED and _number(tags, PHOTOMETRIC, 1) != YCBCR:
            is_short = (counts < _block_bytes(tags, len(counts))) & (counts > 0)
            if is_short.any():
                raise ValueError(f"block {np.flatnonzero(is_short)[0] + 1} is too short")
        if checksums and compression in DEFLATE:
            for offset, count in np.unique(blocks, axis=1).T.tolist():
                file.seek(offset)
                _check_deflate(file.read(count))


def _tags(file: IO[bytes]) -> tuple[Tags, np.ndarray]:
    """Tags of the first image that are numbers, and where their directory begins and its size."""
    start = file.read(16)
    order = "<" if start[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", start, 2)[0] == 43
    word, count = ("Q", "Q") if is_big else ("I", "H")
    (place,) = struct.unpack_from(f"{order}{word}", start, 8 if is_big else 4)
    file.seek(place)
    (n_tags,) = struct.unpack(f"{order}{count}", file.read(struct.calcsize(count)))
    entry = struct.Struct(f"{order}HH{word}{word}")
    entries = file.read(n_tags * entry.size)
    tags: Tags = {}
    for i in range(n_tags):
        tag, kind, length, value = entry.unpack_from(entries, i * entry.size)
        if tag == METADATA and length > struct.calcsize(word):
            file.seek(value)
            tags[tag] = np.fromfile(file, np.uint8, length)  # GDAL says so where it is cut
        if kind not in TYPES:
            continue
        dtype = np.dtype(order + TYPES[kind])
        if length * dtype.itemsize <= struct.calcsize(word):
            at = (i + 1) * entry.size - struct.calcsize(word)
            tags[tag] = np.frombuffer(entries, dtype, length, at)
        else:
            file.seek(value)
            tags[tag] = np.frombuffer(file.read(length * dtype.itemsize), dtype, length)
    return tags, np.array([place, len(entries)], dtype=np.uint64)


def _warn_of_metadata(path: Path, tags: Tags) -> None:
    """Log a warning where GDAL finds no XML in its tag, which it then leaves out in silence."""
    if METADATA in tags:
        try:
            ElementTree.fromstring(tags[METADATA].tobytes().rstrip(b"\0"))
        except ElementTree.ParseError as error:
            logger.warning(
                "%s: its GDAL metadata cannot be read (%s), so that wavelengths and names may be"
                " missing: the file may be damaged.",
                *(path, error),
            )


def _number(tags: Tags, tag: int, default: int) -> int:
    return int(tags[tag][0]) if tag in tags else default


def _block_bytes(tags: Tags, n_blocks: int) -> np.ndarray:
    """Bytes that each block needs without compression."""
    n_samples = _number(tags, SAMPLES, 1)
    is_planar = _number(tags, PLANAR, 1) == 2
    bits = _number(tags, BITS, 1) * (1 if is_planar else n_samples)
    if TILE_WIDTH in tags:
        row = ceil(_number(tags, TILE_WIDTH, 1) * bits / 8)
        return np.full(n_blocks, row * _number(tags, TILE_LENGTH, 1))
    length = _number(tags, LENGTH, 1)
    n_rows = min(_number(tags, ROWS_PER_STRIP, length), length)
    first = np.arange(n_blocks) % ceil(length / n_rows) * n_rows
    return np.minimum(n_rows, length - first) * ceil(_number(tags, WIDTH, 1) * bits / 8)


def _check_deflate(block: bytes) -> None:
    """Raise zlib.error or ValueError unless a block is whole, without keeping its values."""
    stream = zlib.decompressobj()
    while block and not stream.eof:
        stream.decompress(block, 2**20)
        block = stream.unconsumed_tail
    if not stream.eof:
        raise ValueError("a block ends before its values do")
