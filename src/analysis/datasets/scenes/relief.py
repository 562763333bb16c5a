"""Relief: shape and shading of all layers of a scene at once, before anything is painted.

A layer is a few bones in a small window, so that a call to numpy costs more than its arithmetic. All windows are therefore
laid end to end, and each step of the computation is one call for the whole scene.
"""

import math
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from analysis.datasets.scenes.bones import Box, axes, compose, inverse, pixels, scale_of, similarity, surface, windows
from analysis.datasets.scenes.fields import COATS, unit
from analysis.datasets.scenes.scene import Actor, Coat, Light
from analysis.datasets.scenes.textures import blend

Array = np.ndarray
AMBIENT, DIFFUSE, GLOSS = 0.60, 0.56, 0.20
SEAM, CREASE = 0.09, 0.09  # contact shadow and crease, in local units
FAR = np.array([1e6, 1e6, 0, 0, 0, 0, 0, 0], np.float32)  # axis of a bone that no pixel is near
DARK = np.full(3, 0.06, np.float32)


@dataclass(frozen=True)
class Piece:
    """What the image shows of one layer: arrays (h, w) within a window.

    Attributes:
        actor: its index in the scene.
        is_part: whether it belongs to the class-defining part.
        box: the window.
        colours: lit, (3, h, w).
        cover: share of the pixel that the layer covers, in [0, 1].
        dim: what its seam leaves of the colours beneath, in [0, 1].
        solid: whether the pixel's centre is inside.
    """

    actor: int
    is_part: bool
    box: Box
    colours: Array
    cover: Array
    dim: Array
    solid: Array


def pieces(actors: tuple[Actor, ...], placed: list[Array], table: Array, light: Light, size: int) -> list[Piece]:
    """Every layer within the image, from back to front; `placed` are the matrices to pixels, `table` (b, 6) the bones there."""
    layers = [(index, layer) for index, actor in enumerate(actors) for layer in actor.layers]
    counts = np.array([len(layer.bones) for _, layer in layers])
    starts, scales = counts.cumsum() - counts, np.array([scale_of(matrix) for matrix in placed])[[i for i, _ in layers]]
    boxes = windows(table, starts, np.maximum(SEAM * scales, 1.0), size)
    rows = [k for k in np.argsort(counts, kind="stable").tolist() if boxes[k]]  # equal numbers of bones lie side by side
    if not rows:
        return []
    grids = [pixels(boxes[k], size) for k in rows]
    points, areas = np.concatenate(grids, axis=1), np.array([grid.shape[1] for grid in grids])
    spans = [slice(end - area, end) for end, area in zip(areas.cumsum().tolist(), areas.tolist(), strict=True)]
    seam, crease, shade = (
        np.asarray(values, np.float32).repeat(areas)
        for values in (SEAM * scales[rows], CREASE * scales[rows], [layers[k][1].shade for k in rows])
    )
    signed, normal = _surfaces(table, counts[rows], starts[rows], points, areas, crease)
    colours = np.empty(normal.shape, np.float32)
    for index, actor in enumerate(actors):
        own = [(span, layers[k][1].material) for k, span in zip(rows, spans, strict=True) if layers[k][0] == index]
        _dress(colours, actor.coat, own, placed[index], points)
    colours = _lit(shade * colours, normal, light)
    contact = unit(1 - signed / seam)
    flat = np.concatenate([colours, [unit(0.5 - signed), 1 - 0.36 * contact * contact]])
    solid = signed < 0
    shown = []
    for k, span in sorted(zip(rows, spans, strict=True)):
        box, (index, layer) = boxes[k], layers[k]
        assert box is not None  # rows are those with a window
        shape = box[0].stop - box[0].start, box[1].stop - box[1].start
        planes = flat[:, span].reshape(5, *shape)
        shown.append(Piece(index, layer.is_part, box, planes[:3], planes[3], planes[4], solid[span].reshape(shape)))
    return shown


def _surfaces(table: Array, counts: Array, starts: Array, points: Array, areas: Array, smooth: Array) -> tuple[Array, Array]:
    """Signed distances (m,) and normals (3, m) at the points (2, m) of layers in ascending order of their `counts` of bones.

    Layers with about as many bones are computed together; what a layer lacks is made up by bones far away, which count for
    nothing.
    """
    known = np.concatenate([axes(table), FAR[:, None]], axis=1)
    signed, normal = np.empty(points.shape[1], np.float32), np.empty((3, points.shape[1]), np.float32)
    end = 0
    for bones, members in groupby(range(len(counts)), key=lambda k: int(counts[k] + counts[k] % 2)):
        group = list(members)
        span = slice(end, end := end + int(areas[group].sum()))
        step = np.arange(bones)[:, None]
        index = np.where(step < counts[group], starts[group] + step, len(table))
        axis = known[:, index].repeat(areas[group], axis=2)
        signed[span], normal[:, span] = surface(axis, points[:, None, span], smooth[span])
    return signed, normal


def _dress(colours: Array, coat: Coat, own: list[tuple[slice, str]], to_pixels: Array, points: Array) -> None:
    """Enter the unlit colours (3, m) of one actor's layers, given by the places of their pixels and their materials."""
    covered = [span for span, material in own if material == "coat"]
    for span, material in own:
        if material != "coat":
            colours[:, span] = {"dark": DARK, "trim": coat.trim, "part": coat.part}[material][:, None]
    if not covered:
        return
    turn, right, down = coat.variant[4:7]
    body = similarity(20 * right, 20 * down, coat.frequency, 1.2 * (turn - 0.5))  # the pattern is fixed to the body
    to_coat = compose(body, inverse(to_pixels))
    (a, b, p), (c, d, q) = to_coat.tolist()
    x, y = np.concatenate([points[:, span] for span in covered], axis=1)
    pattern = COATS[coat.pattern](a * x + b * y + p, c * x + d * y + q, coat.variant, scale_of(to_coat))
    painted, start = blend(coat.colours, pattern), 0
    for span in covered:
        colours[:, span] = painted[:, start : (start := start + span.stop - span.start)]


def _lit(colours: Array, normal: Array, light: Light) -> Array:
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
