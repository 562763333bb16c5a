"""Clothing Co-Parsing (Yang, Luo & Lin, CVPR 2014): street photographs of one person, every pixel labelled.

Accepted under the data root: `clothing-co-parsing-subset.zip` or the folder `ccp/` with `{photos,labels}/`, or the repository
of the authors, `clothing-co-parsing-master.zip` or its folder, with `photos/` and `annotations/pixel-level/*.mat`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.datasets.archives import Part
from analysis.datasets.pictures import read_map
from analysis.datasets.source import Masks, Sample, Source, Table


def _table(folders: Sequence[Path], split: str) -> Table:
    """One class, `person`: the set labels pixels, not images. Photographs without a pixel map are left out."""
    (root,) = folders
    maps = sorted([*root.glob("labels/*.png"), *root.glob("annotations/pixel-level/*.mat")])
    return Table(
        [Sample(path.stem, root / "photos" / f"{path.stem}.jpg", 0, path) for path in maps], ("person",), masks=_labels
    )


def _labels(sample: Sample) -> Masks:
    """`semantic`: 0 nothing, 1 ... 58 garments, skin and hair; `foreground`: all that is something, the person."""
    assert sample.mask is not None
    if sample.mask.suffix == ".mat":
        from scipy.io import loadmat

        semantic = np.asarray(loadmat(str(sample.mask))["groundtruth"], dtype=np.uint8)
    else:
        semantic = read_map(sample.mask)
    return {"foreground": semantic > 0, "semantic": semantic}


SOURCE = Source(
    name="ccp",
    title="Clothing Co-Parsing",
    terms="Apache-2.0 (annotations); photographs from the web",
    source="the authors' repository, https://github.com/bearpaw/clothing-co-parsing",
    images=1_004,
    parts=(
        Part(
            folders=("ccp", "clothing-co-parsing", "clothing-co-parsing-master"),
            archives=("clothing-co-parsing-master.zip", "clothing-co-parsing-subset.zip"),
            marker="photos",
        ),
    ),
    table=_table,
)
