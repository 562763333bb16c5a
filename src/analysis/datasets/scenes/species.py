"""Silhouettes: each species is a function from a build and a step to layers of bones.

Local coordinates: x to the right (the way the creature faces), y down, about the unit circle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.datasets.scenes.bones import Bones, bones, chain, disc

Lots = Sequence[float]


@dataclass(frozen=True)
class Layer:
    """Bones painted as one smooth piece.

    Attributes:
        bones: what it is the union of.
        material: `coat` (patterned), `trim` (second colour), `part` or `dark`.
        is_part: whether it belongs to the class-defining part.
        shade: factor of its brightness; the far limbs are darker.
    """

    bones: Bones
    material: str = "coat"
    is_part: bool = False
    shade: float = 1.0


@dataclass(frozen=True)
class Body:
    """A species in one pose: layers behind the head part, layers before it, and the head's x, y, radius."""

    behind: tuple[Layer, ...]
    front: tuple[Layer, ...]
    head: tuple[float, float, float]


def _face(*spots: tuple[float, float, float]) -> Layer:
    return Layer(tuple(bone for spot in spots for bone in disc(*spot)), "dark")


def _leg(x: float, y: float, length: float, swing: float, thick: float) -> Bones:
    knee = (x + 0.5 * length * swing, y + 0.5 * length)
    return chain([(x, y), knee, (x + 0.6 * length * swing, y + length)], thick, thick * 0.75)


def hound(q: Lots, stride: float) -> Body:
    """Four long legs, a long body, a muzzle, a raised tail."""
    hx, hy = 0.48 + 0.06 * q[0], -0.34 + 0.12 * q[1]
    deep = 0.20 + 0.05 * q[2]
    far = (*_leg(-0.46, 0.12, 0.60, -stride, 0.10), *_leg(0.26, 0.12, 0.60, stride, 0.09))
    near = (*_leg(-0.36, 0.14, 0.62, stride, 0.11), *_leg(0.36, 0.12, 0.62, -stride, 0.10))
    tail = chain([(-0.52, -0.06), (-0.74, -0.20 - 0.1 * q[3]), (-0.82 + 0.15 * q[4], -0.48 - 0.1 * q[3])], 0.09, 0.04)
    trunk = bones((-0.40, 0.02, 0.28, 0.0, deep, deep + 0.04), (0.34, -0.08, hx, hy, 0.16, 0.16), (hx, hy, hx, hy, 0.24, 0.24))
    muzzle = bones((hx + 0.10, hy + 0.06, hx + 0.33, hy + 0.11, 0.14, 0.10))
    face = _face((hx + 0.41, hy + 0.06, 0.05), (hx + 0.09, hy - 0.06, 0.055))
    return Body((Layer(far, shade=0.72),), (Layer((*tail, *trunk, *muzzle)), Layer(near), face), (hx, hy, 0.23))


def cat(q: Lots, stride: float) -> Body:
    """Sitting upright: a pear body, a round head, a curled tail."""
    hx, hy = 0.10 + 0.10 * q[0], -0.30 + 0.08 * q[1]
    wide = 0.33 + 0.05 * q[2]
    lift, lean = 0.1 * q[3], 0.2 * q[4]
    curl = [
        (-0.26, 0.64),
        (-0.46, 0.71),
        (-0.63, 0.65),
        (-0.72, 0.50 - lift),
        (-0.69, 0.34 - lift),
        (-0.60 - lean, 0.20 - lift),
    ]
    tail = chain(curl, 0.10, 0.06)
    pear = bones((-0.08, 0.42, 0.10, 0.02, wide, 0.20), (0.08, 0.0, hx, hy, 0.18, 0.18), (hx, hy, hx, hy, 0.30, 0.30))
    leg = chain([(0.14, 0.20), (0.20 + 0.1 * stride, 0.50), (0.22, 0.76)], 0.10, 0.08)
    paws = bones((0.20, 0.78, 0.30, 0.79, 0.07, 0.06), (-0.06, 0.74, 0.04, 0.77, 0.09, 0.07))
    snout = Layer(bones((hx + 0.18, hy + 0.12, hx + 0.21, hy + 0.12, 0.12, 0.10)), "trim")
    face = _face((hx + 0.02, hy - 0.04, 0.06), (hx + 0.21, hy - 0.05, 0.055), (hx + 0.28, hy + 0.07, 0.04))
    return Body((Layer(tail, shade=0.8),), (Layer(pear), Layer((*leg, *paws)), snout, face), (hx, hy, 0.30))


