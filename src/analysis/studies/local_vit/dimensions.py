"""What few-shot segmentation says of dimensions: with noise, with planted ones, block by block, by variance and length."""

from dataclasses import replace

import numpy as np

from analysis.encoders.facts import facts
from analysis.neighbours import nearest
from analysis.studies.local_vit import controls, transforms, variance
from analysis.studies.local_vit.cell import NONE, Cell
from analysis.studies.local_vit.defects import longest
from analysis.studies.local_vit.frames import layout
from analysis.studies.local_vit.measured import COSINE, LINEAR, METRICS, RATIO, UNTUNED
from analysis.studies.local_vit.segmentation import bank_of
from analysis.studies.local_vit.tokens import final_norm, layer_tokens, layers, read_block

Array = np.ndarray
SPECTRUM_POINTS = 60


def with_noise(cell: Cell, strength: float) -> None:
    """Neighbours and linear probe with noise on all tokens, over their dimensions or in dimensions of its own."""
    for kind, shown in controls.variants(cell.grids, cell.params.removed, cell.params.seed).items():
        if kind:
            noisy = cell.after(shown)
            cell.measured.draws[cell.key(kind + UNTUNED)] = noisy.neighbour(NONE)
            chosen = strength if kind == controls.NUISANCE else None
            cell.measured.draws[cell.key(kind + LINEAR)] = noisy.fit(strength=chosen)


def with_planted(cell: Cell, strength: float) -> None:
    """Dimensions that tell the classes apart least, amplified by an invertible map, for encoders of masked image modelling.

    A linear probe on standardised features does not see the amplification: it is fitted once.
    """
    if facts(cell.encoder.name).objective != "masked-image-modelling":
        return
    axes = controls.least_informative(cell.bank.features, cell.bank.labels, cell.m)
    for times in controls.STRENGTHS:
        planted = cell.after(controls.planting(axes, cell.m, times))
        scores = {"all": planted.neighbour(NONE), "without highest": planted.without("highest", cell.m)}
        scores["without random"] = planted.without("random", cell.m)
        for kind, values in scores.items():
            row = {**cell.where, "times": times, "features": kind}
            cell.measured.add("planted", row, values, cell.key(f"planted {times:g} {kind}"))
    gone = transforms.drop("highest", planted.bank.features, cell.m)
    for kind, part in (("", NONE), (" without", gone)):
        cell.measured.draws[cell.key(f"planted {times:g} {LINEAR}{kind}")] = planted.fit(part, strength)


def depth(cell: Cell) -> None:
    """One neighbour after each block through the final norm, and after the block that is read, before that norm."""
    cut, names, few = layout(cell.task.name).tiles, layers(cell.encoder), cell.task.few
    if not names:
        return
    read = read_block(cell.encoder)
    wanted = names if cell.params.by_layer else (read,)
    bank, queries = (layer_tokens(cell.encoder, images, wanted, tiles=cut) for images in (few.bank[few.main], few.test))
    for name in wanted:
        depth = names.index(name) + 1
        kinds = {"after the norm": [final_norm(cell.encoder, part[name]) for part in (bank, queries)]}
        if name == read:
            kinds["before the norm"] = [bank[name], queries[name]]
        for norm, (own, asked) in kinds.items():
            here = replace(cell, bank=bank_of(own, cell.task.bank_counts[few.main]), queries=asked)
            row = {**cell.where, "layer": depth, "of": len(names), "norm": norm}
            for metric in METRICS.values() if name == read else (METRICS[COSINE],):
                cell.measured.add("layers", {**row, "metric": metric, "removed": False}, here.neighbour(NONE, metric))
            if name == read:
                cell.measured.add("layers", {**row, "metric": "ip", "removed": True}, here.without("highest", here.m))
                _ratio(here, own, norm)


def variances(cell: Cell) -> None:
    """The spectrum of the bank's dimensions, at ranks evenly spaced in their logarithm, and how far it is from flat."""
    shares = variance.spectrum(cell.bank.features)
    ranks = np.unique(np.geomspace(1, len(shares), SPECTRUM_POINTS).round().astype(int))
    middle = float(np.median(shares))
    cell.measured.tables["spectrum"] += [
        {**cell.where, "rank": int(r), "width": len(shares), "times": float(shares[r - 1]) / middle} for r in ranks
    ]
    if not layers(cell.encoder):
        _ratio(cell, cell.grids[cell.task.few.main], "after the norm")


def _ratio(cell: Cell, grids: Array, norm: str) -> None:
    """The highest variance of a dimension of the bank over the median one, how many lie above `RATIO`, what the top m hold."""
    few, features = cell.task.few, cell.bank.features
    held = float(variance.spectrum(features)[: cell.m].sum())
    row = {**cell.where, "norm": norm, "m": cell.m, "held": held, "above": variance.above(features, RATIO)}
    values = variance.ratio(grids, cell.measured.weights(few.bank_clusters[few.main]))
    cell.measured.add("ratio", row, values, ("ratio", cell.task.name, cell.encoder.name, norm))


def lengths(cell: Cell) -> None:
    """Share of queries whose nearest patch is among the 1 % longest of the bank."""
    x, long = cell.queries.reshape(-1, cell.queries.shape[-1]), longest(cell.bank.features)
    found = {
        metric: nearest(x, cell.bank.features, 1, metric, cell.encoder.device.type)[0][:, 0] for metric in METRICS.values()
    }
    row = {str(metric): float(long[near].mean()) for metric, near in found.items()}
    lengths = np.linalg.norm(cell.bank.features, axis=1)
    cell.measured.tables["token_lengths"].append({**cell.where, **row, "spread": float(lengths.std() / lengths.mean())})
