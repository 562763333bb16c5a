"""The study from end to end: from parameters to verdicts, and every number in a table."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import spearmanr

from analysis.notebook import Notebook
from analysis.results import Results, Row
from analysis.stats import over_units
from analysis.studies.base import run
from analysis.studies.qscore import ranking
from analysis.studies.qscore.activity import Definition
from analysis.studies.qscore.claims import CLAIMS
from analysis.studies.qscore.evidence import gains, judged
from analysis.studies.qscore.measure import QMeasured, measure
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.regulariser import ARMS, BASE
from analysis.studies.qscore.scores import q_score, sparsity

NOISE = (128, 512, 2048)


def compute(notebook: Notebook) -> QMeasured | None:
    """Fill the results: tables, verdicts, answer."""

    def everything(params: QScore) -> QMeasured:
        """What is measured, with noise, the gains of trainings and the ranking of encoders beside it."""
        measured = measure(params)
        measured.tables["noise"] = noise(params.seed)
        measured.tables["gains"] = changes(measured)
        if params.ranking:
            definition = Definition(params.eps, params.low_percentile, params.high_percentile)
            names = tuple(dict.fromkeys((*params.encoders, *params.ranking)))
            assert measured.data is not None
            rows = ranking.ranked(names, measured.data, definition, params.min_coverage, params.device)
            measured.tables["ranking"] = rows
            measured.tables["follows"] = ranking.follows(rows, params.n_bootstrap, params.seed)
        return measured

    return run(notebook, everything, CLAIMS, judged, scalars=scalars)


def noise(seed: int) -> list[Row]:
    """Rank correlation of Q (all features as D) with sparsity on heavy-tailed numbers that show no image at all."""
    rows = []
    for r in NOISE:
        h = np.abs(np.random.default_rng(seed).standard_t(3, (4000, r)))
        q = q_score(h, np.ones(r, dtype=bool))
        rows.append({"r": r, "n": len(h), "rho": float(spearmanr(q.value, sparsity(h)).statistic), "coverage": q.coverage})
    return rows


def changes(measured: QMeasured) -> list[Row]:
    """What each arm changes in accuracy against the same training without regulariser: over methods, and over seeds in each."""
    trained, rows = measured.tables["trained"], []
    for arm in [arm for arm in ARMS if arm != BASE and any(row["arm"] == arm for row in trained)]:
        here = [row for row in trained if row["arm"] in (arm, BASE)]
        share = min(row["pull_q_first"] / row["pull_own_first"] for row in here if row["arm"] == arm)
        rows.append({"method": "all", "arm": arm, "share": share, **vars(measured.over(gains(measured, here, arm)))})
        for method in dict.fromkeys(row["method"] for row in here):
            own = [row["linear"] for row in here if row["method"] == method and row["arm"] == arm]
            base = [row["linear"] for row in here if row["method"] == method and row["arm"] == BASE]
            difference = np.array(own) - np.array(base)
            rows.append({"method": method, "arm": arm, **vars(over_units(difference))})
    return rows


def scalars(results: Results) -> Mapping[str, float]:
    """Numbers quoted in prose; means over the self-supervised encoders without signs, of all where there is none."""
    kinds = {row["encoder"]: row["supervision"] for row in results.tables["encoders"]}
    every = results.tables["representations"]
    ours = [row for row in every if kinds[row["encoder"]] == "self" and not row["two_sided"]] or every
    names = {row["encoder"] for row in ours}
    area: dict[str, list[float]] = {}
    for row in results.tables["detection"]:
        if row["encoder"] in names:
            area.setdefault(row["score"], []).append(row["auroc"])
    return {
        "judged": float(len(ours)),
        "min_coverage_at_4": min(row["coverage_at_4"] for row in ours),
        "max_coverage_at_4": max(row["coverage_at_4"] for row in ours),
        "min_eps": min(row["eps"] for row in ours),
        "max_eps": max(row["eps"] for row in ours),
        "accuracy": float(np.mean([row["value"] for row in ours])),
        "noise": results.tables["noise"][1]["rho"],
        **{f"auroc_{score}": float(np.mean(values)) for score, values in area.items()},
    }
