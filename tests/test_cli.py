"""The command line: what it does with its options, what it writes, and what it refuses."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from sklearn_hsiode import ODENetClassifier, __version__
from sklearn_hsiode import _cli as cli
from sklearn_hsiode._cli import experiments as commands
from sklearn_hsiode.benchmark import chosen, solver_models
from sklearn_hsiode.benchmark._models import MODELS
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
from sklearn_hsiode.recipes import PAPER, Recipe

RESULTS = {
    "class_maps",
    "maps.png",
    "results.json",
    "runs.jsonl",
    "table.csv",
    "table.md",
    "table.tex",
}
SPATIAL = ["--protocol", "spatial", "--block-size", "6", "--buffer", "2"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Nothing is written beside the tests, whatever the default folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick_models(monkeypatch):
    """Models that take no time, in place of all; tells with which arguments they were made."""
    models = {"majority": DummyClassifier(), "nearest": KNeighborsClassifier(1)}
    made = Mock(return_value=models)
    monkeypatch.setattr(commands, "benchmark_models", made)
    shown = {"ode-net": models["nearest"], "svm": SVC(), "coordinates": models["majority"]}
    monkeypatch.setattr(commands, "_demo_models", lambda: shown)
    return made


@pytest.fixture
def asked_for(monkeypatch):
    """Arguments of run_benchmark and of the networks' recipe, in place of any run."""
    asked = SimpleNamespace(
        models=None, recipe=None, scene=None, network=None, cv=None, settings=None
    )

    def run_benchmark(scene, models, cv, **settings):
        asked.scene, asked.cv, asked.settings = scene, cv, settings
        asked.network = models["network"]
        raise ValueError("that will do")

    def benchmark_models(models=None, recipe=None):
        asked.models, asked.recipe = models, recipe
        return {"network": ODENetClassifier()}

    monkeypatch.setattr(commands, "run_benchmark", run_benchmark)
    monkeypatch.setattr(commands, "benchmark_models", benchmark_models)
    monkeypatch.setattr(commands, "solver_models", lambda recipe: benchmark_models(None, recipe))
    return asked


@pytest.fixture
def fits(monkeypatch):
    """Counts the fits of the quick models."""
    counted = []
    for model in (DummyClassifier, KNeighborsClassifier):

        def fit(self, *args, original=model.fit, **kwargs):
            counted.append(self)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(model, "fit", fit)
    return counted


@pytest.fixture
def files(tmp_path):
    """Options that name a tiny scene in .npy files."""
    scene = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0)
    np.save(tmp_path / "scene.npy", scene.cube)
    np.save(tmp_path / "labels.npy", scene.labels)
    return ["--scene", str(tmp_path / "scene.npy"), "--labels", str(tmp_path / "labels.npy")]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def run(command, *options, out=None):
    return cli.main([command, *map(str, options), *([] if out is None else ["--out", str(out)])])


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# demo


