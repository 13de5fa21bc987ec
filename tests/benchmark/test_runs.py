"""Runs of a benchmark: what they score, what they keep, and how they go on after a kill."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from uuid import uuid4

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_hsiode import Scene, read_scene
from sklearn_hsiode.benchmark import run_benchmark
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.metrics import MEASURES, Measure
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold

NEAREST = {"nearest": KNeighborsClassifier(1)}
AT_RANDOM = PerClassShuffleSplit(0.2, n_splits=2, random_state=3)


class Recorder(KNeighborsClassifier):
    """Notes in a folder which pixels it is trained on, and does what notes there tell it to."""

    def __init__(self, name, folder, random_state=None):
        super().__init__(n_neighbors=1)
        self.name, self.folder, self.random_state = name, folder, random_state

    def fit(self, X, y):
        key = f"{self.name} {self.random_state}"
        np.save(self.folder / f"{key} {uuid4().hex}.npy", X.positions)
        if (self.folder / f"{key} fails").exists():
            raise RuntimeError("as it was told")
        if (self.folder / f"{key} is interrupted").exists():
            raise KeyboardInterrupt
        while (self.folder / f"{key} hangs").exists():
            (self.folder / "is hanging").touch()
            time.sleep(0.05)
        return super().fit(X, y)


def fits(folder):
    """Positions of the training pixels of every fit so far, by name and seed."""
    found = [(path.stem.rpartition(" ")[0], path) for path in folder.glob("*.npy")]
    assert len({key for key, _ in found}) == len(found), "a run was repeated"
    return {key: np.load(path).tolist() for key, path in found}


def repair(folder, key):
    """Let a run go well, and forget that it was begun."""
    for path in folder.glob(f"{key} *"):
        path.unlink()


def recorded_benchmark(tmp_path, **options):
    """Two models on two splits, in an order of runs a 0, b 0, a 1, b 1."""
    scene = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0)
    notes = tmp_path / "notes"
    notes.mkdir(parents=True, exist_ok=True)
    models = {name: Recorder(name, notes) for name in "ab"}
    defaults = {"folder": tmp_path / "out", "progress": False}
    return run_benchmark(scene, models, AT_RANDOM, **(defaults | options))


def bench(scene, models, cv=AT_RANDOM, **options):
    return run_benchmark(scene, models, cv, progress=False, **options)


def timeless(run):
    """All of a run but what no two runs have in common."""
    values = asdict(run)
    for name in ("fit_seconds", "predict_seconds"):
        assert values.pop(name) >= 0
    class_map = values.pop("class_map")
    return {**values, "class_map": None if class_map is None else class_map.tolist()}


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Scores


def test_scores_are_those_of_an_independent_fit_with_the_same_seed(scene, extractor, ode):
    X, y = scene.labeled_pixels()
    models = {
        "network": make_pipeline(extractor, ode),
        "forest": make_pipeline(PCA(3), RandomForestClassifier(5)),
        **NEAREST,
    }
    seeded = {
        "network": ["odenetclassifier__random_state"],
        "forest": ["pca__random_state", "randomforestclassifier__random_state"],
        "nearest": [],
    }
    splits = list(AT_RANDOM.split(X, y))
    runs = bench(scene, models, random_state=7)
    assert [(run.model, run.split) for run in runs] == [(m, i) for m in models for i in (0, 1)]
    for run in runs:
        train, test = map(np.sort, splits[run.split])
        model = clone(models[run.model]).set_params(
            **dict.fromkeys(seeded[run.model], 7 + run.split)
        )
        predicted = model.fit(X[train], y[train]).predict(X[test])
        matrix = confusion_matrix(y[test], predicted, labels=scene.classes)
        n = matrix.sum()
        recalls = np.diag(matrix) / matrix.sum(axis=1)
        chance = (matrix.sum(axis=0) * matrix.sum(axis=1)).sum() / n**2
        agreement = np.trace(matrix) / n
        assert run.overall_accuracy == pytest.approx(agreement)
        assert run.average_accuracy == pytest.approx(recalls.mean())
        assert run.kappa == pytest.approx((agreement - chance) / (1 - chance))
        np.testing.assert_allclose(run.per_class_accuracy, recalls)
        assert (run.n_train, run.n_test) == (len(train), len(test))
        assert run.random_state == 7 + run.split
        assert run.fit_seconds > 0
        assert run.predict_seconds > 0


def test_networks_tell_parameters_and_evaluations_and_others_do_not(scene, extractor, ode):
    network, _, nearest, _ = bench(scene, {"network": make_pipeline(extractor, ode), **NEAREST})
    X, y = scene.labeled_pixels()
    fitted = make_pipeline(extractor, ode).fit(X, y)[-1]
    weights = fitted.net_.plain_module_.parameters()
    linear = (scene.n_bands + 1) * len(scene.classes)
    assert network.n_parameters == linear + sum(weight.numel() for weight in weights)
    assert network.n_function_evaluations == 1
    assert nearest.n_parameters is nearest.n_function_evaluations is None


def test_every_model_gets_the_same_pixels(tmp_path):
    recorded_benchmark(tmp_path)
    trained = fits(tmp_path / "notes")
    assert trained.keys() == {"a 0", "b 0", "a 1", "b 1"}
    assert trained["a 0"] == trained["b 0"] != trained["a 1"] == trained["b 1"]


def test_seeds_reach_every_random_state_and_leave_the_users_model_alone(scene):
    def seeds(fitted, X, y):
        search = fitted[-1]
        return {"pca": fitted[0].random_state, "forest": search.estimator[-1].random_state}

    forest = make_pipeline(PCA(2, random_state=5), RandomForestClassifier(2))
    search = GridSearchCV(forest, {"randomforestclassifier__max_depth": [1]}, cv=2)
    model = make_pipeline(PCA(3), search)
    runs = bench(scene, {"m": model}, random_state=40, measure=seeds)
    assert [run.measured for run in runs] == [{"pca": s, "forest": s} for s in (40, 41)]
    assert model[0].random_state is None
    assert forest[0].random_state == 5


def test_a_measure_sees_the_test_pixels_of_its_run(scene):
    X, y = scene.labeled_pixels()
    tests = [test for _, test in AT_RANDOM.split(X, y)]

    def measure(fitted, X_test, y_test):
        (i,) = (i for i, test in enumerate(tests) if np.array_equal(y[test], y_test))
        np.testing.assert_array_equal(X_test.positions, X.positions[tests[i]])
        return {"right": float(fitted.score(X_test, y_test))}

    for run in bench(scene, NEAREST, measure=measure):
        assert run.measured == {"right": pytest.approx(run.overall_accuracy)}


def test_what_a_split_does_not_test_is_none(scene, tmp_path):
    _, y = scene.labeled_pixels()
    thirds = PredefinedSplit(np.where(y == 2, -1, np.arange(len(y)) % 2))
    for _ in range(2):  # the second time from the file
        for run in bench(scene, NEAREST, thirds, folder=tmp_path):
            assert [accuracy is None for accuracy in run.per_class_accuracy] == [False, True, False]
            assert run.average_accuracy == pytest.approx(np.mean(run.per_class_accuracy[::2]))


def test_a_scene_without_labels_is_an_error(scene):
    with pytest.raises(ValueError, match="no labels"):
        bench(Scene(scene.cube), NEAREST)


# Maps


def test_a_map_covers_valid_pixels_only_and_agrees_with_the_scores(scene, extractor, ode):
    mask = np.arange(scene.mask.size).reshape(scene.mask.shape) % 7 > 0
    masked = Scene(scene.cube, scene.labels, mask=mask)
    X, y = masked.labeled_pixels()
    _, test = next(AT_RANDOM.split(X, y))
    for run in bench(masked, {"network": make_pipeline(extractor, ode), **NEAREST}):
        if run.split > 0:
            assert run.class_map is None
            continue
        np.testing.assert_array_equal(run.class_map >= 0, mask)
        on_map = masked.classes[run.class_map[X.rows[test], X.cols[test]]]
        assert run.overall_accuracy == pytest.approx((on_map == y[test]).mean())


def test_a_map_is_what_the_model_predicts_everywhere(scene):
    X, y = scene.labeled_pixels()
    train, _ = next(AT_RANDOM.split(X, y))
    model = KNeighborsClassifier(1).fit(np.asarray(X[train]), y[train])
    run, _ = bench(scene, NEAREST)
    expected = model.predict(scene.cube.reshape(-1, 8)).reshape(scene.mask.shape)
    np.testing.assert_array_equal(run.class_map + 1, expected)


@pytest.mark.parametrize(
    "names",
    [["", "b", "a", "c"], ["", "corn", "corn-notill", "corn-mintill"]],
    ids=["short", "long"],
)
def test_a_map_holds_indices_of_string_labels(scene, names):
    numbers, _ = bench(scene, NEAREST)
    strings, _ = bench(Scene(scene.cube, np.array(names)[scene.labels]), NEAREST)
    # Classes are drawn in the order of their names, and so other pixels train.
    order = np.argsort(np.argsort(names[1:]))
    assert (order[numbers.class_map] == strings.class_map).mean() > 0.9
    assert set(np.unique(strings.class_map)) == {0, 1, 2}


# Splitters


def test_the_splits_of_a_list_of_splitters_follow_on_each_other(scene):
    first, second = (KFold(n, shuffle=True, random_state=n) for n in (2, 3))
    runs = bench(scene, NEAREST, [first, second], random_state=10)
    assert [run.split for run in runs] == [0, 1, 2, 3, 4]
    assert [run.random_state for run in runs] == [10, 11, 12, 13, 14]
    alone = [run.overall_accuracy for cv in (first, second) for run in bench(scene, NEAREST, cv)]
    assert [run.overall_accuracy for run in runs] == alone


def test_a_number_of_folds_or_the_splits_themselves_do_for_a_splitter(scene):
    X, y = scene.labeled_pixels()
    folds = StratifiedKFold(3)
    expected = list(map(timeless, bench(scene, NEAREST, folds)))
    assert list(map(timeless, bench(scene, NEAREST, 3))) == expected
    assert list(map(timeless, bench(scene, NEAREST, list(folds.split(X, y))))) == expected


def test_what_cannot_count_or_be_a_patch_is_refused_before_the_first_fit(tmp_path):
    with pytest.raises(TypeError, match="random_state must be an integer"):
        recorded_benchmark(tmp_path, random_state=None)
    with pytest.raises(ValueError, match="patch_size must be an odd positive integer"):
        recorded_benchmark(tmp_path, patch_size=4)
    assert not fits(tmp_path / "notes")
    assert not (tmp_path / "out").exists()


def test_what_a_network_refuses_is_refused_before_the_first_fit(scene, tmp_path, extractor, ode):
    for bad in ({"max_epochs": 0}, {"device": "abacus"}):
        models = {"a": Recorder("a", tmp_path), "network": make_pipeline(extractor, clone(ode))}
        models["network"][-1].set_params(**bad)
        with pytest.raises(ValueError, match=next(iter(bad))):
            bench(scene, models, folder=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_groups_reach_the_splitter(tmp_path):
    X, _ = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0).labeled_pixels()
    notes = tmp_path / "notes"
    notes.mkdir()
    runs = bench(
        X.scene, {"a": Recorder("a", notes)}, GroupKFold(4), groups=X.rows // 6, folder=tmp_path
    )
    trained = fits(notes)
    for run in runs:
        rows = np.array(trained[f"a {run.split}"]) // 24
        assert len(set(rows // 6)) == 3
        assert run.n_test == len(X) - len(rows)


def test_groups_and_blocks_are_refused(scene, tmp_path):
    X, _ = scene.labeled_pixels()
    with pytest.raises(ValueError, match="leave groups out"):
        bench(scene, NEAREST, SpatialBlockKFold(block_size=6), groups=X.rows, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_patch_overlap_is_told_where_it_is_asked_for(scene, tmp_path):
    X, y = scene.labeled_pixels()
    for _ in range(2):
        runs = bench(scene, NEAREST, patch_size=5, folder=tmp_path)
        for run, (train, test) in zip(runs, AT_RANDOM.split(X, y), strict=True):
            distance = np.maximum(
                abs(X.rows[test, None] - X.rows[train]), abs(X.cols[test, None] - X.cols[train])
            ).min(axis=1)
            shares = [(distance <= 2).mean(), (distance <= 4).mean()]
            assert run.patch_overlap == pytest.approx(shares)
    assert all(run.patch_overlap is None for run in bench(scene, NEAREST))


# Side by side


def test_runs_in_processes_find_what_a_serial_benchmark_finds(scene, extractor, ode, tmp_path):
    models = {
        "network": make_pipeline(extractor, ode.set_params(max_epochs=1)),
        "forest": RandomForestClassifier(5),
    }
    serial = bench(scene, models, patch_size=3)
    parallel = bench(scene, models, patch_size=3, n_jobs=2, folder=tmp_path)
    assert list(map(timeless, parallel)) == list(map(timeless, serial))
    read = bench(scene, models, patch_size=3, folder=tmp_path)
    assert list(map(timeless, read)) == list(map(timeless, serial))


# Going on


def test_a_finished_benchmark_is_read_from_its_folder(tmp_path):
    runs = recorded_benchmark(tmp_path)
    before = files(tmp_path)
    again = recorded_benchmark(tmp_path)
    assert list(map(timeless, again)) == list(map(timeless, runs))
    assert [run.fit_seconds for run in again] == [run.fit_seconds for run in runs]
    assert files(tmp_path) == before


ORDER = ["a 0", "b 0", "a 1", "b 1"]


@pytest.mark.parametrize("stops_at", ORDER)
def test_a_benchmark_that_is_interrupted_goes_on_where_it_stood(tmp_path, stops_at):
    expected = recorded_benchmark(tmp_path / "whole")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / f"{stops_at} is interrupted").touch()
    with pytest.raises(KeyboardInterrupt):
        recorded_benchmark(tmp_path)
    assert set(fits(notes)) == set(ORDER[: ORDER.index(stops_at) + 1])
    repair(notes, stops_at)
    runs = recorded_benchmark(tmp_path)
    assert set(fits(notes)) == set(ORDER)
    assert list(map(timeless, runs)) == list(map(timeless, expected))


@pytest.mark.parametrize("fails_at", ORDER)
def test_a_run_that_fails_is_named_after_all_others_are_done(tmp_path, fails_at):
    expected = recorded_benchmark(tmp_path / "whole")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / f"{fails_at} fails").touch()
    name, _, split = fails_at.partition(" ")
    with pytest.raises(RuntimeError, match=f"1 of 4 runs.*{name} on split {split}: as it was told"):
        recorded_benchmark(tmp_path)
    assert set(fits(notes)) == set(ORDER)
    assert len((tmp_path / "out" / "runs.jsonl").read_text().splitlines()) == 1 + 2 + 3
    repair(notes, fails_at)
    runs = recorded_benchmark(tmp_path)
    assert list(map(timeless, runs)) == list(map(timeless, expected))


def test_a_benchmark_keeps_others_out_until_it_is_killed_and_then_goes_on_where_it_stood(tmp_path):
    expected = recorded_benchmark(tmp_path / "whole")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a 1 hangs").touch()
    code = (
        "import sys; from pathlib import Path; from runpy import run_path;"
        "run_path(sys.argv[1])['recorded_benchmark'](Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, __file__, str(tmp_path)])
    try:
        for _ in range(1200):
            if (notes / "is hanging").exists():
                break
            assert process.poll() is None
            time.sleep(0.05)
        before = files(tmp_path / "out")
        with pytest.raises(BlockingIOError, match=f"Another benchmark writes to {tmp_path}"):
            recorded_benchmark(tmp_path)
        assert files(tmp_path / "out") == before
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert set(fits(notes)) == {"a 0", "b 0", "a 1"}
    repair(notes, "a 1")
    runs = recorded_benchmark(tmp_path)
    assert set(fits(notes)) == {"a 0", "b 0", "a 1", "b 1"}
    assert list(map(timeless, runs)) == list(map(timeless, expected))


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"notes of mine",
        lambda whole: whole[:-10],
        lambda whole: whole.replace(b"(24, 24)", b"(24, 23)"),
        lambda whole: whole.replace(b"(24, 24)", b"(99999999, 99999999)"),
        lambda whole: whole.replace(b"<i2", b"<u2"),
        lambda whole: whole.replace(b"<i2", b"|O "),
        lambda whole: whole.replace(b"False", b"[[[[["),
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 64]),
        lambda whole: whole[:-2] + bytes([(whole[-2] + 1) % 3, 0]),
    ],
)
def test_a_damaged_class_map_is_named_and_stays_as_it_is(tmp_path, damage):
    recorded_benchmark(tmp_path)
    path = tmp_path / "out" / "class_maps" / "a.npy"
    path.write_bytes(damage(path.read_bytes()))
    before = files(tmp_path / "out")
    with pytest.raises(ValueError, match=r"class_maps/a\.npy .* damaged: delete it"):
        recorded_benchmark(tmp_path)
    assert files(tmp_path / "out") == before
    path.unlink()
    assert [run.class_map is None for run in recorded_benchmark(tmp_path)] == [
        *(True, True),
        *(False, True),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"split": True},
        {"n_train": "30"},
        {"n_train": 30.5},
        {"scores": None},
        {"scores": {"overall_accuracy": "high"}},
        {"per_class_accuracy": [0.5]},
        {"per_class_accuracy": 0.5},
        {"fit_seconds": None},
        {"fit_seconds": 1e999},
        {"environment": {"python": 3}},
        {"class_map": [[1]]},
        {"of_another": 1},
    ],
    ids=str,
)
def test_a_run_of_other_fields_is_named_and_stays_as_it_is(tmp_path, change):
    recorded_benchmark(tmp_path)
    results = tmp_path / "out" / "runs.jsonl"
    entries = [json.loads(line) for line in results.read_text().splitlines()]
    entries[2] |= change
    for entry in entries:
        del entry["crc32"]
    results.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    before = files(tmp_path / "out")
    with pytest.raises(ValueError, match=r"runs\.jsonl"):
        recorded_benchmark(tmp_path)
    assert files(tmp_path / "out") == before


def test_a_half_written_run_is_repeated_and_no_other(tmp_path):
    runs = recorded_benchmark(tmp_path)
    results = tmp_path / "out" / "runs.jsonl"
    results.write_bytes(results.read_bytes()[:-30])
    repair(tmp_path / "notes", "b 1")
    assert list(map(timeless, recorded_benchmark(tmp_path))) == list(map(timeless, runs))


def test_a_benchmark_of_format_1_goes_on_where_it_stood(tmp_path):
    runs = recorded_benchmark(tmp_path)
    results = tmp_path / "out" / "runs.jsonl"
    settings, *entries = map(json.loads, results.read_text().splitlines()[:-1])
    for entry in (settings, *entries):
        del entry["crc32"]
    old = [settings | {"format": 1}, *(entry | entry.pop("scores", {}) for entry in entries)]
    results.write_text("".join(json.dumps(entry) + "\n" for entry in old))
    repair(tmp_path / "notes", "b 1")
    assert list(map(timeless, recorded_benchmark(tmp_path))) == list(map(timeless, runs))
    assert "b 1" in fits(tmp_path / "notes")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_measure_that_is_added_is_in_the_records_of_new_runs(
    scene, tmp_path, monkeypatch, n_jobs
):
    old = bench(scene, NEAREST, folder=tmp_path)
    macro = partial(f1_score, average="macro")
    monkeypatch.setitem(MEASURES, "f1", Measure("F1", macro))
    models = {**NEAREST, "majority": DummyClassifier()}
    runs = bench(scene, models, folder=tmp_path, n_jobs=n_jobs)
    assert list(map(timeless, runs[:2])) == list(map(timeless, old))
    X, y = scene.labeled_pixels()
    for run, (train, test) in zip(runs[2:], AT_RANDOM.split(X, y), strict=True):
        predicted = DummyClassifier().fit(X[train], y[train]).predict(X[test])
        assert run.f1 == run.as_record()["scores"]["f1"] == macro(y[test], predicted)
        assert pickle.loads(pickle.dumps(run)).f1 == run.f1


def digest_by_hand(scene):
    arrays = [scene.cube, scene.mask, scene.labels]
    parts = [f"{array.dtype.str} {array.shape}".encode() + array.tobytes() for array in arrays]
    return sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("n_rows", [1, 5, 1000])
def test_a_scene_in_a_file_is_hashed_without_being_loaded(scene, tmp_path, monkeypatch, n_rows):
    cube = scene.cube.astype(np.float32)
    cube[3, 4, 5] = np.nan
    np.save(tmp_path / "cube.npy", cube)
    np.save(tmp_path / "labels.npy", scene.labels)
    files = tmp_path / "cube.npy", tmp_path / "labels.npy"
    in_memory = read_scene(*files)
    monkeypatch.setattr("sklearn_hsiode.io._opening.SMALL_FILE", 0)
    row_mib = cube[0].nbytes / 2**20
    monkeypatch.setattr("sklearn_hsiode._fingerprint.FILE_BLOCK", n_rows * row_mib)
    in_file = read_scene(*files)
    runs = bench(in_file, NEAREST, folder=tmp_path / "out")
    assert not in_file.is_loaded
    assert in_memory.is_loaded
    first = (tmp_path / "out" / "runs.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["scene_sha256"] == digest_by_hand(in_memory)
    again = bench(in_memory, NEAREST, folder=tmp_path / "out")
    assert [run.fit_seconds for run in again] == [run.fit_seconds for run in runs]


def test_models_may_be_added_and_left_out(scene, tmp_path):
    nearest = bench(scene, NEAREST, folder=tmp_path)
    more = {"forest": RandomForestClassifier(3), **NEAREST}
    forest = bench(scene, more, folder=tmp_path)
    assert [run.model for run in forest] == ["forest", "forest", "nearest", "nearest"]
    assert list(map(timeless, forest[2:])) == list(map(timeless, nearest))
    alone = bench(scene, {"forest": RandomForestClassifier(3)}, folder=tmp_path)
    assert list(map(timeless, alone)) == list(map(timeless, forest[:2]))


def test_maps_of_models_whose_names_differ_in_punctuation_are_kept_apart(scene, tmp_path):
    models = {
        "nearest (k)": KNeighborsClassifier(1),
        "nearest [k]": KNeighborsClassifier(15, weights="distance", p=1),
        "../näher/k": KNeighborsClassifier(50),
    }
    runs = bench(scene, models, folder=tmp_path / "out")
    maps = [run.class_map.tolist() for run in runs if run.split == 0]
    assert maps[0] != maps[1] != maps[2]
    again = bench(scene, models, folder=tmp_path / "out")
    assert [run.class_map.tolist() for run in again if run.split == 0] == maps
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def brighter(scene):
    cube = scene.cube.copy()
    cube[0, 0, 0] += 1
    return Scene(cube, scene.labels)


def relabeled(scene):
    labels = scene.labels.copy()
    i, j = np.argwhere(labels == 1)[0]
    labels[i, j] = 2
    return Scene(scene.cube, labels)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"random_state": 1}, "random_state is 0 there and 1 here"),
        ({"cv": PerClassShuffleSplit(0.3, n_splits=2, random_state=3)}, "splits into training"),
        ({"cv": PerClassShuffleSplit(0.2, n_splits=3, random_state=3)}, "splits into training"),
        ({"cv": StratifiedKFold(2)}, "splits into training"),
        ({"patch_size": 3}, "patch_size is None there and 3 here"),
        ({"measure": len}, "measure is None there and 'len' here"),
        ({"scene": brighter}, "the image, its mask or its labels"),
        ({"scene": relabeled}, "the image, its mask or its labels|splits into training"),
        ({"models": {"nearest": KNeighborsClassifier(2)}}, "n_neighbors of nearest is '1' there"),
        ({"models": {"nearest": DummyClassifier()}}, "estimator of nearest is 'KNeighborsC"),
        ({"models": {"nearest": make_pipeline(KNeighborsClassifier(1))}}, "of nearest"),
    ],
)
def test_a_folder_of_other_settings_is_refused_and_stays_as_it_is(
    scene, tmp_path, monkeypatch, other, named
):
    scene = Scene(scene.cube, scene.labels)
    bench(scene, NEAREST, folder=tmp_path)
    before = files(tmp_path)
    monkeypatch.delattr(KNeighborsClassifier, "predict")  # nothing runs
    settings = {"models": NEAREST, "cv": AT_RANDOM, **other}
    settings["scene"] = other["scene"](scene) if "scene" in other else scene
    with pytest.raises(ValueError, match=named):
        run_benchmark(folder=tmp_path, progress=False, **settings)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "steps",
    [
        [PCA(3)],
        [],
        [StandardScaler()],
        [StandardScaler(), PCA(3)],
        [PCA(3), StandardScaler(), PCA(3)],
    ],
    ids=str,
)
def test_other_steps_of_a_pipeline_are_other_settings(scene, tmp_path, steps):
    present = make_pipeline(PCA(3), StandardScaler(), KNeighborsClassifier(1))
    bench(scene, {"nearest": present}, folder=tmp_path)
    before = files(tmp_path)
    with pytest.raises(ValueError, match="of nearest"):
        bench(scene, {"nearest": make_pipeline(*steps, KNeighborsClassifier(1))}, folder=tmp_path)
    assert files(tmp_path) == before


@pytest.mark.parametrize("neutral", [{"verbose": 1}, {"device": "cpu"}, {"n_jobs": 1}])
def test_what_does_not_change_what_is_learnt_does_not_hinder_going_on(
    scene, extractor, ode, tmp_path, neutral
):
    ode.set_params(max_epochs=1, random_state=None)
    runs = bench(scene, {"network": make_pipeline(extractor, ode)}, folder=tmp_path)
    ode.set_params(**neutral)
    again = bench(scene, {"network": make_pipeline(extractor, ode)}, folder=tmp_path)
    assert [run.fit_seconds for run in again] == [run.fit_seconds for run in runs]


class CtrlC(Callback):
    """Interrupts a training in its second epoch."""

    def on_batch_end(self, net, training=False, **kwargs):
        if training and len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_training_that_the_user_cut_short_is_no_result(scene, extractor, ode, tmp_path):
    model = make_pipeline(extractor, ode.set_params(callbacks=[CtrlC()]))
    with (
        pytest.warns(UserWarning, match="interrupted in epoch 2"),
        pytest.raises(KeyboardInterrupt),
    ):
        bench(scene, {"network": model}, folder=tmp_path)
    assert (tmp_path / "runs.jsonl").read_bytes() == b""


def test_nor_is_one_that_was_cut_short_while_it_chose_its_gate(
    scene, extractor, ode, tmp_path, monkeypatch
):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_hsiode.classifiers._gate.fit_linear", interrupted)
    with (
        pytest.warns(UserWarning, match="interrupted in fold 1 of 3"),
        pytest.raises(KeyboardInterrupt),
    ):
        bench(
            scene,
            {"network": make_pipeline(extractor, ode.set_params(gate="auto"))},
            folder=tmp_path,
        )
    assert (tmp_path / "runs.jsonl").read_bytes() == b""


def test_other_groups_are_other_settings(scene, tmp_path):
    X, _ = scene.labeled_pixels()
    bench(scene, NEAREST, GroupKFold(2), groups=X.rows // 6, folder=tmp_path)
    with pytest.raises(ValueError, match="the splits into training and test pixels"):
        bench(scene, NEAREST, GroupKFold(2), groups=X.cols // 6, folder=tmp_path)


def test_a_grid_that_differs_far_along_is_another_grid(scene, tmp_path):
    def search(last):
        grid = {"n_neighbors": [*([1] * 39), last]}
        return {"search": GridSearchCV(KNeighborsClassifier(), grid, cv=2)}

    bench(scene, search(1), folder=tmp_path)
    with pytest.raises(ValueError, match="param_grid of search"):
        bench(scene, search(3), folder=tmp_path)


class Terse(KNeighborsClassifier):
    """Has a short text of its own, as skorch's nets do."""

    def __repr__(self):
        return "Terse()"


