"""Finding the same patch, the same object and its way through a video: probes that need no classes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.datasets.base import Dataset
from analysis.encoders.base import Encoder
from analysis.neighbours import Metric
from analysis.results import Row
from analysis.studies.local_vit import correspondence, transforms
from analysis.studies.local_vit.correspondence import Correspondences, View, correspondences, inverse, recall
from analysis.studies.local_vit.frames import layout, videos
from analysis.studies.local_vit.instances import retrieval, roi_features
from analysis.studies.local_vit.measured import Measured
from analysis.studies.local_vit.tokens import tokens
from analysis.studies.local_vit.tracking import propagate
from analysis.studies.local_vit.transforms import Plain
from analysis.studies.local_vit.video_scores import VOID, sequence

Array = np.ndarray
SETTINGS: tuple[tuple[Plain, Metric], ...] = (("none", "ip"), ("none", "cosine"), ("standardise", "cosine"))
CHANGES = (
    *(("shift", 2.0), ("shift", 4.0), ("rotation", 5.0), ("rotation", 15.0), ("scale", 0.8), ("scale", 1.2)),
    *(("blur", 1.0), ("blur", 2.0), ("noise", 20.0), ("noise", 40.0)),
)
PIXELS = 16  # of an image per patch, in the search for the same patch
FRAMES_APART = 8
MOST_OBJECTS = 10_000  # of one image
SMALLEST_OBJECT = 40  # visible pixels, below which an object is not looked for
GALLERY_VIEWS = 8  # every eighth view of an object of ETH-80 is in the gallery, the others are queries


def clustered(values: Array, clusters: Array, weights: Array) -> Array:
    """Mean of values (m,) and its draws (1 + B,), whole clusters (m,) in 0 ... n - 1 being drawn as weights (B, n) say.

    Values that are NaN are left out; a draw that has none is NaN.
    """
    known = ~np.isnan(values)
    size = weights.shape[1]
    total = np.bincount(clusters[known], values[known], size)
    count = np.bincount(clusters[known], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.concatenate([[total.sum() / count.sum()], (weights @ total) / (weights @ count)])


def same_patch(measured: Measured, name: str, models: Iterable[Encoder]) -> None:
    """Is the most similar patch of all original images the one that a patch of a changed image shows?

    Queries are the patches of the second views, the bank those of all first views. Patches that look at nothing of the first
    view are no queries. Both views are one tile.
    """
    params = measured.params
    size = PIXELS * params.grid
    data = datasets.load(name, size=size, n=params.n_views, seed=params.seed)
    views = dict(_views(data, name, params.seed))
    points = {key: correspondences(inverse(view.affine), size, (params.grid, params.grid)) for key, view in views.items()}
    known = [_perfect(view, points[key], params.grid) for key, view in views.items()]
    measured.perfect = min(known if measured.perfect is None else [measured.perfect, *known])
    weights = measured.weights(len(data))
    cluster = np.arange(len(data)).repeat(params.grid**2)
    for encoder in models:
        bank = tokens(encoder, data.images)
        measured.keep(name, encoder.name, bank)
        fitted = {kind: transforms.fit(kind, bank.reshape(-1, bank.shape[-1])) for kind, _ in SETTINGS}
        by_kind: dict[tuple[str, str], list[Array]] = {}
        for (change, strength), view in views.items():
            queries = tokens(encoder, view.images)
            for kind, metric in SETTINGS:
                hits = recall(fitted[kind](queries), fitted[kind](bank), points[change, strength], metric, bank="all")
                values = clustered(hits.ravel(), cluster, weights)
                by_kind.setdefault((change, f"{kind}/{metric}"), []).append(values)
                row = {"dataset": name, "encoder": encoder.name, "change": change, "strength": strength}
                measured.add("patches", {**row, "transform": kind, "metric": metric}, values)
        for (change, cell), several in by_kind.items():
            measured.draws[f"patch: {change}", name, encoder.name, cell] = np.mean(several, axis=0)


def _views(data: Dataset, name: str, seed: int) -> Iterator[tuple[tuple[str, float], View]]:
    if "second" in data.factors:
        yield ("all at once", 1.0), correspondence.of_pairs(data)
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


@dataclass(frozen=True)
class Objects:
    """Objects to be found again: images (n, H, W, 3); of queries and of gallery, masks (k, H, W), image (k,), identity (k,)."""

    images: Array
    query: tuple[Array, Array, Array]
    gallery: tuple[Array, Array, Array]


def same_object(measured: Measured, name: str, models: Iterable[Encoder]) -> None:
    """Is the most similar object of the gallery the same one? An object is the mean of its tokens under its mask."""
    params, cut = measured.params, layout(name).tiles
    found = objects(name, params.n_views, params.n_videos, params.seed)
    _, cluster = np.unique(found.query[2] if name == "eth80" else found.query[1], return_inverse=True)
    weights = measured.weights(int(cluster.max()) + 1)
    for encoder in models:
        grids = tokens(encoder, found.images, tiles=cut)
        measured.keep(name, encoder.name, grids)
        queries, gallery = (_pooled(grids, masks, image) for masks, image, _ in (found.query, found.gallery))
        for kind, metric in SETTINGS:
            transform = transforms.fit(kind, gallery)
            scores = retrieval(transform(queries), transform(gallery), found.query[2], found.gallery[2], metric=metric)
            for score, values in (("top1", scores.top1), ("map", scores.average_precision)):
                row: Row = {"dataset": name, "encoder": encoder.name, "score": score, "transform": kind, "metric": metric}
                key = ("object", name, encoder.name, f"{kind}/{metric}") if score == "top1" else None
                row |= {"queries": len(queries), "gallery": len(gallery)}
                measured.add("objects", row, clustered(values, cluster, weights), key)


def objects(name: str, n_views: int, n_videos: int, seed: int) -> Objects:
    """Queries and gallery of a data set.

    `scenes:pairs`: objects of the second views among those of all first views. `scenes:video`, `bdd100k`: objects of the first
    frame of each video among those of all videos eight frames later, look-alikes among them. `eth80`: views of 40 objects among
    every eighth view of each. An object that the gallery does not hold is no query: its score is NaN, which is left out.
    """
    size = layout(name).size[0]
    if name.startswith("scenes:pairs"):
        data = datasets.load(name, size=size, n=n_views, seed=seed)
        first, second = _instances(data.masks["instance"]), _instances(data.factors["second_instance"])
        images = np.concatenate([data.images, data.factors["second"]])
        return Objects(images, (second[0], second[1] + len(data), _ids(second)), (first[0], first[1], _ids(first)))
    if name.startswith(("scenes:video", "bdd100k")):
        clips = list(videos(name, n_videos, FRAMES_APART + 1, seed))
        early, late = (np.stack([clip[part][frame] for clip in clips]) for part, frame in ((2, 0), (2, -1)))
        images = np.concatenate([np.stack([clip[1][frame] for clip in clips]) for frame in (0, -1)])
        first, last = _instances(early), _instances(late)
        return Objects(images, (first[0], first[1], _ids(first)), (last[0], last[1] + len(clips), _ids(last)))
    data = datasets.load(name, size=size, seed=seed)
    identity = data.labels * 100 + data.factors["instance"]
    place = np.array([np.count_nonzero(identity[:row] == identity[row]) for row in range(len(data))])
    asked = place % GALLERY_VIEWS != GALLERY_VIEWS // 2
    rows = np.arange(len(data))
    masks = data.masks["foreground"]
    return Objects(data.images, *((masks[s], rows[s], identity[s]) for s in (asked, ~asked)))


def _instances(maps: Array) -> tuple[Array, Array, Array]:
    """Masks (k, H, W), image (k,) and number (k,) of every object in instance maps that shows enough of itself."""
    found = [(maps[i] == j, i, j) for i in range(len(maps)) for j in np.unique(maps[i]) if j]
    found = [item for item in found if item[0].sum() >= SMALLEST_OBJECT]
    masks, image, number = zip(*found, strict=True)
    return np.stack(masks), np.array(image), np.array(number)


def _ids(found: tuple[Array, Array, Array]) -> Array:
    return found[1] * MOST_OBJECTS + found[2]


def _pooled(grids: Array, masks: Array, image: Array) -> Array:
    return np.concatenate([roi_features(grids[i], masks[image == i]) for i in np.unique(image)])


def follow(measured: Measured, name: str, models: Iterable[Encoder]) -> None:
    """Objects of the first frame followed by propagating labels; J and F as in the DAVIS evaluation."""
    params, cut = measured.params, layout(name).tiles
    clips = list(videos(name, params.n_videos, params.n_frames, params.seed))
    weights = measured.weights(len(clips))
    for encoder in models:
        scores: list[tuple[int, float, float]] = []
        for number, (_, images, truth) in enumerate(clips):
            grids = tokens(encoder, images, tiles=cut)
            measured.keep(name, encoder.name, grids)
            first = np.where(truth[0] == VOID, 0, truth[0])
            shown = propagate(grids, first, frames=7, topk=5, temperature=0.1)
            scores += [(number, row["J_mean"], row["F_mean"]) for row in sequence(shown, truth)]
        video, j, f = (np.array(column) for column in zip(*scores, strict=True))
        for score, values in (("J", j), ("F", f), ("J&F", (j + f) / 2)):
            key = ("tracking", name, encoder.name, "none/cosine") if score == "J&F" else None
            row = {"dataset": name, "encoder": encoder.name, "score": score, "objects": len(j)}
            measured.add("tracking", row, clustered(values, video, weights), key)
