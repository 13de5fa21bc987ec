"""Labels: the unlabelled value, the known classes, and their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_hsiode._arguments import naming
from sklearn_hsiode._validation import as_array, checked_raster, read_only

UNLABELED = 0


def unlabeled_value(labels: np.ndarray) -> int | str:
    """The value that means no class: 0, or ``""`` among strings."""
    return "" if labels.dtype.kind in "UO" else UNLABELED


def checked_labels(labels: Any, grid: tuple[int, ...], what: str = "labels") -> np.ndarray:
    """Return labels as a read-only raster of integers or strings."""
    if np.ma.isMaskedArray(labels):
        labels = labels.filled(unlabeled_value(labels))
    labels = checked_raster(what, labels, grid)
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(str)
    if labels.dtype.kind not in "iuU":
        raise TypeError(
            f"{what} must be integers (0 = unlabelled) or strings ('' = unlabelled), got dtype"
            f" {labels.dtype}; where they are whole numbers, pass {what}.astype(int)."
        )
    return read_only(labels)


def checked_class_names(names: Any, labels: np.ndarray | None) -> dict[Any, str]:
    """Return the name of each class by label, given so or in sorted order of the labels."""
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return _texts(names)
    # Of the whole raster: a mask that hides a class does not take its name away.
    classes = known_classes(labels, {}).tolist()
    if as_array("class_names", names).shape != (len(classes),):
        raise ValueError(
            f"class_names must be one name for each of the {len(classes)} classes in sorted"
            f" order of the labels, or a dict of label to name; got {names!r}."
        )
    return _texts(dict(zip(classes, names, strict=True)))


def _texts(names: Mapping[Any, Any]) -> dict[Any, str]:
    """The names of classes, all of which are text."""
    for label, name in names.items():
        if not isinstance(name, str):
            raise TypeError(f"class_names must be text, got {name!r} as the name of {label!r}.")
    return dict(names)


def merged_classes(scenes: Iterable[Any]) -> np.ndarray:
    """Sorted labels of the valid pixels of several scenes, without the unlabelled one."""
    return np.unique(np.concatenate([scene.classes for scene in scenes]))


def merged_class_names(scenes: Iterable[Any]) -> dict[Any, str]:
    """Names of the classes of several scenes, by label.

    Raises
    ------
    TypeError
        When the labels of some are integers, and those of others strings.
    ValueError
        When a label has two names, or a name other labels in other scenes.
    """
    names: dict[Any, str] = {}
    labels: dict[str, set[Any]] = {}  # by name, in the scenes so far
    kinds = set()
    for scene in scenes:
        here: dict[str, set[Any]] = {}
        for label, name in scene.class_names.items():
            here.setdefault(name, set()).add(label)
        for name, of_name in here.items():
            if labels.setdefault(name, of_name).isdisjoint(of_name):
                raise ValueError(
                    f"The class {name!r} has the label {min(labels[name])!r} in one scene and"
                    f" {min(of_name)!r} in another: give it the same in all of them."
                )
            labels[name] |= of_name
        if scene.labels is not None:
            kinds.add("strings" if scene.labels.dtype.kind == "U" else "integers")
        for label, name in scene.class_names.items():
            if names.setdefault(label, name) != name:
                raise ValueError(
                    f"The label {label!r} is {names[label]!r} in one scene and {name!r} in another:"
                    " give a class the same label in all of them."
                )
    if len(kinds) > 1:
        raise TypeError(
            "The labels of some scenes are integers and those of others strings: give all of them"
            " the same."
        )
    return names


def known_classes(labels: np.ndarray | None, class_names: Mapping[Any, str]) -> np.ndarray:
    """Sorted labels that a raster holds or that have a name; their place is their colour.

    Parameters
    ----------
    labels : array of shape (rows, cols) or None
        A raster of labels, or a map.
    class_names : dict of label to str
        Names of other types than the raster's labels do not count.

    Returns
    -------
    classes : array of shape (n_classes,)
    """
    if labels is None:
        return np.empty(0, dtype=int)
    kind = str if labels.dtype.kind == "U" else (int, np.integer)
    with_name = [label for label in class_names if isinstance(label, kind)]
    found = {*np.unique(labels).tolist(), *with_name} - {unlabeled_value(labels)}
    return np.array(sorted(found), dtype=None if found else labels.dtype)


def display_names(
    classes: np.ndarray,
    names: Mapping[Any, str] | Sequence[str] | None,
    taken: Sequence[str] = (),
) -> list[str]:
    """Names of classes in tables and legends.

    Parameters
    ----------
    classes : array of shape (n_classes,)
        Labels.
    names : dict of label to str, or sequence of str, or None
        A class without a name is called by its label.
    taken : sequence of str, default=()
        Other texts that stand beside the names.

    Returns
    -------
    names : list of str
        A name that occurs twice, or is taken, has its label behind it.
    """
    labels = classes.tolist()
    if names is None:
        names = {}
    if not isinstance(names, Mapping):
        with naming("class_names"):
            names = names if isinstance(names, str) else list(names)
        if isinstance(names, str) or len(names) != len(labels):
            raise ValueError(
                f"class_names must be one name for each of the {len(labels)} classes, or a dict of"
                f" label to name, got {names!r}."
            )
        names = dict(zip(labels, names, strict=True))
    texts = [str(names.get(label, label)) for label in labels]
    occurrences = Counter([*texts, *taken])
    return [
        text if occurrences[text] == 1 else f"{text} ({label})"
        for text, label in zip(texts, labels, strict=True)
    ]


def valid_labels(labels: np.ndarray | None, mask: np.ndarray) -> np.ndarray | None:
    """The label raster without the labels of invalid pixels, or None."""
    return None if labels is None else np.where(mask, labels, unlabeled_value(labels))
