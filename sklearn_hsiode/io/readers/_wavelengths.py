"""Wavelengths in nanometres, whatever unit a file gives them in."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from sklearn_hsiode.io.readers._numbers import number

logger = logging.getLogger(__name__)

# How files spell the units that they use, and what to multiply with.
NANOMETRES = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1.0),
    **dict.fromkeys(("um", "µm", "μm", "micrometer", "micrometre", "micron"), 1e3),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
}
LONGEST_IN_MICROMETRES = 100.0  # numbers without a unit below this are no nanometres


def in_nanometres(
    where: object, wavelengths: Iterable[Any], widths: Iterable[Any] = (), unit: str | None = None
) -> dict[str, np.ndarray]:
    """Wavelengths and widths of bands in nanometres, as far as they are known.

    Parameters
    ----------
    where : object
        What they are read from, for warnings.
    wavelengths, widths : iterable of float, str or None
        One number per band.
    unit : str or None
        Their unit. Without one, wavelengths that are all below 100 are micrometres.

    Returns
    -------
    nanometres : dict
        `wavelengths` and `fwhm`, arrays of shape (bands,). What is not given for every band is
        left out, and all is for other units, such as wavenumbers.

    Examples
    --------
    >>> from sklearn_hsiode.io.readers._wavelengths import in_nanometres
    >>> in_nanometres("field.hdr", ["0.45", "2.5"], unit="Micrometers")
    {'wavelengths': array([ 450., 2500.])}
    """
    wavelengths, widths = list(wavelengths), list(widths)
    centres = _numbers(wavelengths)
    spelled = (unit or "unknown").strip().lower()
    if spelled == "unknown" and centres is not None:
        spelled = "um" if centres.max() < LONGEST_IN_MICROMETRES else "nm"
    factor = NANOMETRES.get(spelled, NANOMETRES.get(spelled.rstrip("s")))
    given = {"wavelengths": centres, "fwhm": _numbers(widths)}
    known = {name: numbers for name, numbers in given.items() if numbers is not None}
    for name, values in (("wavelengths", wavelengths), ("fwhm", widths)):
        if name not in known and any(value is not None for value in values):
            logger.warning(
                "%s: Not every band has a positive number in %s: all are left out.", where, name
            )
    if known and factor is None:
        logger.warning("%s: Wavelengths of unit %s are left out.", where, unit)
        return {}
    # 0.45 micrometres are 450 nanometres, not 450.00000000000006.
    return {name: np.round(numbers * factor, 9) for name, numbers in known.items()}


def _numbers(values: Iterable[Any]) -> np.ndarray | None:
    """Positive numbers, or None where one of them is not, or there are none."""
    try:
        numbers = np.array([number(value) for value in values])
    except (TypeError, ValueError):
        return None
    is_known = numbers.size and np.isfinite(numbers).all() and (numbers > 0).all()
    return numbers if is_known else None
