"""Claims B1-B6 and the rules that judge them.

No rule or threshold was changed after a number of the study had been seen. Changed were the draws of B6, now centred on the
estimate that noise had pulled them off (the verdict stayed), and how many images a run takes, for time.

Accuracies are of probes fitted on training images and scored on test images; intervals are percentile bootstrap intervals over
test images, the same for every encoder, so differences are paired.
"""

from collections.abc import Sequence

import numpy as np

from analysis.claims import Claim, Finding, Verdict, finding, signed, sized, untested
from analysis.encoders.methods import METHODS
from analysis.results import Row
from analysis.stats import Estimate
from analysis.studies.bagssl.contrasts import COSINES, GRID, PROBES, SHUFFLED, TRUE, UNLIKE, VIEWS, WHOLE, Contrasts, bag
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.roles import pairs

STUDY = "bagssl"
SMALLEST = 0.02  # smallest difference of accuracy, or of R2, that we would call one
MOST = 0.5  # share of what the whole image yields above chance that is "most of it"
ABOUT = 0.7  # centred cosine of two embeddings that are about the same: each then tells half of the other's variance
APART = 0.05  # smallest difference of centred cosines that we would call one
EXACT = 1e-9  # largest departure from an identity, relative to its terms, that rounding explains

B1 = Claim(
    "B1",
    STUDY,
    "Training on patches of one size and averaging is as good as the multi-scale baseline.",
    "Accuracy of the mean over patches, encoders trained on such patches, less that of their multi-scale twins on whole "
    "images; mean over the twins that saw as many images and as many views of them. Linear probe (shown) and neighbours.",
    "The lead over the mean over patches of an untrained encoder; an encoder trained on patches that share no pixel.",
    f"Supported if by both probes the difference lies above -{SMALLEST}, and the lead over the untrained above {SMALLEST}; "
    f"not supported if by either the difference lies below -{SMALLEST}, or the lead below {SMALLEST}; inconclusive otherwise.",
)
B2 = Claim(
    "B2",
    STUDY,
    "Even small patches carry most of it.",
    "Accuracy above chance (linear probe) of the mean over small patches, as a share of that of the multi-scale twin on whole "
    "images; encoders trained on patches of that size, or where a run has none, its multi-scale ones.",
    "The same share for an untrained encoder; a bag of patches trained with labels as the ceiling.",
    f"Supported if the share lies above {MOST} and the accuracy leads that of the untrained encoder's bag by more than "
    f"{SMALLEST}; not supported if the share lies below {MOST} or the lead below {SMALLEST}; inconclusive otherwise.",
)
B3 = Claim(
    "B3",
    STUDY,
    "A multi-scale model's whole-image embedding is about the average of its patch embeddings.",
    "Cosine between the mean over a regular grid of patches and the embedding of the whole image, each less its mean over "
    "images; mean over images and over the multi-scale encoders.",
    "An untrained encoder of the same architecture (shown); whole images that are not the patches' own.",
    f"Supported if the cosine lies above {ABOUT} and above that of the untrained encoder; not supported if it lies below "
    f"{ABOUT}, or below that of the untrained encoder; inconclusive otherwise.",
)
B4 = Claim(
    "B4",
    STUDY,
    "Representations are invariant at the global scale and local when zoomed in; projectors are more invariant than backbones.",
    "Zooming in: centred cosine of two large patches of an image less that of two small ones, in the backbone (shown). Heads: "
    "what a linear map reads of a small patch's place (R2) from the backbone less from the projector.",
    "The same fall of the cosine in an untrained encoder: larger patches share more pixels.",
    f"Supported if the fall lies above {APART} and above that of the untrained encoder, and the backbone's lead in R2 above "
    f"{SMALLEST}; not supported if the fall lies below {APART} or below the untrained one's, or the lead below {SMALLEST}; "
    "inconclusive otherwise.",
)
B5 = Claim(
    "B5",
    STUDY,
    "Patch aggregation improves existing models.",
    "Accuracy of a linear probe on the mean over large patches less that on the whole image; mean over the multi-scale "
    "encoders trained by joint embedding.",
    "The mean over as many mirrored and shifted whole images, which costs the same (its gain is shown).",
    f"Supported if the gain lies above {SMALLEST} and above that of the control; not supported if it lies below {SMALLEST} or "
    "below that of the control; inconclusive otherwise.",
)
B6 = Claim(
    "B6",
    STUDY,
    "The self-supervised loss models co-occurrence.",
    "The identity L_C(w) = 2w L_S(w/2) + K on counted kinds of patches of Scenes; and the correlation of similarities of "
    "patches with how often their kinds really occur together (shown): pairs of different kinds, weighted as L_C weighs them, "
    "in the projectors (or backbones) of the encoders trained by joint embedding, mean over them.",
    "The same for patches dealt anew to the images (shown); an untrained encoder.",
    f"Supported if the identity holds to {EXACT:g}, and the correlation lies above that of patches dealt anew and that of "
    "the untrained encoder; not supported if the identity fails, or the correlation lies below either; inconclusive otherwise.",
)
CLAIMS = (B1, B2, B3, B4, B5, B6)


