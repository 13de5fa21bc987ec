"""On one and the same X of pixels, scikit-learn's tools work for every kind of estimator."""

import gc
import os
import pickle
import subprocess
import sys
import textwrap
import weakref

import joblib
import numpy as np
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    accuracy_score,
    confusion_matrix,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import resample, shuffle

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PixelSamples,
    ResNetClassifier,
    SpectralTransformer,
)
from sklearn_hsiode.datasets import make_scene

SMALL = {
    "n_filters": 8,
    "optimizer": "adamw",
    "lr": 1e-2,
    "max_epochs": 4,
    "batch_size": 32,
    "device": "cpu",
    "random_state": 0,
}
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def ode_pipeline(**parameters):
    return make_pipeline(PatchExtractor(5), ODENetClassifier(n_steps=1, **(SMALL | parameters)))


def resnet_pipeline(**parameters):
    return make_pipeline(PatchExtractor(5), ResNetClassifier(n_blocks=1, **(SMALL | parameters)))


def svm_pipeline():
    return make_pipeline(StandardScaler(), SVC())


@pytest.fixture(params=[ode_pipeline, resnet_pipeline], ids=["ode", "resnet"])
def model(request):
    return request.param()


def network_alone(model):
    """A pipeline whose network has no linear shortcut, so that its training shows at once."""
    return clone(model).set_params(**{f"{model.steps[-1][0]}__shortcut": False})


@pytest.fixture(scope="module")
def majority(pixels):
    """Accuracy of always saying the most frequent class."""
    return np.bincount(pixels[1]).max() / len(pixels[1])


@pytest.fixture
def groups(pixels):
    """Horizontal strips of the scene."""
    return pixels[0].rows // 6


# Splitting


def test_train_test_split_gives_views_of_the_same_scene(pixels):
    X, y = pixels
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    train, test = train_test_split(np.arange(len(y)), stratify=y, random_state=0)
    for part, labels, index in ((X_train, y_train, train), (X_test, y_test, test)):
        assert isinstance(part, PixelSamples)
        assert part.scene is X.scene
        np.testing.assert_array_equal(part.positions, X.positions[index])
        np.testing.assert_array_equal(labels, X.scene.labels[part.rows, part.cols])


def test_shuffle_keeps_pixels_and_labels_together(pixels):
    X, y = pixels
    shuffled, labels = shuffle(X, y, random_state=0)
    assert isinstance(shuffled, PixelSamples)
    assert shuffled.positions.tolist() != X.positions.tolist()
    assert sorted(shuffled.positions) == sorted(X.positions)
    np.testing.assert_array_equal(labels, X.scene.labels[shuffled.rows, shuffled.cols])


@pytest.mark.parametrize("replace", [True, False])
def test_resample_draws_as_it_does_from_an_array(pixels, replace):
    X, y = pixels
    options = {"replace": replace, "n_samples": 50, "stratify": y, "random_state": 0}
    drawn, labels = resample(X, y, **options)
    assert isinstance(drawn, PixelSamples)
    np.testing.assert_array_equal(drawn.positions, resample(X.positions, **options))
    np.testing.assert_array_equal(labels, X.scene.labels[drawn.rows, drawn.cols])


@pytest.mark.parametrize(
    "splitter", [StratifiedKFold(3), StratifiedGroupKFold(3)], ids=lambda s: type(s).__name__
)
def test_splitters_split_pixels_as_they_split_an_array(pixels, groups, splitter):
    X, y = pixels
    strips = groups if isinstance(splitter, StratifiedGroupKFold) else None
    of_pixels = list(splitter.split(X, y, strips))
    of_array = list(splitter.split(np.asarray(X), y, strips))
    for (train, test), (expected_train, expected_test) in zip(of_pixels, of_array, strict=True):
        np.testing.assert_array_equal(train, expected_train)
        np.testing.assert_array_equal(test, expected_test)


