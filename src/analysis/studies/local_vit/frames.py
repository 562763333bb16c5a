"""The images of the study: which data sets can be used for what, and how they are cut into tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from analysis import datasets
from analysis.datasets import ade20k, camvid, cityscapes, coco, fair1m
from analysis.datasets.base import Dataset
from analysis.datasets.pictures import read_rgb
from analysis.datasets.scenes.options import parse, resolve
from analysis.datasets.source import Sample, chosen
from analysis.errors import UserError
from analysis.studies.local_vit.tokens import Tiles

Array = np.ndarray
FRAMES = 9  # the fewest of a video: objects are found again eight frames later
Role = Literal["segmentation", "patches", "instances", "tracking"]


@dataclass(frozen=True)
class Layout:
    """How a data set is read.

    Attributes:
        size: (height, width) at which it is encoded, px; `tiles` cut that into squares.
        roles: what it has the ground truth for.
        void: label of pixels that belong to no class.
    """

    size: tuple[int, int]
    tiles: Tiles
    roles: tuple[Role, ...]
    void: int | None = None


LAYOUTS: dict[str, Layout] = {
    "scenes:multi": Layout((128, 128), (2, 2), ("segmentation", "patches")),
    "scenes:pairs": Layout((128, 128), (2, 2), ("instances", "patches")),
    "scenes:video": Layout((128, 128), (2, 2), ("instances", "tracking")),
    "camvid": Layout((360, 480), (3, 4), ("segmentation",), 11),
    "cityscapes": Layout((1024, 2048), (4, 8), ("segmentation",), 255),
    "ade20k": Layout((448, 672), (2, 3), ("segmentation",), 255),
    "fair1m": Layout((1024, 1024), (4, 4), ("segmentation", "patches")),
    "ccp": Layout((256, 256), (2, 2), ("segmentation", "patches")),
    "coco": Layout((256, 256), (2, 2), ("segmentation", "patches"), coco.VOID),
    "eth80": Layout((128, 128), (1, 1), ("instances",)),
    "davis": Layout((480, 800), (3, 5), ("tracking",)),
    "bdd100k": Layout((672, 1120), (3, 5), ("instances",)),
}


# What the labels 0, 1, ... of photographs are; those of scenes are the background and the kinds of creatures.
CLASSES: dict[str, tuple[str, ...]] = {
    "camvid": camvid.CLASSES,
    "cityscapes": cityscapes.CLASSES,
    "ade20k": ade20k.CLASSES,
    "coco": tuple(coco.CATEGORIES.values()),
    "fair1m": ("nothing", *fair1m.CLASSES),
    "ccp": ("nothing", *(f"label {index}" for index in range(1, 59))),
}


def layout(name: str) -> Layout:
    """The layout of a data set; options of scenes do not change it.

    Raises:
        UserError: the data set has no ground truth that this study uses.
    """
    known = LAYOUTS.get(name.partition("?")[0])
    if known is None:
        raise UserError(f"local_vit cannot use data set {name!r}: it takes {', '.join(LAYOUTS)}")
    return known


def long_enough(name: str) -> None:
    """Make sure that videos drawn with a number of frames of their own have the frames in which objects are found again.

    Raises:
        UserError: they have not.
    """
    if name.startswith("scenes:video") and resolve("video", "test", parse(name.partition(":")[2])[1])["frames"] < FRAMES:
        raise UserError(f"{name!r}: local_vit looks for objects {FRAMES - 1} frames later: take frames={FRAMES} or more")


def having(role: Role, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `names` that have the ground truth for `role`."""
    return tuple(name for name in names if role in layout(name).roles)


@dataclass(frozen=True)
class Few:
    """Few-shot segmentation: a bank of labelled images and the images to label.

    Attributes:
        classes: names of the labels 0, 1, ...
        bank_clusters, clusters: what is independent in the bank, and among the images to label (n,).
        main: numbers of the images of the bank proper; the others are for larger banks and a second draw.
    """

    bank: Array
    bank_maps: Array
    test: Array
    test_maps: Array
    classes: tuple[str, ...]
    void: int | None
    bank_clusters: Array
    clusters: Array
    main: Array


