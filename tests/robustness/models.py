"""Small model files, damaged, or changed by somebody who knows the format."""

import io
import json
import os
import re
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    ResNetClassifier,
    load_model,
    save_model,
)
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.persistence import describe_model
from sklearn_hsiode.persistence._model_file import ABOUT, HASH, MODEL
from sklearn_hsiode.persistence._trust import SCHEMA
from tests.robustness.child import Verdict
from tests.robustness.mutations import BYTES, damaged, other_part
from tests.robustness.oracle import CLEAR, is_ours, judged_error, listening, same
from tests.robustness.parts import archive_of, members_of
from tests.robustness.samples import Facts

SCENE = make_scene((12, 12), n_bands=6, n_classes=3, random_state=0)
X, Y = SCENE.labeled_pixels()
SMALL: dict[str, Any] = {"n_filters": 4, "max_epochs": 1, "gate": 0.5, "random_state": 0}
MODELS: dict[str, Callable[[], Any]] = {
    "ODE-net": lambda: make_pipeline(PatchExtractor(3), ODENetClassifier(**SMALL, n_steps=1)),
    "ResNet": lambda: ResNetClassifier(**SMALL, n_blocks=1, net_params={"optimizer__eps": 1e-7}),
    "SVM": lambda: make_pipeline(StandardScaler(), SVC()),
    "forest": lambda: RandomForestClassifier(3, random_state=0),
    "search": lambda: GridSearchCV(LinearDiscriminantAnalysis(), {"tol": [1e-4, 1e-3]}, cv=2),
}
NETWORKS = ("ODE-net", "ResNet")
TYPES = ["f8", "f4", "i1", "i8", "u1", "U3", "c16", "?", "M8[s]"]
NAME = "stranger.model"
# Files with the hash that belongs to a change, which differ, or whose estimator of scikit-learn
# fails in its own words when it predicts: docs/SECURITY.md promises neither away.
FORGED, FORGED_FAILS = "forged, consistent", "forged, fails to predict"
GOOD = ("same", "error", FORGED, FORGED_FAILS)
# What no file may lead to while it is loaded.
FORBIDDEN = (
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("os.remove", "os.rename", "os.mkdir", "os.kill", "subprocess.Popen", "socket."),
    *("urllib.Request", "ctypes.dlopen", "pty.spawn", "webbrowser.open"),
)
PLAIN = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 100, 10**4, 10**6, 10**9, 2**31, 2**63, 10**30),
    *(0.0, 0.5, 1.0, -1.5, 1e-300, 1e300, float("nan"), float("inf"), "", "x", "auto", "cuda"),
    *("euler", "dopri5", "rk4", "sgd", "adamw", "bfloat16", "float64", "reflect", "zero", "rbf"),
    *("precomputed", "linear", "/tmp", "predict", "blocks", "balanced", "cosine"),
]
# Values that an attacker would try.
ATTACKS = [
    *({"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"},),
    *({"__class__": "Popen", "__module__": "subprocess", "__loader__": "TypeNode"},),
    *({"__class__": "_eval", "__module__": "builtins", "__loader__": "ObjectNode"},),
    *("os", "system", "subprocess", "FunctionNode", "ObjectNode", "MethodNode", "PartialNode"),
    *("OperatorFuncNode", "ReduceNode", "TorchNode", "CachedNode", "builtins", "eval", "exec"),
    *("../../etc/passwd", "/etc/passwd", "x.npy", "[1, 2]", "null", "1e400", "NaN", "-1"),
    *("999999999999", "true", "[[[[[[]]]]]]", '{"a": 1}', 10**9, 2**62, -(2**31), 1e308),
]


@cache
def whole(name: str) -> tuple[bytes, Facts]:
    """The file of a model, and what is known of it."""
    with TemporaryDirectory() as folder:
        model = MODELS[name]().fit(X if name in NETWORKS else np.asarray(X), Y)
        path = save_model(model, Path(folder, NAME), scene=SCENE)
        path.write_bytes(_numbered(path.read_bytes()))
        return path.read_bytes(), facts_of(name, path)


def _numbered(content: bytes) -> bytes:
    """The same file in every process: skops names parts by their places in memory."""
    outer = members_of(content)
    inner = members_of(outer[MODEL])
    schema = inner.pop(SCHEMA).decode()
    numbers = {
        number: str(i)
        for i, number in enumerate(dict.fromkeys(re.findall(r"\b[0-9]{11,}\b", schema)), start=1)
    }
    schema = re.sub(r"\b[0-9]{11,}\b", lambda match: numbers[match[0]], schema)
    inner = {
        re.sub(r"[0-9]{11,}", lambda match: numbers[match[0]], name): part
        for name, part in inner.items()
    }
    outer[MODEL] = archive_of(inner | {SCHEMA: schema.encode()}, zipfile.ZIP_DEFLATED)
    outer[HASH] = sha256(outer[ABOUT] + outer[MODEL]).hexdigest().encode()
    return archive_of(outer)


def facts_of(name: str, path: Path) -> Facts:
    """All that can be known of a model file; a prediction that fails is the error."""
    model, facts = load_model(path), describe_model(path)
    try:
        facts["predictions"] = model.predict(X if name in NETWORKS else np.asarray(X)).tolist()
    except Exception as error:
        facts["predictions"] = error
    return facts