@pytest.mark.usefixtures("quick_models")
def test_demo_prints_the_honest_table_then_the_flattering_one_and_where_the_maps_are(out, capsys):
    assert run("demo", out=out) == 0
    printed = capsys.readouterr().out
    honest, flattering = printed.split("held out")
    assert "ODE-net" in honest
    assert "±" in honest
    assert "| kappa " in honest
    assert "the patches of 0.0 % share pixels" in honest
    assert "| kappa " in flattering
    assert "the patches of 100.0 % share pixels" in flattering
    assert "drawn at random" in flattering
    assert str(out / "maps.png") in printed
    assert (out / "maps.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("quick_models")
def test_demo_compares_on_a_scene_of_the_users_as_well(files, out, capsys):
    assert run("demo", *files, out=out) == 0
    assert "Scene('scene': " in capsys.readouterr().out
    assert (out / "maps.png").exists()
    assert run("demo", *files[:2], out=out) == 1
    assert "--scene and --labels go together" in capsys.readouterr().err


def test_demo_compares_all_models_at_their_defaults_but_for_a_gate_without_folds():
    models = commands._demo_models()
    assert list(models) == list(MODELS)
    for name in NETWORKS:
        expected = Recipe().estimator(name)
        expected[-1].set_params(gate=0.5)
        assert repr(models[name]) == repr(expected)


# benchmark


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize("protocol", ["paper", "spatial"])
def test_benchmark_prints_the_table_and_writes_what_it_found(files, out, capsys, protocol):
    options = SPATIAL if protocol == "spatial" else ["--train-size", "0.2"]
    options = [*options, "--recipe", "default", "--patch-size", 3]
    assert run("benchmark", *files, *options, "--repeats", 2, out=out) == 0
    printed = capsys.readouterr().out
    assert "24 x 24 pixels, 8 bands" in printed
    assert "Patch overlap: " in printed
    assert ("held out" if protocol == "spatial" else "drawn at random") in printed
    assert str(out) in printed
    table, *notes = (out / "table.md").read_text("utf-8").split("\n\n")
    assert table in printed
    assert notes[0] in printed
    assert "**" in table
    assert {path.name for path in out.iterdir()} == RESULTS
    assert (out / "maps.png").read_bytes().startswith(b"\x89PNG")
    with (out / "table.csv").open(newline="") as file:
        assert next(csv.reader(file))[1] == "majority mean"
    content = json.loads((out / "results.json").read_text("utf-8"))
    assert content["about"]["protocol"] == protocol
    assert content["about"]["repeats"] == 2
    splits = 2 * 5 if protocol == "spatial" else 2
    assert len(content["runs"]) == 2 * splits
    overlap = np.mean([run["patch_overlap"] for run in content["runs"]], axis=0)
    assert overlap.tolist() == [0, 0] if protocol == "spatial" else overlap[0] > 0.5
    assert len((out / "runs.jsonl").read_text().splitlines()) == 1 + 2 + 2 * splits


@pytest.mark.usefixtures("quick_models")
def test_results_go_into_a_folder_named_after_the_command(files, tmp_path):
    assert run("benchmark", *files, "--train-size", 5) == 0
    assert {path.name for path in (tmp_path / "hsiode-benchmark").iterdir()} == RESULTS


@pytest.mark.usefixtures("quick_models")
def test_scenes_in_matlab_files_do_as_well(files, out, tmp_path, capsys):
    options = ["--train-size", "5"]
    run("benchmark", *files, *options, out=out)
    from_numpy = capsys.readouterr().out.splitlines()
    savemat(tmp_path / "scene.mat", {"cube": np.load(files[1])})
    savemat(tmp_path / "labels.mat", {"gt": np.load(files[3])})
    matlab = ["--scene", tmp_path / "scene.mat", "--labels", tmp_path / "labels.mat"]
    assert run("benchmark", *matlab, *options, out=tmp_path / "other") == 0
    from_matlab = capsys.readouterr().out.splitlines()
    for line, other in zip(from_numpy, from_matlab, strict=True):
        if line.startswith("|") and "seconds" not in line:
            assert line == other


@pytest.mark.parametrize("protocol", ["paper", "spatial"])
def test_networks_are_trained_and_compared(files, out, capsys, protocol):
    small = ["--patch-size", 3, "--epochs", 1, "--components", 2, "--solver", "euler"]
    models = ["--models", "ode-net", "resnet", "coordinates"]
    options = ["--train-size", "0.05", "--repeats", 1, "--recipe", "paper"]
    if protocol == "spatial":
        options += [*SPATIAL, "--folds", 2]
    assert run("benchmark", *files, *small, *models, *options, out=out) == 0
    printed = capsys.readouterr().out
    assert "ODE-net" in printed
    runs = json.loads((out / "results.json").read_text("utf-8"))["runs"]
    assert {run["model"] for run in runs} == {"ode-net", "resnet", "coordinates"}
    assert {run["n_function_evaluations"] for run in runs} == {2, None}
    # One band more than in the paper's network, and 13 classes fewer.
    n_parameters = {"ode-net": 232_080 + 576 - 13 * 65, "resnet": 601_872 + 576 - 13 * 65}
    for run_ in runs:
        assert run_["n_parameters"] == n_parameters.get(run_["model"])


def test_the_papers_protocol_is_the_default_to_the_letter(files, asked_for):
    run("benchmark", *files)
    assert asked_for.recipe == PAPER
    assert asked_for.models == list(MODELS)
    assert repr(asked_for.cv) == repr(PerClassShuffleSplit(0.03, 10, 0))
    assert asked_for.settings["patch_size"] == 23
    assert asked_for.settings["random_state"] == 0
    assert asked_for.settings["n_jobs"] is None
    (scene,) = asked_for.scene
    np.testing.assert_array_equal(scene.labels, np.load(files[3]))


@pytest.fixture
def several(tmp_path):
    """Options that name three tiny scenes of other sizes."""
    options = []
    for i in range(3):
        scene = make_scene((20 + i, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0)
        for what, array in (("scene", scene.cube), ("labels", scene.labels)):
            np.save(tmp_path / f"{what}{i}.npy", array)
            options += [f"--{what}", str(tmp_path / f"{what}{i}.npy")]
    return options


@pytest.mark.parametrize(("folds", "n_splits"), [([], 3), (["--folds", 2], 2)])
def test_whole_images_are_held_out_of_several(several, out, capsys, folds, n_splits):
    quick = ["--models", "svm", "coordinates", "--recipe", "default"]
    assert run("benchmark", *several, *quick, *folds, out=out) == 0
    printed = capsys.readouterr().out
    assert "Whole images were held out" in printed
    assert "the patches of 0.0 % share pixels" in printed
    assert "hsiode map on each" in printed
    results = json.loads((out / "results.json").read_text("utf-8"))
    assert results["about"]["scene"] == ["scene0.npy", "scene1.npy", "scene2.npy"]
    assert results["about"]["protocol"] == "images"
    runs = [run for run in results["runs"] if run["model"] == "svm"]
    n_labelled = [np.count_nonzero(np.load(file)) for file in several[3::4]]
    assert len(runs) == n_splits
    assert sum(run["n_test"] for run in runs) == sum(n_labelled)
    assert all(run["n_train"] + run["n_test"] == sum(n_labelled) for run in runs)
    assert not (out / "maps.png").exists()


def test_blocks_may_be_held_out_of_several_images_as_well(several, asked_for):
    run("benchmark", *several, "--protocol", "spatial", "--recipe", "default")
    assert len(asked_for.scene) == 3
    assert [repr(cv) for cv in asked_for.cv] == [repr(SpatialBlockKFold(5, 32, 4, 0))]
    assert asked_for.settings["groups"] is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--scene", "other.npy"], "4 images, but 3 labels"),
        (["--folds", "4"], "--folds must lie between 2 and the 3 images"),
        (["--folds", "1"], "--folds must lie between 2 and the 3 images"),
        (["--buffer", "3"], "--buffer does not go with --protocol images"),
        (["--train-size", "3"], "--train-size does not go with --protocol images"),
        (["--repeats", "3"], "--repeats does not go with --protocol images"),
    ],
)
def test_what_does_not_go_with_several_images_is_refused(several, out, capsys, options, named):
    assert run("benchmark", *several, *options, "--models", "svm", out=out) == 1
    assert named in one_line(capsys)


