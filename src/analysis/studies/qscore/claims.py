"""Claims Q1-Q5: the rules as data, the paper's own numbers, and the evidence of a run.

Every bound is the smallest effect of interest, and was fixed on planted representations before the numbers of a run were seen.
The claims speak of self-supervised convolutional networks in general, whose features have no sign: intervals are over such
encoders, and over images within each (`stats.over_units`). Both controls are made of the same encoders and images.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from analysis.encoders.facts import facts, not_learned, self_supervised
from analysis.prose import show
from analysis.results import Row
from analysis.rules import Claim, Condition, Evidence, Published, Rule
from analysis.stats import Estimate, over_units
from analysis.studies.base import evidence
from analysis.studies.qscore.core import CENTRE, DISCRIMINATIVE, EVEN, OTHER, PLANTED
from analysis.studies.qscore.core import RANDOM as RANDOM_MAP
from analysis.studies.qscore.measure import KEPT, NEGATIVE, OWN, POSITIVE, QMeasured
from analysis.studies.qscore.regulariser import BASE, JUDGED, LABELS, PULLS, RANDOM_D

COVERAGE = 0.9  # share of test images with a Q, from which Q can be said to predict anything
ACCURACY = (0.4, 0.95)  # of the probe: the paper's lie between .64 and .81; outside there is too little of one outcome
_PLANTED = "features of classes, planted into the same representations, that misclassified images lack"
LEARNED = "each encoder is above its untrained copy on its own data"

# Top-1 of each method (Figure 2): all features, 60 % around D, 60 % at random.
FIGURE_2 = {
    "SimCLR": (63.7, 61.8, 57.9),
    "SwAV": (69.8, 66.7, 62.7),
    "MoCo": (67.0, 65.7, 61.4),
    "BYOL": (68.6, 66.7, 63.5),
    "DINO": (75.3, 72.8, 70.5),
    "SimSiam": (68.4, 65.6, 63.3),
    "VICReg": (73.2, 70.3, 65.7),
    "Barlow Twins": (67.2, 65.5, 62.7),
}
# AUROC of Q on ImageNet-100 (Table 1); top-1 there without and with the regulariser, and the same on ImageNet-1K (Table 2).
TABLES = {
    "SimCLR": (73.26, 78.64, 80.79, 63.80, 66.18),
    "SwAV": (62.30, 74.36, 78.90, 69.95, 71.05),
    "MoCo": (63.09, 79.62, 85.16, 67.03, 69.31),
    "BYOL": (72.78, 80.88, 86.72, 69.14, 72.81),
    "DINO": (62.57, 75.41, 76.39, 75.52, 75.78),
    "SimSiam": (66.97, 78.80, 81.41, 68.62, 70.47),
    "VICReg": (69.68, 79.77, 81.56, 73.63, 74.72),
    "Barlow Twins": (69.57, 80.63, 81.03, 67.85, 69.58),
}


def _paper(values: np.ndarray) -> Estimate:
    """Mean over the paper's eight methods, with the interval over methods."""
    return over_units(values)


_full, _kept, _random = np.array(list(FIGURE_2.values())).T
_auroc, _in100, _in100_q, _in1k, _in1k_q = np.array(list(TABLES.values())).T / 100
_ON_1K = _paper(_in1k_q - _in1k)
_GAIN = float(np.mean(_in100_q - _in100))

