"""Does the mean Q of an encoder follow how good it is? Along trainings of one method of growing length, and over methods."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis import encoders, features, probing
from analysis.encoders.facts import facts
from analysis.progress import track
from analysis.results import Row
from analysis.stats import estimate, spearman
from analysis.studies.qscore.activity import STEPS, Array, Definition, discover
from analysis.studies.qscore.data import Split
from analysis.studies.qscore.representation import sided
from analysis.studies.qscore.scores import q_score, sparsity

QUANTITIES = ("q", "q_at_4", "sparsity", "rankme")


def ranked(names: Sequence[str], data: Split, definition: Definition, min_coverage: float, device: str) -> list[Row]:
    """One row per encoder: accuracy of its linear probe, mean Q, and what else may follow it.

    Mean Q is compared at one eps for all: the largest at which a share `min_coverage` of the training
    images of every encoder has a Q.
    """
    rows, at = [], []
    for name in track(names, "ranking", unit="encoder"):
        encoder = encoders.load(name, device)
        x, y = (features.extract(encoder, part, description=name)["embed"] for part in (data.x, data.y))
        tried = [discover(x, replace(sided(definition, x), eps=eps)) for eps in STEPS]
        at.append([(of.coverage, float(q_score(y, of.features, of.definition).value.mean())) for of in tried])
        rows.append(
            {
                "encoder": name,
                "title": facts(name).title,
                "group": facts(name).method,
                "supervision": facts(name).supervision,
                "accuracy": float((probing.linear(x, data.labels, y) == data.truth).mean()),
                "q_at_4": at[-1][0][1],
                "coverage_at_4": at[-1][0][0],
                "sparsity": float(sparsity(y).mean()),
                "rankme": probing.rankme(_few(y)),
            }
        )
    common = next((i for i in range(len(STEPS)) if all(one[i][0] >= min_coverage for one in at)), len(STEPS) - 1)
    return [{**row, "eps": STEPS[common], "q": one[common][1]} for row, one in zip(rows, at, strict=True)]


def follows(rows: Sequence[Row], draws: int, seed: int) -> list[Row]:
    """Spearman correlation of each quantity with accuracy, over all encoders and within groups of five or more.

    Intervals: percentile bootstrap over encoders.
    """
    groups = {"all": list(rows)}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    rng, found = np.random.default_rng(seed), []
    for name, members in groups.items():
        if len(members) < 5:
            continue
        picked = np.concatenate([np.arange(len(members))[None], rng.integers(len(members), size=(draws, len(members)))])
        accuracy = np.array([row["accuracy"] for row in members])[picked.T]
        for quantity in QUANTITIES:
            values = np.array([row[quantity] for row in members], dtype=float)[picked.T]
            rho = spearman(values, accuracy)
            interval = estimate(rho[0], rho[1:])
            row = {"group": name, "n": len(members), "quantity": quantity, "rho": interval.value}
            found.append({**row, "low": interval.low, "high": interval.high})
    return found


def _few(y: Array) -> Array:
    """At most 1,000 images and 512 directions drawn at random (seed 0): RankMe of wide features in little time."""
    y = np.asarray(y[:1000], dtype=np.float64)
    if y.shape[1] <= 512:
        return y
    turn = np.random.default_rng(0).normal(size=(y.shape[1], 512)) / np.sqrt(512)
    return y @ turn