def test_a_model_with_a_text_of_its_own_may_be_kept(scene, tmp_path):
    runs = bench(scene, {"terse": Terse()}, folder=tmp_path)
    again = bench(scene, {"terse": Terse()}, folder=tmp_path)
    assert list(map(timeless, again)) == list(map(timeless, runs))


class Halves:
    """Splitter as a user writes it, without a text of its own."""

    def split(self, X, y=None, groups=None):
        rows = np.arange(len(y))
        yield rows[::2], rows[1::2]


def test_a_splitter_without_a_text_of_its_own_does_not_hinder_going_on(scene, tmp_path):
    splitters = [Halves(), Halves()]
    runs, again = ([*bench(scene, NEAREST, cv, folder=tmp_path)] for cv in splitters)
    assert list(map(timeless, again)) == list(map(timeless, runs))


# Before the first run, and while they run


def test_a_folder_that_cannot_be_written_is_refused_before_the_first_fit(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        recorded_benchmark(tmp_path, folder=tmp_path / "file" / "out")
    assert not fits(tmp_path / "notes")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused_before_the_first_fit(tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        recorded_benchmark(tmp_path)
    assert not fits(tmp_path / "notes")


def test_a_bar_tells_the_runs_done_and_time_left(tmp_path, capsys):
    recorded_benchmark(tmp_path, progress=True)
    assert "benchmark: 100%" in (shown := capsys.readouterr().err)
    assert "4/4 [" in shown
    results = tmp_path / "out" / "runs.jsonl"
    results.write_bytes(results.read_bytes()[:-30])
    repair(tmp_path / "notes", "b 1")
    recorded_benchmark(tmp_path, progress=True)
    assert "3/4 [" in capsys.readouterr().err
    recorded_benchmark(tmp_path, progress=False)
    assert capsys.readouterr().err == ""


def test_a_run_tells_versions_and_hardware(scene):
    run, _ = bench(scene, NEAREST)
    assert run.environment["scikit-learn"] == sklearn.__version__
    assert run.environment["numpy"] == np.__version__
    assert run.environment["cpus"] == str(os.cpu_count())
    assert {"python", "torch", "sklearn-hsiode", "system", "processor", "gpu"} <= set(
        run.environment
    )
