"""Claims M1-M3 and the rules that judge them. The rules were fixed before any number was seen.

`SMALLEST` is the smallest difference in debiased CKA that we would call a difference. Intervals are percentile bootstrap
intervals over images, the same images drawn for every variant and encoder of a data set, so differences are paired.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from analysis.claims import Claim, Finding, Verdict, finding, sized, untested
from analysis.encoders.facts import Facts
from analysis.results import Row
from analysis.similarity import CkaEstimate
from analysis.stats import Estimate, estimate, spearman
from analysis.studies.masking_cka.masks import COMPLETE, percent
from analysis.studies.masking_cka.measure import Key
from analysis.studies.masking_cka.params import MaskingCka

SMALLEST = 0.05
AGREEMENT = 0.5
Draws = Mapping[Key, CkaEstimate]

M1 = Claim(
    "M1",
    "masking_cka",
    "Not all self-supervised models give representations that separate complete, foreground and background images.",
    "Separation: CKA(random part, its complement) - CKA(foreground, background), debiased linear CKA, mean over the data sets "
    "with masks. Above 0, the object's outline parts the image into halves that are less alike, for the model, than two halves "
    "of the same areas along a random outline.",
    "Area-matched random outline (inside the quantity); untrained and supervised encoders.",
    f"A model separates if its interval lies above 0, does not if it lies below {SMALLEST}. Supported if a self-supervised "
    "model does not separate; not supported if all do; inconclusive otherwise.",
)
M2 = Claim(
    "M2",
    "masking_cka",
    "Where foreground is ill defined, as in textures, occluding the centre serves instead.",
    "Spearman correlation, over encoders and data sets with masks, of CKA(complete, background) with CKA(complete, centre "
    "occluded).",
    "The same square at a random place: on images without masks its CKA should differ from the centre's by less than "
    f"{SMALLEST}.",
    f"Supported if the correlation's interval lies above {AGREEMENT} and the control's within +-{SMALLEST}; not supported if "
    f"the correlation's lies below {AGREEMENT} or the control's outside +-{SMALLEST}; inconclusive otherwise, and where a run "
    "has no images without masks.",
)
M3 = Claim(
    "M3",
    "masking_cka",
    "Self-supervised models differ in how far object and ground carry their representation.",
    "Largest difference between two self-supervised models in CKA(complete, foreground) - CKA(complete, background), mean over "
    "the data sets with masks; Bonferroni interval over all pairs of models.",
    "The largest difference of a self-supervised model from the untrained encoder.",
    f"Supported if some pair's interval lies beyond {SMALLEST} on either side; not supported if every pair's lies within "
    f"+-{SMALLEST}; inconclusive otherwise.",
)
CLAIMS = (M1, M2, M3)


def judge(draws: Draws, params: MaskingCka, known: Mapping[str, Facts], n: int) -> tuple[list[Finding], dict[str, list[Row]]]:
    """The verdicts on M1-M3, and the tables behind them.

    Claims speak of the encoders trained without labels; the others are controls. `n`: images in the smallest data set.
    """
    contrasts = Contrasts(draws, params, {name: facts.title for name, facts in known.items()})
    self_supervised = [name for name in params.encoders if known[name].supervision == "self"]
    untrained = [name for name in params.encoders if known[name].supervision == "none"]
    findings, tables = [], {}
    for found, name, rows in (
        _judge_m1(contrasts, self_supervised, untrained),
        _judge_m2(contrasts),
        _judge_m3(contrasts, self_supervised, untrained),
    ):
        findings.append(sized(found, n, params.n_bootstrap))
        tables[name] = rows
    return findings, tables


class Contrasts:
    """Differences of CKA values with their paired draws."""

    def __init__(self, draws: Draws, params: MaskingCka, titles: Mapping[str, str]) -> None:
        self.draws, self.params, self.titles, self.fill = draws, params, titles, params.fills[0]
        here = {(dataset, a) for dataset, _, _, _, a in draws} | {(d, a) for d, _, _, a, _ in draws}
        self.masked = [d for d in params.datasets if (d, "foreground") in here]
        self.bare = [d for d in params.datasets if d not in self.masked]

    def cka(self, dataset: str, encoder: str, a: str, b: str, fill: str | None = None) -> np.ndarray:
        """The value, then its draws: (1 + B,). One array, so that differences are differences of arrays."""
        found = self.draws[dataset, encoder, fill or self.fill, a, b]
        return np.concatenate([[found.value], found.draws])

    def separation(self, dataset: str, encoder: str, fill: str | None = None) -> np.ndarray:
        """CKA between the two parts of a random partition, less that between foreground and background."""
        random = self.cka(dataset, encoder, "random_kept", "random_removed", fill)
        return random - self.cka(dataset, encoder, "foreground", "background", fill)

    def reliance(self, dataset: str, encoder: str, fill: str | None = None) -> np.ndarray:
        """CKA(complete, foreground) - CKA(complete, background): what carries the representation."""
        return self.cka(dataset, encoder, COMPLETE, "foreground", fill) - self.cka(
            dataset, encoder, COMPLETE, "background", fill
        )

    def estimate(self, values: np.ndarray, comparisons: int = 1) -> Estimate:
        """Value and interval of a contrast (1 + B,)."""
        return estimate(values[0], values[1:], self.params.level, comparisons)


def _judge_m1(contrasts: Contrasts, models: list[str], untrained: list[str]) -> tuple[Finding, str, list[Row]]:
    rows = []
    for encoder in contrasts.params.encoders:
        for fill in contrasts.params.fills if contrasts.masked else ():
            per_set = {d: contrasts.separation(d, encoder, fill) for d in contrasts.masked}
            for dataset, values in {**per_set, "mean": np.mean(list(per_set.values()), axis=0)}.items():
                found = contrasts.estimate(values)
                state = "separates" if found.above(0) else "does not" if found.below(SMALLEST) else "open"
                rows.append({"encoder": encoder, "dataset": dataset, "fill": fill, **_row(found), "state": state})
    headline = {r["encoder"]: r for r in rows if r["dataset"] == "mean" and r["fill"] == contrasts.fill}
    ours = [headline[m] for m in models if m in headline]
    if not ours:
        return untested("M1", "no self-supervised encoder, or no data set with masks, in this run"), "separation", rows
    states = {r["encoder"]: r["state"] for r in ours}
    verdict: Verdict = "inconclusive"
    if "does not" in states.values():
        verdict = "supported"
    elif set(states.values()) == {"separates"}:
        verdict = "not supported"
    least = min(ours, key=lambda r: r["value"])
    control = _estimate(headline[untrained[0]]) if untrained else None
    each = "; ".join(f"{contrasts.titles[m]}: {state}" for m, state in states.items())
    note = f"Estimate: the least separating model, {contrasts.titles[least['encoder']]}. {each}."
    return finding("M1", verdict, _estimate(least), control, note), "separation", rows


def _judge_m2(contrasts: Contrasts) -> tuple[Finding, str, list[Row]]:
    rows, params = [], contrasts.params
    fraction = sorted(params.fractions)[len(params.fractions) // 2]
    removed, elsewhere = f"occluded_{percent(fraction)}", f"elsewhere_{percent(fraction)}"
    cells = [(d, e) for d in params.datasets for e in params.encoders]
    for dataset, encoder in cells:
        centre = contrasts.cka(dataset, encoder, COMPLETE, removed)
        place = centre - contrasts.cka(dataset, encoder, COMPLETE, elsewhere)
        row = {"dataset": dataset, "encoder": encoder, "masks": dataset in contrasts.masked, "fraction": fraction}
        rows.append({**row, **_row(contrasts.estimate(place)), "centre": float(centre[0])})
    masked = [(d, e) for d, e in cells if d in contrasts.masked]
    if len(masked) < 4:
        return untested("M2", "needs at least four combinations of encoder and data set with masks"), "place", rows
    ground = np.stack([contrasts.cka(d, e, COMPLETE, "background") for d, e in masked])
    centre = np.stack([contrasts.cka(d, e, COMPLETE, removed) for d, e in masked])
    agreement = contrasts.estimate(spearman(ground, centre))
    bare = [
        contrasts.cka(d, e, COMPLETE, removed) - contrasts.cka(d, e, COMPLETE, elsewhere)
        for d, e in cells
        if d in contrasts.bare
    ]
    place_matters = contrasts.estimate(np.mean(bare, axis=0)) if bare else None
    verdict: Verdict = "inconclusive"
    if agreement.below(AGREEMENT) or (place_matters and (place_matters.above(SMALLEST) or place_matters.below(-SMALLEST))):
        verdict = "not supported"
    elif agreement.above(AGREEMENT) and place_matters and place_matters.above(-SMALLEST) and place_matters.below(SMALLEST):
        verdict = "supported"
    note = f"Square of {percent(fraction)} % of the side; {len(masked)} cells with masks, {len(bare)} without."
    return finding("M2", verdict, agreement, place_matters, note), "place", rows


def _judge_m3(contrasts: Contrasts, models: list[str], untrained: list[str]) -> tuple[Finding, str, list[Row]]:
    if len(models) < 2 or not contrasts.masked:
        return untested("M3", "needs two self-supervised encoders and a data set with masks"), "reliance", []
    mean = {e: np.mean([contrasts.reliance(d, e) for d in contrasts.masked], axis=0) for e in contrasts.params.encoders}
    rows = [{"encoder": e, "dataset": "mean", **_row(contrasts.estimate(v))} for e, v in mean.items()]
    for encoder in contrasts.params.encoders:
        for dataset in contrasts.masked:
            values = contrasts.estimate(contrasts.reliance(dataset, encoder))
            rows.append({"encoder": encoder, "dataset": dataset, **_row(values)})
    pairs = list(combinations(models, 2))
    found = {(a, b): contrasts.estimate(mean[a] - mean[b], len(pairs)) for a, b in pairs}
    verdict: Verdict = "inconclusive"
    if any(f.above(SMALLEST) or f.below(-SMALLEST) for f in found.values()):
        verdict = "supported"
    elif all(f.above(-SMALLEST) and f.below(SMALLEST) for f in found.values()):
        verdict = "not supported"
    (a, b), largest = max(found.items(), key=lambda item: abs(item[1].value))
    to_untrained = [contrasts.estimate(mean[m] - mean[u], len(models)) for m in models for u in untrained[:1]]
    control = max(to_untrained, key=lambda f: abs(f.value)) if to_untrained else None
    note = f"Largest difference: {contrasts.titles[a]} less {contrasts.titles[b]}, of {len(pairs)} pairs of models."
    return finding("M3", verdict, largest, control, note), "reliance", rows


def _row(found: Estimate) -> Row:
    return {"value": found.value, "low": found.low, "high": found.high}


def _estimate(row: Row) -> Estimate:
    return Estimate(row["value"], row["low"], row["high"])
