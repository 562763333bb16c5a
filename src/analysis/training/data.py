"""Training images: drawn or decoded once, then read from a memory-mapped array by every method."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from analysis import paths, probing
from analysis.datasets.scenes import class_names, make
from analysis.errors import UserError
from analysis.progress import track

CHUNK = 100
SIZE = 64


class Source(TorchDataset):
    """Training images of `SIZE` px with labels, for supervised methods only; a whole batch is read at once.

    Attributes:
        classes: how many there are; 0 without labels.
    """

    classes: int

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
    `folder:PATH` (four fifths of it) and `tiny-imagenet` are decoded into memory; n larger than the set is all of it.

    Raises:
        UserError: unknown data, or data that cannot be trained on.
    """
    if data == "scenes":
        return scenes(n, "train")
    if data != "tiny-imagenet" and not data.startswith("folder:"):
        raise UserError(f"unknown training data {data!r}; there are scenes, tiny-imagenet, folder:PATH")
    return _photographs(data, n, training=True)


def validation_set(data: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Photographs that `training_set` leaves out, and their labels."""
    return _photographs(data, n, training=False)


def _photographs(data: str, n: int, training: bool) -> tuple[np.ndarray, np.ndarray]:
    """A folder has one split: every fifth of its images is kept for validation."""
    from analysis import datasets

    if not data.startswith("folder:"):
        found = datasets.load(data, size=SIZE, n=n, split="train" if training else "test")
        return found.images, found.labels
    found = datasets.load(data, size=SIZE)
    rows = np.flatnonzero((np.arange(len(found.labels)) % 5 > 0) == training)[:n]
    return found.images[rows], found.labels[rows]


def scenes(n: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The first n images of Scenes `objects`, (n, 64, 64, 3) uint8, and their labels, from the cache once drawn."""
    stem = f"scenes-objects-{split}-{scenes_version()}"
    drawn = [int(file.parent.name.rpartition("-")[2]) for file in _cache().glob(f"{stem}-*/labels.npy")]
    enough = min((count for count in drawn if count >= n), default=n)
    folder = _cache() / f"{stem}-{enough}"
    if enough not in drawn:
        folder.mkdir(parents=True, exist_ok=True)
        _draw(folder, n, split)
    return np.load(folder / "images.npy", mmap_mode="r")[:n], np.load(folder / "labels.npy")[:n]


def factors(n: int, split: str) -> dict[str, np.ndarray]:
    """What was drawn for the first n images of Scenes `objects`, as `probing.decodability` takes it."""
    path = _cache() / f"scenes-factors-{split}-{scenes_version()}-{n}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".new").open("wb") as file:
            np.savez(file, **probing.factors_of(make("objects", n, size=8, split=split).factors))  # type: ignore[arg-type]
        os.replace(path.with_suffix(".new"), path)
    return dict(np.load(path))


def _cache() -> Path:
    return paths.cache() / "pretrain"


def _draw(folder: Path, n: int, split: str) -> None:
    """Fill the arrays chunk by chunk; a label of -1 marks a row still to be drawn."""
    images_part, labels_part = folder / "images.part.npy", folder / "labels.part.npy"
    if labels_part.exists():
        images, labels = (open_memmap(part, mode="r+") for part in (images_part, labels_part))
    else:
        images = open_memmap(images_part, mode="w+", dtype=np.uint8, shape=(n, SIZE, SIZE, 3))
        np.save(folder / "labels.new.npy", np.full(n, -1))
        os.replace(folder / "labels.new.npy", labels_part)
        labels = open_memmap(labels_part, mode="r+")
    todo = [start for start in range(0, n, CHUNK) if labels[start] < 0]
    for start in track(todo, "drawing scenes", unit=f"x {CHUNK} images"):
        rows = slice(start, min(start + CHUNK, n))
        drawn = make("objects", rows.stop - start, size=SIZE, start=start, split=split)
        images[rows] = drawn.images
        images.flush()
        labels[rows] = drawn.labels
        labels.flush()
    os.replace(images_part, folder / "images.npy")
    os.replace(labels_part, folder / "labels.npy")


def scenes_version() -> str:
    """Digest of one picture of each class: another world is another training set."""
    return hashlib.blake2b(make("objects", 16, split="val").images.tobytes(), digest_size=6).hexdigest()


def as_is(batch: Any) -> Any:
    """What `Pixels` returns is already a batch."""
    return batch
