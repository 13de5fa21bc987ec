import subprocess
import sys

import pytest
from scipy.io import savemat
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklearn_hsiode import __version__, cli
from sklearn_hsiode.datasets import make_scene


@pytest.fixture
def quick_models(monkeypatch):
    """Models that take no time, in place of the four."""
    models = {"majority": DummyClassifier(), "nearest": KNeighborsClassifier(1)}
    monkeypatch.setattr(cli, "default_models", lambda random_state, verbose: models)


@pytest.fixture
def mat_files(tmp_path):
    scene = make_scene((24, 24), n_bands=8, n_classes=3, random_state=0)
    savemat(tmp_path / "scene.mat", {"cube": scene.cube})
    savemat(tmp_path / "labels.mat", {"gt": scene.labels})
    return ["--scene", str(tmp_path / "scene.mat"), "--labels", str(tmp_path / "labels.mat")]


@pytest.mark.usefixtures("quick_models")
def test_demo_prints_a_table_and_says_where_the_maps_are(tmp_path, capsys):
    out = tmp_path / "maps.png"
    assert cli.main(["demo", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| majority" in printed
    assert "| nearest" in printed
    assert str(out) in printed
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("quick_models")
def test_benchmark_does_the_same_for_a_scene_in_files(mat_files, tmp_path, capsys):
    out = tmp_path / "maps.png"
    assert cli.main(["benchmark", *mat_files, "--train-size", "0.2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "24 x 24 pixels, 8 bands" in printed
    assert "| majority" in printed
    assert out.is_file()


@pytest.mark.usefixtures("quick_models")
def test_the_seed_decides_the_split(mat_files, tmp_path, capsys):
    tables = []
    for seed in ("1", "1", "2"):
        command = ["benchmark", *mat_files, "--random-state", seed]
        cli.main([*command, "--train-size", "0.5", "--out", str(tmp_path / "maps.png")])
        row = next(line for line in capsys.readouterr().out.splitlines() if "nearest" in line)
        tables.append(row.split("|")[2])
    assert tables[0] == tables[1] != tables[2]


def test_a_users_mistake_is_one_line_and_status_1(mat_files, tmp_path, capsys):
    mistakes = {
        "nowhere.mat": ["benchmark", "--scene", "nowhere.mat", "--labels", "nowhere.mat"],
        "--out": ["demo", "--out", str(tmp_path / "no" / "such" / "folder.png")],
        "train_size": ["benchmark", *mat_files, "--train-size", "1.5"],
    }
    for named, command in mistakes.items():
        if "--out" not in command:
            command += ["--out", str(tmp_path / "maps.png")]
        assert cli.main(command) == 1
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
    assert not (tmp_path / "maps.png").exists()


def test_an_unknown_command_or_none_explains_the_usage(capsys):
    for command in ([], ["fly"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(command)
        assert stop.value.code == 2
        assert "usage: hsiode" in capsys.readouterr().err


def test_without_matplotlib_the_remedy_is_named_before_any_training(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["demo"]) == 1
    assert "pip install 'sklearn-hsiode[plot]'" in capsys.readouterr().err


def test_python_m_runs_the_same_command():
    command = [sys.executable, "-m", "sklearn_hsiode", "--version"]
    assert subprocess.check_output(command, text=True).strip() == __version__
