"""The tables of a benchmark, recomputed from its runs and read back from its files."""

import csv
import json
import re
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sklearn_hsiode import Scene
from sklearn_hsiode.benchmark import results_table, write_tables
from sklearn_hsiode.benchmark._tables import overlap_sentence
from sklearn_hsiode.metrics import MEASURES, Measure

NAMES = ["water", "bare soil", "tree"]
FILES = ["results.json", "table.csv", "table.md", "table.tex"]


@pytest.fixture
def named_scene(scene):
    return Scene(scene.cube, scene.labels, class_names=NAMES)


@pytest.fixture
def runs(new_run):
    """Three models on three splits, one class of which is tested by the first split alone."""
    rng = np.random.default_rng(0)
    return [
        new_run(
            model,
            split,
            overall_accuracy=rng.random(),
            average_accuracy=rng.random(),
            kappa=rng.random(),
            per_class_accuracy=[rng.random(), rng.random() if split == 0 else None, None],
            fit_seconds=rng.random() * 100,
            n_parameters=n_parameters,
        )
        for model, n_parameters in (("ode-net", 232_080), ("svm", None), ("mine", 12))
        for split in range(3)
    ]


def cells(table):
    """Rows of a table in Markdown as a dict of the first cell to the others."""
    lines = [re.split(r"\s*(?<!\\)\|\s*", line)[1:-1] for line in table.splitlines()]
    return {line[0]: line[1:] for line in (lines[0], *lines[2:])}


def text(values):
    values = [value for value in values if value is not None]
    if not values:
        return "-"
    return f"{100 * statistics.fmean(values):.2f} ± {100 * statistics.pstdev(values):.2f}"


def plain(cell):
    return cell.strip("*")


# What it says


def test_a_table_has_a_row_per_class_and_one_per_figure(named_scene, runs):
    table = cells(results_table(named_scene, runs))
    figures = ["OA", "AA", "kappa", "seconds to fit", "parameters"]
    assert list(table) == ["class", *NAMES, *figures]
    assert table["class"] == ["ODE-net", "SVM", "mine"]
    assert table["parameters"] == ["232,080", "", "12"]


def test_parameters_are_those_of_the_smallest_and_of_the_largest_network(named_scene, runs):
    networks = [
        replace(run, n_parameters=run.n_parameters + 1_000 * (3 - run.split))
        for run in runs
        if run.model == "ode-net"
    ]
    for order in (networks, networks[::-1]):
        table = cells(results_table(named_scene, order))
        assert table["parameters"] == ["233,080 to 235,080"]


def test_cells_are_mean_and_population_deviation_over_the_runs(named_scene, runs):
    table = cells(results_table(named_scene, runs))
    for column, model in enumerate(("ode-net", "svm", "mine")):
        own = [run for run in runs if run.model == model]
        rows = {
            "OA": [run.overall_accuracy for run in own],
            "AA": [run.average_accuracy for run in own],
            "kappa": [run.kappa for run in own],
            **{name: [run.per_class_accuracy[i] for run in own] for i, name in enumerate(NAMES)},
        }
        for name, values in rows.items():
            assert plain(table[name][column]) == text(values)
        seconds = [run.fit_seconds for run in own]
        expected = f"{statistics.fmean(seconds):.1f} ± {statistics.pstdev(seconds):.1f}"
        assert table["seconds to fit"][column] == expected


def test_classes_without_a_name_are_called_by_their_label(scene, runs):
    nameless = Scene(scene.cube, scene.labels)
    assert list(cells(results_table(nameless, runs)))[1:4] == ["1", "2", "3"]


def test_the_best_of_each_row_is_bold_and_no_other(named_scene, runs):
    table = cells(results_table(named_scene, runs))
    for name in (*NAMES[:2], "OA", "AA", "kappa"):
        means = [float(plain(cell).split()[0]) for cell in table[name]]
        assert [cell.startswith("**") for cell in table[name]] == [m == max(means) for m in means]
    for name in ("tree", "seconds to fit", "parameters"):  # tree is not tested at all
        assert not any("*" in cell for cell in table[name])


