"""The public scenes: addresses, hashes, class names and whom to cite."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

_FIRST_SOURCE = "https://www.ehu.eus/ccwintco/uploads/"
_SNAPSHOT = "https://web.archive.org/web/2id_/"  # the newest copy of an address, byte for byte
_COLLECTION = (
    "M. Graña, M. A. Veganzones and B. Ayerdi, Hyperspectral Remote Sensing Scenes, Grupo de"
    " Inteligencia Computacional, University of the Basque Country,"
    " https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes"
)
_NO_LICENCE = "No licence is stated beside the files: they are for research use."


@dataclass(frozen=True)
class RemoteFile:
    """A file: its sources, hash and size.

    Parameters
    ----------
    urls : tuple of str
        Its sources, the preferred one first.
    sha256 : str, default=None
        Its hash, or None where it is not known.
    size : int, default=None
        Its size in bytes, or None where it is not known.
    """

    urls: tuple[str, ...]
    sha256: str | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """Name of the file, the same at each source."""
        return PurePosixPath(self.urls[0]).name


@dataclass(frozen=True)
class RemoteScene:
    """A public scene: its two files and their content.

    Parameters
    ----------
    name : str
        Name of the scene in the field.
    folder : str
        Name of a folder of its own, for those who keep each scene in one.
    cube, labels : RemoteFile
        The image, and its ground truth.
    shape : tuple of int
        Rows, columns and bands.
    class_names : dict of int to str
        Name of each class by its label, spelt as the field's tables spell it.
    about : str
        Sensor, place and date, in a few sentences.
    citation : str
        Whom to cite.
    wavelengths : tuple of float, default=None
        Centre wavelengths in nanometres, or None where no table of them is certain.
    """

    name: str
    folder: str
    cube: RemoteFile
    labels: RemoteFile
    shape: tuple[int, int, int]
    class_names: Mapping[int, str]
    about: str
    citation: str
    wavelengths: tuple[float, ...] | None = None

    @property
    def description(self) -> str:
        """The scene in reStructuredText."""
        rows, cols, bands = self.shape
        classes = "\n".join(f"- {label}: {name}" for label, name in self.class_names.items())
        about, source = map(_wrapped, (self.about, f"Source: {self.citation}"))
        return (
            f"{self.name}\n{'=' * len(self.name)}\n\n{about}\n\n"
            f"{rows} x {cols} pixels, {bands} bands, {len(self.class_names)} classes:\n\n"
            f"{classes}\n\n{source}\n"
        )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 79, break_long_words=False, break_on_hyphens=False)


def _file(path: str, sha256: str | None = None, size: int | None = None) -> RemoteFile:
    url = _FIRST_SOURCE + path
    return RemoteFile((url, _SNAPSHOT + url), sha256, size)


def _numbered(names: str) -> dict[int, str]:
    return dict(enumerate(names.split(", "), start=1))


INDIAN_PINES = RemoteScene(
    name="Indian Pines",
    folder="indian_pines",
    cube=_file(
        "6/67/Indian_pines_corrected.mat",
        "ec2f8808710919d566f70f0d4aa885aae1ddfd42b734aba71c5e12ca65450939",
        5953527,
    ),
    labels=_file(
        "c/c4/Indian_pines_gt.mat",
        "65c4687a8ab04f6da4789799bc3bc4f6e88bccac3ed6a2e6ae367e5e6b9e429c",
        1125,
    ),
    shape=(145, 145, 200),
    class_names=_numbered(
        "Alfalfa, Corn-notill, Corn-mintill, Corn, Grass-pasture, Grass-trees, "
        "Grass-pasture-mowed, Hay-windrowed, Oats, Soybean-notill, Soybean-mintill, "
        "Soybean-clean, Wheat, Woods, Buildings-Grass-Trees-Drives, Stone-Steel-Towers"
    ),
    about=(
        "Fields and forest in north-western Indiana, seen by the AVIRIS sensor on 12 June 1992."
        " Of 220 bands, those of water absorption (104-108, 150-163 and 220) are left out."
        " Licence: CC BY 3.0."
    ),
    citation=(
        "M. F. Baumgardner, L. L. Biehl and D. A. Landgrebe, 220 Band AVIRIS Hyperspectral Image"
        " Data Set: June 12, 1992 Indian Pine Test Site 3, Purdue University Research Repository,"
        " 2015, doi:10.4231/R7RX991C"
    ),
)

_SALINAS_CLASSES = _numbered(
    "Brocoli_green_weeds_1, Brocoli_green_weeds_2, Fallow, Fallow_rough_plow, "
    "Fallow_smooth, Stubble, Celery, Grapes_untrained, Soil_vinyard_develop, "
    "Corn_senesced_green_weeds, Lettuce_romaine_4wk, Lettuce_romaine_5wk, "
    "Lettuce_romaine_6wk, Lettuce_romaine_7wk, Vinyard_untrained, "
    "Vinyard_vertical_trellis"
)

SALINAS = RemoteScene(
    name="Salinas",
    folder="salinas",
    cube=_file(
        "a/a3/Salinas_corrected.mat",
        "5ec1c0d22f56d18ecd336f8e35735863c0f160682e04e0c18ef3f89a3334d87d",
        26552770,
    ),
    labels=_file(
        "f/fa/Salinas_gt.mat",
        "ecfab4d31ef5553f097943235d8ea502038eb4a2067b2ad10b33e37c949955e2",
        4277,
    ),
    shape=(512, 217, 204),
    class_names=_SALINAS_CLASSES,
    about=(
        "Vegetables, bare soil and vineyards in the Salinas Valley, California, seen by the AVIRIS"
        " sensor in pixels of 3.7 m, as at-sensor radiance. Of 224 bands, those of water"
        f" absorption (108-112, 154-167 and 224) are left out. {_NO_LICENCE}"
    ),
    citation=_COLLECTION,
)

SALINAS_A = RemoteScene(
    name="Salinas-A",
    folder="salinas_a",
    cube=_file(
        "d/df/SalinasA_corrected.mat",
        "d75684ed3ab71a1024cee0f9db9061f50a3523a92ff5edfbbb1eed976b9f1721",
        1539086,
    ),
    labels=_file(
        "a/aa/SalinasA_gt.mat",
        "17814c1d3296c0e29b27f320f2c4174d2a68adb87e376abe78f02923e2c2e454",
        587,
    ),
    shape=(83, 86, 204),
    class_names={label: _SALINAS_CLASSES[label] for label in (1, 10, 11, 12, 13, 14)},
    about=(
        "A small part of the Salinas scene, with its sensor, bands and labels: they are not"
        f" numbered in a row. {_NO_LICENCE}"
    ),
    citation=_COLLECTION,
)

PAVIA_UNIVERSITY = RemoteScene(
    name="Pavia University",
    folder="pavia_university",
    cube=_file(
        "e/ee/PaviaU.mat",
        "28447fa87f7a5797845e9a189c0da85e23b1d06a4ba7361e5ff44efbf834d2fb",
        34806917,
    ),
    labels=_file(
        "5/50/PaviaU_gt.mat",
        "23f6a426928f9b32984adffe659e29f554f9fb6c93b5a107528d308d5087a829",
        11005,
    ),
    shape=(610, 340, 103),
    class_names=_numbered(
        "Asphalt, Meadows, Gravel, Trees, Painted metal sheets, Bare Soil, Bitumen, "
        "Self-Blocking Bricks, Shadows"
    ),
    about=(
        "The university of Pavia, northern Italy, and its surroundings, seen by the ROSIS sensor in"
        f" pixels of 1.3 m. {_NO_LICENCE}"
    ),
    citation=(
        "P. Gamba, Telecommunications and Remote Sensing Laboratory, University of Pavia;"
        f" distributed by {_COLLECTION}"
    ),
)

_HAM = (
    "J. Ham, Y. Chen, M. M. Crawford and J. Ghosh, Investigation of the random forest framework for"
    " classification of hyperspectral data, IEEE Transactions on Geoscience and Remote Sensing"
    f" 43(3), 2005, doi:10.1109/TGRS.2004.842481; distributed by {_COLLECTION}"
)

KSC = RemoteScene(
    name="KSC",
    folder="ksc",
    cube=_file(
        "2/26/KSC.mat",
        "b1ad011cfdb65c853e4f9f6108ca4774467d87f90a5c23b74ff3a2984a3b4786",
        56824624,
    ),
    labels=_file("a/a6/KSC_gt.mat"),
    shape=(512, 614, 176),
    class_names=_numbered(
        "Scrub, Willow swamp, Cabbage palm hammock, Cabbage palm/oak hammock, Slash pine, "
        "Oak/broadleaf hammock, Hardwood swamp, Graminoid marsh, Spartina marsh, "
        "Cattail marsh, Salt marsh, Mud flats, Water"
    ),
    about=(
        "Wetlands at the Kennedy Space Center, Florida, seen by the AVIRIS sensor on 23 March 1996"
        " in pixels of 18 m. Of 224 bands, those of water absorption and of little signal are left"
        f" out. {_NO_LICENCE}"
    ),
    citation=_HAM,
)

BOTSWANA = RemoteScene(
    name="Botswana",
    folder="botswana",
    cube=_file(
        "7/72/Botswana.mat",
        "f1603903c844cdc2980550b0180688e8e1a72d4292595d1120e1dec2a80a91c7",
        78911133,
    ),
    labels=_file("5/58/Botswana_gt.mat"),
    shape=(1476, 256, 145),
    class_names=_numbered(
        "Water, Hippo grass, Floodplain grasses 1, Floodplain grasses 2, Reeds, Riparian, "
        "Firescar, Island interior, Acacia woodlands, Acacia shrublands, Acacia grasslands, "
        "Short mopane, Mixed mopane, Exposed soils"
    ),
    about=(
        "Swamps and drier woodlands of the Okavango Delta, Botswana, seen by the Hyperion sensor on"
        " the EO-1 satellite on 31 May 2001 in pixels of 30 m. Of 242 bands, 10-55, 82-97, 102-119,"
        f" 134-164 and 187-220 are kept. {_NO_LICENCE}"
    ),
    citation=_HAM,
)
