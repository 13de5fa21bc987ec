"""deal: blocks of ground dealt to folds in even shares of each class."""

from __future__ import annotations

import numpy as np


def deal(counts: np.ndarray, order: np.ndarray, n_folds: int) -> np.ndarray:
    """Fold of each block, such that the folds have even shares of each class.

    Minimises the sum of squares of the shares of classes (columns of `counts`) in folds, which
    is least where all are equal: block by block, then by moves and swaps that lower it.
    """
    shares = counts / counts.sum(axis=0)
    squares = (shares**2).sum(axis=1)
    in_fold = np.zeros((n_folds, counts.shape[1]))
    fold_of = np.full(len(counts), -1)

    def put(block: int, fold: int) -> None:
        if fold_of[block] >= 0:
            in_fold[fold_of[block]] -= shares[block]
        in_fold[fold] += shares[block]
        fold_of[block] = fold

    for block in order:
        # Among equally poor folds the emptiest, so that none stays without a block.
        crowding = in_fold @ shares[block]
        put(block, int(np.lexsort((in_fold.sum(axis=1), crowding))[0]))
    improved = True
    while improved:
        improved = False
        for block in order:
            here = fold_of[block]
            # Half of what the sum of squares grows by with a move into each fold ...
            moves = (in_fold - in_fold[here]) @ shares[block] + squares[block]
            moves[here] = 0
            # ... and with a swap with each block.
            change = shares - shares[block]
            swaps = ((in_fold[here] - in_fold[fold_of]) * change).sum(axis=1)
            swaps += (change**2).sum(axis=1)
            swaps[fold_of == here] = 0
            if min(moves.min(), swaps.min()) > -1e-9:
                continue
            improved = True
            if moves.min() <= swaps.min():
                put(block, int(moves.argmin()))
            else:
                other = int(swaps.argmin())
                there = fold_of[other]
                put(other, here)
                put(block, there)
    return fold_of