def judge(contrasts: Contrasts, params: BagSSL, chance: float, gap: float, further: Sequence[Row]) -> list[Finding]:
    """The verdicts on B1-B6; `chance`: accuracy of guessing; `gap`: the largest departure from the identity of B6.

    `further`: differences over trainings with further seeds, for the note of B1.
    """
    judged = (
        (_judge_b1(contrasts, params, further), params.n_test),
        (_judge_b2(contrasts, params, chance), params.n_test),
        (_judge_b3(contrasts), params.n_counts),
        (_judge_b4(contrasts, params), params.n_local),
        (_judge_b5(contrasts, params), params.n_test),
        (_judge_b6(contrasts, gap), params.n_local),
    )
    return [sized(found, n, params.n_bootstrap) for found, n in judged]


def _judge_b1(contrasts: Contrasts, params: BagSSL, further: Sequence[Row]) -> Finding:
    own, twins = bag(params.side), pairs(contrasts.roles, params.side)
    bags, plain = [name for name, _ in twins], [name for _, name in twins]
    blank = contrasts.untrained(bags)
    linear, knn = (contrasts.gap([(p, a, own) for a in bags], [(p, b, WHOLE) for b in plain]) for p in PROBES)
    lead = contrasts.gap([("linear", a, own) for a in bags], [("linear", u, own) for u in blank])
    floor = contrasts.gap([("linear", u, own) for u in blank], [("linear", b, WHOLE) for b in plain])
    if linear is None or knn is None or lead is None or floor is None:
        return untested("B1", "needs encoders trained on patches, their twins on crops of many sizes, and an untrained one")
    first, second, led = (contrasts.estimate(values) for values in (linear, knn, lead))
    verdict: Verdict = "inconclusive"
    if first.above(-SMALLEST) and second.above(-SMALLEST) and led.above(SMALLEST):
        verdict = "supported"
    elif first.below(-SMALLEST) or second.below(-SMALLEST) or led.below(SMALLEST):
        verdict = "not supported"
    note = f"{len(twins)} pairs of twins. By neighbours {signed(second)}; lead over the untrained bag {signed(led)}"
    apart = [name for name, role in contrasts.roles.items() if role.disjoint and role.twin in plain]
    without = contrasts.gap([("linear", a, own) for a in apart], [("linear", contrasts.roles[a].twin, WHOLE) for a in apart])
    if without is not None:
        note += f"; trained on patches that share no pixel {signed(contrasts.estimate(without))}"
    for row in further:
        if (row["probe"], row["against"]) == ("linear", "whole"):
            method, spread = METHODS[row["twin"]].title, Estimate(row["value"], row["low"], row["high"])
            note += f"; over {row['n']} trainings each of {method} {signed(spread)}"
    return finding("B1", verdict, first, contrasts.estimate(floor), f"{note}. Control: the untrained bag.")


def _judge_b2(contrasts: Contrasts, params: BagSSL, chance: float) -> Finding:
    cell, everyone = bag(params.small), contrasts.roles
    small = [name for name, role in everyone.items() if role.joint and role.patch == params.small and not role.disjoint]
    small = [name for name in small if contrasts.roles[name].twin in everyone] or contrasts.multi_scale()
    twins, blank = [everyone[name].twin for name in small], contrasts.untrained(small)
    own, full = (contrasts.mean("linear", names, what) for names, what in ((small, cell), (twins, WHOLE)))
    bare, ceiling = contrasts.mean("linear", blank, cell), contrasts.mean("linear", contrasts.labelled(params.side), cell)
    if own is None or full is None or bare is None:
        return untested("B2", "needs encoders trained without labels, whole images, and an untrained encoder")
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw of whole images may be read no better than by chance
        parts = (own - chance) / (full - chance), (bare - chance) / (full - chance), own - bare
    share, floor, led = (contrasts.estimate(values) for values in parts)
    verdict: Verdict = "inconclusive"
    if share.above(MOST) and led.above(SMALLEST):
        verdict = "supported"
    elif share.below(MOST) or led.below(SMALLEST):
        verdict = "not supported"
    note = f"Patches of {params.small} px, {params.n_patches} of each image. Lead over the untrained bag {signed(led)}"
    if ceiling is not None:
        top = contrasts.estimate((ceiling - chance) / (full - chance))
        note += f"; the share of a bag of patches trained with labels {signed(top)}"
    return finding("B2", verdict, share, floor, f"{note}.")


