"""Everything the study measures of a list of encoders: tables for the page, and draws for the verdicts."""

from dataclasses import dataclass, field

import numpy as np

from analysis.results import Row
from analysis.stats import estimate
from analysis.studies.qscore import compression, core
from analysis.studies.qscore.activity import STEPS, Array, Rule, find
from analysis.studies.qscore.attribution import has_maps
from analysis.studies.qscore.controls import DRAWS, SCORES, SPARSITY, Q, all_scores, random_sets
from analysis.studies.qscore.core import Regions
from analysis.studies.qscore.data import Split
from analysis.studies.qscore.detection import Detection, detect, resample, risk_coverage
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.reading import Reading, activation, effect, read, selectivity
from analysis.studies.qscore.scores import q_score
from analysis.threads import side_by_side

AREAS = tuple(Detection.__dataclass_fields__)
DRAWN = (Q, SPARSITY, "neighbours", "softmax")  # risk-coverage curves
AT = np.linspace(0.05, 1, 20)
PLACES = 65  # points of a curve of activity


@dataclass
class Measured:
    """What was found of some encoders.

    Attributes:
        tables: for the page.
        draws: encoder -> quantity -> (1 + B,): the value, then its draws over the same images for all encoders.
        first: the first encoder as it was read, for pictures.
    """

    tables: dict[str, list[Row]] = field(default_factory=dict)
    draws: dict[str, dict[tuple[str, ...], Array]] = field(default_factory=dict)
    first: Reading | None = None

    def enter(self, table: str, row: Row) -> None:
        """One row more."""
        self.tables.setdefault(table, []).append(row)


def measure(params: QScore, data: Split, of: Regions | None) -> Measured:
    """Q1, Q2, Q3 and Q5 for every encoder, on the same images."""
    rule = Rule(params.eps, params.low, params.high)
    weights = resample(len(data.truth), params.n_bootstrap, params.seed)

    def one(name: str) -> Measured:
        """Everything about one encoder."""
        reading = read(name, data, rule, params.least_coverage, params.device)
        found = Measured(draws={name: {}}, first=reading if name == params.encoders[0] else None)
        _describe(found, name, reading, weights)
        _activity(found, name, reading, data, weights, params)
        _detection(found, name, reading, weights, params)
        _sweep(found, name, reading, rule, weights)
        _compression(found, name, reading, data, rule, weights, params)
        if of is not None and has_maps(reading.encoder):
            _core(found, name, reading, of, params)
        return found

    measured = Measured()
    for found in side_by_side(one, params.encoders, "encoders", "encoder"):
        measured.first = measured.first or found.first
        measured.draws |= found.draws
        for table, rows in found.tables.items():
            measured.tables.setdefault(table, []).extend(rows)
    return measured


