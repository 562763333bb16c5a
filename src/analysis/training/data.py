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
from analysis.datasets.source import Sample, Table, chosen, decode_images
from analysis.digests import file_digest
from analysis.errors import UserError
from analysis.progress import track

CHUNK = 100
SIZE = 64
PHOTOGRAPHS = ("imagenette", "tiny-imagenet")


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
    Photographs (`PHOTOGRAPHS` and `folder:PATH`) are decoded once into the cache: as many of each class as far as the classes
    reach, as `datasets.load` draws them with seed 0; n larger than the set is all of it.

    Raises:
        UserError: unknown data, or data that cannot be trained on.
    """
    if data == "scenes":
        return scenes(n, "train")
    if data not in PHOTOGRAPHS and not data.startswith("folder:"):
        raise UserError(f"unknown training data {data!r}; there are scenes, {', '.join(PHOTOGRAPHS)}, folder:PATH")
    return _photographs(data, n, "train")


def validation_set(data: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Photographs that `training_set` leaves out, and their labels."""
    return _photographs(data, n, "val" if data.startswith("folder:") else "test")


def _photographs(data: str, n: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The cached array has the content of every chosen file in its name, so that a file that changes or moves is read again."""
    from analysis import datasets

    table = datasets.table(data, split)
    samples = chosen(data, table, n, seed=0)
    content = f"{SIZE} {table.straight} " + " ".join(f"{sample.id}:{file_digest(sample.image)}" for sample in samples)
    code = b"".join((paths.SOURCE / "datasets" / name).read_bytes() for name in ("geometry.py", "pictures.py"))
    path = _cache() / f"photographs-{hashlib.blake2b(content.encode() + code, digest_size=16).hexdigest()}.npy"
    if not path.exists():
        _decode(samples, table, path)
    return np.load(path, mmap_mode="r"), np.array([sample.label for sample in samples], np.int64)


def _decode(samples: list[Sample], table: Table, path: Path) -> None:
    """Write the images (n, SIZE, SIZE, 3) uint8 of some samples; `path` appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    images = open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(samples), SIZE, SIZE, 3))
    try:
        for start in track(range(0, len(samples), CHUNK), "decoding photographs", unit=f"x {CHUNK} images"):
            images[start : start + CHUNK] = decode_images(samples[start : start + CHUNK], table, SIZE)
        images.flush()
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


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
