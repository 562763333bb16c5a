"""Creatures: a species with a class-defining part on its head; and props, the things that are no creature."""

from collections.abc import Sequence

import numpy as np

from analysis.datasets.scenes.bones import Bones, bones, chain, disc, move, similarity
from analysis.datasets.scenes.species import SPECIES, Layer

# Head parts in units of the head's radius about its centre: the bones behind the head, the bones before it.
PARTS: dict[str, tuple[Bones, Bones]] = {
    "pointed": (bones((0.35, -0.6, 0.55, -1.75, 0.42, 0.04)), bones((-0.40, -0.55, -0.50, -1.80, 0.46, 0.04))),
    "round": (disc(0.60, -1.0, 0.46), disc(-0.68, -0.95, 0.50)),
    "floppy": (
        bones((0.3, -0.85, 0.65, -0.70, 0.25, 0.22)),
        chain([(-0.15, -0.80), (-0.75, -0.55), (-0.95, 0.65)], 0.24, 0.42),
    ),
    "long": (bones((0.30, -0.6, 0.45, -2.15, 0.26, 0.22)), bones((-0.30, -0.6, -0.65, -2.20, 0.28, 0.24))),
    "horned": (
        chain([(0.35, -0.75), (0.80, -1.25), (0.70, -1.90)], 0.24, 0.05),
        chain([(-0.30, -0.80), (-0.85, -1.30), (-0.75, -2.0)], 0.26, 0.05),
    ),
    "ram": (bones(), chain([(-0.05, -0.75), (-0.70, -0.95), (-1.10, -0.35), (-0.80, 0.25), (-0.35, 0.05)], 0.30, 0.12)),
    "unicorn": (bones(), bones((0.25, -0.80, 0.85, -2.20, 0.26, 0.02))),
    "antlered": (
        (*chain([(0.3, -0.8), (0.60, -1.45), (0.50, -2.10)], 0.15, 0.09), *bones((0.57, -1.40, 1.10, -1.75, 0.13, 0.08))),
        (*chain([(-0.3, -0.8), (-0.65, -1.45), (-0.6, -2.15)], 0.16, 0.09), *bones((-0.6, -1.35, -1.2, -1.7, 0.14, 0.08))),
    ),
    "crested": (
        bones(
            (0.45, -0.75, 0.65, -1.50, 0.24, 0.04),
            (0.0, -0.85, -0.05, -1.80, 0.26, 0.04),
            (-0.45, -0.75, -0.75, -1.60, 0.26, 0.04),
            (-0.80, -0.35, -1.35, -1.05, 0.24, 0.04),
        ),
        bones(),
    ),
    "feelers": (
        (*chain([(0.25, -0.8), (0.45, -1.5), (0.80, -1.85)], 0.11, 0.11), *disc(0.80, -1.85, 0.27)),
        (*chain([(-0.25, -0.8), (-0.40, -1.5), (-0.75, -1.9)], 0.11, 0.11), *disc(-0.75, -1.9, 0.28)),
    ),
}


def creature(species: str, part: str, q: Sequence[float], stride: float) -> tuple[Layer, ...]:
    """Layers from back to front of one creature; eight lots `q` in [0, 1) set its build, `stride` swings its legs."""
    body = SPECIES[species](q, stride)
    x, y, radius = body.head
    on_head = similarity(x, y, radius * (1.10 + 0.25 * q[5]), 0.5 * (q[6] - 0.5))
    far, near = (tuple(map(tuple, move(np.array(side), on_head).tolist())) if side else () for side in PARTS[part])
    behind = (Layer(far, "part", True, 0.78),) if far else ()
    before = (Layer(near, "part", True),) if near else ()
    return (*body.behind, *behind, *body.front, *before)


PROPS: dict[str, tuple[Layer, ...]] = {
    "ball": (Layer(disc(0, 0, 0.6)),),
    "stick": (Layer(bones((-0.9, 0, 0.9, 0, 0.13, 0.13))),),
    "cone": (Layer(bones((0, 0.5, 0, -0.9, 0.45, 0.03))),),
    "toy": (
        Layer(bones((-0.6, 0, 0.6, 0, 0.14, 0.14), (-0.65, -0.15, -0.65, 0.15, 0.2, 0.2), (0.65, -0.15, 0.65, 0.15, 0.2, 0.2))),
    ),
    "leaf": (Layer(bones((0, 0, 0.9, 0, 0.34, 0.02), (0, 0, -0.9, 0, 0.34, 0.02))),),
    "pebbles": (Layer((*disc(-0.35, 0.2, 0.34), *disc(0.38, 0.22, 0.3), *disc(0.02, -0.25, 0.33))),),
}
