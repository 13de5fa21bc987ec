"""Writers of maps, and of files that appear when they are complete."""

from sklearn_hsiode.io.writers._atomic import complete_file
from sklearn_hsiode.io.writers._geotiff import MapWriter

__all__ = ["MapWriter", "complete_file"]
