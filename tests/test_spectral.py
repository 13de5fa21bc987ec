"""SpectralTransformer gives every pixel of a scene what the bare transformer would give it."""

import pickle

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sklearn_hsiode import PatchExtractor, PixelSamples, Scene, SpectralTransformer

few_examples = settings(deadline=None, max_examples=25)
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, (10, 8))
MASK = RNG.random((10, 8)) < 0.9
CUBE = RNG.normal(100 * LABELS[:, :, np.newaxis], 50, (10, 8, 6)) * [1, 2, 5, 1, 9, 3]
ABOUT = {"mask": MASK, "class_names": {1: "oats"}, "crs": "EPSG:4326", "name": "fields"}
X, Y = Scene(CUBE, LABELS, wavelengths=range(6), **ABOUT).labeled_pixels()
transformers = pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        MinMaxScaler(),
        PCA(3, whiten=True),
        make_pipeline(StandardScaler(), PCA(2)),
    ],
    ids=["scaler", "range", "components", "pipeline"],
)
choices = pytest.mark.parametrize("fit_on", ["samples", "scene"])


class Spy(TransformerMixin, BaseEstimator):
    """Pass spectra on, and remember what fit was given."""

    def fit(self, X, y=None):
        self.X_, self.y_ = X, y
        return self

    def transform(self, X):
        return X


def same_scene_but(change):
    """The scene with the values that `change` leaves in a copy of its cube."""
    cube = CUBE.copy()
    change(cube)
    return Scene(cube, LABELS, **ABOUT)


# What it gives


@transformers
@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
def test_samples_are_what_the_bare_transformer_makes_of_their_spectra(transformer, kind):
    X, _ = Scene(CUBE.astype(kind), LABELS, **ABOUT).labeled_pixels()
    bare = clone(transformer).fit_transform(np.asarray(X))
    result = SpectralTransformer(transformer).fit_transform(X)
    assert isinstance(result, PixelSamples)
    assert result.dtype == bare.dtype
    np.testing.assert_allclose(np.asarray(result), bare, rtol=1e-4, atol=1e-4)


@few_examples
@given(st.data())
def test_any_samples_of_any_scene_are_what_the_bare_transformer_makes_of_them(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rows, cols, bands = (data.draw(st.integers(1, 7)) for _ in range(3))
    scene = Scene(rng.normal(size=(rows, cols, bands)))
    train, test = (scene.pixels(rng.integers(0, rows, n), rng.integers(0, cols, n)) for n in (9, 5))
    transformer = SpectralTransformer(StandardScaler()).fit(train)
    bare = StandardScaler().fit(np.asarray(train))
    for samples in (train, test):
        np.testing.assert_allclose(transformer.transform(samples), bare.transform(samples))


@transformers
@choices
def test_neighbours_are_transformed_as_well(transformer, fit_on):
    result = SpectralTransformer(transformer, fit_on=fit_on).fit_transform(X)
    seen = X if fit_on == "samples" else X.scene.pixels()
    bare = clone(transformer).fit(np.asarray(seen))
    np.testing.assert_allclose(result.scene.cube[MASK], bare.transform(CUBE[MASK]))


def test_patches_of_transformed_pixels_are_transformed_patches():
    patches = make_pipeline(SpectralTransformer(StandardScaler()), PatchExtractor(5, "edge"))
    bare = StandardScaler().fit(np.asarray(X))
    raw = np.asarray(PatchExtractor(5, "edge").fit_transform(X))
    expected = (raw - bare.mean_[:, None, None]) / bare.scale_[:, None, None]
    np.testing.assert_allclose(patches.fit_transform(X), expected, rtol=1e-4, atol=1e-4)


def test_places_labels_mask_and_metadata_stay():
    result = SpectralTransformer(PCA(2)).fit_transform(X)
    np.testing.assert_array_equal(result.rows, X.rows)
    np.testing.assert_array_equal(result.cols, X.cols)
    np.testing.assert_array_equal(result.scene.labels, LABELS)
    np.testing.assert_array_equal(result.scene.mask, MASK)
    for name in ("class_names", "crs", "name"):
        assert getattr(result.scene, name) == ABOUT[name]
    assert result.scene.shape == (10, 8, 2)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (StandardScaler(), [0, 1, 2, 3, 4, 5]),
        (make_pipeline(StandardScaler(), SelectKBest(lambda X, y: y[: X.shape[1]], k=2)), [4, 5]),
        (PCA(6), None),
        (FeatureUnion([("a", StandardScaler())]), None),
        (FunctionTransformer(), None),  # which tells no names
    ],
    ids=["bands", "some", "components", "union", "nameless"],
)
def test_transformed_bands_that_keep_their_names_keep_their_wavelengths(inner, expected):
    transformed = SpectralTransformer(inner).fit_transform(X, np.arange(len(X)))
    wavelengths = transformed.scene.wavelengths
    assert (wavelengths if expected is None else wavelengths.tolist()) == expected


