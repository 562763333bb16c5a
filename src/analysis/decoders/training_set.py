"""Training images and all their representations, computed once and read from disk by every decoder."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis import datasets, encoders, paths
from analysis.datasets import Dataset
from analysis.decoders.conditions import Condition, one_hot, read, thumbnails
from analysis.progress import track

CHUNK = 1_000


@dataclass(frozen=True)
class Bank:
    """Images (n, s, s, 3) uint8, labels (n,) and representations name -> (n, d) float16, unstandardised."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    rows: dict[str, np.ndarray]

    def of(self, condition: Condition) -> np.ndarray:
        """h (n, d) of a condition, row by row with `images`; the floor control gets those of other images."""
        h = self.rows[condition.bank]
        if not condition.shuffled:
            return h
        order = np.random.default_rng(len(h)).permutation(len(h))
        return h[np.roll(order, 1)[np.argsort(order)]]  # one cycle through all rows: nobody keeps their own


def bank(dataset: str, n: int, size: int, conditions: Sequence[Condition], split: str = "train") -> Bank:
    """Images of `dataset` and what `conditions` need of them; each part is computed once and kept in the cache.

    An encoder sees the image as it is here, resized by its own transform, and so it will see the samples.

    Raises:
        UserError, MissingFile: as `datasets.load` and `encoders.load`.
    """
    stem = hashlib.blake2b(f"{dataset} {n} {size} {split}".encode(), digest_size=6).hexdigest()
    folder = paths.cache() / "rcdm" / f"{dataset.replace(':', '-').replace('/', '-')}-{split}-{stem}"
    drawn = folder / "images.npz"
    if not drawn.exists():
        found = _drawn(dataset, n, size, split)
        _write(drawn, images=found.images, labels=found.labels, classes=np.array(found.classes))
    with np.load(drawn) as kept:
        images, labels, classes = kept["images"], kept["labels"], tuple(map(str, kept["classes"]))
    rows: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(c.encoder for c in conditions if c.encoder):
        taps = tuple(dict.fromkeys(c.tap for c in conditions if c.encoder == name))
        rows |= {f"{name} {tap}": h for tap, h in _representations(folder, name, taps, images).items()}
    made = {"thumbnail": lambda: thumbnails(images), "label": lambda: one_hot(labels, len(classes))}
    rows |= {c.name: made[c.name]().astype(np.float16) for c in conditions if c.name in made}
    return Bank(images, labels, classes, rows)


def _drawn(dataset: str, n: int, size: int, split: str) -> Dataset:
    """A folder has one split: every fifth of its images is kept for whatever is not training."""
    if not dataset.startswith("folder:"):
        return datasets.load(dataset, size=size, n=n, split=split)
    found = datasets.load(dataset, size=size)
    return found.select(np.flatnonzero((np.arange(len(found)) % 5 > 0) == (split == "train"))[:n])


def _representations(folder: Path, name: str, taps: tuple[str, ...], images: np.ndarray) -> dict[str, np.ndarray]:
    encoder = encoders.load(name)
    key = hashlib.blake2b(f"{encoder.digest} {taps}".encode(), digest_size=6).hexdigest()
    path = folder / f"{name.replace(':', '-').replace('/', '-')}-{key}.npz"
    if not path.exists():
        starts = track(range(0, len(images), CHUNK), name, unit=f"x {CHUNK} images")
        parts = [read(encoder, images[start : start + CHUNK], taps) for start in starts]
        _write(path, **{tap: np.concatenate([part[tap] for part in parts]).astype(np.float16) for tap in taps})
    with np.load(path) as kept:
        return {tap: kept[tap] for tap in taps}


def _write(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(fresh, path)
