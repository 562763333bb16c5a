"""BDD100K, multiple object tracking (Yu et al., CVPR 2020): drives at five frames a second, each object boxed and numbered.

Accepted under the data root: the folder `bdd100k/` with the official `images/track/{train,val}/<video>/*.jpg` and
`labels/box_track_20/{train,val}/<video>.json` (`labels-20/box-track/` in the first release). The split `test` is `val`, since
the official test labels are not public.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from analysis.datasets.archives import Part
from analysis.datasets.source import Masks, Sample, Source, Table
from analysis.errors import UserError

LABELS = ("labels/box_track_20", "labels-20/box-track")
Box = tuple[float, float, float, float]  # left, top, right, bottom, px


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels and clusters are videos; factors: `frame`, its number. Frames without a box are kept: they show nothing."""
    (root,) = folders
    part = "val" if split == "test" else split
    files = sorted(file for folder in LABELS for file in (root / folder / part).glob("*.json"))
    samples = [
        Sample(
            f"{file.stem}/{Path(name).stem}",
            root / "images" / "track" / part / file.stem / name,
            index,
            file,
            {"frame": frame},
            cluster=file.stem,
        )
        for index, file in enumerate(files)
        for frame, name in enumerate(_boxes(file))
    ]
    return Table(samples, tuple(file.stem for file in files), masks=_objects)


def _objects(sample: Sample) -> Masks:
    """`instance`: 0 the ground, then the objects under their boxes, numbered alike in a whole video; small ones lie on top."""
    assert sample.mask is not None
    with Image.open(sample.image) as image:
        width, height = image.size
    instance = np.zeros((height, width), np.uint16)
    for number, (left, top, right, bottom) in _boxes(sample.mask)[sample.image.name]:
        rows = slice(max(round(top), 0), max(round(bottom) + 1, 0))
        instance[rows, max(round(left), 0) : max(round(right) + 1, 0)] = number
    return {"foreground": instance > 0, "instance": instance}


@lru_cache(maxsize=256)
def _boxes(file: Path) -> dict[str, list[tuple[int, Box]]]:
    """Image name -> number and box of each object, large boxes first; numbers count the objects of the video from 1.

    Raises:
        UserError: the file does not have the official layout.
    """
    numbers: dict[str, int] = {}
    found = {}
    try:
        frames = json.loads(file.read_text(encoding="utf-8"))
        for frame in sorted(frames, key=lambda row: row["name"]):
            boxes = []
            for label in frame.get("labels") or ():
                box: Box = tuple(float(label["box2d"][edge]) for edge in ("x1", "y1", "x2", "y2"))  # type: ignore[assignment]
                boxes.append((numbers.setdefault(str(label["id"]), len(numbers) + 1), box))
            found[frame["name"]] = sorted(boxes, key=lambda item: -_area(item[1]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is not a label file of BDD100K tracking ({type(error).__name__}: {error}): "
            'it should list frames with "name" and "labels", each label with "id" and "box2d"'
        ) from None
    return found


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


SOURCE = Source(
    name="bdd100k",
    title="BDD100K tracking",
    terms="those of its site, after registration",
    source="https://bdd-data.berkeley.edu (MOT 2020 images and labels)",
    images=None,
    parts=(Part(folders=("bdd100k",), marker="images/track"),),
    table=_table,
    splits=("test", "train"),
)
