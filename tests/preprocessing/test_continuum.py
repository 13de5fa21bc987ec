"""ContinuumRemoval divides a spectrum by its upper convex hull."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull

from sklearn_hsiode import Scene
from sklearn_hsiode.preprocessing import ContinuumRemoval

few_examples = settings(deadline=None, max_examples=50)
RNG = np.random.default_rng(0)
SPECTRA = RNG.uniform(100, 5000, (20, 30))
WAVELENGTHS = np.r_[400:600:10.0, 900:1000:10.0]
positive_spectra = arrays(float, (4, 12), elements=st.floats(0.001, 1000))
places = st.lists(st.integers(300, 2500), min_size=12, max_size=12, unique=True)


def hull_of(spectrum, wavelengths):
    """The upper convex hull at each wavelength, from the hull of the points and of their feet."""
    span = [wavelengths.min(), wavelengths.max()]
    feet = np.column_stack([span, [spectrum.min() - spectrum.max() - 1] * 2])
    points = np.vstack([np.column_stack([wavelengths, spectrum]), feet])
    vertices = ConvexHull(points).vertices
    upper = np.sort(vertices[vertices < len(spectrum)])
    upper = upper[np.argsort(wavelengths[upper])]
    return np.interp(wavelengths, wavelengths[upper], spectrum[upper])


@few_examples
@given(positive_spectra, places)
def test_it_is_the_spectrum_over_the_hull_that_qhull_finds(spectra, wavelengths):
    wavelengths = np.array(wavelengths, float)
    view = ContinuumRemoval(wavelengths).fit_transform(spectra)
    expected = [spectrum / hull_of(spectrum, wavelengths) for spectrum in spectra]
    np.testing.assert_allclose(view, expected, rtol=1e-6)


@few_examples
@given(positive_spectra, st.floats(1e-3, 1e3))
def test_it_lies_between_zero_and_one_whatever_the_brightness(spectra, brightness):
    removal = ContinuumRemoval().fit(spectra)
    view = removal.transform(spectra)
    assert ((view > 0) & (view <= 1)).all()
    np.testing.assert_array_equal(view[:, [0, -1]], 1)
    np.testing.assert_array_equal(view[np.arange(4), spectra.argmax(axis=1)], 1)
    np.testing.assert_allclose(removal.transform(brightness * spectra), view, rtol=1e-9)


@few_examples
@given(st.permutations(range(30)))
def test_the_order_of_the_bands_does_not_matter(order):
    sorted_view = ContinuumRemoval(WAVELENGTHS).fit_transform(SPECTRA)
    view = ContinuumRemoval(WAVELENGTHS[order]).fit_transform(SPECTRA[:, order])
    np.testing.assert_array_equal(view, sorted_view[:, order])


def test_without_wavelengths_the_bands_are_evenly_spaced():
    expected = ContinuumRemoval(np.arange(400, 700, 10)).fit_transform(SPECTRA)
    np.testing.assert_allclose(ContinuumRemoval().fit_transform(SPECTRA), expected)


@pytest.mark.parametrize("n_bands", [1, 2])
def test_one_or_two_bands_are_all_hull(n_bands):
    np.testing.assert_array_equal(ContinuumRemoval().fit_transform(SPECTRA[:, :n_bands]), 1)


def test_a_straight_spectrum_is_all_hull():
    straight = np.linspace(1, 3, 30) * np.arange(1, 4)[:, np.newaxis]
    np.testing.assert_allclose(ContinuumRemoval().fit_transform(straight), 1)


@pytest.mark.parametrize("kind", ["i2", "f4", "f8"])
def test_single_precision_stays_and_all_else_becomes_double(kind):
    spectra = SPECTRA.astype(kind)
    view = ContinuumRemoval().fit_transform(spectra)
    assert view.dtype == ("f4" if kind == "f4" else "f8")
    np.testing.assert_allclose(view, ContinuumRemoval().fit_transform(spectra.astype("f8")), 1e-6)


@pytest.mark.parametrize("at_once", [1, 7])
def test_a_spectrum_comes_out_the_same_to_the_bit_whatever_it_is_with(monkeypatch, at_once):
    together = ContinuumRemoval().fit_transform(SPECTRA)
    monkeypatch.setattr("sklearn_hsiode.preprocessing._continuum.HULLS", at_once * 240 / 2**20)
    removal = ContinuumRemoval().fit(SPECTRA)
    for rows in ([3], [7, 2], list(range(11))):
        np.testing.assert_array_equal(removal.transform(SPECTRA[rows]), together[rows])


# Zero and negative values


@few_examples
@given(arrays(float, (4, 9), elements=st.floats(-100, 100)))
@pytest.mark.filterwarnings("ignore:ContinuumRemoval counts")
def test_values_below_zero_count_as_zero(spectra):
    view = ContinuumRemoval().fit_transform(spectra)
    assert ((view >= 0) & (view <= 1)).all()
    np.testing.assert_array_equal(view, ContinuumRemoval().fit_transform(np.maximum(spectra, 0)))


def test_where_spectrum_and_hull_are_zero_the_view_is_one():
    spectra = [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]
    expected = [[1, 1, 1, 1], [1, 0, 1, 1]]
    np.testing.assert_array_equal(ContinuumRemoval().fit_transform(spectra), expected)


def test_the_fit_warns_where_many_values_lie_below_zero():
    spectra = SPECTRA.copy()
    spectra[0, :5] = -1  # 5 of 600
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ContinuumRemoval().fit(spectra)
    with pytest.warns(UserWarning, match=r"more than 1 % .*reflectance or radiance") as record:
        ContinuumRemoval().fit(SPECTRA - SPECTRA.mean())
    assert record[0].filename == __file__


# Bad input


@pytest.mark.parametrize(
    ("wavelengths", "message"),
    [
        (WAVELENGTHS[:-1], r"29 values, but X has 30 bands.* step before ContinuumRemoval"),
        (np.where(WAVELENGTHS == 410, 400, WAVELENGTHS), r"400 nm more than once.*X\[:, bands\]"),
        (-WAVELENGTHS, "not negative"),
        ("nm", "wavelengths"),
    ],
    ids=["too few", "twice", "negative", "text"],
)
def test_wavelengths_that_do_not_fit_are_an_error_that_names_them(wavelengths, message):
    with pytest.raises(ValueError, match=message):
        ContinuumRemoval(wavelengths).fit(SPECTRA)


def test_values_that_are_not_finite_are_an_error():
    with pytest.raises(ValueError, match="NaN"):
        ContinuumRemoval().fit(np.where(SPECTRA > 4000, np.nan, SPECTRA))


def test_pixels_bring_the_wavelengths_of_their_scene():
    X = Scene(SPECTRA.reshape(4, 5, 30), wavelengths=WAVELENGTHS).pixels()
    expected = ContinuumRemoval(WAVELENGTHS).fit_transform(SPECTRA)
    np.testing.assert_array_equal(ContinuumRemoval().fit_transform(X), expected)
    assert not np.allclose(ContinuumRemoval().fit_transform(SPECTRA), expected)


def test_the_spectra_of_potsdam_lie_between_zero_and_one(enmap):
    X, _ = enmap[0].labeled_pixels()
    view = ContinuumRemoval().fit_transform(X)
    assert view.dtype == np.float32
    assert ((view >= 0) & (view <= 1)).all()
