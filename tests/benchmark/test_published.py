"""The results that the documentation shows are those of their records."""

import json
from pathlib import Path

import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode.benchmark import Run, results_table, solvers_table
from sklearn_hsiode.benchmark._models import title_of
from sklearn_hsiode.benchmark._store import ResultsFile

FOLDERS = sorted((Path(__file__).parents[2] / "docs" / "results").iterdir())


def published(folder, path):
    """Runs of a folder, and of whichever settings they are."""
    content = (folder / "runs.jsonl").read_text()
    path.write_text(content)
    settings = json.loads(content.partition("\n")[0])
    return [Run(**record) for record in ResultsFile(path, settings, {}).runs], settings


def scene_of(classes):
    """A scene that has nothing but classes of these labels."""
    return Scene(np.zeros((1, len(classes), 1)), [classes])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_published_table_is_that_of_its_records(folder, tmp_path):
    runs, settings = published(folder, tmp_path / "runs.jsonl")
    assert settings["format"] == 2
    if (folder / "solvers.md").exists():
        assert solvers_table(runs) == (folder / "solvers.md").read_text("utf-8").strip()
        return
    table = (folder / "table.md").read_text("utf-8").split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    classes = [int(name) for name, *_ in rows if name.isdigit()]
    runs.sort(key=lambda run: rows[0].index(title_of(run.model)))
    assert results_table(scene_of(classes), runs) == table
