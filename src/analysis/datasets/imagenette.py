"""Imagenette (Howard, fast.ai, 2019): photographs of ten ImageNet classes that are easy to tell apart.

Accepted under the data root: the official `imagenette2-320.tgz`, `imagenette2.tgz` or `imagenette2-160.tgz` (shorter side
320 px, as in ImageNet, 160 px), `imagenette2-128.zip` (squashed to 128 x 128 px), or one of their folders, with
`{train,val}/<wnid>/*.JPEG`. Where several lie there the first of these is taken; their ids are the same, their pixels are not.
The split `test` is the official `val`.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures
from analysis.datasets.source import Sample, Source, Table

CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
FOLDERS = {"train": "train", "test": "val"}


def _table(folders: Sequence[Path], split: str) -> Table:
    """The ten classes in order of their WordNet id, whether or not a copy holds images of each."""
    (root,) = folders
    samples = [
        Sample(path.relative_to(root).with_suffix("").as_posix(), path, label)
        for label, wnid in enumerate(CLASSES)
        for path in list_pictures(root / FOLDERS[split] / wnid)
    ]
    return Table(samples, tuple(CLASSES.values()))


SOURCE = Source(
    name="imagenette",
    title="Imagenette",
    terms="ImageNet terms: non-commercial research",
    source="fast.ai, https://github.com/fastai/imagenette",
    images=13_394,
    parts=(
        Part(
            folders=("imagenette2-320", "imagenette2", "imagenette2-160", "imagenette2-128"),
            archives=("imagenette2-320.tgz", "imagenette2.tgz", "imagenette2-160.tgz", "imagenette2-128.zip"),
            marker="train",
            url="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
            digest="md5:3df6f0d01a2c9592104656642f5e78a3",
        ),
    ),
    table=_table,
    masks=False,
    splits=("train", "test"),
)
