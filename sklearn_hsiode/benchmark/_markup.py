"""The markup of tables: Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable


def _markdown_bold(text: str) -> str:
    return f"**{text}**"


def _latex_bold(text: str) -> str:
    return rf"\textbf{{{text}}}"


def _markdown(text: str) -> str:
    """Text with what would end a cell escaped."""
    return text.replace("|", r"\|")


def escaped_latex(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    escaped = re.sub(r"[\\~^&%$#_{}]", lambda found: words.get(found[0], "\\" + found[0]), text)
    return escaped.replace("±", r"$\pm$")


#: Name of tabulate's format, and functions that escape a cell and make it bold.
STYLES: dict[str, tuple[str, Callable[[str], str], Callable[[str], str]]] = {
    "markdown": ("github", _markdown, _markdown_bold),
    "latex": ("latex_raw", escaped_latex, _latex_bold),
}
