"""Training images and all their representations, computed once and read from disk by every decoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from analysis import cache, datasets, encoders
from analysis.decoders.conditions import Condition, one_hot, read, thumbnails
from analysis.progress import track
from analysis.provenance import data_digest

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
    found = cache.arrays("decoder-images", partial(_drawn, dataset, n, size, split), data_digest(dataset))
    images, labels, classes = found["images"], found["labels"], tuple(map(str, found["classes"]))
    rows: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(c.encoder for c in conditions if c.encoder):
        taps = tuple(dict.fromkeys(c.tap for c in conditions if c.encoder == name))
        rows |= {f"{name} {tap}": h for tap, h in _representations(name, taps, images).items()}
    made = {"thumbnail": lambda: thumbnails(images), "label": lambda: one_hot(labels, len(classes))}
    rows |= {c.name: made[c.name]().astype(np.float16) for c in conditions if c.name in made}
    return Bank(images, labels, classes, rows)


def _drawn(dataset: str, n: int, size: int, split: str) -> dict[str, np.ndarray]:
    found = datasets.load(dataset, size=size, n=n, split=split)
    return {"images": found.images, "labels": found.labels, "classes": np.array(found.classes)}


def _representations(name: str, taps: tuple[str, ...], images: np.ndarray) -> dict[str, np.ndarray]:
    encoder = encoders.load(name)

    def computed() -> dict[str, np.ndarray]:
        """Tap -> (n, d) float16."""
        starts = track(range(0, len(images), CHUNK), name, unit=f"x {CHUNK} images")
        parts = [read(encoder, images[start : start + CHUNK], taps) for start in starts]
        return {tap: np.concatenate([part[tap] for part in parts]).astype(np.float16) for tap in taps}

    return cache.arrays("representations", computed, encoder.digest, taps, images)
