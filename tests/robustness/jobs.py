"""Jobs that write files, on a tiny scene: what they are given, and what they leave."""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from matplotlib.image import imread
from sklearn.svm import SVC

from sklearn_hsiode import ODENetClassifier, load_model, save_model
from sklearn_hsiode import _cli as cli
from sklearn_hsiode.classifiers import _checkpoint as kept
from sklearn_hsiode.classifiers._net import TrainingInterrupted
from sklearn_hsiode.datasets import _registry as registry
from sklearn_hsiode.datasets import fetch_salinas_a, make_scene
from sklearn_hsiode.datasets._registry import RemoteFile, RemoteScene
from sklearn_hsiode.persistence import describe_model

SCENE = make_scene((12, 12), n_bands=4, n_classes=2, noise=0.05, random_state=0)
X, Y = SCENE.labeled_pixels()
FILES = ["--scene", "field.npy", "--labels", "field_gt.npy"]
QUICK = ["--epochs", "2", "--patch-size", "3"]
# Of a benchmark, all but these is the same on every day.
OF_THE_DAY = ("fit_seconds", "predict_seconds", "environment", "measured", "crc32")


@dataclass(frozen=True)
class Job:
    """A job in the present folder.

    Parameters
    ----------
    writes : str
        The file or folder, which messages of a full disk name.
    run : callable
        Does it, and returns the exit status.
    prepare : callable
        Writes what it needs.
    read : callable
        What it has written, in values that can be compared, by the name of the file. Raises for
        a file under its final name that is not whole.
    is_command : bool, default=True
        Ends with a status of its own, and by no exception.
    """

    writes: str
    run: Callable[[], int]
    prepare: Callable[[], None]
    read: Callable[[], dict[str, Any]]
    is_command: bool = True


def command(*arguments: str) -> int:
    """A command of hsiode."""
    return cli.main(list(arguments))


def write_field() -> None:
    np.save("field.npy", SCENE.cube)
    np.save("field_gt.npy", SCENE.labels)


def write_field_and_model() -> None:
    write_field()
    save_model(SVC().fit(np.asarray(X), Y), "svm.model")


def read_model(name: str) -> dict[str, Any]:
    if not Path(name).exists():
        return {}
    about = describe_model(name)
    return {name: (about["classes"], load_model(name).predict(X).tolist())}


def read_map() -> dict[str, Any]:
    found: dict[str, Any] = {}
    if Path("my-map.tif").exists():
        with rasterio.open("my-map.tif") as file:
            found["my-map.tif"] = file.read().tolist(), file.tags(1)
    if Path("my-map.png").exists():
        found["my-map.png"] = imread("my-map.png").shape
    if Path("my-map.tif.aux.xml").exists():
        found["my-map.tif.aux.xml"] = Path("my-map.tif.aux.xml").read_text()
    return found


def read_benchmark() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(Path("of-benchmark").rglob("*") if Path("of-benchmark").exists() else []):
        if path.is_dir() or any(part.startswith(".") for part in path.parts):
            continue  # files that are not finished lie in hidden folders
        if path.suffix == ".jsonl":
            whole, _, _ = path.read_text().rpartition("\n")  # the last line may be torn
            entries = [json.loads(line) for line in whole.splitlines()]
            found[path.name] = {
                (entry["model"], entry["split"]): _without_times(entry)
                for entry in entries
                if entry["kind"] == "run"
            }
        elif path.suffix == ".npy":
            found[path.name] = np.load(path).tolist()
        elif path.suffix == ".png":
            found[path.name] = imread(path).shape
        elif path.suffix == ".json":
            found[path.name] = sorted(json.loads(path.read_text()))
        elif path.suffix == ".csv":
            found[path.name] = len(path.read_text().splitlines())
    return found


def _without_times(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in OF_THE_DAY}


# A download, from a server on this machine that takes its time


