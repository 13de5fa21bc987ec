"""The cases of the benchmark suite: each yields ratios of a time or a size to a reference."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import torch
from joblib import effective_n_jobs
from measure import Ratio, matrix_rate, seconds, side_by_side
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PixelSamples,
    ResNetClassifier,
    Scene,
    predict_map,
)
from sklearn_hsiode.classifiers import _checkpoint, _patchnet
from sklearn_hsiode.classifiers._devices import keep_freed_memory
from sklearn_hsiode.nn import ODEBlock, ODENet, ResNet

SHAPES = {"23 x 23 x 1": (23, 1), "11 x 11 x 200": (11, 200)}
CASES: dict[str, Callable[[str], Iterator[Ratio]]] = {}
N_CLASSES, BATCH, EPOCHS = 16, 128, 5
# The paper's networks, and a training that is theirs alone.
PLAIN = {"shortcut": False, "mixup": 0, "optimizer": "sgd", "lr": 0.03, "weight_decay": 1e-4}
SMALL_BATCHES = {**PLAIN, "batch_size": 32, "random_state": 0}


def case(function: Callable[[str], Iterator[Ratio]]) -> Callable[[str], Iterator[Ratio]]:
    """Register a case under its name."""
    CASES[function.__name__.replace("_", "-")] = function
    return function


def scene(rows: int, cols: int, n_bands: int) -> Scene:
    """Random numbers with random labels: nothing here depends on the values."""
    rng = np.random.default_rng(0)
    cube = rng.integers(0, 4000, size=(rows, cols, n_bands), dtype=np.int16)
    return Scene(cube, rng.integers(1, N_CLASSES + 1, size=(rows, cols)))


def classifier(kind: type, **parameters: object) -> ODENetClassifier | ResNetClassifier:
    """A classifier whose training a bare loop can repeat."""
    options = {"batch_size": BATCH, "augment": False, "lr_schedule": "constant", "random_state": 0}
    return kind(**(PLAIN | options | parameters))


def train(
    network: nn.Module, patches: torch.Tensor, codes: torch.Tensor, n_epochs: int = EPOCHS
) -> None:
    """Train a network as one would without any library."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.03, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    network.train()
    for _ in range(n_epochs):
        for index in torch.randperm(len(codes), device=codes.device).split(BATCH):
            optimizer.zero_grad()
            criterion(network(patches[index]), codes[index]).backward()
            optimizer.step()


def pixels_of(image: Scene, size: int, n: int) -> tuple[object, np.ndarray]:
    """Patches around pixels all over an image, and their labels."""
    X, y = image.labeled_pixels()
    chosen = np.random.default_rng(1).choice(len(y), n, replace=False)
    return PatchExtractor(size).fit_transform(X)[chosen], y[chosen]


@case
def ode_net_over_resnet(device: str) -> Iterator[Ratio]:
    """A training of the ODE-net with the default solver / of the ResNet, which has 6 units."""
    for name, (size, n_bands) in SHAPES.items():
        X, y = pixels_of(scene(100, 100, n_bands), size, 512)
        ode, resnet = (
            kind(max_epochs=EPOCHS, device=device, **SMALL_BATCHES)
            for kind in (ODENetClassifier, ResNetClassifier)
        )
        yield side_by_side(
            f"training, {name}",
            partial(ode.fit, X, y),
            partial(resnet.fit, X, y),
            bar=0.8,
            device=device,
            per=EPOCHS,
            unit="s per epoch",
        )


@case
def arithmetic_floor(device: str) -> Iterator[Ratio]:
    """A bare training step of 128 / its operations at the rate of a matrix product."""
    keep_freed_memory()  # as the estimators do
    for name, (size, n_bands) in SHAPES.items():
        patches = torch.randn(BATCH, n_bands, size, size, device=device)
        patches = patches.contiguous(memory_format=torch.channels_last)
        codes = torch.randint(N_CLASSES, (BATCH,), device=device)
        solver = {key: ODENetClassifier().get_params()[key] for key in ("solver", "n_steps")}
        for network in (ODENet(n_bands, N_CLASSES, **solver), ResNet(n_bands, N_CLASSES)):
            step = partial(train, network.to(device), patches, codes, n_epochs=1)
            with FlopCounterMode(display=False) as counter:
                step()
            times = np.array([seconds(step, device) for _ in range(8)][1:])
            floor = counter.get_total_flops() / matrix_rate(device)
            yield Ratio(
                f"{type(network).__name__}, {name}",
                times / floor,
                note=f"{1e3 * np.median(times):.0f} / {1e3 * floor:.0f} ms,"
                f" {counter.get_total_flops() / 1e9:.1f} 10^9 operations",
            )