Q1 = Claim(
    "Q1",
    "qscore",
    "Features found without labels are discriminative and more active in correctly classified samples.",
    Rule(
        (
            Condition(
                "activity",
                "activity of D in correct minus misclassified images (Cohen's d), minus that of random sets of features",
                0.1,
                "half of what is called a small effect",
            ),
            Condition(
                "selectivity",
                "share of a feature's variance that lies between classes, of D minus all features",
                0.01,
                "a hundredth of the variance; random sets differ by less",
            ),
        ),
        negative="random sets of as many features",
        positive=_PLANTED,
        preconditions=(LEARNED,),
    ),
)
Q2 = Claim(
    "Q2",
    "qscore",
    "The representation can be cut by up to 40 % with little loss.",
    Rule(
        (
            Condition(
                "kept",
                "accuracy kept by the 60 % of features around D above an untrained network, as a share of what all features "
                "have above it, all encoders together",
                0.95,
                "a loss of a twentieth of what training gave",
            ),
            Condition(
                "over random",
                "accuracy kept by D minus that kept by as many random features, on the same scale",
                0.02,
                "what another random draw changes",
            ),
        ),
        negative="as many random features in place of D",
        positive="the scores of the classes, hidden in the middle of as many features that say nothing",
        preconditions=(LEARNED,),
    ),
    Published(
        "top-1 on ImageNet-1K falls by 1.3 to 3.1 points of 64 to 75 with 60 % around D, by 4.5 to 7.5 with 60 % at random; "
        "here relative to all features, for the paper prints no untrained network",
        "Figure 2, read off to about half a point",
        {"kept": _paper(_kept / _full), "over random": _paper((_kept - _random) / _full)},
    ),
)
Q3 = Claim(
    "Q3",
    "qscore",
    "Q-Score predicts misclassification.",
    Rule(
        (
            Condition(
                "auroc",
                "AUROC of Q as a detector of correctly classified images",
                0.55,
                "the weakest score that we would call a predictor",
            ),
        ),
        negative="Q of other images",
        positive=_PLANTED,
        preconditions=(
            LEARNED,
            f"at least {COVERAGE:.0%} of the images have a Q",
            f"the probe names {ACCURACY[0]:.0%} to {ACCURACY[1]:.0%} of the images",
        ),
    ),
    Published("AUROC .62 to .73 on ImageNet-100 (ResNet-18, top-1 .74 to .81)", "Table 1", {"auroc": _paper(_auroc)}),
)
Q3B = Claim(
    "Q3b",
    "qscore",
    "Q-Score says more than sparsity does, because of its discriminative features.",
    Rule(
        (
            Condition(
                "within",
                "AUROC of Q among images of like sparsity (twentieths by L1 norm)",
                0.55,
                "the bound of Q3; what is left of sparsity itself within a twentieth stays below",
            ),
            Condition(
                "beyond random D",
                "AUROC of Q among images of like sparsity, minus that with random sets as D",
                0.02,
                "two halves of the random sets differ by less",
            ),
        ),
        negative="Q with random sets as D",
        positive=_PLANTED,
        preconditions=Q3.rule.preconditions,
    ),
    Published("not compared with sparsity, nor with any other score", "main text"),
)
Q4 = Claim(
    "Q4",
    "qscore",
    "Q-Score as a regulariser raises linear-probe accuracy.",
    Rule(
        (
            Condition(
                "gain",
                "accuracy of a linear probe after further training with Q-Score minus without, the best of the arms that pull",
                0.005,
                "half a point, below all but two of the sixteen gains that the paper prints",
            ),
        ),
        negative="the same training with random features as D",
        positive=f"the paper's mean gain, {_GAIN:.3f}, with the spread over methods that was found: would it have been seen?",
        preconditions=(f"the Q term pulls at least {PULLS:.0%} as hard on the features as the method's own loss",),
    ),
    Published(
        f"+0.4 to +5.8 points on ImageNet-100 (mean {100 * _GAIN:.2f}), +0.3 to +3.7 on ImageNet-1K (mean "
        f"{100 * _ON_1K.value:.2f} [{100 * _ON_1K.low:.2f}, {100 * _ON_1K.high:.2f}])",
        "Table 2; the verdict is on ImageNet-100",
        {"gain": _paper(_in100_q - _in100)},
    ),
)
_LIFTS = {
    f"over {words}": Condition(
        f"over {words}", f"heat of discriminative features in the core, relative to that of {words}, minus 1", 0.1, reason
    )
    for words, reason in (
        ("an even map", "a tenth more than chance"),
        ("a centre prior", "a tenth more than knowing nothing but that objects are central"),
        ("random features", "a tenth more than any active features"),
    )
}
_CONTROLS = dict(zip(_LIFTS, (EVEN, CENTRE, RANDOM_MAP), strict=True))
Q5 = Claim(
    "Q5",
    "qscore",
    "Discriminative features lie on core attributes.",
    Rule(
        tuple(_LIFTS.values()),
        negative="the core of another image",
        positive="a feature planted into the same maps that is active where the core is",
        preconditions=(LEARNED,),
    ),
    Published("shares of heat in the core above those in the spurious region for all eight methods; bars only", "Figure 6"),
)
Q5B = Claim(
    "Q5b",
    "qscore",
    "After regularisation discriminative features lie on core attributes more than before.",
    Rule(
        (
            Condition(
                "rise",
                "heat of discriminative features in the core with the regulariser relative to without, minus 1",
                0.1,
                "a tenth more, as between D and its controls",
            ),
        ),
        negative=Q4.rule.negative,
        positive="the same training with labels, ten times as strong as the method's own loss",
        preconditions=Q4.rule.preconditions,
    ),
    Published("higher with the regulariser for six of eight methods; bars only", "Figure 6"),
)
CLAIMS = (Q1, Q2, Q3, Q3B, Q4, Q5, Q5B)


