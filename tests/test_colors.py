import numpy as np
import pytest

from sklearn_hsiode._colors import ERROR_COLOR, NO_CLASS_COLOR
from sklearn_hsiode.plotting import class_colors

# What the eye makes of linear RGB: all three cones, and without one of them (Machado, Oliveira &
# Fernandes 2009, severity 1).
VISION = {
    "three cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def cielab(rgb, vision):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.transpose(vision)).clip(0, 1)
    xyz = seen @ SRGB_TO_XYZ.T / SRGB_TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def smallest_distance(colors, vision):
    lab = cielab(np.asarray(colors), vision)
    distances = np.linalg.norm(lab[:, np.newaxis] - lab, axis=2)
    return distances[~np.eye(len(lab), dtype=bool)].min()


def test_cielab_is_that_of_the_standard():
    # Lindbloom's values for pure red, and black and white at the ends.
    lab = cielab(np.array([[1.0, 0, 0], [0, 0, 0], [1, 1, 1]]), np.eye(3))
    expected = [[53.24, 80.09, 67.20], [0, 0, 0], [100, 0, 0]]
    np.testing.assert_allclose(lab, expected, atol=0.02)


@pytest.mark.parametrize(
    ("vision", "bound"), [("three cones", 33), ("protanopia", 22), ("deuteranopia", 22)]
)
def test_sixteen_classes_no_class_and_errors_stay_apart_for_every_eye(vision, bound):
    """Measured 33.2, 22.3 and 22.4; matplotlib's tab20 has 16.6, 4.1 and 2.9."""
    colors = [*class_colors(16), NO_CLASS_COLOR, ERROR_COLOR]
    assert smallest_distance(colors, VISION[vision]) > bound


@pytest.mark.parametrize("n_classes", [0, 1, 16, 17, 100])
def test_colors_are_rgb_from_0_to_1(n_classes):
    colors = class_colors(n_classes)
    assert colors.shape == (n_classes, 3)
    assert ((colors >= 0) & (colors <= 1)).all()


def test_no_color_occurs_twice_even_on_an_eight_bit_screen():
    colors = np.vstack([class_colors(200), NO_CLASS_COLOR, ERROR_COLOR])
    assert len(np.unique((255 * colors).round(), axis=0)) == 202


def test_a_class_keeps_its_color_when_others_come_after_it():
    np.testing.assert_array_equal(class_colors(40)[:5], class_colors(5))


def test_a_negative_number_of_classes_is_refused():
    with pytest.raises(ValueError, match="negative"):
        class_colors(-1)
