"""How much of a representation a linear probe needs, and whether discriminative features are the ones to keep."""

from collections.abc import Iterator, Mapping

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import MultiTaskLasso
from sklearn.pipeline import Pipeline

from analysis.studies.qscore.activity import Array, Definition
from analysis.threads import one_thread

DISCRIMINATIVE, RANDOM = "discriminative", "random"
WAYS: Mapping[str, str] = {
    DISCRIMINATIVE: "discriminative (D)",
    RANDOM: "random",
    "tails": "the tails instead",
    "variance": "largest variance",
    "magnitude": "largest mean",
    "pca": "principal components",
    "lasso": "lasso (with labels)",
}
MIDDLE = 0.65  # of all ranks: within the window around D that keeps 60 %
LASSO_ROWS = 1000
LASSO_STEPS = 10_000  # at most; it takes hundreds
LASSO_PENALTY = 0.05  # of the smallest penalty that leaves nothing


def window(kept: float, definition: Definition) -> tuple[float, float]:
    """Percentiles of A between which a share `kept` of the features lies.

    The paper raises the lower edge from 0 and lowers the upper from 100, and does not say in which steps. Here both move in
    proportion, on the line that runs through the two windows it names: all features, and (`low`, `high`).
    """
    low = definition.low * (1 - kept) / (1 - (definition.high - definition.low) / 100)
    return low, low + 100 * kept


def kept_features(percent: Array, kept: float, definition: Definition) -> Array:
    """(k,) indices of the features whose rank in A lies in `window`; k = round(kept r), never-active features included."""
    r = len(percent)
    first = min(round(r * window(kept, definition)[0] / 100), r - round(kept * r))
    return np.argsort(percent, kind="stable")[first : first + round(kept * r)]


def random_subsets(r: int, kept: float, draws: int, seed: int) -> list[Array]:
    """`draws` random choices of round(kept r) of r features."""
    rng = np.random.default_rng(seed)
    return [rng.choice(r, round(kept * r), replace=False) for _ in range(draws)]


def other_ways(x: Array, labels: Array, percent: Array, k: int) -> dict[str, Array]:
    """(k,) indices by the other ways to choose k features; of training images x (n, r), with labels for the lasso alone."""
    rank = np.argsort(percent, kind="stable")
    return {
        "tails": np.concatenate([rank[: (k + 1) // 2], rank[len(rank) - k // 2 :]]),
        "variance": np.argsort(-x.var(0), kind="stable")[:k],
        "magnitude": np.argsort(-np.abs(x).mean(0), kind="stable")[:k],
        "lasso": lasso(x, labels, k),
    }


def lasso(x: Array, labels: Array, k: int) -> Array:
    """(k,) indices of the features with the largest coefficients of a group lasso on the classes (Obozinski et al. 2010).

    Ties at 0 are broken by covariance with the classes. Of `LASSO_ROWS` images: it is a ceiling, not a method of the paper.
    """
    x, labels = x[:LASSO_ROWS], labels[:LASSO_ROWS]
    x = x.astype(np.float64)
    z = (x - x.mean(0)) / np.maximum(x.std(0), 1e-12)
    y = (labels[:, None] == np.unique(labels)).astype(z.dtype)
    y -= y.mean(0)
    covariance = np.linalg.norm(z.T @ y, axis=1) / len(z)
    with one_thread():
        fitted = MultiTaskLasso(LASSO_PENALTY * covariance.max(), max_iter=LASSO_STEPS, fit_intercept=False).fit(z, y)
    return np.lexsort((-covariance, -np.linalg.norm(fitted.coef_, axis=0)))[:k]


def principal(x: Array, y: Array, k: int) -> tuple[Array, Array]:
    """Both halves, (n, k) and (m, k), in the k leading principal components of x."""
    mean = x.mean(0)
    axes = np.linalg.eigh(np.cov((x - mean).T.astype(np.float64)))[1][:, ::-1][:, :k].astype(x.dtype)
    return (x - mean) @ axes, (y - mean) @ axes


def refit(probe: Pipeline, x: Array, labels: Array, y: Array, truth: Array) -> Array:
    """(m,) 1 where the probe, fitted anew on other features of the same images, names the class.

    Its penalty is that of the whole representation, chosen once on training images.
    """
    with one_thread():
        return np.asarray(clone(probe).fit(x, labels).predict(y) == truth, dtype=float)


def ways(
    x: Array, labels: Array, y: Array, percent: Array, kept: float, definition: Definition, draws: int, seed: int, more: bool
) -> Iterator[tuple[str, Array, Array]]:
    """(way, x, y) of the ways to keep a share of the features, `random` several times; `more`: also `other_ways` and PCA."""
    k = round(kept * x.shape[1])
    chosen = [(DISCRIMINATIVE, kept_features(percent, kept, definition))]
    chosen += [(RANDOM, subset) for subset in random_subsets(x.shape[1], kept, draws, seed)]
    chosen += list(other_ways(x, labels, percent, k).items()) if more else []
    for way, subset in chosen:
        yield way, x[:, subset], y[:, subset]
    if more:
        yield "pca", *principal(x, y, k)


def concentrated(probe: Pipeline, x: Array, y: Array, percent: Array, seed: int) -> tuple[Array, Array, Array]:
    """Both halves, (n, r) and (m, r), where the probe's own scores of the classes are the only features that say anything.

    The positive control of Q2. All others are features of other images, as often active as they are; the scores are given a
    place in the middle of the window, so that the cut around D spares them and a random one does not. Also their A (r,).
    """
    rng = np.random.default_rng(seed)
    scores = [probe.decision_function(h).reshape(len(h), -1).astype(h.dtype) for h in (x, y)]
    columns = rng.permutation(x.shape[1])[: max(x.shape[1] - scores[0].shape[1], 1)]
    others = [h[rng.permutation(len(h))][:, columns] for h in (x, y)]
    place = np.full(scores[0].shape[1], np.quantile(percent[columns], MIDDLE))
    train, test = (np.concatenate(pair, axis=1) for pair in zip(others, scores, strict=True))
    return train, test, np.concatenate([percent[columns], place])
