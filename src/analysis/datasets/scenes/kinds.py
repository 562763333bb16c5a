"""The kinds of scenes with one creature or none: their classes and how a sample of each is drawn."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.datasets.scenes import draw
from analysis.datasets.scenes.bones import similarity
from analysis.datasets.scenes.creatures import PARTS
from analysis.datasets.scenes.draw import Fixed
from analysis.datasets.scenes.fields import COATS
from analysis.datasets.scenes.scene import Scene
from analysis.datasets.scenes.species import SPECIES
from analysis.datasets.scenes.textures import FAMILIES

Array = np.ndarray
Factors = dict[str, Any]
LATIN_PARTS = ("pointed", "floppy", "horned", "crested")
# Species, part and coat of the 16 classes: a Latin square, so two classes share at most one of the three.
CLASSES: tuple[tuple[str, str, str], ...] = tuple(
    (species, part, tuple(COATS)[(s + p) % 4]) for s, species in enumerate(SPECIES) for p, part in enumerate(LATIN_PARTS)
)
FINE_SPECIES = "cat"
Look = tuple[str, str, str | None]  # species, part, and the coat, or None for any


@dataclass(frozen=True)
class Sample:
    """One drawn scene with its label and everything that was drawn."""

    scene: Scene
    label: int
    factors: Factors


def class_names(kind: str) -> tuple[str, ...]:
    """Names of the classes of a kind."""
    if kind in ("objects", "context"):
        return tuple(f"{coat} {part} {species}" for species, part, coat in CLASSES)
    if kind == "fine":
        return tuple(f"{part} {FINE_SPECIES}" for part in PARTS)
    return FAMILIES if kind == "textures" else tuple(SPECIES)


def _single(rng: np.random.Generator, label: int, look: Look, fixed: Fixed, family: str | None) -> Sample:
    """One creature on a ground, with clutter behind it and perhaps something before it."""
    species, part, pattern = look
    ground = draw.ground(rng.random(draw.GROUND_LOTS), fixed.get("background", family))
    light = draw.light(rng.random(draw.LIGHT_LOTS), fixed.get("light"))
    pose = draw.pose(rng.random(draw.POSE_LOTS), fixed, reach=0.12, scales=(0.78, 1.0), tilt=0.3)
    coat_lots = rng.random(draw.COAT_LOTS)
    coat = draw.coat(coat_lots, pattern, fixed.get("hue"))
    creature = draw.animal(rng.random(draw.BUILD_LOTS), species, part, placed(pose), coat, label + 1, 1)
    amounts, props = rng.random(2), rng.random((6, draw.PROP_LOTS))
    clutter = int(fixed.get("clutter", amounts[0] * 3))
    occluders = int(fixed.get("occluders", amounts[1] < 0.25))
    centre = pose["x"], pose["y"]
    behind = [draw.prop(lots, centre, 1.3, (0.12, 0.28)) for lots in props[:clutter]]
    before = [draw.prop(lots, centre, 0.6 * pose["scale"], (0.16, 0.30)) for lots in props[4 : 4 + occluders]]
    factors: Factors = {
        "species": species, "part": part, "coat": coat.pattern, "background": ground.family, **pose,
        "hue": fixed.get("hue", coat_lots[0]), "light": math.atan2(light[1], light[0]),
        "clutter": clutter, "occluders": occluders,
    }  # fmt: skip
    return Sample(Scene(ground, light, (*behind, creature, *before)), label, factors)


def placed(pose: dict[str, float]) -> Array:
    """Matrix of a drawn pose."""
    return similarity(pose["x"], pose["y"], pose["scale"], pose["rotation"], bool(pose["mirror"]))


def draw_objects(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """A class of the Latin square on an unrelated ground."""
    label = index % len(CLASSES)
    return _single(rng, label, CLASSES[label], fixed, None)


def draw_fine(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """One species in any coat; only the head part tells the class."""
    label = index % len(PARTS)
    return _single(rng, label, (FINE_SPECIES, tuple(PARTS)[label], None), fixed, None)


def draw_context(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """As `objects`, but class k stands on family k with probability `correlation`, on any other evenly otherwise."""
    label = index % len(CLASSES)
    stay, which = rng.random(2)
    other = FAMILIES[(label + 1 + int(which * (len(FAMILIES) - 1))) % len(FAMILIES)]
    return _single(rng, label, CLASSES[label], fixed, FAMILIES[label] if stay < fixed["correlation"] else other)


def draw_textures(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """Nothing but a ground."""
    label = index % len(FAMILIES)
    ground = draw.ground(rng.random(draw.GROUND_LOTS), FAMILIES[label], contrast=1.0)
    light = draw.light(rng.random(draw.LIGHT_LOTS), fixed.get("light"))
    factors: Factors = {
        "background": ground.family, "rotation": ground.angle, "scale": ground.frequency,
        "tint": ground.tint, "light": math.atan2(light[1], light[0]),
    }  # fmt: skip
    return Sample(Scene(ground, light, ()), label, factors)