def test_strips_of_the_scene_serve_as_groups(model, pixels, groups):
    X, y = pixels
    folds = StratifiedGroupKFold(2)
    scores = cross_val_score(model, X, y, groups=groups, cv=folds)
    for (train, test), score in zip(folds.split(X, y, groups), scores, strict=True):
        assert not set(X[train].rows // 6) & set(X[test].rows // 6)
        assert score == clone(model).fit(X[train], y[train]).score(X[test], y[test])


# Cross-validation


def test_cross_val_score_is_the_score_of_each_fold(model, pixels, majority):
    X, y = pixels
    scores = cross_val_score(model, X, y, cv=FOLDS)
    by_hand = [
        clone(model).fit(X[train], y[train]).score(X[test], y[test])
        for train, test in FOLDS.split(X, y)
    ]
    assert scores.tolist() == by_hand
    assert scores.min() > majority + 0.1


def test_cross_val_score_in_two_processes_equals_the_serial_one(model, pixels):
    X, y = pixels
    for estimator in (model, svm_pipeline()):
        serial = cross_val_score(estimator, X, y, cv=FOLDS)
        assert cross_val_score(estimator, X, y, cv=FOLDS, n_jobs=2).tolist() == serial.tolist()


def test_cross_validate_reports_several_metrics(model, pixels):
    X, y = pixels
    results = cross_validate(
        model,
        X,
        y,
        cv=FOLDS,
        scoring=["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"],
        return_estimator=True,
        return_indices=True,
    )
    for fold, (fitted, test) in enumerate(
        zip(results["estimator"], results["indices"]["test"], strict=True)
    ):
        predicted, probabilities = fitted.predict(X[test]), fitted.predict_proba(X[test])
        assert results["test_accuracy"][fold] == accuracy_score(y[test], predicted)
        assert results["test_f1_macro"][fold] == f1_score(y[test], predicted, average="macro")
        assert results["test_neg_log_loss"][fold] == -log_loss(y[test], probabilities)
        assert 0.5 < results["test_roc_auc_ovr"][fold] <= 1


def test_cross_val_predict_gives_probabilities_of_held_out_pixels(model, pixels):
    X, y = pixels
    options = {"cv": FOLDS, "method": "predict_proba"}
    probabilities = cross_val_predict(model, X, y, **options)
    for train, test in FOLDS.split(X, y):
        fitted = clone(model).fit(X[train], y[train])
        np.testing.assert_array_equal(probabilities[test], fitted.predict_proba(X[test]))
    parallel = cross_val_predict(model, X, y, n_jobs=2, **options)
    np.testing.assert_array_equal(parallel, probabilities)


def test_cross_validation_of_ready_made_patches(model, pixels):
    X, y = pixels
    patches = model[0].fit_transform(X)
    assert (
        cross_val_score(model[1], patches, y, cv=FOLDS).tolist()
        == cross_val_score(model, X, y, cv=FOLDS).tolist()
    )


# Searches


def test_grid_search_in_two_processes_over_patch_size_learning_rate_and_solver(pixels):
    X, y = pixels
    grid = {
        "patchextractor__patch_size": [3, 5],
        "odenetclassifier__lr": [1e-4, 1e-2],
        "odenetclassifier__solver": ["euler", "rk4"],
    }
    model = network_alone(ode_pipeline(max_epochs=3))
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
    for candidate, score in zip(
        ParameterGrid(grid), search.cv_results_["mean_test_score"], strict=True
    ):
        by_hand = clone(model).set_params(**candidate)
        assert score == cross_val_score(by_hand, X, y, cv=2).mean()
    assert search.best_params_["odenetclassifier__lr"] == 1e-2
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    refitted = clone(model).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), refitted.predict_proba(X))


