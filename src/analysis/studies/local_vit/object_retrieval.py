"""Finding the same object in another image: a probe that needs no classes.

Quantities are kept under (`same object, SETTING`, data set, encoder, setting), also by the tuned reading, a linear metric
learned on pairs of the other half of the images (`transforms.paired_metric`), and both from tokens with noise (`controls`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.neighbours import Metric
from analysis.results import Row
from analysis.studies.local_vit import controls, transforms
from analysis.studies.local_vit.frames import FRAMES, layout, videos
from analysis.studies.local_vit.instances import box_features, retrieval, roi_features
from analysis.studies.local_vit.measured import LINEAR, METRICS, UNTUNED, Tokens, needs_copy
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.tokens import tokens

Array = np.ndarray
FRAMES_APART = (1, 4, FRAMES - 1)
MOST_OBJECTS = 10_000  # of one image
SMALLEST_OBJECT = 40  # visible pixels, below which an object is not looked for
GALLERY_VIEWS = 8  # every eighth view of an object of ETH-80 is in the gallery, the others are queries
BINS = 7  # per side of an object's box, as RoIAlign has them


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
            if needs_copy(encoder):
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
