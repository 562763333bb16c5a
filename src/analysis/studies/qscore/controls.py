"""The scores Q is compared with: by what it may really measure, by what costs no more, and by what labels can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.neighbours import nearest
from analysis.probing import NEIGHBOURS
from analysis.studies.qscore import scores
from analysis.studies.qscore.activity import Array, Discriminative
from analysis.studies.qscore.scores import q_score

Q, SPARSITY, RANDOM = "q", "sparsity", "random"
DRAWS = 10  # random sets of features, an even number: the negative control holds one half against the other


@dataclass(frozen=True)
class Score:
    """One of the scores that are compared.

    Attributes:
        title: for tables.
        kind: `paper` for Q and its earlier definitions, `control` for what Q may really measure, `baseline` for what else is
            known without labels, `labels` for what the probe itself says.
    """

    title: str
    kind: Literal["paper", "control", "baseline", "labels"]


SCORES: Mapping[str, Score] = {
    Q: Score("Q-Score", "paper"),
    "v1": Score("Q-Score, first version", "paper"),
    "preprint": Score("Q-Score, as of 2022", "paper"),
    RANDOM: Score("Q with random D", "control"),
    "tails": Score("Q with the tails as D", "control"),
    "everything": Score("Q with all features as D", "control"),
    SPARSITY: Score("minus L1 norm (sparsity)", "control"),
    "count": Score("number of active features", "control"),
    "largest_z": Score("largest z-score", "control"),
    "norm": Score("length before normalisation", "baseline"),
    "neighbours": Score("closeness to 20 neighbours", "baseline"),
    "softmax": Score("largest probability of the probe", "labels"),
    "entropy": Score("minus entropy of the probe", "labels"),
    "margin": Score("margin of the probe", "labels"),
}


def random_sets(features: Array, draws: int, seed: int) -> list[Array]:
    """`draws` random sets of as many features as `features` (r,) bool holds, from all r."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(features) for _ in range(draws)]


def all_scores(x: Array, y: Array, of: Discriminative, probabilities: Array, seed: int) -> dict[str, Array]:
    """Every score of `SCORES` for images with features y (m, r): (m,), or (draws, m) for random sets.

    Args:
        x: (n, r) features of the training images: where D comes from, and where neighbours lie.
        of: D, and the definition that suits it.
        probabilities: (m, c) of the linear probe.
    """
    features, definition = of.features, of.definition
    ranked = np.sort(probabilities, axis=1)
    return {
        Q: q_score(y, features, definition).value,
        "v1": scores.v1(y),
        "preprint": scores.preprint(y),
        RANDOM: random_q(y, of, seed),
        "tails": q_score(y, ~features, definition).value,
        "everything": q_score(y, np.ones_like(features), definition).value,
        SPARSITY: scores.sparsity(y),
        "count": q_score(y, features, definition).active.astype(float),
        "largest_z": scores.largest_z(y),
        "norm": np.linalg.norm(y, axis=1),
        "neighbours": nearest(y, x, NEIGHBOURS)[1].mean(1),
        "softmax": ranked[:, -1],
        "entropy": (probabilities * np.log(probabilities.clip(1e-12))).sum(1),
        "margin": ranked[:, -1] - ranked[:, -2],
    }


def random_q(y: Array, of: Discriminative, seed: int) -> Array:
    """(draws, m) Q of y (m, r) with random sets of as many features in place of D."""
    return np.stack([q_score(y, some, of.definition).value for some in random_sets(of.features, DRAWS, seed)])
