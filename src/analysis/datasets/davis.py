"""DAVIS (Perazzi et al., CVPR 2016; Pont-Tuset et al. 2017): videos with a mask of each object on every frame.

Accepted under the data root: `DAVIS-2017-trainval-480p.zip`, `DAVIS-2016.zip`, `davis-2016-val-subset.zip` or the folder
`DAVIS/`, each with `{JPEGImages,Annotations}/480p/<video>/00000.*`. Where `ImageSets/2017/val.txt` is there, only its videos
are taken.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map
from analysis.datasets.source import Masks, Sample, Source, Table


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels and clusters are videos; factors: `frame`, its number. Frames without an annotation are left out."""
    (root,) = folders
    listed = root / "ImageSets" / "2017" / "val.txt"
    videos = sorted(folder for folder in (root / "Annotations" / "480p").iterdir() if folder.is_dir())
    if listed.is_file():
        chosen = set(listed.read_text(encoding="utf-8").split())
        videos = [folder for folder in videos if folder.name in chosen]
    samples = [
        Sample(
            f"{folder.name}/{mask.stem}",
            root / "JPEGImages" / "480p" / folder.name / f"{mask.stem}.jpg",
            index,
            mask,
            {"frame": int(mask.stem)},
            cluster=folder.name,
        )
        for index, folder in enumerate(videos)
        for mask in list_pictures(folder)
    ]
    return Table(samples, tuple(folder.name for folder in videos), masks=_objects)


def _objects(sample: Sample) -> Masks:
    """`instance`: 0 the ground, then the objects; the one object of DAVIS 2016, white there, is 1. 255 beside others: none."""
    assert sample.mask is not None
    instance = read_map(sample.mask)
    if set(np.unique(instance)) <= {0, 255}:
        instance = (instance > 0).astype(np.uint8)
    return {"foreground": (instance > 0) & (instance < 255), "instance": instance}


SOURCE = Source(
    name="davis",
    title="DAVIS",
    terms="CC BY-NC 4.0, research use",
    source="https://davischallenge.org (480p, DAVIS 2016 or 2017)",
    images=1_999,
    parts=(
        Part(
            folders=("DAVIS",),
            archives=("DAVIS-2017-trainval-480p.zip", "DAVIS-2016.zip", "davis-2016-val-subset.zip"),
            marker="Annotations/480p",
            url="https://data.vision.ee.ethz.ch/csergi/share/davis/DAVIS-2017-trainval-480p.zip",
            digest="sha256:e3d0b5b77c3d031b000a19e0e25e3e2cac65d183755601bc2cf066df1a2aa492",
        ),
    ),
    table=_table,
)
