"""save_model and load_model; pickles are in tests/classifiers/test_persistence.py.

Files that somebody has changed on purpose are in test_tampered.py.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import fetch_file
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import Matern, WhiteKernel
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from skorch.callbacks import EpochTimer

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    ResNetClassifier,
    Scene,
    SpectralTransformer,
    load_model,
    save_model,
)
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.metrics import SCORERS
from sklearn_hsiode.model_selection import PerClassShuffleSplit, SpatialBlockKFold
from sklearn_hsiode.persistence import describe_model
from sklearn_hsiode.persistence._model_file import MODEL
from tests.persistence.tampering import called, listed, node, rewrite, value

skops = pytest.importorskip("skops.io")
SMALL = {"n_filters": 8, "gate": 0.5, "max_epochs": 1, "random_state": 0}


def ode(**parameters):
    return ODENetClassifier(n_steps=1, **(SMALL | parameters))


@pytest.fixture
def saved(pixels, tmp_path):
    """A model file."""
    return save_model(StandardScaler().fit(pixels[0]), tmp_path / "some.model")


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(SpectralTransformer(PCA(3)), PatchExtractor(5, padding="zero"), ode()),
        make_pipeline(PatchExtractor(5), ResNetClassifier(n_blocks=1, **SMALL)),
        ode(optimizer="adamw", lr=1e-3, early_stopping=True),
        ode(early_stopping=True, validation=SpatialBlockKFold(2, "auto", buffer=0)),
        ode(optimizer="adam", lr_schedule="step", class_weight="balanced"),
        ode(solver="dopri5", precision="float64", net_params={"iterator_train__drop_last": False}),
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(n_estimators=5, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(algorithm="ball_tree"),
        KNeighborsClassifier(algorithm="kd_tree", metric="manhattan"),
        GaussianProcessClassifier(Matern() + WhiteKernel()),
        CalibratedClassifierCV(SVC(), cv=2),
        MLPClassifier(max_iter=300, random_state=0),
        make_pipeline(SelectKBest(k=3), GaussianNB()),
        GridSearchCV(SVC(), {"C": [1, 10]}, cv=StratifiedKFold(2), scoring="f1_macro"),
        GridSearchCV(SVC(), {"C": [1, 10]}, cv=2, scoring=SCORERS["kappa"]),
        CoordinateClassifier(),
        GridSearchCV(SVC(), {"C": [1, 10]}, cv=PerClassShuffleSplit(0.5, 2, 0)),
        GridSearchCV(SVC(), {"C": [1, 10]}, cv=SpatialBlockKFold(2, 8, 2)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_loaded_model_predicts_the_same_bit_for_bit(pixels, tmp_path, model):
    X, y = (part[::4] for part in pixels)
    fitted = model.fit(X, y)
    loaded = load_model(save_model(fitted, tmp_path / "my.model"))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    if hasattr(fitted, "predict_proba"):
        np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert type(loaded) is type(fitted)


def test_a_model_is_loaded_in_a_process_that_has_not_trained_it(pixels, tmp_path):
    X, y = pixels
    fitted = make_pipeline(PatchExtractor(5), ode()).fit(X, y)
    path = save_model(fitted, tmp_path / "my.model")
    script = (
        "import sys, numpy as np\n"
        "from sklearn_hsiode import load_model\n"
        "from sklearn_hsiode.datasets import make_scene\n"
        "scene = make_scene((24, 24), n_bands=8, n_classes=3, noise=0.02, random_state=0)\n"
        "X, y = scene.labeled_pixels()\n"
        "np.save(sys.argv[2], load_model(sys.argv[1]).predict_proba(X))\n"
    )
    out = tmp_path / "probabilities.npy"
    subprocess.run([sys.executable, "-c", script, path, out], check=True)
    np.testing.assert_array_equal(np.load(out), fitted.predict_proba(X))


def test_the_file_tells_what_the_model_is_for(scene, pixels, tmp_path):
    named = Scene(
        scene.cube, scene.labels, class_names={1: "oak"}, wavelengths=np.linspace(400, 900, 8)
    )
    X, y = named.labeled_pixels()
    about = describe_model(save_model(SVC().fit(X, y), tmp_path / "a.model", scene=named))
    assert about["classes"] == [1, 2, 3]
    assert about["class_names"] == ["oak", "2", "3"]
    about = describe_model(
        save_model(SVC().fit(X[y > 1], y[y > 1]), tmp_path / "b.model", scene=named)
    )
    assert (about["classes"], about["class_names"]) == ([2, 3], ["2", "3"])
    assert about["n_bands"] == 8
    np.testing.assert_allclose(about["wavelengths"], np.linspace(400, 900, 8))
    assert {"sklearn-hsiode", "scikit-learn", "torch"} <= set(about["versions"])


def test_without_a_scene_names_and_wavelengths_are_unknown(saved):
    about = describe_model(saved)
    assert about["class_names"] is about["wavelengths"] is about["classes"] is None


def test_a_file_that_exists_is_kept_unless_it_is_to_be_replaced(pixels, saved):
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        save_model(SVC().fit(*pixels), saved)
    assert saved.read_bytes() == before
    assert isinstance(load_model(save_model(SVC().fit(*pixels), saved, overwrite=True)), SVC)


def test_a_folder_that_cannot_be_written_is_left_as_it_is(pixels, tmp_path):
    with pytest.raises(OSError, match="missing"):
        save_model(SVC().fit(*pixels), tmp_path / "missing" / "my.model")
    assert not list(tmp_path.iterdir())


def test_what_is_not_fitted_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(SVC(), tmp_path / "my.model")
    assert not list(tmp_path.iterdir())


class Foreign(BaseEstimator):
    """An estimator of the user's."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (Foreign(), "Foreign"),
        (ode(callbacks=[EpochTimer()]), "EpochTimer"),
        (FunctionTransformer(np.save), "save"),
    ],
    ids=["estimator", "callback", "function"],
)
def test_what_would_be_refused_when_loaded_is_refused_when_saved(
    pixels, tmp_path, estimator, named
):
    with pytest.raises(TypeError, match=rf"{named}.* which load_model would refuse"):
        save_model(estimator.fit(*pixels), tmp_path / "my.model")
    assert not list(tmp_path.iterdir())


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_a_pickle_in_disguise_is_not_executed(tmp_path):
    path = tmp_path / "gift.model"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "trace")))
    with pytest.raises(ValueError, match="is no model that save_model has written"):
        load_model(path)
    assert not (tmp_path / "trace").exists()


