"""Oxford-IIIT Pet (Parkhi, Vedaldi, Zisserman & Jawahar, CVPR 2012): 37 breeds of cats and dogs, with trimaps.

Accepted under the data root: the folder `oxford-iiit-pet/` of torchvision, holding `images.tar.gz` and `annotations.tar.gz`
(official) or their unpacked folders `images/` and `annotations/`; or that folder as `oxford-iiit-pet.zip` or
`oxford-iiit-pet-3-breeds.zip`.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.datasets.archives import Part
from analysis.datasets.pictures import read_map
from analysis.datasets.source import Masks, Sample, Source, Table

WHOLE = ("oxford-iiit-pet.zip", "oxford-iiit-pet-3-breeds.zip")
LISTS = {"train": "trainval.txt", "test": "test.txt"}


def _table(folders: Sequence[Path], split: str) -> Table:
    """Breeds in the official order; the split `train` is the official `trainval`."""
    images, annotations = folders
    samples, breeds = [], {}
    for line in (annotations / LISTS[split]).read_text().splitlines():
        name, number, *_ = line.split()
        label = int(number) - 1
        breeds[label] = name.rsplit("_", 1)[0].replace("_", " ")
        samples.append(Sample(name, images / f"{name}.jpg", label, annotations / "trimaps" / f"{name}.png"))
    return Table(samples, tuple(breeds.get(label, "") for label in range(max(breeds, default=-1) + 1)), masks=_trimap)


def _trimap(sample: Sample) -> Masks:
    """1 is `foreground`, 2 is background, 3 is `border` (not classified: neither)."""
    assert sample.mask is not None
    trimap = read_map(sample.mask)
    return {"foreground": trimap == 1, "border": trimap == 3}


URL = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"
SOURCE = Source(
    name="pets",
    title="Oxford-IIIT Pet",
    terms="CC BY-SA 4.0",
    source="the Visual Geometry Group, Oxford, https://www.robots.ox.ac.uk/~vgg/data/pets",
    images=7_349,
    parts=(
        Part(
            folders=("oxford-iiit-pet/images",),
            archives=("oxford-iiit-pet/images.tar.gz", *WHOLE),
            url=f"{URL}/images.tar.gz",
            digest="md5:5c4f3ee8e5d25df40f4fd59a7f44e54c",
        ),
        Part(
            folders=("oxford-iiit-pet/annotations",),
            archives=("oxford-iiit-pet/annotations.tar.gz", *WHOLE),
            marker="trimaps",
            url=f"{URL}/annotations.tar.gz",
            digest="md5:95a8c909bbe2e81eed6a22bccdf3f68f",
        ),
    ),
    table=_table,
    splits=("train", "test"),
)
