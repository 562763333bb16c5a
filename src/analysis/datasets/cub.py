"""CUB-200-2011 (Wah, Branson, Welinder, Perona & Belongie, Caltech 2011): 200 species of birds, with segmentations.

Accepted under the data root: `CUB_200_2011.tgz` and `segmentations.tgz` (official; the second one also inside the folder
`CUB_200_2011/`), or their unpacked folders `CUB_200_2011/` and `segmentations/`.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.pictures import read_map
from analysis.datasets.source import Masks, Sample, Source, Table


def _pairs(path: Path) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in path.read_text().splitlines())


def _table(folders: Sequence[Path], split: str) -> Table:
    """The official split; classes in the official order, without their number."""
    root, segmentations = folders
    label, train = _pairs(root / "image_class_labels.txt"), _pairs(root / "train_test_split.txt")
    classes = _pairs(root / "classes.txt")
    samples = []
    for number, name in _pairs(root / "images.txt").items():
        if train[number].strip() == ("1" if split == "train" else "0"):
            stem = name.strip().removesuffix(".jpg")
            mask = segmentations / f"{stem}.png"
            samples.append(Sample(stem, root / "images" / f"{stem}.jpg", int(label[number]) - 1, mask))
    names = tuple(classes[key].strip().split(".", 1)[-1].replace("_", " ") for key in sorted(classes, key=int))
    return Table(samples, names, masks=_agreed)


def _agreed(sample: Sample) -> Masks:
    """`foreground`: at least half of the annotators (the grey value, 0 ... 255) call the pixel bird; the half is our choice."""
    assert sample.mask is not None
    return {"foreground": read_map(sample.mask) >= 128}


SOURCE = Source(
    name="cub",
    title="CUB-200-2011",
    terms="non-commercial research and education",
    source="Caltech, https://www.vision.caltech.edu/datasets/cub_200_2011",
    images=11_788,
    parts=(
        Part(
            folders=("CUB_200_2011",),
            archives=("CUB_200_2011.tgz",),
            marker="images.txt",
            url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
            digest="md5:97eceeb196236b17998738112f37df78",
        ),
        Part(
            folders=("segmentations", "CUB_200_2011/segmentations"),
            archives=("segmentations.tgz", "CUB_200_2011/segmentations.tgz"),
            url="https://data.caltech.edu/records/w9d68-gec53/files/segmentations.tgz",
            digest="md5:4d47ba1228eae64f2fa547c47bc65255",
        ),
    ),
    table=_table,
    splits=("train", "test"),
)
