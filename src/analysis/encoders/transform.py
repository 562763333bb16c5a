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
    """

    size: int
    mean: Channels
    std: Channels

    def __call__(self, images: np.ndarray) -> torch.Tensor:
        """(n, h, h, 3) uint8, any h -> (n, 3, size, size) float32.

        Another size is resampled by Pillow, bicubic and antialiased: the same numbers on every machine, and what these
        networks saw in training (torch's own resampling differs by up to two grey levels).

        Raises:
            ValueError: the array is not a stack of square RGB uint8 images.
        """
        if images.ndim != 4 or images.shape[-1] != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
            raise ValueError(f"images must be (n, h, h, 3) uint8, not {images.shape} {images.dtype}")
        if images.shape[1] != self.size:
            images = np.stack([_resized(image, self.size) for image in images])
        pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)  # a copy: the source may be read-only
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (pixels.float() / 255 - mean) / std


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
