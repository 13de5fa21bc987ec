"""Views reach patches, maps and model files with the wavelengths of the scene."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import (
    PatchExtractor,
    Scene,
    SpectralTransformer,
    load_model,
    predict_map,
    save_model,
)
from sklearn_hsiode.datasets import make_scene
from sklearn_hsiode.preprocessing import ContinuumRemoval, SpectralDerivative, StandardNormalVariate

WAVELENGTHS = np.r_[400:500:10.0, 900:1000:10.0]
SYNTHETIC = make_scene((24, 20), n_bands=20, n_classes=3, random_state=0)
SCENE = Scene(
    SYNTHETIC.cube,
    SYNTHETIC.labels,
    mask=np.random.default_rng(0).random((24, 20)) < 0.9,
    wavelengths=WAVELENGTHS,
)
X, Y = SCENE.labeled_pixels()
LOG = SpectralDerivative(order=0, log=True)
SLOPE = SpectralDerivative(log=True)
VIEWS = {
    "derivative": SLOPE,
    "normal variate": StandardNormalVariate(),
    "continuum": ContinuumRemoval(),
    "union": FeatureUnion([("log", LOG), ("slope", SLOPE)]),
    "pipeline": make_pipeline(SLOPE, StandardNormalVariate(), PCA(5)),
    "union of pipelines": FeatureUnion(
        [("continuum", make_pipeline(ContinuumRemoval(), StandardScaler())), ("slope", SLOPE)]
    ),
}
views = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)


class AsksForWavelengths(TransformerMixin, BaseEstimator):
    """A transformer of a user's."""

    def __init__(self, wavelengths=None):
        self.wavelengths = wavelengths

    def fit(self, X, y=None):
        self.wavelengths_ = self.wavelengths
        return self

    def transform(self, X):
        return X


def asked(transformer):
    """Every parameter called wavelengths."""
    parameters = transformer.get_params().items()
    return [value for name, value in parameters if name.split("__")[-1] == "wavelengths"]


# Wavelengths


@views
def test_each_part_that_asks_is_fitted_with_the_wavelengths_of_the_scene(view):
    transformer = SpectralTransformer(view).fit(X, Y)
    for wavelengths in asked(transformer.transformer_):
        np.testing.assert_array_equal(wavelengths, WAVELENGTHS)
    assert all(wavelengths is None for wavelengths in asked(view))
    assert all(wavelengths is None for wavelengths in asked(clone(transformer).transformer))


def test_a_transformer_of_ones_own_is_given_wavelengths_as_well():
    transformer = SpectralTransformer(AsksForWavelengths()).fit(X)
    np.testing.assert_array_equal(transformer.transformer_.wavelengths_, WAVELENGTHS)
    unknown = Scene(SCENE.cube, SCENE.labels).pixels()
    assert SpectralTransformer(AsksForWavelengths()).fit(unknown).transformer_.wavelengths_ is None


def test_wavelengths_that_are_given_stay():
    numbers = np.arange(20)
    transformer = SpectralTransformer(AsksForWavelengths(numbers)).fit(X)
    np.testing.assert_array_equal(transformer.transformer_.wavelengths_, numbers)


@views
def test_a_scene_is_transformed_as_its_spectra_are(view):
    transformed = SpectralTransformer(view).fit_transform(X, Y)
    bare = clone(view)
    bare.set_params(
        **{name: WAVELENGTHS for name in bare.get_params() if name.split("__")[-1] == "wavelengths"}
    )
    expected = bare.fit(np.asarray(X)).transform(SCENE.cube[SCENE.mask])
    np.testing.assert_allclose(transformed.scene.cube[SCENE.mask], expected, atol=1e-6)


def test_a_step_that_changes_the_bands_before_a_derivative_is_an_error_that_says_so():
    view = make_pipeline(PCA(7), SpectralDerivative())
    with pytest.raises(ValueError, match=r"20 values, but X has 7 bands.* step before"):
        SpectralTransformer(view).fit(X)
    view.set_params(spectralderivative__wavelengths=np.arange(7))
    assert SpectralTransformer(view).fit_transform(X).shape == (len(X), 7)


