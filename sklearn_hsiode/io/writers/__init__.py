"""Writers of maps, and of files that appear when they are complete."""

from sklearn_hsiode.io.writers._atomic import OF_WRITING, complete_file
from sklearn_hsiode.io.writers._geotiff import MapWriter

__all__ = ["OF_WRITING", "MapWriter", "complete_file"]
