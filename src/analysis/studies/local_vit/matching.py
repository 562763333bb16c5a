"""Finding the same patch, the same object and its way through a video: probes that need no classes.

Quantities are kept under (task, data set, encoder, setting). Each task has its untuned reading and a tuned linear one: a linear
metric learned on pairs of the other half of the images (`transforms.paired_metric`), or in videos a classifier of the first
frame's patches. Both are also read from tokens with noise (`controls`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis import datasets
from analysis.datasets.base import Dataset
from analysis.encoders.base import Encoder
from analysis.encoders.facts import facts
from analysis.errors import UserError
from analysis.neighbours import Metric
from analysis.results import Row
from analysis.studies.local_vit import controls, correspondence, transforms
from analysis.studies.local_vit.correspondence import Correspondences, View, correspondences, inverse, recall
from analysis.studies.local_vit.frames import FRAMES, layout, videos
from analysis.studies.local_vit.instances import box_features, retrieval, roi_features
from analysis.studies.local_vit.measured import COSINE, LINEAR, UNTUNED, Tokens
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.tokens import tokens
from analysis.studies.local_vit.tracking import by_first_frame, propagate
from analysis.studies.local_vit.video_scores import VOID, sequence

Array = np.ndarray
Change = tuple[str, float]
METRICS: Mapping[str, Metric] = {UNTUNED: "ip", COSINE: "cosine"}
CHANGES: tuple[Change, ...] = (
    *(("shift", 4.0), ("rotation", 5.0), ("rotation", 15.0), ("scale", 0.8), ("scale", 1.2), ("blur", 2.0), ("noise", 40.0)),
)
PAIRS: Change = ("all at once", 1.0)  # of scenes:pairs
HARDEST = (("rotation", 15.0), PAIRS)  # the change that stands for the task where it is compared with a tuned linear metric
PIXELS = 16  # of an image per patch, in the search for the same patch
FRAMES_APART = (1, 4, FRAMES - 1)
MOST_OBJECTS = 10_000  # of one image
SMALLEST_OBJECT = 40  # visible pixels, below which an object is not looked for
GALLERY_VIEWS = 8  # every eighth view of an object of ETH-80 is in the gallery, the others are queries
BINS = 7  # per side of an object's box, as RoIAlign has them


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
                if _is_dino(encoder):
                    hits = recall(controls.rounded(queries), controls.rounded(bank), points[change], metric, bank="all")
                    measured.draws[*key, controls.ROUNDED + setting] = measured.mean(hits.ravel(), clusters)
            if change in HARDEST:
                for kind, shown in controls.variants(bank, params.removed, params.seed).items():
                    both = shown(bank), shown(queries)
                    plain = recall(both[1], both[0], points[change], "ip", bank="all")
                    for setting, hits in ((UNTUNED, plain), (LINEAR, _tuned_recall(*both, points[change]))):
                        draws = measured.mean(hits.ravel(), clusters)
                        measured.draws["same patch", name, encoder.name, kind + setting] = draws


def _is_dino(encoder: Encoder) -> bool:
    """Whether it needs a copy that is as good, for the claim about DINO and DINOv2."""
    return facts(encoder.name).method == "dino"


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


@dataclass(frozen=True)
class Objects:
    """Objects to be found again: of queries and of gallery, masks (k, H, W), image (k,) and identity (k,).

    `clusters` (q,): what is independent among the queries.
    """

    query: tuple[Array, Array, Array]
    gallery: tuple[Array, Array, Array]
    clusters: Array


def same_object(measured: Tokens, params: LocalVit, name: str, models: Iterable[Encoder]) -> None:
    """Is the most similar object of the gallery the same one? An object is the mean of its tokens under its mask.

    Beside it, the `BINS` x `BINS` bins of its box joined, as a detector's head has them. The last setting is the hardest: it
    stands for the task where it is compared with a tuned linear metric.
    """
    images, settings = objects(name, params.n_views, params.n_videos, params.seed)
    if not settings or not all(len(found.clusters) for found in settings.values()):
        raise UserError(f"{name} shows no object of at least {SMALLEST_OBJECT} pixels in the images that are searched")
    independent = min(len(np.unique(found.clusters)) for found in settings.values())
    measured.tables["retrieved"].append({"task": "same object", "dataset": name, "images": independent})
    for encoder in models:
        grids = tokens(encoder, images, tiles=layout(name).tiles)
        measured.keep(name, encoder.name, grids)
        for setting, found in settings.items():
            key = f"same object, {setting}", name, encoder.name
            for features, pooled in (("mean", _means), ("bins", _bins)):
                row: Row = {"dataset": name, "encoder": encoder.name, "setting": setting, "features": features}
                both = pooled(grids, found.query), pooled(grids, found.gallery)
                for cell, metric in METRICS.items():
                    scores = retrieval(*both, found.query[2], found.gallery[2], metric=metric)
                    kept = (*key, cell) if features == "mean" else None
                    row = {**row, "metric": metric, "queries": len(both[0]), "gallery": len(both[1])}
                    measured.add("objects", {**row, "score": "top1"}, measured.mean(scores.top1, found.clusters), kept)
                    precision = measured.mean(scores.average_precision, found.clusters)
                    measured.add("objects", {**row, "score": "map"}, precision)
            if _is_dino(encoder):
                for cell, metric in METRICS.items():
                    hits = _top1(controls.rounded(grids), found, metric)
                    measured.draws[*key, controls.ROUNDED + cell] = measured.mean(hits, found.clusters)
        for kind, shown in controls.variants(grids, params.removed, params.seed).items():
            changed = shown(grids)
            for cell, values in ((UNTUNED, _top1(changed, found, "ip")), (LINEAR, _tuned_top1(changed, found))):
                measured.draws["same object", name, encoder.name, kind + cell] = measured.mean(values, found.clusters)


def _top1(grids: Array, found: Objects, metric: Metric) -> Array:
    """Chance of a right first answer (q,)."""
    return retrieval(
        _means(grids, found.query), _means(grids, found.gallery), found.query[2], found.gallery[2], metric=metric
    ).top1


def _tuned_top1(grids: Array, found: Objects) -> Array:
    """Chance of a right first answer (q,) by distance under a linear metric that pairs of the other clusters taught."""
    queries, gallery = _means(grids, found.query), _means(grids, found.gallery)
    _, code = np.unique(found.clusters, return_inverse=True)
    same, hits = found.query[2][:, None] == found.gallery[2], np.full(len(queries), np.nan)
    for half in (code % 2 == 0, code % 2 == 1):
        a, b = np.nonzero(same & ~half[:, None])
        if len(a) < 2 or not half.any():
            continue
        metric = transforms.paired_metric(queries[a], gallery[b])
        asked = metric(queries[half])
        hits[half] = retrieval(asked, metric(gallery), found.query[2][half], found.gallery[2], metric="l2").top1
    return hits


def objects(name: str, n_views: int, n_videos: int, seed: int) -> tuple[Array, dict[str, Objects]]:
    """Images (n, H, W, 3) of a data set, and by setting the queries and the gallery.

    `scenes:pairs`: objects of the second views among those of all first views. `scenes:video`, `bdd100k`: objects of the first
    frame of each video among those of all videos some frames later, look-alikes among them. `eth80`: views of 40 objects among
    every eighth view of each. An object that the gallery does not hold is no query: its score is NaN, which is left out.
    """
    size = layout(name).size[0]
    if name.startswith("scenes:pairs"):
        data = datasets.load(name, size=size, n=n_views, seed=seed)
        images = np.concatenate([data.images, data.factors["second"]])
        query = _instances(data.factors["second_instance"], len(data))
        return images, {"second view": Objects(query, _instances(data.masks["instance"]), query[1])}
    if name.startswith(("scenes:video", "bdd100k")):
        clips = list(videos(name, n_videos, FRAMES_APART[-1] + 1, seed))
        images = np.concatenate([np.stack([clip[1][frame] for clip in clips]) for frame in (0, *FRAMES_APART)])
        maps = [np.stack([clip[2][frame] for clip in clips]) for frame in (0, *FRAMES_APART)]
        found = [_instances(part, place * len(clips)) for place, part in enumerate(maps)]
        return images, {
            f"{gap} frames later" if gap > 1 else "next frame": Objects(found[0], gallery, found[0][1])
            for gap, gallery in zip(FRAMES_APART, found[1:], strict=True)
            if len(gallery[0])  # a frame without labels is no gallery
        }
    data = datasets.load(name, size=size, seed=seed)
    identity = data.labels * 100 + data.factors["instance"]
    place = np.array([np.count_nonzero(identity[:row] == identity[row]) for row in range(len(data))])
    asked, rows, masks = place % GALLERY_VIEWS != GALLERY_VIEWS // 2, np.arange(len(data)), data.masks["foreground"]
    query, gallery = ((masks[s], rows[s], identity[s]) for s in (asked, ~asked))
    return data.images, {"another view": Objects(query, gallery, query[2])}


def _instances(maps: Array, first: int = 0) -> tuple[Array, Array, Array]:
    """Masks (k, H, W), image (k,), counted from `first`, and identity (k,) of the objects in maps that show enough."""
    image, number = np.array(_numbers(maps), dtype=int).reshape(-1, 2).T
    return maps[image] == number[:, None, None], image + first, image * MOST_OBJECTS + number


def _numbers(maps: Array) -> list[tuple[int, int]]:
    """Image and number of every object in instance maps of which at least `SMALLEST_OBJECT` pixels are seen."""
    counted = [(i, *np.unique(maps[i], return_counts=True)) for i in range(len(maps))]
    return [(i, int(j)) for i, numbers, sizes in counted for j in numbers[(numbers != 0) & (sizes >= SMALLEST_OBJECT)]]


def _means(grids: Array, found: tuple[Array, Array, Array]) -> Array:
    """Mean tokens (k, d) of objects: (masks, image, identity)."""
    masks, image, _ = found
    return np.concatenate([roi_features(grids[i], masks[image == i]) for i in np.unique(image)])


def _bins(grids: Array, found: tuple[Array, Array, Array]) -> Array:
    """The bins of the boxes of objects, (k, BINS^2 d)."""
    masks, image, _ = found
    return np.concatenate(
        [box_features(grids[i], _boxes(masks[image == i]), masks.shape[1:], BINS) for i in np.unique(image)]  # type: ignore[arg-type]
    )


def _boxes(masks: Array) -> Array:
    """Left, top, right, bottom (k, 4) of masks (k, H, W)."""
    sides = []
    for axis in (1, 2):
        seen = np.asarray(masks.any(axis))
        sides.append((seen.argmax(1), seen.shape[1] - seen[:, ::-1].argmax(1)))
    (left, right), (top, bottom) = sides
    return np.stack([left, top, right, bottom], 1)


def follow(measured: Tokens, params: LocalVit, name: str, models: Iterable[Encoder]) -> None:
    """Objects of the first frame followed by propagating labels; J and F as in the DAVIS evaluation."""
    clips = list(videos(name, params.n_videos, params.n_frames, params.seed))
    followers: dict[str, Callable[[Array, Array], Array]] = {UNTUNED: propagate, LINEAR: by_first_frame}
    for encoder in models:
        scores: dict[str, list[tuple[int, float, float]]] = {}
        for number, (_, images, truth) in enumerate(clips):
            grids = tokens(encoder, images, tiles=layout(name).tiles)
            measured.keep(name, encoder.name, grids)
            first = np.where(truth[0] == VOID, 0, truth[0])
            for kind, shown in controls.variants(grids, params.removed, params.seed).items():
                changed = shown(grids)
                for setting, follower in followers.items():
                    rows = sequence(follower(changed, first), truth)
                    scores.setdefault(kind + setting, []).extend((number, row["J_mean"], row["F_mean"]) for row in rows)
        for setting, rows_of in scores.items():
            video, j, f = (np.array(column) for column in zip(*rows_of, strict=True))
            measured.draws["tracking", name, encoder.name, setting] = measured.mean((j + f) / 2, video)
            if setting in followers:
                row = {"dataset": name, "encoder": encoder.name, "by": setting, "objects": len(j)}
                for score, values in (("J", j), ("F", f), ("J&F", (j + f) / 2)):
                    measured.add("tracking", {**row, "score": score}, measured.mean(values, video))
