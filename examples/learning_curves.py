"""Draw how accuracy on unseen ground grows with the number of training pixels per class.

Run it with ``python examples/learning_curves.py --scenes IMAGE LABELS [IMAGE LABELS ...]``, two
files for each scene; a synthetic scene comes last. Blocks of 16 x 16 pixels are held out with a
buffer of 10 pixels around them, and of the ground that is left a few pixels of each class train.
Every model is tuned alike, on blocks of these. The picture and every run go into the folder
``learning-curves``, and an interrupted run goes on where it stopped. A scene takes some minutes.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_hsiode import read_scene
from sklearn_hsiode.benchmark import benchmark_models, run_benchmark
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import SpatialBlockKFold

TITLES = {"ode-net": "ODE-net", "svm": "SVM", "logistic-regression": "logistic regression"}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--scenes", nargs="+", default=[], help="an image and its labels, and so on")
parser.add_argument("--sizes", nargs="+", type=int, default=[10, 30, 100], help="pixels per class")
parser.add_argument("--models", nargs="+", default=list(TITLES), choices=TITLES)
parser.add_argument("--random-state", type=int, default=0, help="of blocks, pixels and models")
parser.add_argument("--n-jobs", type=int)
parser.add_argument("--out", type=Path, default=Path("learning-curves"))
arguments = parser.parse_args()

files = arguments.scenes
scenes = [read_scene(*pair) for pair in zip(files[::2], files[1::2], strict=True)]
scenes.append(make_scene(random_state=0))
figure, all_axes = plt.subplots(
    1, len(scenes), figsize=(4.2 * len(scenes), 3.8), squeeze=False, layout="constrained"
)
for scene, axes in zip(scenes, all_axes[0], strict=True):
    print(scene)
    labels, counts = np.unique(scene.labeled_pixels()[1], return_counts=True)
    accuracies = {name: [] for name in arguments.models}  # by size, then by split
    for size in arguments.sizes:
        # Of a class that has fewer, one stays to test.
        n_train = dict(zip(labels.tolist(), np.minimum(size, counts - 1).tolist(), strict=True))
        runs = run_benchmark(
            scene,
            benchmark_models(arguments.models),
            SpatialBlockKFold(5, random_state=arguments.random_state, train_size=n_train),
            random_state=arguments.random_state,
            folder=arguments.out / f"{scene.name}-{size}",
            patch_size=5,
            n_jobs=arguments.n_jobs,
        )
        for name, of_sizes in accuracies.items():
            own = [run for run in runs if run.model == name]
            of_sizes.append([100 * run.scores["overall_accuracy"] for run in own])
            mean, deviation = np.mean(of_sizes[-1]), np.std(of_sizes[-1])
            print(f"{size} pixels per class, {TITLES[name]}: OA {mean:.1f} ± {deviation:.1f} %")
    for place, (name, of_sizes) in enumerate(accuracies.items()):
        errors = np.std(of_sizes, axis=1, ddof=1) / np.sqrt(np.shape(of_sizes)[1])
        axes.errorbar(
            np.array(arguments.sizes) * 1.05**place,  # side by side
            np.mean(of_sizes, axis=1),
            errors,
            marker="o",
            capsize=3,
            label=TITLES[name],
        )
    axes.set(xscale="log", title=scene.name, xlabel="training pixels per class")
    axes.set_xticks(arguments.sizes, map(str, arguments.sizes))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
all_axes[0, 0].set_ylabel("overall accuracy on unseen ground, %")
all_axes[0, 0].legend(loc="lower right")
figure.savefig(arguments.out / "learning_curves.png", dpi=120)