def _remote_scene(address: str) -> RemoteScene:
    def remote(name: str, array: np.ndarray) -> RemoteFile:
        content = _as_npy(array)
        return RemoteFile((f"{address}/{name}",), hashlib.sha256(content).hexdigest(), len(content))

    labels = SCENE.labels
    return RemoteScene(
        name="Small",
        folder="small",
        cube=remote("small.npy", SCENE.cube),
        labels=remote("small_gt.npy", labels),
        shape=SCENE.shape,
        class_names={int(label): f"class {label}" for label in np.unique(labels[labels > 0])},
        about="A small scene.",
        citation="nobody",
    )


def _as_npy(array: np.ndarray) -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.save(file, array)
    return file.getvalue()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        """Say nothing of those who have gone."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        array = SCENE.labels if "gt" in self.path else SCENE.cube
        content = _as_npy(array)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for start in range(0, len(content), len(content) // 10):
            self.wfile.write(content[start : start + len(content) // 10])
            self.wfile.flush()
            time.sleep(0.02)

    def log_message(self, *arguments: Any) -> None:
        pass


def fetch() -> int:
    """Fetch the scene from a server that lives in a process of its own."""
    os.environ["no_proxy"] = "127.0.0.1"
    server = _Server(("127.0.0.1", 0), _Handler)
    pid = os.fork()
    if pid == 0:
        try:
            server.timeout = 10
            for _ in range(4):
                server.handle_request()
        finally:
            os._exit(0)
    registry.SALINAS_A = _remote_scene(f"http://127.0.0.1:{server.server_port}")
    try:
        fetch_salinas_a("of-fetch", n_retries=0)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return 0


def read_home() -> dict[str, Any]:
    paths = sorted(Path("of-fetch").glob("*.npy"))
    return {path.name: np.load(path).tolist() for path in paths}


def save() -> int:
    """Save a model a few times over another one."""
    model = SVC().fit(np.asarray(X), Y)
    for _ in range(10):
        save_model(model, "saved.model", scene=SCENE, overwrite=True)
    return 0


def fit() -> int:
    """Train with a checkpoint, which is written after each epoch, and save the model."""
    kept.PARTS = 0
    network = ODENetClassifier(
        n_filters=4, n_steps=1, max_epochs=8, validation="random", random_state=0, device="cpu"
    )
    network.set_params(checkpoint="fitted.model.checkpoint")
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingInterrupted)
        try:
            network.fit(np.asarray(X), Y)
        except TrainingInterrupted as interruption:
            raise KeyboardInterrupt from interruption
    save_model(network, "fitted.model", overwrite=True)
    return 0


def read_fit() -> dict[str, Any]:
    """Weights and history of the model of :func:`fit`, bit by bit."""
    if not Path("fitted.model").exists():
        return {}
    network = load_model("fitted.model")
    weights = network.net_.plain_module_.state_dict()
    for epoch in (history := network.history_):
        del epoch["seconds"]
    found = {name: weight.numpy().tobytes() for name, weight in weights.items()}
    return {"fitted.model": (found, history, network.predict_proba(np.asarray(X)).tolist())}


def nothing() -> None:
    """Prepare nothing."""


MAP = (
    "map",
    "--model",
    "svm.model",
    "--scene",
    "field.npy",
    "--out",
    "my-map.tif",
    "--window",
    "4",
)
BENCHMARK = (
    *("benchmark", *FILES, "--out", "of-benchmark", "--models", "ode-net", "svm", "coordinates"),
    *("--train-size", "0.3", "--repeats", "2", *QUICK, "--components", "2"),
)
TRAIN = ("train", *FILES, "--out", "ode.model", *QUICK, "--n-steps", "1", "--overwrite")
JOBS = {
    "train": Job(
        "ode.model", partial(command, *TRAIN), write_field, partial(read_model, "ode.model")
    ),
    "map": Job(
        "my-map", partial(command, *MAP, "--png", "--overwrite"), write_field_and_model, read_map
    ),
    "benchmark": Job("of-benchmark", partial(command, *BENCHMARK), write_field, read_benchmark),
    "save": Job("saved.model", save, nothing, partial(read_model, "saved.model"), is_command=False),
    "fit": Job("fitted.model", fit, nothing, read_fit, is_command=False),
    "fetch": Job("of-fetch", fetch, nothing, read_home, is_command=False),
}
