"""Reader of GeoTIFF and whatever else rasterio opens."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from sklearn_hsiode._memory import SMALL_FILE
from sklearn_hsiode.io.readers._numbers import number
from sklearn_hsiode.io.readers._reading import MESSAGE, listening, reading
from sklearn_hsiode.io.readers._source import CubeSource
from sklearn_hsiode.io.readers._tiff import check_blocks
from sklearn_hsiode.io.readers._wavelengths import in_nanometres

logger = logging.getLogger(__name__)

# Warnings of GDAL behind which nothing is lost that is read here, in lower case.
HARMLESS = (
    "is not a longitude/x dimension",  # netCDF
    "is not a latitude/y dimension",
    "is not a time or vertical dimension",
    "no 1d variable is indexed by dimension",
    "not the same as the one from the epsg registry",  # the file's own definition counts
    "doesn't match samplesperpixel",  # bands beyond red, green and blue, which are read
    "nonstandard tile",
    "not sorted in ascending order",  # of TIFF's tags
)
# Tags of TIFF that hold no more than remarks.
REMARKS = (
    *("imagedescription", "documentname", "software", "artist", "copyright", "datetime"),
    *("hostcomputer", "make", "model", "pagename", "richtiffiptc", "photoshop", "iccprofile"),
    *("xmlpacket", "resolutionunit", "xresolution", "yresolution", "geoasciiparams"),
)
SMALLEST_PIXEL = 1e-100  # in squares of the CRS's unit
CLASS_TAG = "class_"  # our own maps name the value 3 in the tag class_3


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterSource(CubeSource):
    """An image that rasterio reads."""

    driver: str
    indexes: tuple[int, ...]  # what rasterio calls the bands
    has_mask: bool = False
    header: Path | None = None  # a file of its own, as ENVI has it

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,) if self.header is None else (self.path, self.header)

    def values(self, rows: slice, cols: slice, bands: np.ndarray) -> np.ndarray:
        indexes = [self.indexes[band] for band in bands]
        with opened_raster(self.path, self.driver) as file:
            layers = file.read(indexes, window=_window(rows, cols), out_dtype=self.dtype)
        return layers.transpose(1, 2, 0)

    def unmasked(self, rows: slice, cols: slice) -> np.ndarray | None:
        if not self.has_mask:
            return None
        with opened_raster(self.path, self.driver) as file:
            return file.dataset_mask(window=_window(rows, cols)) > 0


def read_raster(path: Path) -> RasterSource:
    """The image in a file, of which only the header is read."""
    with opened_raster(path, warn=True) as file:
        source = raster_source(path, file, **_tagged(path, file))
        if source.driver == "GTiff":
            check_blocks(path, checksums=source.n_bytes <= SMALL_FILE * 2**20)
        return source


@contextmanager
def opened_raster(path: Path, driver: str | None = None, *, warn: bool = False) -> Iterator[Any]:
    """Open a raster with rasterio, and name the file in what goes wrong.

    With `warn`, which is for the first time, warnings behind which nothing is lost are logged.
    """
    try:
        import rasterio
    except ImportError as error:
        raise ImportError(
            f"{path} is read with rasterio: pip install 'sklearn-hsiode[raster]'. Without it"
            " there are .mat, .npy and .npz."
        ) from error
    kind = "any of .mat, .npy, .npz, ENVI, GeoTIFF and what else rasterio opens"
    with reading(path, kind), listening() as messages, ExitStack() as opened:
        opened.enter_context(rasterio.Env())
        with warnings.catch_warnings():
            # A file without a georeference is a scene without one.
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            file = opened.enter_context(_reader()(str(path), driver=driver))
        yield file
        said = dict.fromkeys(messages)
        loss = [text for text in said if not _is_harmless(text.lower())]
        if loss:
            raise ValueError(
                f"{path} cannot be read as a whole, and may be damaged: GDAL says"
                f" {'; '.join(loss)[:MESSAGE].rstrip('.')}. Copy it again, or write it anew with"
                " gdal_translate."
            )
        if warn:
            for text in said:
                logger.warning("%s: GDAL says %s", path, text)
            _warn_of_sidecar(path)


def _is_harmless(text: str) -> bool:
    return any(known in text for known in HARMLESS) or any(f'"{tag}"' in text for tag in REMARKS)


@cache
def _reader() -> type:
    """Rasterio's reader, which looks each band up in a list that it makes anew each time."""
    from rasterio.io import DatasetReader

    class Reader(DatasetReader):
        @property
        def indexes(self) -> range:
            return range(1, self.count + 1)

    return Reader


def _warn_of_sidecar(path: Path) -> None:
    """Warn of a file that tells of another one and is damaged, which GDAL ignores."""
    sidecar = path.with_name(f"{path.name}.aux.xml")
    if not sidecar.is_file():
        return
    try:
        ElementTree.parse(sidecar)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        logger.warning(
            "%s is no XML, and what it tells of the image may be left out: %s", sidecar, error
        )


