"""Writers of maps."""

from sklearn_hsiode.io.writers._geotiff import MapWriter

__all__ = ["MapWriter"]
