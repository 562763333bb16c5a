"""Representations under attack: how far they move, what a probe then says, and samples of them."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor

from analysis import encoders
from analysis.decoders.conditions import Condition
from analysis.decoders.ranks import ranks
from analysis.encoders.facts import facts
from analysis.probing import fit_linear
from analysis.progress import track
from analysis.results import Row
from analysis.studies.rcdm.attacks import STEPS, Model, attack, away, random_like, unit, wrong
from analysis.studies.rcdm.drawn import Samples
from analysis.studies.rcdm.evidence import CHANCE, FREE, PROBE
from analysis.studies.rcdm.factors import seen, skill
from analysis.studies.rcdm.measured import PIXELS, Measured
from analysis.studies.rcdm.stage import Stage, shown

Array = np.ndarray
Attacked = dict[str, Tensor]


def attacks(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Both attacks at every size on every encoder, and random changes as long; then samples after the largest."""
    n = stage.params.n_attacked
    images, labels = unit(stage.bank.images[:n]), stage.bank.labels[:n]
    backbones = {c.encoder: c for c in stage.taps if c.tap == "backbone" and c.spatial and not c.shuffled}
    for name in track(dict.fromkeys([*backbones, *stage.params.compared]), "attacks", unit="encoder"):
        encoder = stage.encoders.get(name) or encoders.load(name, stage.params.device)
        tap = backbones.get(name)
        bank = stage.h(tap.name) if tap else stage.compared(name)["backbone"]
        train = stage.train_h[tap.name] if tap else encoder.embed(stage.train.images).numpy()
        model, probe = Model(encoder), fit_linear(train, stage.train.labels)
        largest = _moved(stage, measured, name, model, images, labels, probe, _pairs(bank))
        if tap:
            _drawn(stage, samples, measured, tap, model, largest)
    _pixels(stage, measured, images)


def _pairs(h: Array) -> float:
    """Mean squared distance of two images."""
    return float(2 * h.astype(np.float64).var(axis=0, ddof=1).sum())


def _moved(
    stage: Stage,
    measured: Measured,
    name: str,
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Array,
    probe: Pipeline,
    pairs: float,
) -> Attacked:
    """Shifts of one encoder under every attack; the images after the largest ones."""
    with torch.no_grad():
        clean = model(images)
    right = np.mean(probe.predict(clean.cpu().numpy()) == labels)
    told = {"encoder": name, "title": facts(name).title}
    zero = {**told, "way": "none", "eps": "0", **measured.interval(measured.mean(np.zeros(len(images))))}
    measured.tables["attacks"].append({**zero, "accuracy": float(right)})
    found: Attacked = {}
    for eps in stage.params.eps:
        size, seed = eps / 255, stage.params.seed
        found = {
            FREE: attack(model, images, away(clean), size, STEPS, seed),
            PROBE: attack(model, images, wrong(probe, labels), size, STEPS, seed),
            f"{FREE}, one step": attack(model, images, away(clean), size, 1, seed),
        }
        found[CHANCE] = random_like(images, found[FREE], seed)
        for way, changed in found.items():
            with torch.no_grad():
                h = model(changed)
            shift = measured.mean(((h - clean) ** 2).sum(1).cpu().numpy() / pairs)
            row: Row = {**told, "way": way, "eps": f"{eps:g}", **measured.interval(shift)}
            measured.draws["shift", name, way, f"{eps:g}"] = shift
            right = np.mean(probe.predict(h.cpu().numpy()) == labels)
            measured.tables["attacks"].append({**row, "accuracy": float(right)})
    return found


def _pixels(stage: Stage, measured: Measured, images: Tensor) -> None:
    """The control: pixels as representation, which no attack moves further than every pixel by its size."""
    clean, pairs = images.flatten(1), _pairs(stage.bank.images.reshape(len(stage.bank), -1) / 255)
    for eps in stage.params.eps:
        found = attack(lambda x: x.flatten(1), images, away(clean), eps / 255, STEPS, stage.params.seed)
        for way, changed in ((FREE, found), (PROBE, found), (CHANCE, random_like(images, found, stage.params.seed))):
            shift = ((changed.flatten(1) - clean) ** 2).sum(1).numpy() / pairs
            measured.draws["shift", PIXELS, way, f"{eps:g}"] = measured.mean(shift)


def _drawn(stage: Stage, samples: Samples, measured: Measured, tap: Condition, model: Model, found: Attacked) -> None:
    """Samples after the largest attack: the rank of the clean image, and its species, beside samples of the clean image."""
    n, bank = stage.params.n_shown, stage.h(tap.name)
    eps = f"{stage.params.eps[-1]:g}"
    rows, ways = shown(n), (FREE, PROBE, CHANCE)
    attacked = (found[FREE][rows].permute(0, 2, 3, 1).cpu().numpy() * 255).round().astype(np.uint8)
    panel = {"image": stage.bank.images[rows], "attacked": attacked, "sample": samples.first[tap.name][rows]}
    with torch.no_grad():
        moved = [model(found[way][:n]).cpu().numpy() for way in ways]
    drawn = stage.draw_groups(tap.name, moved, stage.noise(n))
    for way, images in {"none": samples.first[tap.name][:n], **dict(zip(ways, drawn, strict=True))}.items():
        back = stage.represent(images, None, {tap.name})[tap.name]
        row = {"encoder": tap.encoder, "condition": tap.name, "way": way, "eps": "0" if way == "none" else eps}
        mrr = measured.mean(1 / ranks(back, bank, np.arange(n)))
        measured.tables["attacked"].append({**row, **measured.interval(mrr, "mrr"), "species": _species(stage, images)})
        panel |= {} if way == "none" else {f"sample, {way}": images[rows]}
    measured.pictures[f"attack {tap.name}"] = panel


def _species(stage: Stage, images: Array) -> float | None:
    """How well the species of the clean image is read from samples."""
    if not stage.known:
        return None
    read = stage.reader(seen(stage.judge, images))["species"]
    true = stage.true["species"]
    return float(skill(read, true[: len(read)], true, np.ones((1, len(read))))[0])
