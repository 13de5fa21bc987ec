"""SpectralDerivative is the Savitzky-Golay derivative within each run of bands."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from scipy.signal import savgol_filter
from sklearn.pipeline import FeatureUnion

from sklearn_hsiode import Scene
from sklearn_hsiode.preprocessing import SpectralDerivative

few_examples = settings(deadline=None, max_examples=50)
RNG = np.random.default_rng(0)
SPECTRA = RNG.uniform(100, 5000, (20, 30))
GAPPED = np.r_[400:600:10.0, 900:1000:10.0]  # 20 bands and 10


@st.composite
def filters(draw):
    """Order, window length and order of the polynomial."""
    window_length = draw(st.sampled_from([3, 5, 7, 9]))
    polyorder = draw(st.integers(0, min(window_length - 1, 3)))
    return draw(st.integers(0, polyorder)), window_length, polyorder


# What it gives


@few_examples
@given(filters(), st.lists(st.floats(-5, 5), min_size=1, max_size=4), st.integers(9, 40))
def test_it_is_exact_for_polynomials_up_to_its_order(parameters, coefficients, n_bands):
    order, _, polyorder = parameters
    polynomial = Polynomial(coefficients[: polyorder + 1])
    bands = np.arange(n_bands)
    view = SpectralDerivative(*parameters).fit_transform(polynomial(bands)[np.newaxis])
    exact = polynomial.deriv(order)(bands) if order else polynomial(bands)
    np.testing.assert_allclose(view[0], exact, rtol=1e-7, atol=1e-7 * n_bands**polyorder)


@few_examples
@given(filters(), st.integers(0, 2**32 - 1))
def test_in_one_run_it_is_the_filter_of_scipy(parameters, seed):
    spectra = np.random.default_rng(seed).normal(size=(4, 15))
    order, window_length, polyorder = parameters
    expected = savgol_filter(spectra, window_length, polyorder, deriv=order, axis=1)
    view = SpectralDerivative(*parameters).fit_transform(spectra)
    np.testing.assert_allclose(view, expected, atol=1e-12)


@few_examples
@given(filters(), st.integers(0, 2**32 - 1), st.booleans())
def test_nothing_reaches_across_a_gap(parameters, seed, log):
    rng = np.random.default_rng(seed)
    spectra = rng.uniform(1, 2, (3, 30))
    changed = spectra.copy()
    changed[:, 20:] = rng.uniform(1, 2, (3, 10))
    derivative = SpectralDerivative(*parameters, log=log, wavelengths=GAPPED).fit(spectra)
    before, after = derivative.transform(spectra), derivative.transform(changed)
    np.testing.assert_array_equal(before[:, :20], after[:, :20])
    assert not np.isclose(before[:, 20:], after[:, 20:]).all()


def test_each_run_is_filtered_as_if_it_were_alone():
    view = SpectralDerivative(wavelengths=GAPPED).fit_transform(SPECTRA)
    alone = [
        SpectralDerivative().fit_transform(SPECTRA[:, part]) for part in (slice(20), slice(20, 30))
    ]
    np.testing.assert_allclose(view, np.hstack(alone), atol=1e-9)


def test_without_wavelengths_all_bands_are_one_run():
    derivative = SpectralDerivative().fit(SPECTRA)
    assert derivative.runs_.tolist() == [[0, 30]]
    assert not hasattr(derivative, "wavelengths_in_")


@few_examples
@given(filters(), st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_the_logarithm_cancels_the_brightness(parameters, brightness, seed):
    assume(parameters[0] > 0)
    spectra = np.random.default_rng(seed).uniform(0.1, 1, (5, 12))
    derivative = SpectralDerivative(*parameters, log=True)
    view = derivative.fit_transform(spectra)
    np.testing.assert_allclose(derivative.fit_transform(brightness * spectra), view, atol=1e-9)
    shaded = np.vstack([spectra, spectra * 0.5])
    np.testing.assert_allclose(*np.split(derivative.fit_transform(shaded), 2), atol=1e-9)


def test_the_logarithm_is_taken_before_the_derivative():
    expected = savgol_filter(np.log(SPECTRA), 7, 2, deriv=1, axis=1)
    view = SpectralDerivative(log=True).fit_transform(SPECTRA)
    np.testing.assert_allclose(view, expected, atol=1e-12)


def test_logarithm_and_its_derivative_lie_side_by_side_in_a_union():
    bare = SpectralDerivative(order=0, window_length=1, polyorder=0, log=True)
    union = FeatureUnion([("log", bare), ("slope", SpectralDerivative(log=True))])
    expected = np.hstack([np.log(SPECTRA), SpectralDerivative(log=True).fit_transform(SPECTRA)])
    np.testing.assert_allclose(union.fit_transform(SPECTRA), expected, atol=1e-12)
    assert union.get_feature_names_out().tolist()[::30] == ["log__x0", "slope__x0"]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
def test_single_precision_stays_and_all_else_becomes_double(kind, log):
    spectra = SPECTRA.astype(kind)
    view = SpectralDerivative(log=log).fit_transform(spectra)
    assert view.dtype == ("f4" if kind == "f4" else "f8")
    expected = SpectralDerivative(log=log).fit_transform(spectra.astype("f8"))
    np.testing.assert_allclose(view, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_spectrum_comes_out_the_same_to_the_bit_whatever_it_is_with(kind):
    spectra = SPECTRA.astype(kind)
    derivative = SpectralDerivative(log=True).fit(spectra)
    together = derivative.transform(spectra)
    for rows in ([3], [7, 2], list(range(11))):
        np.testing.assert_array_equal(derivative.transform(spectra[rows]), together[rows])


def test_spectra_that_are_given_stay_as_they_are():
    spectra = SPECTRA.copy()
    SpectralDerivative(log=True).fit_transform(spectra)
    np.testing.assert_array_equal(spectra, SPECTRA)


# Zero and negative values


@few_examples
@given(
    st.lists(st.sampled_from([-9.0, 0.0, 1e-300, 1.0, 50.0, 8373.0]), min_size=7, max_size=20),
    st.sampled_from(["f4", "f8"]),
)
def test_the_logarithm_of_any_spectrum_is_finite(spectrum, kind):
    derivative = SpectralDerivative(log=True).fit(SPECTRA[:, : len(spectrum)].astype(kind))
    assert np.isfinite(derivative.transform(np.array([spectrum], kind))).all()


def test_values_below_a_hundredth_of_their_bands_median_are_raised_to_it():
    spectra = SPECTRA.copy()
    spectra[0, 4] = -9
    derivative = SpectralDerivative(log=True).fit(spectra)
    positive = np.where(spectra > 0, spectra, np.nan)
    np.testing.assert_allclose(derivative.floor_, np.nanmedian(positive, axis=0) / 100)
    for low in (0, -1e6, derivative.floor_[4] / 2):
        raised = np.where(spectra < 0, low, spectra)
        np.testing.assert_array_equal(
            derivative.transform(raised),
            derivative.transform(np.maximum(raised, derivative.floor_)),
        )


def test_a_band_without_any_signal_takes_the_floor_of_a_typical_one():
    spectra = SPECTRA.copy()
    spectra[:, 4] = 0
    with pytest.warns(UserWarning, match="log=True"):
        derivative = SpectralDerivative(log=True).fit(spectra)
    assert derivative.floor_[4] == np.median(np.delete(derivative.floor_, 4))


def test_the_fit_warns_where_many_values_have_no_logarithm():
    spectra = SPECTRA.copy()
    spectra[0, :5] = 0  # 5 of 600
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SpectralDerivative(log=True).fit(spectra)
    spectra[1, :5] = -1
    with pytest.warns(UserWarning, match=r"more than 1 % .*log=False") as record:
        SpectralDerivative(log=True).fit(spectra)
    assert record[0].filename == __file__


def test_spectra_without_any_positive_value_have_no_logarithm():
    with pytest.raises(ValueError, match=r"log=True needs positive values"):
        SpectralDerivative(log=True).fit(-SPECTRA)


# Bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window_length": 8}, "window_length must be odd.* got 8"),
        ({"window_length": 0}, "window_length"),
        ({"window_length": 7.0}, "window_length"),
        ({"polyorder": 7}, "polyorder=7 must be less than window_length=7"),
        ({"polyorder": -1}, "polyorder"),
        ({"order": 3}, "order=3 must not exceed polyorder=2"),
        ({"order": -1}, "order"),
        ({"log": "yes"}, "log"),
        ({"wavelengths": "nm"}, "wavelengths"),
        ({"wavelengths": GAPPED[:-1]}, "holds 29 values, but X has 30 bands.* changes the bands"),
        ({"wavelengths": GAPPED[:, np.newaxis]}, "wavelengths"),
        ({"wavelengths": np.where(GAPPED > 900, np.nan, GAPPED)}, "finite"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_an_error_that_names_it(parameters, message):
    with pytest.raises(ValueError, match=message):
        SpectralDerivative(**parameters).fit(SPECTRA)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_values_that_are_not_finite_are_an_error(bad, method):
    spectra = SPECTRA.copy()
    spectra[3, 2] = bad
    derivative = SpectralDerivative(log=True).fit(SPECTRA)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        getattr(derivative, method)(spectra)


def test_a_run_shorter_than_the_window_is_warned_of_by_its_bands():
    derivative = SpectralDerivative(wavelengths=np.r_[400:600:10.0, 900, 1200:1290:10.0])
    message = r"window_length=7 is longer than 1 of 3 runs .* bands 21 to 21 .*X\[:, bands\]"
    with pytest.warns(UserWarning, match=message) as record:
        derivative.fit(SPECTRA)
    assert record[0].filename == __file__
    np.testing.assert_array_equal(derivative.transform(SPECTRA)[:, 20], 0)


@few_examples
@given(st.integers(1, 6), st.integers(0, 2))
@pytest.mark.filterwarnings("ignore:window_length")
def test_to_a_run_shorter_than_the_window_one_polynomial_is_fitted(n_bands, order):
    spectra = SPECTRA[:, :n_bands]
    view = SpectralDerivative(order=order).fit_transform(spectra)
    bands = np.arange(n_bands)
    for spectrum, values in zip(spectra, view, strict=True):
        polynomial = Polynomial.fit(bands, spectrum, min(2, n_bands - 1))
        exact = polynomial.deriv(order)(bands) if order else polynomial(bands)
        np.testing.assert_allclose(values, exact, atol=1e-7)


def test_unsorted_wavelengths_are_warned_of_with_the_remedy():
    wavelengths = RNG.permutation(np.arange(400, 700, 10.0))
    with pytest.warns(UserWarning, match="sort them"):
        SpectralDerivative(wavelengths=wavelengths).fit(SPECTRA)


# Wavelengths of a scene


def scene(wavelengths=GAPPED):
    return Scene(SPECTRA.reshape(4, 5, 30), wavelengths=wavelengths)


def test_pixels_bring_the_wavelengths_of_their_scene():
    derivative = SpectralDerivative().fit(scene().pixels())
    assert derivative.runs_.tolist() == [[0, 20], [20, 30]]
    np.testing.assert_array_equal(derivative.wavelengths_in_, GAPPED)
    expected = SpectralDerivative(wavelengths=GAPPED).fit_transform(SPECTRA)
    np.testing.assert_array_equal(derivative.transform(scene().pixels()), expected)
    np.testing.assert_array_equal(derivative.transform(SPECTRA), expected)
    assert derivative.get_feature_names_out().tolist()[20] == "900 nm"


@pytest.mark.parametrize("given", [None, GAPPED])
def test_pixels_at_other_wavelengths_than_those_of_the_fit_are_refused(given):
    derivative = SpectralDerivative(wavelengths=given)
    derivative.fit(scene().pixels() if given is None else SPECTRA)
    with pytest.raises(ValueError, match="SpectralDerivative was fitted at other wavelengths"):
        derivative.transform(scene(GAPPED + 2).pixels())


def test_wavelengths_that_contradict_the_scene_are_refused():
    derivative = SpectralDerivative(wavelengths=GAPPED + 2)
    with pytest.raises(ValueError, match="not those of the scene"):
        derivative.fit(scene().pixels())
    derivative.fit(scene(None).pixels())


def test_a_fit_on_an_array_forgets_the_wavelengths_of_an_earlier_one():
    derivative = SpectralDerivative().fit(scene().pixels()).fit(SPECTRA)
    assert not hasattr(derivative, "wavelengths_in_")
    assert derivative.runs_.tolist() == [[0, 30]]


def test_the_scene_of_potsdam_has_its_derivatives_within_each_detector(enmap):
    scene, _ = enmap
    X, _ = scene.labeled_pixels()
    with pytest.warns(UserWarning, match="log=True"):  # much of the water is zero
        view = SpectralDerivative(log=True).fit_transform(X)
    assert view.dtype == np.float32
    assert np.isfinite(view).all()
    with pytest.warns(UserWarning, match="log=True"):
        alone = SpectralDerivative(log=True).fit_transform(np.asarray(X)[:, :91])
    np.testing.assert_array_equal(view[:, :91], alone)


def test_salinas_with_its_negative_values_has_finite_derivatives(salinas_a):
    view = SpectralDerivative(log=True).fit_transform(salinas_a.pixels())
    assert np.isfinite(view).all()
    assert np.abs(view).max() < 5
