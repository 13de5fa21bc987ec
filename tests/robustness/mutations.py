"""Seeded damage to files: to their bytes, their numbers, their texts, and the parts of archives."""

import json
import re
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

from tests.robustness.parts import ARCHIVES, archive_of, members_of
from tests.robustness.samples import Sample

TEXTS = (".hdr", ".geojson", ".json", ".prj", ".cpg", ".xml")
EXTREMES = [0, 1, 0xFF, 0x7F, 0x80, 2**15 - 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1]
NUMBERS = [
    *("0", "-1", "1_6", "1e999", "-1e308", "nan", "inf", "1e-320", "0x10", "99999999999999999999"),
    *(
        "2147483648",
        "9223372036854775808",
        "1.5",
        "+5",
        "5.",
        "",
        " ",
        "\uff11\uff16",
        "1 6",
        "0016",
    ),
    *("1e9", "20000", "65536", "6,7", "None", "true", "\uff11\uff16"),
]
STRANGE = ["\x00", "\ufeff", "é", "{", "}", '"', "\\", "=", ",", "\n", "\r", "\t", " ", "[", "]"]
ODD_VALUES = [
    *(None, True, False, 0, -1, 1.5, 1e300, 2**63, 10**30, "", "x", "\x00", [], {}, [[]]),
    *({"type": "Feature"}, [1, "a"], float("nan"), float("inf"), "é" * 100),
]
PACKED = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
Change = Callable[[bytes, Random], bytes]


def _place(content: bytes, random: Random) -> int:
    """A place in a file; half of the time in the beginning, where headers are."""
    if random.random() < 0.5:
        return random.randrange(min(len(content), 512))
    return random.randrange(len(content))


def _run(content: bytes, random: Random) -> tuple[int, int]:
    start = _place(content, random)
    length = random.choice([1, 2, 4, 8, 16, 100, len(content)])
    return start, min(start + random.randint(1, max(length, 1)), len(content))


