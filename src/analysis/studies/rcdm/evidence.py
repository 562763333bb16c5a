"""The quantities behind R1-R6, on their subjects and on both controls, from what a run has measured."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from analysis.encoders.facts import facts, not_learned
from analysis.rules import Evidence
from analysis.stats import Estimate
from analysis.studies.base import evidence as three
from analysis.studies.rcdm.changes import OTHER, TRAINED
from analysis.studies.rcdm.claims import CEILING, R1, R2, R3, R4, R5, R6
from analysis.studies.rcdm.manipulation import COMMON, COMPOSITE, RANDOM, TRUE
from analysis.studies.rcdm.measured import AVERAGED, BLURRED, LABEL, NULL, PIXELS, REAL, THUMBNAIL, Measured

Array = np.ndarray
Quantities = Mapping[str, Estimate]
Unit = TypeVar("Unit")
FREE, PROBE, CHANCE = "label-free", "probe", "random"


def evidence(measured: Measured) -> dict[str, Evidence]:
    """Claim -> its evidence."""
    judged = ((R1, _r1), (R2, _r2), (R3, _r3), (R4, _r4), (R5, _r5), (R6, _r6))
    return {claim.id: of(measured) for claim, of in judged}


def _backbones(m: Measured) -> tuple[list[str], tuple[str, ...]]:
    """The self-supervised backbones of the run, and why nothing can be said of them."""
    names = m.conditions("self", "backbone")
    controls = [name for name in (NULL, THUMBNAIL) if name not in {c.name for c in m.taps}]
    if not names or not m.conditions("none", "backbone") or controls:
        return names, ("this run lacks a self-supervised backbone, its untrained copy, or samples of the controls",)
    return names, (*not_learned(m.encoder(name) for name in names).values(), *m.stale.values())


def _faithful(m: Measured, names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Those for which R2 holds alone, over images; if they are not two, all of them and the reason."""
    ranks = {name: m.estimate(m.draws["mrr", name]).value for name in names}
    held = [name for name in names if R2.rule.verdict(_closeness(m, [("", name)])) == "supported"]
    if len(held) > 1:
        return held, ()
    words = ", ".join(f"{facts(m.encoder(name)).title} {rank:.2f}" for name, rank in ranks.items())
    which = f"to one backbone only, {facts(m.encoder(held[0])).title}" if held else "to no backbone"
    reason = (
        f"the decoder is faithful {which}, where a sentence about encoders needs two (mean reciprocal rank: {words}; see R2)"
    )
    return list(names), (reason,)


def _withheld(unfaithful: Sequence[str], *conditions: str) -> dict[str, str]:
    """Why conditions that are read off samples cannot be tested."""
    return {condition: reason for reason in unfaithful for condition in conditions}


def _alike(m: Measured, tap: str) -> dict[str, str]:
    """Encoder -> its representation `tap`, drawn or not, of those that learnt to align two views of an image."""
    known = {c.encoder: c.name for c in (*m.compared, *m.taps) if c.tap == tap and c.spatial and not c.shuffled}
    failed = not_learned(known)
    return {name: own for name, own in known.items() if facts(name).aligning and name not in failed}


def _with_copies(m: Measured) -> list[tuple[str, str]]:
    """Backbones of encoders that learnt to align two views, each with that of its untrained copy, if the run has it."""
    copies = {m.encoder(name): name for name in m.conditions("none", "backbone")}
    own = {name: facts(encoder).untrained for encoder, name in _alike(m, "backbone").items()}
    return [(name, copies[copy]) for name, copy in own.items() if copy in copies]


def _twice(units: Sequence[Unit]) -> list[Unit]:
    """The units of a control, at least two: over a single one every interval is infinite."""
    return [*units] * (2 if len(units) == 1 else 1)


def _closeness(m: Measured, subjects: Sequence[tuple[str, str]]) -> Quantities:
    """R2's quantities of subjects: a mark behind the quantity, and the condition in whose space it is."""
    (copy,) = m.conditions("none", "backbone")[:1]
    ranks = [m.draws[f"mrr{mark}", name] for mark, name in subjects]
    apart = [m.draws[f"distance{mark}", name] for mark, name in subjects]
    return {
        "mrr": _mean(m, ranks),
        "distance": _mean(m, [1 - values for values in apart]),
        "learned": _mean(m, [values - m.draws["mrr", copy] for values in ranks]),
    }


def _mean(m: Measured, units: Sequence[Array]) -> Estimate:
    """Over units where there are several; a single one speaks for itself, over images."""
    return m.over(units) if len(units) > 1 else m.estimate(units[0])


