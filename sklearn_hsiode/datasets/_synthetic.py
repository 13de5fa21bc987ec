"""make_scene: a synthetic scene that is difficult in the way real ones are."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from sklearn.utils import check_random_state

from sklearn_hsiode._arguments import Integer, Number, checked
from sklearn_hsiode._labels import UNLABELED
from sklearn_hsiode._scene import Scene

# The ground: fields of this mean size in pixels, as long as each class gets enough of them.
_FIELD_PIXELS = 200
_MIN_PIXELS_PER_CLASS = 16
_SURVEY_RADIUS = 4.0  # pixels; ground truth comes in patches of about this size

# The spectra, in reflectance, made of smooth bumps along the wavelength.
_N_BUMPS = 12
_MEAN_REFLECTANCE = 0.3
_FAMILY_SPREAD = 0.4  # between unrelated classes, in log reflectance
_CLASS_SPREAD = 0.07  # between the two classes of a family
_FIELD_SPREAD = 0.03  # between the fields of a class
_PIXEL_SPREAD = 0.2  # between the pixels of a field, before the point spread

# The sensor.
_PSF_SIGMA = 0.6  # pixels
_GRADIENT = 0.15  # illumination runs from 1 - _GRADIENT to 1 + _GRADIENT
_NOISY_WAVELENGTHS = np.array([400.0, 1400.0, 1900.0, 2500.0])  # detector ends, water vapour
_DN_PER_REFLECTANCE = 10_000


@checked(
    shape=[tuple, list],
    n_bands=[Integer(1, 2**16)],
    n_classes=[Integer(2, 2**15 - 1)],
    noise=[Number(0, closed="left")],
    labeled_fraction=[Number(0, 1, closed="right")],
    random_state=["random_state"],
)
def make_scene(
    shape: tuple[int, int] = (64, 64),
    n_bands: int = 48,
    n_classes: int = 6,
    *,
    noise: float = 0.05,
    labeled_fraction: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
) -> Scene:
    r"""Draw a synthetic scene that is difficult in the ways real scenes are.

    It has fields of unequal classes, correlated bands, pairs of similar classes, mixed
    pixels where fields meet, variability within a class, uneven light, sensor noise, and
    labels for a part of the pixels only. By default, the spectrum alone tells the class of
    most pixels, and the spectra around it clearly help.

    Parameters
    ----------
    shape : tuple of int, default=(64, 64)
        Rows and columns, at least 16 pixels per class in all.
    n_bands : int, default=48
        Bands, evenly spaced from 400 to 2500 nm.
    n_classes : int, default=6
        Classes, at least 2.
    noise : float, default=0.05
        Standard deviation of the sensor noise relative to the mean signal of the scene
        (root mean square over the bands); 0 for none.
    labeled_fraction : float, default=0.5
        Share of each class's pixels that have a label, in (0, 1]; at least two have.
    random_state : int, RandomState instance or None, default=None
        An int gives the same scene every time, whose labels depend neither on ``n_bands``
        nor on ``noise``.

    Returns
    -------
    scene : Scene
        An int16 cube of shape (rows, cols, n_bands) in reflectance times 10000, labels 1
        to ``n_classes`` with 0 for unlabelled pixels, class names and wavelengths.

    Raises
    ------
    ValueError
        When a parameter is out of its range, or ``shape`` too small for ``n_classes``.

    Notes
    -----
    The reflectance that the sensor sees in pixel :math:`p` and band :math:`b` is

    .. math:: x_{pb} = e_p \Big(\sum_k a_{pk} s_{kb} + v_{pb}\Big) + n_{pb}

    with the spectra :math:`s_k` of the classes, smooth along the wavelength and similar
    for classes 1 and 2, 3 and 4, and so on; the abundances :math:`a_p`, the class map seen
    through a Gaussian point-spread function, which sum to 1; the variability :math:`v_p`,
    smooth along the wavelength too, of the field as a whole and of each of its pixels; the
    illumination :math:`e_p`, a plane from 0.85 to 1.15; and white noise :math:`n`, up to
    three times as strong near 400, 1400, 1900 and 2500 nm as elsewhere.

    Fields are the Voronoi cells of random pixels. A pixel's label is the class at its
    centre, and labelled pixels come in patches.

    Examples
    --------
    >>> from sklearn_hsiode.datasets import make_scene
    >>> scene = make_scene(random_state=0)
    >>> scene
    Scene('synthetic': 64 x 64 pixels, 48 bands, int16, 2048 labelled pixels in 6 classes)
    >>> X, y = scene.labeled_pixels()
    >>> X.shape
    (2048, 48)
    """
    _check_shape(shape, n_classes)
    random = check_random_state(random_state)
    wavelengths = np.linspace(400.0, 2500.0, n_bands)

    fields, classes = _draw_fields(shape, n_classes, random)
    labels = _survey(classes, labeled_fraction, random)

    bumps = _spectral_bumps(wavelengths)
    spectra = _draw_spectra(bumps, n_classes, random)
    abundances = _point_spread(np.eye(n_classes)[classes])
    variability = _point_spread(_draw_variability(fields, random))
    signal = _illumination(shape, random) * (abundances @ spectra + variability @ bumps)
    sensed = signal + _sensor_noise(noise * signal.mean(), wavelengths, shape, random)

    return Scene(
        _digital_numbers(sensed),
        labels,
        wavelengths=wavelengths,
        class_names=[f"class {k + 1}" for k in range(n_classes)],
        name="synthetic",
    )


def _check_shape(shape: tuple[int, int], n_classes: int) -> None:
    if len(shape) != 2 or not all(map(Integer(1, 2**24).is_satisfied_by, shape)):
        raise ValueError(f"shape must be two positive integers (rows, cols), got {shape}.")
    needed = _MIN_PIXELS_PER_CLASS * n_classes
    if shape[0] * shape[1] < needed:
        raise ValueError(
            f"shape={shape} is too small for n_classes={n_classes}: take at least {needed} pixels"
            f" ({_MIN_PIXELS_PER_CLASS} per class), or fewer classes."
        )


def _draw_fields(
    shape: tuple[int, int], n_classes: int, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Field and class of each pixel: fields are the Voronoi cells of random pixels."""
    n_pixels = shape[0] * shape[1]
    n_fields = max(3 * n_classes, n_pixels // _FIELD_PIXELS)
    pixels = np.indices(shape).reshape(2, -1).T
    centres = pixels[random.choice(n_pixels, n_fields, replace=False)]
    fields = cKDTree(centres).query(pixels)[1].reshape(shape)

    # A field has its centre at least, so that two fields give every class two pixels.
    shares = 1 / random.permutation(np.arange(1, n_classes + 1))
    others = random.choice(n_classes, n_fields - 2 * n_classes, p=shares / shares.sum())
    class_of_field = np.concatenate([np.arange(n_classes), np.arange(n_classes), others])
    return fields, class_of_field[fields]


def _survey(classes: np.ndarray, fraction: float, random: np.random.RandomState) -> np.ndarray:
    """Labels from 1 for that fraction of each class, in patches; the rest is unlabelled."""
    interest = gaussian_filter(random.normal(size=classes.shape), _SURVEY_RADIUS).ravel()
    labels = np.full(classes.size, UNLABELED)
    for k in np.unique(classes):
        members = np.flatnonzero(classes == k)
        surveyed = np.argsort(interest[members])[-max(2, round(fraction * len(members))) :]
        labels[members[surveyed]] = k + 1
    return labels.reshape(classes.shape)


def _spectral_bumps(wavelengths: np.ndarray) -> np.ndarray:
    """Bumps along the wavelength: unit-variance weights make unit-variance curves of them."""
    centres = np.linspace(400.0, 2500.0, _N_BUMPS)
    width = centres[1] - centres[0]
    bumps = np.exp(-0.5 * ((wavelengths - centres[:, np.newaxis]) / width) ** 2)
    return bumps / np.linalg.norm(bumps, axis=0)


def _draw_spectra(bumps: np.ndarray, n_classes: int, random: np.random.RandomState) -> np.ndarray:
    """Reflectance spectra of the classes, which are similar in pairs."""
    families = random.normal(scale=_FAMILY_SPREAD, size=((n_classes + 1) // 2, _N_BUMPS))
    own = random.normal(scale=_CLASS_SPREAD, size=(n_classes, _N_BUMPS))
    return _MEAN_REFLECTANCE * np.exp((families.repeat(2, axis=0)[:n_classes] + own) @ bumps)


def _draw_variability(fields: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Weights of the bumps by which each pixel departs from its class."""
    of_field = random.normal(scale=_FIELD_SPREAD, size=(fields.max() + 1, _N_BUMPS))
    of_pixel = random.normal(scale=_PIXEL_SPREAD, size=(*fields.shape, _N_BUMPS))
    return _MEAN_REFLECTANCE * (of_field[fields] + of_pixel)


def _point_spread(layers: np.ndarray) -> np.ndarray:
    return gaussian_filter(layers, (_PSF_SIGMA, _PSF_SIGMA, 0))


def _illumination(shape: tuple[int, int], random: np.random.RandomState) -> np.ndarray:
    """A plane that rises in a random direction, of shape (rows, cols, 1)."""
    rows, cols = np.indices((*shape, 1))[:2]
    angle = random.uniform(0, 2 * np.pi)
    height = np.sin(angle) * rows + np.cos(angle) * cols
    return 1 + _GRADIENT * np.interp(height, (height.min(), height.max()), (-1, 1))


def _sensor_noise(
    scale: float, wavelengths: np.ndarray, shape: tuple[int, int], random: np.random.RandomState
) -> np.ndarray:
    """White noise of that root-mean-square deviation, stronger in the noisy wavelengths."""
    distance = np.abs(wavelengths - _NOISY_WAVELENGTHS[:, np.newaxis]).min(axis=0)
    profile = 1 + 2 * np.exp(-distance / 100)
    profile *= scale / np.sqrt(np.mean(profile**2))
    return profile * random.normal(size=(*shape, len(wavelengths)))


def _digital_numbers(reflectance: np.ndarray) -> np.ndarray:
    limits = np.iinfo(np.int16)
    return np.rint(_DN_PER_REFLECTANCE * reflectance).clip(limits.min, limits.max).astype(np.int16)
