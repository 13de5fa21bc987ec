"""Files of maps: how rasterio opens them, their mark, and what a map may replace."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

SOFTWARE = "sklearn_hsiode"  # the mark of a map
TAG, ATTRIBUTE = "TIFFTAG_SOFTWARE", "software"  # where it is in a GeoTIFF and in a Zarr store


def check_place(path: str | Path, *, overwrite: bool, only_maps: bool) -> None:
    """Refuse to write a map where something is that it must not replace.

    Parameters
    ----------
    path : path
        Where the map is to be.
    overwrite : bool
        Whether anything may be replaced.
    only_maps : bool
        Whether nothing but a map of this package may, since all else may be the image itself.

    Raises
    ------
    FileExistsError
        When something is there, and nothing is to be replaced.
    ValueError
        When what is there is no map.
    """
    if not Path(path).exists():
        return
    if not overwrite:
        raise FileExistsError(f"{path} exists already: name another file, or overwrite it.")
    if only_maps and not _is_map(Path(path)):
        raise ValueError(
            f"{path} is no map that {SOFTWARE} has written, so it is not replaced: name another"
            " file, or remove this one first."
        )


def _is_map(path: Path) -> bool:
    if path.is_dir():
        try:
            attributes = json.loads((path / ".zattrs").read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(attributes, dict) and attributes.get(ATTRIBUTE) == SOFTWARE
    try:
        with opened(path) as file:
            return bool(file.tags().get(TAG) == SOFTWARE)
    except OSError:  # of which RasterioIOError is one
        return False


def opened(path: Path, mode: str = "r", **profile: Any) -> Any:
    """A file of rasterio's; a scene without a transform has a map without one."""
    try:
        import rasterio
    except ImportError as error:
        raise ImportError(
            "GeoTIFF files are written with rasterio: pip install 'sklearn-hsiode[raster]'."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path, mode, **profile)
