"""Files taken apart: archives into members, headers into fields, GeoJSON into features."""

import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

ARCHIVES = (".npz", ".model", ".skops")
HEADER = rb"ENVI\r?\n(?:[^\n={}]*[^\s={}] *= *(?:\{[^{}]*\}|[^\n{}=]*)(?:\n+|\Z))*\s*"
FIELD = rb"^([^\n={}]*[^\s={}]) *= *(\{[^{}]*\}|[^\n{}=]*)$"
DEPTHS = {"Point": 1, "MultiPoint": 2, "Polygon": 3, "MultiPolygon": 4}


def taken_apart(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files, with the parts ``"file!part"`` of those that are whole enough in place of them."""
    found: dict[str, bytes] = {}
    for name, content in files.items():
        parts = None
        if name.endswith(ARCHIVES):
            parts = members_of(content)
        elif name.endswith(".hdr"):
            parts = fields_of(content)
        elif name.endswith(".geojson"):
            parts = features_of(content)
        if parts is None:
            found[name] = content
        else:
            found |= {f"{name}!{part}": content for part, content in parts.items()}
    return found


def put_together(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The inverse of :func:`taken_apart`."""
    found: dict[str, bytes] = {}
    apart: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        whole, _, part = name.partition("!")
        if part:
            apart.setdefault(whole, {})[part] = content
        else:
            found[name] = content
    for name, parts in apart.items():
        if name.endswith(ARCHIVES):
            found[name] = archive_of(parts)
        elif name.endswith(".hdr"):
            lines = [f"{key} = ".encode() + value for key, value in parts.items()]
            found[name] = b"\n".join([b"ENVI", *lines, b""])
        else:
            parts = {key: json.loads(part) for key, part in parts.items()}
            features = [feature for key, feature in parts.items() if key.isdecimal()]
            rest = {key: part for key, part in parts.items() if not key.isdecimal()}
            found[name] = json.dumps(rest | {"features": features}).encode()
    return found


def members_of(content: bytes) -> dict[str, bytes] | None:
    """Members of an archive, or None for what is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # whatever a damaged archive leads to
        return None


def archive_of(
    members: Mapping[str, bytes], way: int = zipfile.ZIP_STORED, twice: str | None = None
) -> bytes:
    """An archive, of which one member may be there twice."""
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", way) as archive:
        for name, part in members.items():
            archive.writestr(name, part)
        if twice is not None:
            archive.writestr(twice, b"")
    return file.getvalue()


def fields_of(content: bytes) -> dict[str, bytes] | None:
    """Fields of an ENVI header, or None for what is not well-formed."""
    if not re.fullmatch(HEADER, content):
        return None
    found = [(match[1].decode("latin-1"), match[2]) for match in re.finditer(FIELD, content, re.M)]
    keys = [key.strip().lower() for key, _ in found]
    return dict(found) if len(set(keys)) == len(keys) else None


def features_of(content: bytes) -> dict[str, bytes] | None:
    """Features of a GeoJSON file, by number, and all else, or None for what is not well-formed."""
    try:
        document = json.loads(content)
        if document["type"] != "FeatureCollection" or any(
            not is_feature(feature) for feature in document["features"]
        ):
            return None
        parts = {str(i): feature for i, feature in enumerate(document["features"])}
        parts |= {key: value for key, value in document.items() if key != "features"}
        return {key: json.dumps(part).encode() for key, part in parts.items()}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def is_feature(feature: Any) -> bool:
    """True for a feature of RFC 7946 that may be a label."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return False
    properties, geometry = feature.get("properties", 0), feature.get("geometry", 0)
    if properties is not None and not isinstance(properties, dict):
        return False
    if not isinstance(geometry, dict):
        return geometry is None
    depth = DEPTHS.get(geometry.get("type", ""))
    positions = list(_positions(geometry.get("coordinates"), depth or 0))
    rings = list(_positions(geometry.get("coordinates"), depth - 1)) if depth in (3, 4) else []
    return (
        bool(positions)
        and all(
            isinstance(position, list)
            and len(position) >= 2
            and all(
                isinstance(number, Real) and not isinstance(number, bool) for number in position
            )
            for position in positions
        )
        and all(len(ring) >= 4 and ring[0] == ring[-1] for ring in rings)
    )


def _positions(coordinates: Any, depth: int) -> Iterator[Any]:
    if depth == 1:
        yield coordinates
    elif isinstance(coordinates, list) and depth:
        for part in coordinates:
            yield from _positions(part, depth - 1)
