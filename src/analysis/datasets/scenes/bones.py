"""Geometry: every shape is a union of bones, and a bone is the hull of two discs (a capsule of changing radius).

Matrices are (2, 3) similarities of the plane: a point p goes to `m[:, :2] @ p + m[:, 2]`, a radius grows with the scale.
"""

import math
from functools import lru_cache

import numpy as np

Array = np.ndarray
Bone = tuple[float, float, float, float, float, float]  # ax, ay, bx, by, ra, rb: from a with radius ra to b with radius rb
Bones = tuple[Bone, ...]
Box = tuple[slice, slice]  # rows, columns


def bones(*rows: Bone) -> Bones:
    """Bones in order."""
    return rows


def disc(x: float, y: float, radius: float) -> Bones:
    """The bone that is a disc."""
    return ((x, y, x, y, radius, radius),)


def chain(points: list[tuple[float, float]], first: float, last: float) -> Bones:
    """Bones from point to point, the radius going evenly from `first` to `last`."""
    step = (last - first) / (len(points) - 1)
    radii = [*(first + step * k for k in range(len(points) - 1)), last]
    ends = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return tuple((*a, *b, ra, rb) for a, b, ra, rb in ends)


def similarity(x: float, y: float, scale: float, angle: float, mirror: bool = False) -> Array:
    """Matrix that mirrors left-right if asked, turns by `angle` (radians, clockwise in the image), scales and moves."""
    c, s, sign = math.cos(angle) * scale, math.sin(angle) * scale, -1.0 if mirror else 1.0
    return np.array([[sign * c, -s, x], [sign * s, c, y]])


def compose(outer: Array, inner: Array) -> Array:
    """Matrix of `inner` followed by `outer`."""
    (a, b, p), (c, d, q) = outer.tolist()
    (e, f, r), (g, h, s) = inner.tolist()
    return np.array([[a * e + b * g, a * f + b * h, a * r + b * s + p], [c * e + d * g, c * f + d * h, c * r + d * s + q]])


def inverse(matrix: Array) -> Array:
    """Matrix that undoes `matrix`."""
    (a, b, p), (c, d, q) = matrix.tolist()
    det = a * d - b * c
    return np.array([[d, -b, b * q - d * p], [-c, a, c * p - a * q]]) / det


def scale_of(matrix: Array) -> float:
    """Factor by which lengths grow."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return math.sqrt(abs(a * d - b * c))


def move(table: Array, matrix: Array) -> Array:
    """The bones (p, 6) under a similarity (2, 3), or each under its own (p, 2, 3); float32."""
    a, b, p = (matrix[..., 0, k, None] for k in range(3))
    c, d, q = (matrix[..., 1, k, None] for k in range(3))
    x, y = table[:, 0:4:2], table[:, 1:4:2]
    out = np.empty(table.shape, np.float32)
    out[:, 0:4:2], out[:, 1:4:2] = a * x + b * y + p, c * x + d * y + q
    out[:, 4:] = table[:, 4:] * np.sqrt(np.abs(a * d - b * c))
    return out


def windows(table: Array, starts: Array, margins: Array, size: int) -> list[Box | None]:
    """Rows and columns of the pixels within `margins` (k,) of the bounding boxes of groups of bones; None where there are none.

    A group begins at each of `starts` (k,).
    """
    ends, radii = table[:, :4].reshape(-1, 2, 2).astype(np.float64), table[:, 4:, None].astype(np.float64)
    low = np.minimum.reduceat((ends - radii).min(axis=1), starts) - margins[:, None]
    high = np.maximum.reduceat((ends + radii).max(axis=1), starts) + margins[:, None]
    first, last = np.maximum(low.astype(int), 0).tolist(), np.minimum(high.astype(int) + 2, size).tolist()
    corners = ((*a, *b) for a, b in zip(first, last, strict=True))
    return [(slice(t, b), slice(l, r)) if l < r and t < b else None for l, t, r, b in corners]


@lru_cache(maxsize=8)
def _grid(size: int) -> Array:
    return np.indices((size, size), dtype=np.float32)[::-1].copy()


def pixels(box: Box, size: int) -> Array:
    """Coordinates x, y (2, m) of the pixels in a window of an image; flat, because long loops are the quick ones."""
    return _grid(size)[:, *box].reshape(2, -1)


def distance(table: Array, points: Array) -> Array:
    """Signed distance (m,) to the union of bones, negative inside (exact for capsules, a bound for tapered bones)."""
    _, length, radius = nearest(axes(table)[:, :, None], points[:, None])
    return (length - radius).min(axis=0)


def axes(table: Array) -> Array:
    """What `nearest` needs of bones (p, 6): first end, axis, axis by its square, radius and its growth, (8, p)."""
    ax, ay, bx, by, ra, rb = table.T
    ux, uy = bx - ax, by - ay
    square = ux * ux + uy * uy + 1e-9
    return np.stack([ax, ay, ux, uy, ux / square, uy / square, ra, rb - ra])


def nearest(axis: Array, points: Array) -> tuple[Array, Array, Array]:
    """For each bone (p) and point (m) the offset (2, p, m) from the nearest axis point, its length, and the radius there."""
    offset = points - axis[0:2]
    along = offset * axis[4:6]
    t = along[0]
    t += along[1]
    np.minimum(np.maximum(t, 0, out=t), 1, out=t)
    offset -= t * axis[2:4]
    radius = axis[6] + t * axis[7]
    np.multiply(offset, offset, out=along)
    length = np.add(along[0], along[1], out=t)
    return offset, np.sqrt(length, out=length), radius


def surface(axis: Array, points: Array, smooth: Array) -> tuple[Array, Array]:
    """Signed distance (m,) and unit normals (3, m) of the union of bones seen as swept spheres, creases rounded over `smooth`.

    The last dimension of `axis` (8, p, m or 1), `points` (2, 1, m) and `smooth` (m or 1) is that of the points.
    """
    offset, length, radius = nearest(axis, points)
    signed = length - radius
    height = np.sqrt(np.maximum(radius * radius - length * length, 0))
    rank = height - np.maximum(signed, 0)  # highest wins; outside all, the nearest, so half covered pixels are shaded too
    share = np.maximum(1 - (rank.max(axis=0) - rank) / smooth, 0)
    share *= share / (np.maximum(length, radius) + 1e-6)
    offset *= share
    height *= share
    normal = np.concatenate([offset.sum(axis=1), height.sum(axis=0)[None]])
    square = normal * normal
    normal *= 1 / (np.sqrt(square[0] + square[1] + square[2]) + 1e-6)
    return signed.min(axis=0), normal
