"""Compare networks and classical estimators on a GeoTIFF, on ground that they have not seen.

Run it with ``python examples/honest_comparison.py SCENE.tif LABELS.tif TILES.tif``: three rasters
on one grid, the image, its classes and the number of the tile that each pixel lies in (0 =
unlabelled). Once whole blocks of 32 x 32 pixels are held out, once whole tiles. The tables, maps
and every run go into the folder ``honest-comparison``, and an interrupted comparison goes on
where it stopped. With thousands of pixels it takes about an hour on one CPU thread.
"""

import argparse
from pathlib import Path

from sklearn.model_selection import GroupKFold

from sklearn_hsiode import read_scene
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
parser.add_argument("scene", help="file with the image")
parser.add_argument("labels", help="raster of classes")
parser.add_argument("tiles", help="raster of tile numbers")
parser.add_argument("--patch-size", type=int, default=5)
parser.add_argument("--max-epochs", type=int, default=20)
parser.add_argument("--n-jobs", type=int)
parser.add_argument("--out", type=Path, default=Path("honest-comparison"))
arguments = parser.parse_args()

scene = read_scene(arguments.scene, arguments.labels)
tiles = read_scene(arguments.scene, arguments.tiles).labels
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
