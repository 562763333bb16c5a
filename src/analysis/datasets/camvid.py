"""CamVid (Brostow, Fauqueur & Cipolla, 2009): road scenes, every pixel of one of 11 classes or of none.

Accepted under the data root: `camvid-72-30.zip`, `camvid.zip` or the folder `camvid/` with `{train,val}/{images,labels}/`, or
the folder of the 480 x 360 release in common use, `CamVid/`, with `train/`, `trainannot/`, `val/`, `valannot/`. Labels are grey
PNG files of class indices, 11 the pixels of none. The split `test` is `val`.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map
from analysis.datasets.source import Masks, Sample, Source, Table

CLASSES = (*("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),)
VOID = 11


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels are 0: the set labels pixels, not images. Clusters are drives: `0006R0_f00930` is a frame of `0006R0`."""
    (root,) = folders
    part = "val" if split == "test" else split
    nested = (root / part / "images").is_dir()
    images, labels = (root / part / "images", root / part / "labels") if nested else (root / part, root / f"{part}annot")
    samples = [
        Sample(path.stem, path, 0, labels / f"{path.stem}.png", cluster=path.stem.partition("_")[0])
        for path in list_pictures(images)
    ]
    return Table(samples, CLASSES, masks=_labels)


def _labels(sample: Sample) -> Masks:
    """`semantic`: 0 ... 10 the classes, 11 none of them."""
    assert sample.mask is not None
    return {"semantic": read_map(sample.mask)}


SOURCE = Source(
    name="camvid",
    title="CamVid",
    terms="CC BY-NC 4.0, research use",
    source="the University of Cambridge (Motion-based Segmentation and Recognition data set)",
    images=701,
    parts=(Part(folders=("camvid", "CamVid"), archives=("camvid.zip", "camvid-72-30.zip"), marker="train"),),
    table=_table,
    splits=("test", "train"),
)
