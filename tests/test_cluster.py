"""Searches and benchmarks on a Dask cluster: what they find, send, show, and survive."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import chain
from pathlib import Path

import cloudpickle
import dask
import pytest
from distributed import Client, LocalCluster, SchedulerPlugin
from joblib import parallel_config
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from sklearn_hsiode import ODENetClassifier, PatchExtractor, SpectralTransformer
from sklearn_hsiode.benchmark import run_benchmark
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit
from sklearn_hsiode.recipes import VIEWS, tuned
from sklearn_hsiode.recipes._search import GridSearch
from tests.benchmark.test_runs import timeless
from tests.pages import ROOT
from tests.workers import forked_workers

AT_RANDOM = PerClassShuffleSplit(0.3, n_splits=3, random_state=0)


@pytest.fixture(scope="module")
def cluster():
    # Copies of what several tasks share stay, though no task needs them for a while.
    with (
        forked_workers(),
        dask.config.set({"distributed.scheduler.active-memory-manager.start": False}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(cluster):
    """A client of two workers, also after a test that has killed one."""
    cluster.wait_for_workers(2)  # with one, joblib would stay in this process
    return cluster


class Deadly(DecisionTreeClassifier):
    """Kills its process in the first fit that finds a note in a folder, which it takes along."""

    def __init__(self, folder, max_depth=None, random_state=None):
        super().__init__(max_depth=max_depth, random_state=random_state)
        self.folder = folder

    def fit(self, X, y):
        with suppress(FileNotFoundError):
            Path(self.folder, "die").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return super().fit(X, y)


def compared(search):
    """What a search has found, apart from times."""
    results = {name: list(map(str, values)) for name, values in search.cv_results_.items()}
    return search.best_params_, {name: v for name, v in results.items() if "_time" not in name}


def grid_search(model, X, y):
    return compared(GridSearchCV(model, {"max_depth": [1, 2, 3]}, cv=AT_RANDOM).fit(X, y))


def halving_search(model, X, y):
    search = HalvingGridSearchCV(
        model, {"max_depth": [1, 2, 3]}, cv=AT_RANDOM, min_resources=60, random_state=0
    )
    return compared(search.fit(X, y))


def validation(model, X, y):
    return cross_validate(model, X, y, cv=AT_RANDOM)["test_score"].tolist()


def tuned_search(name, **settings):
    def fit(_, X, y):
        search = tuned(name, cv=AT_RANDOM, random_state=0).set_params(progress=False, **settings)
        return compared(search.fit(X, y))

    return fit


NETWORK = {"network__n_filters": 4, "network__gate": 0.5}
SEARCHES = {
    "GridSearchCV": grid_search,
    "HalvingGridSearchCV": halving_search,
    "cross_validate": validation,
    "tuned SVM": tuned_search("svm"),
    "tuned network": tuned_search(
        "ode-net",
        min_resources=1,
        max_resources=3,
        param_grid={"view": ["passthrough", SpectralTransformer(VIEWS["logarithm and slope"])]},
        **{f"estimator__{name}": value for name, value in NETWORK.items()},
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_finds_the_same_on_two_workers(client, pixels, name):
    tree = DecisionTreeClassifier(random_state=0)
    serial = SEARCHES[name](tree, *pixels)
    with parallel_config("dask"):
        assert SEARCHES[name](tree, *pixels) == serial


def models():
    network = ODENetClassifier(n_filters=4, gate=0.5, max_epochs=2)
    views = SpectralTransformer(VIEWS["logarithm and slope"])
    return {
        "network": make_pipeline(views, PatchExtractor(3), network),
        "forest": RandomForestClassifier(5),
        "search": tuned("svm", cv=AT_RANDOM),
    }


def test_a_benchmark_finds_the_same_on_two_workers_and_shows_its_bar(
    client, scene, tmp_path, capfd
):
    serial = run_benchmark(scene, models(), AT_RANDOM, patch_size=3, progress=False)
    capfd.readouterr()
    with parallel_config("dask"):
        runs = run_benchmark(scene, models(), AT_RANDOM, patch_size=3, folder=tmp_path)
    assert list(map(timeless, runs)) == list(map(timeless, serial))
    shown = capfd.readouterr().err
    assert "benchmark: 100%" in shown
    assert "9/9" in shown
    assert "candidate" not in shown  # of a search in a worker
    kept = run_benchmark(scene, models(), AT_RANDOM, patch_size=3, folder=tmp_path)
    assert list(map(timeless, kept)) == list(map(timeless, serial))


def test_a_search_shows_its_bar_in_the_process_that_called_it(client, pixels, capfd):
    with parallel_config("dask"):
        tuned("logistic-regression", cv=AT_RANDOM).fit(*pixels)
    shown = capfd.readouterr().err
    assert "GridSearch: 100%" in shown
    assert "12/12" in shown


class Sent(SchedulerPlugin):
    """Sizes of the tasks that a scheduler hands out, and of the data that it is given."""

    name = "sent"

    def start(self, scheduler):
        self.scheduler, self.tasks = scheduler, []

    def transition(self, key, start, finish, *args, **kwargs):
        if finish == "processing":
            self.tasks.append(len(cloudpickle.dumps(self.scheduler.tasks[key].run_spec)))


def handed_on(dask_worker):
    """Bytes that a worker has sent to others, and to its client."""
    return dask_worker.transfer_outgoing_bytes_total


@pytest.fixture
def sent(client):
    """What has been sent since the test began: sizes of tasks, and bytes between workers."""
    client.register_plugin(Sent())
    before = client.run(handed_on)

    def measured():
        tasks = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.plugins["sent"].tasks)
        return tasks, [after - before[worker] for worker, after in client.run(handed_on).items()]

    yield measured
    client.unregister_scheduler_plugin("sent")


@pytest.fixture(scope="module")
def large():
    """Pixels all over a cube of 2 MB."""
    X, y = make_scene((100, 100), n_bands=100, n_classes=3, random_state=0).labeled_pixels()
    return X[::50], y[::50]


@pytest.mark.parametrize("name", ["tuned SVM", "tuned network"])
def test_a_search_sends_the_cube_once_to_each_worker_and_no_task_a_megabyte(
    client, large, sent, name
):
    with parallel_config("dask"):
        SEARCHES[name](None, *large)
    check_sent(*sent(), large[0].scene)


def test_a_benchmark_sends_the_cube_once_to_each_worker_and_no_task_a_megabyte(client, large, sent):
    with parallel_config("dask"):
        trees = {f"depth {n}": DecisionTreeClassifier(max_depth=n) for n in range(1, 5)}
        run_benchmark(large[0].scene, trees, AT_RANDOM, progress=False)
    check_sent(*sent(), large[0].scene)


def check_sent(tasks, between_workers, scene):
    *others, cube = sorted(tasks)
    assert len(tasks) > 10
    assert scene.cube.nbytes < cube < 1.2 * scene.cube.nbytes  # the one that hands on the cube
    assert others[-1] < 100_000
    assert scene.cube.nbytes < sum(between_workers) < 1.3 * scene.cube.nbytes  # to the other worker


def with_data_at_each_worker(model, X, y):
    """scikit-learn's own search, with the recipe of docs/cluster.md."""
    splits = list(AT_RANDOM.split(X, y))
    with parallel_config("dask", scatter=[X, y, *chain.from_iterable(splits)]):
        return compared(GridSearchCV(model, {"max_depth": [1, 2, 3]}, cv=splits).fit(X, y))


