"""Everything the study measures of its encoders and of both controls: tables for the page, draws for the claims.

Subjects of a claim: `own`, the discriminative features of an encoder; `negative`, for which the claim is false by construction;
`positive`, for which it is true. Controls are made from the same encoder, images and errors, so that their intervals are
those of the claim's own.
"""

from dataclasses import dataclass

import numpy as np

from analysis import encoders
from analysis.encoders.facts import facts
from analysis.results import Row
from analysis.studies.base import Measured
from analysis.studies.qscore import compression, core, tuning
from analysis.studies.qscore.activity import STEPS, Array, Definition, Discriminative, discover
from analysis.studies.qscore.attribution import has_maps
from analysis.studies.qscore.controls import DRAWS, SCORES, SPARSITY, Q, all_scores, random_q, random_sets
from analysis.studies.qscore.data import Split, size_for, split
from analysis.studies.qscore.detection import Detection, auroc_within, detect, risk_coverage
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.planted import CLEAR, plant
from analysis.studies.qscore.representation import Representation, represent
from analysis.studies.qscore.scores import q_score, sparsity
from analysis.studies.qscore.selectivity import activity, effect, selectivity
from analysis.threads import side_by_side

OWN, NEGATIVE, POSITIVE = ("own", "negative", "positive")
KEPT = 0.6  # the cut of 40 % that the paper speaks of
SETS = 40  # random sets of features whose activity is compared with that of D
AREAS = tuple(Detection.__dataclass_fields__)
RISKS = (Q, SPARSITY, "neighbours", "softmax")  # scores with a risk-coverage curve
AT = np.linspace(0.05, 1, 20)
PLACES = 65  # points of a curve of activity


@dataclass
class QMeasured(Measured):
    """`Measured`, with the images and the first encoder's representation for pictures."""

    n_classes: int = 2
    data: Split | None = None
    first: Representation | None = None


def measure(params: QScore) -> QMeasured:
    """Q1, Q2, Q3 and Q5 for every encoder on the same images, and the further trainings of Q4.

    Raises:
        UserError: a data set has no masks; before any work.
    """
    mask_size = size_for(params.mask_dataset, params.encoders)
    regions = core.regions(params.mask_dataset, params.n_mask_images, mask_size) if params.mask_dataset else None
    data = split(params.dataset, size_for(params.dataset, params.encoders), params.n_train, params.n_test, params.seed)
    measured = QMeasured(params.seed, params.n_bootstrap, n_classes=len(np.unique(data.labels)), data=data)

    def one(name: str) -> QMeasured:
        """Everything about one encoder."""
        return of_encoder(name, data, regions, params)

    for name, part in zip(params.encoders, side_by_side(one, params.encoders, "encoders", "encoder"), strict=True):
        measured.join(part)
        if name == params.encoders[0]:
            measured.first = part.first
    measured.tables["trained"] = tuning.rows(params)
    return measured


def of_encoder(name: str, data: Split, regions: core.Regions | None, params: QScore) -> QMeasured:
    """All tables and draws of one encoder."""
    encoder = encoders.load(name, params.device)
    definition = Definition(params.eps, params.low_percentile, params.high_percentile)
    shown = represent(encoder, data, definition, params.min_coverage)
    part = of_representation(name, shown, data, definition, params)
    if regions is not None and has_maps(encoder):
        _core(part, name, core.heat(encoder, regions, shown.of, params.seed), regions)
    return part


def of_representation(name: str, shown: Representation, data: Split, definition: Definition, params: QScore) -> QMeasured:
    """All that features and labels alone say; `name` tells how the encoder was trained."""
    part = QMeasured(params.seed, params.n_bootstrap, first=shown)
    weights = part.weights(data.clusters).astype(np.float32)
    _describe(part, name, shown, weights)
    _discriminative(part, name, OWN, shown.y, shown.of, shown.correct, data, weights)
    _detection(part, name, shown, weights)
    if facts(name).supervision == "self" and not shown.of.definition.two_sided:
        _planted(part, name, shown, data, weights)
    _sweep(part, name, shown, weights)
    _compression(part, name, shown, data, definition, weights, params)
    return part