@case
def solvers(device: str) -> Iterator[Ratio]:
    """A training of the ODE-net with other solvers / of the default ResNet."""
    X, y = pixels_of(scene(100, 100, 1), 23, 256)
    resnet = ResNetClassifier(max_epochs=EPOCHS, device=device, **SMALL_BATCHES)
    for name, solver in {
        "euler, 1 step": {"solver": "euler", "n_steps": 1},
        "euler, 2 steps": {"solver": "euler", "n_steps": 2},
        "euler, 4 steps": {"solver": "euler", "n_steps": 4},
        "euler, 8 steps": {"solver": "euler", "n_steps": 8},
        "midpoint, 1 step": {"solver": "midpoint", "n_steps": 1},
        "rk4, 1 step": {"solver": "rk4", "n_steps": 1},
        "dopri5 at 1e-3": {"solver": "dopri5"},
        "euler, 4 steps, adjoint": {"solver": "euler", "n_steps": 4, "adjoint": True},
    }.items():
        ode = ODENetClassifier(**solver, max_epochs=EPOCHS, device=device, **SMALL_BATCHES)
        yield side_by_side(
            f"training with {name}, 23 x 23 x 1",
            partial(ode.fit, X, y),
            partial(resnet.fit, X, y),
            repeats=3,
            device=device,
            per=EPOCHS,
            unit="s per epoch",
        )


@case
def estimator_over_loop(device: str) -> Iterator[Ratio]:
    """A training by the estimator / by a bare loop over ready-made patches, and by plain skorch."""
    for name, (size, n_bands) in SHAPES.items():
        X, y = pixels_of(scene(100, 100, n_bands), size, 512)
        array, targets = np.asarray(X), np.searchsorted(np.unique(y), y)
        ready, codes = torch.from_numpy(array).to(device), torch.from_numpy(targets).to(device)
        estimator = classifier(ODENetClassifier, max_epochs=EPOCHS, device=device)
        network = partial(ODENet, n_bands, targets.max() + 1)

        def bare(
            network: Callable[[], nn.Module] = network,
            ready: torch.Tensor = ready,
            codes: torch.Tensor = codes,
        ) -> None:
            train(network().to(device), ready, codes)

        yield side_by_side(
            f"training / bare loop, {name}",
            partial(estimator.fit, X, y),
            bare,
            bar=1.05,
            device=device,
            per=EPOCHS,
            unit="s per epoch",
        )
        net = NeuralNetClassifier(
            network,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.SGD,
            optimizer__momentum=0.9,
            lr=0.03,
            batch_size=BATCH,
            max_epochs=EPOCHS,
            train_split=None,
            iterator_train__shuffle=True,
            device=device,
            verbose=0,
        )
        yield side_by_side(
            f"training / plain skorch on the array of patches, {name}",
            partial(estimator.fit, X, y),
            partial(net.fit, array, targets),
            bar=0.95 if n_bands > 1 else None,
            device=device,
            per=EPOCHS,
            unit="s per epoch",
        )


@case
def accelerated_training(device: str) -> Iterator[Ratio]:
    """On CUDA: a training with `compile` and `precision` / a bare eager loop in float32."""
    if device == "cpu":
        return
    size, n_bands = SHAPES["23 x 23 x 1"]
    X, y = pixels_of(scene(100, 100, n_bands), size, 4096)
    ready = torch.from_numpy(np.asarray(X)).to(device)
    codes = torch.from_numpy(np.searchsorted(np.unique(y), y)).to(device)
    graphs = {"compile__mode": "reduce-overhead"}
    for name, options in {
        "eager float32": {},
        "compile": {"compile": True},
        "compile with CUDA graphs": {"compile": True, "net_params": graphs},
        "bfloat16": {"precision": "bfloat16"},
        "bfloat16, compile with CUDA graphs": {
            "precision": "bfloat16",
            "compile": True,
            "net_params": graphs,
        },
    }.items():
        estimator = classifier(ODENetClassifier, device=device, max_epochs=1, **options)
        estimator.partial_fit(X, y, classes=np.unique(y))  # and compile
        network = ODENet(n_bands, len(estimator.classes_)).to(device)
        yield side_by_side(
            f"{name} / eager loop, 23 x 23 x 1",
            partial(estimator.partial_fit, X, y),
            partial(train, network, ready, codes, n_epochs=1),
            bar=0.5 if "CUDA graphs" in name else None,
            device=device,
            per=len(y) / BATCH,
            unit="s per step of 128",
        )


