"""Objects as vectors, and finding the same one again: regions of patch tokens, retrieval by similarity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import UserError
from analysis.neighbours import METRICS, Metric

Array = np.ndarray
BLOCK = 2**22  # similarities held at a time (32 MiB), or one query with its whole gallery where that is more
DIGITS = 12  # scores nearer than 1e-12 of the largest possible are ties: the order of sums must not break them


@dataclass(frozen=True)
class Retrieval:
    """How each query fares: chance of a right first answer, average precision; (q,) each, NaN where nothing is right."""

    top1: Array
    average_precision: Array


def roi_features(grid: Array, masks: Array) -> Array:
    """Mean token (k, d) of a grid (h, w, d) under each mask (k, H, W) bool.

    Every token weighs as much as the area of its cell that the mask covers: exact, also where patches do not divide the
    image. The grid spans the whole image.

    Raises:
        UserError: shapes that do not go together, or a mask that is empty.
    """
    grid, masks = np.asarray(grid), np.asarray(masks).astype(bool)
    if masks.ndim != 3 or grid.ndim != 3:
        raise UserError(f"tokens must be (h, w, d) and masks (k, H, W), not {grid.shape} and {masks.shape}")
    empty = np.flatnonzero(~masks.any((1, 2)))
    if len(empty):
        raise UserError(f"mask {empty[0]} is empty: leave out objects that are not to be seen")
    h, w, d = grid.shape
    rows, columns = (_overlaps(np.arange(m), np.arange(m) + 1.0, n, m) for n, m in zip((h, w), masks.shape[1:], strict=True))
    weights = rows.T @ masks.astype(np.float64) @ columns
    return _mean(weights.reshape(len(masks), h * w), grid.reshape(h * w, d))


def box_features(grid: Array, boxes: Array, size: tuple[int, int], bins: int = 1) -> Array:
    """Mean tokens (k, bins^2 d) of a grid (h, w, d) in each box (k, 4) = left, top, right, bottom in pixels.

    The image has `size` = (height, width), its upper left corner is (0, 0); a box may end within a pixel and is cut at
    the image. With `bins` > 1 the box is divided into bins x bins cells whose means are joined row by row: what RoIAlign
    (He et al. 2017, section 3) approximates with a few bilinear samples, here as exact areas.

    Raises:
        UserError: shapes that do not go together, a box that has no area in the image, or `bins` below 1.
    """
    grid, boxes = np.asarray(grid), np.asarray(boxes, dtype=np.float64)
    if grid.ndim != 3 or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise UserError(f"tokens must be (h, w, d) and boxes (k, 4), not {grid.shape} and {boxes.shape}")
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise UserError(f"bins must be a whole number of at least 1, not {bins!r}")
    height, width = size
    low, high = (np.clip(part, 0, [width, height]) for part in (boxes[:, :2], boxes[:, 2:]))
    bad = np.flatnonzero(~(low < high).all(1))
    if len(bad):
        numbers = ", ".join(f"{x:g}" for x in boxes[bad[0]])
        raise UserError(f"box {bad[0]} ({numbers}) has no area in the image of {width} x {height}: left < right, top < bottom")
    edges = low[:, None] + (high - low)[:, None] * (np.arange(bins + 1) / bins)[:, None]
    shares = [_overlaps(edges[:, :-1, k], edges[:, 1:, k], grid.shape[1 - k], size[1 - k]) for k in (0, 1)]
    weights = np.einsum("krh,kcw->krchw", shares[1], shares[0])
    means = _mean(weights.reshape(len(boxes) * bins**2, -1), grid.reshape(-1, grid.shape[-1]))
    return means.reshape(len(boxes), -1)


def retrieval(
    queries: Array,
    gallery: Array,
    query_ids: Array,
    gallery_ids: Array,
    *,
    exclude: tuple[Array, Array] | None = None,
    metric: Metric = "cosine",
) -> Retrieval:
    """Rank the gallery (g, d) for each query (q, d); what bears the query's id is right.

    `metric`: `cosine`, `ip` (inner product) or `l2` (distance). `exclude` = (groups (q,), groups (g,)): what is of the query's
    group is not in its gallery (the query itself, its image, its frame). Average precision is the mean, over the right
    answers, of the precision at their rank (not interpolated).

    Ties: answers of one score come at once. Precision is then that at the end of the tie, as in scikit-learn, and `top1`
    is the share of right answers among the first, so that an encoder that maps all to one point is worth chance. A
    query without a right answer in its gallery is NaN: leave it out, or say that it counts 0.

    Raises:
        UserError: shapes that do not go together, or an unknown metric.
    """
    queries, gallery, query_ids, gallery_ids = (np.asarray(x) for x in (queries, gallery, query_ids, gallery_ids))
    groups = tuple(np.asarray(group) for group in exclude) if exclude else ()
    _check_ids(len(queries), [query_ids, *groups[:1]])
    _check_ids(len(gallery), [gallery_ids, *groups[1:]])
    held, step, parts = Gallery(gallery, metric), max(1, BLOCK // max(1, len(gallery))), []
    for block in (slice(start, start + step) for start in range(0, max(1, len(queries)), step)):
        scores, right = held.similarity(queries[block]), query_ids[block, None] == gallery_ids
        if groups:
            barred = groups[0][block, None] == groups[1]
            scores[barred], right[barred] = -np.inf, False
        parts.append((first_right(scores, right), _average_precision(scores, right)))
    top1, precision = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Retrieval(top1, precision)


class Gallery:
    """Vectors (g, d) made ready once to be compared with many queries.

    `metric`: the inner product (`ip`), the `cosine`, or minus the squared distance (`l2`).

    Raises:
        UserError: no vectors, numbers that are not finite, or an unknown metric.
    """

    def __init__(self, rows: Array, metric: Metric = "cosine") -> None:
        if metric not in METRICS:
            raise UserError(f"unknown metric {metric!r}; there are {', '.join(METRICS)}")
        if rows.ndim != 2 or 0 in rows.shape:
            raise UserError(f"a gallery must be (g, d), not empty, not {rows.shape}")
        self.metric = metric
        self.middle = rows.mean(0, dtype=np.float64) if metric == "l2" else np.zeros(rows.shape[1])
        self.rows, self.sizes = self._sized(rows)

    def similarity(self, queries: Array) -> Array:
        """How near each of the gallery is to each query (q, d): (q, g) float64, larger is nearer, ties exactly equal.

        Each row is divided by the largest value that it could reach and rounded to 12 digits, so that equal vectors tie
        whatever the order of summation was.

        Raises:
            UserError: queries of another width, none, or numbers that are not finite.
        """
        if queries.ndim != 2 or 0 in queries.shape or queries.shape[1] != self.rows.shape[1]:
            raise UserError(
                f"queries must be (q, d), the gallery (g, d), same d, neither empty; not {queries.shape} and {self.rows.shape}"
            )
        x, sizes = self._sized(queries)
        most = self.sizes.max()
        if self.metric == "ip":
            x /= (sizes * most).clip(1e-30)
        elif self.metric == "l2":
            largest = ((sizes + most) ** 2).clip(1e-30)
            x *= 2 / largest
        scores = x @ self.rows.T
        if self.metric == "l2":
            scores -= sizes**2 / largest
            scores -= self.sizes.T**2 / largest
        return np.round(scores, DIGITS, out=scores)

    def _sized(self, rows: Array) -> tuple[Array, Array]:
        """Vectors as float64, from the middle of the gallery, and their lengths (n, 1); those of a cosine divided by it."""
        x = rows.astype(np.float64) - self.middle
        sizes = np.linalg.norm(x, axis=1, keepdims=True)
        if not np.isfinite(sizes).all():
            raise UserError("features must be finite numbers; these hold NaN or infinity")
        if self.metric == "cosine":
            x /= sizes.clip(1e-30)
        return x, sizes


def first_right(scores: Array, right: Array) -> Array:
    """Share of right answers among the highest scores of each row (q, g), (q,); NaN where nothing is right."""
    first = scores == scores.max(1, keepdims=True)
    return np.where(right.any(1), (first & right).sum(1) / first.sum(1), np.nan)


def _average_precision(scores: Array, right: Array) -> Array:
    """Average precision (q,) of scores (q, g), ties at once; NaN where nothing is right."""
    order = np.argsort(-scores, axis=1, kind="stable")
    scores, right = (np.take_along_axis(x, order, 1) for x in (scores, right))
    ends = np.concatenate([scores[:, 1:] != scores[:, :-1], np.ones((len(scores), 1), bool)], 1)
    last = np.where(ends, np.arange(scores.shape[1]), scores.shape[1])
    last = np.minimum.accumulate(last[:, ::-1], 1)[:, ::-1]  # where the tie of each answer ends
    precision = np.take_along_axis(right.cumsum(1), last, 1) / (last + 1)
    return (precision * right).sum(1) / np.where(right.any(1), right.sum(1), np.nan)


def _overlaps(low: Array, high: Array, cells: int, size: int) -> Array:
    """Length that intervals from `low` to `high` (...) share with each cell of a line of `size` pixels: (..., cells)."""
    edges = np.arange(cells + 1) * (size / cells)
    return (np.minimum(high[..., None], edges[1:]) - np.maximum(low[..., None], edges[:-1])).clip(0)


def _mean(weights: Array, tokens: Array) -> Array:
    weights = weights / weights.sum(1, keepdims=True)
    return (weights @ tokens.astype(np.float64)).astype(np.float32)


def _check_ids(n: int, arrays: Sequence[Array]) -> None:
    for array in arrays:
        if array.shape != (n,):
            raise UserError(f"ids and groups must be one per vector ({n},), not {array.shape}")
