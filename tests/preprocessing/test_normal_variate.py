"""StandardNormalVariate leaves of a spectrum nothing but its shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from sklearn_hsiode import Scene
from sklearn_hsiode.preprocessing import StandardNormalVariate

SPECTRA = np.random.default_rng(0).uniform(-9, 8373, (20, 30))
any_spectra = arrays(float, (3, 8), elements=st.floats(-1e6, 1e6))


@given(any_spectra)
def test_a_spectrum_gets_a_mean_of_zero_and_a_deviation_of_one_unless_it_is_flat(spectra):
    view = StandardNormalVariate().fit_transform(spectra)
    flat = np.ptp(spectra, axis=1) == 0
    np.testing.assert_array_equal(view[flat], 0)
    np.testing.assert_allclose(view[~flat].mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(view[~flat].std(axis=1), 1)


def test_it_is_the_standardisation_of_each_row():
    expected = StandardScaler().fit_transform(SPECTRA.T).T
    np.testing.assert_allclose(StandardNormalVariate().fit_transform(SPECTRA), expected)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_brightness_and_offset_do_not_matter(brightness, offset):
    snv = StandardNormalVariate().fit(SPECTRA)
    view = snv.transform(brightness * SPECTRA + offset)
    np.testing.assert_allclose(view, snv.transform(SPECTRA), atol=1e-6)


@pytest.mark.parametrize("value", [0, 0.1, -7, 1e30])
def test_a_flat_spectrum_becomes_zeros(value):
    view = StandardNormalVariate().fit_transform(np.full((2, 200), value))
    np.testing.assert_array_equal(view, 0)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_spectrum_may_span_more_than_the_largest_number(kind):
    spectrum = np.array([[0.9, -0.9, 0]], dtype=kind) * np.finfo(kind).max
    view = StandardNormalVariate().fit_transform(spectrum)
    np.testing.assert_allclose(view, np.sqrt([[1.5, 1.5, 0]]) * [1, -1, 1], rtol=1e-6)


@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
def test_single_precision_stays_and_all_else_becomes_double(kind):
    spectra = SPECTRA.astype(kind)
    view = StandardNormalVariate().fit_transform(spectra)
    assert view.dtype == ("f4" if kind == "f4" else "f8")
    for rows in ([3], [7, 2], list(range(11))):
        alone = StandardNormalVariate().fit_transform(spectra[rows])
        np.testing.assert_array_equal(alone, view[rows])


def test_values_that_are_not_finite_are_an_error():
    with pytest.raises(ValueError, match="NaN"):
        StandardNormalVariate().fit(np.where(SPECTRA > 8000, np.nan, SPECTRA))


def test_pixels_at_other_wavelengths_than_those_of_the_fit_are_refused():
    cube, wavelengths = SPECTRA.reshape(4, 5, 30), np.arange(400, 700, 10.0)
    snv = StandardNormalVariate().fit(Scene(cube, wavelengths=wavelengths).pixels())
    with pytest.raises(ValueError, match="other wavelengths"):
        snv.transform(Scene(cube, wavelengths=wavelengths + 5).pixels())