def test_one_image_cannot_be_held_out(files, out, capsys):
    assert run("benchmark", *files, "--protocol", "images", "--models", "svm", out=out) == 1
    assert "give --scene several times" in one_line(capsys)


@pytest.mark.parametrize(("recipe", "measure"), [("tuned", chosen), ("default", None)])
def test_the_buffer_keeps_the_patches_of_all_models_apart(files, asked_for, recipe, measure):
    run("benchmark", *files, "--protocol", "spatial", "--recipe", recipe)
    assert [repr(cv) for cv in asked_for.cv] == [repr(SpatialBlockKFold(5, 32, 4, 0))]
    assert asked_for.settings["patch_size"] == 5
    assert asked_for.settings["measure"] is measure


def test_the_spatial_protocol_tunes_all_models_unless_a_recipe_is_named(files, asked_for):
    run("benchmark", *files, "--protocol", "spatial")
    assert asked_for.recipe is None
    assert asked_for.models == list(MODELS)


@pytest.mark.parametrize(("given", "size"), [("0.2", 0.2), ("1.0", 1.0), ("5", 5), ("+7", 7)])
def test_a_train_size_is_a_share_or_a_number(files, asked_for, given, size):
    for protocol in ("paper", "spatial"):
        run("benchmark", *files, "--protocol", protocol, "--train-size", given)
        cv = asked_for.cv if protocol == "paper" else asked_for.cv[0]
        assert cv.train_size == size
        assert type(cv.train_size) is type(size)


