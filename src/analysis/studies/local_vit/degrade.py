"""Worse copies of images, in graded strengths: blur, and noise of all frequencies or of one octave."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter

from analysis.errors import UserError

Array = np.ndarray
Generator = np.random.Generator
OCTAVES = (1, 2, 3, 4)  # of spatial frequencies, from the finest


@dataclass(frozen=True)
class Kind:
    """A degradation: what it does, what its strength means (0 changes nothing), the most, graded ones."""

    apply: Callable[[Array, float, Generator], Array]
    unit: str
    most: float
    levels: tuple[float, ...]


def degrade(images: Array, kind: str, strength: float, generator: Generator) -> Array:
    """Images (n, h, w, 3) uint8 degraded; at strength 0 unchanged, bit by bit.

    Only noise draws from the generator: image by image, so that the first images of a batch do not depend on the rest.

    Raises:
        UserError: images of another form, an unknown kind, or a strength out of range.
    """
    check_images(images)
    if kind not in KINDS:
        raise UserError(f"unknown degradation {kind!r}; there are {', '.join(KINDS)}")
    known = KINDS[kind]
    if not 0 <= strength <= known.most:
        raise UserError(f"{kind} is {known.unit}: a number from 0 to {known.most:g}, not {strength!r}")
    if strength == 0:
        return images.copy()
    return np.stack([_to_bytes(known.apply(image, strength, generator)) for image in images])


def check_images(images: Array) -> None:
    """Images are (n, h, w, 3) uint8, at least one.

    Raises:
        UserError: they are not.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8 or 0 in images.shape:
        raise UserError(f"images must be (n, h, w, 3) of 8 bits, at least one, not {images.shape} {images.dtype}")


def _to_bytes(image: Array) -> Array:
    return np.round(image).clip(0, 255).astype(np.uint8)


def _blur(image: Array, sigma: float, _: Generator) -> Array:
    return gaussian_filter(image.astype(np.float32), (sigma, sigma, 0), mode="nearest")


def _noise(image: Array, deviation: float, generator: Generator) -> Array:
    return image + deviation * generator.standard_normal(image.shape, dtype=np.float32)


def _octave(image: Array, deviation: float, generator: Generator, *, octave: int) -> Array:
    """Noise whose spatial frequencies lie in one octave: the first from a quarter of a cycle per pixel upwards, and so on."""
    low, high = 0.5 ** (octave + 1), 0.5**octave if octave > 1 else 1.0
    frequency = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.rfftfreq(image.shape[1]))
    inside = (frequency > low) & (frequency <= high)
    spectrum = np.fft.rfft2(generator.standard_normal(image.shape), axes=(0, 1)) * inside[..., None]
    drawn = np.fft.irfft2(spectrum, s=image.shape[:2], axes=(0, 1))
    return image + deviation * drawn / max(float(drawn.std()), 1e-12)


_GREYS = (10, 20, 30, 40)
KINDS = {
    "blur": Kind(_blur, "the standard deviation of a Gaussian in pixels", 100, (0.5, 1, 2, 4)),
    "noise": Kind(_noise, "the standard deviation of Gaussian noise, colours going from 0 to 255", 255, _GREYS),
    **{
        f"octave {k}": Kind(
            partial(_octave, octave=k), f"the standard deviation of noise in octave {k} of frequencies", 255, _GREYS
        )
        for k in OCTAVES
    },
}
