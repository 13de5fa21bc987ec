"""Names of users in tables, pictures and files."""

import csv
import io
import re
import warnings
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tabulate import tabulate

from sklearn_hsiode import Scene
from sklearn_hsiode._markup import (
    csv_text,
    escaped_latex,
    escaped_markdown,
    figure_text,
    visible,
)
from sklearn_hsiode.benchmark import differences_table, draw_maps, results_table, write_tables
from sklearn_hsiode.metrics import classification_summary
from sklearn_hsiode.plotting import ClassificationMapDisplay, SceneDisplay, SpectraDisplay

TEXTS = st.text(st.characters(exclude_categories=()))  # with halves of characters
ODD_NAMES = ["a_$b^$", "=cmd|' /C calc'!A0", "two\nlines", "\x00\x1b[31m", "\ud800", r"a\|b\\", "$"]


def with_odd_names(scene):
    return Scene(scene.cube, scene.labels, class_names=["a_$b^$", "=1|\n", "\x00\ud800"])


@given(TEXTS)
@example("\ufffe")
def test_visible_text_is_whole_in_xml_and_in_utf_8(text):
    element = ElementTree.Element("Category")
    element.text = visible(text)
    whole = ElementTree.fromstring(ElementTree.tostring(element, "utf-8"))
    assert (whole.text or "") == visible(text)


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_text_without_control_characters_is_visible_as_it_is(text):
    assert visible(text) == text


@settings(deadline=None, max_examples=50)
@given(TEXTS)
@example("a_$b^$")
@example("\\$")
@example("\\\\$$")
@example("x" * 10_000)
def test_a_picture_shows_any_text_and_no_mathematics(text):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    drawn = figure.text(0, 0, figure_text(text))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.canvas.draw()
    shown, is_mathematics = drawn._preprocess_math(drawn.get_text())
    assert not is_mathematics
    assert shown == visible(text) or shown[:-1] == visible(text)[: len(shown) - 1]


@given(st.lists(TEXTS, min_size=1, max_size=3))
@example(["=1+1", "@SUM(A1)", "\t=1"])
def test_csv_has_every_text_and_no_formula(texts):
    (row,) = csv.reader(io.StringIO(csv_text([texts]), newline=""))
    for cell, text in zip(row, texts, strict=True):
        is_number = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", text, re.ASCII)
        assert is_number or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell in (visible(text), f"'{visible(text)}")


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.3)
def test_numbers_in_csv_stay_numbers(number):
    assert float(csv_text([[number]])) == number


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["<script>alert(1)</script>", "[x](javascript:alert(1))", r"a\|b", r"a\\|b\\"])
def test_a_table_in_markdown_has_a_cell_for_every_text_and_no_markup_of_theirs(texts):
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    rows = [[escaped_markdown(text), "1"] for text in texts]
    page = parser.render(tabulate(rows, ["class", "OA"], "github", disable_numparse=True))
    assert page.count("<tr>") == len(texts) + 1
    assert page.count("<td") == 2 * len(texts)
    assert not re.search("<(script|a|img|code)", page)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_on_one_line_in_latex(name):
    assert escaped_latex(name).isprintable()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_summaries_have_a_row_for_each_class_whatever_its_name(name):
    text = str(classification_summary([1, 1, 2], [1, 2, 2], class_names={1: name}))
    assert len(text.splitlines()) == 2 + 2 + 3
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()}) == 1
    assert text.encode()


@pytest.fixture
def pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def test_displays_show_classes_of_any_name(scene, pyplot):
    odd = with_odd_names(scene)._replace(name="$a^$\nb")
    displays = [
        SceneDisplay.from_scene(odd, with_labels=True),
        SpectraDisplay.from_scene(odd),
        ClassificationMapDisplay.from_predictions(odd, odd.labels),
    ]
    for display in displays:
        display.figure_.canvas.draw()
        assert display.legend_.get_texts()[0].get_text() == r"a_\$b^\$"


def test_benchmarks_write_their_tables_and_maps_whatever_the_names(scene, new_run, tmp_path):
    odd = with_odd_names(scene)
    runs = [new_run(name, class_map=scene.labels - 1) for name in ODD_NAMES]
    write_tables(odd, runs, tmp_path, reference="$")
    draw_maps(odd, runs, tmp_path / "maps.png")
    for table in (results_table(odd, runs), differences_table(runs, "$")):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    for name in ("table.csv", "differences.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert len({len(row) for row in rows}) == 1
        assert not any(cell.startswith(("=", "@")) for row in rows for cell in row)
