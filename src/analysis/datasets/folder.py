"""`folder:PATH`: images of one's own; a relative path is looked for where the user stands, then in the data root.

Either `PATH` holds the images, or `PATH/images` does and `PATH/masks` may hold masks. The images lie in one folder per class
(deeper folders belong to their class), or all of them loose, which makes one class; links to folders and files are followed.
A mask has the relative stem of its image, with any image suffix, is as large as its image and as upright as it is seen;
whatever is not black is foreground (in a JPEG or lossy WebP, which blur: whatever is brighter than middle grey).

Splits: `PATH/train` beside `PATH/val` or `PATH/test`, each laid out as above, or the same names below `images/` and `masks/`;
the classes are those of `train`. Without them `test` (or `val`) is every fifth image of each class, `train` the others, and
`all`, which is what comes if no split is asked for, every image.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from analysis import paths
from analysis.datasets.pictures import SUFFIXES, is_picture, list_files, list_pictures, not_black, walk
from analysis.datasets.source import Masks, Sample, Table, no_masks
from analysis.errors import MissingFile, UserError
from analysis.progress import say_once

SPLITS = ("train", "val", "test")
OTHER = {"val": "test", "test": "val"}  # which folder stands in where there is no folder of that split
WHOLE = "all"
KNOWN = {
    "imagenet": "train/ and val/ of ImageNet, a folder per class (https://image-net.org/download, after registration)",
    "imagenet-100": "train/ and val/ of ImageNet (https://image-net.org/download, after registration), with the folders that "
    "https://github.com/HobbitLong/CMC/blob/master/imagenet100.txt names",
}
"""Folders that presets name -> what belongs there."""
FIFTH = 5  # one image in five of each class is kept from training


@dataclass(frozen=True)
class _Place:
    """Where the images of a split lie, and their masks, if there are any."""

    images: Path
    masks: Path | None


def find(place: str) -> Path:
    """The folder of `folder:place`.

    Raises:
        MissingFile: no such folder, or no image in it.
        UserError: `place` is not a folder.
    """
    root, stored = paths.user_path(place), paths.data_root() / place
    if not root.exists() and stored.exists():
        root = stored
    if not root.exists():
        what = f"put there {KNOWN[place]}" if place in KNOWN else "give a folder with images, or with images/ and masks/"
        raise MissingFile(f"folder:{place}: there is no {stored if place in KNOWN else root}; {what}")
    if not root.is_dir():
        raise UserError(f"folder:{place}: {root} is a file; give the folder that holds the images")
    images = _within(root).images
    if not any(map(is_picture, walk(images))):
        raise MissingFile(f"folder:{place}: no image in {images} (looked for {', '.join(sorted(SUFFIXES))})")
    return root


def files(place: str) -> list[Path]:
    """Every image and mask of every split."""
    within = _within(find(place))
    return [*list_pictures(within.images), *(list_pictures(within.masks) if within.masks else [])]


def default_split(place: str) -> str:
    """The split that comes if none is asked for; raises what `find` raises."""
    return "test" if _parts(find(place)) else WHOLE


def table(place: str, split: str) -> Table:
    """The samples of a split of a folder, none of them decoded.

    Raises:
        MissingFile, UserError: as `find`; no such split; class folders and loose images are mixed; two files share a stem;
            a mask is missing; or a class that `train` does not have.
    """
    root = find(place)
    halves = _parts(root) is not None
    splits = SPLITS if halves else (*SPLITS, WHOLE)
    if split not in splits:
        raise UserError(f"folder:{place} has no split {split!r}; it has {', '.join(splits)}")
    if not halves:
        made = _table(place, _within(root), None)
        return made if split == WHOLE else _share(place, made, split)
    train = _table(place, _part(root, "train"), None)
    return train if split == "train" else _table(place, _part(root, split), train.classes)


def _parts(root: Path) -> Path | None:
    """The folder that holds one folder per split and no other, if there is one."""
    for folder in (root, root / "images"):
        names = {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."} if folder.is_dir() else set()
        if "train" in names and len(names) > 1 and names <= {*SPLITS, *(("masks",) if folder == root else ())}:
            return folder
    return None


def _within(root: Path) -> _Place:
    images, masks = root / "images", root / "masks"
    return _Place(images, masks if masks.is_dir() else None) if images.is_dir() else _Place(root, None)


def _part(root: Path, split: str) -> _Place:
    holder = _parts(root)
    assert holder is not None
    name = split if (holder / split).is_dir() else OTHER[split]
    within, shared = _within(holder / name), root / "masks" / name
    return _Place(within.images, within.masks or (shared if shared.is_dir() else None))


def _share(place: str, whole: Table, split: str) -> Table:
    """Every fifth image of each class, in the order of their ids, or the others."""
    seen: Counter[int] = Counter()
    kept = []
    for sample in sorted(whole.samples, key=lambda sample: sample.id):
        seen[sample.label] += 1
        if (seen[sample.label] % FIFTH > 0) == (split == "train"):
            kept.append(sample)
    if not kept:
        raise UserError(f"folder:{place}: no class has {FIFTH} images, so that none can be kept from training")
    return Table(kept, whole.classes, masks=whole.masks)


def _table(place: str, where: _Place, classes: tuple[str, ...] | None) -> Table:
    """The samples below `where`; their classes, unless they are given, are the folders there."""
    files = _listed(place, where.images)
    loose = [path for path in files if len(path.parts) == 1]
    if loose and len(loose) < len(files):
        raise UserError(f"folder:{place}: {loose[0]} lies beside class folders; use one folder per class, or none")
    names = [readable("all" if loose else path.parts[0]) for path in files]
    classes = classes or tuple(sorted(set(names)))
    label = {name: index for index, name in enumerate(classes)}
    unknown = sorted(set(names) - set(classes))
    if unknown:
        raise UserError(f"folder:{place}: {where.images} has the class {unknown[0]!r}, which the training images do not have")
    masks = _mask_files(where)
    samples = []
    for path, name in zip(files, names, strict=True):
        stem = path.with_suffix("")
        if masks and stem not in masks:
            raise MissingFile(f"folder:{place}: {path} has no mask; add masks/{stem.as_posix()}.png or remove masks/")
        samples.append(Sample(readable(stem.as_posix()), where.images / path, label[name], masks.get(stem)))
    return Table(samples, classes, masks=_not_black if masks else no_masks)


def _listed(place: str, images: Path) -> list[Path]:
    """The images below a folder, relative to it; what is left out is said."""
    everything = [path.relative_to(images) for path in list_files(images)]
    files = [path for path in everything if is_picture(path)]
    left_out = [path for path in everything if not is_picture(path)]
    if left_out:
        say_once(f"folder:{place}: {len(left_out)} files are not read as images and left out, the first is {left_out[0]}")
    twice = [stem for stem, count in Counter(path.with_suffix("") for path in files).items() if count > 1]
    if twice:
        raise UserError(f"folder:{place}: more than one image is called {twice[0].as_posix()}; give each its own stem")
    return files


def _mask_files(where: _Place) -> dict[Path, Path]:
    if where.masks is None:
        return {}
    masks = {path.relative_to(where.masks).with_suffix(""): path for path in list_pictures(where.masks)}
    if not masks:
        raise UserError(f"{where.masks} holds no masks in a format that is read ({', '.join(sorted(SUFFIXES))})")
    return masks


def _not_black(sample: Sample) -> Masks:
    assert sample.mask is not None
    return {"foreground": not_black(sample.mask)}


def readable(name: str) -> str:
    """A file name as text that can be written anywhere: one that is not UTF-8 is read as Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name
