"""Data sets by name: the controlled world, real photographs under the data root, and folders of one's own.

Nothing here imports torch or uses the network.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from analysis.datasets import (
    ade20k,
    bdd100k,
    camvid,
    ccp,
    cityscapes,
    coco,
    cub,
    davis,
    dtd,
    eth80,
    fair1m,
    flowers,
    folder,
    grabcut,
    imagenette,
    pets,
    tiny_imagenet,
)
from analysis.datasets.base import Dataset
from analysis.datasets.source import DatasetCard, Source, Table, decode, no_masks
from analysis.errors import UserError
from analysis.processes import workers
from analysis.remote import Remote

__all__ = ["Dataset", "DatasetCard", "absent", "check", "default_split", "describe", "load", "source_files", "table"]

SCENES = ("objects", "fine", "context", "textures", "multi", "video", "pairs")
SCENES_IMAGES = 1_000  # the world is endless: what `n=None` means there
SCENES_WORKER = 1_000  # images for which another process pays: it takes a second or two to start
ADAPTERS = (
    *(imagenette, tiny_imagenet, eth80, ccp, grabcut, pets, flowers, cub, dtd),
    *(coco, camvid, cityscapes, ade20k, fair1m, davis, bdd100k),
)
SOURCES: dict[str, Source] = {adapter.SOURCE.name: adapter.SOURCE for adapter in ADAPTERS}


def load(name: str, *, size: int, n: int | None = None, seed: int = 0, split: str | None = None) -> Dataset:
    """The data set `name` with square images of `size` pixels.

    The shorter side is resized to round(size * 256 / 224) (bicubic, antialiased) and the centre cropped; masks take the
    same way with the nearest pixel. Square sources without a margin (Tiny-ImageNet, scenes) are resized only.
    `n` draws a subset, balanced over the classes, with `numpy.random.default_rng(seed)`. So is every beginning of it, and a
    smaller `n` gives the beginning of a larger one: in the first k of n images no class is left out that k has room for. Ids
    depend neither on `size` nor on `n`. Only the chosen files are decoded. `n` larger than the set: all of it. Without
    `n` all are in the order of their ids.
    Without `split` it is that of `default_split`. A set without official splits has one, `test`. For scenes `seed` and
    `split` choose the world, and `n` its first images; options of the kind follow the name:
    `scenes:context?correlation=0.5&scale=0.9` (see `scenes.options.OPTIONS`).

    Masks: `foreground` (bool) and, where the set leaves pixels undecided, `border` (bool), which belongs to neither side.

    Raises:
        UserError: unknown name or split, impossible size or n, unreadable or corrupt file.
        MissingFile: the data set is absent.
    """
    if size < 1 or (n is not None and n < 1):
        raise UserError(f"{name}: size and n must be at least 1, not size={size}, n={n}")
    kind, _, rest = _known(name).partition(":")
    split = split or default_split(name)
    if kind == "scenes":
        from analysis.datasets import scenes
        from analysis.datasets.scenes.options import parse

        of, options = parse(rest)
        n = n or SCENES_IMAGES
        at_a_time = min(workers(), 1 + n // SCENES_WORKER)
        return replace(scenes.make(of, n, size=size, seed=seed, split=split, workers=at_a_time, **options), name=name)
    return decode(name, table(name, split), size=size, n=n, seed=seed)


def default_split(name: str) -> str:
    """`test`; of `folder:PATH` without halves of its own `all`, every image. Raises what `check` raises of a folder."""
    kind, _, rest = _known(name).partition(":")
    return folder.default_split(rest) if kind == "folder" else "test"


def table(name: str, split: str) -> Table:
    """The samples of a split of photographs, none of them decoded; archives are unpacked.

    Raises:
        UserError: unknown name, no such split, scenes (which are no files), or a damaged archive.
        MissingFile: the data set is absent.
    """
    kind, _, rest = _known(name).partition(":")
    if kind == "scenes":
        raise UserError(f"{name} is drawn: it has no files")
    return folder.table(rest, split) if kind == "folder" else SOURCES[name].open(split)


def check(name: str) -> None:
    """Whether `name` can be loaded, without opening or drawing anything.

    Raises:
        UserError: the name is unknown, and the message lists the known ones; or a kind of scenes has no such option or value.
        MissingFile: a file is absent; the message says where it comes from and where it goes.
    """
    kind, _, rest = _known(name).partition(":")
    if kind == "folder":
        folder.find(rest)
    elif kind == "scenes":
        from analysis.datasets.scenes.options import parse, resolve

        of, options = parse(rest)
        resolve(of, "test", options)
    else:
        SOURCES[name].find()


def require(name: str, *needs: str, least: Mapping[str, int] | None = None) -> None:
    """Make sure, without decoding an image, that a data set has what is needed of it: a `train` half, `classes`, `masks`.

    Args:
        least: split -> how many images it must have at least; "" for the split that comes if none is asked for. Archives are
            not opened for that: they are taken at the number of images in all that their publisher states.

    Raises:
        UserError: it has not; and what `check` raises.
    """
    kind, _, _ = _known(name).partition(":")
    if kind == "scenes":
        return
    if kind == "folder":
        found = table(name, "train") if needs else Table((), ())
        lacks = {"classes": len(found.classes) < 2, "masks": found.masks is no_masks}
    else:
        lacks = {"train": "train" not in SOURCES[name].splits, "masks": not SOURCES[name].masks}
    words = {"train": "no images to train probes on", "classes": "one class only", "masks": "no masks"}
    for need in needs:
        if lacks.get(need):
            raise UserError(f"{name} does not suit: it has {words[need]}")
    for split, count in (least or {}).items():
        split = split or default_split(name)
        has = len(table(name, split).samples) if kind == "folder" else SOURCES[name].images
        if has is not None and has < count:
            raise UserError(f"{name} does not suit: it takes at least {count} images ({split}), and there are {has}")


def source_files(name: str) -> list[Path]:
    """The files whose content determines the data set: archives, or the files of a folder; none for scenes, which are code.

    Raises:
        UserError, MissingFile: as `check`.
    """
    kind, _, rest = _known(name).partition(":")
    if kind == "scenes":
        return []
    return folder.files(rest) if kind == "folder" else SOURCES[name].files()


def describe() -> list[DatasetCard]:
    """One card per name that `load` knows, `folder:PATH` standing for all folders."""
    made = [
        DatasetCard(f"scenes:{kind}", f"Scenes, {kind}", "made by this project", True, None, "code", True) for kind in SCENES
    ]
    own = DatasetCard("folder:PATH", "images of one's own", "the user's", True, None, "a folder, optionally with masks", True)
    return [*made, *(source.card() for source in SOURCES.values()), own]


def absent(name: str) -> list[Remote]:
    """The official files of `name` that are absent.

    Raises:
        UserError, MissingFile: as `check`, where there is no file that a machine could fetch.
    """
    if _known(name) in SOURCES:
        return SOURCES[name].absent()
    check(name)
    return []


def _known(name: str) -> str:
    kind, _, rest = name.partition(":")
    if name in SOURCES or (kind == "scenes" and rest.partition("?")[0] in SCENES) or (kind == "folder" and rest):
        return name
    known = [*(f"scenes:{kind}" for kind in SCENES), *SOURCES, "folder:PATH"]
    raise UserError(f"unknown data set {name!r}; known are {', '.join(known)}")