@pytest.mark.parametrize(
    ("accuracies", "bold"),
    [
        ([0.90001, 0.89999, 0.8999, 0.9], [True, True, False, True]),
        ([57 / 160, 0.3562], [True, True]),  # 35.62 both
    ],
)
def test_what_reads_the_same_is_equally_bold(scene, new_run, accuracies, bold):
    runs = [new_run(str(i), overall_accuracy=value) for i, value in enumerate(accuracies)]
    row = cells(results_table(scene, runs))["OA"]
    assert [cell.startswith("**") for cell in row] == bold


@settings(deadline=None, max_examples=200)
@given(correct=st.lists(st.integers(0, 800), min_size=2, max_size=4))
def test_the_best_is_bold_whatever_the_figures(scene, new_run, correct):
    runs = [
        new_run(str(i), overall_accuracy=n / 800, kappa=n / 160 - 1) for i, n in enumerate(correct)
    ]
    table = cells(results_table(scene, runs))
    for name in ("OA", "kappa"):
        means = [float(plain(cell).split()[0]) for cell in table[name]]
        assert [cell.startswith("**") for cell in table[name]] == [m == max(means) for m in means]


def test_a_single_model_is_no_best_one(named_scene, runs):
    assert "*" not in results_table(named_scene, runs[:3])


def test_a_single_run_has_no_deviation(named_scene, new_run):
    table = results_table(named_scene, [new_run("a"), new_run("b")])
    assert "±" not in table
    repeated = results_table(named_scene, [new_run("a"), new_run("a", split=1)])
    assert repeated.count("±") == len(named_scene.classes) + 4


def test_a_class_that_only_one_model_was_tested_on_is_best_there(named_scene, new_run):
    runs = [
        new_run("a", per_class_accuracy=[None, 0.25, 0.5]),
        new_run("b", per_class_accuracy=[0.25, None, 0.5]),
    ]
    table = cells(results_table(named_scene, runs))
    assert table["water"] == ["-", "**25.00**"]
    assert table["bare soil"] == ["**25.00**", "-"]
    assert table["tree"] == ["**50.00**"] * 2


def test_an_unknown_style_is_an_error(scene, runs):
    with pytest.raises(ValueError, match="style must be one of markdown, latex, got 'html'"):
        results_table(scene, runs, "html")


def test_a_measure_that_is_added_has_a_row_in_every_table(
    named_scene, new_run, tmp_path, monkeypatch
):
    monkeypatch.setitem(MEASURES, "f1", Measure("F1", f1_score))
    scores = {"overall_accuracy": 0.5, "average_accuracy": 0.4, "kappa": 0.3, "f1": 0.25}
    runs = [new_run("a", scores=scores), new_run("b", scores=scores | {"f1": 0.75})]
    assert cells(results_table(named_scene, runs))["F1"] == ["25.00", "**75.00**"]
    write_tables(named_scene, runs, tmp_path)
    content = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert content["summary"]["F1"]["b"] == {"mean": 0.75, "std": 0.0}
    assert content["runs"][1]["scores"] == scores | {"f1": 0.75}
    assert "F1,0.25,0.0,0.75,0.0\n" in (tmp_path / "table.csv").read_text("utf-8")


def test_a_measure_that_a_run_lacks_leaves_its_models_cell_empty(
    named_scene, new_run, tmp_path, monkeypatch
):
    old, new = new_run("a"), new_run("a", split=1)
    scored = [new_run("b", i, scores=old.scores | {"f1": 0.25}) for i in (0, 1)]
    monkeypatch.setitem(MEASURES, "f1", Measure("F1", f1_score))
    new.scores["f1"] = 0.5
    runs = [old, new, *scored]
    assert cells(results_table(named_scene, runs))["F1"] == ["", "**25.00 ± 0.00**"]
    assert cells(results_table(named_scene, [old]))["F1"] == [""]
    write_tables(named_scene, runs, tmp_path)
    assert "F1,,,0.25,0.0\n" in (tmp_path / "table.csv").read_text("utf-8")
    summary = strictly_read(tmp_path / "results.json")["summary"]
    assert summary["F1"] == {"a": None, "b": {"mean": 0.25, "std": 0.0}}


