"""hsiode info, train and map."""

import re
import zipfile

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.svm import SVC

from sklearn_hsiode import (
    PixelSamples,
    Scene,
    load_model,
    predict_map,
    read_scene,
    read_scenes,
    save_model,
)
from sklearn_hsiode import _cli as cli
from sklearn_hsiode._cli.models import TRAINABLE
from sklearn_hsiode.benchmark import benchmark_models
from sklearn_hsiode.classifiers._callbacks import EpochRecorder
from sklearn_hsiode.classifiers._registry import NETWORKS
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.nn import SOLVERS
from sklearn_hsiode.recipes import VIEWS, Recipe

pytest.importorskip("skops")
rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(scene, tmp_path):
    np.save(tmp_path / "field.npy", scene.cube)
    np.save(tmp_path / "field_gt.npy", scene.labels)
    return ["--scene", "field.npy", "--labels", "field_gt.npy"]


@pytest.fixture
def model(pixels, tmp_path):
    """A model file of an SVM, which has no probabilities."""
    return save_model(SVC().fit(*pixels), tmp_path / "svm.model").name


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.usefixtures("files")
def test_info_tells_size_bands_memory_and_classes(scene, capsys):
    assert run("info", "field.npy", "--labels", "field_gt.npy") == 0
    printed = capsys.readouterr().out
    assert "24 x 24 pixels, 8 bands of int16" in printed
    assert f"{24 * 24 * 8 * 2 / 1e6:.1f} MB" in printed
    for label in scene.classes:
        assert f"class {label}: {np.sum(scene.labels == label)} pixels" in printed


@pytest.mark.usefixtures("files")
def test_info_needs_no_labels(capsys):
    assert run("info", "field.npy") == 0
    assert "class " not in capsys.readouterr().out


