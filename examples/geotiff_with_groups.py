"""Cross-validate on a GeoTIFF whose labelled ground comes in tiles, holding out whole tiles.

Run it with ``python examples/geotiff_with_groups.py SCENE.tif LABELS.tif TILES.tif``: three rasters
on one grid, the image, its classes and the number of the tile that each pixel lies in (0 =
unlabelled). With thousands of pixels it takes some ten minutes on one CPU thread;
``--max-epochs 20`` is quicker.
"""

import argparse

import numpy as np
import rasterio
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import ODENetClassifier, PatchExtractor, Scene

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("scene")
parser.add_argument("labels")
parser.add_argument("tiles")
parser.add_argument("--patch-size", type=int, default=11)
parser.add_argument("--max-epochs", type=int, default=100)
arguments = parser.parse_args()

with rasterio.open(arguments.scene) as file:
    bands = [band for band in file.indexes if file.tags(band).get("bbl") != "0"]  # no bad bands
    cube = file.read(bands).transpose(1, 2, 0)
    mask = (cube != file.nodata).all(axis=2)
    scene_grid = file.transform, file.crs
with rasterio.open(arguments.labels) as file:
    labels = file.read(1)
with rasterio.open(arguments.tiles) as file:
    tiles = file.read(1)

scene = Scene(cube, labels, mask=mask, transform=scene_grid[0], crs=scene_grid[1])
print(scene)
X, y = scene.labeled_pixels()
network = ODENetClassifier(max_epochs=arguments.max_epochs, random_state=0, verbose=1)
models = {
    "SVM": make_pipeline(StandardScaler(), SVC(C=100)),
    "ODE-net": make_pipeline(PatchExtractor(arguments.patch_size), network),
}
for name, model in models.items():
    scores = cross_val_score(model, X, y, groups=tiles[X.rows, X.cols], cv=GroupKFold(3))
    print(f"{name}: {np.round(scores, 3)}, mean {scores.mean():.3f}")
