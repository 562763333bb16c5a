"""The study from end to end: images read, encoders measured, rules applied, every number in a table."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from analysis.encoders.facts import facts
from analysis.notebook import Notebook
from analysis.results import Row, write_json
from analysis.studies.qscore import core, ladder, tuning
from analysis.studies.qscore.activity import Rule
from analysis.studies.qscore.claims import CLAIMS, differences, judge, student
from analysis.studies.qscore.data import Split, size_for, split
from analysis.studies.qscore.measure import Measured, measure
from analysis.studies.qscore.pages import WHAT
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.pictures import Shown
from analysis.studies.qscore.regulariser import ARMS, BASE
from analysis.studies.qscore.scores import q_score, sparsity
from analysis.verdict_prose import answer

NOISE = (128, 512, 2048)
GAINS = ("linear", "knn", "auroc", "q", "l1", f"core_{core.DISCRIMINATIVE}")


def compute(study: Notebook) -> Shown | None:
    """Fill `study.results`, and return what the pictures need; None where the page is drawn from stored numbers.

    Raises:
        UserError: a data set has no masks; before any work.
    """
    if study.stored:
        return None
    params, results = _params(study), study.results
    data = split(params.dataset, size_for(params.dataset, params.encoders), params.n_train, params.n_test, params.seed)
    of = core.regions(params.masked, params.n_maps, size_for(params.masked, params.encoders)) if params.masked else None
    measured = measure(params, data, of)
    trained = _trained(study)
    judged = _judged(params.encoders, measured)
    results.tables |= measured.tables
    results.tables |= {
        "encoders": [_encoder(name, judged) for name in params.encoders],
        "noise": noise(params.seed),
        "trained": trained,
        "gains": gains(trained),
        "ladder": _ladder(params, data),
    }
    for name in ("defined", "core"):
        results.tables.setdefault(name, [])
    results.tables["follows"] = ladder.follows(results.tables["ladder"], params.n_bootstrap, params.seed)
    results.claims = judge(measured.draws, judged, trained, params, len(data.truth))
    results.scalars |= _scalars(results.tables, judged, data)
    results.answer = answer(results, WHAT).markdown
    assert measured.first is not None
    return Shown(data, measured.first)


def noise(seed: int) -> list[Row]:
    """Rank correlation of Q (all features as D) with sparsity on heavy-tailed numbers that show no image at all."""
    rows = []
    for r in NOISE:
        h = np.abs(np.random.default_rng(seed).standard_t(3, (4000, r)))
        q = q_score(h, np.ones(r, dtype=bool), Rule())
        rows.append({"r": r, "n": len(h), "rho": float(spearmanr(q.value, sparsity(h)).statistic), "coverage": q.coverage})
    return rows


def gains(trained: Sequence[Row]) -> list[Row]:
    """What each arm changes, against the same training without regulariser, per method and over all."""
    rows: list[Row] = []
    for method in ("all", *dict.fromkeys(row["method"] for row in trained)):
        here = [row for row in trained if method in ("all", row["method"])]
        for arm in ARMS if trained else ():
            if arm != BASE:
                for quantity in GAINS:
                    found = differences(here, arm, quantity)
                    rows.append({"method": method, "arm": arm, "quantity": quantity, "n": len(found), **vars(student(found))})
    return rows


def _params(study: Notebook) -> QScore:
    assert isinstance(study.params, QScore)
    return study.params


def _trained(study: Notebook) -> list[Row]:
    """Rows of Q4: trained now, or as they come with this version; they are about Scenes, and none belongs to photographs."""
    params = _params(study)
    if params.retrain:
        plan = tuning.Plan(epochs=params.epochs, least_coverage=params.least_coverage)
        rule = Rule(params.eps, params.low, params.high)
        rows = tuning.cells(params.methods, params.seeds, plan, rule, params.device)
        write_json(study.run_dir / "tuning.json", {"plan": vars(plan), "rule": vars(rule), "rows": rows})
        return rows
    return tuning.stored() if params.dataset == "scenes:objects" else []


def _judged(names: Sequence[str], measured: Measured) -> list[str]:
    """Self-supervised encoders whose features have no sign."""
    signs = {row["encoder"]: row["two_sided"] for row in measured.tables["readings"]}
    return [name for name in names if facts(name).supervision == "self" and not signs[name]]


def _encoder(name: str, judged: Sequence[str]) -> Row:
    known = facts(name)
    return {"encoder": name, "title": known.title, "supervision": known.supervision, "judged": name in judged}


def _ladder(params: QScore, data: Split) -> list[Row]:
    names = tuple(dict.fromkeys((*params.encoders, *params.ladder)))
    rule = Rule(params.eps, params.low, params.high)
    return ladder.climb(names, data, rule, params.least_coverage, params.device) if params.ladder else []


def _scalars(tables: dict[str, list[Row]], judged: Sequence[str], data: Split) -> dict[str, float]:
    """Numbers quoted in prose."""
    ours = [row for row in tables["readings"] if row["encoder"] in judged] or tables["readings"]
    names = {row["encoder"] for row in ours}
    area = {row["score"]: [] for row in tables["detection"]}  # type: dict[str, list[float]]
    for row in tables["detection"]:
        if row["encoder"] in names:
            area[row["score"]].append(row["auroc"])
    return {
        "n_train": float(len(data.x)),
        "n_test": float(len(data.y)),
        "chance": 1 / len(np.unique(data.truth)),
        "judged": float(len(judged)),
        "claims": float(len(CLAIMS)),
        "least_coverage_at_4": min(row["coverage_at_4"] for row in ours),
        "most_coverage_at_4": max(row["coverage_at_4"] for row in ours),
        "least_eps": min(row["eps"] for row in ours),
        "most_eps": max(row["eps"] for row in ours),
        "noise": tables["noise"][1]["rho"],
        **{f"auroc_{score}": float(np.mean(values)) for score, values in area.items()},
    }