def _judge_b3(contrasts: Contrasts) -> Finding:
    names = [name for name in contrasts.multi_scale() if contrasts.untrained([name])]
    blank = contrasts.untrained(names)
    own, bare = (contrasts.mean("cosine", group, GRID) for group in (names, blank))
    if own is None or bare is None:
        return untested("B3", "needs encoders trained on crops of many sizes, and an untrained one of their kind")
    cosine, floor, led = (contrasts.estimate(values) for values in (own, bare, own - bare))
    verdict: Verdict = "inconclusive"
    if cosine.above(ABOUT) and led.above(0):
        verdict = "supported"
    elif cosine.below(ABOUT) or led.below(0):
        verdict = "not supported"
    shown = {name: contrasts.estimate(found) for name in COSINES if (found := contrasts.mean(name, names, GRID)) is not None}
    note = "; ".join(f"{COSINES[name]} {signed(value)}" for name, value in shown.items())
    return finding("B3", verdict, cosine, floor, f"{len(names)} encoders; less the untrained one {signed(led)}; {note}.")


def _judge_b4(contrasts: Contrasts, params: BagSSL) -> Finding:
    names = contrasts.multi_scale()
    blank = contrasts.untrained(names)
    large, small = (f"backbone {side}" for side in (params.large, params.small))
    fall = contrasts.gap([("within", name, large) for name in names], [("within", name, small) for name in names])
    floor = contrasts.gap([("within", name, large) for name in blank], [("within", name, small) for name in blank])
    heads, closer = _heads(contrasts, "place", small, names), _heads(contrasts, "within", large, names)
    if fall is None or floor is None or heads is None or closer is None:
        return untested("B4", "needs encoders trained on crops of many sizes with their projectors, and an untrained one")
    own, bare, lead, more = (contrasts.estimate(values) for values in (fall, floor, heads, closer))
    beyond = contrasts.estimate(fall - floor)
    verdict: Verdict = "inconclusive"
    if own.above(APART) and beyond.above(0) and lead.above(SMALLEST):
        verdict = "supported"
    elif own.below(APART) or beyond.below(0) or lead.below(SMALLEST):
        verdict = "not supported"
    note = (
        f"Fall beyond the untrained one's {signed(beyond)}; place read from the backbone less from the projector "
        f"{signed(lead)}; cosine of large patches in the backbone less in the projector {signed(more)}."
    )
    return finding("B4", verdict, own, bare, note)


def _heads(contrasts: Contrasts, quantity: str, cell: str, names: Sequence[str]) -> np.ndarray | None:
    """Backbone less projector, mean over the encoders whose projectors were kept."""
    other = cell.replace("backbone", "projector")
    kept = [name for name in names if (quantity, name, other) in contrasts.draws]
    return contrasts.gap([(quantity, name, cell) for name in kept], [(quantity, name, other) for name in kept])


def _judge_b5(contrasts: Contrasts, params: BagSSL) -> Finding:
    names = contrasts.multi_scale()
    plain = [("linear", name, WHOLE) for name in names]
    gain, views, beyond, middle = (
        contrasts.gap([("linear", name, cell) for name in names], base)
        for cell, base in (
            *((bag(params.large), plain), (VIEWS, plain)),
            (bag(params.large), [("linear", name, VIEWS) for name in names]),
            (bag(params.side), plain),
        )
    )
    if gain is None or views is None or beyond is None or middle is None:
        return untested("B5", "needs encoders trained by joint embedding on crops of many sizes")
    own, control, more = (contrasts.estimate(values) for values in (gain, views, beyond))
    verdict: Verdict = "inconclusive"
    if own.above(SMALLEST) and more.above(0):
        verdict = "supported"
    elif own.below(SMALLEST) or more.below(0):
        verdict = "not supported"
    note = f"{len(names)} encoders, {params.n_patches} patches of {params.large} px. Less as many views {signed(more)}; patches"
    return finding("B5", verdict, own, control, f"{note} of {params.side} px gain {signed(contrasts.estimate(middle))}.")


def _judge_b6(contrasts: Contrasts, gap: float) -> Finding:
    names = [name for name, role in contrasts.roles.items() if role.joint]
    true, dealt = (f"{what}, {UNLIKE}" for what in (TRUE, SHUFFLED))
    last = {name: "projector" if (true, name, "projector") in contrasts.draws else "backbone" for name in names}
    blank = contrasts.untrained(names)
    own, other = (contrasts.average([(quantity, name, tap) for name, tap in last.items()]) for quantity in (true, dealt))
    bare = contrasts.average([(true, name, "backbone") for name in blank])
    if own is None or other is None or bare is None:
        return untested("B6", "needs encoders trained by joint embedding, an untrained one, and Scenes")
    agreement, control, first, second = (contrasts.estimate(values) for values in (own, other, own - other, own - bare))
    verdict: Verdict = "inconclusive"
    if gap <= EXACT and first.above(0) and second.above(0):
        verdict = "supported"
    elif gap > EXACT or first.below(0) or second.below(0):
        verdict = "not supported"
    note = f"The identity holds to {gap:.1e}. {len(names)} encoders; less the untrained one {signed(second)}."
    return finding("B6", verdict, agreement, control, note)