def test_a_pickle_inside_an_array_of_the_file_is_not_executed(saved, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        inner = io.BytesIO(archive.read(MODEL))
    poisoned = io.BytesIO()
    array = io.BytesIO()
    np.save(array, np.array([Trap(tmp_path / "trace")], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(inner) as old, zipfile.ZipFile(poisoned, "w") as new:
        arrays = [name for name in old.namelist() if name.endswith(".npy")]
        assert arrays
        for name in old.namelist():
            new.writestr(name, array.getvalue() if name in arrays else old.read(name))
    rewrite(saved, poisoned.getvalue())
    with pytest.raises(ValueError, match="cannot be loaded as a model"):
        load_model(saved)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "function", [os.mkdir, eval, fetch_file], ids=lambda function: function.__name__
)
def test_a_function_hidden_in_a_known_type_is_refused_by_name(saved, function):
    rewrite(saved, skops.dumps(FunctionTransformer(function).fit(np.zeros((2, 2)))))
    with pytest.raises(ValueError, match=rf"holds .*{function.__name__}.* therefore refused"):
        load_model(saved)


def schema_of(root):
    """A model of skops that consists of this node alone."""
    model = io.BytesIO()
    inner = zipfile.ZipFile(io.BytesIO(skops.dumps(0))).read("schema.json")
    root |= {key: value for key, value in json.loads(inner).items() if key not in root}
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("schema.json", json.dumps(root))
    return model.getvalue()


def test_what_scikit_learn_imports_cannot_be_put_together_to_run_code(saved, tmp_path):
    trace = tmp_path / "trace"

    def first_of(function, argument):
        chained = called("sklearn.compose._column_transformer.chain", listed(argument), function)
        grouped = node(
            "sklearn.utils._testing.groupby", "ConstructorFromReduceNode", content=chained
        )
        every = node(
            "sklearn.compose._column_transformer.chain",
            "ConstructorFromReduceNode",
            content=grouped,
        )
        return called("sklearn.pipeline.islice", every, value(1))

    def attribute(name):
        return called("sklearn.feature_selection._base.attrgetter", value(name))

    def item(name):
        return called("sklearn.feature_extraction._dict_vectorizer.itemgetter", value(name))

    pipeline = node("sklearn.pipeline.Pipeline", "TypeNode")
    found = first_of(attribute("__init__.__globals__"), listed(pipeline))
    for name in ("__builtins__", "eval"):
        found = first_of(item(name), found)
    code = listed(value(f"open({str(trace)!r}, 'w').write('run')"))
    chained = called("sklearn.compose._column_transformer.chain", listed(code), found)
    grouped = node("sklearn.utils._testing.groupby", "ConstructorFromReduceNode", content=chained)
    root = called("sklearn.compose._column_transformer.Counter", grouped)
    rewrite(saved, schema_of(root))
    with pytest.raises(ValueError, match=r"holds .*_column_transformer\.Counter.* refused"):
        load_model(saved)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("collections.Counter", "ObjectNode"),
        ("sklearn.utils._testing.groupby", "ObjectNode"),
        ("sklearn.svm._classes.SVC", "ConstructorFromReduceNode"),
        ("sklearn.svm._classes.SVC", "MethodNode"),
        ("operator.attrgetter", "OperatorFuncNode"),
        ("sklearn.metrics._dist_metrics.PyFuncDistance64", "ObjectNode"),
        ("torch.nn.modules.linear.Linear", "TypeNode"),
    ],
)
def test_other_types_and_other_ways_to_restore_them_are_refused(saved, name, way):
    root = node(name, way, content=listed(), attrs=listed())
    if way == "MethodNode":
        root["content"] = {"func": "fit", "obj": node(name, "ObjectNode", content=None)}
    rewrite(saved, schema_of(root))
    with pytest.raises(ValueError, match=rf"holds .*{name.rpartition('.')[2]}"):
        load_model(saved)