def test_options_of_the_splits_arrive(files, asked_for):
    run("benchmark", *files, "--repeats", 4, "--random-state", 8)
    assert repr(asked_for.cv) == repr(PerClassShuffleSplit(0.03, 4, 8))
    assert asked_for.settings["random_state"] == 8
    options = ["--folds", 3, "--block-size", 4, "--buffer", 1, "--repeats", 2, "--random-state", 8]
    run("benchmark", *files, "--protocol", "spatial", *options)
    expected = [SpatialBlockKFold(3, 4, 1, seed) for seed in (8, 9)]
    assert list(map(repr, asked_for.cv)) == list(map(repr, expected))


@pytest.mark.parametrize("size", [5, 23])
def test_the_buffer_follows_the_patch_size(files, asked_for, size):
    options = ["--protocol", "spatial", "--recipe", "default", "--patch-size", size]
    run("benchmark", *files, *options)
    assert asked_for.cv[0].buffer == size - 1
    assert asked_for.settings["patch_size"] == asked_for.recipe.patch_size == size


def test_options_of_the_networks_arrive(files, asked_for):
    options = ["--patch-size", 7, "--components", 4, "--epochs", 2, "--device", "cpu"]
    for command in ("benchmark", "solvers"):
        solving = ["--solver", "rk4", "--n-steps", 3] if command == "benchmark" else []
        run(command, *files, *options, *solving)
        recipe = asked_for.recipe
        assert (recipe.patch_size, recipe.components, recipe.padding) == (7, 4, "zero")
        assert recipe.training == PAPER.training | {"max_epochs": 2}
        assert asked_for.network.device == "cpu"
        if solving:
            own = PAPER.networks["ode-net"] | {"solver": "rk4", "n_steps": 3}
            assert recipe.networks == {"ode-net": own}
    assert PAPER.training["max_epochs"] == 160


@pytest.mark.parametrize(
    ("protocol", "recipe", "expected"),
    [
        ("paper", "default", Recipe()),
        ("paper", "tuned", None),
        ("spatial", "paper", PAPER),
        ("spatial", "default", Recipe()),
        ("spatial", "tuned", None),
    ],
)
def test_the_recipe_may_be_another_than_the_protocols(files, asked_for, protocol, recipe, expected):
    run("benchmark", *files, "--protocol", protocol, "--recipe", recipe)
    assert asked_for.recipe == expected


@pytest.mark.parametrize("options", [["--protocol", "spatial"], ["--recipe", "tuned"]])
def test_tuned_networks_train_where_they_are_asked_to(files, monkeypatch, options):
    stop = Mock(side_effect=ValueError)
    monkeypatch.setattr(commands, "run_benchmark", stop)
    run("benchmark", *files, *options, "--device", "cpu")
    _, models, _ = stop.call_args.args
    assert list(models) == list(MODELS)
    for name in NETWORKS:
        assert models[name].get_params()["estimator__network__device"] == "cpu"


