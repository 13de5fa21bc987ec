"""Estimators know the bands of their fit by number, wavelength and name."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from sklearn_hsiode import (
    ODENetClassifier,
    PatchExtractor,
    PatchNetClassifier,
    ResNetClassifier,
    Scene,
    SpectralTransformer,
)
from sklearn_hsiode.baselines import CoordinateClassifier
from sklearn_hsiode.preprocessing import ContinuumRemoval, StandardNormalVariate

WAVELENGTHS = np.array([450.0, 550.5, 650.0, 2200.0])
NAMES = ["450 nm", "550.5 nm", "650 nm", "2200 nm"]
CUBE = np.random.default_rng(0).random((6, 5, 4))
LABELS = np.arange(30).reshape(6, 5) % 3


def pixels(wavelengths=None, n_bands=4):
    return Scene(CUBE[:, :, :n_bands], LABELS, wavelengths=wavelengths).labeled_pixels()


def linear(n_bands, n_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(n_bands, n_classes))


QUICK = {"max_epochs": 1, "n_filters": 2, "validation": "random", "random_state": 0}
CLASSIFIERS = [
    ODENetClassifier(n_steps=1, **QUICK),
    ResNetClassifier(n_blocks=1, **QUICK),
    PatchNetClassifier(linear, max_epochs=1, device="cpu", random_state=0),
]
VIEWS = [ContinuumRemoval(), StandardNormalVariate()]
TRANSFORMERS = [PatchExtractor(3), SpectralTransformer(StandardScaler()), *VIEWS]


def parametrize(estimators):
    return pytest.mark.parametrize(
        "estimator", estimators, ids=lambda estimator: type(estimator).__name__, indirect=True
    )


@pytest.fixture
def estimator(request):
    return clone(request.param)


everyone = parametrize([*CLASSIFIERS, *TRANSFORMERS, CoordinateClassifier()])


def use(estimator, X):
    return getattr(estimator, "predict" if hasattr(estimator, "predict") else "transform")(X)


@everyone
def test_bands_of_known_wavelength_are_named_by_it(estimator):
    estimator.fit(*pixels(WAVELENGTHS))
    assert estimator.n_features_in_ == 4
    assert estimator.feature_names_in_.tolist() == NAMES
    assert estimator.feature_names_in_.dtype == object
    np.testing.assert_array_equal(estimator.wavelengths_in_, WAVELENGTHS)


@everyone
def test_bands_of_unknown_wavelength_have_no_names(estimator):
    estimator.fit(*pixels())
    assert estimator.n_features_in_ == 4
    assert not hasattr(estimator, "feature_names_in_")
    assert not hasattr(estimator, "wavelengths_in_")


@everyone
@pytest.mark.parametrize(
    ("wavelengths", "band"),
    [
        (WAVELENGTHS[::-1], 1),  # another order
        (WAVELENGTHS + np.eye(4)[1] * 30, 2),  # another sensor
        (WAVELENGTHS + np.eye(4)[3] * 1.01, 4),
        (WAVELENGTHS / 1000, 4),  # micrometres
    ],
)
def test_bands_at_other_wavelengths_are_refused(estimator, wavelengths, band):
    estimator.fit(*pixels(WAVELENGTHS))
    X, _ = pixels(wavelengths)
    who = type(estimator).__name__
    with pytest.raises(ValueError, match=rf"{who} was fitted at other wavelengths: band {band} "):
        use(estimator, X)


@everyone
@pytest.mark.parametrize("shift", [0.99, -0.99])
def test_a_nanometre_makes_no_other_band(estimator, shift):
    estimator.fit(*pixels(WAVELENGTHS))
    np.testing.assert_array_equal(
        *(use(estimator, pixels(WAVELENGTHS + away)[0]) for away in (0, shift))
    )


@everyone
@pytest.mark.parametrize(("fitted", "given"), [(WAVELENGTHS, None), (None, WAVELENGTHS)])
def test_bands_are_not_compared_where_a_side_is_unknown(estimator, fitted, given):
    estimator.fit(*pixels(fitted))
    assert len(use(estimator, pixels(given)[0])) == 20


@everyone
@pytest.mark.parametrize("known", [True, False])
def test_another_number_of_bands_is_refused(estimator, known):
    wavelengths = WAVELENGTHS if known else None
    estimator.fit(*pixels(wavelengths))
    fewer, _ = pixels(wavelengths[:3] if known else None, n_bands=3)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        use(estimator, fewer)


@everyone
def test_a_fit_without_wavelengths_forgets_those_of_an_earlier_one(estimator):
    estimator.fit(*pixels(WAVELENGTHS)).fit(*pixels())
    assert not hasattr(estimator, "feature_names_in_")
    assert not hasattr(estimator, "wavelengths_in_")
    use(estimator, pixels(WAVELENGTHS[::-1])[0])


@parametrize([*CLASSIFIERS, *VIEWS])
def test_a_fit_on_an_array_forgets_the_wavelengths_of_an_earlier_one(estimator):
    X, y = pixels(WAVELENGTHS)
    estimator.fit(X, y).fit(np.asarray(X), y)
    assert not hasattr(estimator, "feature_names_in_")
    assert not hasattr(estimator, "wavelengths_in_")
    use(estimator, pixels(WAVELENGTHS[::-1])[0])


@parametrize([*CLASSIFIERS, *VIEWS])
def test_an_array_counts_as_the_bands_of_the_fit(estimator):
    X, y = pixels(WAVELENGTHS)
    estimator.fit(X, y)
    np.testing.assert_array_equal(use(estimator, np.asarray(X)), use(estimator, X))
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        use(estimator, np.asarray(X)[:, :3])


@parametrize(CLASSIFIERS)
def test_patches_know_the_bands_of_their_pixels(estimator):
    X, y = pixels(WAVELENGTHS)
    estimator.fit(PatchExtractor(1).fit_transform(X), y)
    assert estimator.feature_names_in_.tolist() == NAMES
    other = PatchExtractor(1).fit_transform(pixels(WAVELENGTHS[::-1])[0])
    with pytest.raises(ValueError, match="other wavelengths"):
        estimator.predict(other)


# Names of what comes out


@pytest.mark.parametrize("inner", [StandardScaler(), PCA(2), SelectKBest(k=2)], ids=str)
def test_transformed_bands_have_the_names_that_the_inner_transformer_gives(inner):
    X, y = pixels(WAVELENGTHS)
    names = SpectralTransformer(inner).fit(X, y).get_feature_names_out()
    bare = clone(inner).fit(np.asarray(X), y)
    assert names.tolist() == bare.get_feature_names_out(NAMES).tolist()


def test_patches_have_the_bands_of_their_pixels():
    assert PatchExtractor(3).fit(pixels(WAVELENGTHS)[0]).get_feature_names_out().tolist() == NAMES


@parametrize(TRANSFORMERS)
def test_names_are_those_given_or_numbered_where_no_wavelength_is_known(estimator):
    estimator.fit(pixels()[0])
    assert estimator.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
    assert estimator.get_feature_names_out(list("abcd")).tolist() == list("abcd")
    with pytest.raises(ValueError, match="input_features"):
        estimator.get_feature_names_out(["a"])


@parametrize(TRANSFORMERS)
def test_names_that_differ_from_the_wavelengths_of_the_fit_are_refused(estimator):
    estimator.fit(pixels(WAVELENGTHS)[0])
    with pytest.raises(ValueError, match="input_features"):
        estimator.get_feature_names_out(list("abcd"))


@pytest.mark.parametrize("wavelengths", [WAVELENGTHS, None], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("inner", "expected"),
    [(PCA(3), ["pca0", "pca1", "pca2"]), (StandardScaler(), None)],
    ids=["components", "bands"],
)
def test_a_pipeline_hands_names_on(wavelengths, inner, expected):
    pipeline = make_pipeline(SpectralTransformer(inner), PatchExtractor(3), CLASSIFIERS[0])
    pipeline.fit(*pixels(wavelengths))
    bands = NAMES if wavelengths is not None else ["x0", "x1", "x2", "x3"]
    assert pipeline[:-1].get_feature_names_out().tolist() == (expected or bands)
    assert hasattr(pipeline, "feature_names_in_") == (wavelengths is not None)
    assert pipeline.n_features_in_ == 4


def test_an_inner_transformer_without_names_has_none_to_give():
    transformer = SpectralTransformer(FunctionTransformer()).fit(pixels()[0])
    with pytest.raises(AttributeError, match="get_feature_names_out"):
        transformer.get_feature_names_out()
