"""Image files of every kind read as upright RGB or as integer maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from analysis.errors import MissingFile, UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})


@contextmanager
def _upright(path: Path) -> Iterator[Image.Image]:
    """The decoded image, turned as its EXIF orientation says."""
    try:
        with Image.open(path) as image:
            yield ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise MissingFile(f"{path} is named by its data set but is not there; is the copy of the data set complete?") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a readable image ({error})") from None


def read_rgb(path: Path, ground: str = "white") -> Image.Image:
    """An upright RGB image: transparency laid over `ground`, 16-bit grey scaled to 8 bits; grey, palette and CMYK convert.

    JPEG files are decoded in full (no `Image.draft`), so that the pixels do not depend on the size asked for.

    Raises:
        MissingFile: there is no such file.
        UserError: the file is not a readable image.
    """
    with _upright(path) as image:
        if image.mode.startswith("I"):  # Pillow would clip at 255
            image = Image.fromarray((np.asarray(image, np.float64) / 257).round().clip(0, 255).astype(np.uint8))
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer)
        return image.convert("RGB")


def read_map(path: Path) -> np.ndarray:
    """(height, width) integers of a label map: grey values or palette indices; of a colour file the largest channel.

    Raises:
        MissingFile: there is no such file.
        UserError: the file is not a readable image.
    """
    with _upright(path) as image:
        if image.mode in ("P", "L", "1") or image.mode.startswith("I"):
            values = np.asarray(image)
            return values.astype(np.uint8) if values.dtype == bool else values
    return np.asarray(read_rgb(path, ground="black")).max(axis=-1)


def list_pictures(folder: Path) -> list[Path]:
    """All image files below `folder`, in name order; hidden files and folders are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(
        path for path in found if not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    )
