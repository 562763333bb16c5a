"""Edits of representations and ways between two of them, judged by what is known of both images."""

import numpy as np

from analysis.decoders.conditions import Condition
from analysis.encoders.facts import facts
from analysis.studies.rcdm import manipulation
from analysis.studies.rcdm.contrasts import THUMBNAIL
from analysis.studies.rcdm.drawn import Samples
from analysis.studies.rcdm.factors import seen, truth
from analysis.studies.rcdm.manipulation import RULES
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.stage import Stage, shown

Array = np.ndarray
KINDS = ("background", "object")
FRAMES = np.linspace(0, 1, 7)[1:-1]  # the ends are the two images' own
RELEASED = (manipulation.COMMON, manipulation.RANDOM)  # for a folder of the same class, as it was released


def edits(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Common dimensions of self-supervised backbones swapped for another image's, by both rules and at random; and mixtures."""
    params = stage.params
    rng = np.random.default_rng(params.seed)
    known = truth(stage.bank)
    other = manipulation.partners(known["species"], known["ground"], params.n_edited, rng)
    true = stage.true
    backbones = [c for c in stage.taps if c.tap == "backbone" and c.spatial and not c.shuffled]
    ours = [c for c in backbones if facts(c.encoder).supervision == "self"]
    for tap in [*ours, *(c for c in stage.taps if c.name == THUMBNAIL)]:
        if tap.name != THUMBNAIL:
            for kind in KINDS:
                _swapped(stage, samples, measured, tap, kind, other, true)
        _mixed(stage, samples, measured, tap, other, true)


def _folder(stage: Stage, kind: str, i: int, true: dict[str, Array]) -> Array:
    """The images among which the neighbourhood is looked for, without the image itself.

    `object`: its class, as in the released code; `background`: as many images, those whose background is nearest in colour.
    """
    same = np.flatnonzero(stage.bank.labels == stage.bank.labels[i])
    if kind == "background":
        apart = np.linalg.norm(true["ground"] - true["ground"][i], axis=1)
        same = np.argsort(apart, kind="stable")[: len(same)]
    return same[same != i]


def _swapped(
    stage: Stage, samples: Samples, measured: Measured, tap: Condition, kind: str, other: Array, true: dict[str, Array]
) -> None:
    """Swap the dimensions that a neighbourhood of the same kind shares, draw, read, and count the successes."""
    n, h = len(other), stage.h(tap.name)
    rng = np.random.default_rng(stage.params.seed)
    found: dict[str, list[Array]] = {rule: [] for rule in RULES}
    for i in range(n):
        near = h[manipulation.neighbours(h[i], h, _folder(stage, kind, i, true))]
        for rule, dimensions in manipulation.chosen(near, h, rng).items():
            found[rule].append(dimensions)
    sides = [{name: true[name][rows] for name in ("ground", "species")} for rows in (np.arange(n), other)]
    rows = shown(n)
    panel = {"image": stage.bank.images[rows], "other": stage.bank.images[other[rows]]}
    panel["sample"] = samples.first[tap.name][rows]
    rules = RULES if kind == "background" else RELEASED
    drawn = stage.draw_groups(tap.name, [np.where(np.stack(found[rule]), h[other], h[:n]) for rule in rules], stage.noise(n))
    for rule, images in zip(("none", *rules), (samples.first[tap.name][:n], *drawn), strict=True):
        read = stage.reader(seen(stage.judge, images))
        hits = measured.mean(manipulation.succeeded(kind, read, *sides))
        row = {"condition": tap.name, "kind": kind, "rule": rule}
        measured.add("edits", row, hits, ("edit", tap.name, kind, rule))
        if rule in (manipulation.COMMON, manipulation.RANDOM):
            panel[rule] = images[rows]
    for rule in (manipulation.COMMON, manipulation.VARIANCE):
        share = float(np.mean(found[rule]))
        measured.tables["common"].append({"condition": tap.name, "kind": kind, "rule": rule, "value": share})
    measured.pictures[f"edit {kind} {tap.name}"] = panel


def _mixed(stage: Stage, samples: Samples, measured: Measured, tap: Condition, other: Array, true: dict[str, Array]) -> None:
    """Samples on the straight way to the other image, all of a way from one noise."""
    n, h = max(2, len(other) // 2), stage.h(tap.name)
    way = manipulation.mixtures(h[:n], h[other[:n]], FRAMES)
    start = stage.noise(n)
    *drawn, ends = stage.draw_groups(tap.name, [*way.swapaxes(0, 1), h[other[:n]]], start)
    frames = np.stack(drawn, 1)
    read = stage.reader(seen(stage.judge, frames.reshape(-1, *frames.shape[2:])))["ground"].reshape(n, len(FRAMES), 3)
    along = manipulation.progress(read, true["ground"][:n], true["ground"][other[:n]])
    measured.add("paths", {"condition": tap.name, "n": n}, measured.mean(along), ("path", tap.name))
    rows = shown(n)
    columns = [stage.bank.images[rows], samples.first[tap.name][rows], *frames[rows].swapaxes(0, 1), ends[rows]]
    names = ["image", "its sample", *(f"{place:.2f}" for place in FRAMES), "other's sample", "other"]
    measured.pictures[f"path {tap.name}"] = dict(zip(names, [*columns, stage.bank.images[other[rows]]], strict=True))
