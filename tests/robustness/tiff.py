"""The places of a TIFF whose bytes are values that nothing in the file can check."""

import re
import struct
from collections.abc import Iterator

from tests.robustness.samples import Values

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8}
WIDTH, LENGTH, COMPRESSION, OFFSETS, TILE_OFFSETS = 256, 257, 259, 273, 324
DEFLATE = 8
PREDICTOR, SAMPLE_FORMAT, METADATA, NODATA = 317, 339, 42112, 42113
SIZES_OF_BLOCKS = {OFFSETS: 279, TILE_OFFSETS: 325}
OF_PLACE = {33550: "transform", 33922: "transform", 34264: "transform"}
OF_CRS = (34735, 34736, 34737)
# An element of GDAL's metadata, of which it takes no notice where it does not understand it.
ITEM = r"[^\x00-\x1f\x7f-\xff]*"


def entries(content: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Place, tag, type, place of the values and their bytes, of each entry."""
    is_big = content[2] == 43
    start = struct.unpack_from("<Q" if is_big else "<I", content, 8 if is_big else 4)[0]
    (n_entries,) = struct.unpack_from("<Q" if is_big else "<H", content, start)
    first, step, inline = (start + 8, 20, 8) if is_big else (start + 2, 12, 4)
    for place in range(first, first + n_entries * step, step):
        layout = "<HHQ" if is_big else "<HHI"
        tag, kind, count = struct.unpack_from(layout, content, place)
        size = SIZES[kind] * count
        values = place + struct.calcsize(layout)
        if size > inline:
            values = struct.unpack_from("<Q" if is_big else "<I", content, values)[0]
        yield place, tag, kind, values, size


def tiff_values(
    name: str,
    content: bytes,
    pixels: str = "cube mask dropped shape dtype",
    names: str = "wavelengths fwhm",
) -> Iterator[Values]:
    """Pixels without a checksum, sample format, nodata, georeference and texts of tags."""
    found = {tag: (kind, values, size) for _, tag, kind, values, size in entries(content)}
    about = frozenset(pixels.split())
    of_text = frozenset(names.split()) | about
    has_checksum = struct.unpack_from("<H", content, found[COMPRESSION][1])[0] == DEFLATE
    for tag, sizes in SIZES_OF_BLOCKS.items():
        if tag in found and not has_checksum:
            starts, lengths = (_numbers(content, found[key]) for key in (tag, sizes))
            for start, size in zip(starts, lengths, strict=True):
                yield Values(name, start, start + size, about)
    for tag, (_, start, size) in found.items():
        if tag in (PREDICTOR, SAMPLE_FORMAT):
            yield Values(name, start, start + size, about)
        elif tag == NODATA:
            yield Values(name, start, start + size - 1, about, r"\s*[-0-9.]+\s*")
        elif tag == METADATA:
            for item in re.finditer(rb"<Item([^<]+)</Item>", content[start : start + size]):
                span = (start + place for place in item.span(1))
                yield Values(name, *span, of_text, ITEM)
        elif tag in OF_PLACE:
            yield Values(name, start, start + size, frozenset({OF_PLACE[tag]}))
        elif tag in OF_CRS:
            yield Values(name, start, start + size, frozenset({"crs", "transform"}))
        elif tag in (WIDTH, LENGTH) and TILE_OFFSETS in found:
            # A tile may be wider than what is used of it.
            yield Values(name, start, start + 1, about | {"labels"})


def _numbers(content: bytes, found: tuple[int, int, int]) -> tuple[int, ...]:
    kind, start, size = found
    letter = {3: "H", 4: "I", 16: "Q"}[kind]
    return struct.unpack_from(f"<{size // SIZES[kind]}{letter}", content, start)
