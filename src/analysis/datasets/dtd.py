"""Describable Textures (Cimpoi, Maji, Kokkinos, Mohamed & Vedaldi, CVPR 2014): 47 kinds of texture, no masks by nature.

Accepted under the data root: `dtd-r1.0.1.tar.gz` (official; also inside the folder `dtd/` of torchvision),
`dtd-10-textures.zip`, or the unpacked folder `dtd/` with `images/` and `labels/`.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.source import Sample, Source, Table

SPLITS = ("train", "val", "test")


def _table(folders: Sequence[Path], split: str) -> Table:
    """The first of the ten official partitions; the classes are those of all its splits."""
    (root,) = folders
    lists = {part: (root / "labels" / f"{part}1.txt").read_text().split() for part in SPLITS}
    classes = tuple(sorted({name.split("/")[0] for names in lists.values() for name in names}))
    return Table(
        [Sample(name.removesuffix(".jpg"), root / "images" / name, classes.index(name.split("/")[0])) for name in lists[split]],
        classes,
    )


SOURCE = Source(
    name="dtd",
    title="Describable Textures",
    terms="research use",
    source="the Visual Geometry Group, Oxford, https://www.robots.ox.ac.uk/~vgg/data/dtd",
    images=5_640,
    parts=(
        Part(
            folders=("dtd/dtd", "dtd"),
            archives=("dtd/dtd-r1.0.1.tar.gz", "dtd-r1.0.1.tar.gz", "dtd-10-textures.zip"),
            marker="labels",
            url="https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
            digest="md5:fff73e5086ae6bdbea199a49dfb8a4c1",
        ),
    ),
    table=_table,
    masks=False,
    splits=SPLITS,
)
