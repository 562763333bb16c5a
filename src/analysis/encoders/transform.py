"""What an encoder does to an image before its first layer: size, scale, normalisation."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

Channels = tuple[float, float, float]

RAW: tuple[Channels, Channels] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
HALF: tuple[Channels, Channels] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
IMAGENET: tuple[Channels, Channels] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Transform:
    """uint8 pixels -> network input: (pixel / 255 - mean) / std per channel, at `size` x `size`.

    Cropping is the data set's business: every encoder then sees the same part of an image, at its own resolution.
    `interpolation` is the filter of Pillow for images of another size, by its name there: `bicubic`, `bilinear`, ...
    """

    size: int
    mean: Channels
    std: Channels
    interpolation: str = "bicubic"

    def __call__(self, images: np.ndarray) -> torch.Tensor:
        """(n, h, h, 3) uint8, any h -> (n, 3, size, size) float32: `normalised` of `pixels`, whose errors it raises."""
        return self.normalised(self.pixels(images))

    def pixels(self, images: np.ndarray) -> torch.Tensor:
        """(n, h, h, 3) uint8, any h -> (n, size, size, 3) uint8, to be read only: it may be the array itself.

        Another size is resampled by Pillow, which antialiases: the same numbers on every machine, and what the networks'
        authors do (torch's own resampling differs by up to two grey levels).

        Raises:
            ValueError: the array is not a stack of square RGB uint8 images.
        """
        if images.ndim != 4 or images.shape[-1] != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
            raise ValueError(f"images must be (n, h, h, 3) uint8, not {images.shape} {images.dtype}")
        if images.shape[1] != self.size:
            images = np.stack([_resized(image, self.size, self.interpolation) for image in images])
        return torch.from_numpy(np.require(images, requirements=("C", "W")))  # torch warns of an array that is read-only

    def normalised(self, pixels: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """(n, size, size, 3) uint8 -> (n, 3, size, size) float32 on the same device, laid out channels last.

        The result is a view of `out` (n or more, size, size, 3) if that is given: memory used again is quicker than new pages.
        Whole image rows are scaled at once: three channels are too short for a processor's vector registers, which makes
        this five times as fast as broadcasting over the channels, and gives the same numbers.
        """
        n, height, width, _ = pixels.shape
        mean, std = (torch.tensor(values, device=pixels.device).repeat(width) for values in (self.mean, self.std))
        rows = pixels.reshape(n, height, 3 * width)
        rows = torch.div(rows, 255, out=None if out is None else out[:n].view(rows.shape)).sub_(mean).div_(std)
        return rows.view(n, height, width, 3).permute(0, 3, 1, 2)


def _resized(image: np.ndarray, size: int, interpolation: str) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling[interpolation.upper()]))