@pytest.mark.parametrize(
    ("view", "keeps"),
    [
        (SLOPE, True),
        (make_pipeline(SLOPE, StandardNormalVariate()), True),
        (VIEWS["union"], False),
        (VIEWS["pipeline"], False),
    ],
    ids=["one", "two", "union", "components"],
)
def test_bands_of_a_view_have_the_wavelengths_of_the_scene(view, keeps):
    scene = SpectralTransformer(view).fit_transform(X).scene
    assert (scene.wavelengths is not None) == keeps
    if keeps:
        np.testing.assert_array_equal(scene.wavelengths, WAVELENGTHS)


def test_a_view_behind_another_transformer_knows_the_wavelengths():
    first = SpectralTransformer(StandardScaler()).fit_transform(X)
    second = SpectralTransformer(SpectralDerivative()).fit(first)
    assert second.transformer_.runs_.tolist() == [[0, 10], [10, 20]]


@views
def test_a_scene_at_other_wavelengths_than_that_of_the_fit_is_refused(view):
    transformer = SpectralTransformer(view).fit(X, Y)
    other = Scene(SCENE.cube, wavelengths=WAVELENGTHS + 5).pixels()
    with pytest.raises(ValueError, match="other wavelengths"):
        transformer.transform(other)


def test_what_masked_pixels_hold_does_not_matter():
    cube = SCENE.cube.copy()
    cube[~SCENE.mask] = -32768
    blanked = Scene(cube, SCENE.labels, mask=SCENE.mask, wavelengths=WAVELENGTHS)
    transformer = SpectralTransformer(VIEWS["union"], fit_on="scene")
    given = transformer.fit_transform(blanked.labeled_pixels()[0])
    np.testing.assert_array_equal(given, transformer.fit_transform(X))


# Maps and model files


def model(view, *steps):
    return make_pipeline(SpectralTransformer(view), *steps).fit(X, Y)


@views
def test_the_map_is_the_same_to_the_bit_whatever_the_windows(view):
    steps = StandardScaler(), LogisticRegression(max_iter=1000)
    fitted = model(view, *steps)
    whole = SpectralTransformer(view).fit(X, Y).transform(SCENE.pixels()).scene
    part = SCENE.window(slice(5, 12), slice(3, 20))
    windowed = fitted[0].transform(part.pixels()).scene
    if "PCA" not in str(view):
        np.testing.assert_array_equal(windowed.cube, whole.cube[5:12, 3:20])
    expected = predict_map(fitted, SCENE)
    for window in (5, 7, 24):
        np.testing.assert_array_equal(predict_map(fitted, SCENE, window=window), expected)


@pytest.mark.parametrize("view", [SLOPE, VIEWS["union"]], ids=["derivative", "union"])
def test_a_network_sees_patches_of_a_view(view, ode):
    fitted = model(view, PatchExtractor(3), ode)
    probabilities = fitted.predict_proba(X)
    assert np.isfinite(probabilities).all()
    windows = [predict_map(fitted, SCENE, window=window) for window in (7, 24)]
    np.testing.assert_array_equal(*windows)


@views
def test_a_model_file_holds_a_view_with_its_wavelengths(view, tmp_path):
    pytest.importorskip("skops")
    fitted = model(view, StandardScaler(), LogisticRegression(max_iter=1000))
    loaded = load_model(save_model(fitted, tmp_path / "a.model", scene=SCENE))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    for wavelengths in asked(loaded[0].transformer_):
        np.testing.assert_array_equal(wavelengths, WAVELENGTHS)
    with pytest.raises(ValueError, match="other wavelengths"):
        predict_map(loaded, Scene(SCENE.cube, wavelengths=WAVELENGTHS + 5))


def test_a_search_chooses_among_views(tmp_path):
    pytest.importorskip("skops")
    pipeline = make_pipeline(SpectralTransformer(SLOPE), StandardScaler(), LogisticRegression())
    grid = {"spectraltransformer__transformer": [SLOPE, ContinuumRemoval(), VIEWS["union"]]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    loaded = load_model(save_model(search, tmp_path / "a.model"))
    np.testing.assert_array_equal(loaded.predict(X), search.predict(X))
