"""The quantities behind B1-B6, on their subjects and on both controls, from what a run has measured."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from analysis.encoders.facts import not_learned
from analysis.prose import show
from analysis.rules import Evidence
from analysis.stats import Estimate
from analysis.studies.bagssl.claims import EXACT, POINTS
from analysis.studies.bagssl.contrasts import DISJOINT, GRID, NOISY, PLANTED, SHUFFLED, TRUE, UNLIKE, VIEWS, WHOLE, Bags, bag
from analysis.studies.bagssl.known import BAG
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.roles import pairs
from analysis.studies.base import evidence as three

Array = np.ndarray
Cell = tuple[str, str]  # encoder, cell
Quantities = Mapping[str, Estimate]


def evidence(bags: Bags, params: BagSSL) -> dict[str, Evidence]:
    """Claim -> its evidence."""
    judged = {"B1": _b1, "B2": _b2, "B3": _b3, "B4": _b4, "B5": _b5, "B6": _b6}
    return {id_: of(bags, params) for id_, of in judged.items()}


def _lacking(bags: Bags, names: Sequence[str], what: str) -> tuple[str, ...]:
    """Why nothing can be said of these encoders: fewer than two, or one without or not above its untrained copy."""
    if len(names) < 2:
        return (f"this run has {len(names)} {what}, and a sentence about methods needs two",)
    missing = [name for name in names if name not in bags.with_untrained(list(names))]
    if missing:
        return (f"the untrained copy of {bags.roles[missing[0]].title} is not in this run",)
    return tuple(not_learned(names).values())


def _learned(names: Sequence[str]) -> tuple[list[str], str]:
    """Those above their untrained copies on their own data, and who is left out, in words."""
    out = not_learned(names)
    return [name for name in names if name not in out], f"Left out: {'; '.join(out.values())}." if out else ""


def _b1(bags: Bags, params: BagSSL) -> Evidence:
    both, own = pairs(bags.roles, params.side), bag(params.side)
    plain = [partner for _, partner in both]
    if unmet := _lacking(bags, plain, "pairs trained on patches and on crops at equal cost"):
        return Evidence(unmet=unmet)
    copies = bags.with_untrained(plain)

    def read(subjects: Sequence[Cell]) -> Quantities:
        """One subject (encoder, cell) per pair."""
        beside = list(zip(subjects, plain, strict=True))
        return {
            "linear": bags.over([bags.draws["linear", *s] - bags.draws["linear", p, WHOLE] for s, p in beside]),
            "knn": bags.over([bags.draws["knn", *s] - bags.draws["knn", p, WHOLE] for s, p in beside]),
            "learned": bags.over([bags.draws["linear", *s] - bags.draws["linear", copies[p], s[1]] for s, p in beside]),
        }

    subjects = [(name, own) for name, _ in both], [(copies[p], own) for p in plain], [(p, WHOLE) for p in plain]
    return three(read, *subjects, n=len(both), unit="pairs of encoders", note=_disjoint(bags, own))


def _disjoint(bags: Bags, own: str) -> str:
    """What patches that share no pixel in training do to the same difference."""
    apart = [role for role in bags.roles.values() if role.disjoint and role.aligning and role.partner]
    if not apart:
        return ""
    role = apart[0]
    gap = bags.estimate(bags.draws["linear", role.encoder, own] - bags.draws["linear", str(role.partner), WHOLE])
    return f"Trained on patches that share no pixel ({role.title}), over images: {show(gap)}."


def _b2(bags: Bags, params: BagSSL) -> Evidence:
    cell = bag(params.small)
    trained = [role for role in bags.roles.values() if role.aligning and role.patch and not role.disjoint and role.partner]
    names = [role.encoder for role in trained if ("linear", role.encoder, cell) in bags.draws]
    labelled = [r.encoder for r in bags.roles.values() if r.supervision == "labels" and r.patch]
    labelled = [name for name in labelled if ("linear", name, cell) in bags.draws]
    unmet = _lacking(bags, [str(bags.roles[name].partner) for name in names], "partners of encoders trained on patches")
    if not unmet and not labelled:
        unmet = ("no encoder trained with labels on patches is in this run, the positive control",)
    if unmet:
        return Evidence(unmet=unmet)
    copies = bags.with_untrained(names)
    floor = {name: bags.draws["linear", copies[name], cell] for name in names}
    span = np.mean([bags.draws["linear", str(bags.roles[name].partner), WHOLE] - floor[name] for name in names], axis=0)
    if not bags.estimate(span).low > POINTS:
        return Evidence(unmet=("whole images are read no better than untrained patches",))

    def read(subject: Callable[[str], str]) -> Quantities:
        """What stands for each encoder."""
        shares = [(bags.draws["linear", subject(name), cell] - floor[name]) / span for name in names]
        return {"share": bags.over(shares)}

    return three(read, lambda name: name, copies.__getitem__, lambda _: labelled[0], n=len(names), unit="encoders")


def _b3(bags: Bags, params: BagSSL) -> Evidence:
    names, note = _learned(bags.multi_scale())
    if unmet := _lacking(bags, names, "encoders trained on crops of many sizes"):
        return Evidence(unmet=unmet)
    copies = bags.with_untrained(names)

    def read(subject: Callable[[str, str], Array]) -> Quantities:
        """Cosines (1 + B,) of an encoder on a grid."""
        exact = {cell: bags.draws["cosine", BAG, cell] for cell in (GRID, DISJOINT)}
        return {
            "overlapping": bags.over([subject(name, GRID) / exact[GRID] for name in names]),
            "disjoint": bags.over([subject(name, DISJOINT) / exact[DISJOINT] for name in names]),
            "learned": bags.over([subject(n, DISJOINT) - bags.draws["cosine", copies[n], DISJOINT] for n in names]),
        }

    return three(
        read,
        lambda name, cell: bags.draws["cosine", name, cell],
        lambda name, cell: bags.draws["mismatched", name, cell],
        lambda _, cell: bags.draws["cosine", BAG, cell],
        n=len(names),
        unit="encoders",
        note=note,
    )


def _b4(bags: Bags, params: BagSSL) -> Evidence:
    far, near = f"{params.large}", f"{params.small}"
    headed = [name for name in bags.multi_scale() if ("place", name, f"projector {near}") in bags.draws]
    names, note = _learned(headed)
    if unmet := _lacking(bags, names, "encoders trained on crops of many sizes with their projectors"):
        return Evidence(unmet=unmet)
    copies = bags.with_untrained(names)

    def fall(name: str) -> Array:
        """Likeness of large patches minus that of small ones, in the backbone, (1 + B,)."""
        return bags.draws["within", name, f"backbone {far}"] - bags.draws["within", name, f"backbone {near}"]

    def lead(name: str, head: str = "projector") -> Array:
        """R2 of the place of a small patch from the backbone minus that from the head, (1 + B,)."""
        return bags.draws["place", name, f"backbone {near}"] - bags.draws["place", name, f"{head} {near}"]

    def read(subject: Callable[[str], tuple[Array, Array]]) -> Quantities:
        """Fall and lead (1 + B,) of what stands for an encoder."""
        found = {name: subject(name) for name in names}
        return {
            "zoom": bags.over([found[name][0] - fall(copies[name]) for name in names]),
            "place": bags.over([found[name][1] for name in names]),
        }

    return three(
        read,
        lambda name: (fall(name), lead(name)),
        lambda name: (fall(copies[name]), lead(copies[name], "backbone")),
        lambda _: (fall(PLANTED), lead(PLANTED)),
        n=len(names),
        unit="encoders",
        note=note,
    )


def _b5(bags: Bags, params: BagSSL) -> Evidence:
    (names, note), large = _learned(bags.multi_scale()), bag(params.large)
    if unmet := _lacking(bags, names, "encoders trained on crops of many sizes"):
        return Evidence(unmet=unmet)
    copies = bags.with_untrained(names)
    span = np.mean([bags.draws["linear", name, WHOLE] - bags.draws["linear", copies[name], WHOLE] for name in names], axis=0)
    if not bags.estimate(span).low > POINTS:
        return Evidence(unmet=("training brought nothing that a linear probe reads on so few images",))

    def read(subject: Callable[[str], tuple[Array, Array, Array]]) -> Quantities:
        """Accuracies (1 + B,) of the mean over patches, of the whole image and of views, of what stands for an encoder."""
        found = {name: subject(name) for name in names}
        return {
            "gain": bags.over([(found[name][0] - found[name][1]) / span for name in names]),
            "beyond": bags.over([(found[name][0] - found[name][2]) / span for name in names]),
        }

    def cells(name: str, *cell: str) -> tuple[Array, Array, Array]:
        """Three accuracies of an encoder, by how images are represented, (1 + B,) each."""
        first, second, third = (bags.draws["linear", name, one] for one in cell)
        return first, second, third

    return three(
        read,
        lambda name: cells(name, large, WHOLE, VIEWS),
        lambda name: cells(name, WHOLE, WHOLE, VIEWS),
        lambda _: cells(NOISY, large, WHOLE, WHOLE),
        n=len(names),
        unit="encoders",
        note=note,
    )


def _b6(bags: Bags, params: BagSSL) -> Evidence:
    true, shuffled = (f"{what}, {UNLIKE}" for what in (TRUE, SHUFFLED))
    names, note = _learned([name for name, role in bags.roles.items() if role.aligning])
    if bags.optimum is None:
        return Evidence(unmet=("what occurs together is known in Scenes, and in photographs with maps of classes",))
    if bags.gap > EXACT:
        return Evidence(unmet=(f"the identity of the two losses fails by {bags.gap:.1e}",))
    if unmet := _lacking(bags, names, "encoders trained by joint embedding"):
        return Evidence(unmet=unmet)
    copies, best = bags.with_untrained(names), bags.optimum
    last = {name: "projector" if (true, name, "projector") in bags.draws else "backbone" for name in names}

    def read(subject: Callable[[str], Array]) -> Quantities:
        """Correlations (1 + B,) of what stands for an encoder."""
        chance = {name: bags.draws[shuffled, name, last[name]] for name in names}
        plain = {name: bags.draws[true, copies[name], "backbone"] for name in names}
        scale = [best - chance[n] for n in names]
        return {
            "recovered": bags.share([subject(n) - chance[n] for n in names], scale),
            "learned": bags.share([subject(n) - plain[n] for n in names], scale),
        }

    return three(
        read,
        lambda name: bags.draws[true, name, last[name]],
        lambda name: bags.draws[shuffled, name, last[name]],
        lambda name: np.full_like(bags.draws[true, name, last[name]], best),
        n=len(names),
        unit="encoders",
        note=note,
    )
