"""Bands are one run where no gap lies between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_hsiode.preprocessing._runs import band_runs


def lengths(wavelengths):
    return np.diff(band_runs(np.asarray(wavelengths), len(wavelengths))).ravel().tolist()


@given(st.lists(st.floats(300, 2500), min_size=1, max_size=60))
def test_the_runs_hold_each_band_once_and_in_order(wavelengths):
    runs = band_runs(np.array(wavelengths), len(wavelengths))
    bands = [band for start, stop in runs for band in range(start, stop)]
    assert bands == list(range(len(wavelengths)))
    assert (np.diff(runs) > 0).all()


@given(
    st.lists(st.integers(10, 30), min_size=1, max_size=5),
    st.floats(1, 15),
    st.floats(2.6, 40),
    st.sampled_from([1, -1]),
)
def test_a_step_across_missing_bands_ends_a_run(sizes, step, gap, direction):
    steps = np.full(sum(sizes), step)
    steps[np.cumsum(sizes)[:-1]] = step * gap
    assert lengths(300 + direction * np.cumsum(steps)) == sizes


@given(st.floats(0.995, 1.03), st.integers(2, 200))
def test_a_spacing_that_changes_slowly_makes_no_gap(change, n_bands):
    assert lengths(400 + np.cumsum(change ** np.arange(n_bands))) == [n_bands]


@pytest.mark.parametrize(
    ("wavelengths", "expected"),
    [
        (None, [5]),
        ([400], [1]),
        ([400, 410], [2]),
        (np.delete(np.arange(400, 800, 10.0), 20), [39]),  # a single band is missing
        (np.delete(np.arange(400, 800, 10.0), [20, 21]), [20, 18]),
        (np.r_[400:700:10.0, 690:900:10.0], [30, 21]),  # detectors that overlap
        (np.r_[400:700:10.0, 690:900:10.0][::-1], [21, 30]),
        (np.r_[400:1000:5.0, 1000:2400:12.0], [237]),  # another spacing from there on
        (np.r_[400:700:10.0, 900, 1200:1500:10.0], [30, 1, 30]),
        (np.round(np.arange(400, 500, 1.3)), [77]),  # given in whole nanometres
        ([500, 500, 500], [1, 1, 1]),
    ],
)
def test_runs_of_typical_sensors(wavelengths, expected):
    if wavelengths is None:
        assert band_runs(None, 5).tolist() == [[0, 5]]
    else:
        assert lengths(wavelengths) == expected


def test_aviris_without_water_bands_has_the_runs_between_them():
    # Nominal steps within the four spectrometers, which overlap by a few nanometres.
    starts, steps, counts = (366, 655, 1253, 1861), (9.7, 9.6, 9.97, 9.95), (32, 64, 64, 64)
    parts = [a + s * np.arange(n) for a, s, n in zip(starts, steps, counts, strict=True)]
    removed = [*range(107, 112), *range(153, 167), 223]  # as in "Salinas corrected"
    wavelengths = np.delete(np.concatenate(parts), removed)
    assert len(wavelengths) == 204
    assert lengths(wavelengths) == [32, 64, 11, 41, 56]


def test_enmap_has_a_run_for_each_detector_and_beyond_each_water_band(enmap):
    scene, _ = enmap
    runs = band_runs(scene.wavelengths, scene.n_bands)
    edges = [(scene.wavelengths[start], scene.wavelengths[stop - 1]) for start, stop in runs]
    expected = [(418, 993), (902, 1319), (1461, 1760), (1939, 2446)]
    np.testing.assert_allclose(edges, expected, atol=1)
