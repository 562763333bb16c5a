"""The second view of a scene in `pairs`: the exact map between the two views, and what a camera does to the second."""

import math

import numpy as np

from analysis.datasets.scenes.fields import unit
from analysis.datasets.scenes.kinds import Factors, Sample
from analysis.datasets.scenes.render import render, to_bytes
from analysis.datasets.scenes.truth import masks

Array = np.ndarray


def affine(size: int, shift: Array, turn: float, zoom: float) -> Array:
    """Matrix (2, 3) from pixels (x, y) of the first view to pixels of the second; whole numbers are pixel centres.

    It turns by `turn` (radians, clockwise) and zooms about the middle of the image, then moves by `shift` sides.
    """
    c, s, middle = zoom * math.cos(turn), zoom * math.sin(turn), (size - 1) / 2
    dx, dy = (float(k) * size for k in shift)
    return np.array([[c, -s, middle - c * middle + s * middle + dx], [s, c, middle - s * middle - c * middle + dy]])


def valid(matrix: Array, size: int) -> Array:
    """Pixels (h, w) of the first view whose match lies within the second."""
    y, x = np.indices((size, size), dtype=np.float64)
    u, v = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return (u >= 0) & (u <= size - 1) & (v >= 0) & (v <= size - 1)


def _blurred(image: Array, sigma: float) -> Array:
    """Gaussian blur of (3, h, w), `sigma` in pixels, the border repeated."""
    if sigma < 0.05:
        return image
    reach = math.ceil(3 * sigma)
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-reach, reach + 1)]
    for axis in (1, 2):
        pad = [(0, 0), (0, 0), (0, 0)]
        pad[axis] = (reach, reach)
        wide = np.pad(image, pad, mode="edge")
        length = image.shape[axis]
        parts = [w / sum(weights) * wide.take(range(k, k + length), axis) for k, w in enumerate(weights)]
        image = sum(parts[1:], parts[0])
    return image


def _disturbed(image: Array, factors: Factors, rng: np.random.Generator) -> Array:
    """Colour jitter (gain and offset per channel), blur and noise, in this order; amounts from the factors."""
    lots = 2 * rng.random((2, 3, 1, 1), dtype=np.float32) - 1
    jitter = float(factors["jitter"])
    image = (image - 0.5) * (1 + jitter * lots[0]) + 0.5 + 0.5 * jitter * lots[1]
    image = _blurred(image, float(factors["blur"]) * image.shape[-1] / 64)
    draws = rng.random((4, *image.shape), dtype=np.float32)
    bell = (draws[0] + draws[1] + draws[2] + draws[3] - 2) * math.sqrt(3)  # nearly normal, variance 1, no logarithm
    return unit(image) + float(factors["noise"]) * bell


def second_view(sample: Sample, size: int, rng: np.random.Generator) -> tuple[Factors, dict[str, Array]]:
    """The second view with its maps and the affine matrix as factors, and the mask `valid` of the first view."""
    f = sample.factors
    matrix = affine(size, f["shift"], f["turn"], f["zoom"])
    picture = render(sample.scene, size, matrix)
    maps = {f"second_{name}": value for name, value in masks(sample.scene, picture).items()}
    second = to_bytes(_disturbed(picture.image, f, rng))
    return {"affine": matrix, "second": second, **maps}, {"valid": valid(matrix, size)}
