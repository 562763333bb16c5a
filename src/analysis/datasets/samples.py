"""Six photographs that may be shown to anybody, for pictures on pages: they come with scikit-image and scikit-learn."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from analysis.datasets.base import Dataset
from analysis.datasets.source import Sample, Table, decode, no_masks
from analysis.errors import MissingFile


@dataclass(frozen=True)
class Photograph:
    """Attributes:
    package, file: where it lies, as installed.
    label: what it shows.
    licence: its terms and who made it, as its package states them.
    """

    package: str
    file: str
    label: str
    licence: str


PHOTOGRAPHS = {
    "astronaut": Photograph("skimage", "data/astronaut.png", "person", "public domain, NASA"),
    "chelsea": Photograph("skimage", "data/chelsea.png", "cat", "CC0, Stefan van der Walt"),
    "coffee": Photograph("skimage", "data/coffee.png", "cup", "CC0, Rachel Michetti"),
    "rocket": Photograph("skimage", "data/rocket.jpg", "rocket", "public domain, SpaceX"),
    "china": Photograph("sklearn", "datasets/images/china.jpg", "temple", "CC BY 2.0, danielbuechele"),
    "flower": Photograph("sklearn", "datasets/images/flower.jpg", "flower", "CC BY 2.0, vultilion"),
}


def load(size: int) -> Dataset:
    """The six photographs, cropped and scaled as those of every other data set; ids are their names, classes their labels.

    Raises:
        MissingFile: a package is installed without its pictures.
    """
    classes = tuple(sorted({photograph.label for photograph in PHOTOGRAPHS.values()}))
    samples = [Sample(name, _place(photograph), classes.index(photograph.label)) for name, photograph in PHOTOGRAPHS.items()]
    return decode("samples", Table(samples, classes, masks=no_masks), size=size, n=None, seed=0)


def credits() -> str:
    """One sentence for a caption: whose the photographs are."""
    return "Photographs: " + "; ".join(f"{name} ({photograph.licence})" for name, photograph in PHOTOGRAPHS.items()) + "."


def _place(photograph: Photograph) -> Path:
    spec = find_spec(photograph.package)
    file = Path(spec.origin).parent / photograph.file if spec and spec.origin else Path(photograph.file)
    if not file.exists():
        raise MissingFile(f"{photograph.package} is installed without its picture {photograph.file}")
    return file
