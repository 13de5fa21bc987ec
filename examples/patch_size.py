"""How much neighbourhood does a scene want? Patch size as any other hyper-parameter.

Run it with ``python examples/patch_size.py``; it takes some minutes on a CPU and
writes ``patch_size.png`` into the working folder.
"""

from matplotlib.figure import Figure
from sklearn.model_selection import ValidationCurveDisplay
from sklearn.pipeline import make_pipeline

from sklearn_hsiode import ODENetClassifier, PatchExtractor
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.model_selection import SpatialBlockKFold

X, y = make_scene((64, 64), random_state=1).labeled_pixels()
figure = Figure((6, 3.5), layout="constrained")
display = ValidationCurveDisplay.from_estimator(
    make_pipeline(PatchExtractor(), ODENetClassifier(random_state=0)),
    X,
    y,
    param_name="patchextractor__patch_size",
    param_range=[1, 3, 5, 7, 9, 11],
    cv=SpatialBlockKFold(4, block_size=16, buffer=10),  # no overlap up to 11 x 11
    n_jobs=2,
    score_name="overall accuracy",
    ax=figure.subplots(),
)
display.ax_.set_xlabel("patch size, pixels")
figure.savefig("patch_size.png", dpi=120)