def _r2(m: Measured) -> Evidence:
    names, unmet = _backbones(m)
    if not _measured(m, [("mrr", name) for name in names]) or _lacks(unmet):
        return Evidence(unmet=unmet)
    return three(
        lambda subjects: _closeness(m, subjects),
        [("", name) for name in names],
        [(" of null", name) for name in names],
        [("", THUMBNAIL)],
        n=len(names),
        unit="encoders",
        unmet=unmet,
    )


def _lacks(unmet: Sequence[str]) -> bool:
    return any(reason.startswith("this run lacks") for reason in unmet)


def _measured(m: Measured, keys: Sequence[tuple[str, ...]]) -> bool:
    return bool(keys) and all(key in m.draws for key in keys)


def _r1(m: Measured) -> Evidence:
    names, unmet = _backbones(m)
    twins = [name for name in (NULL, LABEL) if ("kid", name) in m.draws]
    if _lacks(unmet) or not twins:
        return Evidence(unmet=unmet or ("this run has no samples of the same network without a representation",))
    held, unfaithful = _faithful(m, names)
    blurred = m.draws["kid", BLURRED]
    best = min(twins, key=lambda name: m.draws["kid", name][0])

    def read(subjects: Sequence[str]) -> Quantities:
        """Of samples, or what stands for them."""
        far = [m.draws["kid", name] for name in subjects]
        return {
            "close": m.over([1 - values / blurred for values in far]),
            "par": m.over([(m.draws["kid", best] - values) / blurred for values in far]),
        }

    k = max(2, len(held))
    return three(read, held, [BLURRED] * k, [REAL] * k, n=len(held), unit="encoders", unmet=(*unmet, *unfaithful))


def _shown(m: Measured, quantity: str, name: str, kinds: Sequence[str]) -> Array:
    """Mean over changes, (1 + B,)."""
    return m.average([(quantity, name, change) for change in kinds if (quantity, name, change) in m.draws])


def _r3(m: Measured) -> Evidence:
    names, unmet = _backbones(m)
    if _lacks(unmet):
        return Evidence(unmet=unmet)
    held, unfaithful = _faithful(m, names)
    pairs = _with_copies(m)

    def read(subjects: tuple[Sequence[str], Sequence[tuple[str, str]]]) -> Quantities:
        """Of representations that are drawn, and of (representation, that of its untrained copy)."""
        drawn, compared = subjects
        moved = [(_shown(m, "moved", name, TRAINED), _shown(m, "moved", copy, TRAINED)) for name, copy in compared]
        return {
            "samples": m.over([_shown(m, "share", name, TRAINED) for name in drawn]),
            "direct": m.over([own for own, _ in moved]),
            "kept": m.over([own / floor for own, floor in moved]),
        }

    (copy,) = m.conditions("none", "backbone")[:1]
    averaged, thumbnails = (_twice(units) for units in ([name + AVERAGED for name in held], [THUMBNAIL]))
    return three(
        read,
        (held, pairs),
        (averaged, [(name, copy) for name in averaged]),
        (thumbnails, [(name, copy) for name in thumbnails]),
        n=len(held),
        unit="encoders",
        unmet=unmet,
        note=_both(m, held),
        counts=dict.fromkeys(("direct", "kept"), len(pairs)),
        withheld=_withheld(unfaithful, "samples"),
    )


def _both(m: Measured, names: Sequence[str]) -> str:
    """What samples and what representations say, side by side, of augmentations and of other changes."""
    parts = []
    for words, kinds in (("augmentations of the training", TRAINED), ("other changes", OTHER)):
        seen, moved = (np.mean([_shown(m, q, name, kinds)[0] for name in names]) for q in ("share", "moved"))
        parts.append(
            f"{words}: {seen:.2f} of the change in samples, {moved:.2f} of the distance of two images in representations"
        )
    return f"Of {'; of '.join(parts)}."


def _r4(m: Measured) -> Evidence:
    names, unmet = _backbones(m)
    names = [name for name in names if m.projector(name) is not None]
    if _lacks(unmet) or not names:
        return Evidence(unmet=unmet or ("this run has no projector of a self-supervised encoder",))
    held, unfaithful = _faithful(m, names)
    heads = {name: str(m.projector(name)) for name in held}
    backs = _alike(m, "backbone")
    both = [(backs[encoder], head) for encoder, head in _alike(m, "projector").items()]

    def read(subjects: tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]) -> Quantities:
        """Of (backbone, projector) of encoders that are drawn, and of all that are compared."""
        drawn, compared = subjects

        def gap(quantity: str, pairs: Sequence[tuple[str, str]], kinds: Sequence[str]) -> Estimate:
            """A quantity of backbones minus that of their projectors, mean over changes."""
            return m.over([_shown(m, quantity, back, kinds) - _shown(m, quantity, head, kinds) for back, head in pairs])

        return {
            "gap": gap("share", drawn, TRAINED),
            "more": gap("share", drawn, OTHER),
            "direct": gap("moved", compared, (*TRAINED, *OTHER)),
            "invariant": m.over([1 - _shown(m, "share", head, TRAINED) for _, head in drawn]),
        }

    same, apart = (_twice(pairs) for pairs in ([(n, n) for n in held], [(THUMBNAIL, n + AVERAGED) for n in held]))
    return three(
        read,
        (list(heads.items()), both),
        (same, same),
        (apart, apart),
        n=len(held),
        unit="encoders",
        unmet=unmet,
        note=_both(m, list(heads.values())).replace("Of augmentations", "Projectors, of augmentations"),
        counts={"direct": len(both)},
        withheld=_withheld(unfaithful, "gap", "more", "invariant"),
    )