def _describe(part: Measured, name: str, shown: Representation, weights: Array) -> None:
    """The encoder's probe, its D and how often Q is defined; and A, sorted."""
    of, scores = shown.of, q_score(shown.y, shown.of.features, shown.of.definition)
    literal = discover(shown.x, Definition(4.0, of.definition.low, of.definition.high, of.definition.two_sided))
    row = {"encoder": name, "r": shown.y.shape[1], "eps": of.definition.eps, "two_sided": of.definition.two_sided}
    row |= {"size": int(of.features.sum()), "never": int((of.percent == 0).sum()), "coverage": scores.coverage}
    row |= {"coverage_train": of.coverage, "coverage_at_4": literal.coverage, "q": float(scores.value.mean())}
    part.add("representations", row, _share(shown.correct, weights), ("accuracy", OWN, "all", name))
    ranked = np.sort(of.percent)
    for place in np.unique(np.linspace(0, len(ranked) - 1, PLACES).round().astype(int)):
        part.tables["frequency"].append({"encoder": name, "rank": place / (len(ranked) - 1), "percent": float(ranked[place])})


def _share(correct: Array, weights: Array) -> Array:
    return np.asarray((weights @ np.asarray(correct, dtype=weights.dtype)) / weights.sum(1), dtype=float)


def _discriminative(
    part: Measured, name: str, subject: str, y: Array, of: Discriminative, correct: Array, data: Split, weights: Array
) -> None:
    """Q1 of D, minus random sets (activity) or all features (selectivity); of its own encoder also with a random D."""
    active, sets = activity(y, of.definition), random_sets(of.features, SETS, part.seed)
    values = active @ np.stack([of.features, *sets], axis=1).astype(active.dtype)
    own, *others = (effect(values[:, k], correct, weights) for k in range(SETS + 1))
    random, half = np.stack(others), SETS // 2
    shares = selectivity(y, data.truth, weights)
    inside, every = shares[:, of.features].mean(1) if of.features.any() else 0 * shares[:, 0], shares.mean(1)
    for what, gain in (("activity", own - random.mean(0)), ("selectivity", inside - every)):
        part.draws[what, subject, name] = gain
    if subject != OWN:
        return
    part.draws["activity", NEGATIVE, name] = random[:half].mean(0) - random[half:].mean(0)
    part.draws["selectivity", NEGATIVE, name] = np.mean([shares[:, some].mean(1) for some in sets], axis=0) - every
    for what, features, draws in (
        ("activity", "D", own),
        ("activity", "random", random.mean(0)),
        ("selectivity", "D", inside),
        ("selectivity", "all", every),
    ):
        part.add("activity", {"encoder": name, "what": what, "features": features}, draws)


def _detection(part: Measured, name: str, shown: Representation, weights: Array) -> None:
    """Q3 of every score; of Q also among images of like sparsity; the controls are Q of other images and random D."""
    scores = all_scores(shown.x, shown.y, shown.of, shown.probabilities, part.seed)
    for score, values in scores.items():
        areas = detect(values, shown.correct, weights)
        row: Row = {"encoder": name, "score": score, "title": SCORES[score].title, "kind": SCORES[score].kind}
        for area in AREAS:
            interval = part.estimate(getattr(areas, area))
            row |= {area: interval.value, f"{area}_low": interval.low, f"{area}_high": interval.high}
        part.tables["detection"].append(row)
        part.draws["auroc", score, name] = areas.auroc
        for at, risk in zip(AT, risk_coverage(values, shown.correct, AT), strict=True) if score in RISKS else ():
            part.tables["risk"].append({"encoder": name, "score": score, "coverage": float(at), "risk": float(risk)})
    part.draws["auroc", OWN, name] = part.draws["auroc", Q, name]
    other = np.random.default_rng(part.seed).permutation(len(shown.correct))
    part.draws["auroc", NEGATIVE, name] = detect(scores[Q][other], shown.correct, weights).auroc
    own, random = _within(part, name, OWN, shown.y, shown.of, shown.correct, weights)
    part.add("within", {"encoder": name, "features": "D"}, own)
    part.add("within", {"encoder": name, "features": "random"}, random)


def _within(
    part: Measured, name: str, subject: str, y: Array, of: Discriminative, correct: Array, weights: Array
) -> tuple[Array, Array]:
    """AUROC of Q among images of like sparsity, with D and with random D; enters them as evidence for Q3b."""
    control = sparsity(y)
    random = np.stack([auroc_within(q, correct, control, weights) for q in random_q(y, of, part.seed)])
    own, half = auroc_within(q_score(y, of.features, of.definition).value, correct, control, weights), DRAWS // 2
    part.draws["within", subject, name], part.draws["beyond random D", subject, name] = own, own - random.mean(0)
    if subject == OWN:
        part.draws["within", NEGATIVE, name] = random[:half].mean(0)
        part.draws["beyond random D", NEGATIVE, name] = random[:half].mean(0) - random[half:].mean(0)
    return own, random.mean(0)


