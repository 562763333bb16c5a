"""The quantities behind Q1-Q5, on their subjects and on both controls, from what a run has measured.

The claims speak of self-supervised convolutional networks in general, whose features have no sign: intervals are over such
encoders, and over images within each (`stats.over_units`). Both controls are made of the same encoders and images.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from analysis.encoders.facts import facts, not_learned, self_supervised
from analysis.prose import show
from analysis.results import Row
from analysis.rules import Evidence
from analysis.stats import Estimate
from analysis.studies.base import evidence
from analysis.studies.qscore.claims import ACCURACY, CONTROLS, COVERAGE, GAIN
from analysis.studies.qscore.core import DISCRIMINATIVE, OTHER, PLANTED
from analysis.studies.qscore.measure import KEPT, NEGATIVE, OWN, POSITIVE, QMeasured
from analysis.studies.qscore.regulariser import BASE, JUDGED, LABELS, PULLS, RANDOM_D


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
        """The quantities of a subject: the claim's own, or a control."""
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
        """Shares of what all features have above the floor: kept, and kept beyond random features."""
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
        """Heat of a map in a region relative to that of a control, minus 1, (1 + B,)."""
        return measured.draws["core", subject, region, name] / measured.draws["core", control, region, name] - 1

    def of(subject: tuple[str, str]) -> Mapping[str, Estimate]:
        """Mean lift of (map, region) over each control."""
        return {what: measured.over([lift(n, *subject, control) for n in mapped]) for what, control in CONTROLS.items()}

    for name in labelled:
        each = [measured.estimate(lift(name, DISCRIMINATIVE, "core", control)) for control in CONTROLS.values()]
        told = (f"{words} {show(found)}" for words, found in zip(CONTROLS, each, strict=True))
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
        "Q4": _trained(measured, trained, "gain", gains, planted=GAIN),
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
        """Mean change over methods; NaN where no training with the arm is at hand."""
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
