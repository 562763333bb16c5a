"""The door of the world: `make` renders any range of samples of any kind as a `Dataset`, `stream` goes on for ever."""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from analysis.datasets.base import Dataset
from analysis.datasets.scenes.crowds import draw_multi, draw_pairs, draw_video
from analysis.datasets.scenes.draw import Fixed
from analysis.datasets.scenes.kinds import Sample, class_names, draw_context, draw_fine, draw_objects, draw_textures
from analysis.datasets.scenes.options import resolve
from analysis.datasets.scenes.pairs import second_view
from analysis.datasets.scenes.render import render, to_bytes
from analysis.datasets.scenes.scene import without
from analysis.datasets.scenes.truth import masks, occlusion
from analysis.errors import UserError
from analysis.processes import end_with_parent

CHUNK = 128  # samples that a worker makes at a time
SPLITS = ("train", "test", "val")
DRAW: dict[str, Callable[[np.random.Generator, int, Fixed], Sample]] = {
    "objects": draw_objects,
    "fine": draw_fine,
    "context": draw_context,
    "textures": draw_textures,
    "multi": draw_multi,
    "video": draw_video,
    "pairs": draw_pairs,
}
KINDS = tuple(DRAW)


def make(
    kind: str,
    n: int,
    *,
    size: int = 64,
    seed: int = 0,
    start: int = 0,
    split: str = "test",
    workers: int = 1,
    **options: Any,
) -> Dataset:
    """Samples `start` ... `start + n - 1` of a kind, `size` pixels square.

    Sample i depends on (kind, split, seed, i, options) alone, so ranges may be made in any order, in any process, and
    the same scene comes at every size. Classes go round in turn. Options fix factors that are otherwise drawn (see
    `options.OPTIONS`), and fixing one leaves all others as they were: counterfactuals are one call away. With
    `without="object"` or `without="part"` the images are the same scenes lacking that, under the same ids, and the masks
    still say where it was. `workers` processes share the work. Clusters are scenes: the frames of a video are one.

    Raises:
        UserError: unknown kind, split or option, or a value out of range.
    """
    if kind not in DRAW:
        raise UserError(f"unknown kind of scenes {kind!r}; there are {', '.join(KINDS)}")
    if split not in SPLITS:
        raise UserError(f"unknown split {split!r} of scenes; there are {', '.join(SPLITS)}")
    for name, value, low in (("n", n, 1), ("size", size, 8), ("seed", seed, 0), ("start", start, 0), ("workers", workers, 1)):
        if not isinstance(value, int | np.integer) or value < low:
            raise UserError(f"scenes: {name} must be a whole number of at least {low}, not {value!r}")
    fixed = resolve(kind, split, options)
    chunks = [range(first, min(first + CHUNK, start + n)) for first in range(start, start + n, CHUNK)]
    pool = Parallel(n_jobs=workers, initializer=end_with_parent, initargs=(os.getpid(),))
    parts = pool(delayed(_samples)(kind, split, seed, chunk, size, fixed) for chunk in chunks)
    images, labels, ids, clusters, maps, factors = zip(*chain.from_iterable(parts), strict=True)
    return Dataset(
        name=f"scenes:{kind}",
        images=np.stack(images),
        labels=np.array(labels, np.int64),
        ids=np.array(ids),
        classes=class_names(kind),
        masks={name: np.stack([m[name] for m in maps]) for name in maps[0]},
        factors={name: np.array([f[name] for f in factors]) for name in factors[0]},
        clusters=np.array(clusters),
    )


def _samples(kind: str, split: str, seed: int, indices: range, size: int, fixed: Fixed) -> list[tuple]:
    return [_sample(kind, split, seed, index, size, fixed) for index in indices]


def _sample(kind: str, split: str, seed: int, index: int, size: int, fixed: Fixed) -> tuple:
    """Image, label, id, cluster, masks and factors of one sample."""
    scene, frame = divmod(index, fixed["frames"]) if kind == "video" else (index, None)
    cluster = f"{kind}/{split}/{seed}/{scene:06d}"
    rng = np.random.default_rng([list(DRAW).index(kind), SPLITS.index(split), seed, scene])
    sample = DRAW[kind](rng, index, fixed)
    picture = render(sample.scene, size)
    maps, factors = masks(sample.scene, picture), {**sample.factors, **occlusion(sample.scene, picture)}
    if kind == "pairs":
        more_factors, more_maps = second_view(sample, size, rng)
        factors, maps = {**factors, **more_factors}, {**maps, **more_maps}
    shown = render(without(sample.scene, fixed["without"]), size) if "without" in fixed else picture
    name = cluster if frame is None else f"{cluster}/{frame:04d}"
    return to_bytes(shown.image), sample.label, name, cluster, maps, factors


def stream(
    kind: str, *, batch: int = 256, size: int = 64, seed: int = 0, start: int = 0, split: str = "train", **options: Any
) -> Iterator[Dataset]:
    """Endless batches of a kind: the samples from `start` on, `batch` at a time. Raises what `make` raises."""
    while True:
        yield make(kind, batch, size=size, seed=seed, start=start, split=split, **options)
        start += batch