@pytest.fixture
def several(files):
    """Options that name two scenes, the second of which lacks a class."""
    other = make_scene((20, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0)
    np.save("other.npy", other.cube)
    np.save("other_gt.npy", np.where(other.labels == 2, 0, other.labels))
    return [*files, "--scene", "other.npy", "--labels", "other_gt.npy"]


def test_info_tells_of_several_files_one_after_the_other(several, capsys):
    assert run("info", "field.npy", "other.npy", *several[2:4], *several[6:]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert first.startswith("field: 24 x 24 pixels")
    assert second.startswith("other: 20 x 24 pixels")
    assert "class 2" in first
    assert "class 2" not in second


def test_a_model_is_trained_on_the_pixels_of_several_scenes(several, capsys):
    assert run("train", *several, "--model", "svm", "--out", "svm.model") == 0
    scenes = read_scenes(several[1::4], several[3::4])
    pairs = [scene.labeled_pixels() for scene in scenes]
    n_pixels = sum(len(y) for _, y in pairs)
    assert f"Trained on {n_pixels} pixels of 3 classes" in capsys.readouterr().out
    X = PixelSamples.concatenate([X for X, _ in pairs])
    expected = benchmark_models(["svm"], Recipe())["svm"].fit(
        X, np.concatenate([y for _, y in pairs])
    )
    loaded = load_model("svm.model")
    np.testing.assert_array_equal(loaded.predict(X), expected.predict(X))
    assert run("map", "--model", "svm.model", "--scene", "other.npy", "--out", "map.tif") == 0


def test_other_numbers_of_scenes_and_labels_are_refused(several, capsys):
    assert run("train", *several[:-2], "--model", "svm", "--out", "svm.model") == 1
    assert "2 images, but 1 labels" in capsys.readouterr().err


def test_train_and_map_lead_from_files_to_a_map(scene, files, tmp_path):
    options = ["--epochs", 1, "--patch-size", 5, "--n-steps", 1, "--random-state", 3]
    assert run("train", *files, "--out", "ode.model", *options) == 0
    trained = load_model("ode.model")
    assert (trained[-1].max_epochs, trained[-1].n_steps, trained[-1].random_state) == (1, 1, 3)
    assert trained[0].patch_size == 5
    everything = ["--proba", "--confidence", "--png"]
    assert run("map", "--model", "ode.model", *files[:2], "--out", "map.tif", *everything) == 0
    with rasterio.open("map.tif") as file:
        np.testing.assert_array_equal(
            file.read(1)[scene.mask], trained.predict(Scene(scene.cube).pixels())
        )
    with rasterio.open("map_proba.tif") as file:
        assert file.count == 3
    with rasterio.open("map_confidence.tif") as file:
        assert file.descriptions[0] == "largest probability"
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["resnet", "svm", "random-forest", "logistic-regression"])
def test_other_models_are_trained_likewise(files, kind):
    quick = ["--epochs", 1, "--patch-size", 3] if kind == "resnet" else []
    assert run("train", *files, "--model", kind, "--out", "a.model", *quick) == 0
    assert run("map", "--model", "a.model", *files[:2], "--out", "map.tif") == 0


@pytest.fixture
def quickly_tuned(monkeypatch):
    """Searches that take no time."""
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.N_FILTERS", 4)
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.EPOCHS", (1, 2))


@pytest.mark.filterwarnings("ignore:No fold both trains", "ignore:validation='blocks'")
@pytest.mark.usefixtures("quickly_tuned")
@pytest.mark.parametrize("wavelengths", [None, np.linspace(400, 900, 8)], ids=["no nm", "nm"])
@pytest.mark.parametrize("kind", TRAINABLE)
def test_a_tuned_model_is_saved_with_its_search_and_maps(
    scene, monkeypatch, capsys, kind, wavelengths
):
    view = VIEWS["logarithm and slope"]
    monkeypatch.setattr("sklearn_hsiode.recipes._tuned.VIEWS", {"logarithm and slope": view})
    there = Scene(scene.cube, scene.labels, wavelengths=wavelengths)
    monkeypatch.setattr("sklearn_hsiode._cli.models.read_scene", lambda *_, **__: there)
    monkeypatch.setattr("sklearn_hsiode._cli.options.read_scenes", lambda *_, **__: [there])
    files = ["--scene", "x", "--labels", "y"]
    device = ["--device", "cpu"] if kind in NETWORKS else []
    tune = ["--tune", "--random-state", 3, *device]
    assert run("train", *files, "--model", kind, "--out", "a.model", *tune) == 0
    search = load_model("a.model")
    printed = capsys.readouterr().out
    said = re.search(r"^Chosen on held-out blocks, (.*) % right: (.*)$", printed, re.M)
    assert float(said[1]) == round(100 * search.best_score_, 1)
    chosen = {name.split("__")[-1]: value for name, value in search.best_params_.items()}
    chosen["view"] = "logarithm and slope"
    expected = {f"{name.replace('_', ' ')} {value}" for name, value in chosen.items()}
    assert set(said[2].split(", ")) == expected
    if kind in NETWORKS:
        assert search.best_estimator_[-1].random_state == 3
        assert search.best_estimator_[-1].device == "cpu"
    assert run("map", "--model", "a.model", *files[:2], "--out", "map.tif") == 0
    with rasterio.open("map.tif") as file:
        np.testing.assert_array_equal(file.read(1)[scene.mask], search.predict(there.pixels()))


@pytest.fixture
def interrupt(monkeypatch):
    """Ctrl-C in an epoch of a training, of which there are three and then folds."""

    def interrupt(epoch, training=1):
        trainings = []

        class Interrupts(EpochRecorder):
            def on_train_begin(self, net, **kwargs):
                super().on_train_begin(net, **kwargs)
                trainings.append(net)

            def on_batch_begin(self, net, **kwargs):
                if len(trainings) == training and len(net.history) == epoch:
                    raise KeyboardInterrupt

        monkeypatch.setattr("sklearn_hsiode.classifiers._training.EpochRecorder", Interrupts)

    return interrupt


TRAIN = ["train", "--epochs", 3, "--n-steps", 1, "--device", "cpu", "--out", "a.model"]


@pytest.mark.parametrize("name", ["ode-net", "resnet"])
@pytest.mark.parametrize("kept", [False, True])
def test_a_training_that_is_interrupted_says_how_far_it_was_and_saves_on_request(
    files, tmp_path, interrupt, capsys, name, kept
):
    interrupt(3)
    command = [option for option in TRAIN if name == "ode-net" or option not in ("--n-steps", 1)]
    assert run(*command, *files, "--model", name, *["--keep-interrupted"] * kept) == 130
    printed = capsys.readouterr()
    assert "hsiode train: interrupted: Stopped after 2 of 3 epochs. " in printed.err
    assert "Trained on" not in printed.out
    assert (tmp_path / "a.model").exists() == kept
    if kept:
        assert str(tmp_path / "a.model") in printed.err
        assert len(load_model("a.model")[-1].history_) == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_training_that_is_interrupted_in_its_folds_says_so(files, tmp_path, interrupt, capsys):
    interrupt(1, training=2)
    assert run(*TRAIN, *files) == 130
    said = "Stopped after 3 of 3 epochs, before the gate of its shortcut was chosen. No model"
    assert said in capsys.readouterr().err
    assert not (tmp_path / "a.model").exists()


def test_a_training_that_is_interrupted_in_its_first_epoch_leaves_nothing(
    files, tmp_path, interrupt, capsys
):
    interrupt(1)
    assert run(*TRAIN, *files, "--keep-interrupted") == 130
    said = "hsiode train: interrupted: No epoch of the training had ended."
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert not (tmp_path / "a.model").exists()


@pytest.mark.parametrize("kept", [False, True])
def test_the_same_command_goes_on_where_a_training_was_interrupted(
    files, tmp_path, interrupt, capsys, monkeypatch, kept
):
    monkeypatch.setattr("sklearn_hsiode.classifiers._checkpoint.PARTS", 0)
    interrupt(3)
    assert run(*TRAIN, *files, *["--keep-interrupted"] * kept) == 130
    assert "the same command" in capsys.readouterr().err.lower()
    monkeypatch.setattr("sklearn_hsiode.classifiers._training.EpochRecorder", EpochRecorder)
    assert run(*TRAIN, *files, *["--overwrite"] * kept) == 0
    assert (
        f"goes on from epoch 3 of 3 ({tmp_path / 'a.model.checkpoint'})" in capsys.readouterr().out
    )
    assert not (tmp_path / "a.model.checkpoint").exists()
    whole = [option if option != "a.model" else "b.model" for option in TRAIN]
    assert run(*whole, *files, "--no-checkpoint") == 0
    found, wanted = (load_model(f"{name}.model")[-1].net_.plain_module_ for name in "ab")
    assert str(found.state_dict()) == str(wanted.state_dict())


def test_a_command_that_keeps_no_checkpoint_leaves_none(files, tmp_path, interrupt, capsys):
    interrupt(3)
    assert run(*TRAIN, *files, "--no-checkpoint") == 130
    assert "the same command" not in capsys.readouterr().err.lower()
    assert not (tmp_path / "a.model.checkpoint").exists()


def test_another_command_to_the_same_model_says_what_differs(files, interrupt, capsys):
    interrupt(3)
    assert run(*TRAIN, *files) == 130
    assert run(*TRAIN, *files, "--random-state", 5) == 1
    said = "a.model.checkpoint is the checkpoint of something else: random_state is 0 there and 5"
    assert said in capsys.readouterr().err


def test_a_search_that_is_killed_goes_on_with_the_same_command(files, tmp_path, capsys):
    command = ["train", *files, "--model", "svm", "--tune", "--out", "a.model"]
    fits, fit = [], SVC.fit

    def killed(self, *args, **kwargs):
        fits.append(self)
        if len(fits) == 5:
            raise KeyboardInterrupt
        return fit(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SVC, "fit", killed)
        assert run(*command) == 130
        assert "a.model.checkpoint keeps what is finished: the same" in capsys.readouterr().err
    assert run(*command) == 0
    folder = tmp_path / "a.model.checkpoint"
    assert f"GridSearch: 4 fits are finished, in {folder}" in capsys.readouterr().out
    assert not (tmp_path / "a.model.checkpoint").exists()


@pytest.mark.parametrize(
    "options", [["--patch-size", 5], ["--recipe", "default"], ["--epochs", 3], ["--solver", "rk4"]]
)
def test_what_a_search_decides_does_not_go_with_it(files, capsys, options):
    assert run("train", *files, "--tune", *options, "--out", "a.model") == 1
    assert f"{options[0]} does not go with --tune" in capsys.readouterr().err


def test_too_little_ground_to_tune_on_is_one_line_with_a_remedy(files, tmp_path, capsys):
    labels = np.zeros((24, 24), dtype=int)
    labels[:2, :4], labels[2:4, :4] = 1, 2
    np.save(tmp_path / "corner.npy", labels)
    options = ["--tune", "--model", "svm", "--labels", "corner.npy"]
    assert run("train", *files[:2], *options, "--out", "a.model") == 1
    assert "label more ground" in capsys.readouterr().err.splitlines()[-1]


def test_without_a_search_a_network_is_the_default_pipeline(files):
    assert run("train", *files, "--epochs", 1, "--out", "a.model") == 0
    trained = load_model("a.model")
    default = Recipe(training={"max_epochs": 1, "random_state": 0, "verbose": 1})
    assert repr(trained) == repr(default.estimator("ode-net"))


def test_the_same_seed_trains_the_same_model(files):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        options = ["--epochs", 1, "--patch-size", 3, "--random-state", seed]
        run("train", *files, "--out", f"{name}.model", *options)
    X = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0).pixels()
    a, b, c = (load_model(f"{name}.model").predict_proba(X) for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_the_map_has_the_class_names_of_the_training(scene, tmp_path):
    named = Scene(scene.cube, scene.labels, class_names=["oak", "water", "corn"])
    X, y = named.labeled_pixels()
    save_model(SVC().fit(X, y), tmp_path / "named.model", scene=named)
    np.save(tmp_path / "field.npy", scene.cube)
    run("map", "--model", "named.model", "--scene", "field.npy", "--out", "map.tif")
    with rasterio.open("map.tif") as file:
        assert [file.tags(1)[f"class_{label}"] for label in (1, 2, 3)] == ["oak", "water", "corn"]


def test_two_processes_write_the_same_map_for_the_cloud(files, model, tmp_path):
    mapping = ["map", "--model", model, *files[:2], "--window", 9, "--n-jobs", 2]
    assert run(*mapping, "--cog", "--out", "two.tif") == 0
    assert run("map", "--model", model, *files[:2], "--out", "one.tif") == 0
    with rasterio.open("one.tif") as one, rasterio.open("two.tif") as two:
        assert two.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        np.testing.assert_array_equal(one.read(), two.read())


def test_a_map_may_be_a_zarr_store_with_its_picture(scene, files, model, tmp_path, capsys):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    pytest.importorskip("matplotlib")
    mapping = ["map", "--model", model, *files[:2], "--out", "map.zarr", "--png"]
    for more in ([], ["--overwrite"]):
        assert run(*mapping, *more) == 0
    with xarray.open_dataset("map.zarr", engine="zarr", mask_and_scale=False) as found:
        expected = predict_map(load_model(model), scene)
        np.testing.assert_array_equal(found["classes"], expected)
    assert (tmp_path / "map.png").stat().st_size > 1000
    assert run(*mapping) == 1
    assert "map.zarr exists already" in capsys.readouterr().err
    assert run(*mapping, "--cog", "--overwrite") == 1
    assert "--cog writes GeoTIFFs: --out map.zarr must end in .tif" in capsys.readouterr().err


def test_what_cannot_be_replaced_is_found_before_the_first_map(files, pixels, tmp_path, capsys):
    model = save_model(LinearDiscriminantAnalysis().fit(*pixels), tmp_path / "lda.model")
    (tmp_path / "map_proba.zarr").mkdir()
    mapping = ["map", "--model", model, *files[:2], "--out", "map.zarr", "--proba", "--overwrite"]
    assert run(*mapping) == 1
    assert "map_proba.zarr is no map that sklearn_hsiode has written" in capsys.readouterr().err
    assert not (tmp_path / "map.zarr").exists()


def test_the_enmap_scene_leads_from_its_files_to_a_map_in_its_place(data_dir, tmp_path):
    pytest.importorskip("matplotlib")
    image = data_dir / "enmap_potsdam" / "enmap_potsdam.tif"
    names = {f"class_{label}": f"cover {label}" for label in range(1, 7)}
    with rasterio.open(image.with_name("enmap_potsdam_labels.tif")) as file:
        few = file.read(1) * (np.random.default_rng(0).random(file.shape) < 0.1)
        with rasterio.open("few.tif", "w", **file.profile) as written:
            written.write(few, 1)
            written.update_tags(1, **names)
    scene = read_scene(image, "few.tif")
    files = ["--scene", image, "--labels", "few.tif"]
    assert run("train", *files, "--model", "logistic-regression", "--out", "a.model") == 0
    assert run("map", "--model", "a.model", "--scene", image, "--out", "map.tif", "--png") == 0
    with rasterio.open(image) as file, rasterio.open("map.tif") as found:
        for what in ("crs", "transform", "width", "height"):
            assert getattr(found, what) == getattr(file, what)
        class_map, colors, tags = found.read(1), found.colormap(1), found.tags(1)
        assert found.nodata == 0
    np.testing.assert_array_equal(class_map > 0, scene.mask)
    assert not scene.mask.all()
    assert set(np.unique(class_map)) <= {0, *scene.classes}
    assert tags.items() >= names.items()
    assert len({colors[c] for c in scene.classes}) == len(scene.classes)
    np.testing.assert_array_equal(class_map, predict_map(load_model("a.model"), scene))
    assert (tmp_path / "map.png").stat().st_size > 1000


def test_other_wavelengths_than_those_of_the_training_are_refused(
    scene, tmp_path, monkeypatch, capsys
):
    there = Scene(scene.cube, scene.labels, wavelengths=np.linspace(400, 900, 8))
    X, y = there.labeled_pixels()
    save_model(SVC().fit(X, y), tmp_path / "a.model", scene=there)
    here = Scene(scene.cube, wavelengths=np.linspace(400, 950, 8))
    monkeypatch.setattr("sklearn_hsiode._cli.models.read_scene", lambda path, **options: here)
    assert run("map", "--model", "a.model", "--scene", "x", "--out", "map.tif") == 1
    assert "band 8 is at 950 nm in this scene and was at 900 nm" in capsys.readouterr().err
    assert not (tmp_path / "map.tif").exists()


def test_as_many_bands_as_in_the_training_but_others_are_refused(scene, files, tmp_path, capsys):
    for name, empty in (("a", 2), ("b", 5)):
        cube = scene.cube.astype(np.float32)
        cube[:, :, empty] = np.nan
        np.save(tmp_path / f"{name}.npy", cube)
    train = ["train", "--scene", "a.npy", *files[2:], "--model", "svm", "--out", "a.model"]
    assert run(*train) == 0
    assert "left out: band 3, no data" in capsys.readouterr().out
    assert run("map", "--model", "a.model", "--scene", "a.npy", "--out", "a.tif") == 0
    assert run("map", "--model", "a.model", "--scene", "b.npy", "--out", "b.tif") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "fitted without bands 3 of their file, but this scene is without bands 6" in error
    assert run("map", "--model", "a.model", *files[:2], "--out", "b.tif") == 1
    assert "fitted on 7 bands, but the scene has 8" in capsys.readouterr().err
    assert not (tmp_path / "b.tif").exists()


def test_neither_half_of_an_envi_image_is_written_over(scene, model, tmp_path, capsys):
    profile = {"driver": "ENVI", "width": 24, "height": 24, "count": 8, "dtype": "int16"}
    with rasterio.open("field.img", "w", **profile) as file:
        file.write(scene.cube.transpose(2, 0, 1))
    before = contents(tmp_path)
    for named, other in (("field.hdr", "field.img"), ("field.img", "field.hdr")):
        command = ["map", "--model", model, "--scene", named, "--out", other, "--overwrite"]
        assert run(*command) == 1
        assert "is read, or written, already" in capsys.readouterr().err
        with pytest.raises(ValueError, match="is the image itself"):
            predict_map(load_model(model), read_scene(named), out=other, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--model", "svm", "--epochs", 3], "--epochs does not go with --model svm"),
        (["--model", "resnet", "--solver", "rk4"], "--solver does not go with --model resnet"),
        (
            ["--model", "random-forest", "--labels", "one.npy"],
            "one.npy labels 24 valid pixels",
        ),
        (["--labels", "few.npy"], "few.npy labels 2 valid pixels of 2 classes"),
    ],
)
def test_what_a_model_cannot_be_trained_with_is_refused(files, tmp_path, capsys, options, named):
    files = files[:2] if "--labels" in options else files
    labels = np.zeros((24, 24), dtype=int)
    labels[0] = 1
    np.save(tmp_path / "one.npy", labels)
    labels[0, 1:], labels[5, 5] = 0, 2
    np.save(tmp_path / "few.npy", labels)
    assert run("train", *files, *options, "--out", "a.model") == 1
    assert named in capsys.readouterr().err
    assert not (tmp_path / "a.model").exists()


