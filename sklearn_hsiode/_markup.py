"""Texts of users in files and pictures: names of classes, scenes and models, escaped per format."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from typing import Any

LONGEST = 80  # letters of a text in a picture
# Control characters, which XML and tables cannot hold, and halves of characters, which no
# encoding can.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
# A spreadsheet takes what begins so for a formula (OWASP, "CSV injection").
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?", re.ASCII)  # a label such as -1


def visible(text: str) -> str:
    r"""Text in which control characters are spelt as in Python: plain text, and XML.

    Examples
    --------
    >>> from sklearn_hsiode._markup import visible
    >>> print(visible("two\nlines"))
    two\nlines
    """
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def figure_text(text: str) -> str:
    """Text for matplotlib, to which dollars are mathematics."""
    shown = visible(text)
    shown = shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
    return shown.replace("$", r"\$")


def escaped_markdown(text: str) -> str:
    """Text in a cell of a table in Markdown, which is neither code nor markup."""
    return re.sub(r"(\\*)([|<*`\[])", r"\1\1\\\2", visible(text))


def escaped_latex(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    escaped = re.sub(
        r"[\\~^&%$#_{}]", lambda found: words.get(found[0], "\\" + found[0]), visible(text)
    )
    return escaped.replace("±", r"$\pm$")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV, in which no text is a formula.

    Examples
    --------
    >>> from sklearn_hsiode._markup import csv_text
    >>> print(csv_text([["class", "=1+1"], ["water", -0.3]]), end="")
    class,'=1+1
    water,-0.3
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _csv_cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA) and not _NUMBER.fullmatch(value)
    return f"'{visible(value)}" if is_formula else visible(value)


def _markdown_bold(text: str) -> str:
    return f"**{text}**"


def _latex_bold(text: str) -> str:
    return rf"\textbf{{{text}}}"


#: Name of tabulate's format, and functions that escape a cell and make it bold.
STYLES: dict[str, tuple[str, Callable[[str], str], Callable[[str], str]]] = {
    "markdown": ("github", escaped_markdown, _markdown_bold),
    "latex": ("latex_raw", escaped_latex, _latex_bold),
}
