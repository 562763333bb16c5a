"""FAIR1M (Sun et al. 2022, arXiv 2103.05569): satellite images with oriented boxes around objects of 37 kinds.

Accepted under the data root: the folder `fair1m/` with `train/` and `validation/`; below each, at any depth, images in folders
`images*/`, and beside these the boxes of each in `labelXml/` or `labelXmls/`, under the name of the image. The split `test` is
`validation`, since the official test labels are not public.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image, ImageDraw

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures
from analysis.datasets.source import Masks, Sample, Source, Table
from analysis.errors import MissingFile, UserError

CLASSES = (
    *("Boeing737", "Boeing747", "Boeing777", "Boeing787", "C919", "A220", "A321", "A330", "A350", "ARJ21", "other-airplane"),
    *("Passenger Ship", "Motorboat", "Fishing Boat", "Tugboat", "Engineering Ship", "Liquid Cargo Ship", "Dry Cargo Ship"),
    *("Warship", "other-ship", "Small Car", "Bus", "Cargo Truck", "Dump Truck", "Van", "Trailer", "Tractor", "Excavator"),
    *("Truck Tractor", "other-vehicle", "Basketball Court", "Tennis Court", "Football Field", "Baseball Field"),
    *("Intersection", "Roundabout", "Bridge"),
)
FOLDERS = {"train": "train", "test": "validation"}
BOXES = ("labelXml", "labelXmls")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


_NUMBERS = {_plain(name): number for number, name in enumerate(CLASSES, start=1)}


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels are 0: the set labels objects, not images."""
    (root,) = folders
    place = root / FOLDERS[split]
    images = [path for path in list_pictures(place) if path.parent.name.startswith("images")]
    samples = [Sample(str(path.relative_to(root).with_suffix("")), path, 0, _boxes_of(path)) for path in images]
    return Table(samples, CLASSES, masks=_objects)


def _boxes_of(image: Path) -> Path:
    files = [image.parents[1] / folder / f"{image.stem}.xml" for folder in BOXES]
    return next((file for file in files if file.is_file()), files[0])


def _objects(sample: Sample) -> Masks:
    """`semantic`: 0 nothing, 1 ... 37 the kinds under their oriented boxes, small boxes on top; `foreground`: any of them."""
    assert sample.mask is not None
    with Image.open(sample.image) as image:
        canvas = Image.new("L", image.size)
    draw = ImageDraw.Draw(canvas)
    for number, corners in sorted(_read(sample.mask), key=lambda item: -_area(item[1])):
        draw.polygon(corners, fill=number)
    semantic = np.asarray(canvas)
    return {"foreground": semantic > 0, "semantic": semantic}


def _read(file: Path) -> list[tuple[int, list[tuple[float, float]]]]:
    """Number of the kind, and corners, of every object.

    Raises:
        MissingFile: there is no such file.
        UserError: it does not have the official layout, or names a kind that is none of the 37.
    """
    try:
        root = ElementTree.parse(file).getroot()
        return [(_NUMBERS[_plain(_text(item, ".//name"))], _corners(item)) for item in root.iter("object")]
    except FileNotFoundError:
        raise MissingFile(f"{file} is not there; is the copy of FAIR1M complete?") from None
    except KeyError as error:
        raise UserError(f"{file} names the kind {error}, which is none of the 37 of FAIR1M") from None
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(f"{file} is not a label file of FAIR1M ({error}): objects have a name and points 'x,y'") from None


def _text(item: ElementTree.Element, path: str) -> str:
    found = item.findtext(path)
    if not found:
        raise ValueError(f"an object without {path.removeprefix('.//')}")
    return found


def _corners(item: ElementTree.Element) -> list[tuple[float, float]]:
    points = [point.text or "" for point in item.iter("point")]
    corners = [(float(x), float(y)) for x, y in (point.split(",") for point in points)]
    if len(corners) < 3:
        raise ValueError("an object with fewer than three points")
    return corners


def _area(corners: list[tuple[float, float]]) -> float:
    x, y = np.array(corners).T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


SOURCE = Source(
    name="fair1m",
    title="FAIR1M",
    terms="CC BY-NC-SA 3.0, research use",
    source="https://www.gaofen-challenge.com/benchmark, after registration",
    images=None,
    parts=(Part(folders=("fair1m", "FAIR1M"), marker="validation"),),
    table=_table,
    splits=("test", "train"),
)