def test_a_foreign_type_is_refused_by_name(saved, pixels):
    rewrite(saved, skops.dumps(Foreign().fit(*pixels)))
    with pytest.raises(ValueError, match=r"Foreign, which could run any code"):
        load_model(saved)


def test_a_file_cut_short_anywhere_is_an_error(saved):
    content = saved.read_bytes()
    for length in [0, 1, 10, len(content) // 2, len(content) - 30, len(content) - 1]:
        saved.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged"):
            load_model(saved)


def test_changed_bytes_are_an_error(saved):
    content = saved.read_bytes()
    for position in range(60, len(content) - 200, len(content) // 15):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        saved.write_bytes(changed)
        with pytest.raises(ValueError, match=r"damaged|is of format|cannot be"):
            load_model(saved)


def test_another_content_than_the_file_names_is_an_error(saved, pixels):
    rewrite(saved, skops.dumps(SVC().fit(*pixels)), told="0" * 64)
    with pytest.raises(ValueError, match="does not have the hash"):
        load_model(saved)


def test_a_newer_format_is_an_error(saved):
    rewrite(saved, format=99)
    with pytest.raises(ValueError, match=r"format 99.*update sklearn_hsiode"):
        load_model(saved)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04.", json.dumps([]).encode()])
def test_what_is_no_model_is_an_error(tmp_path, content):
    path = tmp_path / "my.model"
    path.write_bytes(content)
    for read in (load_model, describe_model):
        with pytest.raises(ValueError, match="is no model"):
            read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.model"):
        load_model(tmp_path / "nowhere.model")


def test_the_weights_are_saved_once_and_no_pixel_is(scene, tmp_path):
    big = Scene(np.repeat(scene.cube, 10, axis=2), scene.labels)
    X, y = big.labeled_pixels()
    fitted = make_pipeline(PatchExtractor(5), ode()).fit(X, y)
    path = save_model(fitted, tmp_path / "my.model")
    assert path.stat().st_size < 4 * fitted[-1].n_parameters_ + 60_000


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="no CUDA device")
def test_a_model_trained_on_cuda_loads_where_there_is_none(pixels, tmp_path):
    fitted = ode(device="cuda").fit(*pixels)
    path = save_model(fitted, tmp_path / "my.model")
    script = "import sys; from sklearn_hsiode import load_model; load_model(sys.argv[1])"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-W", "ignore", "-c", script, path]
    subprocess.run(command, check=True, env=environment)


def test_the_scene_of_another_number_of_bands_is_refused(scene, tmp_path):
    model = SVC().fit(*scene.labeled_pixels())
    with pytest.raises(ValueError, match="scene has 3 bands, but the estimator was fitted on 8"):
        save_model(model, tmp_path / "a.model", scene=scene.select_bands([0, 1, 2]))
    assert not list(tmp_path.iterdir())


def test_an_older_format_is_an_error(saved):
    rewrite(saved, format=2)
    with pytest.raises(ValueError, match=r"format 2.*train and save the model again"):
        load_model(saved)
