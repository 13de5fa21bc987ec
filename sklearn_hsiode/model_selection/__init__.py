"""Splitters for pixels of a scene, and the overlap of the patches of a split."""

from sklearn_hsiode.model_selection._overlap import PatchOverlap, patch_overlap
from sklearn_hsiode.model_selection._per_class import PerClassShuffleSplit
from sklearn_hsiode.model_selection._spatial import SpatialBlockKFold

__all__ = ["PatchOverlap", "PerClassShuffleSplit", "SpatialBlockKFold", "patch_overlap"]
