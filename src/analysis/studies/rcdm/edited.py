"""Edits of representations and paths between two of them, judged by what is known of both images."""

import numpy as np

from analysis import datasets
from analysis.decoders.conditions import Condition
from analysis.studies.rcdm import manipulation
from analysis.studies.rcdm.drawn import Samples
from analysis.studies.rcdm.factors import seen, truth
from analysis.studies.rcdm.manipulation import COMMON, COMPOSITE, RANDOM, RELEASED, TRUE
from analysis.studies.rcdm.measured import REAL, THUMBNAIL, Measured
from analysis.studies.rcdm.stage import Stage, shown, variant

Array = np.ndarray
Sides = list[dict[str, Array]]
FRAMES = np.linspace(0, 1, 7)[1:-1]  # the ends are the two images' own


def edits(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Common dimensions of self-supervised backbones swapped for another image's, beside the true composite; and mixtures."""
    n, known = stage.params.n_edited, truth(stage.bank)
    other = manipulation.partners(known["species"], known["ground"], n, np.random.default_rng(stage.params.seed))
    sides = [{name: stage.true[name][rows] for name in ("ground", "species")} for rows in (np.arange(n), other)]
    name = variant(stage.params.dataset, "without", "object")
    bare = datasets.load(name, size=stage.decoder.size, n=len(stage.bank), split="test").images
    pasted = manipulation.composites(stage.bank.images[:n], stage.bank.masks["foreground"][:n], bare[other])
    _hits(stage, measured, (REAL, TRUE), pasted, sides)
    ours = [c for c in stage.taps if c.name in measured.conditions("self", "backbone")]
    for tap in ours:
        _swapped(stage, samples, measured, tap, other, sides, pasted)
    for tap in [*ours, *(c for c in stage.taps if c.name == THUMBNAIL)]:
        _mixed(stage, samples, measured, tap, other)


def _hits(stage: Stage, measured: Measured, key: tuple[str, str], images: Array, sides: Sides) -> None:
    """Share of images that show the other background and their own object."""
    read = stage.reader(seen(stage.judge, images))
    hits = measured.mean(manipulation.succeeded(read, *sides))
    measured.add("edits", {"condition": key[0], "rule": key[1]}, hits, ("edit", *key))


def _folder(stage: Stage, i: int) -> Array:
    """The images among which the neighbourhood is looked for: as many as a class has, of the nearest background colours."""
    ground = stage.true["ground"]
    apart = np.linalg.norm(ground - ground[i], axis=1)
    near = np.argsort(apart, kind="stable")[: (stage.bank.labels == stage.bank.labels[i]).sum()]
    return near[near != i]


def _swapped(
    stage: Stage, samples: Samples, measured: Measured, tap: Condition, other: Array, sides: Sides, pasted: Array
) -> None:
    """Swap the dimensions that a neighbourhood of the same background shares, draw, read, and count the successes."""
    n, h = len(other), stage.h(tap.name)
    rng = np.random.default_rng(stage.params.seed)
    picked = [manipulation.chosen(h[manipulation.neighbours(h[i], h, _folder(stage, i))], h, rng) for i in range(n)]
    masks = {rule: np.stack([each[rule] for each in picked]) for rule in (COMMON, RANDOM, RELEASED)}
    groups = {rule: np.where(mask, h[other], h[:n]) for rule, mask in masks.items()}
    groups[COMPOSITE] = stage.represent(pasted, None, {tap.name})[tap.name]
    drawn = dict(zip(groups, stage.draw_groups(tap.name, list(groups.values()), stage.noise(n)), strict=True))
    rows = shown(n)
    panel = {"image": stage.bank.images[rows], "other": stage.bank.images[other[rows]]}
    panel["sample"] = samples.first[tap.name][rows]
    for rule, images in {"none": samples.first[tap.name][:n], **drawn}.items():
        _hits(stage, measured, (tap.name, rule), images, sides)
        if rule in drawn:
            panel[rule] = images[rows]
    row = {"condition": tap.name, "rule": RELEASED, "value": float(masks[RELEASED].mean())}
    measured.tables["common"].append(row)
    measured.pictures[f"edit {tap.name}"] = panel


def _mixed(stage: Stage, samples: Samples, measured: Measured, tap: Condition, other: Array) -> None:
    """Samples on the straight path to the other image, all of a path from one noise."""
    n, h, ground = max(2, len(other) // 2), stage.h(tap.name), stage.true["ground"]
    between = manipulation.mixtures(h[:n], h[other[:n]], FRAMES)
    *drawn, ends = stage.draw_groups(tap.name, [*between.swapaxes(0, 1), h[other[:n]]], stage.noise(n))
    frames = np.stack(drawn, 1)
    read = stage.reader(seen(stage.judge, frames.reshape(-1, *frames.shape[2:])))["ground"].reshape(n, len(FRAMES), 3)
    sides = ground[:n], ground[other[:n]]
    along = manipulation.progress(read, *sides)
    measured.add("paths", {"condition": tap.name, "n": n}, measured.mean(along), ("path", tap.name))
    rng = np.random.default_rng(stage.params.seed)
    mixed = np.stack([rng.permutation(row) for row in read])
    measured.draws["path shuffled", tap.name] = measured.mean(manipulation.progress(mixed, *sides))
    rows = shown(n)
    columns = [stage.bank.images[rows], samples.first[tap.name][rows], *frames[rows].swapaxes(0, 1), ends[rows]]
    names = ["image", "its sample", *(f"{place:.2f}" for place in FRAMES), "other's sample", "other"]
    measured.pictures[f"path {tap.name}"] = dict(zip(names, [*columns, stage.bank.images[other[rows]]], strict=True))
