"""patch_overlap: the share of test pixels whose patches overlap training patches."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter

from sklearn_hsiode._arguments import Integer
from sklearn_hsiode._pixels import PixelSamples, require_pixels


class PatchOverlap(NamedTuple):
    """Result of :func:`patch_overlap`: two shares of the test pixels.

    Attributes
    ----------
    training_center : float
        Share of test pixels whose patch holds the centre of a training patch.
    shared_pixel : float
        Share of test pixels whose patch has any pixel in common with a training patch.
    """

    training_center: float
    shared_pixel: float


def patch_overlap(train: PixelSamples, test: PixelSamples, patch_size: int) -> PatchOverlap:
    """Measure how far the patches of test pixels overlap those of training pixels.

    Parameters
    ----------
    train, test : PixelSamples
        Pixels of one scene, or of one concatenation of several.
    patch_size : int
        Side of the patches in pixels, odd.

    Returns
    -------
    overlap : PatchOverlap
        Two shares between 0 and 1: `training_center`, the share of test pixels whose patch
        holds a training pixel, and `shared_pixel`, the share whose patch has any
        pixel in common with a training pixel's patch.

    Raises
    ------
    TypeError
        When the pixels do not know their scene.
    ValueError
        When an image of both has not the same size in both, one of them is empty, or `patch_size`
        is no odd positive integer.

    Examples
    --------
    Drawn at random, nearly every test pixel of a scene sees a training pixel in its patch.

    >>> from sklearn_hsiode.datasets import make_scene
    >>> from sklearn_hsiode.model_selection import (
    ...     PerClassShuffleSplit, SpatialBlockKFold, patch_overlap
    ... )
    >>> X, y = make_scene(random_state=0).labeled_pixels()
    >>> train, test = next(PerClassShuffleSplit(0.05, random_state=0).split(X, y))
    >>> patch_overlap(X[train], X[test], patch_size=11).training_center > 0.9
    True
    >>> train, test = next(SpatialBlockKFold(buffer=10).split(X, y))
    >>> patch_overlap(X[train], X[test], patch_size=11)
    PatchOverlap(training_center=0.0, shared_pixel=0.0)
    """
    for name, pixels in (("train", train), ("test", test)):
        require_pixels(pixels, "patch_overlap", name)
        if not len(pixels):
            raise ValueError(
                "patch_overlap needs at least one training and one test pixel, but there is none in"
                f" {name}."
            )
    for number, scene in train.scenes.items():
        if any(other is scene and n != number for n, other in test.scenes.items()):
            raise ValueError(
                "One scene has two numbers in train and test, whose pixels are compared by them:"
                " take both from one X, as X[train] and X[test]."
            )
    for number in train.scenes.keys() & test.scenes.keys():
        grids = [pixels.scenes[number].shape[:2] for pixels in (train, test)]
        if grids[0] != grids[1]:
            raise ValueError(
                "train and test must be pixels of one scene, or of one concatenation, got scenes of"
                f" {grids[0]} and {grids[1]} pixels."
            )
    check_patch_size(patch_size)
    # Windows around two pixels meet where the pixels are less than a whole window apart.
    shares = [
        float(near(test, train, distance).mean()) for distance in (patch_size // 2, patch_size - 1)
    ]
    return PatchOverlap(*shares)


def check_patch_size(patch_size: Any) -> None:
    """Raise ValueError unless the size is an odd positive integer."""
    if not Integer(1).is_satisfied_by(patch_size) or patch_size % 2 == 0:
        raise ValueError(f"patch_size must be an odd positive integer, got {patch_size!r}.")


def near(pixels: PixelSamples, others: PixelSamples, distance: int) -> np.ndarray:
    """Whether each pixel is at most so many rows and columns away from one of others.

    Images are compared by their numbers, and nothing is near in another image.
    """
    is_near = np.zeros(len(pixels), dtype=bool)
    for number, scene in pixels.scenes.items():
        here, there = pixels.image == number, others.image == number
        if not there.any():
            continue
        raster = np.zeros(scene.shape[0] * scene.shape[1], dtype=bool)
        raster[others.positions[there]] = True
        raster = raster.reshape(scene.shape[:2])
        reach = min(distance, max(raster.shape))
        within: Any = maximum_filter(raster, 2 * reach + 1, mode="constant")
        is_near[here] = within.reshape(-1)[pixels.positions[here]]
    return is_near