def few_shot(name: str, n_bank: int, n_test: int, seed: int) -> Few:
    """Bank and test images of `name`, (n, H, W, 3) uint8 with label maps (n, H, W).

    The official splits where there are any; else one draw of images by `seed`, none in both. The bank is loaded twice as large:
    every second image is the bank proper, the rest a second draw of it. Where fewer are there than asked for, all are taken,
    the bank proper first; of a set without splits the bank gets its share of them.
    """
    bank_split, test_split = ("train", "test") if name != "ccp" else ("test", "test")
    if bank_split == test_split:
        both = _labelled(name, 2 * n_bank + n_test, seed, test_split)
        order = np.random.default_rng(seed).permutation(len(both))
        cut = len(both) * 2 * n_bank // (2 * n_bank + n_test)
        bank, test = both.select(np.sort(order[:cut])), both.select(np.sort(order[cut:]))
    else:
        bank, test = _labelled(name, 2 * n_bank, seed, bank_split), _labelled(name, n_test, seed, test_split)
    maps = bank.masks["semantic"], test.masks["semantic"]
    classes = CLASSES.get(name, ("background", *bank.classes))
    main = np.sort(np.concatenate([np.arange(0, len(bank), 2), np.arange(1, len(bank), 2)])[:n_bank])
    clusters = bank.clusters, test.clusters
    return Few(bank.images, maps[0], test.images, maps[1], classes, layout(name).void, *clusters, main)


def _labelled(name: str, n: int, seed: int, split: str) -> Dataset:
    size = layout(name).size
    if size[0] == size[1]:
        return datasets.load(name, size=size[0], n=n, seed=seed, split=split)
    table = datasets.table(name, split)
    samples = chosen(name, table, n, seed)
    images, maps = zip(
        *((_image(sample, size), _nearest(table.masks(sample)["semantic"], size)) for sample in samples), strict=True
    )
    labels = np.array([sample.label for sample in samples], dtype=np.int64)
    ids = np.array([sample.id for sample in samples])
    clusters = np.array([sample.cluster or sample.id for sample in samples])
    return Dataset(name, np.stack(images), labels, ids, table.classes, {"semantic": np.stack(maps)}, clusters=clusters)


def videos(name: str, count: int, frames: int, seed: int) -> Iterator[tuple[str, Array, Array]]:
    """Up to `count` videos of at most `frames` frames: name, images (t, H, W, 3) at the layout's size, objects (t, h, w).

    The objects keep the resolution of their file, at which they are scored.
    """
    size = layout(name).size
    if name.startswith("scenes:"):
        options = name if "frames=" in name else f"{name}{'&' if '?' in name else '?'}frames={frames}"
        data = datasets.load(options, size=size[0], n=count * frames, seed=seed)
        for video in range(count):
            rows = data.factors["video"] == video
            yield f"{video:06d}", data.images[rows], data.masks["instance"][rows]
        return
    table = datasets.SOURCES[name].open("test")
    for video in np.unique([sample.label for sample in table.samples])[:count]:
        samples = sorted((s for s in table.samples if s.label == video), key=lambda s: s.id)[:frames]
        maps = [table.masks(sample)["instance"] for sample in samples]
        yield table.classes[video], np.stack([_image(sample, size) for sample in samples]), np.stack(maps)


def _image(sample: Sample, size: tuple[int, int]) -> Array:
    picture = read_rgb(sample.image)
    if picture.size != size[::-1]:
        picture = picture.resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(picture)


def _nearest(labels: Array, size: tuple[int, int]) -> Array:
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(size, labels.shape, strict=True))
    return labels[rows[:, None], columns]
