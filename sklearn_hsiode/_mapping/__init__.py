"""Maps: every pixel of an image classified, window by window."""

from sklearn_hsiode._mapping._predict_map import predict_map

__all__ = ["predict_map"]