def _describe(measured: Measured, name: str, reading: Reading, weights: Array) -> None:
    found, scores = reading.found, q_score(reading.y, reading.found.chosen, reading.found.rule)
    accuracy = estimate(reading.correct.mean(), (weights @ reading.correct)[1:] / len(reading.correct))
    row = {"encoder": name, "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high, "r": reading.y.shape[1]}
    row |= {"eps": found.rule.eps, "two_sided": found.rule.two_sided, "size": int(found.chosen.sum())}
    row |= {"never": int((found.percent == 0).sum()), "coverage": scores.coverage, "coverage_train": found.coverage}
    literal = find(reading.x, Rule(4.0, found.rule.low, found.rule.high, found.rule.two_sided))
    measured.enter("readings", {**row, "coverage_at_4": literal.coverage, "q": float(scores.value.mean())})
    ranked = np.sort(found.percent)
    for place in np.unique(np.linspace(0, len(ranked) - 1, PLACES).round().astype(int)):
        measured.enter("frequency", {"encoder": name, "rank": place / (len(ranked) - 1), "percent": float(ranked[place])})


def _activity(measured: Measured, name: str, reading: Reading, data: Split, weights: Array, params: QScore) -> None:
    chosen, correct = reading.found.chosen, reading.correct
    own = effect(activation(reading.y, chosen), correct, weights)
    sets = random_sets(chosen, DRAWS, params.seed)
    random = np.mean([effect(activation(reading.y, drawn), correct, weights) for drawn in sets], axis=0)
    eta = selectivity(reading.y, data.truth, weights)
    selective = {"D": eta[:, chosen].mean(1), "all": eta.mean(1)}  # a random set of features is as selective as all, on average
    draws: dict[tuple[str, ...], Array] = {("effect", "D"): own, ("effect", "random"): random, ("effect", "gain"): own - random}
    draws |= {("eta", kind): values for kind, values in selective.items()}
    draws["eta", "gain"] = selective["D"] - selective["all"]
    measured.draws[name] |= draws
    for (what, kind), values in draws.items():
        measured.enter("activity", {"encoder": name, "what": what, "features": kind, **_row(values)})


def _detection(measured: Measured, name: str, reading: Reading, weights: Array, params: QScore) -> None:
    found = reading.found
    scores = all_scores(reading.x, reading.y, found.chosen, reading.probabilities, found.rule, params.seed)
    for score, values in scores.items():
        areas = detect(values, reading.correct, weights)
        row: Row = {"encoder": name, "score": score, "title": SCORES[score].title, "kind": SCORES[score].kind}
        for area in AREAS:
            draws = getattr(areas, area)
            interval = _row(draws)
            measured.draws[name][area, score] = draws
            row |= {area: interval["value"], f"{area}_low": interval["low"], f"{area}_high": interval["high"]}
        measured.enter("detection", row)
        if score in DRAWN:
            for at, risk in zip(AT, risk_coverage(values, reading.correct, AT), strict=True):
                measured.enter("risk", {"encoder": name, "score": score, "coverage": float(at), "risk": float(risk)})
    known = q_score(reading.y, found.chosen, found.rule).defined
    if known.any() and 0 < reading.correct[known].mean() < 1:
        inside = detect(scores[Q][known], reading.correct[known], weights[:, known])
        measured.enter("defined", {"encoder": name, "n": int(known.sum()), **_row(inside.auroc)})


def _sweep(measured: Measured, name: str, reading: Reading, rule: Rule, weights: Array) -> None:
    """How the score depends on eps; D is found anew for each."""
    for eps in STEPS:
        tried = Rule(eps, rule.low, rule.high, reading.found.rule.two_sided)
        scores = q_score(reading.y, find(reading.x, tried).chosen, tried)
        auroc = _row(detect(scores.value, reading.correct, weights).auroc)
        measured.enter("sweep", {"encoder": name, "eps": eps, "coverage": scores.coverage, **auroc})


def _compression(
    measured: Measured, name: str, reading: Reading, data: Split, rule: Rule, weights: Array, params: QScore
) -> None:
    full = weights @ reading.correct.astype(np.float32) / weights.sum(1)
    measured.draws[name]["accuracy", "all"] = full
    hits = compression.correct_by_way(
        *(reading.x, data.labels, reading.y, data.truth, reading.found.percent),
        *(params.kept, rule, params.random_draws, params.seed),
    )
    for (way, kept), correct in hits.items():
        draws = weights @ correct.astype(np.float32) / weights.sum(1)
        measured.draws[name]["accuracy", way, f"{kept:g}"] = draws
        measured.enter("compression", {"encoder": name, "way": way, "kept": kept, **_row(draws)})
    for way in compression.WAYS:
        measured.enter("compression", {"encoder": name, "way": way, "kept": 1.0, **_row(full)})


def _core(measured: Measured, name: str, reading: Reading, of: Regions, params: QScore) -> None:
    """Agreement of maps with regions, over the images whose maps are all defined."""
    found = reading.found
    agreed = core.overlaps(core.heat(reading.encoder, of.images, found.chosen, found.rule, params.seed), of)
    kept = np.isfinite(np.stack(list(agreed.values()))).all(axis=0)
    if not kept.any():  # no image has all maps and all regions: nothing is entered, and claims about this encoder stay untested
        return
    weights = resample(len(kept), params.n_bootstrap, params.seed)[:, kept]
    for (kind, name_of, region), values in agreed.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = weights @ values[kept] / weights.sum(1)
        measured.draws[name]["core", kind, name_of, region] = draws
        row = {"encoder": name, "map": kind, "measure": name_of, "region": region, "n": int(kept.sum())}
        measured.enter("core", {**row, **_row(draws)})


def _row(draws: Array) -> Row:
    return vars(estimate(draws[0], draws[1:]))