def _r5(m: Measured) -> Evidence:
    strata = _like_networks(dict.fromkeys(key[1] for key in m.draws if key[0] == "shift" and key[1] != PIXELS))
    labels, ours = ([name for pair in strata for name in pair[side]] for side in (0, 1))
    if min(len(labels), len(ours)) < 2:
        return Evidence(unmet=("a sentence about methods needs two encoders of each kind, of like networks",))

    def shift(name: str, way: str) -> Array:
        """Mean logarithm over sizes, (1 + B,)."""
        return np.mean([np.log(values) for key, values in m.draws.items() if key[:3] == ("shift", name, way)], axis=0)

    def read(subject: tuple[str, str, str]) -> Quantities:
        """Of what stands for every self-supervised encoder, if anything, under two ways of attack."""
        stand_in, free, probe = subject

        def ratio(value: Callable[[str], Array]) -> Estimate:
            """Supervised over self-supervised, from logarithms (1 + B,) by encoder."""
            sides = [([value(n) for n in one], [value(stand_in or n) for n in other]) for one, other in strata]
            found = m.within(sides)
            return Estimate(*(math.exp(end) for end in (found.value, found.low, found.high)))

        return {
            "free": ratio(lambda n: shift(n, free)),
            "probe": ratio(lambda n: shift(n, probe)),
            "beyond": ratio(lambda n: shift(n, free) - shift(n, CHANCE)),
        }

    return three(
        read,
        ("", FREE, PROBE),
        ("", CHANCE, CHANCE),
        (PIXELS, FREE, PROBE),
        n=len(labels) + len(ours),
        unit="encoders",
        unmet=tuple(not_learned([*labels, *ours]).values()),
        note=f"Supervised: {_titles(labels)}. Self-supervised: {_titles(ours)}.",
    )


def _like_networks(names: Iterable[str]) -> list[tuple[list[str], list[str]]]:
    """Supervised and self-supervised encoders of one network, kind of images and kind of views, wherever there are both.

    They have the same untrained copy (where nobody has one, the family of networks tells), and were trained on patches of one
    size, or were not.
    """
    kinds: dict[tuple[str, bool], dict[str, list[str]]] = {}
    for name in names:
        known = facts(name)
        kind = known.untrained or known.family, known.patch is not None
        kinds.setdefault(kind, {"labels": [], "self": [], "none": []})[known.supervision].append(name)
    return [(kind["labels"], kind["self"]) for kind in kinds.values() if kind["labels"] and kind["self"]]


def _titles(names: Sequence[str]) -> str:
    return "; ".join(facts(name).title for name in names)


def _r6(m: Measured) -> Evidence:
    names, unmet = _backbones(m)
    if not _measured(m, [("edit", name, COMMON) for name in names]) or _lacks(unmet):
        return Evidence(unmet=unmet or ("only Scenes tell object and background, which an edit is judged by",))
    held, unfaithful = _faithful(m, names)
    ceilings = [m.draws["edit", name, COMPOSITE] for name in held]
    reached, real = (m.estimate(np.mean(v, axis=0)).value for v in (ceilings, [m.draws["edit", REAL, TRUE]]))
    low = () if reached >= CEILING * real else (f"even samples of true composites succeed in {reached:.0%} only",)
    unmet = (*unmet, *unfaithful, *low)
    if not reached:
        return Evidence(unmet=unmet)

    def read(subjects: Sequence[tuple[str, str, str, str]]) -> Quantities:
        """Of (backbone, what is swapped, whose path, how its frames are ordered)."""
        gains = [
            (m.draws["edit", n, rule] - m.draws["edit", n, RANDOM]) / m.draws["edit", n, COMPOSITE] for n, rule, *_ in subjects
        ]
        return {"gain": m.over(gains), "path": m.over([m.draws[order, path] for *_, path, order in subjects])}

    return three(
        read,
        [(name, COMMON, name, "path") for name in held],
        _twice([(name, RANDOM, name, "path shuffled") for name in held]),
        _twice([(name, COMPOSITE, THUMBNAIL, "path") for name in held]),
        n=len(held),
        unit="encoders",
        unmet=unmet,
    )
