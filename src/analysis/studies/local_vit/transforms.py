"""What may be done to features before they are compared. Everything is fitted on the bank, nothing on the queries."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from sklearn.covariance import LedoitWolf

Array = np.ndarray
Drop = Literal["highest", "random", "lowest", "largest mean"]
Plain = Literal["none", "centre", "standardise", "whiten", "unit"]
DROPS: tuple[Drop, ...] = get_args(Drop)
PLAIN: tuple[Plain, ...] = get_args(Plain)
FLOOR = 1e-6  # share of the largest variance below which a direction is held to be rounding noise


@dataclass(frozen=True)
class FeatureTransform:
    """x (n, d) -> (x[:, kept] - shift) @ scale, scaled to length 1 if `unit`.

    Attributes:
        kept: (d',) indices of the dimensions kept, ascending.
        shift: (d',) or 0.
        scale: (d',) factors, a matrix (d', d''), or 1.
    """

    kept: Array | slice
    shift: Array | float = 0.0
    scale: Array | float = 1.0
    unit: bool = False

    def __call__(self, x: Array) -> Array:
        """Transform (..., d) to (..., d'), float32."""
        y = np.asarray(x, dtype=np.float32)[..., self.kept]
        if isinstance(self.shift, np.ndarray):
            y = y - self.shift
        if isinstance(self.scale, np.ndarray):
            y = y * self.scale if self.scale.ndim == 1 else y @ self.scale
        if self.unit:
            y = y / np.linalg.norm(y, axis=-1, keepdims=True).clip(1e-12)
        return y


def fit(kind: Plain, bank: Array) -> FeatureTransform:
    """One of the transforms that keep all dimensions, fitted on bank features (n, d).

    `centre` subtracts the mean; `standardise` also divides each dimension by its standard deviation; `whiten` turns to
    principal components of variance 1; `unit` scales every vector to length 1. Constant dimensions stay 0.
    """
    everything = slice(None)
    if kind == "none":
        return FeatureTransform(everything)
    if kind == "unit":
        return FeatureTransform(everything, unit=True)
    mean = bank.mean(0, dtype=np.float64)
    if kind == "centre":
        return FeatureTransform(everything, mean.astype(np.float32))
    if kind == "standardise":
        return FeatureTransform(everything, mean.astype(np.float32), _inverse_root(variances(bank)).astype(np.float32))
    centred = bank - mean
    spectrum, axes = np.linalg.eigh(centred.T @ centred / len(bank))
    return FeatureTransform(everything, mean.astype(np.float32), (axes * _inverse_root(spectrum)).astype(np.float32))


def drop(which: Drop, bank: Array, m: int, seed: int = 0) -> FeatureTransform:
    """Remove m dimensions of bank features (n, d); see `removed`. m = 0 removes nothing.

    Raises:
        ValueError: m is not in [0, d).
    """
    gone = removed(which, bank, m, seed)
    return FeatureTransform(np.setdiff1d(np.arange(bank.shape[1]), gone))


def only(which: Drop, bank: Array, m: int, seed: int = 0) -> FeatureTransform:
    """Keep nothing but the m dimensions that `drop` removes."""
    return FeatureTransform(np.sort(removed(which, bank, m, seed)))


def removed(which: Drop, bank: Array, m: int, seed: int = 0) -> Array:
    """Indices (m,) of the dimensions with the highest variance over the bank (`highest`), and of the three controls: as many
    drawn at random, those with the lowest variance, those with the largest |mean|. Ties: the earlier first."""
    width = bank.shape[1]
    if not 0 <= m < width:
        raise ValueError(f"cannot remove {m} of {width} dimensions")
    if which == "random":
        return np.random.default_rng([seed, width]).permutation(width)[:m]
    score = {
        "highest": lambda: -variances(bank),
        "lowest": lambda: variances(bank),
        "largest mean": lambda: -np.abs(bank.mean(0, dtype=np.float64)),
    }[which]()
    return np.argsort(score, kind="stable")[:m]


def paired_metric(a: Array, b: Array) -> FeatureTransform:
    """A linear metric tuned on pairs of the same thing, a and b (n, d): the directions in which pairs differ count less.

    Features are standardised, then multiplied by S^(-1/2), where S is the covariance of the difference of a pair: relevant
    component analysis (Bar-Hillel et al. 2003), the linear probe of a search. S is shrunk as Ledoit and Wolf (2004) say.
    """
    standard = fit("standardise", np.concatenate([a, b]))
    covariance = LedoitWolf(assume_centered=True).fit((standard(a) - standard(b)).astype(np.float64)).covariance_
    spectrum, axes = np.linalg.eigh(covariance)
    scale = np.asarray(standard.scale)[:, None] * (axes * _inverse_root(spectrum)) @ axes.T
    return FeatureTransform(slice(None), standard.shift, scale.astype(np.float32))


def variances(x: Array) -> Array:
    """Variance (d,) of each dimension of x (n, d), in double precision."""
    return x.var(0, dtype=np.float64)


def _inverse_root(variance: Array) -> Array:
    keep = variance > FLOOR * variance.max()
    return np.where(keep, 1 / np.sqrt(np.where(keep, variance, 1)), 0)