@pytest.mark.parametrize("command", ["train", "benchmark"])
def test_help_names_the_own_options_of_every_network(command, capsys):
    with pytest.raises(SystemExit):
        run(command, "--help")
    printed = " ".join(capsys.readouterr().out.split())
    for entry in NETWORKS.values():
        for name, explanation in entry.options.items():
            assert f"--{name.replace('_', '-')}" in printed
            assert explanation in printed
    assert all(solver in printed for solver in SOLVERS)


@pytest.mark.parametrize("out", ["folder.tif", "map.jpg", ""])
def test_a_map_is_a_geotiff_and_no_folder(files, model, tmp_path, capsys, out):
    (tmp_path / "folder.tif").mkdir()
    before = contents(tmp_path)
    assert run("map", "--model", model, *files[:2], "--out", out, "--overwrite") == 1
    error = capsys.readouterr().err
    assert "is a folder: name a file" in error or "must end in .tif" in error
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["info", "nowhere.npy"], "nowhere.npy"),
        (["train", "--scene", "nowhere.npy", "--labels", "x.npy", "--out", "a.model"], "nowhere"),
        (["train", "FILES", "--out", "svm.model"], "exists already"),
        (["train", "FILES", "--out", "no/such.model"], "no folder"),
        (["train", "FILES", "--out", "a.model", "--components", "99"], "--components"),
        (["map", "--model", "no.model", "--scene", "field.npy", "--out", "m.tif"], "no.model"),
        (["map", "--model", "field.npy", "--scene", "field.npy", "--out", "m.tif"], "no model"),
        (["map", "--model", "svm.model", "--scene", "no.npy", "--out", "m.tif"], "no.npy"),
        (["map", "--model", "svm.model", "--scene", "field.npy", "--out", "no/m.tif"], "no folder"),
        (
            ["map", "--model", "svm.model", "--scene", "field.npy", "--out", "field_gt.npy"],
            "exists already",
        ),
        (
            [
                "map",
                "--model",
                "svm.model",
                "--scene",
                "field.npy",
                "--out",
                "m.tif",
                "--window",
                "0",
            ],
            "window must be",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value),
)
def test_a_users_mistake_is_one_line_and_nothing_is_written(
    files, command, named, tmp_path, capsys
):
    before = contents(tmp_path)
    where = command.index("FILES") if "FILES" in command else None
    if where is not None:
        command = [*command[:where], *files, *command[where + 1 :]]
    assert run(*command) == 1
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "command",
    [
        ["train", "FILES", "--out", "field.npy"],
        ["train", "FILES", "--out", "field_gt.npy"],
        ["map", "--model", "svm.model", "--scene", "field.npy", "--out", "field.npy"],
        ["map", "--model", "svm.model", "--scene", "field.npy", "--out", "./svm.model"],
        ["map", "--model", "svm.model", "--scene", "field.npy", "--out", "m.png", "--png"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("model")
def test_what_is_read_or_written_is_not_written_over(files, command, tmp_path, capsys):
    before = contents(tmp_path)
    command = [part for word in command for part in (files if word == "FILES" else [word])]
    assert run(*command, "--overwrite") == 1
    assert "is read, or written, already" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_the_picture_of_a_large_map_is_a_small_one(scene, files, model, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_hsiode._cli.models.LARGEST_PICTURE", 10)
    drawn = []
    monkeypatch.setattr(
        "sklearn_hsiode._cli.models.ClassificationMapDisplay.from_predictions",
        lambda scene, codes: drawn.append(codes) or pytest.fail("drawn"),
    )
    with pytest.raises(pytest.fail.Exception):
        run("map", "--model", model, *files[:2], "--out", "map.tif", "--png")
    (codes,) = drawn
    assert max(codes.shape) <= 10
    assert set(np.unique(codes)) <= set(scene.classes)


def test_arrays_in_one_file_are_told_apart_by_name(scene, tmp_path):
    np.savez("all.npz", raw=scene.cube, flat=scene.cube * 0, gt=scene.labels, other=scene.labels)
    files = ["--scene", "all.npz", "--labels", "all.npz", "--variable", "raw"]
    named = [*files, "--labels-variable", "gt", "--model", "svm", "--out", "a.model"]
    assert run("train", *named) == 0
    assert run("map", "--model", "a.model", *files[:2], *files[4:], "--out", "map.tif") == 0
    assert (tmp_path / "map.tif").exists()


def test_a_failure_that_nobody_thought_of_is_one_line(files, model, monkeypatch, capsys):
    monkeypatch.setattr(SVC, "predict", lambda *_: {}["lost"])
    assert run("map", "--model", model, *files[:2], "--out", "map.tif") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "hsiode map: KeyError: 'lost'"


def test_probabilities_that_a_model_has_not_are_refused(files, model, tmp_path, capsys):
    for option in ("--proba", "--confidence"):
        assert run("map", "--model", model, *files[:2], "--out", "map.tif", option) == 1
        names = "ode-net, resnet, random-forest, logistic-regression"
        assert f"train --model {names}" in capsys.readouterr().err
        assert not (tmp_path / "map.tif").exists()


def test_what_exists_is_replaced_on_request(files, model):
    for _ in range(2):
        command = ["map", "--model", model, *files[:2], "--out", "map.tif", "--overwrite"]
        assert run(*command) == 0


def test_a_model_that_holds_foreign_types_is_refused_by_name(files, model, capsys, tmp_path):
    import os
    from hashlib import sha256

    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    content = skops.io.dumps(FunctionTransformer(os.mkdir))
    with zipfile.ZipFile(model) as archive:
        about = archive.read("about.json")
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("about.json", about)
        archive.writestr("model.skops", content)
        archive.writestr("sha256", sha256(about + content).hexdigest())
    assert run("map", "--model", model, *files[:2], "--out", "map.tif") == 1
    assert "mkdir" in capsys.readouterr().err
    assert not (tmp_path / "map.tif").exists()


def test_debug_shows_the_traceback():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run("info", "nowhere.npy", "--debug")


@pytest.mark.parametrize("command", ["info", "train", "map"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        run(command, "--help")
    assert stop.value.code == 0
    assert f"example: hsiode {command} " in capsys.readouterr().out