def judged(measured: QMeasured) -> Mapping[str, Evidence]:
    """The evidence for every claim."""
    rows = {row["encoder"]: row for row in measured.tables["representations"]}
    unsigned = [name for name in self_supervised(rows) if not rows[name]["two_sided"]]
    failed = not_learned(unsigned)
    names = [name for name in unsigned if name not in failed]
    left_out = f"Left out: {'; '.join(failed.values())}." if failed else ""
    mixed = [name for name in names if 0 < rows[name]["value"] < 1]
    if len(names) < 2:
        found = dict.fromkeys(("Q1", "Q2", "Q3", "Q3b", "Q5"), _unmet(_TOO_FEW.format(len(names)), *failed.values()))
    else:
        found = {
            "Q1": _over(measured, ("activity", "selectivity"), mixed, left_out) if mixed else _unmet(_NO_ERRORS),
            "Q2": _q2(measured, names, left_out),
            **_q3(measured, names, rows),
            "Q5": _q5(measured, names, rows, left_out),
        }
    return found | _trainings(measured)


_NO_ERRORS = "no probe has both right and wrong answers"
_TOO_FEW = "a sentence about methods takes two self-supervised encoders that have learnt, without signs; this run has {}"


def _unmet(*reasons: str) -> Evidence:
    return Evidence(unmet=reasons)


def _over(measured: QMeasured, quantities: Sequence[str], names: Sequence[str], note: str) -> Evidence:
    """Evidence whose quantities were measured under these very names for every subject."""

    def of(subject: str) -> Mapping[str, Estimate]:
        return {what: measured.over([measured.draws[what, subject, name] for name in names]) for what in quantities}

    return evidence(of, OWN, NEGATIVE, POSITIVE, n=len(names), unit="encoders", note=note)


def _q2(measured: QMeasured, names: Sequence[str], note: str) -> Evidence:
    if ("accuracy", OWN, "kept", names[0]) not in measured.draws:
        return _unmet(f"the share {KEPT} is not among those kept in this run")

    chance = np.full(measured.n_bootstrap + 1, 1 / measured.n_classes)

    def floor(name: str) -> np.ndarray:
        """Accuracy of the untrained copy; of a guess where there is none, as of published networks."""
        return measured.draws.get(("accuracy", OWN, "all", str(facts(name).untrained)), chance)

    def of(subject: str) -> Mapping[str, Estimate]:
        said = {what: [measured.draws["accuracy", subject, what, name] for name in names] for what in ("all", "kept", "random")}
        floors = [floor(name) for name in names]
        spans = [every - low for every, low in zip(said["all"], floors, strict=True)]
        kept = [own - low for own, low in zip(said["kept"], floors, strict=True)]
        over = [own - random for own, random in zip(said["kept"], said["random"], strict=True)]
        return {"kept": measured.share(kept, spans), "over random": measured.share(over, spans)}

    return evidence(of, OWN, NEGATIVE, POSITIVE, n=len(names), unit="encoders", note=note)


def _q3(measured: QMeasured, names: Sequence[str], rows: Mapping[str, Row]) -> dict[str, Evidence]:
    """Only encoders with enough images that have a Q, and enough of both outcomes."""
    fit = [name for name in names if rows[name]["coverage"] >= COVERAGE and ACCURACY[0] <= rows[name]["value"] <= ACCURACY[1]]
    coverage, accuracy = ([rows[name][key] for name in names] for key in ("coverage", "value"))
    if len(fit) < 2:
        reason = f"{len(fit)} of {len(names)} encoders have both a Q for {COVERAGE:.0%} of the images (theirs: "
        reason += f"{min(coverage):.0%} to {max(coverage):.0%}) and a probe within {ACCURACY[0]:.0%} to {ACCURACY[1]:.0%} "
        reason += f"(theirs: {min(accuracy):.0%} to {max(accuracy):.0%})"
        return dict.fromkeys(("Q3", "Q3b"), _unmet(reason))
    eps = [rows[name]["eps"] for name in fit]
    note = f"{len(fit)} of {len(names)} encoders have enough images with a Q and enough of both outcomes; eps {min(eps):g} to "
    note += f"{max(eps):g}."
    return {
        "Q3": _over(measured, ("auroc",), fit, note),
        "Q3b": _over(measured, ("within", "beyond random D"), fit, note),
    }


def _q5(measured: QMeasured, names: Sequence[str], rows: Mapping[str, Row], note: str) -> Evidence:
    """How the supervised encoders of the run do is said beside: one may well look at the background."""
    labelled = [n for n in rows if facts(n).objective == "supervised" and ("core", DISCRIMINATIVE, "core", n) in measured.draws]
    mapped = [name for name in names if ("core", DISCRIMINATIVE, "core", name) in measured.draws]
    if not mapped:
        return _unmet("no self-supervised encoder with maps, or no data set with masks, in this run")

    def lift(name: str, subject: str, region: str, control: str) -> np.ndarray:
        return measured.draws["core", subject, region, name] / measured.draws["core", control, region, name] - 1

    def of(subject: tuple[str, str]) -> Mapping[str, Estimate]:
        return {what: measured.over([lift(n, *subject, control) for n in mapped]) for what, control in _CONTROLS.items()}

    for name in labelled:
        each = [measured.estimate(lift(name, DISCRIMINATIVE, "core", control)) for control in _CONTROLS.values()]
        told = (f"{words} {show(found)}" for words, found in zip(_CONTROLS, each, strict=True))
        note += f" {facts(name).title}: {', '.join(told)}."
    subjects = (DISCRIMINATIVE, "core"), (DISCRIMINATIVE, OTHER), (PLANTED, "core")
    return evidence(of, *subjects, n=len(mapped), unit="encoders", note=note.strip())


