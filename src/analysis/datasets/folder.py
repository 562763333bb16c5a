"""`folder:PATH`: images of one's own.

Either `PATH` holds the images, or `PATH/images` does and `PATH/masks` may hold masks. The images lie in one folder per class
(deeper folders belong to their class), or all of them loose, which makes one class. A mask has the relative stem of its image,
with any image suffix, is as large as its image and as upright as it is seen; whatever is not black is foreground.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from analysis import paths
from analysis.datasets.base import Dataset
from analysis.datasets.pictures import SUFFIXES, list_pictures, read_rgb
from analysis.datasets.source import Masks, Sample, Table, decode, files_below, no_masks
from analysis.errors import MissingFile, UserError

LOSSY = frozenset({".jpg", ".jpeg", ".webp"})  # compression leaves ripples where the mask was black


def find(place: str) -> Path:
    """The folder of the images of `folder:place`.

    Raises:
        MissingFile: no such folder, or no image in it.
        UserError: `place` is not a folder.
    """
    root = paths.user_path(place)
    if not root.exists():
        raise MissingFile(f"folder:{place}: there is no {root}; give a folder with images, or with images/ and masks/")
    if not root.is_dir():
        raise UserError(f"folder:{place}: {root} is a file; give the folder that holds the images")
    images = root / "images" if (root / "images").is_dir() else root
    if not any(path.suffix.lower() in SUFFIXES for path in images.rglob("*")):
        raise MissingFile(f"folder:{place}: no image in {images} (looked for {', '.join(sorted(SUFFIXES))})")
    return images


def files(place: str) -> list[Path]:
    """Every image and mask."""
    images = find(place)
    return files_below(images) + (files_below(_masks(images)) if _masks(images).is_dir() else [])


def load(place: str, *, size: int, n: int | None, seed: int, split: str) -> Dataset:
    """The images of a folder, see `analysis.datasets.load`; one split, `test`.

    Raises:
        UserError: class folders and loose images are mixed, two files share a stem, or a mask is missing.
    """
    return decode(f"folder:{place}", table(place, split), size=size, n=n, seed=seed)


def table(place: str, split: str) -> Table:
    """The samples of a folder, none of them decoded; raises what `load` raises."""
    if split != "test":
        raise UserError(f"folder:{place} has no split {split!r}; it has test")
    return _table(place)


def _masks(images: Path) -> Path:
    """Where the masks lie, if there are any; only `PATH/images` has a `PATH/masks`."""
    return images.parent / "masks" if images.name == "images" else images / ".no-masks"


def _table(place: str) -> Table:
    images = find(place)
    files = [path.relative_to(images) for path in list_pictures(images)]
    twice = [stem for stem, count in Counter(path.with_suffix("") for path in files).items() if count > 1]
    if twice:
        raise UserError(f"folder:{place}: more than one image is called {twice[0].as_posix()}; give each its own stem")
    loose = [path for path in files if len(path.parts) == 1]
    if loose and len(loose) < len(files):
        raise UserError(f"folder:{place}: {loose[0]} lies beside class folders; use one folder per class, or none")
    classes = ("all",) if loose else tuple(sorted({path.parts[0] for path in files}))
    label = {name: index for index, name in enumerate(classes)}
    masks = _mask_files(place, images)
    samples = []
    for path in files:
        stem = path.with_suffix("")
        if masks and stem not in masks:
            raise MissingFile(f"folder:{place}: {path} has no mask; add masks/{stem.as_posix()}.png or remove masks/")
        samples.append(Sample(stem.as_posix(), images / path, 0 if loose else label[path.parts[0]], masks.get(stem)))
    return Table(samples, classes, masks=_not_black if masks else no_masks)


def _mask_files(place: str, images: Path) -> dict[Path, Path]:
    root = _masks(images)
    return {path.relative_to(root).with_suffix(""): path for path in list_pictures(root)} if root.is_dir() else {}


def _not_black(sample: Sample) -> Masks:
    assert sample.mask is not None
    values = np.asarray(read_rgb(sample.mask, ground="black")).max(axis=-1)
    return {"foreground": values >= 128 if sample.mask.suffix.lower() in LOSSY else values > 0}
