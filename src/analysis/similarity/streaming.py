"""Linear CKA in one pass over batches: exact, and of a memory that does not grow with the number of images."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from analysis.errors import UserError
from analysis.similarity.cka import LEAST
from analysis.similarity.inputs import matrices
from analysis.similarity.products import hsic1, ratio, snap


@dataclass(frozen=True)
class Moments:
    """Sums over images of u (p), v (q), a = |u|^2 and b = |v|^2: all that HSIC_0 and HSIC_1 of a linear kernel need."""

    n: float
    u: np.ndarray  # sum of u, (p,)
    v: np.ndarray  # (q,)
    uv: np.ndarray  # sum of u v', (p, q)
    a: float
    b: float
    ab: float
    av: np.ndarray  # sum of a v, (q,)
    bu: np.ndarray  # sum of b u, (p,)

    @classmethod
    def of(cls, u: np.ndarray, v: np.ndarray) -> Self:
        """The sums over one batch, u (n, p) and v (n, q)."""
        a, b = np.einsum("ij,ij->i", u, u), np.einsum("ij,ij->i", v, v)
        return cls(len(u), u.sum(axis=0), v.sum(axis=0), u.T @ v, a.sum(), b.sum(), a @ b, a @ v, b @ u)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def moved(self, s: np.ndarray, t: np.ndarray) -> "Moments":
        """The same sums for u + s and v + t, from |u + s|^2 = a + 2 s'u + |s|^2 multiplied out."""
        ss, tt = s @ s, t @ t
        us, vt = self.uv.T @ s, self.uv @ t  # sums of (s'u) v and of (t'v) u
        a = self.a + 2 * s @ self.u + self.n * ss
        b = self.b + 2 * t @ self.v + self.n * tt
        av = self.av + 2 * us + ss * self.v  # sum of |u + s|^2 v
        bu = self.bu + 2 * vt + tt * self.u
        # sum of a' b' = sum of (a + 2 s'u + |s|^2)(b + 2 t'v + |t|^2)
        ab = self.ab + 2 * t @ self.av + 2 * s @ self.bu + 4 * s @ vt
        ab += tt * (self.a + 2 * s @ self.u) + ss * (self.b + 2 * t @ self.v) + self.n * ss * tt
        uv = self.uv + np.outer(s, self.v) + np.outer(self.u + self.n * s, t)
        return Moments(self.n, self.u + self.n * s, self.v + self.n * t, uv, a, b, ab, av + a * t, bu + b * s)

    def products(self) -> np.ndarray:
        """||Xc'Yc||_F^2, sum_i |x_i|^2 |y_i|^2 and tr(K) tr(L), about the means of all images seen."""
        m = self.moved(-self.u / self.n, -self.v / self.n)
        return np.array([np.vdot(m.uv, m.uv), m.ab, m.a * m.b])


class LinearCka:
    """Exact linear CKA of a stream: `update` with batches, `value` at any time, `merge` with another stream.

    Equal to `linear_cka` and `debiased_cka` of all rows together, whatever the batches, in memory p^2 + q^2 + p q. The sums
    are taken about the mean of the first batch, in float64: a common offset then costs no digits, and if the first batch is far
    from the rest, that distance is itself part of the variance. Unlike the functions on whole arrays it cannot tell features
    that differ only by the rounding of their number type from constant ones.
    """

    def __init__(self) -> None:
        self._origin: tuple[np.ndarray, np.ndarray] | None = None
        self._moments: list[Moments] = []  # of (x, y), (x, x), (y, y)

    @property
    def n(self) -> int:
        """Images seen."""
        return int(self._moments[0].n) if self._moments else 0

    def update(self, x: np.ndarray, y: np.ndarray) -> None:
        """Add a batch, x (m, p) and y (m, q), of images not seen before; m may be 1 and may vary.

        Raises:
            UserError: the batch is not comparable, or of another width than those before.
        """
        x, y = (side.astype(np.float64) for side in matrices(x, y, least=1))
        if self._origin is None:
            self._origin = _middle(x), _middle(y)
        widths = tuple(len(o) for o in self._origin)
        if widths != (x.shape[1], y.shape[1]):
            raise UserError(f"this batch has widths {(x.shape[1], y.shape[1])}, but those before had {widths}")
        u, v = x - self._origin[0], y - self._origin[1]
        self._add([Moments.of(u, v), Moments.of(u, u), Moments.of(v, v)])

    def merge(self, other: "LinearCka") -> None:
        """Add all that another stream has seen (other images, the same two encoders).

        Raises:
            UserError: the other stream is of other widths.
        """
        if other._origin is None:
            return
        if self._origin is None:
            self._origin = other._origin
        if [len(o) for o in self._origin] != [len(o) for o in other._origin]:
            raise UserError("the two streams have features of different widths and cannot be merged")
        s, t = (theirs - ours for ours, theirs in zip(self._origin, other._origin, strict=True))
        xy, xx, yy = other._moments
        self._add([xy.moved(s, t), xx.moved(s, s), yy.moved(t, t)])

    def value(self, debiased: bool = True) -> float:
        """Linear CKA of all images seen; NaN when a side is constant.

        Raises:
            UserError: fewer than 4 images (2 for the biased form).
        """
        least = LEAST if debiased else 2
        if self.n < least:
            raise UserError(f"{self.n} images seen so far are too few; this needs at least {least}")
        xy, xx, yy = (m.products() for m in self._moments)
        if not debiased:
            return float(ratio(xy[0], xx[0], yy[0]))
        hsic = [hsic1(m[0], m[1], m[2], self.n) for m in (xy, xx, yy)]
        return float(ratio(hsic[0], snap(hsic[1], xx[0]), snap(hsic[2], yy[0])))

    def _add(self, moments: list[Moments]) -> None:
        self._moments = [a + b for a, b in zip(self._moments, moments, strict=True)] if self._moments else moments


def _middle(x: np.ndarray) -> np.ndarray:
    """Mean row, exactly the common row when all are equal."""
    return x[0] + (x - x[0]).mean(axis=0)
