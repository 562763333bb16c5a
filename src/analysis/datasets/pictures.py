"""Image files of every kind read as upright RGB or as integer maps."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from analysis.errors import MissingFile, UserError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
)
COMPANIONS = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # what file managers leave behind, besides hidden files
ORIENTATION = 0x0112  # EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def _upright(path: Path) -> Iterator[Image.Image]:
    """The decoded image, turned as its EXIF orientation says."""
    try:
        with Image.open(path) as image:
            image.load()
            turn = TURNS.get(_orientation(image))
            turned = image if turn is None else image.transpose(turn)
            turned.format = image.format
            yield turned
    except UserError:
        raise
    except FileNotFoundError:
        raise MissingFile(f"{path} is named by its data set but is not there; is the copy of the data set complete?") from None
    except Exception as error:  # decoders of broken files raise whatever comes
        raise UserError(f"{path} is not a readable image ({error})") from None


def _orientation(image: Image.Image) -> int:
    """1 (upright) where the EXIF data cannot be read: the pixels can."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1


def read_rgb(path: Path, background: str = "white") -> Image.Image:
    """An upright RGB image: transparency laid over `background`; grey, palette and CMYK convert, and see `_eight_bits`.

    JPEG files are decoded in full (no `Image.draft`), so that the pixels do not depend on the size asked for.

    Raises:
        MissingFile: there is no such file.
        UserError: the file is not a readable image, or its values have no known scale.
    """
    with _upright(path) as image:
        if image.mode[0] in "IF":  # Pillow would clip at 255
            image = Image.fromarray(_eight_bits(np.asarray(image), path))
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, background), layer)
        return image.convert("RGB")


def _eight_bits(values: np.ndarray, path: Path) -> np.ndarray:
    """Grey values of 16 or 32 bits as uint8. White is 1, 255 or 65,535, the first that no value exceeds; 1 for floats only.

    Raises:
        UserError: values below 0, above 65,535 or not finite.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65_535):
        raise UserError(f"{path} holds values from {low:g} to {high:g}: scale it to 0 ... 1, 0 ... 255 or 0 ... 65535 first")
    white = 1 if high <= 1 and values.dtype.kind == "f" else 255 if high <= 255 else 65_535
    return (values.astype(np.float64) * (255 / white)).round().astype(np.uint8)


def read_map(path: Path) -> np.ndarray:
    """(height, width) integers of a label map: grey values or palette indices; of a colour file the largest channel.

    Raises:
        MissingFile: there is no such file.
        UserError: the file is not a readable image, or its values are no whole numbers.
    """
    with _upright(path) as image:
        if image.mode in ("P", "L", "1") or image.mode[0] in "IF":
            return _whole(np.asarray(image), path)
    return _largest_channel(path)


def _whole(values: np.ndarray, path: Path) -> np.ndarray:
    """Labels as native integers, in as few bits as hold them where the file has floats."""
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.dtype.kind != "f":
        return values.astype(values.dtype.newbyteorder("="))
    if not (np.isfinite(values).all() and (values % 1 == 0).all()):
        raise UserError(f"{path} is a label map whose values are not all whole numbers")
    return values.astype(np.int32)


def not_black(path: Path) -> np.ndarray:
    """(height, width) bool of a mask: whatever is not black, in a file that blurs (JPEG, lossy WebP) brighter than middle grey.

    Raises:
        MissingFile: there is no such file.
        UserError: the file is not a readable image, or it blurs and holds neither black and white nor nothing.
    """
    with _upright(path) as image:
        if image.mode[0] in "IF":
            return np.nan_to_num(np.asarray(image)) != 0
        blurs = image.format == "JPEG" or (image.format == "WEBP" and b"VP8L" not in path.read_bytes()[:64])
    values = _largest_channel(path)
    if blurs and 16 < values.max() < 128:
        raise UserError(f"{path} blurs labels of at most {values.max()}: save masks as PNG, or as black and white")
    return values >= 128 if blurs else values > 0


def _largest_channel(path: Path) -> np.ndarray:
    return np.asarray(read_rgb(path, background="black")).max(axis=-1)


def is_picture(path: Path) -> bool:
    """Whether a file is read as an image, by its name."""
    return path.suffix.lower() in SUFFIXES


def list_files(folder: Path) -> list[Path]:
    """All files below `folder`, in name order, links followed; hidden files and what file managers leave are not listed.

    Raises:
        UserError: a folder cannot be read.
    """
    return sorted(walk(folder))


def list_pictures(folder: Path) -> list[Path]:
    """The image files among `list_files`."""
    return [path for path in list_files(folder) if is_picture(path)]


def walk(folder: Path) -> Iterator[Path]:
    """What `list_files` lists, in any order, without reading all of it first."""
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        here = Path(place)
        folders[:] = [name for name in folders if _shown(name) and not _leads_back(here / name)]
        yield from (here / name for name in files if _shown(name))


def _shown(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in COMPANIONS


def _leads_back(folder: Path) -> bool:
    """Whether a link leads to a folder it lies in: it would be followed for ever."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise UserError(f"{error.filename} cannot be read ({error.strerror})")
