"""Runs of bands without a gap between them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

LONGEST_STEP = 2.5  # times the typical one: a single missing band makes no gap
NEARBY = 21  # steps of which the median is the typical one, as the spacing of a sensor drifts


def band_runs(wavelengths: np.ndarray | None, n_bands: int) -> np.ndarray:
    """First band of each gapless run, and the band after its last.

    Two neighbouring bands belong to one run where the step between their wavelengths goes the
    same way as the median of the 21 steps around it, and is at most 2.5 times as long. So a run
    ends at bands that were removed, but for a single one, and where the next detector begins,
    be it that both overlap. Where no wavelengths are known there is one run.

    Parameters
    ----------
    wavelengths : array of shape (n_bands,) or None
        In nanometres.
    n_bands : int
        Number of bands.

    Returns
    -------
    runs : array of int of shape (n_runs, 2)

    Examples
    --------
    >>> from sklearn_hsiode.preprocessing._runs import band_runs
    >>> band_runs([400, 410, 420, 500, 510, 505, 515], 7)
    array([[0, 3],
           [3, 5],
           [5, 7]])
    """
    ends = np.array([], dtype=int)
    if wavelengths is not None and n_bands > 1:
        steps = np.diff(wavelengths).astype(float)
        typical = median_filter(steps, NEARBY)
        goes_on = (steps * typical > 0) & (np.abs(steps) <= LONGEST_STEP * np.abs(typical))
        ends = np.flatnonzero(~goes_on) + 1
    return np.column_stack([np.r_[0, ends], np.r_[ends, n_bands]])