def test_grid_search_swaps_the_network_for_an_svm(pixels):
    X, y = pixels
    pipeline = Pipeline([("prepare", "passthrough"), ("classify", SVC())])
    ode, svm = ode_pipeline(), svm_pipeline()
    grid = [
        {"prepare": [ode[0]], "classify": [ode[1]], "classify__max_epochs": [1, 4]},
        {"prepare": [svm[0]], "classify": [svm[1]], "classify__C": [1, 100]},
    ]
    search = GridSearchCV(pipeline, grid, cv=FOLDS, n_jobs=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"].tolist()
    candidates = [
        ode_pipeline(max_epochs=1),
        ode_pipeline(max_epochs=4),
        make_pipeline(StandardScaler(), SVC(C=1)),
        make_pipeline(StandardScaler(), SVC(C=100)),
    ]
    assert scores == [cross_val_score(each, X, y, cv=FOLDS).mean() for each in candidates]


def test_randomized_search_draws_learning_rates(model, pixels):
    X, y = pixels
    name = f"{model.steps[-1][0]}__lr"
    search = RandomizedSearchCV(
        model, {name: loguniform(1e-6, 1e-1)}, n_iter=4, cv=2, random_state=0
    ).fit(X, y)
    drawn = search.cv_results_[f"param_{name}"]
    assert len(set(drawn)) == 4
    assert search.best_estimator_[-1].lr == drawn[search.best_index_]
    assert search.best_params_[name] > min(drawn)


def test_halving_search_over_samples_gives_the_best_more_pixels(pixels):
    X, y = pixels
    search = HalvingGridSearchCV(
        network_alone(ode_pipeline()),
        {"odenetclassifier__lr": [1e-6, 1e-5, 1e-4, 1e-2]},
        cv=2,
        factor=2,
        min_resources=len(y) // 4,
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [72, 144, 288]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_params_ == {"odenetclassifier__lr": 1e-2}


def test_halving_search_over_epochs_gives_the_best_more_epochs(pixels):
    X, y = pixels
    search = HalvingGridSearchCV(
        network_alone(ode_pipeline()),
        {"odenetclassifier__lr": [1e-6, 1e-5, 1e-4, 1e-2]},
        resource="odenetclassifier__max_epochs",
        cv=2,
        factor=2,
        min_resources=1,
        max_resources=4,
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [1, 2, 4]
    assert search.best_params_["odenetclassifier__lr"] == 1e-2
    assert len(search.best_estimator_[-1].history_) == 4


def test_learning_curve_rises_with_the_number_of_pixels(pixels):
    X, y = pixels
    sizes, _, scores = learning_curve(
        network_alone(ode_pipeline(max_epochs=10)), X, y, train_sizes=[12, 180], cv=FOLDS,
        shuffle=True, random_state=0,
    )  # fmt: skip
    few, many = scores.mean(axis=1)
    assert sizes.tolist() == [12, 180]
    assert few < many


def test_validation_curve_over_epochs(model, pixels):
    X, y = pixels
    model, name = network_alone(model), f"{model.steps[-1][0]}__max_epochs"
    options = {"cv": FOLDS, "scoring": "neg_log_loss"}
    train_scores, scores = validation_curve(
        model, X, y, param_name=name, param_range=[1, 10], **options
    )
    assert train_scores[0].mean() < train_scores[1].mean()
    for column, epochs in enumerate((1, 10)):
        by_hand = cross_val_score(clone(model).set_params(**{name: epochs}), X, y, **options)
        assert scores[column].tolist() == by_hand.tolist()


def test_labels_matter_to_permutation_test_score(model, pixels):
    X, y = pixels
    score, of_permutations, p_value = permutation_test_score(
        model, X, y, cv=FOLDS, n_permutations=5, random_state=0
    )
    assert score > of_permutations.max() + 0.1
    assert p_value == 1 / 6


# Estimators made of estimators


def test_stacking_of_a_network_and_an_svm(pixels, majority):
    X, y = pixels
    stack = StackingClassifier(
        [("network", ode_pipeline()), ("svm", svm_pipeline())], LogisticRegression(), cv=FOLDS
    )
    assert cross_val_score(stack, X, y, cv=2).min() > majority
    stack.fit(X, y)
    expected = np.hstack(
        [
            ode_pipeline().fit(X, y).predict_proba(X),
            svm_pipeline().fit(X, y).decision_function(X),
        ]
    )
    np.testing.assert_array_equal(stack.transform(X), expected)


def test_soft_voting_averages_probabilities(pixels):
    X, y = pixels
    members = [
        ("ode", ode_pipeline()),
        ("resnet", resnet_pipeline()),
        ("forest", RandomForestClassifier(10, random_state=0)),
    ]
    vote = VotingClassifier(members, voting="soft").fit(X, y)
    mean = np.mean([clone(each).fit(X, y).predict_proba(X) for _, each in members], axis=0)
    np.testing.assert_allclose(vote.predict_proba(X), mean, rtol=1e-6)
    np.testing.assert_array_equal(vote.predict(X), vote.classes_[mean.argmax(axis=1)])


def test_hard_voting_takes_the_majority(pixels):
    X, y = pixels
    members = [("ode", ode_pipeline()), ("resnet", resnet_pipeline()), ("svm", svm_pipeline())]
    vote = VotingClassifier(members).fit(X, y)
    votes = np.array([clone(each).fit(X, y).predict(X) for _, each in members])
    agreed = (votes == votes[0]).all(axis=0)
    assert agreed.any()
    np.testing.assert_array_equal(vote.predict(X)[agreed], votes[0][agreed])


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration_of_a_network(model, pixels, majority, ensemble):
    X, y = pixels
    calibrated = CalibratedClassifierCV(model, cv=FOLDS, ensemble=ensemble).fit(X, y)
    probabilities = calibrated.predict_proba(X)
    assert len(calibrated.calibrated_classifiers_) == (3 if ensemble else 1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert calibrated.score(X, y) > majority + 0.1


def test_one_network_against_the_rest_per_class(model, pixels, majority):
    X, y = pixels
    rest = OneVsRestClassifier(model).fit(X, y)
    assert len(rest.estimators_) == 3
    own = [
        clone(model).fit(X, (y == label).astype(int)).predict_proba(X)[:, 1]
        for label in rest.classes_
    ]
    expected = np.transpose(own) / np.sum(own, axis=0)[:, np.newaxis]
    np.testing.assert_allclose(rest.predict_proba(X), expected, rtol=1e-6)
    assert rest.score(X, y) > majority


def test_threshold_of_a_binary_network_is_tuned(model, pixels):
    X, y = pixels
    rare = (y == 2).astype(int)
    recall = make_scorer(lambda truth, predicted: predicted[truth == 1].mean())
    tuned = TunedThresholdClassifierCV(model, scoring=recall, cv=FOLDS).fit(X, rare)
    of_rare = tuned.estimator_.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(tuned.predict(X), of_rare >= tuned.best_threshold_)
    assert tuned.best_threshold_ < 0.5
    assert recall(tuned, X, rare) >= recall(tuned.estimator_, X, rare)


def test_confusion_matrix_display(model, pixels):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X, y = pixels
    model.fit(X, y)
    display = ConfusionMatrixDisplay.from_estimator(model, X, y)
    pyplot.close(display.figure_)
    np.testing.assert_array_equal(display.confusion_matrix, confusion_matrix(y, model.predict(X)))
    assert display.display_labels.tolist() == [1, 2, 3]


@pytest.mark.parametrize("scoring", ["balanced_accuracy", "roc_auc_ovo", "neg_brier_score"])
def test_scorers_take_pixels(model, pixels, scoring):
    X, y = pixels
    scorer = get_scorer(scoring)
    bad, good = (
        network_alone(model).set_params(**{f"{model.steps[-1][0]}__max_epochs": epochs}).fit(X, y)
        for epochs in (1, 20)
    )
    assert scorer(bad, X, y) < scorer(good, X, y)


# Configuration


@pytest.mark.parametrize("everywhere", [False, True], ids=["of a pipeline", "global"])
def test_pandas_output_is_no_hindrance(pixels, everywhere):
    pytest.importorskip("pandas")
    X, y = pixels
    pipeline = make_pipeline(SpectralTransformer(StandardScaler()), *ode_pipeline())
    expected = clone(pipeline).fit(X, y).predict_proba(X)
    if everywhere:
        with sklearn.config_context(transform_output="pandas"):
            given = pipeline.fit(X, y).predict_proba(X)
    else:
        given = pipeline.set_output(transform="pandas").fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(given, expected)


def test_a_bare_scaler_puts_spectra_into_a_data_frame(pixels):
    pandas = pytest.importorskip("pandas")
    X, _ = pixels
    frame = StandardScaler().set_output(transform="pandas").fit_transform(X)
    assert isinstance(frame, pandas.DataFrame)
    np.testing.assert_array_equal(frame, StandardScaler().fit_transform(np.asarray(X)))


def test_array_api_dispatch():
    script = """
        import numpy as np
        import sklearn
        from sklearn.model_selection import cross_val_score, train_test_split
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC
        from sklearn_hsiode import ODENetClassifier, PatchExtractor, PixelSamples
        from sklearn_hsiode.datasets import make_scene

        X, y = make_scene((24, 24), 8, 3, noise=0.02, random_state=0).labeled_pixels()
        ode = make_pipeline(
            PatchExtractor(5),
            ODENetClassifier(n_filters=8, n_steps=1, max_epochs=2, device="cpu", random_state=0),
        )
        svm = make_pipeline(StandardScaler(), SVC())
        expected = [cross_val_score(model, X, y, cv=2) for model in (ode, svm)]
        split = train_test_split(X, y, stratify=y, random_state=0)
        with sklearn.config_context(array_api_dispatch=True):
            given = [cross_val_score(model, X, y, cv=2) for model in (ode, svm)]
            again = train_test_split(X, y, stratify=y, random_state=0)
        np.testing.assert_array_equal(given, expected)
        assert [type(part) for part in again] == [PixelSamples] * 2 + [np.ndarray] * 2
        for part, other in zip(again, split):
            np.testing.assert_array_equal(np.asarray(part), np.asarray(other))
    """
    run_with_array_api(script)


def test_torch_tensors_are_dispatched_to_classifiers_that_answer_in_numpy():
    script = """
        import numpy as np
        import sklearn
        import torch
        from sklearn.base import clone
        from sklearn_hsiode import (
            ODENetClassifier, PatchExtractor, PatchNetClassifier, ResNetClassifier
        )
        from sklearn_hsiode.datasets import make_scene

        def linear(n_bands, n_classes):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(25 * 8, n_classes))

        X, y = make_scene((24, 24), 8, 3, noise=0.02, random_state=0).labeled_pixels()
        X, y = np.asarray(PatchExtractor(5).fit_transform(X)), y.astype(int)
        training = {"max_epochs": 2, "device": "cpu", "random_state": 0}
        for model in (
            ODENetClassifier(n_filters=8, n_steps=1, **training),
            ResNetClassifier(n_filters=8, n_blocks=1, **training),
            PatchNetClassifier(linear, **training),
        ):
            expected = clone(model).fit(X, y, sample_weight=np.ones(len(y)))
            in_parts = clone(model).partial_fit(X, y, classes=[1, 2, 3])
            with sklearn.config_context(array_api_dispatch=True):
                tensors = torch.from_numpy(X), torch.from_numpy(y)
                model.fit(*tensors, sample_weight=torch.ones(len(y)))
                assert model.score(*tensors) == expected.score(X, y)
                for method in ("predict", "predict_proba", "predict_log_proba"):
                    given = getattr(model, method)(tensors[0])
                    assert type(given) is np.ndarray
                    np.testing.assert_array_equal(given, getattr(expected, method)(X))
                assert type(model.classes_) is np.ndarray
                model = clone(model).partial_fit(*tensors, classes=torch.unique(tensors[1]))
                np.testing.assert_array_equal(
                    model.predict_proba(tensors[0]), in_parts.predict_proba(X)
                )
    """
    run_with_array_api(script)


def run_with_array_api(script):
    """Run a script in a fresh process: SciPy reads SCIPY_ARRAY_API when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# Estimators that know nothing of scenes


@pytest.mark.parametrize(
    "estimator",
    [
        SVC(),
        RandomForestClassifier(10, random_state=0),
        KNeighborsClassifier(),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        LinearDiscriminantAnalysis(),
        make_pipeline(StandardScaler(), PCA(3), SelectKBest(k=2), SVC()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_bare_classifiers_see_spectra(pixels, estimator):
    X, y = pixels
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    given = clone(estimator).fit(X_train, y_train).predict(X_test)
    expected = clone(estimator).fit(np.asarray(X_train), y_train).predict(np.asarray(X_test))
    np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        MinMaxScaler(),
        PCA(3, random_state=0),
        SelectKBest(k=4),
        FeatureUnion([("scaled", StandardScaler()), ("components", PCA(2))]),
        ColumnTransformer([("lists", StandardScaler(), [0, 2]), ("slices", PCA(2), slice(4, 8))]),
        ColumnTransformer([("one", MinMaxScaler(), [3])], remainder="passthrough"),
        ColumnTransformer([("mask", StandardScaler(), np.arange(8) < 3)]),
        ColumnTransformer([("chosen", StandardScaler(), lambda X: [X.shape[1] - 1])]),
        ColumnTransformer([("negative", StandardScaler(), slice(-2, None))], remainder=PCA(1)),
    ],
    ids=lambda transformer: type(transformer).__name__,
)
def test_bare_transformers_see_spectra(pixels, transformer):
    X, y = pixels
    spectra = np.asarray(X)
    given = clone(transformer).fit(X[:100], y[:100]).transform(X[100:])
    expected = clone(transformer).fit(spectra[:100], y[:100]).transform(spectra[100:])
    np.testing.assert_allclose(given, expected, rtol=1e-9)
    given = clone(transformer).fit_transform(X, y)
    expected = clone(transformer).fit_transform(spectra, y)
    np.testing.assert_allclose(given, expected, rtol=1e-9)


def test_positions_are_no_features(pixels):
    X, y = pixels
    flat = np.zeros_like(X.scene.cube)
    same_spectra = X.scene.with_cube(flat).labeled_pixels()[0]
    nearest = KNeighborsClassifier(1).fit(same_spectra, y)
    assert len(np.unique(nearest.predict(same_spectra))) == 1


# Clone, cache, pickle


def test_a_clone_has_the_parameters_and_no_fit(model, pixels):
    X, y = pixels
    copied = clone(model.fit(X, y))
    assert copied[1].get_params() == model[1].get_params()
    assert not hasattr(copied[1], "net_")
    np.testing.assert_array_equal(copied.fit(X, y).predict_proba(X), model.predict_proba(X))


class CountingScaler(TransformerMixin, BaseEstimator):
    """Counts how often it is fitted, in the class, since a pipeline fits a clone."""

    fits = 0

    def fit(self, X, y=None):
        type(self).fits += 1
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


def test_a_pipeline_with_memory_fits_a_transformer_once_for_the_same_pixels(pixels, tmp_path):
    X, y = pixels
    steps = [SpectralTransformer(CountingScaler()), *ode_pipeline()]
    pipeline = make_pipeline(*steps, memory=joblib.Memory(tmp_path, verbose=0))
    CountingScaler.fits = 0
    first = pipeline.fit(X, y).predict_proba(X)
    again = pipeline.fit(X, y).predict_proba(X)
    assert CountingScaler.fits == 1
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(make_pipeline(*steps).fit(X, y).predict_proba(X), first)
    pipeline.fit(X[:100], y[:100])
    assert CountingScaler.fits == 3


@pytest.fixture(scope="module")
def large_scene():
    """Scene whose cube is far larger than the weights of a small network."""
    return make_scene((100, 100), n_bands=40, n_classes=3, random_state=0)


def fit(pipeline, X, y):
    return pipeline.fit(X, y)


def fit_and_predict(pipeline, X, y):
    pipeline.fit(X, y).predict(X)
    return pipeline


def fit_with_early_stopping(pipeline, X, y):
    return pipeline.set_params(odenetclassifier__early_stopping=True).fit(X, y)


def fit_again_with_warm_start(pipeline, X, y):
    pipeline.set_params(odenetclassifier__warm_start=True)
    return pipeline.fit(X, y).fit(X, y)


def fit_in_parts(pipeline, X, y):
    patches = pipeline[:-1].fit_transform(X, y)
    pipeline[-1].partial_fit(patches, y, classes=[1, 2, 3]).partial_fit(patches, y)
    return pipeline


WAYS_TO_FIT = [
    fit,
    fit_and_predict,
    fit_with_early_stopping,
    fit_again_with_warm_start,
    fit_in_parts,
]


@pytest.mark.parametrize("way", WAYS_TO_FIT, ids=lambda way: way.__name__)
def test_the_pickle_of_a_fitted_pipeline_holds_no_cube(large_scene, way):
    X, y = large_scene.labeled_pixels()
    steps = [SpectralTransformer(StandardScaler(), fit_on="scene"), *ode_pipeline(max_epochs=1)]
    pipeline = way(make_pipeline(*steps), X[::50], y[::50])
    size = len(pickle.dumps(pipeline))
    weights = 4 * pipeline[-1].n_parameters_
    assert weights < size < weights + 30_000
    assert large_scene.cube.nbytes > 10 * size
    assert large_scene.labels.nbytes > 30_000


@pytest.mark.parametrize("way", WAYS_TO_FIT, ids=lambda way: way.__name__)
def test_a_fitted_pipeline_does_not_keep_the_scene_in_memory(way):
    scene = make_scene((24, 24), n_bands=8, n_classes=3, random_state=0)
    pipeline = make_pipeline(SpectralTransformer(StandardScaler()), *ode_pipeline(max_epochs=1))
    way(pipeline, *scene.labeled_pixels())
    watch = weakref.ref(scene)
    del scene
    gc.collect()
    assert watch() is None


def test_a_dumped_pipeline_predicts_the_same_when_loaded(model, pixels, tmp_path):
    X, y = pixels
    model.fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    for loaded in (joblib.load(tmp_path / "model.joblib"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
        assert loaded[1].history_ == model[1].history_
        assert loaded[1].get_params() == model[1].get_params()
