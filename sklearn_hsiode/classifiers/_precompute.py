"""Precomputing of the values that overlapping patches share, where that is less work."""

from __future__ import annotations

import logging
from typing import Any

import torch

from sklearn_hsiode._gather import ArrayGatherer, SceneGatherer
from sklearn_hsiode._memory import PRECOMPUTED, n_items
from sklearn_hsiode.classifiers._module import StandardizedNetwork
from sklearn_hsiode.nn import SharedStem

logger = logging.getLogger(__name__)

# Below so many bands a stem costs no more than to gather its output.
FEWEST_BANDS = 8


def precompute(
    gather: SceneGatherer | ArrayGatherer, net: Any, *, learning: bool
) -> tuple[SceneGatherer | ArrayGatherer, str]:
    """Compute once what overlapping patches share, where that is less work.

    That is their standardisation and, unless it is still learning, the stem of a network that
    is a :class:`~sklearn_hsiode.nn.SharedStem`. Nothing is shared under `compile`, and where
    the device's memory does not hold the image.

    Parameters
    ----------
    gather : SceneGatherer or ArrayGatherer
        Gathers the patches.
    net : PatchNet
        The net that they go into.
    learning : bool
        Whether the weights of the stem are still to change.

    Returns
    -------
    gather : SceneGatherer or ArrayGatherer
        Gathers the patches, or their next stage.
    stage : {"patches", "standardized", "stem"}
        The stage that it gathers.
    """
    if net.compile or not isinstance(gather, SceneGatherer):
        return gather, "patches"
    module: StandardizedNetwork = net.plain_module_
    try:
        with torch.no_grad(), net.autocasting():
            if not learning and _stem_is_shared(gather, module):
                margin = module.network.stem_margin
                return gather.map_image(module.stem_of_image, margin), "stem"
            if _is_dense(gather, gather.n_bands):
                return gather.map_image(module.standardized, margin=0), "standardized"
    except torch.OutOfMemoryError:
        logger.info("The device's memory does not hold what patches share.")
    return gather, "patches"


def _stem_is_shared(gather: SceneGatherer, module: StandardizedNetwork) -> bool:
    """Tell whether a stem is less work for all the ground under some patches than for each."""
    network = module.network
    n_linear = module.n_classes if module.shortcut else 0
    return (
        isinstance(network, SharedStem)
        and network.shares_stem
        and gather.size >= network.smallest_patch
        and gather.n_bands >= FEWEST_BANDS
        and _is_dense(gather, network.n_filters + n_linear)
    )


def _is_dense(gather: SceneGatherer, n_values: int) -> bool:
    """Tell whether patches hold the ground under them more than once, which may be kept.

    With so many values for each of its pixels.
    """
    largest = n_items(PRECOMPUTED, n_values * gather.dtype.itemsize)
    return gather.n_ground <= min(len(gather.begin) * gather.size**2, largest)
