"""Texture families of backgrounds: procedural fields in two colours, and crops of photographs.

The photographs are those that scikit-image and scikit-learn carry inside their wheels; nothing is downloaded.
"""

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from PIL import Image

from analysis.datasets.scenes.fields import FIELDS, unit

Array = np.ndarray

# family -> package, file inside it, crop (left, top, right, bottom), pixels per unit of the scene at zoom 1
PHOTOGRAPHS: dict[str, tuple[str, str, tuple[int, int, int, int], int]] = {
    "brick": ("skimage", "data/brick.png", (0, 0, 512, 512), 110),
    "grass": ("skimage", "data/grass.png", (0, 0, 512, 512), 110),
    "gravel": ("skimage", "data/gravel.png", (0, 0, 512, 512), 110),
    "tissue": ("skimage", "data/ihc.png", (0, 0, 512, 512), 110),
    "stars": ("skimage", "data/hubble_deep_field.jpg", (0, 0, 1000, 872), 140),
    "petals": ("sklearn", "datasets/images/flower.jpg", (196, 118, 340, 320), 75),
    "vessels": ("skimage", "data/retina.jpg", (300, 300, 1100, 1100), 240),
}
FAMILIES: tuple[str, ...] = (*FIELDS, *PHOTOGRAPHS)


@dataclass(frozen=True)
class Texture:
    """One texture of the plane: a family, its placement and its colours.

    Attributes:
        family: a name of `FAMILIES`.
        angle: rotation in radians.
        frequency: periods per unit of the scene (the image is 2 units wide) of a field; photographs scale with it.
        offset: shift, in periods.
        variant: four numbers in [0, 1) that the family interprets.
        colours: (2, 3) dark and bright colour, in [0, 1].
        tint: how far a photograph takes the two colours in place of its own, 0 to 1.
        contrast: how far the texture departs from the mean of the two colours; less than 1 stands for depth of field.
    """

    family: str
    angle: float
    frequency: float
    offset: tuple[float, float]
    variant: tuple[float, ...]
    colours: Array
    tint: float
    contrast: float = 1.0


@cache
def photograph(family: str) -> tuple[Array, ...]:
    """Pyramid of a photograph, each level half the side of the one before: (4, h, w) float32, red, green, blue, grey."""
    package, file, crop, _ = PHOTOGRAPHS[family]
    with resources.files(package).joinpath(file).open("rb") as stream:
        rgb = np.asarray(Image.open(stream).convert("RGB").crop(crop), dtype=np.float32) / 255
    grey = (rgb[..., 0] * 0.3 + rgb[..., 1] * 0.59 + rgb[..., 2] * 0.11)[..., None]
    low, high = np.sort(grey.ravel())[[grey.size // 50, -grey.size // 50]]  # the same contrast for every photograph
    levels = [np.ascontiguousarray(np.concatenate([rgb, unit((grey - low) / (high - low))], axis=-1).transpose(2, 0, 1))]
    while min(levels[-1].shape[1:]) >= 32:
        p = levels[-1][:, : levels[-1].shape[1] // 2 * 2, : levels[-1].shape[2] // 2 * 2]
        levels.append((p[:, ::2, ::2] + p[:, 1::2, ::2] + p[:, ::2, 1::2] + p[:, 1::2, 1::2]) / 4)
    return tuple(levels)


def _mirrored(index: Array, size: int) -> Array:
    folded = index % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded)


def sample(picture: Array, x: Array, y: Array) -> Array:
    """Bilinear values (c, m) of a picture (c, h, w) at pixel coordinates (x, y), mirrored beyond its border."""
    channels, height, width = picture.shape
    fx, fy = np.floor(x), np.floor(y)
    s, t = x - fx, y - fy
    left, top = fx.astype(np.intp), fy.astype(np.intp)
    columns = _mirrored(left, width), _mirrored(left + 1, width)
    rows = _mirrored(top, height) * width, _mirrored(top + 1, height) * width
    flat = picture.reshape(channels, -1)
    above, below = (flat.take(row + columns[0], 1) * (1 - s) + flat.take(row + columns[1], 1) * s for row in rows)
    return above * (1 - t) + below * t


def blend(colours: Array, share: Array) -> Array:
    """Colours (3, m) between `colours[0]` and `colours[1]` by `share` (m,) in [0, 1]."""
    first, second = colours[:, :, None]
    return first + share * (second - first)


def paint(texture: Texture, x: Array, y: Array, step: float) -> Array:
    """Colours (3, m) of the texture at the scene coordinates `x, y` (m,); `step` is the side of a pixel."""
    c, s = math.cos(texture.angle), math.sin(texture.angle)
    f = texture.frequency
    u = (c * x + s * y) * f + texture.offset[0]
    v = (c * y - s * x) * f + texture.offset[1]
    colours = _faded(texture.colours, texture)
    if texture.family in FIELDS:
        return blend(colours, FIELDS[texture.family](u, v, texture.variant, step * texture.frequency))
    density = PHOTOGRAPHS[texture.family][3] / 3.0
    levels = photograph(texture.family)
    level = min(int(max(0.0, math.log2(density * texture.frequency * step) + 0.5)), len(levels) - 1)
    scale = density / 2**level
    shift = 0.5 - 0.5 ** (level + 1)  # a pixel's centre moves with the level of the pyramid
    values = sample(levels[level], u * scale - shift, v * scale - shift)
    tint = texture.tint
    own = _faded(values[:3].T, texture).T if texture.contrast < 1 else values[:3]
    return own * (1 - tint) + blend(colours, values[3]) * tint


def _faded(colours: Array, texture: Texture) -> Array:
    """Colours (m, 3) drawn towards the middle of the texture's two colours."""
    middle = texture.colours.mean(0)
    return middle + texture.contrast * (colours - middle)
