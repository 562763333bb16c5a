"""Claims L1-L5 and the rules that judge them, fixed before any number of the study was seen, but for the last of those below.

`SMALLEST` is the smallest difference, in mIoU or in a share of queries, that we would call a difference. Intervals are
percentile bootstrap intervals over test images, the same images for every encoder and setting, so differences are paired.
How many dimensions are removed is a parameter with the published share (200 of 768) as its value; it is not tuned. Encoders
whose linear probe on whole images is hardly above that of an untrained one are shown, and left out of all claims; this was
added when the card of the small SimMIM showed such a probe, before its patches were measured. (It has been read at its middle
block since, where its probe passes.)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.claims import Claim, Finding, Verdict, finding, signed, untested
from analysis.results import Row
from analysis.stats import Estimate
from analysis.studies.local_vit.contrasts import AS_THEY_COME, COMMON, COSINE, DISTILLED, WITHOUT_RANDOM, WITHOUT_TOP, Contrasts

SMALLEST = 0.02
LEARNT = 0.05  # linear probe above that of the untrained twin, below which an encoder is no evidence about its method
HALF = 0.5  # share of the variance that the removed dimensions must hold to be called high-variance
STUDY = "local_vit"

L1 = Claim(
    "L1",
    STUDY,
    "Patch features of contrastive and self-distilled models work with no tuning, those of masked image modelling do not.",
    "Few-shot segmentation by the nearest patch (k = 1): mIoU of the self-distilled encoders less that of the masked-image "
    "ones, means over encoders and data sets; features as they come, compared by inner product, as in the paper.",
    "The same gap with one transform and metric for all (standardised, cosine); the lead of the self-distilled encoders over "
    "an untrained one.",
    f"Supported if both gaps lie above {SMALLEST} and the lead over the untrained above 0; not supported if either gap lies "
    f"below {SMALLEST}; inconclusive otherwise. Encoders that hardly learnt are left out: a linear probe less than {LEARNT} "
    "above the untrained one's.",
)
L2 = Claim(
    "L2",
    STUDY,
    "MAE features have dimensions of high variance that hurt nearest neighbours and carry little information.",
    "mIoU gained by MAE when the dimensions of highest variance are removed, less that gained when as many random ones are; "
    "nearest patch, inner product.",
    "As many random dimensions (inside the quantity); a linear probe with and without the dimensions.",
    f"Supported if the removed dimensions hold at least {HALF:.0%} of the variance, the quantity lies above {SMALLEST}, and "
    f"what a linear probe loses without them lies below {SMALLEST}; not supported if they hold less, the quantity lies below "
    f"{SMALLEST}, or the loss lies above {SMALLEST}; inconclusive otherwise.",
)
L3 = Claim(
    "L3",
    STUDY,
    "Removing the dimensions of highest variance improves nearest neighbours of MAE.",
    "mIoU of MAE without them less mIoU with them; nearest patch, inner product.",
    "As many random dimensions removed.",
    f"Supported if the gain lies above {SMALLEST} and above that of random dimensions; not supported if it lies below "
    f"{SMALLEST} or below that of random dimensions; inconclusive otherwise.",
)
L4 = Claim("L4", STUDY, "Removing them improves Scale-MAE too.", "As L3, for Scale-MAE.", L3.control, L3.rule)
L5 = Claim(
    "L5",
    STUDY,
    "There is a setting of instance retrieval in which DINOv2 falls short of DINO.",
    "Recall of the same patch under a known change of the image, and of the same object among others: DINO less DINOv2, in the "
    "setting where it is largest; Bonferroni over the settings.",
    "Equal patch grids; coordinates as features, which must find every patch (the value shown); both inner product and cosine.",
    f"Supported if in some setting the difference lies above {SMALLEST} by inner product and by cosine; not supported if in "
    f"every setting it lies below {SMALLEST} by one of the two; inconclusive otherwise.",
)
CLAIMS = (L1, L2, L3, L4, L5)


def judge(contrasts: Contrasts, held: Mapping[str, float], perfect: float | None, n: int, draws: int) -> list[Finding]:
    """The verdicts on L1-L5.

    `held`: encoder -> share of variance in the removed dimensions, mean over data sets; `perfect`: recall of coordinates as
    features; `n`: test images of the smallest data set.
    """
    mae, scale = contrasts.encoders(("mae",)), contrasts.encoders(("scale-mae",))
    findings = (
        _judge_l1(contrasts),
        _judge_l2(contrasts, mae, held),
        _judge_removal(contrasts, "L3", "MAE", mae),
        _judge_removal(contrasts, "L4", "Scale-MAE", scale),
        _judge_l5(contrasts, perfect),
    )
    return [Finding(**{**vars(finding), "n": n, "draws": draws}) for finding in findings]


def unlearnt(encoders: Sequence[Row]) -> list[str]:
    """Self-supervised encoders that hardly learnt: linear probe less than `LEARNT` above the untrained encoder of the run.

    `encoders`: rows with `encoder`, `supervision` and `probe`, as measured on whole images when each was trained; one whose
    probe nobody measured is not judged.
    """
    known = [row for row in encoders if row["probe"] is not None]
    bar = max((row["probe"] for row in known if row["supervision"] == "none"), default=-1.0) + LEARNT
    return [row["encoder"] for row in known if row["supervision"] == "self" and row["probe"] < bar]


def families(contrasts: Contrasts) -> list[Row]:
    """Self-distilled less masked, for every probe and setting that was measured."""
    rows = []
    for probe, cell in dict.fromkeys((probe, cell) for probe, _, _, cell in contrasts.draws):
        for dataset in contrasts.datasets(probe):
            values = contrasts.gap(probe, cell, dataset)
            if values is not None:
                rows.append({"probe": probe, "dataset": dataset, "cell": cell, **vars(contrasts.estimate(values))})
    return rows


def _judge_l1(contrasts: Contrasts) -> Finding:
    gaps = [contrasts.gap("knn", cell) for cell in (AS_THEY_COME, COMMON)]
    ours, untrained = (
        contrasts.mean("knn", contrasts.encoders(methods), AS_THEY_COME) for methods in (DISTILLED, ("untrained",))
    )
    if gaps[0] is None or gaps[1] is None or ours is None or untrained is None:
        return untested("L1", "needs self-distilled, masked-image and untrained encoders, and a data set to segment")
    plain, common, lead = (contrasts.estimate(values) for values in (gaps[0], gaps[1], ours - untrained))
    verdict: Verdict = "inconclusive"
    if plain.above(SMALLEST) and common.above(SMALLEST) and lead.above(0):
        verdict = "supported"
    elif plain.below(SMALLEST) or common.below(SMALLEST):
        verdict = "not supported"
    note = f"Control: the gap with one transform for all. Lead of the self-distilled over untrained: {signed(lead)}."
    if contrasts.left_out:
        note += f" Left out, having learnt too little: {', '.join(contrasts.titles[name] for name in contrasts.left_out)}."
    return finding("L1", verdict, plain, common, note)


def _judge_l2(contrasts: Contrasts, mae: Sequence[str], held: Mapping[str, float]) -> Finding:
    top, random = contrasts.gain(mae, WITHOUT_TOP), contrasts.gain(mae, WITHOUT_RANDOM)
    full, less = contrasts.mean("linear", mae, "all"), contrasts.mean("linear", mae, "without top")
    if top is None or random is None or full is None or less is None:
        return untested("L2", "needs an MAE encoder and a data set to segment")
    found, control, loss = (contrasts.estimate(values) for values in (top - random, random, full - less))
    share = float(np.mean([held[name] for name in mae]))
    verdict: Verdict = "inconclusive"
    if share >= HALF and found.above(SMALLEST) and loss.below(SMALLEST):
        verdict = "supported"
    elif share < HALF or found.below(SMALLEST) or loss.above(SMALLEST):
        verdict = "not supported"
    note = f"They hold {share:.0%} of the variance; a linear probe loses {signed(loss)} mIoU without them."
    return finding("L2", verdict, found, control, note)


def _judge_removal(contrasts: Contrasts, id_: str, name: str, encoders: Sequence[str]) -> Finding:
    top, random = contrasts.gain(encoders, WITHOUT_TOP), contrasts.gain(encoders, WITHOUT_RANDOM)
    standard, cosine = contrasts.gain(encoders, COMMON), contrasts.gain(encoders, COSINE)
    if top is None or random is None or standard is None or cosine is None:
        return untested(id_, f"needs a {name} encoder and a data set to segment")
    gain, control, more = (contrasts.estimate(values) for values in (top, random, top - random))
    verdict: Verdict = "inconclusive"
    if gain.above(SMALLEST) and more.above(0):
        verdict = "supported"
    elif gain.below(SMALLEST) or more.below(0):
        verdict = "not supported"
    note = f"Without removing anything, cosine gains {signed(contrasts.estimate(cosine))}, standardising with cosine "
    return finding(id_, verdict, gain, control, note + f"{signed(contrasts.estimate(standard))}.")


def _judge_l5(contrasts: Contrasts, perfect: float | None) -> Finding:
    found = shortfalls(contrasts)
    if not found:
        return untested("L5", "needs a DINO and a DINOv2 encoder, and a data set for retrieval")
    verdict: Verdict = "inconclusive"
    if any(all(e.above(SMALLEST) for e in both) for both in found.values()):
        verdict = "supported"
    elif all(any(e.below(SMALLEST) for e in both) for both in found.values()):
        verdict = "not supported"
    setting, (ip, cosine) = max(found.items(), key=lambda item: min(e.low for e in item[1]))
    control = None if perfect is None else Estimate(perfect, perfect, perfect)
    note = f"Setting: {setting}, by cosine; by inner product {signed(ip)}. {len(found)} settings."
    return finding("L5", verdict, cosine, control, note)


def shortfalls(contrasts: Contrasts) -> dict[str, tuple[Estimate, Estimate]]:
    """Setting -> DINO less DINOv2, by inner product and by cosine, with intervals that hold for all settings together."""
    names = [contrasts.encoders((word,)) for word in ("dino", "dinov2")]
    settings = dict.fromkeys((p, d) for p, d, _, _ in contrasts.draws if p.startswith(("patch: ", "object")))
    values: dict[str, list] = {}
    for probe, dataset in settings:
        for cell in (AS_THEY_COME, COSINE):
            dino, dinov2 = (contrasts.mean(probe, encoders, cell, dataset) for encoders in names)
            if dino is not None and dinov2 is not None:
                values.setdefault(f"{probe}, {dataset}", []).append(dino - dinov2)
    return {
        setting: (contrasts.estimate(both[0], len(values)), contrasts.estimate(both[1], len(values)))
        for setting, both in values.items()
        if len(both) == 2
    }
