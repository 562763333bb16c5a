"""Q-Score, and the definitions it has been taken for. Higher is meant to be better: more likely classified correctly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.errors import UserError
from analysis.studies.qscore.activity import Array, Definition, chunks, highly_active, moments


@dataclass(frozen=True)
class QScores:
    """Scores of n images.

    Attributes:
        value: (n,) Q; 0 where it is undefined. Q > eps sigma > 0 wherever it is defined, so that 0 ranks such images last.
        active: (n,) the number of highly active discriminative features, |L n D|.
    """

    value: Array
    active: Array

    @property
    def defined(self) -> Array:
        """(n,) whether an image has any highly active discriminative feature; the paper leaves the others open."""
        return self.active > 0

    @property
    def coverage(self) -> float:
        """Share of the images whose score is defined."""
        return float(self.defined.mean())


def q_score(h: Array, features: Array, definition: Definition | None = None) -> QScores:
    """Q_i = mean over j in L_i n D of (h_ij - mu_i), h_i of unit length (Kalibhat et al. 2024, eq. 1).

    Args:
        h: (n, r) features, of any length; may be memory-mapped, and is read once, a few rows at a time.
        features: (r,) bool, D, from *other* images (`activity.discover`).

    Raises:
        UserError: h is no finite matrix, or `features` is not of its width.
    """
    definition = definition or Definition()
    if features.shape != h.shape[1:] or features.dtype != bool:
        raise UserError(f"a choice of shape {features.shape} and type {features.dtype} for features of shape {h.shape}")
    value, active = np.zeros(len(h)), np.zeros(len(h), dtype=np.int64)
    start = 0
    for rows in chunks(h):
        of = moments(rows)
        flat = np.flatnonzero(highly_active(rows, of, definition) & features)  # few: at most 1 / (1 + eps^2) of all (Cantelli)
        owner = flat // rows.shape[1]
        above = rows.ravel()[flat] - of.mean[owner]
        here = slice(start, start := start + len(rows))
        active[here] = np.bincount(owner, minlength=len(rows))
        total = np.bincount(owner, np.abs(above) if definition.two_sided else above, minlength=len(rows))
        np.divide(total, active[here] * of.length, out=value[here], where=active[here] > 0)
    return QScores(value, active)


def v1(h: Array) -> Array:
    """The first version of the paper (2022): [(max_j h_j - mean h) / std h] / ||h||_1, h as it comes: (n, r) -> (n,).

    Known to us through others' code and notes, not from the text itself. 0 where all features are equal.
    """
    return _by_chunks(h, lambda rows: _ratio(_z(rows), np.abs(rows).sum(axis=1)))


def preprint(h: Array) -> Array:
    """A definition used under the paper's name in 2022: mean of h - mean h over the features above mean + std, without D.

    Not confirmed as the authors'. h is brought to unit length, as in the published version.
    """
    return q_score(h, np.ones(h.shape[1], dtype=bool), Definition(eps=1)).value


def largest_z(h: Array) -> Array:
    """(max_j h_j - mean h) / std h: how far the most active feature stands out, (n, r) -> (n,)."""
    return _by_chunks(h, _z)


def sparsity(h: Array) -> Array:
    """-||h||_1 / ||h||_2, (n, r) -> (n,): the control Q must beat, for sigma, which bounds Q from below, depends on it alone.

    sigma^2 = 1/r - mu^2 at unit length, and mu = ||h||_1 / r where no feature is negative (cf. Hoyer 2004).
    """
    return _by_chunks(h, lambda rows: -_ratio(np.abs(rows).sum(axis=1), moments(rows).length))


def _z(rows: Array) -> Array:
    of = moments(rows)
    return _ratio(rows.max(axis=1) - of.mean, of.spread)


def _ratio(x: Array, y: Array) -> Array:
    return np.divide(x, y, out=np.zeros(len(x)), where=y > 0)


def _by_chunks(h: Array, score: Callable[[Array], Array]) -> Array:
    parts = [score(rows) for rows in chunks(h)]
    return np.concatenate(parts).astype(np.float64)
