"""Claims R1-R6 and the rules that judge them, fixed before any number of the study was seen.

Quantities are means over the self-supervised encoders of the run. Intervals are percentile bootstrap intervals over the
represented images, the same images for every condition, so that differences are paired. All samples are drawn at guidance 1,
and from the same noise for every condition. A small decoder can hide what a representation holds: where a rule would call a
claim refuted because samples show too little, the ceiling (an 8 x 8 thumbnail as representation) has to show it.
"""

from collections.abc import Sequence

import numpy as np

from analysis.claims import Claim, Finding, Verdict, finding, sized, untested
from analysis.stats import Estimate
from analysis.studies.rcdm.changes import OTHER, TRAINED
from analysis.studies.rcdm.contrasts import LABEL, NULL, THUMBNAIL, Array, Contrasts
from analysis.studies.rcdm.manipulation import COMMON, RANDOM
from analysis.studies.rcdm.params import Rcdm

PAR = 1.1  # times the distance of the better twin that is still on par
FAITHFUL = 0.5  # mean reciprocal rank, and squared distance relative to that of two images, of a faithful sample
LITTLE = 0.1  # of mean reciprocal rank, above unconditional samples
VISIBLE = 0.1  # share of a change of the image that must come back in samples to be called visible
DRAWABLE = 0.5  # share that the ceiling must show before a missing change is blamed on a representation
SMALLEST = 0.02  # difference of such shares that we would call a difference
RATIO = 1.1  # of shifts under attack, supervised to self-supervised
GAIN = 0.05  # share of successful edits, above that of random dimensions
MONOTONE = 0.5  # rank correlation of the position on a path with what is seen there

R1 = Claim(
    "R1",
    "rcdm",
    "Samples are on par with good generative models.",
    "Frechet distance of samples to real images in the space of an encoder held out (FD-enc), drawn from backbones: mean, over "
    "that of the better of the two twins.",
    "The same network conditioned on nothing (null) and on the class label; as many real images in place of samples.",
    f"Supported if the ratio lies below {PAR}; not supported if it lies above; inconclusive otherwise.",
)
R2 = Claim(
    "R2",
    "rcdm",
    "Samples are faithful: their representation is close to the conditioning one.",
    "Mean reciprocal rank of the represented image among real images, by distance to the sample in the space of the backbone "
    "it was drawn from.",
    "Samples drawn from nothing, ranked in the same spaces.",
    f"Supported if it lies above {FAITHFUL}, the squared distance relative to that of two images below {FAITHFUL}, and the "
    f"gain over the control above {LITTLE}; not supported if that gain lies below {LITTLE}; inconclusive otherwise.",
)
R3 = Claim(
    "R3",
    "rcdm",
    "Backbone representations are not invariant to the training augmentations.",
    "Share of what an augmentation changes in the image that changes in samples too, drawn from backbones; mean over the "
    "augmentations of the training.",
    "The same for projectors; the untrained encoder and the thumbnail beside it.",
    f"Supported if it lies above {VISIBLE} and above that of projectors; not supported if it lies below {VISIBLE}, while the "
    f"thumbnail's lies above {DRAWABLE}; inconclusive otherwise.",
)
R4 = Claim(
    "R4",
    "rcdm",
    "Projector embeddings are invariant to them, and to more.",
    "The same share for projectors: over the augmentations of the training, and over changes no training had.",
    "Backbones.",
    f"Supported if it lies below {VISIBLE} for the training's, and below that of backbones for both kinds by more than "
    f"{SMALLEST}; not supported if it lies above {VISIBLE}, or if either gap lies below {SMALLEST}, while the thumbnail's lies "
    f"above {DRAWABLE}; inconclusive otherwise.",
)
R5 = Claim(
    "R5",
    "rcdm",
    "Self-supervised representations are more robust to small adversarial perturbations than supervised ones.",
    "Squared shift of the representation relative to that of two images, under PGD, geometric mean over sizes: supervised over "
    "self-supervised, label-free attack.",
    "The same under random perturbations of equal size.",
    f"Supported if the ratio lies above {RATIO} for the label-free attack and for that on the probe, and above the control; "
    f"not supported if it lies below {RATIO} for either; inconclusive otherwise.",
)
R6 = Claim(
    "R6",
    "rcdm",
    "Representations have a structure that allows manipulation.",
    "Share of edits by the dimensions common to a neighbourhood after which the sample has the other image's background and "
    "its own object.",
    "As many random dimensions; and the rank correlation of the position on a straight path with the background seen there.",
    f"Supported if the gain over random dimensions lies above {GAIN} and the rank correlation above {MONOTONE}; not supported "
    "if either lies below; inconclusive otherwise.",
)
CLAIMS = (R1, R2, R3, R4, R5, R6)


def judge(found: Contrasts, params: Rcdm) -> list[Finding]:
    """The verdicts on R1-R6."""
    findings = [_r1(found), _r2(found), _r3(found), _r4(found), _r5(found), _r6(found)]
    images = {"R3": params.n_changed, "R4": params.n_changed, "R5": params.n_attacked, "R6": params.n_edited}
    return [sized(each, images.get(each.id, params.n_images), params.n_bootstrap) for each in findings]


def _r1(found: Contrasts) -> Finding:
    ours, real = found.mean("fd", found.conditions("self", "backbone")), found.mean("fd", ["real"])
    twins = {name: values for name in (NULL, LABEL) if (values := found.mean("fd", [name])) is not None}
    if ours is None or real is None or not twins:
        return untested("R1", "needs a self-supervised backbone and a twin that is conditioned on nothing or on the label")
    best = min(twins, key=lambda name: twins[name][0])
    ratio, floor = found.estimate(ours / twins[best]), found.estimate(real / twins[best])
    verdict: Verdict = "supported" if ratio.below(PAR) else "not supported" if ratio.above(PAR) else "inconclusive"
    words = ", ".join(f"{name} {values[0]:.3f}" for name, values in twins.items())
    return finding("R1", verdict, ratio, floor, f"FD-enc {ours[0]:.3f}; {words}; as many real images {real[0]:.3f} (control).")


