"""Sample weights reach the steps of a pipeline that ask for them, and no others."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    ResNetClassifier,
    SpectralTransformer,
)

FOLDS = StratifiedKFold(2, shuffle=True, random_state=0)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def weights(pixels):
    return np.random.RandomState(0).exponential(size=len(pixels[1]))


def scaler(requests=None):
    """A scaler, with routing switched on, that asks for sample weights or declines them."""
    if requests is None:
        return StandardScaler()
    return StandardScaler().set_fit_request(sample_weight=requests)


def mean(pixels, weights=None):
    """Mean spectrum as a bare scaler finds it."""
    return StandardScaler().fit(np.asarray(pixels), sample_weight=weights).mean_


def with_classifier(transformer, ode):
    return make_pipeline(SpectralTransformer(transformer), PatchExtractor(3), ode)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_without_routing_a_transformer_gets_all_metadata(pixels, weights, method):
    X, y = pixels
    transformer = SpectralTransformer(scaler())
    getattr(transformer, method)(X, y, sample_weight=weights)
    np.testing.assert_array_equal(transformer.transformer_.mean_, mean(X, weights))


def test_without_routing_a_pipeline_takes_metadata_by_name_of_the_step(pixels, weights, ode):
    X, y = pixels
    pipeline = with_classifier(scaler(), ode).fit(X, y, spectraltransformer__sample_weight=weights)
    np.testing.assert_array_equal(pipeline[0].transformer_.mean_, mean(X, weights))
    patches = pipeline[:-1].transform(X)
    alone = clone(ode).fit(patches, y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(patches))


def test_without_routing_metadata_that_the_transformer_does_not_take_are_an_error(pixels, weights):
    with pytest.raises(TypeError, match="sample_weight"):
        SpectralTransformer(PCA(2)).fit(*pixels, sample_weight=weights)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_with_routing_a_transformer_gets_what_it_requests(pixels, weights, method):
    X, y = pixels
    transformer = SpectralTransformer(scaler(True))
    getattr(transformer, method)(X, y, sample_weight=weights)
    np.testing.assert_array_equal(transformer.transformer_.mean_, mean(X, weights))


@pytest.mark.usefixtures("routing")
def test_with_routing_metadata_that_nobody_requests_are_an_error(pixels, weights):
    X, y = pixels
    with pytest.raises(TypeError, match=r"SpectralTransformer.*sample_weight.*not routed"):
        SpectralTransformer(scaler(False)).fit(X, y, sample_weight=weights)
    with pytest.raises(UnsetMetadataPassedError, match="StandardScaler"):
        SpectralTransformer(scaler()).fit(X, y, sample_weight=weights)


@pytest.mark.usefixtures("routing")
def test_metadata_may_have_another_name_outside(pixels, weights):
    X, y = pixels
    transformer = SpectralTransformer(scaler("area")).fit(X, y, area=weights)
    np.testing.assert_array_equal(transformer.transformer_.mean_, mean(X, weights))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("scaler_requests", [True, False])
@pytest.mark.parametrize("classifier_requests", [True, False])
def test_in_a_pipeline_each_step_gets_what_it_requests(
    pixels, weights, ode, scaler_requests, classifier_requests
):
    X, y = pixels
    pipeline = with_classifier(
        scaler(scaler_requests), ode.set_fit_request(sample_weight=classifier_requests)
    )
    if not (scaler_requests or classifier_requests):
        with pytest.raises(TypeError, match="sample_weight"):
            pipeline.fit(X, y, sample_weight=weights)
        return
    pipeline.fit(X, y, sample_weight=weights)
    expected = mean(X, weights if scaler_requests else None)
    np.testing.assert_array_equal(pipeline[0].transformer_.mean_, expected)
    patches = pipeline[:-1].transform(X)
    alone = clone(ode).fit(patches, y, sample_weight=weights if classifier_requests else None)
    np.testing.assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(patches))


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    "inner", [PCA(2), FunctionTransformer(), make_pipeline(PCA(2))], ids=lambda t: type(t).__name__
)
def test_a_transformer_that_takes_no_weights_lets_them_pass(pixels, weights, ode, inner):
    pipeline = with_classifier(inner, ode.set_fit_request(sample_weight=True))
    patches = pipeline[:-1].fit_transform(*pixels)
    expected = clone(ode).fit(patches, pixels[1], sample_weight=weights).predict_proba(patches)
    pipeline.fit(*pixels, sample_weight=weights)
    np.testing.assert_array_equal(pipeline.predict_proba(pixels[0]), expected)


@pytest.mark.usefixtures("routing")
def test_weights_reach_a_step_of_a_wrapped_pipeline(pixels, weights):
    X, y = pixels
    transformer = SpectralTransformer(make_pipeline(scaler(True), PCA(2)))
    transformer.fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(transformer.transformer_[0].mean_, mean(X, weights))


@pytest.mark.usefixtures("routing")
def test_a_search_splits_the_weights_with_the_pixels(pixels, weights, ode):
    X, y = pixels
    ode.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    pipeline = with_classifier(scaler(True), ode)
    grid = {"spectraltransformer__transformer__with_std": [True, False]}
    search = GridSearchCV(pipeline, grid, cv=FOLDS, error_score="raise")
    search.fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(search.best_estimator_[0].transformer_.mean_, mean(X, weights))
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        by_hand = clone(pipeline).fit(X[train], y[train], sample_weight=weights[train])
        predicted = by_hand.predict(X[test])
        score = accuracy_score(y[test], predicted, sample_weight=weights[test])
        assert search.cv_results_[f"split{fold}_test_score"][0] == score


@pytest.mark.parametrize("enabled", [True, False])
def test_weights_of_samples_are_refused_where_the_whole_scene_is_fitted_on(
    pixels, weights, enabled
):
    with sklearn.config_context(enable_metadata_routing=enabled):
        transformer = SpectralTransformer(scaler(enabled or None), fit_on="scene")
        with pytest.raises(ValueError, match=r"sample_weight.*use fit_on='samples'"):
            transformer.fit(*pixels, sample_weight=weights)


@pytest.mark.usefixtures("routing")
def test_fitted_on_the_scene_it_lets_weights_pass_to_the_classifier(pixels, weights, ode):
    X, y = pixels
    transformer = SpectralTransformer(scaler(False), fit_on="scene")
    ode.set_fit_request(sample_weight=True)
    pipeline = make_pipeline(transformer, PatchExtractor(3), ode).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(pipeline[0].transformer_.mean_, mean(X.scene.pixels()))


# Classifiers alone


@pytest.fixture(params=[ODENetClassifier, ResNetClassifier])
def model(request):
    parameters = {"n_filters": 8, "max_epochs": 2, "device": "cpu", "random_state": 0}
    return make_pipeline(PatchExtractor(5), request.param(**parameters))


def test_sample_weights_are_routed_through_a_pipeline(model, pixels, weights):
    X, y = pixels
    patches = model[0].fit_transform(X)
    expected = clone(model[1]).fit(patches, y, sample_weight=weights).predict_proba(patches)
    unweighted = clone(model).fit(X, y).predict_proba(X)
    by_name = clone(model).fit(X, y, **{f"{model.steps[-1][0]}__sample_weight": weights})
    with sklearn.config_context(enable_metadata_routing=True):
        model[1].set_fit_request(sample_weight=True)
        routed = model.fit(X, y, sample_weight=weights)
        np.testing.assert_array_equal(routed.predict_proba(X), expected)
    np.testing.assert_array_equal(by_name.predict_proba(X), expected)
    assert not np.array_equal(unweighted, expected)


def test_sample_weights_are_routed_through_cross_validation(model, pixels, weights):
    X, y = pixels
    with sklearn.config_context(enable_metadata_routing=True):
        model[1].set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        results = cross_validate(
            model, X, y, cv=FOLDS, params={"sample_weight": weights}, return_estimator=True
        )
        for (train, test), score, fitted in zip(
            FOLDS.split(X, y), results["test_score"], results["estimator"], strict=True
        ):
            by_hand = clone(model).fit(X[train], y[train], sample_weight=weights[train])
            np.testing.assert_array_equal(
                fitted.predict_proba(X[test]), by_hand.predict_proba(X[test])
            )
            predicted = by_hand.predict(X[test])
            assert score == accuracy_score(y[test], predicted, sample_weight=weights[test])
