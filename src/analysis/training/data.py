"""Training images: drawn or decoded once, then read from the cache by every method."""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from analysis import cache, probing
from analysis.datasets.scenes import class_names, make
from analysis.datasets.source import Sample, Table, chosen, decode_images
from analysis.digests import file_digest, value_digest
from analysis.errors import UserError
from analysis.progress import track
from analysis.provenance import data_digest

CHUNK = 500  # images of one entry of the cache
SIZE = 64
PHOTOGRAPHS = ("imagenette", "tiny-imagenet")


class Source(TorchDataset):
    """Training images of `SIZE` px with labels, for supervised methods only; a whole batch is read at once.

    Attributes:
        classes: how many there are; 0 without labels.
        digest: of all images and labels.
    """

    classes: int
    digest: str

    def __len__(self) -> int:
        raise NotImplementedError

    def part(self, first: int, last: int) -> "Source":
        """Images from `first` to `last`, or to the end where that comes before."""
        raise NotImplementedError

    def __getitems__(self, index: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Images (b, 3, size, size) uint8 and labels (b,) or None at `index`."""
        raise NotImplementedError


class Pixels(Source):
    """Images (n, size, size, 3) uint8 and their labels (n,) or None, both at hand."""

    def __init__(self, images: np.ndarray, labels: np.ndarray | None) -> None:
        self.images, self.labels = images, labels
        self.classes = 0 if labels is None else int(max(labels)) + 1
        self.digest = value_digest(images, labels)

    def __len__(self) -> int:
        return len(self.images)

    def part(self, first: int, last: int) -> "Pixels":
        """See `Source`."""
        return Pixels(self.images[first:last], None if self.labels is None else self.labels[first:last])

    def __getitems__(self, index: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """See `Source`."""
        rows = np.asarray(index)
        return _batch(self.images[rows], None if self.labels is None else self.labels[rows])


class Drawn(Source):
    """Images `first` ... `last` - 1 of Scenes `objects`, drawn when they are asked for and kept nowhere: a disk has an end."""

    def __init__(self, first: int, last: int, labelled: bool) -> None:
        self.rows, self.classes = range(first, last), len(class_names("objects")) if labelled else 0
        self.digest = value_digest(data_digest("scenes:objects"), first, last, self.classes)

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, first: int, last: int) -> "Drawn":
        """See `Source`."""
        rows = self.rows[first:last]
        return Drawn(rows.start, rows.stop, self.classes > 0)

    def __getitems__(self, index: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """See `Source`."""
        drawn = [make("objects", 1, size=SIZE, start=self.rows[row], split="train") for row in index]
        labels = np.concatenate([one.labels for one in drawn]) if self.classes else None
        return _batch(np.concatenate([one.images for one in drawn]), labels)


def _batch(images: np.ndarray, labels: np.ndarray | None) -> tuple[Tensor, Tensor | None]:
    own = None if labels is None else torch.from_numpy(np.array(labels))
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2), own


def training_set(data: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 64, 64, 3) uint8 and labels (n,) to train on, of split `train`.

    `scenes` are drawn once into the cache, in the order of their ids; a killed drawing goes on where it stopped.
    Photographs (`PHOTOGRAPHS` and `folder:PATH`) are decoded once into the cache: as many of each class as far as the classes
    reach, as `datasets.load` draws them with seed 0; n larger than the set is all of it.

    Raises:
        UserError: unknown data, or data that cannot be trained on.
    """
    if data == "scenes":
        return scenes(n, "train")
    require_images(data, least=1)
    return _photographs(data, n, "train")


def require_images(data: str, least: int) -> None:
    """Make sure, before an image is drawn or decoded, that `training_set` has images, `least` of them where that is known.

    Raises:
        UserError: unknown data, or data that cannot be trained on.
        MissingFile: a file is absent.
    """
    from analysis import datasets

    if data not in ("scenes", *PHOTOGRAPHS) and not data.startswith("folder:"):
        raise UserError(f"unknown training data {data!r}; there are scenes, {', '.join(PHOTOGRAPHS)}, folder:PATH")
    if data != "scenes":
        datasets.check(data)
        datasets.require(data, "train", least={"train": least, "test": 1})


def validation_set(data: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Photographs that `training_set` leaves out, and their labels."""
    return _photographs(data, n, "test")


def probing_sets(data: str, n_train: int, n_validation: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Images and labels on which probes are fitted while a network trains, and others to score them.

    The latter are of the split `val` of Scenes; photographs have only what `training_set` leaves out.
    """
    if data == "scenes":
        return scenes(n_train, "train"), scenes(n_validation, "val")
    return training_set(data, n_train), validation_set(data, n_validation)


def _photographs(data: str, n: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The content and place of every chosen file belong to the key: one that changes or moves is read again."""
    from analysis import datasets

    table = datasets.table(data, split)
    samples = sorted(chosen(data, table, n, seed=0), key=lambda sample: sample.id)

    def decoded() -> dict[str, np.ndarray]:
        """Images (n, SIZE, SIZE, 3) uint8."""
        return {"images": _decode(samples, table)}

    content = [(sample.id, file_digest(sample.image)) for sample in samples]
    images = cache.arrays("photographs", decoded, SIZE, table.straight, content)["images"]
    return images, np.array([sample.label for sample in samples], np.int64)


def _decode(samples: list[Sample], table: Table) -> np.ndarray:
    parts = [samples[start : start + CHUNK] for start in range(0, len(samples), CHUNK)]
    decoded = track(parts, "decoding photographs", unit=f"x {CHUNK} images")
    return np.concatenate([decode_images(part, table, SIZE) for part in decoded])


def scenes(n: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The first n images of Scenes `objects`, (n, 64, 64, 3) uint8, and their labels; a drawing that is killed goes on."""
    images, labels = np.empty((n, SIZE, SIZE, 3), np.uint8), np.empty(n, np.int64)
    for start in track(range(0, n, CHUNK), "scenes", unit=f"x {CHUNK} images"):
        rows = slice(start, min(start + CHUNK, n))
        found = cache.arrays("scenes", partial(_draw, rows.start, rows.stop, split), SIZE)
        images[rows], labels[rows] = found["images"], found["labels"]
    return images, labels


def _draw(start: int, stop: int, split: str) -> dict[str, np.ndarray]:
    drawn = make("objects", stop - start, size=SIZE, start=start, split=split)
    return {"images": drawn.images, "labels": drawn.labels}


def factors(n: int, split: str) -> dict[str, np.ndarray]:
    """What was drawn for the first n images of Scenes `objects`, as `probing.decodability` takes it."""
    return cache.arrays("factors", partial(_factors, n, split))


def _factors(n: int, split: str) -> dict[str, np.ndarray]:
    return probing.factors_of(make("objects", n, size=8, split=split).factors)


def scenes_version() -> str:
    """Digest of one picture of each class: another world is another training set."""
    return hashlib.blake2b(make("objects", 16, split="val").images.tobytes(), digest_size=6).hexdigest()


def as_is(batch: Any) -> Any:
    """What `Pixels` returns is already a batch."""
    return batch