def _r2(found: Contrasts) -> Finding:
    names = found.conditions("self", "backbone")
    mrr, apart, null = (found.mean(quantity, names) for quantity in ("mrr", "distance", "mrr of null"))
    if mrr is None or apart is None or null is None:
        return untested("R2", "needs a self-supervised backbone and samples drawn from nothing")
    own, control, gain, distance = (found.estimate(values) for values in (mrr, null, mrr - null, apart))
    verdict: Verdict = "inconclusive"
    if own.above(FAITHFUL) and distance.below(FAITHFUL) and gain.above(LITTLE):
        verdict = "supported"
    elif gain.below(LITTLE):
        verdict = "not supported"
    return finding("R2", verdict, own, control, f"Relative squared distance {_interval(distance)}.")


def _shares(found: Contrasts, names: Sequence[str], changes: Sequence[str]) -> Array | None:
    return found.mean("share", names, [(change,) for change in changes])


def _drawable(found: Contrasts) -> bool:
    """The ceiling shows the augmentations of the training."""
    ceiling = _shares(found, [THUMBNAIL], TRAINED)
    return ceiling is not None and found.estimate(ceiling).above(DRAWABLE)


def _r3(found: Contrasts) -> Finding:
    back, head = (_shares(found, found.conditions("self", tap), TRAINED) for tap in ("backbone", "projector"))
    if back is None or head is None:
        return untested("R3", "needs self-supervised backbones and projectors")
    own, control, gap = (found.estimate(values) for values in (back, head, back - head))
    verdict: Verdict = "inconclusive"
    if own.above(VISIBLE) and gap.above(0):
        verdict = "supported"
    elif own.below(VISIBLE) and _drawable(found):
        verdict = "not supported"
    return finding("R3", verdict, own, control, f"Backbones exceed projectors by {_interval(gap)}. {_beside(found)}")


def _r4(found: Contrasts) -> Finding:
    values = [
        _shares(found, found.conditions("self", tap), kind) for tap in ("backbone", "projector") for kind in (TRAINED, OTHER)
    ]
    back, back_other, head, head_other = values
    if back is None or back_other is None or head is None or head_other is None:
        return untested("R4", "needs self-supervised backbones and projectors")
    own, control, gap, gap_other = (found.estimate(v) for v in (head, back, back - head, back_other - head_other))
    verdict: Verdict = "inconclusive"
    if own.below(VISIBLE) and gap.above(SMALLEST) and gap_other.above(SMALLEST):
        verdict = "supported"
    elif own.above(VISIBLE) or (_drawable(found) and (gap.below(SMALLEST) or gap_other.below(SMALLEST))):
        verdict = "not supported"
    note = f"Backbones exceed projectors by {_interval(gap)}; for other changes by {_interval(gap_other)}."
    return finding("R4", verdict, own, control, note)


def _beside(found: Contrasts) -> str:
    """The untrained encoder and the ceiling, in words."""
    words = []
    for title, names in (("untrained", found.conditions("none", "backbone")), ("thumbnail", [THUMBNAIL])):
        values = _shares(found, names, TRAINED)
        if values is not None:
            words.append(f"{title} {_interval(found.estimate(values))}")
    return f"Beside them: {'; '.join(words)}." if words else ""


def _r5(found: Contrasts) -> Finding:
    ratios = {way: _ratio(found, way) for way in ("label-free", "probe", "random")}
    if any(values is None for values in ratios.values()):
        return untested("R5", "needs a supervised and a self-supervised encoder")
    free, probe, random = (values for values in ratios.values() if values is not None)
    own, labelled, control, beyond = (found.estimate(values) for values in (free, probe, random, free / random))
    verdict: Verdict = "inconclusive"
    if own.above(RATIO) and labelled.above(RATIO) and beyond.above(1):
        verdict = "supported"
    elif own.below(RATIO) or labelled.below(RATIO):
        verdict = "not supported"
    return finding(
        "R5", verdict, own, control, f"Attack on the probe: {_interval(labelled)}. Over random: {_interval(beyond)}."
    )


def _ratio(found: Contrasts, way: str) -> Array | None:
    """Supervised over self-supervised shift, geometric means over encoders and sizes: (1 + B,)."""
    sides = []
    for supervision in ("labels", "self"):
        encoders = [name for name, kind in found.supervision.items() if kind == supervision]
        shifts = [values for key, values in found.draws.items() if key[0] == "shift" and key[1] in encoders and key[2] == way]
        if not shifts:
            return None
        sides.append(np.log(shifts).mean(axis=0))
    return np.exp(sides[0] - sides[1])


def _r6(found: Contrasts) -> Finding:
    names = found.conditions("self", "backbone")
    common, random, path = (
        *(found.mean("edit", names, [("background", rule)]) for rule in (COMMON, RANDOM)),
        found.mean("path", names),
    )
    if common is None or random is None or path is None:
        return untested("R6", "needs a self-supervised backbone and images whose background and object are known")
    own, control, gain, rho = (found.estimate(values) for values in (common, random, common - random, path))
    verdict: Verdict = "inconclusive"
    if gain.above(GAIN) and rho.above(MONOTONE):
        verdict = "supported"
    elif gain.below(GAIN) or rho.below(MONOTONE):
        verdict = "not supported"
    return finding("R6", verdict, own, control, f"Gain over random {_interval(gain)}; rank correlation {_interval(rho)}.")


def _interval(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
