"""One X and y for an ODE-net, an SVM and a random forest, on blocks of unseen ground.

Run it with ``python examples/drop_in_comparison.py``; it takes some minutes on a CPU
and writes ``drop_in_comparison.png`` into the working folder.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import ODENetClassifier, PatchExtractor
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold

X, y = make_scene(random_state=1).labeled_pixels()
models = {
    "ODE-net": make_pipeline(PatchExtractor(), ODENetClassifier(random_state=0)),
    "SVM": make_pipeline(StandardScaler(), SVC(C=100)),
    "random forest": RandomForestClassifier(random_state=0),
    "coordinates": CoordinateClassifier(),
}
splits = {
    "pixels at random": PerClassShuffleSplit(train_size=0.3, n_splits=4, random_state=0),
    "blocks of ground": SpatialBlockKFold(n_splits=4, block_size=16, buffer=4),
}

figure = Figure((7, 3.5), layout="constrained")
axes = figure.subplots()
for i, (split, cv) in enumerate(splits.items()):
    scores = [cross_val_score(model, X, y, cv=cv) for model in models.values()]
    for name, folds in zip(models, scores, strict=True):
        print(f"{split:18} {name:15} {100 * folds.mean():.1f} ± {100 * folds.std():.1f} %")
    axes.bar(
        np.arange(len(models)) + 0.4 * i,
        [100 * folds.mean() for folds in scores],
        yerr=[100 * folds.std() for folds in scores],
        width=0.38,
        capsize=4,
        label=split,
    )
axes.set_xticks(np.arange(len(models)) + 0.2, list(models))
axes.set_ylabel("overall accuracy, %")
axes.set_ylim(0, 100)
axes.legend(title="test pixels", loc="lower right")
figure.savefig("drop_in_comparison.png", dpi=120)
