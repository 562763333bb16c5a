"""Changes of an image, and how much of each comes through a representation: as a distance, and in samples.

A change that a representation does not hold cannot be seen in samples drawn from it. So the change of a sample, from the same
noise, is held against the change of the image, both seen through a reading that the change alters by construction.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from analysis.decoders.conditions import THUMBNAIL

Array = np.ndarray
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
AREA = 0.5  # of the image in a crop
HUE = 1 / 3  # turns
DARKER = 0.6
BLUR = 1.2  # standard deviation, px of an image of 32
TURN = 20.0  # degrees
NOISE = 0.06  # standard deviation, the range of colours being 1
LIGHT = "light"  # the world's own: the same scene lit from the right


def crop(images: Array) -> Array:
    """The middle of each image, of half its area, magnified."""
    side = images.shape[1]
    low, high = side * (1 - AREA**0.5) / 2, side * (1 + AREA**0.5) / 2
    return _each(images, lambda image: image.resize((side, side), Image.Resampling.BICUBIC, (low, low, high, high)))


def mirror(images: Array) -> Array:
    """Left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def hue(images: Array) -> Array:
    """All hues turned by a third of the circle, at the same luma."""
    angle = 2 * np.pi * HUE
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return _bytes(images @ (np.linalg.inv(YIQ) @ turn @ YIQ).T)


def darker(images: Array) -> Array:
    """All colours times 0.6."""
    return _bytes(images * DARKER)


def grey(images: Array) -> Array:
    """The luma alone."""
    return _bytes(np.repeat((images @ LUMA)[..., None], 3, axis=-1))


def blur(images: Array) -> Array:
    """A Gaussian blur, the border repeated."""
    sigma = BLUR * images.shape[1] / 32
    return _bytes(gaussian_filter(images.astype(float), (0, sigma, sigma, 0), mode="nearest"))


def rotation(images: Array) -> Array:
    """Turned about the middle, without corners: magnified until they lie outside."""
    side, angle = images.shape[1], np.deg2rad(TURN)
    zoom = 1 / (np.cos(angle) + np.sin(angle))
    c, s, middle = zoom * np.cos(angle), zoom * np.sin(angle), side / 2
    matrix = (c, s, middle - c * middle - s * middle, -s, c, middle + s * middle - c * middle)
    return _each(images, lambda i: i.transform(i.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))


def upside_down(images: Array) -> Array:
    """Top and bottom exchanged."""
    return np.ascontiguousarray(images[:, ::-1])


def noise(images: Array) -> Array:
    """Independent normal noise in every pixel and channel, the same for every set of images."""
    return _bytes(images + 255 * NOISE * np.random.default_rng(0).standard_normal(images.shape))


CHANGES: dict[str, Callable[[Array], Array]] = {
    **{"crop": crop, "mirror": mirror, "hue": hue, "darker": darker, "grey": grey, "blur": blur},
    **{"rotation": rotation, "upside down": upside_down, "noise": noise},
}
TRAINED = ("crop", "mirror", "hue", "darker", "grey", "blur")  # those of the trainings of the zoo
OTHER = ("rotation", "upside down", "noise", LIGHT)


def layout(images: Array) -> Array:
    """Luma of a thumbnail, (n, 64)."""
    return (_cells(images) @ LUMA).reshape(len(images), -1)


def colours(images: Array) -> Array:
    """The two colour differences of a thumbnail, (n, 128)."""
    return (_cells(images) @ YIQ[1:].T).reshape(len(images), -1)


def grain(images: Array) -> Array:
    """Logarithm of the mean squared difference to the four neighbours' mean, (n, 1)."""
    luma = images @ LUMA / 255
    around = (luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]) / 4
    return np.log(((luma[:, 1:-1, 1:-1] - around) ** 2).mean((1, 2)) + 1e-5)[:, None]


READINGS: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("hue", "grey"), colours),
    **dict.fromkeys(("blur", "noise"), grain),
    **dict.fromkeys(("crop", "mirror", "darker", "rotation", "upside down", LIGHT), layout),
}
READING_WORDS: dict[Callable[[Array], Array], str] = {
    colours: "colours of a thumbnail",
    grain: "fine grain",
    layout: "luma of a thumbnail",
}


def shares(images: Array, changed: Array, samples: Array, changed_samples: Array, change: str, weights: Array) -> Array:
    """Share of a change that samples show, once per row of `weights` (b, n): (b,).

    The slope through the origin of the samples' change on the images': sum <dr(sample), dr(image)> / sum |dr(image)|^2, where r
    is the change's reading. 1: samples follow fully; 0: they do not know of it. All arguments (n, s, s, 3) uint8, row by row,
    both samples of a row from the same noise.
    """
    read = READINGS[change]
    truth, seen = read(changed) - read(images), read(changed_samples) - read(samples)
    return (weights @ (truth * seen).sum(1)) / (weights @ (truth**2).sum(1))


def _cells(images: Array) -> Array:
    n, side = len(images), images.shape[1] // THUMBNAIL
    return images.reshape(n, THUMBNAIL, side, THUMBNAIL, side, 3).mean((2, 4)) / 255


def _each(images: Array, change: Callable[[Image.Image], Image.Image]) -> Array:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def _bytes(values: Array) -> Array:
    return values.round().clip(0, 255).astype(np.uint8)