def test_a_class_that_is_called_as_another_row_has_its_label_behind_it(scene, runs):
    odd = Scene(scene.cube, scene.labels, class_names=["OA", "parameters", "tree"])
    table = cells(results_table(odd, runs))
    assert list(table)[1:4] == ["OA (1)", "parameters (2)", "tree"]
    assert table["parameters"] == ["232,080", "", "12"]


# Markdown and LaTeX


def test_markdown_keeps_bars_out_of_the_columns(scene, runs):
    odd = Scene(scene.cube, scene.labels, class_names=["a|b", "|", "c"])
    table = results_table(odd, runs)
    assert list(cells(table))[1:4] == [r"a\|b", r"\|", "c"]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def unescaped(latex):
    """What LaTeX prints for escaped characters, and an error for any that is not escaped."""
    printed = {"textbackslash{}": "\\", "textasciitilde{}": "~", "textasciicircum{}": "^"}
    printed |= {character: character for character in "&%$#_{}"}
    result = []
    while latex:
        if latex[0] != "\\":
            assert latex[0] not in "&%$#_{}~^"
            result.append(latex[0])
            latex = latex[1:]
            continue
        (word,) = (word for word in printed if latex.startswith("\\" + word))
        result.append(printed[word])
        latex = latex[1 + len(word) :]
    return "".join(result)


def latex_rows(table):
    lines = [line for line in table.splitlines() if "&" in line]
    assert all(line.endswith(r"\\") for line in lines)
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line[:-2])] for line in lines]


@settings(deadline=None, max_examples=100)
@given(name=st.text(r"&%_#${}~^\aB 1", min_size=1).map(str.strip).filter(bool))
def test_latex_prints_any_name_as_it_is(scene, new_run, name):
    odd = Scene(scene.cube, scene.labels, class_names={1: name})
    runs = [new_run("a_b"), new_run(name, overall_accuracy=0.75)]
    rows = latex_rows(results_table(odd, runs, "latex"))
    assert [len(row) for row in rows] == [3] * 9
    assert unescaped(rows[1][0]) == name
    assert [unescaped(cell) for cell in rows[0]] == ["class", "a_b", name]


def test_latex_is_a_whole_tabular_with_the_figures_of_the_markdown(named_scene, runs):
    table = results_table(named_scene, runs, "latex")
    assert table.startswith(r"\begin{tabular}{lrrr}")
    assert table.endswith(r"\end{tabular}")
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", table):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    markdown = cells(results_table(named_scene, runs))
    for name, *row in latex_rows(table):
        as_markdown = [
            re.sub(r"\\textbf\{(.*)\}", r"**\1**", cell).replace(r"$\pm$", "±") for cell in row
        ]
        assert as_markdown == markdown[name]


# Files


def test_four_files_are_written(named_scene, runs, tmp_path):
    paths = write_tables(named_scene, runs, tmp_path)
    assert sorted(path.name for path in paths) == FILES
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    table, *notes = (tmp_path / "table.md").read_text("utf-8").strip().split("\n\n")
    assert table == results_table(named_scene, runs)
    latex = (tmp_path / "table.tex").read_text("utf-8").strip()
    assert latex.startswith(results_table(named_scene, runs, "latex") + "\n")
    comments = latex.split("\n")[-len(notes) :]
    assert all(comment.startswith("% ") for comment in comments)


def test_the_tables_tell_overlap_seeds_versions_and_hardware(scene, new_run, tmp_path):
    environments = [{"python": "3.13", "gpu": "none"}, {"python": "3.13", "gpu": "H100_x"}]
    runs = [
        new_run(split=i, random_state=5 + i, patch_overlap=[0.5, 0.75], environment=environment)
        for i, environment in enumerate(environments)
    ]
    write_tables(scene, runs, tmp_path)
    _, *notes = (tmp_path / "table.md").read_text("utf-8").strip().split("\n\n")
    assert notes == [
        overlap_sentence(runs),
        "2 splits, models seeded 5 to 6.",
        "Run with python 3.13, gpu none.",
        "Run with python 3.13, gpu H100_x.",
    ]
    latex = (tmp_path / "table.tex").read_text("utf-8").splitlines()[-4:]
    assert [line.replace("\\", "") for line in latex] == [f"% {note}" for note in notes]


