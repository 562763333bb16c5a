"""Rendering: a scene of actors over a textured ground becomes pixels, and the maps of what is where."""

from dataclasses import dataclass

import numpy as np

from analysis.datasets.scenes.bones import Box, compose, distance, inverse, move, pixels, scale_of, windows
from analysis.datasets.scenes.fields import unit
from analysis.datasets.scenes.relief import pieces
from analysis.datasets.scenes.scene import Light, Scene
from analysis.datasets.scenes.textures import paint

Array = np.ndarray
Shadow = tuple[Box, Array]
REACH, SOFT = 0.20, 0.15  # offset and blur of a shadow, in local units


@dataclass(frozen=True)
class Picture:
    """What rendering gives: colours (3, h, w) float32 and maps (h, w), and per actor the pixels it covers if alone."""

    image: Array
    owner: Array  # index of the visible actor + 1, 0 for the ground
    part: Array  # whether the visible layer is the class-defining part
    alone: Array


def _shadows(table: Array, counts: list[int], placed: list[Array], light: Light, size: int) -> list[Shadow | None]:
    """The shadow of each actor, away from the light and with a soft border: a window, and the share of light left there."""
    bones, scales = np.array(counts), np.array([scale_of(matrix) for matrix in placed])
    thick = table[:, 4:].max(axis=1)
    starts = bones.cumsum() - bones
    kept = thick > (0.3 * np.maximum.reduceat(thick, starts)).repeat(bones)  # thin limbs drown in the blur
    table, bones = table[kept], np.add.reduceat(kept, starts, dtype=int)
    for axis in (0, 1):
        table[:, axis:4:2] -= (REACH * scales * light[axis]).astype(np.float32).repeat(bones)[:, None]
    ends = bones.cumsum()
    boxes = windows(table, ends - bones, SOFT * scales, size)
    each = zip(np.split(table, ends[:-1]), boxes, scales.tolist(), strict=True)
    return [_shadow(part, box, scale, size) if box else None for part, box, scale in each]


def _shadow(table: Array, box: Box, scale: float, size: int) -> Shadow:
    depth = unit(0.5 - distance(table, pixels(box, size)) / (2 * SOFT * scale))
    rows, columns = box
    return box, (1 - 0.45 * depth * depth * (3 - 2 * depth)).reshape(rows.stop - rows.start, columns.stop - columns.start)


def _paint_actors(image: Array, scene: Scene, view: Array) -> tuple[Array, Array, Array]:
    """Paint the actors with their shadows on the image (3, h, w); returns the maps `owner`, `part` and `alone`."""
    size = image.shape[-1]
    light = _turned(scene.light, view)
    placed = [compose(view, actor.pose) for actor in scene.actors]
    counts = [sum(len(layer.bones) for layer in actor.layers) for actor in scene.actors]
    bones = np.array([bone for actor in scene.actors for layer in actor.layers for bone in layer.bones])
    table = move(bones, np.repeat(placed, counts, axis=0))
    shown = pieces(scene.actors, placed, table, light, size)
    top, alone = np.zeros((size, size), np.uint8), np.zeros(len(scene.actors), int)
    for index, shadow in enumerate(_shadows(table, counts, placed, light, size)):
        if shadow:
            box, share = shadow
            image[:, *box] *= share
        body = np.zeros((size, size), bool)
        for number, piece in enumerate(shown, 1):
            if piece.actor == index:
                beneath = image[:, *piece.box]
                beneath *= piece.dim
                beneath += piece.cover * (piece.colours - beneath)
                np.copyto(top[piece.box], number, where=piece.solid)
                body[piece.box] |= piece.solid
        alone[index] = np.count_nonzero(body)
    owner = np.array([0, *(piece.actor + 1 for piece in shown)], np.uint8).take(top)
    return owner, np.array([False, *(piece.is_part for piece in shown)]).take(top), alone


def plain_view(size: int) -> Array:
    """Matrix from scene coordinates to the pixels of the plain view; a pixel's centre has whole coordinates."""
    return np.array([[size / 2, 0, size / 2 - 0.5], [0, size / 2, size / 2 - 0.5]])


def _turned(light: Light, view: Array) -> Light:
    (a, b, _), (c, d, _) = (view / scale_of(view)).tolist()
    return a * light[0] + b * light[1], c * light[0] + d * light[1], light[2]


def render(scene: Scene, size: int, warp: Array | None = None) -> Picture:
    """The scene in `size` x `size` pixels; `warp` (2, 3) takes pixels of the plain view to pixels of the view wanted."""
    view = plain_view(size) if warp is None else compose(warp, plain_view(size))
    (a, b, p), (c, d, q) = inverse(view).tolist()
    x, y = pixels((slice(0, size), slice(0, size)), size)
    x, y = a * x + b * y + p, c * x + d * y + q
    glow = 1 + 0.13 * (x * scene.light[0] + y * scene.light[1])
    image = (paint(scene.ground, x, y, 1 / scale_of(view)) * glow).reshape(3, size, size)
    if not scene.actors:
        return Picture(image, np.zeros((size, size), np.uint8), np.zeros((size, size), bool), np.zeros(0, int))
    return Picture(image, *_paint_actors(image, scene, view))


def to_bytes(image: Array) -> Array:
    """Colours (3, h, w) in [0, 1] as bytes (h, w, 3)."""
    return (unit(image) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
