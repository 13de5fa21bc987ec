"""Model files as somebody would change them who knows the format."""

import io
import json
import zipfile
from hashlib import sha256

import numpy as np

from sklearn_hsiode.persistence._model_file import ABOUT, HASH, MODEL
from sklearn_hsiode.persistence._trust import SCHEMA


def members(archive):
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def rewrite(path, model=None, told=None, **about):
    """Give a file another content, and the hash that belongs to it."""
    old = members(path)
    model = old[MODEL] if model is None else model
    text = json.dumps(json.loads(old[ABOUT]) | about).encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ABOUT, text)
        archive.writestr(MODEL, model)
        archive.writestr(HASH, told or sha256(text + model).hexdigest())


def edit(path, change, **about):
    """Change the schema of a file's model, and the members of its archive, in place."""
    parts = members(io.BytesIO(members(path)[MODEL]))
    schema = json.loads(parts[SCHEMA])
    change(schema, parts)
    parts[SCHEMA] = json.dumps(schema).encode()
    model = io.BytesIO()
    with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    rewrite(path, model.getvalue(), **about)


def node(name, way, **content):
    module, _, kind = name.rpartition(".")
    return {"__class__": kind, "__module__": module, "__loader__": way, **content}


def value(plain):
    """The node of a dict, a list or a single value."""
    if isinstance(plain, dict):
        return node(
            "builtins.dict",
            "DictNode",
            content={key: value(each) for key, each in plain.items()},
            key_types=listed(*[node("builtins.str", "TypeNode") for _ in plain]),
        )
    if isinstance(plain, list):
        return listed(*map(value, plain))
    return node("builtins.str", "JsonNode", content=json.dumps(plain), is_json=True)


def listed(*nodes):
    return node("builtins.list", "ListNode", content=list(nodes))


def called(name, *arguments):
    return node(name, "ConstructorFromReduceNode", content=listed(*arguments))


def nodes_of(part, kind):
    """All nodes of a class in a part of a schema."""
    if isinstance(part, dict):
        if part.get("__class__") == kind:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for child in part:
            yield from nodes_of(child, kind)


def put(dictionary, name, new):
    """Set an entry in the node of a dict."""
    if name not in dictionary["content"]:
        dictionary["key_types"]["content"].append(node("builtins.str", "TypeNode"))
    dictionary["content"][name] = new


def attributes(schema, kind="ODENetClassifier"):
    """Nodes of the attributes of all objects of a class."""
    return [found["content"] for found in nodes_of(schema, kind)]


def array(parts, new):
    """The node of an array, which goes into the members of the archive."""
    file, name = io.BytesIO(), f"new-{len(parts)}.npy"
    np.save(file, new)
    parts[name] = file.getvalue()
    return node("numpy.ndarray", "NdArrayNode", type="numpy", file=name)
