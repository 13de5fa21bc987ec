"""Compare tuned networks and classical estimators on a GeoTIFF, on ground that they have not seen.

Run it with ``python examples/honest_comparison.py SCENE.tif LABELS.tif TILES.tif``: three rasters
on one grid, the image, its classes and the number of the tile that each pixel lies in (0 =
unlabelled). Once whole blocks of 32 x 32 pixels are held out, once whole tiles, dealt to the folds
as ``--random-state`` says. Every model is tuned alike, on blocks of its training pixels. The
tables, maps and every run go into the folder ``honest-comparison``, and an interrupted comparison
goes on where it stopped. With thousands of pixels it takes hours on one CPU thread.
"""

import argparse
from pathlib import Path

from sklearn.model_selection import GroupKFold

from sklearn_hsiode import read_scene
from sklearn_hsiode.benchmark import (
    benchmark_models,
    choices_table,
    chosen,
    differences_table,
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
parser.add_argument(
    "--models",
    nargs="+",
    default=list(benchmark_models()),
    help="the first is compared with the others (default: %(default)s)",
)
parser.add_argument("--random-state", type=int, default=0, help="of blocks, tiles and models")
parser.add_argument("--n-jobs", type=int)
parser.add_argument("--out", type=Path, default=Path("honest-comparison"))
arguments = parser.parse_args()

scene = read_scene(arguments.scene, arguments.labels)
tiles = read_scene(arguments.scene, arguments.tiles).labels
print(scene)
X, _ = scene.labeled_pixels()
first, seed = arguments.models[0], arguments.random_state
blocks = SpatialBlockKFold(5, block_size=32, buffer=4, random_state=seed)
for name, cv, groups in (
    ("blocks", blocks, None),
    ("tiles", GroupKFold(3, shuffle=True, random_state=seed), tiles[X.rows, X.cols]),
):
    folder = arguments.out / name
    runs = run_benchmark(
        scene,
        benchmark_models(arguments.models),
        cv,
        groups=groups,
        random_state=seed,
        folder=folder,
        patch_size=5,
        measure=chosen,
        n_jobs=arguments.n_jobs,
    )
    print(f"\nWhole {name} held out:\n{results_table(scene, runs)}")
    print(f"\n{differences_table(runs, first)}\n\n{choices_table(runs)}")
    write_tables(scene, runs, folder, reference=first)
    draw_maps(scene, runs, folder / "maps.png")
