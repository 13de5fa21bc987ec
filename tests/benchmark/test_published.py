"""The results that the documentation shows are those of their records."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from sklearn_hsiode import Scene
from sklearn_hsiode import _cli as cli
from sklearn_hsiode.benchmark import Run, results_table, solvers_table
from sklearn_hsiode.benchmark._benchmark import MAP_HASH
from sklearn_hsiode.benchmark._models import title_of
from sklearn_hsiode.benchmark._store import ResultsFile

DOCS = Path(__file__).parents[2] / "docs"
FOLDERS = sorted(file.parent for file in (DOCS / "results").rglob("runs.jsonl"))
PAGES = [(DOCS / page).read_text("utf-8") for page in ("benchmark.md", "solvers.md")]
LINES = "".join(PAGES).replace("\\\n", " ")
COMMANDS = {  # by their folder
    words[-1]: words for words in map(shlex.split, re.findall("^hsiode (.*--out .*)$", LINES, re.M))
}
GO_ON = ["indian-pines-default-solver", "salinas-a-tuned", "samson-tuned"]
# Parameters whose defaults were others at the time of the records, by folder: the page says so.
OF_ANOTHER_DEFAULT = {
    "indian-pines-random-3": "n_steps",
    "indian-pines-random-15": "n_steps",
    "indian-pines-blocks": "n_steps",
    "indian-pines-solvers": "n_steps",
}


def published(folder, path):
    """Runs of a folder, and of whichever settings they are."""
    content = (folder / "runs.jsonl").read_text()
    path.write_text(content)
    settings = json.loads(content.partition("\n")[0])
    with ResultsFile(path, settings, {}) as file:
        records = [{key: record[key] for key in record if key != MAP_HASH} for record in file.runs]
    return [Run(**record) for record in records], settings


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


def repeated(folder, data, out):
    """Exit status of the command that a page gives for a folder, on a copy of the folder."""
    shutil.copytree(DOCS.parent / folder, out)
    arguments = COMMANDS[folder][:-1]
    for option in ("--scene", "--labels"):
        place = arguments.index(option) + 1
        arguments[place] = str(next(data.rglob(arguments[place])))
    return cli.main([*arguments, str(out)])


@pytest.mark.parametrize("name", GO_ON)
def test_the_command_of_a_page_goes_on_from_its_records(name, data_dir, tmp_path, capsys):
    folder = f"docs/results/{name}"
    assert repeated(folder, data_dir, tmp_path / "out") == 0
    for file in ("runs.jsonl", "table.md"):
        written = (tmp_path / "out" / file).read_text("utf-8").split("\n\n")[0]
        assert written == (DOCS.parent / folder / file).read_text("utf-8").split("\n\n")[0]


@pytest.mark.filterwarnings("ignore:No fold both trains and tests class")
@pytest.mark.parametrize("name", OF_ANOTHER_DEFAULT)
def test_records_of_another_default_are_refused_as_the_page_says(name, data_dir, tmp_path, capsys):
    assert f"`{name}`" in PAGES[0]
    assert repeated(f"docs/results/{name}", data_dir, tmp_path / "out") == 1
    assert OF_ANOTHER_DEFAULT[name] in capsys.readouterr().err


def test_each_command_of_the_pages_has_its_records():
    assert {Path(folder) for folder in COMMANDS} <= {f.relative_to(DOCS.parent) for f in FOLDERS}
    assert len(COMMANDS) == len(OF_ANOTHER_DEFAULT) + len(GO_ON)