@pytest.mark.parametrize(
    "option",
    [
        ["--patch-size", 5],
        ["--components", 2],
        ["--epochs", 3],
        ["--solver", "rk4"],
        ["--n-steps", 3],
    ],
    ids=lambda option: option[0],
)
def test_what_a_search_decides_is_refused_and_the_remedy_named(files, asked_for, capsys, option):
    assert run("benchmark", *files, "--protocol", "spatial", *option) == 1
    error = one_line(capsys)
    assert f"{option[0]} does not go with tuned models" in error
    assert "add --recipe default" in error
    assert asked_for.cv is None
    run("benchmark", *files, "--protocol", "spatial", *option, "--recipe", "default")
    assert asked_for.cv is not None


@pytest.mark.filterwarnings("ignore:No fold both trains", "ignore:validation='blocks'")
def test_a_tuned_benchmark_tells_differences_and_choices(files, out, monkeypatch, capsys):
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.N_FILTERS", 4)
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.EPOCHS", (1, 2))
    models = ["--models", "coordinates", "logistic-regression", "ode-net"]
    options = ["--protocol", "spatial", "--block-size", 8, "--buffer", 2, "--folds", 2]
    assert run("benchmark", *files, *options, *models, out=out) == 0
    printed = capsys.readouterr().out
    _, differences, choices, *_ = (out / "table.md").read_text("utf-8").split("\n\n")
    assert differences in printed
    assert choices in printed
    assert differences.startswith("| ODE-net ahead of ")
    assert [line.split()[1] for line in differences.splitlines()[2:]] == ["coordinates", "logistic"]
    assert [line.split()[1] for line in choices.splitlines()[2:]] == ["logistic", "ODE-net"]
    assert {path.name for path in out.iterdir()} == RESULTS | {"differences.csv"}


@pytest.mark.parametrize(
    ("models", "reference"),
    [("svm resnet ode-net", "resnet"), ("svm coordinates", None), ("ode-net", None)],
)
def test_the_first_network_is_compared_with_the_others(new_run, models, reference):
    assert commands._compared([new_run(model) for model in models.split()]) == reference


def test_models_and_jobs_arrive(files, asked_for):
    run("benchmark", *files, "--models", "svm", "coordinates", "--n-jobs", 2)
    assert asked_for.models == ["svm", "coordinates"]
    assert asked_for.settings["n_jobs"] == 2


@pytest.mark.usefixtures("quick_models")
def test_the_seed_decides_the_split(files, tmp_path, capsys):
    rows = []
    for i, seed in enumerate([1, 1, 2]):
        run("benchmark", *files, "--random-state", seed, out=tmp_path / str(i))
        printed = capsys.readouterr().out.splitlines()
        rows.append(next(line for line in printed if line.startswith("| OA")))
    assert rows[0] == rows[1] != rows[2]


# Going on


@pytest.mark.usefixtures("quick_models")
def test_the_same_call_again_fits_nothing(files, out, fits, capsys):
    options = [*files, "--train-size", 5, "--repeats", 2]
    assert run("benchmark", *options, out=out) == 0
    assert len(fits) == 4
    before, printed = contents(out), capsys.readouterr().out
    assert run("benchmark", *options, out=out) == 0
    assert len(fits) == 4
    assert capsys.readouterr().out == printed
    assert contents(out) == before


@pytest.mark.usefixtures("quick_models")
def test_a_call_that_was_cut_short_fits_the_rest_alone(files, out, fits, monkeypatch, capsys):
    options = [*files, "--train-size", 5, "--repeats", 3]
    with monkeypatch.context() as patched:
        patched.setattr(KNeighborsClassifier, "predict", Mock(side_effect=KeyboardInterrupt))
        assert run("benchmark", *options, out=out) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        f"hsiode benchmark: interrupted: 1 of the runs are kept in {out / 'runs.jsonl'}, and the"
        " same command does the rest."
    )
    fits.clear()
    assert run("benchmark", *options, out=out) == 0
    assert len(fits) == 6 - 1


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize(
    "other",
    [
        ["--random-state", 1],
        ["--train-size", "6"],
        ["--repeats", 3],
        ["--patch-size", 5],
        SPATIAL,
    ],
    ids=lambda other: other[0],
)
def test_other_settings_in_the_same_folder_are_refused(files, out, fits, capsys, other):
    options = [*files, "--train-size", "5", "--repeats", 2]
    run("benchmark", *options, out=out)
    fits.clear()
    before = contents(out)
    capsys.readouterr()
    assert run("benchmark", *options, *other, out=out) == 1
    error = capsys.readouterr().err
    assert "runs of other settings" in error
    assert error.count("\n") == 1
    assert contents(out) == before
    assert not fits


