"""Photographs of the Berkeley segmentation set with the trimaps of GrabCut (Rother, Kolmogorov & Blake, SIGGRAPH 2004).

Accepted under the data root: `grabcut-bsds.zip` or the folder `grabcut/`, with `{images,masks}/` and equal stems.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map
from analysis.datasets.source import Masks, Sample, Source, Table


def _table(folders: Sequence[Path], split: str) -> Table:
    """One class, `object`: the set has no image labels."""
    (root,) = folders
    images = list_pictures(root / "images")
    return Table(
        [Sample(path.stem, path, 0, root / "masks" / f"{path.stem}.png") for path in images], ("object",), masks=_trimap
    )


def _trimap(sample: Sample) -> Masks:
    """255 is `foreground`, 128 is `border` (undecided: neither object nor background), 0 is background."""
    assert sample.mask is not None
    trimap = read_map(sample.mask)
    return {"foreground": trimap == 255, "border": trimap == 128}


SOURCE = Source(
    name="grabcut",
    title="GrabCut / BSDS",
    terms="Berkeley segmentation data set: non-commercial research",
    source="the Berkeley segmentation data set, with the GrabCut ground truth of Microsoft Research Cambridge",
    images=20,
    parts=(Part(folders=("grabcut",), archives=("grabcut-bsds.zip", "grabcut.zip"), marker="images"),),
    table=_table,
)
