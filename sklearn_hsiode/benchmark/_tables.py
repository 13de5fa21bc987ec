"""The paper's table of a benchmark: printed, and as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from sklearn_hsiode._arguments import PATH, StrOptions, checked, naming
from sklearn_hsiode._atomic import complete_file
from sklearn_hsiode._labels import display_names, merged_class_names, merged_classes
from sklearn_hsiode._markup import STYLES, csv_text, escaped_latex
from sklearn_hsiode._scene import SCENES, Scene, listed_scenes
from sklearn_hsiode.benchmark._chosen import choices_table
from sklearn_hsiode.benchmark._differences import differences_csv, differences_table
from sklearn_hsiode.benchmark._fingerprint import described
from sklearn_hsiode.benchmark._models import title_of
from sklearn_hsiode.benchmark._run import Run, by_model, check_runs
from sklearn_hsiode.metrics import MEASURES, ClassificationSummary
from sklearn_hsiode.metrics._summary import mean_and_std, percentage

SECONDS, PARAMETERS = "seconds to fit", "parameters"


@dataclass(frozen=True)
class Cell:
    """Mean and standard deviation of one figure of one model, over runs."""

    mean: float
    std: float
    text: str
    is_best: bool = False


EMPTY = Cell(np.nan, np.nan, "")


@checked(scene=SCENES, style=[str])
def results_table(
    scene: Scene | Sequence[Scene], runs: Sequence[Run], style: str = "markdown"
) -> str:
    """The paper's table: a row per class and measure (OA, AA, kappa), seconds to fit, parameters.

    Scores are in per cent, mean ± population standard deviation over the runs that test a
    class, without a deviation where there is one run; the best of each is bold. Parameters are
    those of the smallest network and of the largest. A measure of
    :data:`sklearn_hsiode.metrics.MEASURES` that a run lacks leaves its model's cell empty.

    Parameters
    ----------
    scene : Scene or list of Scene
        Those of the runs.
    runs : list of Run
        Of one benchmark.
    style : {"markdown", "latex"}, default="markdown"
        Of the table alone, for a document of the user's.

    Returns
    -------
    table : str

    Raises
    ------
    ValueError
        For an unknown style.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}.")
    format_name, escape, bold = STYLES[style]
    body = [
        [escape(name), *((bold if cell.is_best else str)(escape(cell.text)) for cell in cells)]
        for name, cells in _rows(listed_scenes(scene), runs).items()
    ]
    models = list(by_model(runs))
    headers = ["class", *(escape(title_of(name)) for name in models)]
    align = ("left", *["right"] * len(models))
    return tabulate(body, headers, format_name, colalign=align, disable_numparse=True)


def overlap_sentence(runs: Sequence[Run]) -> str:
    """Tell in words how far the patches overlapped, mean over the splits.

    Parameters
    ----------
    runs : list of Run
        Of one benchmark.

    Returns
    -------
    sentence : str
        Empty for a benchmark that was not told a `patch_size`.
    """
    shares = {run.split: run.patch_overlap for run in runs if run.patch_overlap is not None}
    if not shares:
        return ""
    center, shared = 100 * np.mean(list(shares.values()), axis=0)
    return (
        f"Patch overlap: {center:.1f} % of the test pixels have a training pixel in their patch,"
        f" the patches of {shared:.1f} % share pixels with a training patch."
    )


def further_tables(runs: Sequence[Run], reference: str | None) -> list[str]:
    """Paired differences from a model, and what tuned models chose, as far as runs tell them."""
    differences = [] if reference is None else [differences_table(runs, reference)]
    return [*differences, *filter(None, [choices_table(runs)])]


