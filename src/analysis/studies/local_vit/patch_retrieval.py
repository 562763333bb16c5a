"""Finding the same patch in a changed image: a probe that needs no classes.

Quantities are kept under (`same patch, CHANGE`, data set, encoder, setting). For the hardest change there is also the tuned
reading, a linear metric learned on pairs of the other half of the images (`transforms.paired_metric`), and both from tokens
with noise (`controls`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from analysis import datasets
from analysis.datasets.base import Dataset
from analysis.encoders.base import Encoder
from analysis.studies.local_vit import controls, correspondence, transforms
from analysis.studies.local_vit.correspondence import Correspondences, View, correspondences, inverse, recall
from analysis.studies.local_vit.measured import LINEAR, METRICS, UNTUNED, Tokens, needs_copy
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.tokens import tokens

Array = np.ndarray
Change = tuple[str, float]
CHANGES: tuple[Change, ...] = (
    *(("shift", 4.0), ("rotation", 5.0), ("rotation", 15.0), ("scale", 0.8), ("scale", 1.2), ("blur", 2.0), ("noise", 40.0)),
)
PAIRS: Change = ("all at once", 1.0)  # of scenes:pairs
HARDEST = (("rotation", 15.0), PAIRS)  # the change that stands for the task where it is compared with a tuned linear metric
PIXELS = 16  # of an image per patch


def same_patch(measured: Tokens, params: LocalVit, name: str, models: Iterable[Encoder]) -> None:
    """Is the most similar patch of all original images the one that a patch of a changed image shows?

    Queries are the patches of the second views, the bank those of all first views. Patches that look at nothing of the first
    view are no queries. Both views are one tile.
    """
    size = PIXELS * params.grid
    data = datasets.load(name, size=size, n=params.n_views, seed=params.seed)
    views = dict(_views(data, name, params.seed))
    points = {key: correspondences(inverse(view.affine), size, (params.grid, params.grid)) for key, view in views.items()}
    for change, view in views.items():
        row = {"dataset": name, "change": change[0], "strength": change[1]}
        measured.tables["perfect"].append({**row, "value": _perfect(view, points[change], params.grid)})
    measured.tables["retrieved"].append({"task": "same patch", "dataset": name, "images": len(data)})
    clusters = data.clusters.repeat(params.grid**2)
    for encoder in models:
        bank = tokens(encoder, data.images)
        measured.keep(name, encoder.name, bank)
        for change, view in views.items():
            queries = tokens(encoder, view.images)
            row = {"dataset": name, "encoder": encoder.name, "change": change[0], "strength": change[1]}
            for setting, metric in METRICS.items():
                key = f"same patch, {_words(change)}", name, encoder.name
                hits = recall(queries, bank, points[change], metric, bank="all")
                measured.add("patches", {**row, "metric": metric}, measured.mean(hits.ravel(), clusters), (*key, setting))
                if needs_copy(encoder):
                    hits = recall(controls.rounded(queries), controls.rounded(bank), points[change], metric, bank="all")
                    measured.draws[*key, controls.ROUNDED + setting] = measured.mean(hits.ravel(), clusters)
            if change in HARDEST:
                for kind, shown in controls.variants(bank, params.removed, params.seed).items():
                    both = shown(bank), shown(queries)
                    plain = recall(both[1], both[0], points[change], "ip", bank="all")
                    for setting, hits in ((UNTUNED, plain), (LINEAR, _tuned_recall(*both, points[change]))):
                        draws = measured.mean(hits.ravel(), clusters)
                        measured.draws["same patch", name, encoder.name, kind + setting] = draws


def _words(change: Change) -> str:
    return change[0] if change == PAIRS else f"{change[0]} {change[1]:g}"


def _views(data: Dataset, name: str, seed: int) -> Iterator[tuple[Change, View]]:
    if "second" in data.factors:
        yield PAIRS, correspondence.of_pairs(data)
        return
    for index, (change, strength) in enumerate(CHANGES):
        yield (change, strength), correspondence.transform(data.images, change, strength, np.random.default_rng([seed, index]))


def _perfect(view: View, points: Correspondences, grid: int) -> float:
    """Recall of a matcher that knows where every patch lies: its features are pixels of the first view, compared by distance.

    They come from the map to the second view, by solving it for each patch centre, and not from `points`, which they check.
    """
    size = view.images.shape[1]
    place = (np.arange(grid) + 0.5) * size / grid - 0.5
    centres = np.stack(np.meshgrid(place, place, indexing="xy"), -1)  # (grid, grid, 2), as (x, y)
    moved = centres.reshape(1, -1, 2) - view.affine[:, None, :, 2]
    knows = np.linalg.solve(view.affine[:, None, :, :2], moved[..., None])[..., 0].reshape(-1, grid, grid, 2)
    return float(np.nanmean(recall(knows, np.broadcast_to(centres, knows.shape), points, "l2")))


def _tuned_recall(bank: Array, queries: Array, points: Correspondences) -> Array:
    """Hits (n, p) of the same patch by distance under a linear metric that pairs of the other half of the images taught."""
    n, rows, columns, d = bank.shape
    cells = points.points.round().astype(int).clip(0, [rows - 1, columns - 1])
    partners = bank[np.arange(n)[:, None], cells[..., 0], cells[..., 1]]
    asked, hits = queries.reshape(n, -1, d), np.full(points.valid.shape, np.nan)
    for half in (np.arange(n) % 2 == 0, np.arange(n) % 2 == 1):
        taught = points.valid & ~half[:, None]
        if taught.sum() < 2:
            continue
        metric = transforms.paired_metric(asked[taught], partners[taught])
        scored = replace(points, valid=points.valid & half[:, None])
        hits[half] = recall(metric(queries), metric(bank), scored, "l2", bank="all")[half]
    return hits