def _planted(part: Measured, name: str, shown: Representation, data: Split, weights: Array) -> None:
    """The positive controls of Q1, Q3 and Q3b: class features planted into the encoder's own representation."""
    classes, clear = np.unique(data.labels), np.where(shown.correct, CLEAR[1], CLEAR[0])
    x = plant(shown.x, data.labels, np.full(len(shown.x), clear.mean()), classes, shown.of, part.seed)
    y = plant(shown.y, data.truth, clear, classes, shown.of, part.seed + 1)
    of = discover(x, shown.of.definition)
    _discriminative(part, name, POSITIVE, y, of, shown.correct, data, weights)
    _within(part, name, POSITIVE, y, of, shown.correct, weights)
    score = q_score(y, of.features, of.definition).value
    part.draws["auroc", POSITIVE, name] = detect(score, shown.correct, weights).auroc


def _sweep(part: Measured, name: str, shown: Representation, weights: Array) -> None:
    """How the score depends on eps; D is chosen anew for each."""
    given = shown.of.definition
    for eps in STEPS:
        tried = Definition(eps, given.low, given.high, given.two_sided)
        scores = q_score(shown.y, discover(shown.x, tried).features, tried)
        row = {"encoder": name, "eps": eps, "coverage": scores.coverage}
        part.add("sweep", row, detect(scores.value, shown.correct, weights).auroc)


def _compression(
    part: Measured, name: str, shown: Representation, data: Split, definition: Definition, weights: Array, params: QScore
) -> None:
    """Q2: accuracy by the share of features kept; at 60 % by every way, and with a random set in place of D."""
    for kept in params.keep_fractions:
        hits: dict[str, list[Array]] = {}
        draws = params.n_random_subsets if kept == KEPT else 2
        given = (shown.of.percent, kept, definition, draws, params.seed, kept == KEPT)
        for way, x, y in compression.ways(shown.x, data.labels, shown.y, *given):
            hits.setdefault(way, []).append(compression.refit(shown.probe, x, data.labels, y, data.truth))
        for way, correct in hits.items():
            part.add("compression", {"encoder": name, "way": way, "kept": kept}, _share(np.mean(correct, axis=0), weights))
        if kept == KEPT:
            random, half = hits[compression.RANDOM], params.n_random_subsets // 2
            parts = {(OWN, "kept"): hits[compression.DISCRIMINATIVE], (OWN, "random"): random}
            parts |= {(NEGATIVE, "kept"): random[:half], (NEGATIVE, "random"): random[half:]}
            for (subject, what), correct in parts.items():
                part.draws["accuracy", subject, what, name] = _share(np.mean(correct, axis=0), weights)
            part.draws["accuracy", NEGATIVE, "all", name] = part.draws["accuracy", OWN, "all", name]
            if facts(name).supervision == "self":
                _concentrated(part, name, shown, data, definition, weights, params)
    for way in compression.WAYS:
        part.add("compression", {"encoder": name, "way": way, "kept": 1.0}, part.draws["accuracy", OWN, "all", name])


def _concentrated(
    part: Measured, name: str, shown: Representation, data: Split, definition: Definition, weights: Array, params: QScore
) -> None:
    """The positive control of Q2: what the cut around D removes says nothing."""
    x, y, percent = compression.concentrated(shown.probe, shown.x, shown.y, shown.of.percent, params.seed)
    subsets = [("kept", compression.kept_features(percent, KEPT, definition)), ("all", np.arange(x.shape[1]))]
    subsets += [("random", some) for some in compression.random_subsets(x.shape[1], KEPT, 2, params.seed)]
    hits: dict[str, list[Array]] = {}
    for what, subset in subsets:
        correct = compression.refit(shown.probe, x[:, subset], data.labels, y[:, subset], data.truth)
        hits.setdefault(what, []).append(correct)
    for what, each in hits.items():
        part.draws["accuracy", POSITIVE, what, name] = _share(np.mean(each, axis=0), weights)


def _core(part: Measured, name: str, maps: dict[str, Array], regions: core.Regions) -> None:
    """Q5: agreement of maps with regions, over the images whose maps are all defined; NaN rows count as none.

    Where no image has all maps and all regions nothing is entered, and claims about this encoder stay untested.
    """
    agreed = core.overlaps(maps, regions)
    together = np.isfinite(np.stack(list(agreed.values()))).all(axis=0)
    if together.any():
        for (kind, name_of, region), values in agreed.items():
            row = {"encoder": name, "map": kind, "measure": name_of, "region": region, "n": int(together.sum())}
            key = ("core", kind, region, name) if name_of == "mass" else None
            part.add("core", row, part.mean(np.where(together, values, np.nan), regions.clusters), key)
