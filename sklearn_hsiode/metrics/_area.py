"""area_estimates: accuracy and areas with their standard errors, from a stratified sample."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm
from tabulate import tabulate

from sklearn_hsiode._arguments import Number, checked
from sklearn_hsiode._labels import checked_labels, display_names, unlabeled_value
from sklearn_hsiode._markup import escaped_markdown
from sklearn_hsiode._validation import as_array

LABELS = "iuU"


@dataclass(frozen=True)
class Estimates:
    """Estimated values with their standard errors.

    Attributes
    ----------
    values, standard_errors : array of shape (n,)
        NaN where the sample tells nothing.
    confidence : float
        Of the intervals, such as 0.95.
    """

    values: np.ndarray
    standard_errors: np.ndarray
    confidence: float

    @property
    def margins(self) -> np.ndarray:
        """Half the width of each confidence interval, after the normal distribution."""
        quantile: float = norm.ppf((1 + self.confidence) / 2)
        return quantile * self.standard_errors

    @property
    def intervals(self) -> np.ndarray:
        """Array of shape (n, 2) with the lower and the upper end of each interval."""
        return np.column_stack([self.values - self.margins, self.values + self.margins])


@dataclass(frozen=True)
class AreaEstimates:
    """Accuracy and areas of a map, as :func:`area_estimates` returns them.

    Attributes
    ----------
    classes : array of shape (n_classes,)
        Labels of the map and of the reference, in sorted order.
    class_names : list of str
        Name of each class in the table.
    matrix : array of shape (n_classes, n_classes)
        Error matrix: the share of the area that the map has as one class (rows) and that is
        another (columns). Its sum is 1.
    mapped_areas : array of shape (n_classes,)
        Area of each class on the map, NaN where only the areas of other strata are known.
    areas : Estimates
        Area that each class takes in truth.
    overall_accuracy : Estimates
        Share of the area on which the map is right; of length 1.
    users_accuracy : Estimates
        Share of the area of each class on the map that is of this class in truth.
    producers_accuracy : Estimates
        Share of the area of each class in truth that the map has as this class.
    n_samples : int
        Pixels of the reference.
    """

    classes: np.ndarray
    class_names: list[str]
    matrix: np.ndarray
    mapped_areas: np.ndarray
    areas: Estimates
    overall_accuracy: Estimates
    users_accuracy: Estimates
    producers_accuracy: Estimates
    n_samples: int

    def rows(self) -> list[tuple[str, ...]]:
        """Texts of each class and of the map: areas, and accuracies in percent, with margins.

        Returns
        -------
        rows : list of tuple of str
            Name, area on the map, estimated area, user's and producer's accuracy; in the last
            row the overall accuracy stands as the user's.
        """
        columns = (
            self.class_names,
            [_number(area) for area in self.mapped_areas],
            _with_margins(self.areas),
            _with_margins(self.users_accuracy, 100, ".2f"),
            _with_margins(self.producers_accuracy, 100, ".2f"),
        )
        (overall,) = _with_margins(self.overall_accuracy, 100, ".2f")
        return [*zip(*columns, strict=True), ("overall", "", "", overall, "")]

    def __str__(self) -> str:
        rows = [(escaped_markdown(name), *values) for name, *values in self.rows()]
        return tabulate(rows, HEADERS, "github", disable_numparse=True, colalign=COLUMNS)


HEADERS = ("class", "mapped area", "estimated area", "user's accuracy %", "producer's accuracy %")
COLUMNS = ("left", *["right"] * 4)


@checked(pixel_area=[Number(0, closed="neither")], confidence=[Number(0, 1, closed="neither")])
def area_estimates(
    map_or_counts: Any,
    reference: Any,
    predicted: Any = None,
    *,
    strata: Any = None,
    pixel_area: float = 1.0,
    class_names: Any = None,
    confidence: float = 0.95,
) -> AreaEstimates:
    r"""Area-adjusted accuracies and unbiased areas of classes, from a stratified random sample.

    Shares of a sample are no shares of the ground where rare classes are sampled more densely:
    each pixel of the sample stands for the area of its stratum. And the area of a class on the
    map is not its area: what the map misses is added here, and what it has too much is taken off.

    Parameters
    ----------
    map_or_counts : array of shape (rows, cols), or dict
        The classified map, 0 or ``""`` where there is none; or the size of each stratum, by its
        label, in pixels.
    reference : array of shape (rows, cols) or (n,)
        True classes of the sample: on the map's grid, 0 or ``""`` where nothing was sampled; with
        a dict, one for each pixel of the sample.
    predicted : array of shape (n,), default=None
        Classes that the map has there; with a dict only.
    strata : array of shape (rows, cols) or (n,), default=None
        Strata that the sample was drawn from, in the form of `reference`. By default these are
        the classes of the map.
    pixel_area : float, default=1.0
        Area of a pixel in the unit that areas are wanted in, such as 0.09 ha.
    class_names : dict or sequence of str, default=None
        Names of the classes: label to name, or one name for each class in sorted order.
    confidence : float, default=0.95
        Of the intervals.

    Returns
    -------
    estimates : AreaEstimates
        Its text is a table with a row for each class and one for the map.

    Raises
    ------
    ValueError
        When shapes do not fit each other, a stratum has fewer than two pixels in the sample, the
        sample has a stratum of no known size, or `predicted` is missing or too much.
    TypeError
        When labels are neither whole numbers nor texts.

    Notes
    -----
    With strata :math:`h` of the shares :math:`W_h` of the area, each figure is the mean
    :math:`\sum_h W_h \bar y_h` of something that is 0 or 1 in each pixel, or the ratio of two
    such means, :math:`\hat R = \hat Y / \hat X`. The variance is
    :math:`\hat X^{-2} \sum_h W_h^2 s_{e,h}^2 / n_h` of the residuals
    :math:`e = y - \hat R x` (Stehman 2014, equations 3, 25, 27 and 28, without the correction for
    finite strata, which are large). Where the strata are the classes of the map, this is equations
    5 to 11 of Olofsson et al.

    References
    ----------
    P. Olofsson, G. M. Foody, M. Herold, S. V. Stehman, C. E. Woodcock and M. A. Wulder, "Good
    practices for estimating area and assessing accuracy of land change", Remote Sensing of
    Environment 148, 2014.

    S. V. Stehman, "Estimating area and map accuracy for stratified random sampling when the
    strata are different from the map classes", International Journal of Remote Sensing 35, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_hsiode.metrics import area_estimates
    >>> areas = {1: 20_000, 2: 980_000}
    >>> predicted = np.repeat([1, 1, 2, 2], [66, 9, 3, 322])
    >>> reference = np.repeat([1, 2, 1, 2], [66, 9, 3, 322])
    >>> print(area_estimates(areas, reference, predicted, pixel_area=0.09))
    | class   |   mapped area |   estimated area |   user's accuracy % |   producer's accuracy % |
    |---------|---------------|------------------|---------------------|-------------------------|
    | 1       |         1,800 |      2,398 ± 928 |        88.00 ± 7.40 |           66.05 ± 25.37 |
    | 2       |        88,200 |     87,602 ± 928 |        99.08 ± 1.04 |            99.75 ± 0.15 |
    | overall |               |                  |        98.86 ± 1.03 |                         |
    """
    if isinstance(map_or_counts, Mapping):
        mapped = map_or_counts if strata is None else {}
        predicted, reference, strata, sizes = _of_sample(
            map_or_counts, reference, predicted, strata
        )
    elif predicted is not None:
        raise ValueError("predicted goes with the sizes of strata: a map tells it itself.")
    else:
        predicted, reference, strata, sizes, mapped = _of_map(map_or_counts, reference, strata)
    if (predicted.dtype.kind == "U") != (reference.dtype.kind == "U"):
        raise TypeError("The classes of the map and the reference must be both texts or numbers.")
    names, stratum = np.unique(strata, return_inverse=True)
    shares = _shares(names, stratum, sizes)
    pixel_area = float(pixel_area)
    total = pixel_area * sum(sizes.values())
    classes = np.union1d(np.union1d(predicted, reference), list(mapped) or reference)
    missing = 0 if mapped else np.nan
    is_mapped, is_true = (labels[:, None] == classes for labels in (predicted, reference))
    is_right = is_mapped & is_true
    everything = np.ones((len(reference), 1))

    def estimates(y: np.ndarray, x: np.ndarray, scale: float = 1.0) -> Estimates:
        values, errors = _ratio(y.astype(float), x.astype(float), stratum, shares)
        return Estimates(scale * values, scale * errors, confidence)

    both = (is_mapped[:, :, None] & is_true[:, None, :]).reshape(len(reference), -1)
    matrix, _ = _ratio(both.astype(float), everything, stratum, shares)
    return AreaEstimates(
        classes,
        display_names(classes, class_names, ["overall"]),
        matrix.reshape(len(classes), len(classes)),
        pixel_area * np.array([mapped.get(one, missing) for one in classes.tolist()]),
        estimates(is_true, everything, total),
        estimates(is_right.any(axis=1, keepdims=True), everything),
        estimates(is_right, is_mapped),
        estimates(is_right, is_true),
        len(reference),
    )


def _ratio(
    y: np.ndarray, x: np.ndarray, stratum: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ratio of the stratified means of two variables of shape (n, k), and its standard error."""
    n = np.bincount(stratum)[:, None]

    def means(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(stratum, weights=column) for column in values.T]
        return np.transpose(sums) / n

    of_x = shares @ means(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (shares @ means(y)) / of_x
        residuals = y - ratio * x
        variances = means((residuals - means(residuals)[stratum]) ** 2) / (n - 1)
        return ratio, np.sqrt(shares**2 @ variances) / of_x


def _of_sample(
    sizes: Mapping[Any, Any], reference: Any, predicted: Any, strata: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[Any, float]]:
    if predicted is None:
        raise ValueError(
            "With the sizes of strata, predicted must be the map's class of each pixel."
        )
    reference, predicted = (
        _sampled(what, labels)
        for what, labels in (("reference", reference), ("predicted", predicted))
    )
    strata = predicted if strata is None else _sampled("strata", strata)
    if not len(reference) == len(predicted) == len(strata):
        raise ValueError(
            "reference, predicted and strata must be equally long, got"
            f" {len(reference)}, {len(predicted)} and {len(strata)}."
        )
    if {isinstance(stratum, str) for stratum in sizes} != {strata.dtype.kind == "U"}:
        raise TypeError("map_or_counts must have the labels of the strata as its keys.")
    for stratum, size in sizes.items():
        if not Number(0).is_satisfied_by(size):
            raise ValueError(
                f"map_or_counts must be numbers of pixels, but has {stratum!r}: {size!r}."
            )
    return predicted, reference, strata, dict(sizes)


def _sampled(what: str, labels: Any) -> np.ndarray:
    """Labels of the pixels of a sample, none of which is unlabelled."""
    labels = as_array(what, labels, kinds=LABELS, n_dims=1)
    if np.ma.is_masked(labels) or (np.ma.getdata(labels) == unlabeled_value(labels)).any():
        raise ValueError(
            f"{what} has pixels without a class (0, '' or masked): leave them out of the sample."
        )
    return np.ma.getdata(labels)


def _of_map(
    class_map: Any, reference: Any, strata: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[Any, float], dict[Any, float]]:
    class_map = as_array("map_or_counts", class_map, kinds=LABELS, n_dims=2)
    class_map = checked_labels(class_map, class_map.shape, "map_or_counts")
    reference = checked_labels(reference, class_map.shape, "reference")
    of_strata = class_map if strata is None else checked_labels(strata, class_map.shape, "strata")
    is_known = class_map != unlabeled_value(class_map)
    is_known &= of_strata != unlabeled_value(of_strata)
    is_sampled = reference != unlabeled_value(reference)
    n_outside = np.count_nonzero(is_sampled & ~is_known)
    if n_outside:
        warnings.warn(
            f"{n_outside} of the {np.count_nonzero(is_sampled)} pixels of the reference lie where"
            " the map has no class, or no stratum is: they are left out.",
            stacklevel=3,
        )
    is_sampled &= is_known
    sizes, mapped = (
        dict(zip(*(part.tolist() for part in np.unique(raster, return_counts=True)), strict=True))
        for raster in (of_strata[is_known], class_map[is_known])
    )
    return class_map[is_sampled], reference[is_sampled], of_strata[is_sampled], sizes, mapped


def _shares(names: np.ndarray, stratum: np.ndarray, sizes: dict[Any, float]) -> np.ndarray:
    """Share of the area of each stratum of the sample."""
    n_samples = dict(zip(names.tolist(), np.bincount(stratum).tolist(), strict=True))
    unknown = [name for name in n_samples if name not in sizes]
    if unknown:
        raise ValueError(
            f"The sample has the strata {', '.join(map(repr, unknown))}, but map_or_counts does not"
            " tell their sizes: add them."
        )
    for name in {**n_samples, **{name: 0 for name, size in sizes.items() if size}}:
        n_pixels = n_samples.get(name, 0)
        if n_pixels < 2:
            raise ValueError(
                f"The stratum {name!r} has {n_pixels} of the sample's pixels, and needs two at"
                " least for a variance: sample more of it, or merge it with another one"
                " (strata=...)."
            )
    areas = np.array([sizes[name] for name in n_samples], dtype=float)
    if not areas.sum():
        raise ValueError("map_or_counts must not be 0 throughout.")
    shares: np.ndarray = areas / areas.sum()
    return shares


def _with_margins(estimates: Estimates, scale: float = 1, form: str = "") -> list[str]:
    pairs = zip(scale * estimates.values, scale * estimates.margins, strict=True)
    return [
        f"{_number(value, form)} ± {_number(margin, form)}" if np.isfinite(value) else "-"
        for value, margin in pairs
    ]


def _number(value: float, form: str = "") -> str:
    """A number; without a format with as many digits as an area is read with."""
    if not np.isfinite(value):
        return "-"
    return f"{value:{form or (',.0f' if abs(value) >= 100 else '.3g')}}"
