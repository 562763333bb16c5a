"""Rendering: a scene of actors over a textured ground becomes pixels, and the maps of what is where.

The scene lives in the plane with the plain view at [-1, 1] x [-1, 1]. Everything is a function of scene coordinates, so
one scene renders at any size and through any view.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.datasets.scenes.bones import compose, distance, inverse, move, pixels, scale_of, similarity, surface, window
from analysis.datasets.scenes.creatures import Layer
from analysis.datasets.scenes.fields import COATS, unit
from analysis.datasets.scenes.textures import Texture, blend, paint

Array = np.ndarray
Light = tuple[float, float, float]
Box = tuple[slice, slice]
AMBIENT, DIFFUSE, GLOSS = 0.60, 0.56, 0.20
SEAM, CREASE, REACH, SOFT = 0.09, 0.09, 0.20, 0.15  # contact shadow, crease, shadow offset and blur, in local units


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


@dataclass(frozen=True)
class Picture:
    """What rendering gives: colours (3, h, w) float32 and maps (h, w), and per actor the pixels it covers if alone."""

    image: Array
    owner: Array  # index of the visible actor + 1, 0 for the ground
    part: Array  # whether the visible layer is the class-defining part
    alone: Array


def _coat_matrix(coat: Coat, to_pixels: Array) -> Array:
    """Matrix from pixels to periods of the coat's pattern, which is fixed to the body."""
    turn, right, down = coat.variant[4:7]
    return compose(similarity(20 * right, 20 * down, coat.frequency, 1.2 * (turn - 0.5)), inverse(to_pixels))


def _colours(coat: Coat, layer: Layer, to_coat: Array, x: Array, y: Array) -> Array:
    """Unlit colours (3, 1) or (3, m) of a layer."""
    if layer.material == "dark":
        return np.full((3, 1), 0.06, np.float32)
    if layer.material != "coat":
        return (coat.trim if layer.material == "trim" else coat.part)[:, None]
    (a, b, p), (c, d, q) = to_coat.tolist()
    return blend(coat.colours, COATS[coat.pattern](a * x + b * y + p, c * x + d * y + q, coat.variant, scale_of(to_coat)))


def _lit(colours: Array, normal: tuple[Array, Array, Array], light: Light) -> Array:
    """Lambert's law with an ambient term that darkens towards the rim, and Blinn's highlight."""
    nx, ny, nz = normal
    lx, ly, lz = light
    side = nx * lx + ny * ly
    half = 1 / math.sqrt(2 + 2 * lz)
    gloss = np.maximum((side + nz * (lz + 1)) * half, 0)
    for _ in range(4):
        gloss = gloss * gloss
    shade = AMBIENT * (0.65 + 0.35 * nz) + DIFFUSE * np.maximum(side + nz * lz, 0)
    return colours * shade + GLOSS * gloss


def _paint_layer(canvas: Array, colours: Array, signed: Array, seam: float) -> None:
    """Paint lit colours (3, m) on the canvas (3, h, w), with a soft dark seam where they lie on what is beneath."""
    contact = unit(1 - signed / seam)
    beneath = canvas.reshape(3, -1) * (1 - 0.36 * contact * contact)
    beneath += unit(0.5 - signed) * (colours - beneath)
    canvas[:] = beneath.reshape(canvas.shape)


def _cast_shadow(image: Array, table: Array, scale: float, light: Light) -> None:
    """Darken what lies behind the bones, away from the light, with a soft border."""
    thick = table[:, 4:].max(axis=1)
    table = table[thick > 0.3 * thick.max()]  # thin limbs drown in the blur
    table[:, 0:4:2] -= REACH * scale * light[0]
    table[:, 1:4:2] -= REACH * scale * light[1]
    box = window(table, SOFT * scale, image.shape[-1])
    if box is not None:
        depth = unit(0.5 - distance(table, *pixels(box, image.shape[-1])) / (2 * SOFT * scale))
        shadowed = image[:, *box]
        shadowed *= (1 - 0.45 * depth * depth * (3 - 2 * depth)).reshape(shadowed.shape[1:])


def _paint_actor(picture: Picture, index: int, actor: Actor, view: Array, light: Light) -> None:
    """Paint an actor with its shadow, and enter it into the maps."""
    size = picture.image.shape[-1]
    to_pixels = compose(view, actor.pose)
    scale = scale_of(to_pixels)
    table = move(np.concatenate([layer.table for layer in actor.layers]), to_pixels)
    _cast_shadow(picture.image, table, scale, light)
    to_coat = _coat_matrix(actor.coat, to_pixels)
    alone = np.zeros((size, size), bool)
    for layer in actor.layers:
        bones, table = table[: len(layer.table)], table[len(layer.table) :]
        box = window(bones, max(SEAM * scale, 1.0), size)
        if box is None:
            continue
        x, y = pixels(box, size)
        signed, normal = surface(bones, x, y, CREASE * scale)
        colours = _lit(layer.shade * _colours(actor.coat, layer, to_coat, x, y), normal, light)
        _paint_layer(picture.image[:, *box], colours, signed, SEAM * scale)
        solid = (signed < 0).reshape(picture.owner[box].shape)
        np.copyto(picture.owner[box], index + 1, where=solid)
        np.copyto(picture.part[box], layer.is_part, where=solid)
        alone[box] |= solid
    picture.alone[index] = np.count_nonzero(alone)


def plain_view(size: int) -> Array:
    """Matrix from scene coordinates to the pixels of the plain view; a pixel's centre has whole coordinates."""
    return np.array([[size / 2, 0, size / 2 - 0.5], [0, size / 2, size / 2 - 0.5]])


def _turned(light: Light, view: Array) -> Light:
    (a, b, _), (c, d, _) = (view / scale_of(view)).tolist()
    return a * light[0] + b * light[1], c * light[0] + d * light[1], light[2]


def render(scene: Scene, size: int, warp: Array | None = None) -> Picture:
    """The scene in `size` x `size` pixels; `warp` (2, 3) takes pixels of the plain view to pixels of the view wanted."""
    view = plain_view(size) if warp is None else compose(warp, plain_view(size))
    light = _turned(scene.light, view)
    (a, b, p), (c, d, q) = inverse(view).tolist()
    x, y = pixels((slice(0, size), slice(0, size)), size)
    x, y = a * x + b * y + p, c * x + d * y + q
    glow = 1 + 0.13 * (x * scene.light[0] + y * scene.light[1])
    image = paint(scene.ground, x, y, 1 / scale_of(view)) * glow
    owner, part = np.zeros((size, size), np.uint8), np.zeros((size, size), bool)
    picture = Picture(image.reshape(3, size, size), owner, part, np.zeros(len(scene.actors), int))
    for index, actor in enumerate(scene.actors):
        _paint_actor(picture, index, actor, view, light)
    return picture


def to_bytes(image: Array) -> Array:
    """Colours (3, h, w) in [0, 1] as bytes (h, w, 3)."""
    return (unit(image) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