def test_another_recipe_in_the_same_folder_is_refused(files, out, capsys):
    options = [*files, "--models", "ode-net", "--patch-size", 3, "--train-size", 5, "--repeats", 1]
    cheap = ["--solver", "euler", "--n-steps", 1]
    assert run("benchmark", *options, *cheap, "--epochs", 1, out=out) == 0
    before = contents(out)
    capsys.readouterr()
    assert run("benchmark", *options, *cheap, "--epochs", 2, out=out) == 1
    error = capsys.readouterr().err
    assert "max_epochs of ode-net is '1' there and '2' here" in error
    assert error.count("\n") == 1
    assert contents(out) == before


# Mistakes


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--train-size", "0.0"], "train_size"),
        (["--train-size", "1.0"], "train_size"),
        (["--train-size", "1.5"], "train_size"),
        (["--train-size", "-0.1"], "train_size"),
        (["--train-size", "nan"], "train_size"),
        (["--train-size", "0"], "at least 1"),
        (["--train-size", "100000"], "100000 training pixels of class"),
        (["--repeats", "0"], "--repeats must be at least 1"),
        (["--repeats", "-1"], "--repeats"),
        (["--patch-size", "4"], "patch_size"),
        (["--patch-size", "0"], "patch_size"),
        (["--n-jobs", "0"], "n_jobs"),
        (["--protocol", "spatial", "--block-size", "25"], "larger than the scene"),
        (["--protocol", "spatial", "--block-size", "0"], "block_size"),
        (["--protocol", "spatial", "--block-size", "-3"], "block_size"),
        (["--protocol", "spatial", "--block-size", "12"], "n_splits=5 is more than the 4 blocks"),
        ([*SPATIAL, "--folds", "1"], "n_splits"),
        ([*SPATIAL, "--folds", "1000"], "n_splits=1000 is more than"),
        ([*SPATIAL, "--buffer", "24"], "buffer=24 leaves a fold without training pixels"),
        ([*SPATIAL, "--buffer", "-1"], "buffer"),
        ([*SPATIAL, "--repeats", "0"], "--repeats"),
        ([*SPATIAL, "--train-size", "1.5"], "train_size"),
        (["--components", "0"], "--components must lie between 1 and the scene's 8 bands"),
        (["--components", "9"], "--components must lie between 1 and the scene's 8 bands"),
        (["--n-steps", "2"], "--n-steps goes with a solver on a fixed grid"),
        (["--folds", "3"], "--folds goes with --protocol spatial"),
        (["--block-size", "3"], "--block-size goes with --protocol spatial"),
        (["--buffer", "0"], "--buffer goes with --protocol spatial"),
    ],
    ids=lambda value: "".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_bad_option_is_refused_before_the_first_fit(files, out, fits, capsys, options, named):
    assert run("benchmark", *files, *options, out=out) == 1
    error = one_line(capsys)
    assert error.startswith("hsiode benchmark: ")
    assert named in error
    assert not fits
    assert not any(contents(out).values())


