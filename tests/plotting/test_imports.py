import subprocess
import sys

import pytest

from sklearn_hsiode import plotting
from sklearn_hsiode.plotting import TrainingHistoryDisplay


def test_importing_the_displays_does_not_load_matplotlib():
    command = [sys.executable, "-c", "import sys, sklearn_hsiode.plotting; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "sklearn_hsiode" in loaded
    assert "matplotlib" not in loaded


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-hsiode\[plot\]'"):
        TrainingHistoryDisplay([{"loss": 1.0}]).plot()


def test_displays_only_store_what_they_are_given():
    data = [{"loss": 1.0}]
    assert vars(plotting.TrainingHistoryDisplay(data)) == {"history": data, "name": None}
