"""ETH-80 (Leibe & Schiele, CVPR 2003): 8 categories x 10 objects x 41 views on a plain blue ground, with masks.

Accepted under the data root: the original `eth80-cropped256.tgz` or its folder, with `<object>/` and `<object>/maps/`; or
`eth80.zip`, `eth80-subset.zip` or the folder `eth80/`, with `{images,masks}/<category>/<object>/`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.pictures import list_pictures, read_map
from analysis.datasets.source import Masks, Sample, Source, Table

VIEW = re.compile(r"(?P<category>[a-z]+)(?P<instance>\d+)-(?P<polar>\d{3})-(?P<azimuth>\d{3})")


def _table(folders: Sequence[Path], split: str) -> Table:
    """Labels are categories, clusters objects; factors: `instance` (number of the object in its category), `polar`, `azimuth`.

    The file name `apple1-022-090` gives the direction of the camera in degrees: `polar` is 0 from above and 90 from the side.
    """
    (root,) = folders
    rows = []
    for image in list_pictures(root / "images" if (root / "images").is_dir() else root):
        view = VIEW.fullmatch(image.stem)
        if view is not None:  # the maps of the original layout do not match
            rows.append((image, view["category"], {key: int(view[key]) for key in ("instance", "polar", "azimuth")}))
    classes = tuple(sorted({category for _, category, _ in rows}))
    samples = []
    for image, category, factors in rows:
        thing = f"{category}/{category}{factors['instance']:02d}"
        label, mask = classes.index(category), _mask_file(image, root)
        samples.append(Sample(f"{thing}/{image.stem}", image, label, mask, factors, cluster=thing))
    return Table(samples, classes, masks=_foreground)


def _mask_file(image: Path, root: Path) -> Path:
    if (root / "images").is_dir():
        return root / "masks" / image.relative_to(root / "images").with_suffix(".png")
    return image.parent / "maps" / f"{image.stem}-map.png"


def _foreground(sample: Sample) -> Masks:
    assert sample.mask is not None
    return {"foreground": read_map(sample.mask) >= 128}


SOURCE = Source(
    name="eth80",
    title="ETH-80",
    terms="research use",
    source="the Max Planck Institute for Informatics, Saarbruecken (data set ETH-80)",
    images=3_280,
    parts=(Part(folders=("eth80", "eth80-cropped256"), archives=("eth80-cropped256.tgz", "eth80.zip", "eth80-subset.zip")),),
    table=_table,
)
