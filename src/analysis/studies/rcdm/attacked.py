"""Representations under attack: how far they move, what a probe then says, and what is drawn from them."""

import numpy as np
import torch
from torch import Tensor

from analysis.decoders.conditions import Condition
from analysis.decoders.ranks import ranks
from analysis.probing import fit_linear
from analysis.progress import track
from analysis.studies.rcdm.attacks import STEPS, Model, attack, away, random_like, unit, wrong
from analysis.studies.rcdm.drawn import Samples
from analysis.studies.rcdm.factors import seen, skill
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.stage import Stage, shown

Array = np.ndarray
FREE, PROBE, RANDOM = "label-free", "probe", "random"


def attacks(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Both attacks at every size on every encoder, and random changes as large; then what is drawn after the largest."""
    n = stage.params.n_attacked
    images, labels = unit(stage.bank.images[:n]), stage.bank.labels[:n]
    for tap in track(
        [c for c in stage.taps if c.tap == "backbone" and c.spatial and not c.shuffled], "attacks", unit="encoder"
    ):
        model = Model(stage.encoders[tap.encoder])
        probe = fit_linear(stage.train_h[tap.name], stage.train.labels)
        with torch.no_grad():
            clean = model(images)
        pairs = 2 * stage.h(tap.name).astype(np.float64).var(axis=0, ddof=1).sum()
        losses = {FREE: away(clean), PROBE: wrong(probe, labels)}
        measured.tables["attacks"].append(_row(tap, "none", 0.0, measured, np.zeros(n), probe.predict(clean.cpu()) == labels))
        for eps in stage.params.eps:
            found = {
                f"{way}{mark}": attack(model, images, loss, eps / 255, steps, stage.params.seed)
                for way, loss in losses.items()
                for mark, steps in (("", STEPS), (", one step", 1))
            }
            found[RANDOM] = random_like(images, found[FREE], stage.params.seed)
            for way, changed in found.items():
                with torch.no_grad():
                    h = model(changed)
                shift = ((h - clean) ** 2).sum(1).cpu().numpy() / pairs
                measured.draws["shift", tap.encoder, way, f"{eps:g}"] = measured.mean(shift)
                measured.tables["attacks"].append(_row(tap, way, eps, measured, shift, probe.predict(h.cpu()) == labels))
        _drawn(stage, samples, measured, tap, model, {way: found[way] for way in (FREE, PROBE, RANDOM)})


def _row(tap: Condition, way: str, eps: float, measured: Measured, shift: Array, right: Array) -> dict:
    row = {"encoder": tap.encoder, "condition": tap.name, "way": way, "eps": f"{eps:g}"}
    return {**row, **measured.interval(measured.mean(shift)), "accuracy": float(np.mean(right))}


def _drawn(stage: Stage, samples: Samples, measured: Measured, tap: Condition, model: Model, found: dict[str, Tensor]) -> None:
    """Samples after the largest attack: the rank of the clean image, and its species, beside samples of the clean image."""
    n, bank = stage.params.n_shown, stage.h(tap.name)
    eps = f"{stage.params.eps[-1]:g}"
    rows = shown(n)
    attacked = (found[FREE][rows].permute(0, 2, 3, 1).cpu().numpy() * 255).round().astype(np.uint8)
    panel = {"image": stage.bank.images[rows], "attacked": attacked, "sample": samples.first[tap.name][rows]}
    with torch.no_grad():
        moved = [model(changed[:n]).cpu().numpy() for changed in found.values()]
    drawn = stage.draw_groups(tap.name, moved, stage.noise(n))
    for way, images in {"none": samples.first[tap.name][:n], **dict(zip(found, drawn, strict=True))}.items():
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