def test_a_missing_folder_is_made(scene, runs, tmp_path):
    paths = write_tables(scene, runs, tmp_path / "a" / "b")
    assert all(path.is_file() for path in paths)


def test_the_csv_agrees_with_the_markdown(scene, runs, tmp_path):
    odd = Scene(scene.cube, scene.labels, class_names=['corn, "no till"', "a\\b", "tree"])
    write_tables(odd, runs, tmp_path)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = [
        f"{model} {what}" for model in ("ode-net", "svm", "mine") for what in ("mean", "std")
    ]
    assert header == ["class", *columns]
    markdown = cells(results_table(odd, runs))
    assert [row[0] for row in rows] == list(markdown)[1:]
    for name, *values in rows:
        for i, cell in enumerate(markdown[name]):
            mean, std = values[2 * i : 2 * i + 2]
            if name == "parameters":
                expected = f"{float(mean):,.0f}" if mean else ""
            elif name == "seconds to fit":
                expected = f"{float(mean):.1f} ± {float(std):.1f}"
            else:
                expected = f"{100 * float(mean):.2f} ± {100 * float(std):.2f}" if mean else "-"
            assert plain(cell) == expected


def strictly_read(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_the_json_tells_settings_versions_hardware_and_every_run(named_scene, runs, tmp_path):
    write_tables(named_scene, runs, tmp_path, about={"protocol": "paper", "seed": None})
    content = strictly_read(tmp_path / "results.json")
    assert content["about"] == {"protocol": "paper", "seed": None}
    assert content["scene"] == repr(named_scene)
    assert content["classes"] == [1, 2, 3]
    assert content["environments"] == [runs[0].environment]
    assert content["runs"] == [run.as_record() for run in runs]
    assert [run["random_state"] for run in content["runs"]] == [0, 1, 2] * 3
    summary = content["summary"]
    assert list(summary) == list(cells(results_table(named_scene, runs)))[1:]
    oa = [run.overall_accuracy for run in runs if run.model == "svm"]
    assert summary["OA"]["svm"] == {
        "mean": pytest.approx(statistics.fmean(oa)),
        "std": pytest.approx(statistics.pstdev(oa)),
    }
    assert summary["parameters"]["svm"] is None
    assert set(summary["tree"].values()) == {None}


def test_the_json_tells_of_every_machine_once(scene, new_run, tmp_path):
    runs = [new_run(split=i, environment={"cpus": cpus}) for i, cpus in enumerate("2282")]
    write_tables(scene, runs, tmp_path)
    content = strictly_read(tmp_path / "results.json")
    assert content["environments"] == [{"cpus": "2"}, {"cpus": "8"}]


def test_the_json_holds_string_classes(scene, runs, tmp_path):
    names = np.array(["", "oak", "ash", "elm"])[scene.labels]
    write_tables(Scene(scene.cube, names), runs, tmp_path)
    assert strictly_read(tmp_path / "results.json")["classes"] == ["ash", "elm", "oak"]


def test_files_that_cannot_be_written_leave_the_earlier_ones(scene, runs, tmp_path, monkeypatch):
    write_tables(scene, runs, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path, text, **kwargs):
        path.write_bytes(text[:10].encode())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            write_tables(scene, runs[:3], tmp_path)
    with pytest.raises(TypeError, match="JSON"):
        write_tables(scene, runs[:3], tmp_path, about={"seeds": {1, 2}})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# How far patches overlap


def test_the_overlap_is_told_as_the_mean_over_splits(new_run):
    shares = [[0.5, 0.75], [0.25, 1.0]]
    runs = [new_run(model, i, patch_overlap=shares[i]) for i in (0, 1) for model in ("a", "b")]
    runs.append(new_run("b", 2))
    sentence = overlap_sentence(runs)
    assert "37.5 % of the test pixels have a training pixel in their patch" in sentence
    assert "the patches of 87.5 % share pixels" in sentence
    assert overlap_sentence([new_run()]) == ""
