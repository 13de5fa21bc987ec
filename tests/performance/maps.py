"""Cases of large maps, and of maps on several workers."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import joblib
import numpy as np
from cases import case, classifier, pixels_of
from cases import scene as random_scene
from measure import Ratio, seconds
from sklearn.pipeline import Pipeline

from sklearn_hsiode import ODENetClassifier, PatchExtractor, predict_map, read_scene

LARGE = """
import re, sys, time
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn_hsiode import predict_map, read_scene
path, out, n_jobs, method = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)
model = LinearDiscriminantAnalysis().fit(rng.normal(size=(400, 8)), rng.integers(1, 9, 400))
def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1]) * 1024
scene = read_scene(path)
before, start = peak(), time.perf_counter()
predict_map(model, scene, out=out, n_jobs=n_jobs, method=method)
print(time.perf_counter() - start, peak() - before)
"""
SIDES = (1000, 2000, 4000)


@case
def large_maps(device: str) -> Iterator[Ratio]:
    """Time per pixel and peak memory of maps of 4 and 16 million pixels in files / of 1 million."""
    if device != "cpu":
        return
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            file = Path(folder, f"{side}.npy")
            cube = np.lib.format.open_memmap(file, "w+", np.float32, (side, side, 8))
            rng = np.random.default_rng(0)
            for row in cube:
                row[:] = rng.normal(size=row.shape)
        del cube
        for method, suffix in (("predict", ".tif"), ("predict_proba", ".zarr")):
            for n_jobs in (1, 2):
                found = []
                for side in SIDES:
                    files = (Path(folder, f"{side}.npy"), Path(folder, f"{side}-{n_jobs}{suffix}"))
                    arguments = [sys.executable, "-c", LARGE, *files, str(n_jobs), method]
                    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
                    took, peak = map(float, done.stdout.split())
                    found.append((took / side**2, peak))
                for side, (took, peak) in zip(SIDES[1:], found[1:], strict=True):
                    name = f"{side**2 // 10**6} / 1 million pixels, {method}, n_jobs={n_jobs}"
                    times = f"{took * 1e6:.2f} / {found[0][0] * 1e6:.2f} microseconds per pixel"
                    yield Ratio(
                        f"time per pixel, {name}", np.array([took / found[0][0]]), 1.2, times
                    )
                    sizes = f"{peak / 1e6:.0f} / {found[0][1] / 1e6:.0f} MB"
                    yield Ratio(f"peak memory, {name}", np.array([peak / found[0][1]]), None, sizes)


@case
def map_workers(device: str) -> Iterator[Ratio]:
    """A map by two workers / by one, of joblib's own and of a Dask cluster on this machine."""
    if device != "cpu":
        return
    from distributed import Client, LocalCluster

    n_bands, size = 30, 9
    X, y = pixels_of(random_scene(60, 60, n_bands), size, 256)
    network = classifier(ODENetClassifier, n_filters=16, max_epochs=1, device=device).fit(X, y)
    extractor = PatchExtractor(size)
    extractor.n_features_in_ = n_bands
    model = Pipeline([("patches", extractor), ("network", network)])
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder, "image.npy")
        np.save(file, random_scene(400, 400, n_bands).cube)
        run = partial(predict_map, model, read_scene(file), window=100, out=f"{folder}/map.tif")
        run = partial(run, overwrite=True)
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        )
        stack.enter_context(cluster)
        stack.enter_context(Client(cluster))

        def on_dask() -> None:
            with joblib.parallel_config("dask"):
                run()

        two: dict[str, Callable[[], object]] = {"joblib": partial(run, n_jobs=2), "Dask": on_dask}
        for one_of_two in two.values():
            one_of_two()  # starts the workers, which load their modules
        for name, by_two in two.items():
            times = np.array([[seconds(f, device) for f in (by_two, run)] for _ in range(3)])
            took, alone = np.median(times, axis=0)
            note = f"{took:.3g} / {alone:.3g} s, {400**2 / took:.0f} pixels per second"
            yield Ratio(f"two workers / one, {name}", times[:, 0] / times[:, 1], 0.6, note)