@pytest.mark.parametrize(
    "options",
    [
        ["--train-size", "many"],
        ["--train-size", "²"],
        ["--models", "svm", "perceptron"],
        ["--models"],
        ["--protocol", "honest"],
        ["--recipe", "mine"],
        ["--solver", "rk5"],
        ["--epochs", "1.5"],
        ["--folds", "a"],
        ["--seed", "1"],
    ],
    ids=" ".join,
)
def test_an_option_that_means_nothing_explains_the_usage(files, out, capsys, options):
    with pytest.raises(SystemExit) as stop:
        run("benchmark", *files, *options, out=out)
    assert stop.value.code == 2
    assert options[0] in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--epochs", "0"], "max_epochs"),
        (["--solver", "euler", "--n-steps", "0"], "n_steps"),
        (["--device", "abacus"], "device"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_networks_refuse_is_one_line(files, out, capsys, options, named):
    models = ["--models", "ode-net", "--patch-size", 3, "--train-size", 5, "--repeats", 1]
    assert run("benchmark", *files, *models, *options, out=out) == 1
    error = one_line(capsys)
    assert error.startswith("hsiode benchmark: ")
    assert named in error
    assert not out.exists()


@pytest.mark.parametrize("model", ["svm", "logistic-regression", "ode-net"])
def test_a_run_that_fails_ends_in_one_line_that_tells_why(out, tmp_path, capsys, model):
    np.save(tmp_path / "scene.npy", np.random.default_rng(0).random((12, 12, 3)))
    np.save(tmp_path / "labels.npy", np.ones((12, 12), dtype=int))
    files = ["--scene", tmp_path / "scene.npy", "--labels", tmp_path / "labels.npy"]
    options = ["--models", model, "--patch-size", 3, "--train-size", 9, "--repeats", 1]
    assert run("benchmark", *files, *options, out=out) == 1
    lines = capsys.readouterr().err.splitlines()
    assert not any(line.startswith("Traceback") for line in lines)
    assert lines[-1].startswith("hsiode benchmark: 1 of 1 runs failed")
    assert "class" in lines[-1]


def bad_files(folder):
    scene = make_scene((24, 24), n_bands=8, n_classes=3, random_state=0)
    np.save(folder / "scene.npy", scene.cube)
    np.save(folder / "small.npy", scene.labels[:20])
    np.save(folder / "fractions.npy", scene.labels + 0.5)
    np.save(folder / "nothing.npy", scene.labels * 0)
    np.save(folder / "labels.npy", scene.labels)
    (folder / "text.npy").write_text("no array")
    (folder / "text.mat").write_text("no MATLAB")
    with (folder / "archive.npy").open("wb") as file:
        np.savez(file, scene.cube)


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize("command", ["benchmark", "solvers"])
@pytest.mark.parametrize(
    ("scene", "labels", "named"),
    [
        ("nowhere.npy", "labels.npy", "no file"),
        ("scene.npy", "nowhere.mat", "no file"),
        (".", "labels.npy", "is a folder"),
        ("text.npy", "labels.npy", "text.npy"),
        ("text.mat", "labels.npy", "text.mat"),
        ("archive.npy", "labels.npy", "archive.npy"),
        ("labels.npy", "labels.npy", "cube of shape"),
        ("scene.npy", "small.npy", "label raster of the cube's shape"),
        ("scene.npy", "scene.npy", "label raster of the cube's shape"),
        ("scene.npy", "fractions.npy", "labels must be integers"),
        ("scene.npy", "nothing.npy", "has a label"),
    ],
)
def test_bad_files_are_one_line(tmp_path, out, fits, capsys, command, scene, labels, named):
    bad_files(tmp_path)
    files = ["--scene", tmp_path / scene, "--labels", tmp_path / labels]
    assert run(command, *files, out=out) == 1
    assert named in one_line(capsys)
    assert not fits
    assert not contents(out)


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize("command", ["demo", "benchmark", "solvers"])
@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_refused_before_any_fit(
    files, tmp_path, fits, capsys, command, where
):
    (tmp_path / "file").write_text("in the way")
    options = [] if command == "demo" else files
    assert run(command, *options, out=tmp_path / where) == 1
    error = one_line(capsys)
    assert "--out" in error
    assert str(tmp_path / where) in error
    assert not fits
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize("content", ["notes of mine\n", "notes of mine", '{"a": 1}\n'])
def test_a_results_file_of_another_program_is_refused_and_kept(files, out, fits, capsys, content):
    out.mkdir()
    (out / "runs.jsonl").write_text(content)
    assert run("benchmark", *files, "--train-size", 5, out=out) == 1
    assert "runs.jsonl" in one_line(capsys)
    assert contents(out) == {out / "runs.jsonl": content.encode()}
    assert not fits


@pytest.mark.usefixtures("quick_models")
@pytest.mark.parametrize("command", ["demo", "benchmark", "solvers"])
def test_without_matplotlib_the_remedy_is_named_before_any_training(
    files, tmp_path, fits, monkeypatch, capsys, command
):
    monkeypatch.setattr(commands, "find_spec", lambda name: None)
    before = contents(tmp_path)
    assert run(command, *([] if command == "demo" else files)) == 1
    assert "pip install 'sklearn-hsiode[plot]'" in one_line(capsys)
    assert contents(tmp_path) == before
    assert not fits


def test_an_unknown_command_or_none_explains_the_usage(capsys):
    for command in ([], ["fly"], ["benchmark"], ["solvers", "--scene", "a.npy"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(command)
        assert stop.value.code == 2
        assert "usage: hsiode" in capsys.readouterr().err


def test_help_names_every_option_and_an_example(capsys):
    for command in ("demo", "benchmark", "solvers"):
        with pytest.raises(SystemExit) as stop:
            cli.main([command, "--help"])
        assert stop.value.code == 0
        printed = capsys.readouterr().out
        assert f"example: hsiode {command}" in " ".join(printed.split())
        assert "--out" in printed


# solvers


def narrow(recipe):
    return replace(recipe, training=recipe.training | {"n_filters": 4})


def test_solvers_runs_the_whole_study(tmp_path, out, capsys, monkeypatch):
    scene = make_scene((14, 14), n_bands=3, n_classes=2, noise=0.02, random_state=0)
    np.save(tmp_path / "scene.npy", scene.cube)
    np.save(tmp_path / "labels.npy", scene.labels)
    files = ["--scene", tmp_path / "scene.npy", "--labels", tmp_path / "labels.npy"]
    monkeypatch.setattr(commands, "solver_models", lambda recipe: solver_models(narrow(recipe)))
    options = ["--patch-size", 3, "--epochs", 1, "--repeats", 1, "--train-size", 3]
    assert run("solvers", *files, *options, out=out) == 0
    printed = capsys.readouterr().out
    table = (out / "solvers.md").read_text("utf-8")
    assert table in printed
    assert len(table.splitlines()) == 2 + 13
    assert "euler, 8 steps" in table
    assert "no body" in table
    assert {path.name for path in out.iterdir()} == RESULTS | {"solvers.md", "solvers.png"}
    assert (out / "solvers.png").read_bytes().startswith(b"\x89PNG")
    before = contents(out)
    assert run("solvers", *files, *options, out=out) == 0
    assert capsys.readouterr().out == printed
    after = contents(out)
    assert after.keys() == before.keys()
    assert after[out / "runs.jsonl"] == before[out / "runs.jsonl"]


def test_solvers_are_compared_on_three_splits_of_the_paper(files, asked_for):
    run("solvers", *files)
    assert asked_for.recipe == PAPER
    assert repr(asked_for.cv) == repr(PerClassShuffleSplit(0.03, 3, 0))
    assert asked_for.settings["measure"] is commands.resolved_accuracy
    run("solvers", *files, "--repeats", 2, "--train-size", 7, "--n-jobs", 2, "--recipe", "default")
    assert asked_for.recipe == Recipe()
    assert repr(asked_for.cv) == repr(PerClassShuffleSplit(7, 2, 0))
    assert asked_for.settings["n_jobs"] == 2


# As a program


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


def test_python_m_runs_the_same_commands_with_their_exit_status(tmp_path):
    command = [sys.executable, "-m", "sklearn_hsiode", "benchmark", "--scene", "a.npy"]
    done = subprocess.run(
        [*command, "--labels", "b.npy"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "hsiode benchmark: There is no file a.npy.\n"