def test_transformed_bands_have_no_wavelengths_where_the_fit_had_none():
    transformer = SpectralTransformer(StandardScaler()).fit(Scene(CUBE).pixels())
    assert transformer.transform(X).scene.wavelengths is None


def test_each_valid_pixel_is_transformed_once_however_many_samples_it_is_near(monkeypatch):
    seen = []
    monkeypatch.setattr(Spy, "transform", lambda self, X: seen.append(len(X)) or X)
    SpectralTransformer(Spy()).fit_transform(X)
    assert sum(seen) == MASK.sum()


@pytest.mark.parametrize("at_once", [1, 7, 70])
def test_a_scene_transformed_piece_by_piece_comes_out_the_same(monkeypatch, at_once):
    whole = SpectralTransformer(PCA(3)).fit(X)
    expected = whole.transform(X).scene.cube
    spectrum_mib = X.scene.n_bands * X.dtype.itemsize / 2**20
    monkeypatch.setattr("sklearn_hsiode._cubes.SPECTRA", at_once * spectrum_mib)
    np.testing.assert_allclose(whole.transform(X).scene.cube, expected)


def test_pixels_of_another_scene_are_transformed_with_the_statistics_of_fit():
    other = Scene(RNG.normal(size=(3, 4, 6))).pixels()
    transformer = SpectralTransformer(StandardScaler()).fit(X)
    expected = StandardScaler().fit(np.asarray(X)).transform(other)
    np.testing.assert_allclose(transformer.transform(other), expected)


def test_the_scene_given_stays_as_it_was():
    scene = Scene(CUBE.copy(), LABELS, **ABOUT)
    SpectralTransformer(StandardScaler(copy=False)).fit_transform(scene.pixels())
    np.testing.assert_array_equal(scene.cube, CUBE)


# What it learns from


def test_fitted_on_samples_it_sees_them_and_nothing_else():
    transformer = SpectralTransformer(Spy()).fit(X[5:20], Y[5:20])
    np.testing.assert_array_equal(transformer.transformer_.X_, np.asarray(X)[5:20])
    np.testing.assert_array_equal(transformer.transformer_.y_, Y[5:20])


def test_fitted_on_the_scene_it_sees_every_valid_pixel_and_no_labels():
    transformer = SpectralTransformer(Spy(), fit_on="scene").fit(X[5:20], Y[5:20])
    np.testing.assert_array_equal(transformer.transformer_.X_, CUBE[MASK])
    assert transformer.transformer_.y_ is None


@transformers
@choices
def test_only_fitted_on_the_scene_it_changes_with_the_test_pixels(transformer, fit_on):
    train, test = X[::2], X[1::2]

    def disturb_test_pixels(cube):
        cube[test.rows, test.cols] = cube[test.rows, test.cols] ** 2

    other = same_scene_but(disturb_test_pixels).pixels(train.rows, train.cols)
    transformed, disturbed = (
        np.asarray(SpectralTransformer(transformer, fit_on=fit_on).fit(part).transform(part))
        for part in (train, other)
    )
    assert np.allclose(transformed, disturbed) == (fit_on == "samples")


def test_a_supervised_transformer_gets_the_labels():
    projection = SpectralTransformer(LinearDiscriminantAnalysis()).fit_transform(X, Y)
    bare = LinearDiscriminantAnalysis().fit(np.asarray(X), Y)
    np.testing.assert_allclose(projection, bare.transform(X))
    selection = SpectralTransformer(SelectKBest(k=2)).fit(X, Y)
    np.testing.assert_array_equal(
        selection.transform(X), SelectKBest(k=2).fit_transform(np.asarray(X), Y)
    )


def test_a_pipeline_with_it_learns_as_one_with_the_bare_transformer():
    wrapped = make_pipeline(SpectralTransformer(PCA(3, whiten=True)), SVC()).fit(X, Y)
    bare = make_pipeline(PCA(3, whiten=True), SVC()).fit(np.asarray(X), Y)
    np.testing.assert_array_equal(wrapped.predict(X), bare.predict(np.asarray(X)))


