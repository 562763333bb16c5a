"""Claims Q1-Q5 and the rules that judge them.

The rules were written before the first run of the study. What had been seen of it then: Q detected correct images of two
encoders with an AUROC near 0.5, and the shares of heat of two, in trial trainings of ten steps for Q4. A trial on photographs
then changed two estimates and no rule: the share of variance between classes, whose resamples had lain above it, is counted
over pairs of different images; and maps of flattened embeddings, most of them empty, keep the gradient's places.

Each quantity is a mean over the self-supervised encoders whose features have no sign, as the paper's: the claims speak of such
encoders in general. Intervals are percentile bootstrap intervals over images, the same images drawn for every encoder, so that
differences are paired; for Q4 they are Student intervals over trainings.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from analysis.claims import Claim, Finding, Verdict, finding, signed, sized, untested
from analysis.results import Row
from analysis.stats import Estimate, estimate
from analysis.studies.qscore.activity import Array
from analysis.studies.qscore.controls import RANDOM, SCORES, SPARSITY, Q
from analysis.studies.qscore.core import CENTRE, DISCRIMINATIVE, EVEN
from analysis.studies.qscore.core import RANDOM as RANDOM_MAP
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.regulariser import ARMS, BASE, FULL

SMALL_EFFECT = 0.1  # of activation, in standard deviations
SMALL_SHARE = 0.005  # of variance between classes
LITTLE_LOSS = 0.03  # of accuracy
SMALL_GAIN = 0.005  # of accuracy
DETECTS = 0.55  # AUROC of the weakest score that we would call a predictor
SMALL_AREA = 0.01  # of AUROC
SMALL_MASS = 0.01  # of heat
KEPT = 0.6

Q1 = Claim(
    "Q1",
    "qscore",
    "Features found without labels are discriminative and more active in correctly classified samples.",
    "Mean activation of the discriminative features D, correct less misclassified images, in pooled standard deviations "
    "(Cohen's d); and the share of a feature's variance that lies between classes, D less all features.",
    "Random sets of as many features: their d, and (equal to it on average) the share for all features.",
    "Supported if d lies above 0, d less that of random sets above 0, and the gain in share between classes above 0; not "
    f"supported if d less that of random sets lies below {SMALL_EFFECT} or the gain in share below {SMALL_SHARE}; inconclusive "
    "otherwise.",
)
Q2 = Claim(
    "Q2",
    "qscore",
    "The representation can be cut by up to 40 % with little loss.",
    f"Accuracy of a linear probe on the {KEPT:.0%} of features kept around D, less that on all features.",
    "As many random features; principal components, largest variance and largest mean beside them.",
    f"Supported if the loss is smaller than {LITTLE_LOSS} and D keeps more than random features do; not supported if the loss "
    f"is larger than {LITTLE_LOSS}, or if D keeps less than {SMALL_GAIN} more than random features; inconclusive otherwise.",
)
Q3 = Claim(
    "Q3",
    "qscore",
    "Q-Score predicts misclassification.",
    "AUROC of Q as a detector of correctly classified images; both areas under precision-recall curves and prevalence "
    "beside it.",
    "The better of Q with random D and of sparsity (minus the L1 norm of the unit-length representation).",
    f"Supported if AUROC lies above {DETECTS} and its gain over the control above 0; not supported if AUROC lies below "
    f"{DETECTS}, or the gain below {SMALL_AREA}; inconclusive otherwise.",
)
Q4 = Claim(
    "Q4",
    "qscore",
    "Q-Score as a regulariser raises linear-probe accuracy.",
    "Linear-probe accuracy after further training with both terms as printed, less that after the same training without; same "
    "seed, same views.",
    "The same difference for the best of: L1 term only, random D.",
    f"Supported if the difference lies above 0, and so does what it exceeds the control by; not supported if the difference "
    f"lies below {SMALL_GAIN}; inconclusive otherwise.",
)
Q5 = Claim(
    "Q5",
    "qscore",
    "Discriminative features lie on core attributes, and more so after regularisation.",
    "Share of the heat of discriminative features within the mask of what defines the class; its change by the regulariser.",
    "As many random features; a centre prior; an even map (the area of the mask).",
    "Supported if the share exceeds those of all three controls, and rises by the regulariser; not supported if its gain over "
    f"any control, or the rise, lies below {SMALL_MASS}; inconclusive otherwise, and where no encoder was regularised.",
)
CLAIMS = (Q1, Q2, Q3, Q4, Q5)
Draws = Mapping[str, Mapping[tuple[str, ...], Array]]


class Means:
    """Quantities as means over the encoders that the claims speak of."""

    def __init__(self, draws: Draws, judged: Sequence[str]) -> None:
        self.draws, self.judged = draws, judged

    def has(self, *key: str) -> bool:
        """Whether the quantity was measured for every judged encoder."""
        return bool(self.judged) and all(key in self.draws[name] for name in self.judged)

    def of(self, *key: str) -> Array:
        """(1 + B,): the value, then its draws."""
        return np.mean([self.draws[name][key] for name in self.judged], axis=0)


def judge(draws: Draws, judged: Sequence[str], trained: Sequence[Row], params: QScore, n: int) -> list[Finding]:
    """The verdicts. `judged`: the encoders that claims speak of; `trained`: rows of Q4 (or none); `n`: images judged."""
    means = Means(draws, judged)
    tested = [_q1(means), _q2(means, params), _q3(means)] if judged else [untested(id_, _NOBODY) for id_ in ("Q1", "Q2", "Q3")]
    findings = [*tested, _q4(trained), _q5(means, trained)]
    return [sized(found, n if found.id != "Q4" else len(trained), params.n_bootstrap) for found in findings]


_NOBODY = "no self-supervised encoder without signs in this run"


def _q1(means: Means) -> Finding:
    own, control, gain = (_interval(means.of("effect", kind)) for kind in ("D", "random", "gain"))
    share = _interval(means.of("eta", "gain"))
    verdict: Verdict = "inconclusive"
    if gain.below(SMALL_EFFECT) or share.below(SMALL_SHARE):
        verdict = "not supported"
    elif own.above(0) and gain.above(0) and share.above(0):
        verdict = "supported"
    note = (
        f"d less that of random sets: {signed(gain)}. Share of variance between classes, D less all features: {signed(share)}. "
        f"{len(means.judged)} encoders."
    )
    return finding("Q1", verdict, own, control, note)


def _q2(means: Means, params: QScore) -> Finding:
    if KEPT not in params.kept:
        return untested("Q2", f"the share {KEPT} is not among those kept in this run")
    full = means.of("accuracy", "all")
    own, random = (means.of("accuracy", way, f"{KEPT:g}") for way in (DISCRIMINATIVE, "random"))
    loss, control, gain = _interval(own - full), _interval(random - full), _interval(own - random)
    verdict: Verdict = "inconclusive"
    if loss.below(-LITTLE_LOSS) or gain.below(SMALL_GAIN):
        verdict = "not supported"
    elif loss.above(-LITTLE_LOSS) and gain.above(0):
        verdict = "supported"
    best = max(("pca", "variance", "magnitude"), key=lambda way: means.of("accuracy", way, f"{KEPT:g}")[0])
    other = _interval(means.of("accuracy", best, f"{KEPT:g}") - full)
    note = (
        f"D keeps {signed(gain)} more than random features; {best}: {signed(other)}. Accuracy with all features {full[0]:.3f}."
    )
    return finding("Q2", verdict, loss, control, note)


def _q3(means: Means) -> Finding:
    own = means.of("auroc", Q)
    name = max((SPARSITY, RANDOM), key=lambda score: means.of("auroc", score)[0])
    control = means.of("auroc", name)
    area, gain = _interval(own), _interval(own - control)
    verdict: Verdict = "inconclusive"
    if area.below(DETECTS) or gain.below(SMALL_AREA):
        verdict = "not supported"
    elif area.above(DETECTS) and gain.above(0):
        verdict = "supported"
    note = (
        f"Control: {SCORES[name].title}; Q exceeds it by {signed(gain)}. AUPRC(correct) {means.of('auprc_correct', Q)[0]:.3f}, "
        f"AUPRC(misclassified) {means.of('auprc_wrong', Q)[0]:.3f}, share correct {means.of('accuracy', 'all')[0]:.3f}."
    )
    return finding("Q3", verdict, area, _interval(control), note)


def _q4(trained: Sequence[Row]) -> Finding:
    if not trained:
        return untested("Q4", "no encoder was trained further in this run")
    gains = {arm: differences(trained, arm, "linear") for arm in ARMS if arm != BASE}
    name = max(("lambda2", "random"), key=lambda arm: gains[arm].mean())
    own, control, beyond = student(gains[FULL]), student(gains[name]), student(gains[FULL] - gains[name])
    verdict: Verdict = "inconclusive"
    if own.below(SMALL_GAIN):
        verdict = "not supported"
    elif own.above(0) and beyond.above(0):
        verdict = "supported"
    note = f"{len(gains[FULL])} pairs of trainings. Control: {ARMS[name].title}; both terms exceed it by {signed(beyond)}."
    return finding("Q4", verdict, own, control, note)


def _q5(means: Means, trained: Sequence[Row]) -> Finding:
    if not means.has("core", DISCRIMINATIVE, "mass", "core"):
        return untested("Q5", "no self-supervised encoder with maps, or no data set with masks, in this run")
    own = means.of("core", DISCRIMINATIVE, "mass", "core")
    others = {kind: means.of("core", kind, "mass", "core") for kind in (RANDOM_MAP, CENTRE, EVEN)}
    gains = [_interval(own - other) for other in others.values()]
    rise = student(differences(trained, FULL, f"core_{DISCRIMINATIVE}")) if trained else None
    verdict: Verdict = "inconclusive"
    if any(gain.below(SMALL_MASS) for gain in gains) or (rise and rise.below(SMALL_MASS)):
        verdict = "not supported"
    elif rise and rise.above(0) and all(gain.above(0) for gain in gains):
        verdict = "supported"
    names = ("random features", "the centre prior", "the even map")
    note = "Share of heat: gain over " + ", over ".join(f"{n} {signed(g)}" for n, g in zip(names, gains, strict=True))
    note += f". Rise by the regulariser: {signed(rise)}." if rise else ". No encoder was regularised."
    return finding("Q5", verdict, _interval(own), _interval(others[RANDOM_MAP]), note)


def differences(trained: Sequence[Row], arm: str, quantity: str) -> Array:
    """Arm less base, training by training of one method and seed."""
    found = {(row["method"], row["seed"], row["arm"]): row[quantity] for row in trained}
    pairs = [(value, found[method, seed, BASE]) for (method, seed, of), value in found.items() if of == arm]
    return np.array([value - base for value, base in pairs if None not in (value, base)], dtype=float)


def student(values: Array, level: float = 0.95) -> Estimate:
    """Mean of independent values with Student's interval; NaN limits for fewer than two."""
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return Estimate(mean, float("nan"), float("nan"))
    half = float(stats.t.ppf(0.5 + level / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, mean - half, mean + half)


def _interval(draws: Array) -> Estimate:
    return estimate(draws[0], draws[1:])
