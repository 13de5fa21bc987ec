"""Splitters for pixels of a scene, and how far the patches of a split overlap."""

from sklearn_hsiode.model_selection.overlap import PatchOverlap, patch_overlap
from sklearn_hsiode.model_selection.per_class import PerClassShuffleSplit
from sklearn_hsiode.model_selection.spatial import SpatialBlockKFold

__all__ = ["PatchOverlap", "PerClassShuffleSplit", "SpatialBlockKFold", "patch_overlap"]
