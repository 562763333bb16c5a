"""Which features of a representation are highly active, how often, and which of them are called discriminative.

Kalibhat et al. (AAAI 2024), section "Understanding Representations". A representation h (r,) belongs to one image; mu and sigma
are its mean and standard deviation across its r features.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import UserError

Array = np.ndarray
NUMBERS = 2**17  # per chunk, of at most 255 images: it stays in a core's cache, and counts in it fit into bytes


@dataclass(frozen=True)
class Definition:
    """What is highly active and what is discriminative, with what the paper leaves open.

    The paper gives eps = 4 and percentiles 50 and 95, says that the range is empirical, and normalises h to length 1. It does
    not say which standard deviation (here: of the population, divided by r) nor what the percentiles are taken over (here: all
    r features, as its text reads). Ranks replace values, because ties in A would move the edges: features are sorted by
    (A, index), and D holds the ranks from round(r low / 100) to round(r high / 100). A feature that is never highly active is
    left out of D, whatever its rank: it could be there by its index alone.

    Attributes:
        eps: standard deviations above the mean, strictly, from which a feature is highly active.
        low, high: percentiles of A between which features are discriminative.
        two_sided: also far *below* the mean, for features with signs (an extension of ours; the paper excludes such networks).
    """

    eps: float = 4.0
    low: float = 50.0
    high: float = 95.0
    two_sided: bool = False

    def __post_init__(self) -> None:
        if not self.eps >= 0:
            raise UserError(f"eps cannot be {self.eps}: it takes a number of standard deviations, at least 0")
        if not 0 <= self.low < self.high <= 100:
            raise UserError(f"percentiles cannot be {self.low} and {self.high}: they take 0 <= low < high <= 100")


@dataclass(frozen=True)
class Moments:
    """Of each of n images, across its r features: mean, standard deviation and Euclidean length, each (n,)."""

    mean: Array
    spread: Array
    length: Array


def chunks(h: Array) -> Iterator[Array]:
    """Rows of h (n, r), a few at a time, as float32 or float64; h may be memory-mapped.

    Raises:
        UserError: h is no matrix, or has fewer than two features.
    """
    if h.ndim != 2 or h.shape[1] < 2:
        raise UserError(f"features of shape {h.shape}: they must be (n, r) with r of at least 2")
    step = min(255, max(1, NUMBERS // h.shape[1]))
    for start in range(0, len(h), step):
        rows = np.asarray(h[start : start + step])
        yield rows if rows.dtype == np.float64 else rows.astype(np.float32, copy=False)


def moments(rows: Array) -> Moments:
    """`Moments` of rows (n, r). The spread of features that are equal up to rounding is infinite: none of them stands out.

    Rows whose squares leave the range of their type are computed at a largest value of 1, in double precision.

    Raises:
        UserError: a number is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [part.astype(np.float64) for part in _moments(rows)]
        square = parts[2] ** 2
    info = np.finfo(rows.dtype)
    odd = np.flatnonzero(~((square > info.tiny / info.eps) & (square < info.max / rows.shape[1])))
    if len(odd):
        extreme = rows[odd].astype(np.float64)
        largest = np.abs(extreme).max(axis=1)
        if not np.isfinite(largest).all():
            raise UserError("features hold a number that is not finite")
        scale = np.where(largest > 0, largest, 1)
        for part, found in zip(parts, _moments(extreme / scale[:, None], info.eps), strict=True):
            part[odd] = found * scale
    return Moments(*parts)


def _moments(rows: Array, rounding: float | None = None) -> tuple[Array, Array, Array]:
    r = rows.shape[1]
    mean = rows.mean(axis=1)
    squares = np.vecdot(rows, rows)
    variance = squares / r - mean * mean
    far = np.flatnonzero(variance < 0.01 * squares / r)  # far from 0: the difference of two large numbers is mostly rounding
    variance[far] = rows[far].var(axis=1)
    spread = np.sqrt(np.maximum(variance, 0))
    spread[spread <= 4 * (rounding or np.finfo(rows.dtype).eps) * np.sqrt(squares / r)] = np.inf
    return mean, spread, np.sqrt(squares)


