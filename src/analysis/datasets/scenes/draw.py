"""Drawing lots: every ingredient of a scene is a pure function of numbers drawn evenly from [0, 1).

The numbers are drawn before anything is looked at that the caller fixed, so fixing one factor changes nothing else.
"""

import colorsys
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.datasets.scenes.bones import similarity
from analysis.datasets.scenes.creatures import PROPS, creature
from analysis.datasets.scenes.fields import COATS
from analysis.datasets.scenes.scene import Actor, Coat, Light
from analysis.datasets.scenes.textures import FAMILIES, Texture

Array = np.ndarray
Fixed = Mapping[str, Any]
GROUND_LOTS, LIGHT_LOTS, POSE_LOTS, COAT_LOTS, BUILD_LOTS, PROP_LOTS = 17, 2, 5, 23, 9, 28
BEHIND = 0.3  # contrast of a ground behind creatures: it is out of focus, as in a portrait


def pick(names: tuple[str, ...], lot: float) -> str:
    """The name that a lot in [0, 1) falls on."""
    return names[int(lot * len(names))]


def between(low: float, high: float, lot: float) -> float:
    """The number at `lot` in [0, 1) of the way from low to high."""
    return low + (high - low) * lot


def colour(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Red, green, blue in [0, 1]; the hue is taken modulo 1."""
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)


def _two_colours(q: list[float]) -> Array:
    middle, apart = between(0.40, 0.68, q[0]), between(0.10, 0.24, q[1])
    other = q[2] + between(-0.2, 0.2, q[3]) + (0.5 if q[4] < 0.25 else 0.0)
    dark = colour(q[2], between(0.1, 0.65, q[5]), middle - apart)
    return np.array([dark, colour(other, between(0.05, 0.5, q[6]), middle + apart)], np.float32)


def ground(lots: Array, family: str | None = None, contrast: float = BEHIND) -> Texture:
    """A texture of a family drawn evenly, or of the one given; by default out of focus behind the creatures."""
    q = lots.tolist()
    return Texture(
        family=family or pick(FAMILIES, q[0]),
        angle=between(-np.pi, np.pi, q[1]),
        frequency=between(1.6, 3.8, q[2]),
        offset=(40 * q[3], 40 * q[4]),
        variant=tuple(q[5:9]),
        colours=_two_colours(q[9:16]),
        tint=between(0.3, 1.0, q[16]),
        contrast=contrast,
    )


def light(lots: Array, azimuth: float | None = None) -> Light:
    """Unit vector towards the light; `azimuth` in radians, 0 to the right, growing clockwise."""
    turn = between(-np.pi, np.pi, lots[0]) if azimuth is None else azimuth
    height = between(0.45, 0.80, lots[1])
    flat = math.sqrt(1 - height * height)
    return flat * math.cos(turn), flat * math.sin(turn), height


def pose(lots: Array, fixed: Fixed, reach: float, scales: tuple[float, float], tilt: float) -> dict[str, float]:
    """A place within `reach` of the middle, a scale in the range, a rotation up to `tilt`, either way round."""
    x, y, scale, rotation, mirror = lots.tolist()
    drawn = {
        "x": between(-reach, reach, x),
        "y": between(-reach, reach, y),
        "scale": between(*scales, scale),
        "rotation": between(-tilt, tilt, rotation),
        "mirror": mirror < 0.5,
    }
    return {name: fixed.get(name, value) for name, value in drawn.items()}


def coat(lots: Array, pattern: str | None = None, hue: float | None = None) -> Coat:
    """A coat in two colours around a hue; the trim and the head part take their own shades."""
    q = lots.tolist()
    tone = q[0] if hue is None else hue
    bright = between(0.66, 1.0, q[1])
    pair = [
        colour(tone, between(0.12, 0.7, q[2]), bright),
        colour(tone + between(-0.15, 0.15, q[3]), between(0.2, 0.8, q[4]), bright - between(0.40, 0.60, q[5])),
    ]
    own = colour(tone + between(-0.1, 0.1, q[6]), between(0.1, 0.8, q[7]), between(0.45, 1.0, q[8]))
    return Coat(
        pattern=pattern or pick(tuple(COATS), q[10]),
        frequency=between(1.9, 2.9, q[11]),
        variant=tuple(q[12:20]),
        colours=np.array(pair if q[20] < 0.5 else pair[::-1], np.float32),
        trim=np.array(colour(tone + between(-0.12, 0.12, q[21]), 0.45, between(0.5, 0.95, q[22])), np.float32),
        part=np.array([0.65 * a + 0.35 * b for a, b in zip(own, colour(q[9], 0.35, 0.9), strict=True)], np.float32),
    )


def animal(
    lots: Array, species: str, part: str, place: Array, hide: Coat, semantic: int, instance: int, stride: float | None = None
) -> Actor:
    """A creature with a build of its own, in a step of its own unless `stride` is given."""
    *build, swing = lots.tolist()
    step = between(-0.35, 0.35, swing) if stride is None else stride
    return Actor(creature(species, part, build, step), place, hide, semantic, instance)


def prop(lots: Array, centre: tuple[float, float], spread: float, scales: tuple[float, float]) -> Actor:
    """A thing that is no creature, within `spread` of `centre`."""
    kind, turn, far, scale, angle = lots[:5].tolist()
    turn, far = between(-np.pi, np.pi, turn), spread * math.sqrt(far)
    x, y = centre[0] + far * math.cos(turn), centre[1] + far * math.sin(turn)
    place = similarity(x, y, between(*scales, scale), between(-np.pi, np.pi, angle))
    return Actor(PROPS[pick(tuple(PROPS), kind)], place, coat(lots[5:]))
