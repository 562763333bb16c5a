"""From draws to evidence: the quantities of M1-M3, on the models and on both controls.

Images (clusters of images) are resampled alike for every variant and encoder of a data set, so differences are paired. What
must hold whatever is painted and wherever it is seen has an interval that spans all fills and all data sets with masks that
decide: those of images enough, on which the controls of the claim can be told apart.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations

import numpy as np

from analysis.encoders.facts import facts, not_learned, self_supervised, untrained_copies
from analysis.prose import show
from analysis.results import Row
from analysis.rules import Claim, Evidence
from analysis.stats import Estimate, spearman
from analysis.studies.base import Measured, evidence
from analysis.studies.masking_cka.claims import M1, M3
from analysis.studies.masking_cka.contrasts import LEAST_IMAGES, Contrasts, Pair
from analysis.studies.masking_cka.masks import COMPLETE, CORNERS, corner, percent
from analysis.studies.masking_cka.measure import MEAN_GREY, READERS, SEPARATE, thin, trained_again
from analysis.studies.masking_cka.params import MaskingCka
from analysis.studies.masking_cka.stimuli import ARMS

Array = np.ndarray
Units = Mapping[str, Estimate]
LEAST_ENCODERS = 5  # below it a rank correlation over encoders says nothing
LEFT, RIGHT = ("top_left", "bottom_left"), ("top_right", "bottom_right")


def judged(measured: Measured, params: MaskingCka) -> dict[str, Evidence]:
    """The evidence for every claim; the tables behind it are entered into `measured`."""
    contrasts, (learned, left_out) = Contrasts(measured, params), _learned(params)
    m1, m3 = (partial(way, models=learned, left_out=left_out) for way in (_m1, _m3))
    apart, relied = _telling(M1, m1, contrasts), _telling(M3, m3, contrasts)
    _tables(contrasts, apart, relied)
    if not contrasts.judged:
        few = f"no data set of this run has {LEAST_IMAGES} independent images with masks"
        return dict.fromkeys(("M1", "M2", "M3"), Evidence(unmet=(few,)))
    return {"M1": m1(apart), "M2": _m2(contrasts), "M3": m3(relied)}


def _telling(claim: Claim, way: Callable[[Contrasts], Evidence], contrasts: Contrasts) -> Contrasts:
    """Only the data sets on which the rule says no of its negative control and yes of its positive one; all, if none is.

    The engine asks this of a whole run. Where an interval spans that of each data set, as those of M1 and M3 do, one that
    cannot tell the controls apart would answer for the others; in the mean of M2 it does not.
    """
    found = {}
    for dataset in contrasts.judged:
        others = dict.fromkeys((d for d in contrasts.judged if d != dataset), "")
        alone = way(Contrasts(contrasts.measured, contrasts.params, others))
        if alone.negative and not claim.rule.tells(alone.negative, alone.positive):
            found[dataset] = "the controls cannot be told apart there"
    return contrasts if len(found) == len(contrasts.judged) else Contrasts(contrasts.measured, contrasts.params, found)


def _learned(params: MaskingCka) -> tuple[list[str], list[str]]:
    """The self-supervised encoders that may speak for their methods, and why the others may not.

    Where encoder and untrained copy were probed on different data nobody knows, and the encoder is taken at its word.
    """
    names, copies = self_supervised(params.encoders), untrained_copies(params.encoders)
    why = not_learned(name for name in names if name not in copies or _data(name) == _data(copies[name]))
    for name in names:
        if name in copies and copies[name] not in params.encoders:
            why.setdefault(name, f"{facts(name).title} has no untrained copy in this run: {copies[name]}")
    return [name for name in names if name not in why], list(why.values())


def _data(name: str) -> str | None:
    probe = facts(name).probe
    return probe.data if probe else None


def _m1(contrasts: Contrasts, models: list[str], left_out: list[str]) -> Evidence:
    if not models:
        return Evidence(unmet=("no self-supervised encoder of this run has learnt", *left_out), n=contrasts.images)
    comparisons = 2 * len(models)

    def excess(names: Sequence[str]) -> Units:
        """Minus the separation of the model that separates least, for all together."""
        found = {}
        for condition, kind in (("images", "cka"), ("directions", "overlap")):
            each = [separation(contrasts, kind, name, comparisons) for name in names]
            least = [float(np.min([getattr(e, end) for e in each])) for end in ("value", "low", "high")]
            found[condition] = Estimate(-least[0], -least[2], -least[1])
        return found

    least = {kind: min(models, key=lambda m: separation(contrasts, kind, m).value) for kind in ("cka", "overlap")}
    note = f"Separates least: {facts(least['cka']).title} by CKA, {facts(least['overlap']).title} by directions. "
    return evidence(
        excess,
        models,
        [SEPARATE],
        [SEPARATE, MEAN_GREY],
        n=contrasts.images,
        note=note + _told(contrasts, models, left_out),
    )


def separation(contrasts: Contrasts, kind: str, name: str, comparisons: int = 1) -> Estimate:
    """Of a model over all data sets and fills: by CKA as it is, by directions minus that of its untrained copy.

    Object and background of a scene are independent, so that CKA is low between them whatever network looks; in which
    directions they are seen is the network's doing.
    """
    copy = None if name.startswith("made:") or kind == "cka" else untrained_copies([name]).get(name)
    values = [contrasts.separation(kind, d, name, fill) for d, fill in contrasts.cells()]
    if copy:
        values = [v - contrasts.separation(kind, d, copy, f) for v, (d, f) in zip(values, contrasts.cells(), strict=True)]
    return contrasts.across(values, comparisons)


def _m2(contrasts: Contrasts) -> Evidence:
    encoders, fraction = contrasts.params.encoders, contrasts.params.fraction
    unmet = [] if contrasts.bare else ["no data set of this run is without masks, as textures are"]
    if len(encoders) < LEAST_ENCODERS:
        unmet.append(f"{len(encoders)} encoders are too few for a rank correlation over encoders")
    if unmet:
        return Evidence(unmet=tuple(unmet), n=len(encoders), unit="encoders")
    centre = [f"occluded_{percent(fraction)}"]
    corners, left, right = ([corner(name, fraction) for name in names] for names in (CORNERS, LEFT, RIGHT))

    def quantities(subject: tuple[Sequence[str], list[str], list[str]]) -> Units:
        """Of (encoders, squares here, squares elsewhere)."""
        return {"agreement": agreement(contrasts, *subject[:2]), "place": place(contrasts, *subject)}

    readers = [name for name, share in READERS.items() if share >= 0.5]
    sets = f"{', '.join(contrasts.judged)} against {', '.join(contrasts.bare)}"
    note = f"Square of {percent(fraction)} % of the side; data sets {sets}." + _left_out(contrasts)
    controls = (encoders, left, right), (readers, centre, corners)
    return evidence(quantities, (encoders, centre, corners), *controls, n=len(encoders), unit="encoders", note=note)


def agreement(contrasts: Contrasts, encoders: Sequence[str], stand_in: list[str]) -> Estimate:
    """Spearman correlation over encoders of what removing the object and what the stand-in take, mean over data sets.

    A draw resamples the images and, alike for all data sets, the encoders.
    """
    k, seed, b = len(encoders), contrasts.measured.seed, contrasts.measured.n_bootstrap
    index = np.random.default_rng([seed, 5]).integers(0, k, (k, b))
    index = np.concatenate([np.arange(k)[:, None], index], axis=1)
    found = []
    for dataset in contrasts.judged:
        sides = [[contrasts.lost(dataset, e, variants) for e in encoders] for variants in (["background"], stand_in)]
        found.append(spearman(*(np.take_along_axis(np.array(side), index, axis=0) for side in sides)))
    return contrasts.measured.estimate(np.mean(found, axis=0))


def place(contrasts: Contrasts, encoders: Sequence[str], here: list[str], elsewhere: list[str]) -> Estimate:
    """What squares here take beyond those elsewhere, on images with an object minus on those without; over encoders."""

    def beyond(encoder: str, names: list[str]) -> Array:
        """CKA lost here minus that lost elsewhere, mean over data sets, (1 + B,)."""
        return np.mean([contrasts.lost(d, encoder, here) - contrasts.lost(d, encoder, elsewhere) for d in names], axis=0)

    return contrasts.measured.over([beyond(e, contrasts.judged) - beyond(e, contrasts.bare) for e in encoders])


def _m3(contrasts: Contrasts, models: list[str], left_out: list[str]) -> Evidence:
    pairs = alike(models)
    if not pairs:
        return Evidence(
            unmet=("no two self-supervised encoders of one architecture have learnt", *left_out), n=contrasts.images
        )
    chance = [(name, thin(name)) for name in models]
    readers = [(min(READERS, key=READERS.__getitem__), max(READERS, key=READERS.__getitem__))]

    def largest(compared: Sequence[Pair]) -> Units:
        """Of pairs of models, with an interval for all together."""
        return {"difference": largest_difference(contrasts, compared, len(compared))}

    def size(pair: Pair) -> float:
        """The difference of one pair."""
        return largest_difference(contrasts, [pair]).value

    a, b = max(pairs, key=size)
    note = f"Largest between {facts(a).title} and {facts(b).title}, of {len(pairs)} pairs. {_again(contrasts)}"
    return evidence(largest, pairs, chance, readers, n=contrasts.images, note=note + _told(contrasts, models, left_out))


def _again(contrasts: Contrasts) -> str:
    """By how much trainings of one recipe from two seeds differ, which no claim about methods should call a difference."""
    words = ""
    for name, first in trained_again(contrasts.params).items():
        found = show(largest_difference(contrasts, [(first, name)]))
        words += f"For comparison, two seeds of one training ({facts(first).title}) differ by {found}. "
    return words


def alike(models: Sequence[str]) -> list[Pair]:
    """Pairs of models of one architecture: with the same untrained copy or, where nobody has one, of one family."""
    kind = {name: facts(name).untrained or facts(name).family for name in models}
    return [(a, b) for a, b in combinations(models, 2) if kind[a] == kind[b]]


def largest_difference(contrasts: Contrasts, pairs: Sequence[Pair], comparisons: int = 1) -> Estimate:
    """The largest absolute difference in reliance, from the lower end of the pair that differs most, in the direction in which
    it differs, to the largest end of all pairs: all intervals hold at once (Bonferroni), so both ends bound the largest.
    """
    every = []
    for a, b in pairs:
        gaps = [contrasts.reliance(d, a, f) - contrasts.reliance(d, b, f) for d, f in contrasts.cells()]
        gap = contrasts.across(gaps, comparisons)
        low, high = (gap.low, gap.high) if gap.value >= 0 else (-gap.high, -gap.low)
        every.append(Estimate(abs(gap.value), low, max(high, -low)))
    most = max(every, key=lambda e: e.value)
    return Estimate(most.value, most.low, max(e.high for e in every))


def _told(contrasts: Contrasts, models: Sequence[str], left_out: Sequence[str]) -> str:
    words = f"{len(models)} models; the interval spans {len(contrasts.cells())} combinations of data set and fill."
    return words + _left_out(contrasts, left_out)


def _left_out(contrasts: Contrasts, encoders: Sequence[str] = ()) -> str:
    every = [*(f"{dataset} ({why})" for dataset, why in contrasts.silent.items()), *encoders]
    return f" Left out: {'; '.join(every)}." if every else ""


def _tables(contrasts: Contrasts, apart: Contrasts, relied: Contrasts) -> None:
    """What the page shows beside the claims, for every encoder; `apart` and `relied` hold what decides M1 and M3."""
    measured, params = contrasts.measured, contrasts.params
    for encoder in params.encoders:
        for kind, sense in (("cka", "images"), ("overlap", "directions")):
            for dataset, fill in contrasts.cells(contrasts.masked):
                row = {"encoder": encoder, "sense": sense, "dataset": dataset, "fill": fill}
                measured.add("separation", row, contrasts.separation(kind, dataset, encoder, fill))
            every = [contrasts.separation(kind, dataset, encoder, fill) for dataset, fill in apart.cells()]
            measured.tables["separation_all"].append({"encoder": encoder, "sense": sense} | vars(contrasts.across(every)))
        _reliance_rows(relied, encoder)
    fraction = params.fraction
    squares = {"centre": [f"occluded_{percent(fraction)}"], "corners": [corner(name, fraction) for name in CORNERS]}
    for dataset in params.datasets:
        for encoder in params.encoders:
            where: Row = {"dataset": dataset, "encoder": encoder, "masks": dataset in contrasts.masked}
            for square, variants in squares.items():
                measured.add("place", {**where, "square": square}, contrasts.lost(dataset, encoder, variants))
            if dataset in contrasts.masked:
                measured.add("place", {**where, "square": "object"}, contrasts.lost(dataset, encoder, ["background"]))


def _reliance_rows(contrasts: Contrasts, encoder: str) -> None:
    """Reliance as it is, minus the untrained copy's, and with cut-outs along the true and the predicted outline."""
    measured, copy = contrasts.measured, facts(encoder).untrained
    for dataset in contrasts.masked:
        for arm, (_, removed) in ARMS.items():
            if ("cka", dataset, encoder, contrasts.fill, COMPLETE, removed) in measured.draws:
                where: Row = {"encoder": encoder, "dataset": dataset, "arm": arm}
                measured.add("reliance", where, contrasts.reliance(dataset, encoder, contrasts.fill, arm))
    own = [contrasts.reliance(d, encoder, f) for d, f in contrasts.cells()]
    row: Row = {"encoder": encoder} | vars(contrasts.across(own))
    if copy in contrasts.params.encoders and copy != encoder:
        minus = contrasts.across([v - contrasts.reliance(d, copy, f) for v, (d, f) in zip(own, contrasts.cells(), strict=True)])
        row |= {f"learned{end}": getattr(minus, key) for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))}
    else:
        row |= {"learned": None, "learned_low": None, "learned_high": None}
    measured.tables["reliance_all"].append(row)
