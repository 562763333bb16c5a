"""Images to find features on and other images to judge them by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis import datasets, paths
from analysis.encoders.facts import facts
from analysis.studies.qscore.activity import Array
from analysis.training.data import scenes

FOLDERS = ("train", "val")


@dataclass(frozen=True)
class Split:
    """Images and classes, in two halves.

    Attributes:
        x, labels: training images (n, s, s, 3) uint8 and their classes: D, percentiles and probes come from these.
        y, truth: other images and their classes: everything is judged on these.
    """

    x: Array
    labels: Array
    y: Array
    truth: Array


def size_for(dataset: str, encoders: tuple[str, ...]) -> int:
    """Side in px at which images are loaded: 64 where they have no more, else what the largest encoder takes."""
    small = dataset.startswith("scenes:") or dataset == "tiny-imagenet"
    return 64 if small else max(facts(name).size for name in encoders)


def split(dataset: str, size: int, n_train: int, n_test: int, seed: int) -> Split:
    """Both halves of a data set, n images at most of each.

    `folder:PATH` with PATH/train and PATH/val is taken as it is; of another folder every fifth image is for judging.

    Raises:
        UserError, MissingFile: as `datasets.load`.
    """
    if dataset == "scenes:objects" and seed == 0:
        (x, labels), (y, truth) = scenes(n_train, "train"), scenes(n_test, "test")  # drawn before, for the encoders
        return Split(x, labels, y, truth)
    if not dataset.startswith("folder:"):
        first, second = (
            datasets.load(dataset, size=size, n=n, seed=seed, split=name) for n, name in ((n_train, "train"), (n_test, "test"))
        )
        return Split(first.images, first.labels, second.images, second.labels)
    root = paths.user_path(dataset.removeprefix("folder:"))
    if all((root / name).is_dir() for name in FOLDERS):
        first, second = (_folder(root / name, size, n, seed) for name, n in zip(FOLDERS, (n_train, n_test), strict=True))
        return Split(first.images, first.labels, second.images, second.labels)
    data = _folder(root, size, None, seed)
    kept = np.arange(len(data)) % 5 > 0
    rng = np.random.default_rng(seed)
    train, test = (np.sort(rng.permutation(np.flatnonzero(part))[:n]) for part, n in ((kept, n_train), (~kept, n_test)))
    return Split(data.images[train], data.labels[train], data.images[test], data.labels[test])


def _folder(root: Path, size: int, n: int | None, seed: int) -> datasets.Dataset:
    return datasets.load(f"folder:{root}", size=size, n=n, seed=seed)