def changed(content: bytes, random: Random) -> tuple[bytes, bool]:
    """A file after damage, and whether it was given the hash that belongs to it."""
    if random.random() < 0.35:
        return damaged(NAME, content, random), False
    outer = members_of(content)
    assert outer is not None
    if random.random() < 0.15:
        outer[ABOUT] = other_part(outer[ABOUT], random)
    else:
        inner = members_of(outer[MODEL])
        assert inner is not None
        for _ in range(random.choice([1, 1, 2, 4])):
            _change(inner, random)
        outer[MODEL] = archive_of(inner, random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    outer[HASH] = sha256(outer[ABOUT] + outer[MODEL]).hexdigest().encode()
    return archive_of(outer), True


def _change(members: dict[str, bytes], random: Random) -> None:
    """Change a part of what an estimator is made of."""
    arrays = sorted(name for name in members if name.endswith(".npy"))
    way = random.random()
    if SCHEMA not in members:
        return
    if way < 0.15:
        members[SCHEMA] = other_part(members[SCHEMA], random)
    elif way < 0.35:
        members[SCHEMA] = attacked(members[SCHEMA], random)
    elif way < 0.65:
        members[SCHEMA] = other_value(members[SCHEMA], random)
    elif way < 0.85 and arrays:
        name = random.choice(arrays)
        members[name] = random.choice([*BYTES, other_array, other_array])(members[name], random)
    elif way < 0.95 and arrays:
        members[random.choice(arrays)] = members[random.choice(arrays)]
    else:
        del members[random.choice(sorted(members))]


def other_array(content: bytes, random: Random) -> bytes:
    """An array of another type, shape or content."""
    try:
        array = np.load(io.BytesIO(content))
    except Exception:  # it was damaged already
        return content
    ways: list[Callable[[], Any]] = [
        lambda: array.astype(
            random.choice(["f8", "f4", "i1", "i8", "u1", "U3", "c16", "?", "M8[s]"])
        ),
        lambda: array[..., np.newaxis],
        lambda: array.ravel()[: array.size // 2],
        lambda: np.concatenate([array.ravel()] * 3),
        lambda: np.full_like(array, random.choice([0, 1, 100])),
        lambda: np.full(array.shape, random.choice([np.nan, np.inf, -1.0, 1e38])),
        lambda: array[::-1].copy(),
        lambda: np.zeros((0, *array.shape[1:]), array.dtype),
    ]
    file = io.BytesIO()
    try:
        np.save(file, random.choice(ways)())
    except (ValueError, TypeError, IndexError):
        return content
    return file.getvalue()


def attacked(content: bytes, random: Random) -> bytes:
    """A schema of which a value, or the type of a part, is another one."""
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError):
        return content
    leaves: list[tuple[Any, Any]] = []
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        for key in part if isinstance(part, dict) else range(len(part)):
            leaves.append((part, key))
            if isinstance(part[key], (dict, list)):
                waiting.append(part[key])
    holder, key = random.choice(leaves)
    other_holder, other_key = random.choice(leaves)
    holder[key] = random.choice([random.choice(ATTACKS), other_holder[other_key]])
    try:
        return json.dumps(schema).encode()
    except (ValueError, RecursionError):  # it holds itself now
        return content


def other_value(content: bytes, random: Random) -> bytes:
    """A schema in which a number, a text or None is another one."""
    found = list(re.finditer(rb'"content": ("(?:[^"\\\\]|\\\\.)*"), "is_json": true', content))
    if not found:
        return content
    match = random.choice(found)
    new = random.choice([json.dumps(random.choice(PLAIN)), json.loads(random.choice(found)[1])])
    return content[: match.start(1)] + json.dumps(new).encode() + content[match.end(1) :]


def judge(case: str, folder: Path) -> Verdict:
    """What becomes of a changed model file: of ``name/number``."""
    name, _, number = case.rpartition("/")
    content, truth = whole(name)
    new, is_hashed = changed(content, Random(f"{name}/{number}"))
    path = folder / NAME
    path.write_bytes(new)
    ran = _watched()
    with listening():
        try:
            found = facts_of(name, path)
        except BaseException as error:
            verdict = judged_error(error, [NAME])
        else:
            verdict = _judged(found, truth, name, is_hashed=is_hashed)
    return Verdict("ran code", ", ".join(ran)) if ran else verdict


def _judged(found: Facts, truth: Facts, name: str, *, is_hashed: bool) -> Verdict:
    """The judgement on a model that could be loaded."""
    error = found["predictions"]
    if isinstance(error, Exception):
        details = f"{type(error).__name__}: {error}"
        # A network refuses, say, a scene at other wavelengths.
        is_clear = name in NETWORKS and is_ours(error) and type(error) in CLEAR
        of_others = is_hashed and name not in NETWORKS and not isinstance(error, MemoryError)
        word = "error" if is_clear else FORGED_FAILS if of_others else "foreign error"
        return Verdict(word, details)
    if all(same(found.get(key), truth[key]) for key in truth):
        return Verdict("same")
    return Verdict(FORGED if is_hashed else "silent")


_seen: list[str] | None = None


def _watched() -> list[str]:
    """A list that names all that is done from now on in this process and must not be."""
    global _seen
    if _seen is None:
        _seen = []
        sys.addaudithook(_hear)
    _seen.clear()
    return _seen


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    if event == "open" and len(arguments) > 2 and isinstance(arguments[2], int):
        if arguments[2] & writes and arguments[0] != os.devnull:
            _seen.append(f"wrote {arguments[0]}")
    elif event.startswith(FORBIDDEN):
        _seen.append(f"{event} {str(arguments)[:100]}")


def keep(case: str, folder: Path) -> None:
    """Keep the file of a case."""
    name, _, number = case.rpartition("/")
    (folder / NAME).write_bytes(changed(whole(name)[0], Random(f"{name}/{number}"))[0])
