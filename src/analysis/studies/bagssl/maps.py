"""Which kinds of patches meet in photographs whose pixels are labelled: a patch is of the class of its middle pixel."""

from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.errors import UserError

Array = np.ndarray
LEAST = 5  # images of each half in which a class must be seen, to be a kind


@dataclass(frozen=True)
class Mapped:
    """Patches of one half of a data set, and how often their kinds meet in images of the other.

    Attributes:
        kinds: names of the k classes.
        rows: which images of the half the patches are of, (n,).
        corners: of the patches, (n, m, 2).
        found: kind of each, (n, m).
        joint: distribution (k, k) of the kinds of two patches that lie anywhere in one image of the other half.
    """

    kinds: tuple[str, ...]
    rows: Array
    corners: Array
    found: Array
    joint: Array


def load(name: str, size: int, n: int, m: int, side: int, seed: int) -> tuple[Array, Mapped]:
    """Up to n `test` images (n, size, size, 3), and m labelled patches of `side` px of each; joint from the `train` images.

    Raises:
        UserError: fewer than two kinds of patches are seen often enough.
    """
    train, test = (datasets.load(name, size=size, n=n, seed=seed, split=split) for split in ("train", "test"))
    found = mapped(train.masks["semantic"], test.masks["semantic"], train.classes, m, side, seed)
    if len(found.kinds) < 2 or len(found.rows) < 2:
        raise UserError(
            f"{name}: too little is labelled: {len(found.kinds)} classes are seen in {LEAST} images of each half, and "
            f"{len(found.rows)} images have {m} patches of them; take more images"
        )
    return test.images[found.rows], found


def mapped(train: Array, test: Array, classes: tuple[str, ...], m: int, side: int, seed: int) -> Mapped:
    """From maps of classes (n, h, h) of both halves; codes that are no class, as of unlabelled pixels, are no kind."""
    middles = [_middles(maps, side) for maps in (train, test)]
    shown = [_counts(codes, len(classes)) for codes in middles]
    kept = np.flatnonzero(np.logical_and(*((counts > 0).sum(0) >= LEAST for counts in shown)))
    parts = shown[0][:, kept]
    parts = parts[parts.sum(1) > 0].astype(float)
    parts /= parts.sum(1, keepdims=True)
    number = np.full(max(len(classes), *(int(codes.max()) + 1 for codes in middles)), -1)
    number[kept] = np.arange(len(kept))
    kinds = number[middles[1]]
    rows = np.flatnonzero((kinds >= 0).sum(1) >= m)
    rng = np.random.default_rng([seed, 8])
    places = np.array([rng.choice(np.flatnonzero(kinds[row] >= 0), m, replace=False) for row in rows], int).reshape(-1, m)
    corners = np.stack(np.divmod(places, test.shape[1] - side + 1), axis=-1)
    joint = parts.T @ parts / max(len(parts), 1)
    return Mapped(tuple(classes[k] for k in kept), rows, corners, kinds[rows[:, None], places], joint)


def _middles(maps: Array, side: int) -> Array:
    """Code of the middle pixel of a patch at every place, (n, places), row by row."""
    slack = maps.shape[1] - side + 1
    inner = maps[:, side // 2 : side // 2 + slack, side // 2 : side // 2 + slack]
    return inner.reshape(len(maps), -1).astype(int)


def _counts(codes: Array, classes: int) -> Array:
    """How many places of each image (n, places) have each class, (n, classes)."""
    return np.stack([np.bincount(row[row < classes], minlength=classes) for row in codes])
