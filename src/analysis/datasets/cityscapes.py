"""Cityscapes (Cordts et al., CVPR 2016): street scenes of 1024 x 2048 pixels, every pixel of one of 19 classes or of none.

Accepted under the data root: the folder `cityscapes/` with the official `leftImg8bit/{train,val}/<city>/*_leftImg8bit.png` and
`gtFine/{train,val}/<city>/*_gtFine_labelIds.png`. The split `test` is `val`, since the official test labels are not public.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map
from analysis.datasets.source import Masks, Sample, Source, Table

# Label ids of the 19 classes that are evaluated, in the official order of their training ids.
IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
CLASSES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain"),
    *("sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
VOID = 255
_TRAIN_ID = np.full(256, VOID, np.uint8)
_TRAIN_ID[list(IDS)] = np.arange(len(IDS))


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels are cities, so that a subset takes as many images of each: 72 of the training set are 4 of every city.

    Clusters are drives: `aachen_000003_000019` is a frame of `aachen_000003`.
    """
    (root,) = folders
    part = "val" if split == "test" else split
    images = [path for path in list_pictures(root / "leftImg8bit" / part) if path.stem.endswith("_leftImg8bit")]
    cities = tuple(sorted({path.parent.name for path in images}))
    samples = []
    for path in images:
        frame = path.stem.removesuffix("_leftImg8bit")
        mask = root / "gtFine" / part / path.parent.name / f"{frame}_gtFine_labelIds.png"
        samples.append(Sample(f"{path.parent.name}/{frame}", path, cities.index(path.parent.name), mask, cluster=frame[:-7]))
    return Table(samples, cities, masks=_labels)


def _labels(sample: Sample) -> Masks:
    """`semantic`: 0 ... 18 the classes in the order of their training ids, 255 none of them."""
    assert sample.mask is not None
    return {"semantic": _TRAIN_ID[read_map(sample.mask)]}


SOURCE = Source(
    name="cityscapes",
    title="Cityscapes",
    terms="for research, after registration",
    source="https://www.cityscapes-dataset.com (leftImg8bit and gtFine)",
    images=5_000,
    parts=(Part(folders=("cityscapes",), marker="gtFine"),),
    table=_table,
    splits=("test", "train"),
)
