"""How much of a representation a linear probe needs, and whether discriminative features are the ones to keep."""

from collections.abc import Iterator, Mapping

import numpy as np

from analysis import probing
from analysis.studies.qscore.activity import Array, Rule

DISCRIMINATIVE, RANDOM = "discriminative", "random"
WAYS: Mapping[str, str] = {
    DISCRIMINATIVE: "discriminative (D)",
    RANDOM: "random",
    "tails": "the tails instead",
    "variance": "largest variance",
    "magnitude": "largest mean",
    "pca": "principal components",
}


def window(kept: float, rule: Rule) -> tuple[float, float]:
    """Percentiles of A between which a share `kept` of the features lies.

    The paper raises the lower edge from 0 and lowers the upper from 100, and does not say in which steps. Here both move in
    proportion, on the line that runs through the two windows it names: all features, and (`rule.low`, `rule.high`).
    """
    low = rule.low * (1 - kept) / (1 - (rule.high - rule.low) / 100)
    return low, low + 100 * kept


def kept_features(percent: Array, kept: float, rule: Rule) -> Array:
    """(k,) indices of the features whose rank in A lies in `window`; k = round(kept r), never-active features included."""
    r = len(percent)
    first = min(round(r * window(kept, rule)[0] / 100), r - round(kept * r))
    return np.argsort(percent, kind="stable")[first : first + round(kept * r)]


def representations(
    x: Array, y: Array, percent: Array, kept: float, rule: Rule, draws: int, seed: int
) -> Iterator[tuple[str, Array, Array]]:
    """(way, x, y) of every way to keep a share of the features: `random` comes `draws` times. Chosen on x alone."""
    k = round(kept * x.shape[1])
    inner = kept_features(percent, kept, rule)
    rank = np.argsort(percent, kind="stable")
    outer = np.concatenate([rank[: (k + 1) // 2], rank[len(rank) - k // 2 :]])
    rng = np.random.default_rng(seed)
    subsets = [
        (DISCRIMINATIVE, inner),
        *((RANDOM, rng.choice(x.shape[1], k, replace=False)) for _ in range(draws)),
        ("tails", outer),
        ("variance", np.argsort(-x.var(0), kind="stable")[:k]),
        ("magnitude", np.argsort(-np.abs(x).mean(0), kind="stable")[:k]),
    ]
    for way, subset in subsets:
        yield way, x[:, subset], y[:, subset]
    mean = x.mean(0)
    axes = np.linalg.eigh(np.cov((x - mean).T.astype(np.float64)))[1][:, ::-1][:, :k].astype(x.dtype)
    yield "pca", (x - mean) @ axes, (y - mean) @ axes


def correct_by_way(
    x: Array,
    labels: Array,
    y: Array,
    truth: Array,
    percent: Array,
    shares: tuple[float, ...],
    rule: Rule,
    draws: int,
    seed: int,
) -> dict[tuple[str, float], Array]:
    """(way, share kept) -> (m,) whether a linear probe, fitted on x, names the class of y; the mean over draws for `random`."""
    grouped: dict[tuple[str, float], list[Array]] = {}
    for kept in shares:
        for way, part, other in representations(x, y, percent, kept, rule, draws, seed):
            grouped.setdefault((way, kept), []).append(probing.linear(part, labels, other) == truth)
    return {key: np.mean(found, axis=0) for key, found in grouped.items()}
