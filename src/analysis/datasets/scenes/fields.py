"""Procedural texture fields: functions of the plane with values in [0, 1].

Every field takes coordinates `u, v` in periods of the texture, four numbers `q` in [0, 1) that choose its variant, and
`step`, the side of a pixel in periods; edges are softened to about a pixel, so nothing aliases. Only operations that
IEEE 754 rounds exactly (+ - * / sqrt floor compare) touch whole arrays: the same bytes come out on every machine.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

Array = np.ndarray
Variant = Sequence[float]
Field = Callable[[Array, Array, Variant, float], Array]
LATTICE = 256  # side of the table of lattice values behind every noise


@lru_cache(maxsize=1)
def _lattice() -> Array:
    return np.random.default_rng(20240229).random((2, LATTICE * LATTICE), dtype=np.float32)


def _lattice_at(column: Array, row: Array, channel: int = 0) -> Array:
    return _lattice()[channel].take((row & (LATTICE - 1)) * LATTICE + (column & (LATTICE - 1)), mode="clip")


def unit(value: Array) -> Array:
    """Values held within [0, 1]."""
    return np.minimum(np.maximum(value, 0), 1)


def triangle(t: Array) -> Array:
    """Triangle wave of period 1: 1 at the integers, 0 half way."""
    return np.abs(2 * (t - np.floor(t)) - 1)


def wave(t: Array) -> Array:
    """Smooth wave of period 1 in [0, 1], a cubic in place of the cosine."""
    s = triangle(t)
    return s * s * (3 - 2 * s)


def edge(value: Array, threshold: float, softness: float) -> Array:
    """0 below the threshold, 1 above it, linear over `softness`."""
    return unit((value - threshold) / softness + 0.5)


def noise(u: Array, v: Array) -> Array:
    """Value noise: random lattice values, smoothly interpolated."""
    fu, fv = np.floor(u), np.floor(v)
    column, row = fu.astype(np.intp), fv.astype(np.intp)
    s, t = u - fu, v - fv
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    top = _lattice_at(column, row) * (1 - s) + _lattice_at(column + 1, row) * s
    low = _lattice_at(column, row + 1) * (1 - s) + _lattice_at(column + 1, row + 1) * s
    return top * (1 - t) + low * t


def octaves(u: Array, v: Array, count: int = 3) -> Array:
    """Noise at `count` scales, each half the size and half the weight of the one before."""
    total, weight = noise(u, v), 1.0
    for octave in range(1, count):
        scale, weight = (2.0**octave), weight / 2
        total = total + weight * noise(u * scale + (37.5 * octave), v * scale - (11.5 * octave))
    return total / (2 - weight)


def stripes(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Parallel bands of one width, crisp to soft."""
    return edge(triangle(u), 0.35 + 0.3 * q[0], 2 * step + 0.1 + 0.5 * q[1])


def checker(u: Array, v: Array, q: Variant, step: float) -> Array:
    """A board of squares."""
    a, b = edge(triangle(u / 2), 0.5, step + 0.05), edge(triangle(v / 2), 0.5, step + 0.05)
    return a + b - 2 * a * b


def dots(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Discs on a staggered grid."""
    row = np.floor(v)
    shift = 0.5 * (row - 2 * np.floor(row / 2))
    du, dv = u + shift - np.floor(u + shift) - 0.5, v - row - 0.5
    return edge(-np.sqrt(du * du + dv * dv), -(0.24 + 0.14 * q[0]), step + 0.05)


def waves(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Undulating bands."""
    bend = (0.5 + 0.9 * q[0]) * wave(v * (0.35 + 0.3 * q[1]))
    return edge(triangle(u + bend), 0.5, 3 * step + 0.2)


def clouds(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Noise octaves with raised contrast."""
    return edge(octaves(u * 0.6, v * 0.6), 0.5, 0.55)


def marble(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Veins: a wave displaced by noise."""
    warp = octaves(u * 0.5, v * 0.5)
    vein = triangle(u * 0.4 + (1.6 + 1.2 * q[0]) * warp)
    return np.sqrt(vein)


def cells(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Voronoi cells shaded by the difference of the two nearest distances (Worley, SIGGRAPH 1996)."""
    fu, fv = np.floor(u), np.floor(v)
    column, row = fu.astype(np.intp), fv.astype(np.intp)
    first = np.full(u.shape, 9, np.float32)
    second = first
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x = fu + dx + _lattice_at(column + dx, row + dy) - u
            y = fv + dy + _lattice_at(column + dx, row + dy, 1) - v
            d = x * x + y * y
            second = np.minimum(second, np.maximum(first, d))
            first = np.minimum(first, d)
    return edge(np.sqrt(second) - np.sqrt(first), 0.12 + 0.2 * q[0], 2 * step + 0.15 + 0.4 * q[1])


def plaid(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Two crossing sets of bands, as in cloth."""
    soft = step + 0.08
    a = edge(triangle(u / 2), 0.5, soft) * 0.7 + edge(triangle(u / 2 + 0.25), 0.85, soft) * 0.3
    b = edge(triangle(v / 2), 0.5, soft) * 0.7 + edge(triangle(v / 2 + 0.25), 0.85, soft) * 0.3
    return (a + b) / 2


def scales(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Overlapping round shingles, each lit towards its lower rim."""
    row = np.floor(2 * v)
    value = np.zeros_like(u)
    for above in (0, -1, -2):  # a shingle hangs over the row beneath it, so the highest row is laid last
        r = row + above
        shift = 0.5 * (r - 2 * np.floor(r / 2))
        du, dv = u + shift - np.floor(u + shift) - 0.5, v - r / 2
        radius = np.sqrt(du * du + dv * dv)
        inside = edge(-radius, -0.6, step + 0.03)
        value = value + inside * (unit(radius * 1.5) - value)
    return value


def blotches(u: Array, v: Array, q: Variant, step: float) -> Array:
    """Patches of two colours with a noisy border."""
    return edge(octaves(u * 0.6, v * 0.6, 2), 0.5, step + 0.06)


def plain(u: Array, v: Array, q: Variant, step: float) -> Array:
    """One colour, gently waning along the body."""
    return 0.3 * wave(u * 0.2)


FIELDS: dict[str, Field] = {
    "stripes": stripes, "checker": checker, "dots": dots, "waves": waves, "clouds": clouds,
    "marble": marble, "cells": cells, "plaid": plaid, "scales": scales,
}  # fmt: skip
COATS: dict[str, Field] = {"plain": plain, "spotted": dots, "striped": stripes, "patched": blotches}
