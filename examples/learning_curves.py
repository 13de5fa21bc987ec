"""Draw accuracy on unseen ground against the number of training pixels per class.

Run it with ``python examples/learning_curves.py curves.png FOLDER...``, with folders that
``hsiode benchmark --protocol spatial --train-size N --out NAME-N`` has written: their names end in
the number of pixels that train of each class. Folders of one name make one panel.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_hsiode.benchmark._models import title_of

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("picture", type=Path, help="file to write")
parser.add_argument("folders", type=Path, nargs="+", help="results of benchmarks")
arguments = parser.parse_args()

panels = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
for folder in arguments.folders:
    name, _, n_pixels = folder.name.rpartition("-")
    for line in (folder / "runs.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if "scores" in record:
            accuracy = 100 * record["scores"]["overall_accuracy"]
            panels[name][record["model"]][int(n_pixels)].append(accuracy)

figure, all_axes = plt.subplots(
    1, len(panels), figsize=(4.2 * len(panels), 3.8), squeeze=False, layout="constrained"
)
for axes, (name, models) in zip(all_axes[0], panels.items(), strict=True):
    for shift, (model, accuracies) in enumerate(models.items()):
        sizes = np.array(sorted(accuracies))
        means = [np.mean(accuracies[size]) for size in sizes]
        errors = [np.std(accuracies[size], ddof=1) / len(accuracies[size]) ** 0.5 for size in sizes]
        # A little apart, so that the bars can be told from each other.
        axes.errorbar(
            sizes * 1.04**shift, means, errors, marker="o", capsize=3, label=title_of(model)
        )
    axes.set(xscale="log", title=name, xlabel="training pixels per class", xticks=sizes)
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
all_axes[0, 0].set_ylabel("overall accuracy on unseen ground, %")
all_axes[0, -1].legend(loc="lower right")
figure.savefig(arguments.picture, dpi=120)