Change = Callable[[QMeasured, Sequence[Row], str], list[np.ndarray]]


def _trainings(measured: QMeasured) -> dict[str, Evidence]:
    """Q4 and the second half of Q5, from the further trainings, over methods; seeds are averaged within."""
    trained = measured.tables["trained"]
    if not trained:
        return dict.fromkeys(("Q4", "Q5b"), _unmet("no encoder was trained further in this run"))
    return {
        "Q4": _trained(measured, trained, "gain", gains, planted=_GAIN),
        "Q5b": _trained(measured, trained, "rise", rises),
    }


def _trained(measured: QMeasured, trained: Sequence[Row], name: str, change: Change, planted: float | None = None) -> Evidence:
    """Of the best arm; the positive control is the effect `planted`, as uncertain as the one found, or the arm with labels."""
    present = {row["arm"] for row in trained}
    arms = [arm for arm in JUDGED if _pulls(trained, arm)]
    needed = {arm: words for arm, words in _NEEDED.items() if arm != LABELS or planted is None}
    unmet = [f"no training with {words} is at hand" for arm, words in needed.items() if arm not in present]
    if not arms:
        unmet.insert(0, f"no arm pulls {PULLS:.0%} as hard as the loss in every method")

    def over(arm: str, comparisons: int = 1) -> Estimate:
        if arm not in present:
            return Estimate(float("nan"), float("nan"), float("nan"))
        return measured.over(change(measured, trained, arm), comparisons)

    tried = [over(arm, len(arms)) for arm in arms] or [over("")]
    methods = len({row["method"] for row in trained})
    best = max(tried, key=lambda e: e.value)
    seen = over(LABELS) if planted is None else Estimate(*(planted + e - best.value for e in (best.value, best.low, best.high)))
    return Evidence({name: best}, {name: over(RANDOM_D)}, {name: seen}, methods, "methods", tuple(unmet))


_NEEDED = {RANDOM_D: "random features as D, the negative control,", LABELS: "labels, the positive control,"}


def _pulls(trained: Sequence[Row], arm: str) -> bool:
    """Whether the Q term of an arm pulls hard enough at the first step of every training."""
    share = [row["pull_q_first"] / row["pull_own_first"] for row in trained if row["arm"] == arm]
    return bool(share) and min(share) >= PULLS


def gains(measured: QMeasured, trained: Sequence[Row], arm: str) -> list[np.ndarray]:
    """Accuracy of an arm minus that of the same training without regulariser, (1 + B,) per method, mean over seeds.

    Draws resample the images where a row tells which of them were right; older rows hold the share alone.
    """
    return [np.mean([_gain(measured, *pair) for pair in pairs], axis=0) for pairs in _pairs(trained, arm).values()]


def rises(measured: QMeasured, trained: Sequence[Row], arm: str) -> list[np.ndarray]:
    """Heat in the core with an arm relative to without, minus 1, (1 + B,) per method, over all its seeds."""
    key, found = f"core_{DISCRIMINATIVE}", []
    for pairs in _pairs(trained, arm).values():
        own, base = (np.mean([row[key] for row in side]) for side in zip(*pairs, strict=True))
        found.append(np.full(measured.n_bootstrap + 1, own / base - 1))
    return found


def _gain(measured: QMeasured, own: Row, base: Row) -> np.ndarray:
    if "correct" not in own:
        return np.full(measured.n_bootstrap + 1, own["linear"] - base["linear"])
    bits = [np.frombuffer(bytes.fromhex(row["correct"]), np.uint8) for row in (own, base)]
    right = [np.unpackbits(part, count=own["n_test"]).astype(float) for part in bits]
    return measured.mean(right[0] - right[1])


def _pairs(trained: Sequence[Row], arm: str) -> dict[str, list[tuple[Row, Row]]]:
    """Method -> (row of the arm, row of the same seed without regulariser)."""
    base = {(row["method"], row["seed"]): row for row in trained if row["arm"] == BASE}
    found: dict[str, list[tuple[Row, Row]]] = {}
    for row in trained:
        if row["arm"] == arm:
            found.setdefault(row["method"], []).append((row, base[row["method"], row["seed"]]))
    return found
