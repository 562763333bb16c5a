"""Where every pixel of a file goes: one plan for the image, its masks and its boxes."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

RESIZE_RATIO = 256 / 224  # the usual evaluation crop: shorter side to 256, centre 224


@dataclass(frozen=True)
class Geometry:
    """A resize followed by a crop, fixed by the size of the file and the size wanted; all lengths in pixels.

    Attributes:
        source: (width, height) of the file.
        scaled: (width, height) after the resize.
        corner: (left, top) of the crop in the resized image.
        size: side of the square crop.
    """

    source: tuple[int, int]
    scaled: tuple[int, int]
    corner: tuple[int, int]
    size: int

    def image(self, image: Image.Image) -> np.ndarray:
        """(size, size, 3) uint8 of an RGB image: bicubic with antialiasing, then the crop."""
        left, top = self.corner
        scaled = image.resize(self.scaled, Image.Resampling.BICUBIC)
        return np.asarray(scaled.crop((left, top, left + self.size, top + self.size)))

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """(size, size) of an (height, width) map of any type: the nearest value under the same resize and the same crop.

        A pixel takes the value of the file pixel its centre lies in. Pillow's NEAREST does the same but rounds a centre that
        falls between two pixels either way; integers make it the later one always.
        """
        columns, rows = (
            (2 * (start + np.arange(self.size)) + 1) * length // (2 * scaled)
            for length, scaled, start in zip(self.source, self.scaled, self.corner, strict=True)
        )
        return mask[rows[:, None], columns]

    def box(self, box: tuple[float, float, float, float]) -> np.ndarray:
        """(4,) float32 `x0, y0, x1, y1` after resize and crop, cut to the crop; edges lie between pixels, `x1` is exclusive."""
        scale = np.tile(np.divide(self.scaled, self.source), 2)
        return np.clip(np.asarray(box) * scale - np.tile(self.corner, 2), 0, self.size).astype(np.float32)


def plan(width: int, height: int, size: int, straight: bool) -> Geometry:
    """The geometry of a `width` x `height` file read at `size`.

    The shorter side becomes round(size * 256 / 224), then the centre is cropped, with the rounding of torchvision's
    `Resize` and `CenterCrop`. `straight` sources (square images without a margin) are resized to `size` and not cropped.
    """
    if straight:
        return Geometry((width, height), (size, size), (0, 0), size)
    shorter = round(size * RESIZE_RATIO)
    longer = int(shorter * max(width, height) / min(width, height))
    scaled = (shorter, longer) if width <= height else (longer, shorter)
    left, top = (round((side - size) / 2) for side in scaled)
    return Geometry((width, height), scaled, (left, top), size)
