"""What a scene is: a ground, a light and actors from back to front, each made of layers and covered by a coat.

The scene lives in the plane with the plain view at [-1, 1] x [-1, 1]. Everything is a function of scene coordinates, so
one scene renders at any size and through any view.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis.datasets.scenes.species import Layer
from analysis.datasets.scenes.textures import Texture

Array = np.ndarray
Light = tuple[float, float, float]


@dataclass(frozen=True)
class Coat:
    """What an actor is made of: a pattern of `COATS` in two colours, a trim and a part colour, all (3,) in [0, 1]."""

    pattern: str
    frequency: float  # periods per local unit
    variant: tuple[float, ...]  # eight lots
    colours: Array  # (2, 3)
    trim: Array
    part: Array


@dataclass(frozen=True)
class Actor:
    """A thing in the scene: its layers, pose (2, 3) and coat; `semantic` and `instance` are 0 for clutter and occluders."""

    layers: tuple[Layer, ...]
    pose: Array
    coat: Coat
    semantic: int = 0
    instance: int = 0


@dataclass(frozen=True)
class Scene:
    """Ground, light direction (unit vector towards the light, y down, z to the viewer) and actors from back to front."""

    ground: Texture
    light: Light
    actors: tuple[Actor, ...]


def without(scene: Scene, what: str) -> Scene:
    """The same scene without its creatures and their shadows (`object`), or without the parts that tell their class (`part`).

    All else stays as it is, also what lies before a creature or behind it.
    """
    if what == "object":
        return replace(scene, actors=tuple(actor for actor in scene.actors if not actor.instance))
    bare = (replace(actor, layers=tuple(layer for layer in actor.layers if not layer.is_part)) for actor in scene.actors)
    return replace(scene, actors=tuple(bare))
