"""Compare networks and classical estimators on a GeoTIFF, on ground that they have not seen.

Run it with ``python examples/honest_comparison.py SCENE.tif LABELS.tif TILES.tif``: three rasters
on one grid, the image, its classes and the number of the tile that each pixel lies in (0 =
unlabelled). Once whole blocks of 32 x 32 pixels are held out, once whole tiles. The tables, maps
and every run go into the folder ``honest-comparison``, and an interrupted comparison goes on
where it stopped. With thousands of pixels it takes about an hour on one CPU thread.
"""

import argparse
from pathlib import Path

import rasterio
from sklearn.model_selection import GroupKFold

from sklearn_hsiode import Scene
from sklearn_hsiode.benchmark import (
    Recipe,
    benchmark_models,
    draw_maps,
    results_table,
    run_benchmark,
    write_tables,
)
from sklearn_hsiode.model_selection import SpatialBlockKFold

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("scene")
parser.add_argument("labels")
parser.add_argument("tiles")
parser.add_argument("--patch-size", type=int, default=5)
parser.add_argument("--max-epochs", type=int, default=20)
parser.add_argument("--n-jobs", type=int)
parser.add_argument("--out", type=Path, default=Path("honest-comparison"))
arguments = parser.parse_args()

with rasterio.open(arguments.scene) as file:
    bands = [band for band in file.indexes if file.tags(band).get("bbl") != "0"]  # no bad bands
    cube = file.read(bands).transpose(1, 2, 0)
    mask = file.dataset_mask() > 0  # also where nodata is NaN
    transform, crs = file.transform, file.crs
with rasterio.open(arguments.labels) as file:
    labels = file.read(1)
with rasterio.open(arguments.tiles) as file:
    tiles = file.read(1)

scene = Scene(cube, labels, mask=mask, transform=transform, crs=crs)
print(scene)
X, _ = scene.labeled_pixels()
recipe = Recipe(patch_size=arguments.patch_size, training={"max_epochs": arguments.max_epochs})
blocks = SpatialBlockKFold(5, block_size=32, buffer=recipe.patch_size - 1, random_state=0)
for name, cv, groups in (
    ("blocks", blocks, None),
    ("tiles", GroupKFold(3), tiles[X.rows, X.cols]),
):
    folder = arguments.out / name
    runs = run_benchmark(
        scene,
        benchmark_models(recipe=recipe),
        cv,
        groups=groups,
        folder=folder,
        patch_size=recipe.patch_size,
        n_jobs=arguments.n_jobs,
    )
    print(f"\nWhole {name} held out:\n{results_table(scene, runs)}")
    write_tables(scene, runs, folder)
    draw_maps(scene, runs, folder / "maps.png")