def flip_bits(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 1, 2, 5, 20])):
        changed[_place(content, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    new = random.randbytes(random.choice([1, 1, 2, 4, 8]))
    return (content[:start] + new + content[start + len(new) :])[: len(content)]


def huge_number(content: bytes, random: Random) -> bytes:
    size = random.choice([1, 2, 4, 8])
    start = _place(content, random) // size * size
    number = random.choice(EXTREMES) & (2 ** (8 * size) - 1)
    new = number.to_bytes(size, random.choice(["little", "big"]))
    return (content[:start] + new + content[start + size :])[: len(content)]


def truncate(content: bytes, random: Random) -> bytes:
    if random.random() < 0.5:
        return content[: random.randrange(len(content))]
    return content[: -random.randint(1, min(16, len(content)))]


def extend(content: bytes, random: Random) -> bytes:
    return content + random.choice([b"\x00", b"\n", random.randbytes(random.randint(1, 600))])


def splice(content: bytes, random: Random) -> bytes:
    start, stop = _run(content, random)
    target = _place(content, random)
    after = random.choice([target, target + stop - start])
    return content[:target] + content[start:stop] + content[after:]


def delete(content: bytes, random: Random) -> bytes:
    start, stop = _run(content, random)
    return content[:start] + content[stop:]


def blank(content: bytes, random: Random) -> bytes:
    start, stop = _run(content, random)
    return content[:start] + random.choice([b"\x00", b"\xff"]) * (stop - start) + content[stop:]


def swap(content: bytes, random: Random) -> bytes:
    first, second = sorted((_place(content, random), _place(content, random)))
    size = min(random.choice([1, 2, 4, 8, 64]), second - first, len(content) - second)
    one, other = content[first : first + size], content[second : second + size]
    parts = content[:first], other, content[first + size : second], one, content[second + size :]
    return b"".join(parts)


def nothing_left(content: bytes, random: Random) -> bytes:
    return random.choice([b"", b"\x00", b"\n"])


BYTES: list[Change] = [
    *(flip_bits, flip_bits, flip_bits, set_bytes, set_bytes, huge_number, huge_number, huge_number),
    *(truncate, truncate, extend, splice, delete, blank, swap),
]


# Texts


def other_number(content: bytes, random: Random) -> bytes:
    """Another number in place of one of a text."""
    found = list(re.finditer(rb"-?[0-9]+(\.[0-9]+)?", content))
    if not found:
        return flip_bits(content, random)
    match = random.choice(found)
    new = random.choice([random.choice(NUMBERS).encode(), random.choice(found)[0]])
    return content[: match.start()] + new + content[match.end() :]


def other_word(content: bytes, random: Random) -> bytes:
    """Another word of the text in place of one of its words."""
    found = list(re.finditer(rb"[A-Za-z]+", content))
    if not found:
        return flip_bits(content, random)
    match = random.choice(found)
    new = random.choice([random.choice(found)[0], b"", match[0].upper(), match[0] * 300])
    return content[: match.start()] + new + content[match.end() :]


def strange_character(content: bytes, random: Random) -> bytes:
    place, how_often = random.randrange(len(content) + 1), random.choice([1, 1, 1, 2, 50_000])
    character = random.choice(STRANGE).encode(random.choice(["utf-8", "utf-16-le"]))
    return content[:place] + character * how_often + content[place:]


def change_lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    way = random.choice(["drop", "double", "swap", "join", "many"])
    if way == "drop":
        del lines[first]
    elif way == "double":
        lines.insert(second, lines[first])
    elif way == "swap":
        lines[first], lines[second] = lines[second], lines[first]
    elif way == "join":
        lines[first] = lines[first].rstrip(b"\r\n")
    else:
        lines[first] *= random.choice([3, 10_000])
    return b"".join(lines)


TEXT: list[Change] = [other_number, other_number, other_number, other_word, strange_character]
TEXT += [change_lines, change_lines, flip_bits, set_bytes, truncate, delete]


# JSON


def other_part(content: bytes, random: Random) -> bytes:
    """Another value, or none, in place of a part of a JSON document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return flip_bits(content, random)
    holder: Any = [document]
    key: Any = 0
    while isinstance(holder[key], (dict, list)) and holder[key] and random.random() < 0.85:
        holder = holder[key]
        key = (
            random.choice(list(holder))
            if isinstance(holder, dict)
            else random.randrange(len(holder))
        )
    way = random.random()
    if way < 0.15 and isinstance(holder, dict):
        del holder[key]
    elif way < 0.25 and isinstance(holder, dict):
        holder[random.choice(["x", "type", "__loader__", key.upper()])] = holder.pop(key)
    elif way < 0.35 and isinstance(holder[key], list):
        holder[key] *= random.choice([2, 50])
    elif way < 0.4:
        return content.replace(json.dumps(holder[key]).encode(), b"[" * 100_000 + b"]" * 100_000, 1)
    else:
        holder[key] = random.choice(ODD_VALUES)
    return json.dumps(document if holder is not document else holder).encode()


# Archives


def change_member(content: bytes, random: Random) -> bytes:
    """An archive, packed again, of which a member was changed, dropped, renamed or doubled."""
    members = members_of(content)
    if not members:
        return flip_bits(content, random)
    name = random.choice(sorted(members))
    way = random.random()
    if way < 0.7:
        members[name] = damaged(name, members[name], random)
    elif way < 0.8:
        del members[name]
    elif way < 0.9:
        members[random.choice(["x", "../x.npy", "a/b", name + ".npy"])] = members.pop(name)
    else:
        members[name] = members[random.choice(sorted(members))]
    way = random.choices(PACKED, [5, 5, 1, 1])[0]
    return archive_of(members, way, name if random.random() < 0.05 else None)


def changes(name: str) -> list[Change]:
    """What may be done to a file of this name."""
    if name.endswith(ARCHIVES):
        return [*BYTES, *[change_member] * len(BYTES)]
    if name.endswith((".json", ".geojson")):
        return [*TEXT, *[other_part] * len(TEXT)]
    return TEXT if name.endswith(TEXTS) else BYTES


def damaged(name: str, content: bytes, random: Random) -> bytes:
    """The content of a file after one or two mutations."""
    for _ in range(random.choice([1, 1, 1, 1, 2])):
        if not content or random.random() < 0.01:
            return nothing_left(content, random)
        content = random.choice(changes(name))(content, random)
    return content


def damage(sample: Sample, random: Random) -> dict[str, bytes]:
    """The files of a sample after damage to one or two of them."""
    files = dict(sample.files)
    may_be = sorted(sample.damaged or files)
    for name in random.sample(may_be, min(random.choice([1, 1, 1, 1, 2]), len(may_be))):
        if random.random() < 0.02 and len(may_be) > 1:
            del files[name]
        else:
            files[name] = damaged(name, files[name], random)
    return files
