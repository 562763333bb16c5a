"""What every data set of photographs shares: a table of samples, how it is found, subsampled and decoded."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis import paths
from analysis.datasets.archives import Part
from analysis.datasets.base import Dataset
from analysis.datasets.geometry import plan
from analysis.datasets.pictures import list_files, read_rgb
from analysis.errors import MissingFile, UserError
from analysis.progress import track
from analysis.remote import Remote


@dataclass(frozen=True)
class Sample:
    """One image before it is decoded.

    Attributes:
        id: relative file stem; the same at every size and on every machine.
        image: the image file.
        label: index into the classes of its table.
        mask: the file the masks are read from, if there is one.
        factors: further ground truth; `box` is (x0, y0, x1, y1) in pixels of the file and follows the image's geometry.
        cluster: the video, object or scene it is one of several images of; "" if it is independent of all others.
    """

    id: str
    image: Path
    label: int
    mask: Path | None = None
    factors: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = ""


Masks = dict[str, np.ndarray]


def no_masks(_: Sample) -> Masks:
    """For data sets without masks."""
    return {}


@dataclass(frozen=True)
class Table:
    """All samples of one split.

    Attributes:
        samples: in any order.
        classes: class names.
        masks: reads the masks of a sample at the resolution of its file, name -> (height, width).
        straight: square images without a margin: resize only, no crop.
    """

    samples: Sequence[Sample]
    classes: tuple[str, ...]
    masks: Callable[[Sample], Masks] = no_masks
    straight: bool = False


@dataclass(frozen=True)
class DatasetCard:
    """What is known about a data set without opening it.

    Attributes:
        name: the name to load it by.
        title: its usual name.
        terms: licence or terms of use.
        masks: whether it comes with masks.
        images: number of images of the official set, None if it depends on the user.
        source: who publishes it and where.
        present: whether it can be loaded now.
    """

    name: str
    title: str
    terms: str
    masks: bool
    images: int | None
    source: str
    present: bool


@dataclass(frozen=True)
class Source:
    """A data set that lies under the data root: where its parts are, and how its table is made of them.

    `table` gets the folders (or files) of `parts`, in that order, and the split.
    """

    name: str
    title: str
    terms: str
    source: str
    images: int | None
    parts: tuple[Part, ...]
    table: Callable[[Sequence[Path], str], Table]
    masks: bool = True
    splits: tuple[str, ...] = ("test",)

    def card(self) -> DatasetCard:
        """The card of this data set."""
        present = all(part.find() for part in self.parts)
        return DatasetCard(self.name, self.title, self.terms, self.masks, self.images, self.source, present)

    def find(self) -> list[Path]:
        """Archive, folder or file of each part.

        Raises:
            MissingFile: a part is absent.
        """
        found = [part.find() for part in self.parts]
        for part, path in zip(self.parts, found, strict=True):
            if path is None:
                raise MissingFile(self._missing(part))
        return [path for path in found if path is not None]

    def absent(self) -> list[Remote]:
        """The official files of the parts that are absent.

        Raises:
            MissingFile: a machine cannot fetch one of them; the message says where a person gets it.
        """
        absent = [part for part in self.parts if part.find() is None]
        for part in absent:
            if not part.url:
                raise MissingFile(self._missing(part))
        return [Remote(self.name, paths.data_root() / part.target, part.url, part.digest) for part in absent]

    def _missing(self, part: Part) -> str:
        names = " or ".join(part.archives) or part.folders[0]
        get = f"get it from {self.source} and put it into {paths.data_root()}"
        fetch = f" (`analysis download {self.name}` does that)" if part.url else ""
        return f"{self.name}: {names} is missing; {get}{fetch}; terms: {self.terms}"

    def files(self) -> list[Path]:
        """The files whose content determines this data set: its archives, or all files of its folders."""
        places = dict.fromkeys(self.find())
        return [file for found in places for file in ([found] if found.is_file() else list_files(found))]

    def open(self, split: str) -> Table:
        """The samples of a split, none of them decoded; archives are unpacked.

        Raises:
            MissingFile: a part is absent.
            UserError: there is no such split, or an archive is damaged.
        """
        found = self.find()
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}; it has {', '.join(self.splits)}")
        folders = [part.open(path) for part, path in zip(self.parts, found, strict=True)]
        return self.table(folders, split)


def choose(labels: np.ndarray, n: int | None, seed: int) -> np.ndarray:
    """Indices of `n` samples, in an order of which every beginning holds the same number of every class, as far as they reach.

    A smaller `n` with the same seed is the beginning of a larger one; more than there are is all, in such an order. `n` None:
    all as they are.
    """
    if n is None:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.empty(len(labels), dtype=int)  # how many of the same class come earlier in the random order
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        rank[rows] = np.arange(len(rows))
    return order[np.argsort(rank[order], kind="stable")][:n]


def chosen(name: str, table: Table, n: int | None, seed: int) -> list[Sample]:
    """The samples of a table that `choose` takes of their ids in order.

    Raises:
        UserError: no images.
    """
    if not table.samples:
        raise UserError(f"{name}: there is no image in it")
    samples = sorted(table.samples, key=lambda sample: sample.id)
    return [samples[row] for row in choose(np.array([sample.label for sample in samples]), n, seed)]


def decode_images(samples: Sequence[Sample], table: Table, size: int) -> np.ndarray:
    """The images of some samples, (n, size, size, 3) uint8, without their masks, on all cores; raises what `decode` raises."""
    bare = replace(table, masks=no_masks)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(lambda sample: _decode(sample, bare, size)[0], samples)))


def decode(name: str, table: Table, *, size: int, n: int | None, seed: int) -> Dataset:
    """Decode the chosen samples of a table, on all cores, into one data set.

    Raises:
        UserError: no images, a file cannot be read, or a mask does not have the size of its image.
    """
    samples = chosen(name, table, n, seed)
    images = np.empty((len(samples), size, size, 3), dtype=np.uint8)
    masks: Masks = {}
    factors: dict[str, list[Any]] = {key: [] for key in samples[0].factors}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(lambda sample: _decode(sample, table, size), samples)
        for row, (image, maps, known) in enumerate(track(decoded, f"load {name}", total=len(samples), unit="image")):
            images[row] = image
            for key, mask in maps.items():
                whole = masks.get(key)
                if whole is None:
                    whole = np.zeros((len(samples), size, size), dtype=mask.dtype)
                masks[key] = whole.astype(np.result_type(whole, mask), copy=False)  # files may differ in their number of bits
                masks[key][row] = mask
            for key, value in known.items():
                factors[key].append(value)
    return Dataset(
        name=name,
        images=images,
        labels=np.array([sample.label for sample in samples], dtype=np.int64),
        ids=np.array([sample.id for sample in samples]),
        classes=table.classes,
        masks=masks,
        factors={key: np.array(values) for key, values in factors.items()},
        clusters=np.array([sample.cluster or sample.id for sample in samples]),
    )


def _decode(sample: Sample, table: Table, size: int) -> tuple[np.ndarray, Masks, dict[str, Any]]:
    picture = read_rgb(sample.image)
    geometry = plan(picture.width, picture.height, size, table.straight)
    maps = table.masks(sample)
    for mask in maps.values():
        if mask.shape != (picture.height, picture.width):
            raise UserError(
                f"{sample.mask} is {mask.shape[1]} x {mask.shape[0]} pixels, its image {sample.image} "
                f"{picture.width} x {picture.height}: they must be equal"
            )
    factors = {key: geometry.box(value) if key == "box" else value for key, value in sample.factors.items()}
    return geometry.image(picture), {key: geometry.mask(mask) for key, mask in maps.items()}, factors
