"""Numbers as file formats write them."""

from __future__ import annotations

from typing import Any


def number(text: Any, kind: type = float) -> Any:
    """A number that is written in ASCII digits, without underscores.

    Python reads more than formats allow: 1_6 is 16, and digits of any script count.

    Raises
    ------
    ValueError
        For any other text.

    Examples
    --------
    >>> from sklearn_hsiode.io.readers._numbers import number
    >>> number(" 1e3 "), number("16", int)
    (1000.0, 16)
    >>> number("1_6", int)
    Traceback (most recent call last):
    ValueError: '1_6' is no number.
    """
    written = str(text)
    if "_" in written or not written.isascii():
        raise ValueError(f"{written!r} is no number.")
    return kind(written)