@checked(
    scene=SCENES, folder=[*PATH, StrOptions({""})], about=[Mapping, None], reference=[str, None]
)
def write_tables(
    scene: Scene | Sequence[Scene],
    runs: Sequence[Run],
    folder: str | Path,
    *,
    about: Mapping[str, Any] | None = None,
    reference: str | None = None,
) -> list[Path]:
    """Write ``table.md``, ``table.tex``, ``table.csv`` and ``results.json`` into a folder.

    Parameters
    ----------
    scene : Scene or list of Scene
        Those of the runs.
    runs : list of Run
        Of one benchmark.
    folder : path
        Where to; it is made where it is missing. Each file appears when it is complete.
    about : dict, default=None
        Further facts that ``results.json`` tells of the benchmark under "about", in types that
        JSON knows.
    reference : str, default=None
        Name of a model. ``table.md`` then tells how far it is ahead of each of the others, as
        :func:`differences_table` does, and so does ``differences.csv``.

    Returns
    -------
    paths : list of path

    Raises
    ------
    TypeError, ValueError
        When an argument is of another type, or there are no runs.
    """
    check_runs(runs)
    scenes = listed_scenes(scene)
    notes = _notes(runs)
    comments = [f"% {escaped_latex(note)}" for note in notes]
    texts = {
        "table.md": "\n\n".join(
            [results_table(scene, runs), *further_tables(runs, reference), *notes]
        )
        + "\n",
        "table.tex": "\n".join([results_table(scene, runs, "latex"), *comments]) + "\n",
        "table.csv": _csv(_rows(scenes, runs), list(by_model(runs))),
        "results.json": _json(scenes, runs, about or {}),
    }
    if reference is not None:
        texts["differences.csv"] = differences_csv(runs, reference)
    paths = [Path(folder) / name for name in texts]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path, text in zip(paths, texts.values(), strict=True):
        with complete_file(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return paths


def _rows(scenes: Sequence[Scene], runs: Sequence[Run]) -> dict[str, list[Cell]]:
    """Cells of each row, one per model in order of appearance."""
    grouped = by_model(runs).values()
    n_runs = max(map(len, grouped))
    titles = [measure.title for measure in MEASURES.values()]
    classes, given = merged_classes(scenes), merged_class_names(scenes)
    names = display_names(classes, given, [*titles, SECONDS, PARAMETERS])
    scores = [_summary(classes, names, own).rows() for own in grouped]
    rows = {
        title: _best(
            [
                Cell(*score[title], percentage(*score[title], n_runs)) if title in score else EMPTY
                for score in scores
            ]
        )
        for title in (*names, *titles)
    }
    rows[SECONDS] = [
        Cell(*row, f"{row[0]:.1f}" + (f" ± {row[1]:.1f}" if n_runs > 1 else ""))
        for row in (mean_and_std([run.fit_seconds for run in own]) for own in grouped)
    ]
    rows[PARAMETERS] = [_parameters(own) for own in grouped]
    return rows


def _parameters(runs: Sequence[Run]) -> Cell:
    """Numbers of parameters of one model, the least and the most where a search chose."""
    numbers = [run.n_parameters for run in runs if run.n_parameters is not None]
    if not numbers:
        return EMPTY
    text = " to ".join(f"{n:,}" for n in sorted({min(numbers), max(numbers)}))
    return Cell(*mean_and_std(numbers), text)


def _summary(classes: np.ndarray, names: list[str], runs: Sequence[Run]) -> ClassificationSummary:
    """Scores of one model's runs; a measure that one of them lacks is left out."""
    return ClassificationSummary(
        classes,
        names,
        np.array([run.per_class_accuracy for run in runs], dtype=float),
        {
            name: np.array([run.scores[name] for run in runs], dtype=float)  # None is NaN
            for name in MEASURES
            if all(name in run.scores for run in runs)
        },
    )


def _best(cells: list[Cell]) -> list[Cell]:
    if len(cells) < 2 or all(np.isnan(cell.mean) for cell in cells):
        return cells
    best = max((cell for cell in cells if not np.isnan(cell.mean)), key=lambda cell: cell.mean)
    mean = best.text.partition(" ")[0]  # what reads the same is as good
    return [replace(cell, is_best=cell.text.partition(" ")[0] == mean) for cell in cells]


def _csv(rows: Mapping[str, list[Cell]], models: Sequence[str]) -> str:
    """Mean and deviation of each model in columns of their own, accuracies as shares."""
    columns = (f"{model} {what}" for model in models for what in ("mean", "std"))
    lines: list[list[Any]] = [["class", *columns]]
    for name, cells in rows.items():
        values = [value for cell in cells for value in (cell.mean, cell.std)]
        lines.append([name, *("" if np.isnan(value) else float(value) for value in values)])
    return csv_text(lines)


def _notes(runs: Sequence[Run]) -> list[str]:
    """Overlap, splits and seeds, versions and hardware, a sentence each."""
    n_splits = len({run.split for run in runs})
    seeds = sorted({run.random_state for run in runs})
    where = [
        ", ".join(f"{name} {value}" for name, value in environment.items())
        for environment in _environments(runs)
    ]
    splits = (
        f"{n_splits} split{'s' if n_splits > 1 else ''}, models seeded {seeds[0]} to {seeds[-1]}."
    )
    return [
        *filter(None, [overlap_sentence(runs)]),
        splits,
        *(f"Run with {text}." for text in where),
    ]


def _environments(runs: Sequence[Run]) -> list[dict[str, str]]:
    environments: list[dict[str, str]] = []
    for run in runs:
        if run.environment not in environments:
            environments.append(run.environment)
    return environments


def _json(scenes: Sequence[Scene], runs: Sequence[Run], about: Mapping[str, Any]) -> str:
    models = list(by_model(runs))
    summary = {
        row: {
            model: None if np.isnan(cell.mean) else {"mean": cell.mean, "std": cell.std}
            for model, cell in zip(models, cells, strict=True)
        }
        for row, cells in _rows(scenes, runs).items()
    }
    content = {
        "about": dict(about),
        "scene": described(scenes),
        "classes": merged_classes(scenes).tolist(),
        "environments": _environments(runs),
        "summary": summary,
        "runs": [run.as_record() for run in runs],
    }
    with naming("about"):  # all else is in types that JSON knows
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