def with_bar(model, X, y):
    """As recipes search."""
    with parallel_config("dask"):
        search = GridSearch(model, {"max_depth": [1, 2, 3]}, cv=AT_RANDOM, progress=False)
        return compared(search.fit(X, y))


@pytest.mark.parametrize("search", [with_data_at_each_worker, with_bar])
def test_a_search_whose_worker_is_killed_finds_the_same(client, pixels, tmp_path, search):
    model = Deadly(str(tmp_path), random_state=0)
    serial = grid_search(model, *pixels)
    (tmp_path / "die").touch()
    assert search(model, *pixels) == serial
    assert not list(tmp_path.iterdir())


def test_a_benchmark_whose_worker_is_killed_finds_the_same_and_leaves_nothing_half_written(
    client, scene, tmp_path
):
    trees = {f"depth {n}": Deadly(str(tmp_path), max_depth=n) for n in (1, 2, 3)}
    serial = run_benchmark(scene, trees, AT_RANDOM, progress=False)
    folder = tmp_path / "out"
    (tmp_path / "die").touch()
    with parallel_config("dask"):
        runs = run_benchmark(scene, trees, AT_RANDOM, folder=folder, progress=False)
    assert list(map(timeless, runs)) == list(map(timeless, serial))
    assert (folder / "runs.jsonl").read_bytes().count(b"\n") == 1 + 3 + 9
    assert {path.name for path in folder.iterdir()} == {"runs.jsonl", "class_maps"}
    assert [path.suffix for path in (folder / "class_maps").iterdir()] == [".npy"] * 3


CALLER = """
import sys
from distributed import Client
from joblib import parallel_config
from tests.test_cluster import slow_benchmark
with Client(sys.argv[1]), parallel_config("dask"):
    slow_benchmark(sys.argv[2])
"""


def slow_benchmark(folder):
    scene = make_scene((24, 24), n_bands=8, n_classes=3, random_state=0)
    trees = {f"depth {n}": Deadly("/nowhere", max_depth=n) for n in range(1, 11)}
    return run_benchmark(scene, trees, AT_RANDOM, folder=folder, progress=False)


def test_a_benchmark_whose_caller_is_killed_goes_on_where_it_stood(client, tmp_path):
    address = client.scheduler_info()["address"]
    command = [sys.executable, "-c", CALLER, address, str(tmp_path / "out")]
    process = subprocess.Popen(command, cwd=ROOT)
    file = tmp_path / "out" / "runs.jsonl"
    try:
        while not file.exists() or file.read_bytes().count(b'"kind": "run"') < 3:
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    kept = file.read_bytes()
    assert kept.count(b'"kind": "run"') < 30
    with parallel_config("dask"):
        runs = slow_benchmark(tmp_path / "out")
    assert file.read_bytes().startswith(kept[: kept.rindex(b"\n")])
    assert list(map(timeless, runs)) == list(map(timeless, slow_benchmark(tmp_path / "whole")))
