"""Writers of maps, and of files and folders that appear when they are complete."""

from sklearn_hsiode.io.writers._atomic import complete_file, complete_folder
from sklearn_hsiode.io.writers._geotiff import GeoTIFFWriter
from sklearn_hsiode.io.writers._zarr import ZarrWriter

__all__ = ["GeoTIFFWriter", "ZarrWriter", "complete_file", "complete_folder"]