@case
def prediction(device: str) -> Iterator[Ratio]:
    """Per pixel: predict_proba of scattered pixels, and a map / a bare forward pass."""
    for name, (size, n_bands) in SHAPES.items():
        image = scene(96, 96, n_bands)
        X, y = pixels_of(image, size, 1024)
        estimator = classifier(ODENetClassifier, device=device, max_epochs=1).fit(X[:256], y[:256])
        network = estimator.net_.plain_module_.eval()
        ready = torch.from_numpy(np.asarray(X)).to(device)

        def forward(network: nn.Module = network, ready: torch.Tensor = ready) -> None:
            with torch.no_grad():
                for part in ready.split(BATCH):
                    network(part).softmax(1).cpu()

        def predict(estimator: object = estimator, X: object = X) -> None:
            estimator.predict_proba(X)

        yield side_by_side(
            f"prediction / bare forward pass, {name}", predict, forward, bar=1.05, device=device
        )
        n_pixels, n_times = image.mask.size, image.mask.size / len(ready)
        pipeline = _mapped(estimator)
        whole = [seconds(partial(predict_map, pipeline, image), device) for _ in range(4)][1:]
        bare = [seconds(forward, device) * n_times for _ in range(4)][1:]
        yield Ratio(
            f"map / bare forward pass, {name}",
            np.divide(whole, bare),
            0.6 if n_bands > 1 else None,
            f"{1e6 * np.median(whole) / n_pixels:.0f} / "
            f"{1e6 * np.median(bare) / n_pixels:.0f} microseconds per pixel",
        )


@case
def gathering(device: str) -> Iterator[Ratio]:
    """A mini-batch of patches gathered from the scene / indexed in an array of all of them."""
    for name, (size, n_bands) in SHAPES.items():
        X, _ = pixels_of(scene(100, 100, n_bands), size, 1024)
        gather, ready = X.gatherer(device), torch.from_numpy(np.asarray(X)).to(device)
        index = [torch.randperm(1024)[:BATCH] for _ in range(20)]
        yield side_by_side(
            f"gathering / ready-made patches, {name}",
            lambda gather=gather, index=index: [gather(i) for i in index],
            lambda ready=ready, index=index: [ready[i] for i in index],
            device=device,
            per=20e-3,
            unit="ms per batch of 128",
        )


@case
def gathering_several(device: str) -> Iterator[Ratio]:
    """A mini-batch of patches of three images / of one with as many pixels."""
    for name, (size, n_bands) in SHAPES.items():
        extractor = PatchExtractor(size)
        one = scene(300, 100, n_bands)
        parts = [one.window(slice(top, top + 100), slice(0, 100)) for top in (0, 100, 200)]
        three = PixelSamples.concatenate([part.pixels() for part in parts])
        gather, reference = (
            extractor.fit_transform(X).gatherer(device) for X in (three, one.pixels())
        )
        index = [torch.randperm(30_000)[:BATCH] for _ in range(50)]
        yield side_by_side(
            f"three images / one, {name}",
            lambda gather=gather, index=index: [gather(i) for i in index],
            lambda reference=reference, index=index: [reference(i) for i in index],
            bar=1.1,
            repeats=15,
            device=device,
            per=50e-3,
            unit="ms per batch of 128",
        )


@case
def threads(device: str) -> Iterator[Ratio]:
    """On the CPU: a training and a prediction with all cores / with the default of one."""
    if device != "cpu":
        return
    for name, (size, n_bands) in SHAPES.items():
        X, y = pixels_of(scene(100, 100, n_bands), size, 512)
        one, all_cores = (
            ODENetClassifier(max_epochs=1, device=device, n_jobs=n_jobs, **SMALL_BATCHES).fit(X, y)
            for n_jobs in (1, -1)
        )
        n_threads = effective_n_jobs(-1)
        yield side_by_side(
            f"training, {n_threads} threads / 1, {name}",
            partial(all_cores.fit, X, y),
            partial(one.fit, X, y),
        )
        yield side_by_side(
            f"prediction, {n_threads} threads / 1, {name}",
            partial(all_cores.predict_proba, X),
            partial(one.predict_proba, X),
        )


