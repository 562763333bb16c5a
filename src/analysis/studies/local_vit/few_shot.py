"""Few-shot segmentation of one data set by every encoder: neighbours under all transforms, linear probes, larger banks.

Quantities are kept as draws under (`segmentation`, data set, encoder, setting).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from analysis.encoders.base import Encoder
from analysis.neighbours import Metric
from analysis.studies.local_vit import dimensions, segmentation, transforms, variance
from analysis.studies.local_vit.cell import Cell, Task
from analysis.studies.local_vit.degrade import OCTAVES, degrade
from analysis.studies.local_vit.frames import few_shot, layout
from analysis.studies.local_vit.measured import LINEAR, METRICS, UNTUNED, Tokens
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.segmentation import Linear, bank_of, by_neighbour, by_vote, confusion, fit_linear
from analysis.studies.local_vit.tokens import tokens
from analysis.studies.local_vit.transforms import DROPS, PLAIN, Drop, Plain

Array = np.ndarray
RANDOM_DRAWS = 3  # of dimensions; their mean is the control, and the first of them the negative control
DEGRADED = (("blur", 2.0), ("noise", 40.0), *((f"octave {k}", 30.0) for k in OCTAVES))
MOST_DEGRADED = 16  # test images that are degraded
EXAMPLES = 4
SWEPT: tuple[Drop, ...] = ("highest", "random")
SETTINGS: Mapping[str, tuple[Plain, Metric]] = {"raw": ("none", "ip"), "standardised": ("standardise", "cosine")}


def probe(measured: Tokens, params: LocalVit, name: str, models: Iterable[Encoder]) -> None:
    """Enter all probes of a data set into the tables and draws of `measured`."""
    task = _task(measured, params, name)
    for encoder in models:
        cut = layout(name).tiles
        grids = tokens(encoder, task.few.bank, tiles=cut)
        bank = bank_of(grids, task.bank_counts).of_images(task.few.main)
        cell = Cell(measured, params, task, encoder, grids, bank, tokens(encoder, task.few.test, tiles=cut))
        measured.keep(name, encoder.name, grids)
        _neighbours(cell)
        _removal_curve(cell)
        head = _linear(cell)
        _bank_sizes(cell, head.strength)
        _degraded(cell, head)
        dimensions.with_noise(cell, head.strength)
        dimensions.with_planted(cell, head.strength)
        dimensions.depth(cell)
        dimensions.variances(cell)
        dimensions.lengths(cell)
        _examples(cell)


def _task(measured: Tokens, params: LocalVit, name: str) -> Task:
    """Images and pixel counts of a data set; enters their numbers in the table `samples`."""
    few = few_shot(name, params.n_bank, params.n_test, params.seed)
    shape = (layout(name).tiles[0] * params.grid, layout(name).tiles[1] * params.grid)
    counts = [segmentation.count_pixels(maps, shape, len(few.classes), few.void) for maps in (few.bank_maps, few.test_maps)]
    present = int((counts[1].sum((0, 1, 2)) > 0).sum())
    row = {"dataset": name, "bank": len(few.main), "test": len(few.test), "patches": int(np.prod(shape))}
    measured.tables["samples"].append({**row, "classes": len(few.classes), "present": present})
    step = max(1, len(few.test) // EXAMPLES)
    measured.classes[name] = few.classes
    measured.shown[name] = few.test[::step][:EXAMPLES], counts[1][::step][:EXAMPLES].argmax(-1)
    return Task(name, few, counts[0], counts[1], measured.weights(few.clusters))


def _neighbours(cell: Cell) -> None:
    """One neighbour under all transforms, and the soft vote of thirty; what is removed as a control by inner product alone."""
    features = cell.bank.features
    plain = {kind: transforms.fit(kind, features) for kind in PLAIN if kind != "unit"}
    several = [cell.without("random", cell.m, seed=seed) for seed in range(RANDOM_DRAWS)]
    cell.measured.draws[cell.key("one random/ip")] = several[0]
    cell.measured.draws[cell.key("other random/ip")] = np.mean(several[1:], axis=0)
    for metric in METRICS.values():
        scores: dict[str, Array] = {kind: cell.neighbour(transform, metric) for kind, transform in plain.items()}
        scores["highest"] = cell.without("highest", cell.m, metric)
        if metric == "ip":
            scores |= {which: cell.without(which, cell.m) for which in DROPS if which not in ("highest", "random")}
            scores["random"] = np.mean(several, axis=0)
        for kind, values in scores.items():
            row = {**cell.where, "transform": kind, "metric": metric}
            cell.measured.add("segmentation", row, values, cell.key(f"{kind}/{metric}"))
    said = by_vote(cell.bank, cell.queries, plain["standardise"], cell.encoder.device.type)
    cell.measured.add("votes", cell.where, cell.score(said))


def _removal_curve(cell: Cell) -> None:
    """mIoU against the number of dimensions removed, those of highest variance and one draw of random ones; inner product."""
    width = cell.bank.features.shape[1]
    for m in variance.sizes(width, (0.0, *cell.params.shares)):
        for which in SWEPT:
            known = {0: UNTUNED, cell.m: f"{which}/ip"}
            values = cell.measured.draws[cell.key(known[m])] if m in known else cell.without(which, m)
            cell.measured.add("removal", {**cell.where, "removed": which, "m": m, "share": m / width}, values)


def _linear(cell: Cell) -> Linear:
    """Linear probes on all dimensions, standardised and raw, and on parts of them; returns the standardised one on all."""
    features, seed = cell.bank.features, cell.params.seed
    heads = {"all": fit_linear(cell.bank, seed=seed), "raw": fit_linear(cell.bank, seed=seed, normalise=False)}
    said = {kind: head(cell.queries) for kind, head in heads.items()}
    parts = {
        "without highest": transforms.drop("highest", features, cell.m),
        "without random": transforms.drop("random", features, cell.m),
        "only highest": transforms.only("highest", features, cell.m),
        "only random": transforms.only("random", features, cell.m),
    }
    scores = {kind: cell.score(labels) for kind, labels in said.items()}
    scores |= {kind: cell.fit(part, heads["all"].strength) for kind, part in parts.items()}
    for kind, values in scores.items():
        key = cell.key(LINEAR if kind == "all" else f"{LINEAR} {kind}")
        cell.measured.add("linear", {**cell.where, "features": kind}, values, key)
    _classes(cell, said["all"])
    return heads["all"]


def _classes(cell: Cell, linear: Array) -> None:
    """IoU of each class, by the nearest patch (raw, and standardised by cosine) and by the linear probe."""
    said = {"linear probe": linear} | {
        name: by_neighbour(cell.bank, cell.queries, transforms.fit(kind, cell.bank.features), metric, cell.encoder.device.type)
        for name, (kind, metric) in SETTINGS.items()
    }
    found = {name: segmentation.class_iou(confusion(labels, cell.task.test_counts).sum(0)) for name, labels in said.items()}
    for index, name in enumerate(cell.task.few.classes):
        values = {probe: float(iou[index]) for probe, iou in found.items()}
        if np.isfinite(values["raw"]):
            cell.measured.tables["classes"].append({**cell.where, "class": name, **values})


def _bank_sizes(cell: Cell, strength: float) -> None:
    """mIoU against the size of the bank: halves, the bank proper, a second draw of it, both together."""
    main, rest = cell.task.few.main, np.setdiff1d(np.arange(len(cell.grids)), cell.task.few.main)
    draws = [("first half", main[::2]), ("second half", main[1::2]), ("bank", main)]
    if len(rest) == len(main):
        draws += [("second draw", rest), ("both draws", np.arange(len(cell.grids)))]
    everything = bank_of(cell.grids, cell.task.bank_counts)
    for draw, images in draws:
        part = cell if draw == "bank" else replace(cell, bank=everything.of_images(images))
        if draw == "bank":
            kinds = {name: cell.measured.draws[cell.key(f"{kind}/{metric}")] for name, (kind, metric) in SETTINGS.items()}
            kinds["linear probe"] = cell.measured.draws[cell.key(LINEAR)]
        else:
            kinds = {name: part.neighbour(transforms.fit(kind, part.bank.features), m) for name, (kind, m) in SETTINGS.items()}
            kinds["linear probe"] = part.fit(strength=strength)
        for probe_name, values in kinds.items():
            cell.measured.add("bank", {**cell.where, "draw": draw, "images": len(images), "probe": probe_name}, values)


def _degraded(cell: Cell, head: Linear) -> None:
    """Test images blurred or with noise, the bank and the linear probe as they were."""
    features, few = cell.bank.features, cell.task.few
    some = slice(0, MOST_DEGRADED)
    part = replace(cell, task=replace(cell.task, test_counts=cell.task.test_counts[some], weights=cell.task.weights[:, some]))
    kinds = {name: (transforms.fit(kind, features), metric) for name, (kind, metric) in SETTINGS.items()}
    kinds["highest variance removed"] = transforms.drop("highest", features, cell.m), "ip"
    for kind, strength in (("none", 0.0), *DEGRADED):
        if kind == "none":
            queries = cell.queries[some]
        else:
            rng = np.random.default_rng([cell.params.seed, round(strength)])
            images = degrade(few.test[some], kind, strength, rng)
            queries = tokens(cell.encoder, images, tiles=layout(cell.task.name).tiles)
        said = {
            name: by_neighbour(cell.bank, queries, transform, metric, cell.encoder.device.type)
            for name, (transform, metric) in kinds.items()
        }
        for probe_name, labels in {**said, "linear probe": head(queries)}.items():
            row = {**cell.where, "probe": probe_name, "degradation": kind, "strength": strength}
            cell.measured.add("robustness", row, part.score(labels))


def _examples(cell: Cell) -> None:
    """Labels of a few test images by the nearest patch, and their tokens, for the pictures."""
    few = cell.queries[:: max(1, len(cell.queries) // EXAMPLES)][:EXAMPLES]
    for name, (kind, metric) in SETTINGS.items():
        said = by_neighbour(cell.bank, few, transforms.fit(kind, cell.bank.features), metric, cell.encoder.device.type)
        cell.measured.examples[cell.task.name, cell.encoder.name, name] = said
    cell.measured.maps[cell.task.name, cell.encoder.name] = few
