"""Tiny-ImageNet: 200 ImageNet classes at 64 px, with one bounding box per image.

Accepted under the data root: `tiny-imagenet-200.zip` (official), `tiny-imagenet-200-subset.zip`, or the folder
`tiny-imagenet-200/`. The official test images have no labels, so the split `test` is the official validation set.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.datasets.archives import Part
from analysis.datasets.source import Masks, Sample, Source, Table

SIDE = 64  # pixels of every file


def _table(folders: Sequence[Path], split: str) -> Table:
    """Classes in order of their WordNet id; factor `box`, and its inside as a coarse `foreground`.

    The box of a file holds the first and the last pixel (0 ... 63, both inside); here `x1, y1` are one further.
    """
    (root,) = folders
    wnids = sorted((root / "wnids.txt").read_text().split())
    words = dict(line.split("\t", 1) for line in (root / "words.txt").read_text().splitlines())
    label = {wnid: index for index, wnid in enumerate(wnids)}
    samples = []
    for image, wnid, corners in _train(root, wnids) if split == "train" else _validation(root):
        x0, y0, x1, y1 = map(int, corners)
        name = image.relative_to(root).with_suffix("").as_posix()
        samples.append(Sample(name, image, label[wnid], factors={"box": (x0, y0, x1 + 1, y1 + 1)}))
    return Table(samples, tuple(words[wnid].split(",")[0] for wnid in wnids), masks=_inside_box, straight=True)


def _train(root: Path, wnids: list[str]) -> list[tuple[Path, str, list[str]]]:
    rows = []
    for wnid in wnids:
        for line in (root / "train" / wnid / f"{wnid}_boxes.txt").read_text().splitlines():
            name, *corners = line.split()
            rows.append((root / "train" / wnid / "images" / name, wnid, corners))
    return rows


def _validation(root: Path) -> list[tuple[Path, str, list[str]]]:
    lines = (root / "val" / "val_annotations.txt").read_text().splitlines()
    return [(root / "val" / "images" / name, wnid, corners) for name, wnid, *corners in map(str.split, lines)]


def _inside_box(sample: Sample) -> Masks:
    x0, y0, x1, y1 = sample.factors["box"]
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return {"foreground": mask}


SOURCE = Source(
    name="tiny-imagenet",
    title="Tiny-ImageNet",
    terms="ImageNet terms: non-commercial research",
    source="the Stanford course CS231n, http://cs231n.stanford.edu",
    images=110_000,
    parts=(
        Part(
            folders=("tiny-imagenet-200",),
            archives=("tiny-imagenet-200.zip", "tiny-imagenet-200-subset.zip"),
            marker="wnids.txt",
            url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            digest="md5:90528d7ca1a48142e341f4ef8d21d0de",
        ),
    ),
    table=_table,
    splits=("train", "test"),
)