PEAK = """
import re
import numpy as np, torch, sklearn
def peak():  # of Linux; getrusage would tell that of the process that has started this one
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1]) * 1024
before = peak()
from sklearn.pipeline import make_pipeline
from sklearn_hsiode import ODENetClassifier, PatchExtractor, Scene, predict_map
rng = np.random.default_rng(0)
cube = rng.integers(0, 4000, size=(512, 217, 204), dtype=np.int16)
labels = rng.integers(1, 17, size=(512, 217))
scene = Scene(cube, labels)
X, y = scene.labeled_pixels()
network = ODENetClassifier(shortcut=False, max_epochs=1, batch_size=32, random_state=0)
model = make_pipeline(PatchExtractor(11), network)
model.fit(X[::200], y[::200])
predict_map(model, scene)
print(peak() - before)
"""


@case
def peak_memory(device: str) -> Iterator[Ratio]:
    """Training on and mapping a scene of Salinas's size / twice its cube in float32 and 300 MB."""
    printed = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, check=True
    )
    peak = int(printed.stdout)
    allowed = 2 * 512 * 217 * 204 * 4 + 300e6
    yield Ratio(
        "peak memory, 512 x 217 x 204",
        np.array([peak / allowed]),
        1.0,
        f"{peak / 1e6:.0f} / {allowed / 1e6:.0f} MB",
    )


TRAINING = """
import sys, time
import numpy as np, torch
torch.set_num_threads(1)
from sklearn_hsiode import ODENetClassifier, PatchExtractor, Scene
from sklearn_hsiode.classifiers import _net
size, n_bands, keeps = map(int, sys.argv[1:])
if not keeps:
    _net.keep_freed_memory = lambda: None
rng = np.random.default_rng(0)
cube = rng.integers(0, 4000, size=(100, 100, n_bands), dtype=np.int16)
X, y = Scene(cube, rng.integers(1, 17, size=(100, 100))).labeled_pixels()
chosen = rng.choice(len(y), 512, replace=False)
patches = PatchExtractor(size).fit_transform(X)[chosen]
network = ODENetClassifier(
    shortcut=False, mixup=0, batch_size=32, max_epochs=2, device="cpu", random_state=0
)
model = network.fit(patches, y[chosen])
start = time.perf_counter()
model.fit(patches, y[chosen]).predict(patches)
print(time.perf_counter() - start)
"""


@case
def kept_memory(device: str) -> Iterator[Ratio]:
    """Training and prediction with the memory of freed activations kept / given back."""

    def run(size: int, n_bands: int, keeps: bool) -> float:
        command = [sys.executable, "-c", TRAINING, *map(str, (size, n_bands, int(keeps)))]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    if device == "cpu":
        for name, shape in SHAPES.items():
            times = np.array([[run(*shape, keeps) for keeps in (True, False)] for _ in range(3)])
            kept, given_back = np.median(times, axis=0)
            note = f"{kept:.3g} / {given_back:.3g} s"
            yield Ratio(f"training, {name}", times[:, 0] / times[:, 1], None, note)


SEARCH = """
import time
import torch
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn_hsiode import ODENetClassifier, PatchExtractor
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import SpatialBlockKFold
torch.set_num_threads(1)
X, y = make_scene((100, 100), n_bands=100, random_state=0).labeled_pixels()
network = ODENetClassifier(gate=0.5, max_epochs=2, device="cpu", random_state=0)
model = make_pipeline(PatchExtractor(), network)
grid = {"odenetclassifier__lr": [1e-3, 3e-3], "odenetclassifier__n_filters": [32, 64]}
search = GridSearchCV(model, grid, cv=SpatialBlockKFold(3), refit=False)
def seconds():
    start = time.perf_counter()
    search.fit(X[::5], y[::5])
    return time.perf_counter() - start
with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
    with Client(cluster):
        for repeat in range(4):
            with parallel_config("dask"):
                on_two = seconds()
            if repeat:  # at first workers import the packages
                print(on_two, seconds(), flush=True)
"""


@case
def search_on_a_cluster(device: str) -> Iterator[Ratio]:
    """On the CPU: a grid search on two Dask workers / in one process."""
    if device == "cpu":
        run = subprocess.run([sys.executable, "-c", SEARCH], capture_output=True, check=True)
        times = np.array(run.stdout.split(), dtype=float).reshape(-1, 2)
        note = "{:.3g} / {:.3g} s".format(*np.median(times, axis=0))
        yield Ratio("search, 2 workers / 1", times[:, 0] / times[:, 1], 0.65, note)