def bird(q: Lots, stride: float) -> Body:
    """An egg-shaped body on thin legs, a wing, a beak, a wedge of a tail."""
    hx, hy = 0.32 + 0.06 * q[0], -0.32 + 0.10 * q[1]
    plump, toes = 0.29 + 0.05 * q[2], 0.28 * stride
    legs = (*_leg(-0.06, 0.34, 0.46, stride, 0.05), *_leg(0.08, 0.34, 0.46, -stride, 0.05))
    feet = bones((-0.06 + toes, 0.80, 0.08 + toes, 0.82, 0.035, 0.03), (0.08 - toes, 0.80, 0.22 - toes, 0.82, 0.035, 0.03))
    droop = 0.2 * q[3]
    fan = bones((-0.36, 0.14, -0.88, 0.16 + droop, 0.13, 0.07), (-0.36, 0.12, -0.84, 0.02 + droop, 0.10, 0.05))
    trunk = bones((-0.14, 0.12, 0.12, 0.0, plump, plump - 0.03), (0.18, -0.08, hx, hy, 0.2, 0.18), (hx, hy, hx, hy, 0.23, 0.23))
    wing = bones((-0.02, 0.02, -0.46, 0.16 + 0.1 * q[4], 0.17, 0.06))
    beak = Layer(bones((hx + 0.17, hy + 0.03, hx + 0.46, hy + 0.09, 0.10, 0.015)), "trim")
    front = (Layer(trunk), Layer(wing, shade=0.88), beak, _face((hx + 0.08, hy - 0.05, 0.055)))
    return Body((Layer((*legs, *feet), "trim", shade=0.8), Layer(fan, shade=0.85)), front, (hx, hy, 0.23))


def tortoise(q: Lots, stride: float) -> Body:
    """A domed shell with a rim, stubby legs, a head on a stretched neck."""
    hx, hy = 0.62 + 0.06 * q[0], -0.16 + 0.12 * q[1]
    dome = 0.36 + 0.05 * q[2]
    far = (*_leg(-0.40, 0.26, 0.34, -stride, 0.11), *_leg(0.24, 0.26, 0.34, stride, 0.11))
    near = (*_leg(-0.30, 0.28, 0.36, stride, 0.12), *_leg(0.32, 0.28, 0.36, -stride, 0.12))
    snout = bones((hx + 0.08, hy + 0.04, hx + 0.18, hy + 0.06, 0.14, 0.11))
    neck = (*bones((0.28, 0.16, hx, hy, 0.13, 0.13)), *disc(hx, hy, 0.21), *snout)
    tail = bones((-0.5, 0.26, -0.80, 0.30 + 0.1 * q[3], 0.08, 0.02))
    shell = bones((-0.22, 0.02, 0.06, 0.0, dome, dome), (-0.44, 0.18, 0.32, 0.18, 0.18, 0.18))
    rim = Layer(bones((-0.56, 0.28, 0.42, 0.28, 0.08, 0.08)), "trim")
    front = (Layer(neck, "trim"), Layer(near, "trim"), Layer(shell), rim, _face((hx + 0.10, hy - 0.05, 0.055)))
    return Body((Layer((*far, *tail), "trim", shade=0.72),), front, (hx, hy, 0.21))


SPECIES: dict[str, Callable[[Lots, float], Body]] = {"hound": hound, "cat": cat, "bird": bird, "tortoise": tortoise}
