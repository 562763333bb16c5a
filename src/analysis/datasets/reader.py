"""A data set in pieces: for sets that do not fit into memory, and for several processes that share one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.datasets.source import chosen, decode_images
from analysis.errors import UserError


@dataclass(frozen=True)
class Reader:
    """Images that are decoded (or drawn) when they are asked for.

    Attributes:
        ids: the sample ids of the whole set.
        read: `read(a, b)` gives the images a ... b - 1, (b - a, size, size, 3) uint8.
    """

    ids: Sequence[str]
    read: Callable[[int, int], np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)


def open_reader(name: str, *, size: int, n: int | None = None, seed: int = 0, split: str | None = None) -> Reader:
    """What `datasets.load` with the same arguments gives, in pieces: `ids` are its ids, `read(a, b)` is its `images[a:b]`.

    Raises:
        UserError, MissingFile: as `datasets.load`; unreadable files when they are read.
    """
    if size < 1 or (n is not None and n < 1):
        raise UserError(f"{name}: size and n must be at least 1, not size={size}, n={n}")
    datasets.check(name)
    split = split or datasets.default_split(name)
    kind, _, rest = name.partition(":")
    if kind == "scenes":
        return _scenes(rest, n or datasets.SCENES_IMAGES, size, seed, split)
    table = datasets.table(name, split)
    samples = chosen(name, table, n, seed)
    return Reader([sample.id for sample in samples], lambda a, b: decode_images(samples[a:b], table, size))


def _scenes(text: str, n: int, size: int, seed: int, split: str) -> Reader:
    from analysis.datasets import scenes
    from analysis.datasets.scenes.options import parse, resolve

    kind, options = parse(text)

    def read(start: int, stop: int) -> np.ndarray:
        """Draw the images start ... stop - 1."""
        return scenes.make(kind, stop - start, size=size, seed=seed, start=start, split=split, **options).images

    read(0, 1)  # refuses what cannot be drawn
    frames = resolve(kind, split, options).get("frames")
    numbers = (f"{i:06d}" if frames is None else f"{i // frames:06d}/{i % frames:04d}" for i in range(n))
    return Reader([f"{kind}/{split}/{seed}/{number}" for number in numbers], read)
