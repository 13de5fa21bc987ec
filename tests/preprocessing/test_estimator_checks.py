"""scikit-learn's own checks of the views of spectra, and what its tools do with them."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_hsiode import Scene
from sklearn_hsiode.preprocessing import ContinuumRemoval, SpectralDerivative, StandardNormalVariate

VIEWS = [
    SpectralDerivative(),
    SpectralDerivative(log=True),
    SpectralDerivative(order=0, window_length=1, polyorder=0, log=True),
    StandardNormalVariate(),
    ContinuumRemoval(),
]
RNG = np.random.default_rng(0)
LABELS = np.arange(30).reshape(5, 6) % 3 + 1
WAVELENGTHS = np.r_[400:500:10.0, 900:1000:10.0]
SCENE = Scene(RNG.uniform(1, 2, (5, 6, 20)) * LABELS[:, :, None], LABELS, wavelengths=WAVELENGTHS)
X, Y = SCENE.labeled_pixels()
views = pytest.mark.parametrize("view", VIEWS, ids=str)


# The checks have few bands and values of both signs.
@pytest.mark.filterwarnings("ignore:window_length", "ignore:log=True", "ignore:ContinuumRemoval")
@parametrize_with_checks(VIEWS)
def test_the_checks_of_scikit_learn_pass(estimator, check):
    check(estimator)


@views
def test_pixels_count_as_their_spectra_at_their_wavelengths(view):
    at = {"wavelengths": WAVELENGTHS} if hasattr(view, "wavelengths") else {}
    expected = type(view)(**view.get_params() | at).fit_transform(np.asarray(X))
    np.testing.assert_array_equal(view.fit_transform(X), expected)


@views
def test_a_pipeline_learns_from_a_view(view):
    model = make_pipeline(view, SVC()).fit(X, Y)
    assert model.predict(X).shape == Y.shape


@views
def test_a_table_has_the_names_of_the_bands(view):
    table = view.set_output(transform="pandas").fit_transform(X)
    view.set_output(transform="default")
    assert table.columns.tolist() == [f"{wavelength:g} nm" for wavelength in WAVELENGTHS]
    np.testing.assert_array_equal(table, view.fit_transform(X))


@views
def test_columns_are_transformed_side_by_side(view):
    parts = make_column_transformer((view, slice(0, 10)), (view, slice(10, 20)))
    expected = [view.fit_transform(X[:, part]) for part in (slice(0, 10), slice(10, 20))]
    np.testing.assert_array_equal(parts.fit_transform(X), np.hstack(expected))


@views
def test_nan_names_its_place_in_the_scene(view):
    cube = SCENE.cube.copy()
    cube[2, 3, 4] = np.nan
    spoilt = Scene(cube, LABELS, wavelengths=WAVELENGTHS).pixels()
    with pytest.raises(ValueError, match=r"NaN or infinity .*row 2, column 3"):
        view.fit(spoilt)
    with pytest.raises(ValueError, match=r"NaN or infinity .*row 2, column 3"):
        view.fit(X).transform(spoilt)


@views
def test_another_number_of_bands_is_refused(view):
    with pytest.raises(ValueError, match=r"X has 19 features, but .* is expecting 20"):
        view.fit(X).transform(X[:, :19])
    with pytest.raises(ValueError, match=r"X has 19 features, but .* is expecting 20"):
        view.transform(np.asarray(X)[:, :19])
