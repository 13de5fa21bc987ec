"""Views of a spectrum, as scikit-learn transformers: derivatives, normalisation, continuum."""

from sklearn_hsiode.preprocessing._continuum import ContinuumRemoval
from sklearn_hsiode.preprocessing._derivative import SpectralDerivative
from sklearn_hsiode.preprocessing._normal_variate import StandardNormalVariate

__all__ = ["ContinuumRemoval", "SpectralDerivative", "StandardNormalVariate"]