def test_a_search_reaches_the_parameters_of_the_transformer():
    pipeline = make_pipeline(SpectralTransformer(PCA()), SVC())
    grid = {"spectraltransformer__transformer__n_components": [1, 4]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_estimator_[0].transformer_.n_components_ in (1, 4)
    assert search.best_score_ > 0.5


# NaN, infinity, and masked pixels


@choices
@pytest.mark.parametrize("nodata", [np.nan, np.inf, -9999.0])
def test_what_a_masked_pixel_holds_does_not_matter(fit_on, nodata):
    def blank_masked(cube):
        cube[~MASK] = nodata

    blanked, _ = same_scene_but(blank_masked).labeled_pixels()
    given, expected = (
        SpectralTransformer(StandardScaler(), fit_on=fit_on).fit_transform(part)
        for part in (blanked, X)
    )
    np.testing.assert_array_equal(np.asarray(given), np.asarray(expected))
    assert np.isfinite(given.scene.cube).all()


@choices
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_used_spectrum_that_is_not_finite_is_an_error_before_any_fitting(fit_on, bad):
    def spoil(cube):
        cube[X.rows[7], X.cols[7], 2] = bad

    spoilt, _ = same_scene_but(spoil).labeled_pixels()
    transformer = SpectralTransformer(Spy(), fit_on=fit_on)
    with pytest.raises(ValueError, match=rf"NaN or infinity .*row {X.rows[7]}, .*{X.cols[7]}:"):
        transformer.fit(spoilt)
    assert not hasattr(transformer, "transformer_")


def test_a_spectrum_that_is_not_finite_is_an_error_at_transform_too():
    def spoil(cube):
        cube[X.rows[7], X.cols[7], 2] = np.nan

    spoilt, _ = same_scene_but(spoil).labeled_pixels()
    with pytest.raises(ValueError, match="NaN or infinity"):
        SpectralTransformer(StandardScaler()).fit(X).transform(spoilt)


# Bad input


@pytest.mark.parametrize("plain", [np.ones((9, 6)), [[1.0]], None, Scene(np.ones((2, 2, 6)))])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
def test_anything_but_pixels_is_an_error_that_says_what_to_pass(plain, method):
    transformer = SpectralTransformer(StandardScaler()).fit(X)
    with pytest.raises(TypeError, match=type(plain).__name__) as error:
        getattr(transformer, method)(plain)
    for name in ("SpectralTransformer", "PixelSamples", "labeled_pixels"):
        assert name in str(error.value)


@pytest.mark.parametrize("transformer", [None, "passthrough", SVC(), 3], ids=str)
def test_something_that_does_not_transform_is_an_error(transformer):
    with pytest.raises(ValueError, match="transformer"):
        SpectralTransformer(transformer).fit(X)


def test_a_class_in_place_of_a_transformer_is_an_error():
    with pytest.raises(TypeError, match="instance"):
        SpectralTransformer(StandardScaler).fit(X)


@pytest.mark.parametrize("fit_on", ["all", "Scene", "", None, True])
def test_an_unknown_choice_of_pixels_to_fit_on_is_an_error_that_lists_the_known(fit_on):
    with pytest.raises(ValueError, match="fit_on") as error:
        SpectralTransformer(StandardScaler(), fit_on=fit_on).fit(X)
    for known in ("samples", "scene"):
        assert repr(known) in str(error.value)


def test_another_number_of_bands_than_in_fit_is_an_error():
    transformer = SpectralTransformer(StandardScaler()).fit(X)
    with pytest.raises(ValueError, match=r"5 features.*expecting 6 features"):
        transformer.transform(X[:, :5])


@pytest.mark.parametrize("pixels", [X, np.ones((3, 6))], ids=["pixels", "array"])
def test_a_transformer_that_is_not_fitted_is_an_error(pixels):
    with pytest.raises(NotFittedError, match="SpectralTransformer"):
        SpectralTransformer(StandardScaler()).transform(pixels)


def test_a_fit_that_failed_leaves_the_transformer_unfitted():
    transformer = SpectralTransformer(SelectKBest(k=2))
    with pytest.raises(ValueError, match="y"):
        transformer.fit(X)
    with pytest.raises(NotFittedError):
        transformer.transform(X)


def test_sparse_output_is_an_error_with_a_remedy():
    X = Scene(np.arange(12).reshape(2, 3, 2) % 3).pixels()
    with pytest.raises(ValueError, match=r"OneHotEncoder .*sparse.*sparse_output=False"):
        SpectralTransformer(OneHotEncoder()).fit_transform(X)
    dense = SpectralTransformer(OneHotEncoder(sparse_output=False)).fit_transform(X)
    np.testing.assert_array_equal(dense, OneHotEncoder().fit_transform(np.asarray(X)).todense())


# The contract of a scikit-learn transformer


def test_a_clone_has_a_clone_of_the_transformer_and_is_not_fitted():
    original = SpectralTransformer(PCA(2), fit_on="scene").fit(X)
    copied = clone(original)
    assert copied.transformer is not original.transformer
    assert copied.transformer.n_components == 2
    assert copied.fit_on == "scene"
    with pytest.raises(NotFittedError):
        copied.transform(X)


def test_parameters_of_the_transformer_are_parameters():
    transformer = SpectralTransformer(PCA(2)).set_params(transformer__n_components=4)
    assert transformer.get_params()["transformer__n_components"] == 4
    assert transformer.fit_transform(X).shape[1] == 4


@choices
def test_fit_returns_the_transformer_and_leaves_the_one_it_was_given_alone(fit_on):
    scaler = StandardScaler()
    transformer = SpectralTransformer(scaler, fit_on=fit_on)
    assert not hasattr(transformer, "n_features_in_")
    assert transformer.fit(X, Y) is transformer
    assert transformer.n_features_in_ == 6
    assert transformer.transformer is scaler
    assert transformer.fit_on == fit_on
    assert not hasattr(scaler, "mean_")
    learned = {name for name in vars(transformer) if name.endswith("_")}
    of_bands = {"n_features_in_", "wavelengths_in_", "feature_names_in_"}
    assert learned == {"transformer_", *of_bands}


def test_fitting_twice_is_as_fitting_once():
    once, twice = SpectralTransformer(PCA(3)).fit(X), SpectralTransformer(PCA(3)).fit(X).fit(X)
    np.testing.assert_array_equal(once.transform(X), twice.transform(X))


def test_fitting_again_forgets_the_earlier_pixels():
    transformer = SpectralTransformer(StandardScaler()).fit(X[:9, :2]).fit(X)
    assert transformer.n_features_in_ == 6
    expected = SpectralTransformer(StandardScaler()).fit_transform(X)
    np.testing.assert_array_equal(transformer.transform(X), expected)


def test_transform_changes_neither_the_transformer_nor_the_pixels():
    transformer = SpectralTransformer(StandardScaler()).fit(X)
    state, flat, array = dict(vars(transformer)), X.positions.copy(), np.asarray(X)
    transformer.transform(X)
    assert vars(transformer) == state
    np.testing.assert_array_equal(X.positions, flat)
    np.testing.assert_array_equal(np.asarray(X), array)


def test_a_sample_does_not_depend_on_the_others_it_is_transformed_with():
    transformer = SpectralTransformer(PCA(3)).fit(X)
    together = np.asarray(transformer.transform(X))
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(transformer.transform(X[order]), together[order])
    np.testing.assert_array_equal(transformer.transform(X[3:4]), together[3:4])


@choices
def test_a_pickled_transformer_holds_no_cube_and_works_on(fit_on):
    scene = Scene(RNG.normal(size=(100, 100, 6)))
    transformer = SpectralTransformer(PCA(3), fit_on=fit_on).fit(scene.pixels())
    pickled = pickle.dumps(transformer)
    assert len(pickled) < scene.cube.nbytes / 100
    np.testing.assert_array_equal(pickle.loads(pickled).transform(X), transformer.transform(X))


@pytest.mark.parametrize("output", ["pandas", "default"])
def test_set_output_leaves_pixels_what_they_are(output):
    pipeline = make_pipeline(SpectralTransformer(StandardScaler())).set_output(transform=output)
    assert isinstance(pipeline.fit_transform(X), PixelSamples)
    transformer = SpectralTransformer(StandardScaler())
    assert transformer.set_output(transform=output) is transformer


@pytest.mark.parametrize("wish", ["global", "of the transformer"])
def test_a_wish_for_data_frames_leaves_pixels_what_they_are(wish):
    expected = SpectralTransformer(PCA(2)).fit_transform(X)
    scope = {"transform_output": "pandas"} if wish == "global" else {}
    inner = PCA(2) if wish == "global" else PCA(2).set_output(transform="pandas")
    with sklearn.config_context(**scope):
        result = SpectralTransformer(inner).fit_transform(X)
    assert isinstance(result, PixelSamples)
    np.testing.assert_array_equal(result, expected)