@case
def checkpoints(device: str) -> Iterator[Ratio]:
    """What a checkpoint costs a training whose epochs take a second or so / the training."""
    X, y = pixels_of(scene(100, 100, 200), 11, 512)
    took: list[float] = []

    def timed(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            start = time.perf_counter()
            result = function(*arguments)
            took.append(time.perf_counter() - start)
            return result

        return call

    with (
        TemporaryDirectory() as folder,
        patch.object(_checkpoint, "write_state", timed(_checkpoint.write_state)),
        patch.object(_patchnet, "data_that_count", timed(_patchnet.data_that_count)),
    ):
        model = ODENetClassifier(checkpoint=f"{folder}/kept", device=device, **SMALL_BATCHES)
        whole = seconds(partial(model.fit, X, y), device)
    hashing, *writing = took
    epoch = np.median([epoch["seconds"] for epoch in model.history_])
    yield Ratio(
        "writing / training",
        np.array([sum(writing) / whole]),
        0.03,
        f"{len(writing)} times {1e3 * np.median(writing):.0f} ms, in {len(model.history_)} epochs"
        f" of {epoch:.2f} s",
    )
    yield Ratio(
        "hashing the data once / the fit",
        np.array([hashing / whole]),
        None,
        f"{1e3 * hashing:.0f} ms of {whole:.1f} s",
    )


@case
def saved_activations(device: str) -> Iterator[Ratio]:
    """What the backward pass of the ODE block needs with 32 steps / with 1."""
    for adjoint in (True, False):
        sizes = []
        for n_steps in (32, 1):
            block = ODEBlock(64, n_steps=n_steps, adjoint=adjoint).to(device)
            storages: dict[int, int] = {}

            def save(tensor: torch.Tensor, storages: dict[int, int] = storages) -> torch.Tensor:
                storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
                kept = block(torch.randn(32, 64, 6, 6, device=device, requires_grad=True))
            sizes.append(sum(storages.values()))
            del kept
        yield Ratio(
            f"saved activations, adjoint={adjoint}, 32 steps / 1",
            np.array([sizes[0] / sizes[1]]),
            1.0 if adjoint else None,
            f"{sizes[0] / 1e6:.2f} / {sizes[1] / 1e6:.2f} MB",
        )


@case
def function_evaluations(device: str) -> Iterator[Ratio]:
    """Evaluations of the default per forward pass / the 4 of one rk4 step."""
    X, y = pixels_of(scene(30, 30, 4), 9, 128)
    n = classifier(ODENetClassifier, max_epochs=1, device=device).fit(X, y).n_function_evaluations_
    yield Ratio("function evaluations / 4", np.array([n / 4]), 1.0, f"{n:g}")


@case
def linear_in_pixels(device: str) -> Iterator[Ratio]:
    """Time per pixel of a map of 1000 x 1000 pixels / of 100 x 100."""
    small, large = scene(100, 100, 8), scene(1000, 1000, 8)
    X, y = pixels_of(small, 9, 256)
    estimator = classifier(ODENetClassifier, n_filters=8, max_epochs=1, device=device).fit(X, y)
    pipeline = _mapped(estimator)
    few = [seconds(lambda: predict_map(pipeline, small), device) / 1e4 for _ in range(6)][1:]
    many = [seconds(lambda: predict_map(pipeline, large), device) / 1e6 for _ in range(2)]
    yield Ratio(
        "map of 10^6 / 10^4 pixels, per pixel",
        np.array(many) / np.median(few),
        1.1,
        f"{1e6 * np.median(many):.1f} / {1e6 * np.median(few):.1f} microseconds per pixel",
    )


def _mapped(estimator: object) -> object:
    """The fitted classifier behind an extractor, as a pipeline that maps scenes."""
    from sklearn.pipeline import Pipeline

    extractor = PatchExtractor(estimator._patch_shape[0])
    extractor.n_features_in_ = estimator.n_features_in_
    return Pipeline([("patches", extractor), ("network", estimator)])


@case
def import_time(device: str) -> Iterator[Ratio]:
    """A process that imports this package / one that imports torch and sklearn."""

    def run(modules: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)

    yield side_by_side("import", run("sklearn_hsiode"), run("torch, sklearn"), bar=1.15, repeats=7)
