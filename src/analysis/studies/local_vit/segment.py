"""Few-shot segmentation of one data set by every encoder: neighbours under all transforms, linear probes, depth, damage."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.encoders.base import Encoder
from analysis.neighbours import METRICS, Metric, nearest
from analysis.studies.local_vit import segmentation, transforms, variance
from analysis.studies.local_vit.defects import longest
from analysis.studies.local_vit.degrade import degrade
from analysis.studies.local_vit.frames import Few, few_shot, layout
from analysis.studies.local_vit.measured import Measured
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.segmentation import Bank, bank_of, by_neighbour, by_vote, confusion, fit_linear, miou_draws
from analysis.studies.local_vit.tokens import layer_tokens, layers, tokens
from analysis.studies.local_vit.transforms import DROPS, PLAIN, Drop, FeatureTransform, Plain

Array = np.ndarray
RANDOM_DRAWS = 3  # of dimensions; their mean is the control
DAMAGE = (("blur", 1.0), ("blur", 2.0), ("noise", 20.0), ("noise", 40.0))
SPECTRUM_POINTS, EXAMPLES = 60, 4
SETTINGS: dict[str, tuple[Plain, Metric]] = {"as they come": ("none", "ip"), "one for all": ("standardise", "cosine")}
COMPARED: tuple[Metric, ...] = ("ip", "cosine")
SOFT: tuple[Plain, ...] = ("none", "standardise")
SWEPT: tuple[Drop, ...] = ("top", "random")


@dataclass(frozen=True)
class Task:
    """A data set ready to be segmented: images, true pixel counts per patch of bank and test, bootstrap weights."""

    name: str
    few: Few
    bank_counts: Array
    test_counts: Array
    weights: Array


@dataclass(frozen=True)
class Cell:
    """One encoder on one task: its bank and its queries (n, h, w, d)."""

    measured: Measured
    task: Task
    encoder: Encoder
    bank: Bank
    queries: Array

    @property
    def where(self) -> dict[str, str]:
        """The first columns of every row."""
        return {"dataset": self.task.name, "encoder": self.encoder.name}

    @property
    def removed(self) -> int:
        """How many dimensions are removed where nothing else is said."""
        return round(self.measured.params.removed * self.bank.features.shape[1])

    def score(self, predicted: Array) -> Array:
        """mIoU of patch labels (n, h, w) with its draws, (1 + B,)."""
        return miou_draws(confusion(predicted, self.task.test_counts), self.task.weights)

    def neighbour(self, transform: FeatureTransform, metric: Metric) -> Array:
        """mIoU of the nearest patch under a transform, with its draws."""
        return self.score(by_neighbour(self.bank, self.queries, transform, metric, self.encoder.device.type))

    def dropped(self, which: Drop, m: int, metric: Metric, draws: int = 1) -> Array:
        """mIoU without m dimensions; of random ones, the mean over `draws` of them."""
        seeds = range(draws if which == "random" else 1)
        found = [self.neighbour(transforms.drop(which, self.bank.features, m, seed), metric) for seed in seeds]
        return np.mean(found, axis=0)


def probe(measured: Measured, name: str, models: Iterable[Encoder]) -> None:
    """Every segmentation probe of `models` on the data set `name`."""
    task = prepare(measured, name)
    cut = layout(name).tiles
    for encoder in models:
        bank_grids, queries = (tokens(encoder, images, tiles=cut) for images in (task.few.bank, task.few.test))
        measured.keep(name, encoder.name, bank_grids)
        cell = Cell(measured, task, encoder, bank_of(bank_grids, task.bank_counts), queries)
        _neighbours(cell)
        _examples(cell)
        _hubs(cell)
        _sweep(cell)
        head = _linear(cell)
        _damage(cell, head)
        _variances(cell)
        if measured.params.by_layer:
            _depth(cell)


def prepare(measured: Measured, name: str) -> Task:
    """Images and pixel counts of a data set; enters their numbers in the table `samples`."""
    params: LocalVit = measured.params
    few = few_shot(name, params.n_bank, params.n_test, params.seed)
    shape = (layout(name).tiles[0] * params.grid, layout(name).tiles[1] * params.grid)
    counts = [segmentation.count_pixels(maps, shape, len(few.classes), few.void) for maps in (few.bank_maps, few.test_maps)]
    present = int((counts[1].sum((0, 1, 2)) > 0).sum())
    row = {"dataset": name, "bank": len(few.bank), "test": len(few.test), "patches": int(np.prod(shape))}
    measured.tables["samples"].append({**row, "classes": len(few.classes), "present": present})
    step = max(1, len(few.test) // EXAMPLES)
    measured.classes[name] = len(few.classes)
    measured.shown[name] = few.test[::step][:EXAMPLES], counts[1][::step][:EXAMPLES].argmax(-1)
    return Task(name, few, counts[0], counts[1], measured.weights(len(few.test)))


def _neighbours(cell: Cell) -> None:
    """All transforms by all metrics with one neighbour, and the soft vote of thirty."""
    features, name, encoder = cell.bank.features, cell.task.name, cell.encoder.name
    unit = cell.neighbour(transforms.fit("unit", features), "ip")  # vectors of length 1 have the same neighbours by all metrics
    for metric in METRICS:
        scores: dict[str, Array] = {
            kind: cell.neighbour(transforms.fit(kind, features), metric) for kind in PLAIN if kind != "unit"
        }
        scores |= {which: cell.dropped(which, cell.removed, metric, RANDOM_DRAWS) for which in DROPS}
        scores["unit"] = unit
        for kind, values in scores.items():
            row = {**cell.where, "probe": "knn", "transform": kind, "metric": metric}
            cell.measured.add("segmentation", row, values, ("knn", name, encoder, f"{kind}/{metric}"))
    for kind in SOFT:
        said = by_vote(cell.bank, cell.queries, transforms.fit(kind, features), cell.encoder.device.type)
        row = {**cell.where, "probe": "vote", "transform": kind, "metric": "cosine"}
        cell.measured.add("segmentation", row, cell.score(said), ("vote", name, encoder, f"{kind}/cosine"))


def _examples(cell: Cell) -> None:
    """Labels of a few test images by the nearest patch, for the picture."""
    few = cell.queries[:: max(1, len(cell.queries) // EXAMPLES)][:EXAMPLES]
    for name, (kind, metric) in SETTINGS.items():
        said = by_neighbour(cell.bank, few, transforms.fit(kind, cell.bank.features), metric, cell.encoder.device.type)
        cell.measured.examples[cell.task.name, cell.encoder.name, name] = said


def _hubs(cell: Cell) -> None:
    """Share of queries whose nearest patch is among the 1 % longest of the bank."""
    x, long = cell.queries.reshape(-1, cell.queries.shape[-1]), longest(cell.bank.features)
    found = {metric: nearest(x, cell.bank.features, 1, metric, cell.encoder.device.type)[0][:, 0] for metric in COMPARED}
    row = {str(metric): float(long[near].mean()) for metric, near in found.items()}
    lengths = np.linalg.norm(cell.bank.features, axis=1)
    cell.measured.tables["hubs"].append({**cell.where, **row, "spread": float(lengths.std() / lengths.mean())})


def _sweep(cell: Cell) -> None:
    """mIoU against the number of dimensions removed, the loudest ones and one draw of random ones; inner product."""
    width, key = cell.bank.features.shape[1], ("knn", cell.task.name, cell.encoder.name)
    known = {(which, cell.removed): cell.measured.draws[*key, f"{which}/ip"] for which in SWEPT}
    known |= {(which, 0): cell.measured.draws[*key, "none/ip"] for which in SWEPT}
    for m in variance.sizes(width, (0.0, *cell.measured.params.shares)):
        for which in SWEPT:
            values = known[which, m] if (which, m) in known else cell.dropped(which, m, "ip")
            cell.measured.add("sweep", {**cell.where, "removed": which, "m": m, "share": m / width}, values)


def _linear(cell: Cell) -> segmentation.Linear:
    """Linear probes on all dimensions, bare and normalised, and on parts of them; returns the normalised one on all."""
    features, m, seed = cell.bank.features, cell.removed, cell.measured.params.seed
    parts = {
        "without top": transforms.drop("top", features, m),
        "without random": transforms.drop("random", features, m),
        "only top": transforms.only("top", features, m),
        "only random": transforms.only("random", features, m),
    }
    fitted = {
        "all": fit_linear(cell.bank, normalise=True, seed=seed),
        "bare": fit_linear(cell.bank, normalise=False, seed=seed),
    }
    for kind, head in fitted.items():
        _enter_linear(cell, kind, head, head(cell.queries))
    for kind, part in parts.items():
        head = fit_linear(Bank(part(features), cell.bank.shares, cell.bank.image), normalise=True, seed=seed)
        _enter_linear(cell, kind, head, head(part(cell.queries)))
    return fitted["all"]


def _enter_linear(cell: Cell, kind: str, head: segmentation.Linear, said: Array) -> None:
    row = {**cell.where, "features": kind, "strength": head.strength}
    cell.measured.add("linear", row, cell.score(said), ("linear", cell.task.name, cell.encoder.name, kind))


def _damage(cell: Cell, head: segmentation.Linear) -> None:
    """Test images blurred or with noise, the bank and the linear probe as they were."""
    fitted = {name: transforms.fit(kind, cell.bank.features) for name, (kind, _) in SETTINGS.items()}
    for kind, strength in DAMAGE:
        rng = np.random.default_rng([cell.measured.params.seed, round(strength)])
        images = degrade(cell.task.few.test, kind, strength, rng)
        queries = tokens(cell.encoder, images, tiles=layout(cell.task.name).tiles)
        said = {
            name: by_neighbour(cell.bank, queries, fitted[name], metric, cell.encoder.device.type)
            for name, (_, metric) in SETTINGS.items()
        }
        for probe, labels in {**said, "linear": head(queries)}.items():
            row = {**cell.where, "probe": probe, "damage": kind, "strength": strength}
            cell.measured.add("robustness", row, cell.score(labels))


def _depth(cell: Cell) -> None:
    """One neighbour after each block, through the final norm, by inner product and by cosine; the last block is known."""
    cut, names = layout(cell.task.name).tiles, layers(cell.encoder)
    if not names:
        return
    bank, queries = (
        layer_tokens(cell.encoder, images, names[:-1], tiles=cut) for images in (cell.task.few.bank, cell.task.few.test)
    )
    for depth, name in enumerate(names, start=1):
        for metric in COMPARED:
            if name == names[-1]:
                values = cell.measured.draws["knn", cell.task.name, cell.encoder.name, f"none/{metric}"]
            else:
                here = bank_of(bank[name], cell.task.bank_counts)
                transform = transforms.fit("none", here.features)
                values = cell.score(by_neighbour(here, queries[name], transform, metric, cell.encoder.device.type))
            cell.measured.add("layers", {**cell.where, "layer": depth, "of": len(names), "metric": metric}, values)


def _variances(cell: Cell) -> None:
    """The spectrum of the bank's dimensions, at ranks evenly spaced in their logarithm, and what the removed ones hold."""
    shares = variance.spectrum(cell.bank.features)
    ranks = np.unique(np.geomspace(1, len(shares), SPECTRUM_POINTS).round().astype(int))
    rows = [{**cell.where, "rank": int(r), "width": len(shares), "share": float(shares[r - 1])} for r in ranks]
    cell.measured.tables["spectrum"].extend(rows)
    held = variance.held_by_top(cell.bank.features, cell.removed)
    row = {**cell.where, "m": cell.removed, "even": cell.removed / len(shares), "value": held}
    cell.measured.tables["held"].append(row)
