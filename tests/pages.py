"""The examples in the pages of the documentation.

Those marked as ``py`` use packages that are not among the dependencies of the tests.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def blocks(page):
    """The Python blocks of a page, in their order."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