def highly_active(rows: Array, of: Moments, definition: Definition) -> Array:
    """(n, r) bool: the set L of each image."""
    mean, margin = of.mean.astype(rows.dtype)[:, None], (definition.eps * of.spread).astype(rows.dtype)[:, None]
    return np.abs(rows - mean) > margin if definition.two_sided else rows > mean + margin


class Activity:
    """A_j of a stream of images: in how many of them feature j is highly active. Memory does not grow with their number."""

    def __init__(self, definition: Definition | None = None) -> None:
        self.definition = definition or Definition()
        self.n, self.empty = 0, 0
        self._counts: Array = np.zeros(0, dtype=np.int64)

    def update(self, h: Array) -> "Activity":
        """Count images h (n, r).

        Raises:
            UserError: features that are no finite matrix, or of another width than those before.
        """
        for rows in chunks(h):
            active = highly_active(rows, moments(rows), self.definition)
            if not self.n:
                self._counts = np.zeros(rows.shape[1], dtype=np.int64)
            if active.shape[1] != len(self._counts):
                raise UserError(f"features of width {active.shape[1]} after features of width {len(self._counts)}")
            self._counts += np.add.reduce(active.view(np.uint8), axis=0, dtype=np.uint8)
            self.empty += len(rows) - int(np.count_nonzero(active.any(axis=1)))
            self.n += len(rows)
        return self

    @property
    def percent(self) -> Array:
        """A (r,): percent of the images in which each feature is highly active.

        Raises:
            UserError: no image was counted.
        """
        if not self.n:
            raise UserError("no image was counted: update with features first")
        return 100 * self._counts / self.n

    @property
    def coverage(self) -> float:
        """Share of the images with any highly active feature."""
        return 1 - self.empty / max(self.n, 1)


def discriminative(percent: Array, definition: Definition | None = None) -> Array:
    """D (r,) bool: the features between the percentiles of A, given A (r,). No labels are used. See `Definition` for ties."""
    definition = definition or Definition()
    r = len(percent)
    ranked = np.argsort(percent, kind="stable")[round(r * definition.low / 100) : round(r * definition.high / 100)]
    chosen = np.zeros(r, dtype=bool)
    chosen[ranked] = True
    return chosen & (np.asarray(percent) > 0)


@dataclass(frozen=True)
class Discriminative:
    """What training images say of an encoder: the definition used, A (r,) in percent, D (r,), and the share with a Q."""

    definition: Definition
    percent: Array
    features: Array
    coverage: float


STEPS = (4.0, 3.5, 3.0, 2.5, 2.0, 1.5, 1.0)


def discover(x: Array, definition: Definition, min_coverage: float = 0.0) -> Discriminative:
    """D and its coverage on training features x (n, r), with eps lowered as far as it must be. No labels are used.

    eps = 4 suits wide, sparse representations. Narrow or dense ones exceed it nowhere (of r numbers none lies more than
    sqrt(r - 1) above their mean), and Q is then undefined nearly everywhere. eps is therefore the largest of `definition.eps`
    and the smaller `STEPS` for which at least a share `min_coverage` of the training images has an active feature in D; 0
    leaves eps as it is.
    """
    for eps in (definition.eps, *(step for step in STEPS if step < definition.eps)):
        tried = replace(definition, eps=eps)
        percent = Activity(tried).update(x).percent
        features = discriminative(percent, tried)
        defined = [(highly_active(rows, moments(rows), tried) & features).any(axis=1) for rows in chunks(x)]
        coverage = float(np.concatenate(defined).mean())
        if coverage >= min_coverage:
            break
    return Discriminative(tried, percent, features, coverage)
