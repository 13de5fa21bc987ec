"""Writers of maps."""

from sklearn_hsiode.io.writers._geotiff import GeoTIFFWriter
from sklearn_hsiode.io.writers._zarr import ZarrWriter

__all__ = ["GeoTIFFWriter", "ZarrWriter"]
