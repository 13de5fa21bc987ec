"""The contract of networks: what a classifier asks of one, and what it may offer besides."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class SharedStem(Protocol):
    """A network whose first layers may be computed once for all patches that overlap.

    A classifier builds its network by ``network(n_bands=..., n_classes=..., **network_params)``
    and asks one thing of it: to be a :class:`torch.nn.Module` that turns patches of shape
    (n, bands, size, size) into logits of shape (n, n_classes). It may offer more:

    - `n_filters`, the channels of its widest activation, from which the size of the
      mini-batches of a prediction follows;
    - `n_function_evaluations`, of its latest forward pass, which is recorded in `history_`;
    - all members of this protocol. Then ``network(patches)`` must equal
      ``network.after_stem(network.stem_of_image(patches))`` for patches of `smallest_patch`
      pixels or more, and a prediction calls these two instead: the first on the image that the
      patches come from, as a whole, the second on the parts of its output under the patches.

    Attributes
    ----------
    n_filters : int
        Channels of the stem's output.
    stem_margin : int
        Pixels by which the stem's output is smaller than its input on each side, since each
        value is computed from its surroundings alone, without padding.
    smallest_patch : int
        Side of the smallest patches that this holds for.
    """

    n_filters: int
    stem_margin: int
    smallest_patch: int

    def stem_of_image(self, image: Tensor) -> Tensor:
        """Stem's output (n, n_filters, rows', cols') for images (n, bands, rows, cols)."""

    def after_stem(self, features: Tensor) -> Tensor:
        """Logits (n, n_classes) of the stem's output for patches."""
