"""Worse copies of images, in graded strengths: blur, noise of all or some frequencies, contrast, compression, resolution."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter

from analysis.errors import UserError

Array = np.ndarray
Generator = np.random.Generator
OCTAVES = (1, 2, 3, 4)  # of spatial frequencies, from the finest


@dataclass(frozen=True)
class Kind:
    """A degradation: what it does, what its strength means, the strength that changes nothing, the most, graded ones."""

    apply: Callable[[Array, float, Generator], Array]
    unit: str
    neutral: float
    most: float
    levels: tuple[float, ...]
    whole: bool = False


def degrade(images: Array, kind: str, strength: float, generator: Generator) -> Array:
    """Images (n, h, w, 3) uint8 degraded; at the strength `KINDS[kind].neutral` unchanged, bit by bit.

    Only noise draws from the generator: image by image, so that the first images of a batch do not depend on the rest.

    Raises:
        UserError: images of another form, an unknown kind, or a strength out of range.
    """
    check_images(images)
    if kind not in KINDS:
        raise UserError(f"unknown degradation {kind!r}; there are {', '.join(KINDS)}")
    known = KINDS[kind]
    if not known.neutral <= strength <= known.most or (known.whole and strength != int(strength)):
        what = "a whole number" if known.whole else "a number"
        raise UserError(f"{kind} is {known.unit}: {what} from {known.neutral:g} to {known.most:g}, not {strength!r}")
    if strength == known.neutral:
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


def _box(image: Array, side: float, _: Generator) -> Array:
    return uniform_filter(image.astype(np.float32), (int(side), int(side), 1), mode="mirror")


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


def _contrast(image: Array, lost: float, _: Generator) -> Array:
    """Towards the mean grey of the image (ITU-R BT.601 luma)."""
    grey = (image @ np.array([0.299, 0.587, 0.114])).mean()
    return grey + (1 - lost) * (image - grey)


def _jpeg(image: Array, lost: float, _: Generator) -> Array:
    """Through a JPEG file of quality 100 - lost."""
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=100 - int(lost))
    return np.asarray(Image.open(file))


def _downsample(image: Array, factor: float, _: Generator) -> Array:
    """Means over cells of factor x factor pixels, enlarged by bicubic interpolation."""
    h, w = image.shape[:2]
    small = Image.fromarray(image).resize((max(1, round(w / factor)), max(1, round(h / factor))), Image.Resampling.BOX)
    return np.asarray(small.resize((w, h), Image.Resampling.BICUBIC))


_GREYS = (10, 20, 30, 40)
KINDS = {
    "blur": Kind(_blur, "the standard deviation of a Gaussian in pixels", 0, 100, (0.5, 1, 2, 4)),
    # the box blur of OpenCV; a box of even side moves the image by half a pixel to the lower right
    "box": Kind(_box, "the side of the mean's square in pixels", 1, 99, (2, 4, 6, 8), whole=True),
    "noise": Kind(_noise, "the standard deviation of Gaussian noise, colours going from 0 to 255", 0, 255, _GREYS),
    "contrast": Kind(_contrast, "the share of the contrast that is lost", 0, 1, (0.25, 0.5, 0.75, 0.9)),
    "jpeg": Kind(_jpeg, "the quality lost by compression, of 100", 0, 99, (50, 70, 85, 95), whole=True),
    "downsample": Kind(_downsample, "the factor by which the side shrinks", 1, 100, (1.5, 2, 4, 8)),
    **{
        f"octave {k}": Kind(
            partial(_octave, octave=k), f"the standard deviation of noise in octave {k} of frequencies", 0, 255, _GREYS
        )
        for k in OCTAVES
    },
}
