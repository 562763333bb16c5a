"""Geometry: every shape is a union of bones, and a bone is the hull of two discs (a capsule of changing radius).

Matrices are (2, 3) similarities of the plane: a point p goes to `m[:, :2] @ p + m[:, 2]`, a radius grows with the scale.
"""

import math
from functools import lru_cache

import numpy as np

Array = np.ndarray


def bones(*rows: tuple[float, ...]) -> Array:
    """Table (p, 6) of bones `ax, ay, bx, by, ra, rb`: from point a with radius ra to point b with radius rb."""
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def disc(x: float, y: float, radius: float) -> Array:
    """The bone that is a disc."""
    return bones((x, y, x, y, radius, radius))


def chain(points: list[tuple[float, float]], first: float, last: float) -> Array:
    """Bones from point to point, the radius going evenly from `first` to `last`."""
    radii = np.linspace(first, last, len(points)).tolist()
    ends = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return bones(*[(*a, *b, ra, rb) for a, b, ra, rb in ends])


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
    """The bones under a similarity, float32."""
    (a, b, p), (c, d, q) = matrix.tolist()
    x, y = table[:, 0:4:2], table[:, 1:4:2]
    out = np.empty(table.shape, np.float32)
    out[:, 0:4:2], out[:, 1:4:2] = a * x + b * y + p, c * x + d * y + q
    out[:, 4:] = table[:, 4:] * scale_of(matrix)
    return out


def window(table: Array, margin: float, size: int) -> tuple[slice, slice] | None:
    """Rows and columns of the pixels within `margin` of the bones' bounding box; None if the image has none of them."""
    rows = table.tolist()  # plain numbers: on a handful of bones they are quicker than arrays
    left = max(0, int(min(min(ax - ra, bx - rb) for ax, _, bx, _, ra, rb in rows) - margin))
    top = max(0, int(min(min(ay - ra, by - rb) for _, ay, _, by, ra, rb in rows) - margin))
    right = min(size, int(max(max(ax + ra, bx + rb) for ax, _, bx, _, ra, rb in rows) + margin) + 2)
    bottom = min(size, int(max(max(ay + ra, by + rb) for _, ay, _, by, ra, rb in rows) + margin) + 2)
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Array, Array]:
    y, x = np.indices((size, size), dtype=np.float32)
    return x, y


def pixels(box: tuple[slice, slice], size: int) -> tuple[Array, Array]:
    """Coordinates x, y (m,) of the pixels in a window of an image; flat, because long loops are the quick ones."""
    x, y = _grid(size)
    return x[box].ravel(), y[box].ravel()


def _nearest(table: Array, x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """For each bone the offset (dx, dy) from its nearest axis point, that length, and the radius there."""
    ax, ay, bx, by, ra, rb = table.T[:, :, None]
    ux, uy = bx - ax, by - ay
    square = ux * ux + uy * uy + (1e-9)
    px, py = x - ax, y - ay
    t = px * (ux / square)
    t += py * (uy / square)
    np.minimum(np.maximum(t, 0, out=t), 1, out=t)
    px -= t * ux
    py -= t * uy
    return px, py, np.sqrt(px * px + py * py), ra + t * (rb - ra)


def distance(table: Array, x: Array, y: Array) -> Array:
    """Signed distance (m,) to the union, negative inside (exact for capsules, a bound for tapered bones)."""
    _, _, length, radius = _nearest(table, x, y)
    return (length - radius).min(axis=0)


def surface(table: Array, x: Array, y: Array, smooth: float) -> tuple[Array, tuple[Array, Array, Array]]:
    """Signed distance and unit normal (x, y, z) of the union seen as swept spheres, creases rounded over `smooth`."""
    dx, dy, length, radius = _nearest(table, x, y)
    signed = length - radius
    height = np.sqrt(np.maximum(radius * radius - length * length, 0))
    rank = height - np.maximum(signed, 0)  # highest wins; outside all, the nearest, so half covered pixels are shaded too
    share = np.maximum(1 - (rank.max(axis=0) - rank) / smooth, 0)
    share *= share / (np.maximum(length, radius) + 1e-6)
    nx, ny, nz = (dx * share).sum(axis=0), (dy * share).sum(axis=0), (height * share).sum(axis=0)
    norm = 1 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6)
    return signed.min(axis=0), (nx * norm, ny * norm, nz * norm)
