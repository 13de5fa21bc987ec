"""Train on, and map, an image that need not fit into memory: how much memory and time it takes.

Run it with ``python examples/large_image.py --side 4000``. It writes a GeoTIFF of that many rows
and columns and a raster of a few labels, trains an ODE-net on these, maps the whole image, and
tells the peak of the process's resident memory and the time per pixel. 4000 x 4000 pixels of 50
bands are 1.6 GB, and take some minutes.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ODENetClassifier, PatchExtractor, predict_map, read_scene

N_BANDS, N_CLASSES, FIELD = 50, 6, 40  # a field is a square of so many pixels


def peak_memory() -> float:
    """Largest resident memory of this process so far, in GB (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def write_image(folder: Path, side: int, rng: np.random.Generator) -> tuple[Path, Path]:
    """Square fields of one class each, in noise; a corner has no data, 1 pixel in 2000 a label."""
    spectra = rng.uniform(500, 3000, size=(N_CLASSES, N_BANDS))
    n_fields = -(-side // FIELD)
    fields = rng.integers(N_CLASSES, size=(n_fields, n_fields))
    paths = folder / "image.tif", folder / "labels.tif"
    grid = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "tiled": True,  # in squares of 256 pixels
        "crs": "EPSG:32633",
        "transform": rasterio.transform.from_origin(350000, 5800000, 30, 30),
        "nodata": 0,
    }
    with (
        rasterio.open(paths[0], "w", count=N_BANDS, dtype="uint16", **grid) as image,
        rasterio.open(paths[1], "w", count=1, dtype="uint8", **grid) as labels,
    ):
        for _, window in image.block_windows():
            rows, cols = (np.arange(*extent) for extent in window.toranges())
            classes = fields[rows[:, None] // FIELD, cols // FIELD]
            noise = rng.normal(scale=300, size=(*classes.shape, N_BANDS))
            values = np.clip(spectra[classes] + noise, 1, 65535).astype(np.uint16)
            outside = rows[:, None] + cols < side // 4  # as of a scene that is cut askew
            values[outside] = 0
            image.write(values.transpose(2, 0, 1), window=window)
            known = (rng.random(classes.shape) < 1 / 2000) & ~outside
            labels.write(np.where(known, classes + 1, 0).astype(np.uint8), 1, window=window)
    return paths


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--side", type=int, default=4000, help="rows and columns (default 4000)")
arguments = parser.parse_args()

with tempfile.TemporaryDirectory() as name:
    image, labels = write_image(Path(name), arguments.side, np.random.default_rng(0))
    print(f"written: {image.stat().st_size / 1e9:.2f} GB, peak memory {peak_memory():.2f} GB")

    scene = read_scene(image, labels)
    print(f"opened: {scene}, peak memory {peak_memory():.2f} GB")

    X, y = scene.labeled_pixels()
    model = make_pipeline(
        PatchExtractor(3), ODENetClassifier(n_filters=8, max_epochs=5, random_state=0, verbose=1)
    )
    started = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - started
    print(f"trained on {len(y)} pixels: {seconds:.0f} s, peak memory {peak_memory():.2f} GB")

    started = time.perf_counter()
    predict_map(model, scene, out=Path(name, "map.tif"), progress=True)
    seconds = time.perf_counter() - started
    n_pixels = np.count_nonzero(scene.mask)
    print(
        f"mapped {n_pixels} pixels: {seconds:.0f} s, {seconds / n_pixels * 1e6:.2f} microseconds"
        f" per pixel, peak memory {peak_memory():.2f} GB"
    )
