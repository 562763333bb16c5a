"""ADE20K, scene parsing (Zhou et al., CVPR 2017): photographs of all kinds, every pixel of one of 150 classes or of none.

Accepted under the data root: `ADEChallengeData2016.zip` or its folder, with `{images,annotations}/{training,validation}/`.
Annotations are grey PNG files, 0 the pixels of none. The split `train` is `training`, and `test` is `validation`, since the
official test labels are not public.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map
from analysis.datasets.source import Masks, Sample, Source, Table

CLASSES = tuple(f"class {index}" for index in range(1, 151))
VOID = 255
FOLDERS = {"train": "training", "test": "validation"}


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels are 0: the set labels pixels, and its kinds of scenes are too many to balance over."""
    (root,) = folders
    images = list_pictures(root / "images" / FOLDERS[split])
    maps = root / "annotations" / FOLDERS[split]
    return Table([Sample(path.stem, path, 0, maps / f"{path.stem}.png") for path in images], CLASSES, masks=_labels)


def _labels(sample: Sample) -> Masks:
    """`semantic`: 0 ... 149 the classes in the order of the file's values 1 ... 150, 255 none of them."""
    assert sample.mask is not None
    return {"semantic": read_map(sample.mask) - np.uint8(1)}  # 0 becomes 255


SOURCE = Source(
    name="ade20k",
    title="ADE20K",
    terms="for non-commercial research",
    source="https://sceneparsing.csail.mit.edu (release of 2016)",
    images=22_210,
    parts=(
        Part(
            folders=("ADEChallengeData2016",),
            archives=("ADEChallengeData2016.zip",),
            marker="annotations",
            url="http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
            digest="md5:7328b3957e407ddae1d3cbf487f149ef",
        ),
    ),
    table=_table,
    splits=("test", "train"),
)