def raster_source(
    path: Path, file: Any, source: type[RasterSource] = RasterSource, **about: Any
) -> RasterSource:
    """The image in a file that is open, and what else is known about it and each of its bands."""
    from rasterio.enums import ColorInterp, MaskFlags

    alpha = [color == ColorInterp.alpha for color in file.colorinterp]
    indexes = tuple(i for i, is_alpha in zip(file.indexes, alpha, strict=True) if not is_alpha)
    if sum(alpha) > 1:
        raise ValueError(
            f"{path} says that {sum(alpha)} of its bands are opacity, of which an image has one: it"
            " is damaged, or say that they are data (gdal_edit.py -colorinterp_4 undefined)."
        )
    if not indexes:
        names = ", ".join(file.subdatasets) or "none"
        raise ValueError(f"{path} holds no bands itself: save one of its parts, {names}.")
    dtypes = file.dtypes  # which rasterio makes anew each time
    nodatavals = about.pop("nodatavals", file.nodatavals)
    dtype = np.result_type(*{dtypes[i - 1] for i in indexes})
    if file.crs is None and file.gcps[0]:
        logger.warning(
            "%s has ground control points instead of a CRS and transform, and maps of it will have"
            " neither: gdalwarp gives it both.",
            path,
        )
    sizes = np.abs(file.transform[:6])
    if not np.isfinite(sizes).all() or abs(file.transform.determinant) < SMALLEST_PIXEL:
        transform = tuple(file.transform[:6])
        raise ValueError(f"{path} has pixels without a size: its transform is {transform}.")
    no_value = np.nan if dtype.kind == "f" else None  # NaN is nodata without being declared
    nodata = tuple(
        no_value if value is None else value for value in (nodatavals[i - 1] for i in indexes)
    )
    if "has_mask" not in about:
        about["has_mask"] = MaskFlags.per_dataset in file.mask_flag_enums[0]
    of_bands: dict[str, Any] = {
        key: value[[i - 1 for i in indexes]] if isinstance(value, np.ndarray) else value
        for key, value in {**_scaled(file), **about}.items()
    }
    return source(
        path=path,
        shape=(file.height, file.width, len(indexes)),
        dtype=dtype,
        nodata=None if set(nodata) == {None} else nodata,
        crs=file.crs,
        transform=None if file.transform.is_identity else file.transform,
        block_rows=max(height for height, _ in file.block_shapes),
        block_cols=max(width for _, width in file.block_shapes),
        driver=file.driver,
        indexes=indexes,
        **of_bands,
    )


def _tagged(path: Path, file: Any) -> dict[str, Any]:
    """Wavelengths, widths, bad bands and names of values, as tags tell them."""
    tags = [_lowered(file.tags(i)) for i in file.indexes]
    names = {
        int(key.removeprefix(CLASS_TAG)): name
        for key, name in (_lowered(file.tags()) | (tags[0] if tags else {})).items()
        if key.removeprefix(CLASS_TAG).isdecimal() and key.startswith(CLASS_TAG)
    }
    about: dict[str, Any] = {"class_names": names or None}
    unit = next((tag["wavelength_units"] for tag in tags if "wavelength_units" in tag), None)
    centres, widths = [tag.get("wavelength") for tag in tags], [tag.get("fwhm") for tag in tags]
    about |= in_nanometres(path, centres, widths, unit)
    if "wavelengths" not in about:  # GDAL has a place of its own for them
        tags_of_gdal = [file.tags(i, ns="IMAGERY") for i in file.indexes]
        centres = [tag.get("CENTRAL_WAVELENGTH_UM") for tag in tags_of_gdal]
        widths = [tag.get("FWHM_UM") for tag in tags_of_gdal]
        about |= in_nanometres(path, centres, widths, "um")
    about["bad"] = bad_bands(path, [tag.get("bbl") for tag in tags])
    return about


def bad_bands(path: Path, multipliers: Sequence[str | None]) -> np.ndarray:
    """Boolean array, True where the multiplier of a band, if it has one, is zero."""
    try:
        numbers = np.array([1 if text is None else number(text) for text in multipliers], float)
    except ValueError as error:
        raise ValueError(f"{path} marks bad bands (bbl) with no number: {error}") from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path} marks bad bands (bbl) with NaN or infinity.")
    return np.asarray(numbers == 0)


def _scaled(file: Any) -> dict[str, Any]:
    gains, offsets = np.array(file.scales, dtype=float), np.array(file.offsets, dtype=float)
    is_scaled = (gains != 1).any() or (offsets != 0).any()
    return {"gains": gains, "offsets": offsets} if is_scaled else {}


def _lowered(tags: dict[str, str]) -> dict[str, str]:
    return {key.lower(): value for key, value in tags.items()}


def _window(rows: slice, cols: slice) -> Sequence[tuple[int, int]]:
    return (rows.start, rows.stop), (cols.start, cols.stop)
