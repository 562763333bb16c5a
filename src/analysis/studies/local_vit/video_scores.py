"""How well objects are followed through a video: region similarity J and boundary accuracy F of DAVIS.

Definitions are those of Perazzi et al. (2016) and Pont-Tuset et al. (2017, arXiv:1704.00675), with the conventions of the
official DAVIS 2017 evaluation for empty masks, borders, tolerance, frames and statistics.
"""

import math

import numpy as np
from scipy.spatial import cKDTree

from analysis.errors import UserError

Array = np.ndarray
Row = dict[str, float]
TOLERANCE = 0.008  # how far two boundaries may lie apart, in diagonals of the image
VOID = 255  # a label of the annotations that is nobody's; it counts as ground, as in the semi-supervised evaluation
STATISTICS = ("mean", "recall", "decay")


def region(pred: Array, truth: Array) -> float:
    """Region similarity J = |pred & truth| / |pred | truth| of two masks (h, w) bool; 1 where both are empty.

    Raises:
        UserError: the masks are no two maps of one size.
    """
    pred, truth = _masks(pred, truth)
    union = np.count_nonzero(pred | truth)
    return np.count_nonzero(pred & truth) / union if union else 1.0


def boundary(pred: Array, truth: Array) -> float:
    """Boundary accuracy F = 2 P R / (P + R) of two masks (h, w) bool.

    P is the share of the predicted boundary's pixels that have a pixel of the true boundary within
    r = ceil(0.008 sqrt(h^2 + w^2)) pixels of them, R the converse. An empty boundary has precision (recall) 1, the
    other 0 unless both are empty, in which case F = 1. A mask that fills the image has no boundary, like one that is
    empty: the official convention. Distances are exact ones between pixel centres, which is what dilation by a disc of
    radius r tests.

    Raises:
        UserError: the masks are no two maps of one size.
    """
    pred, truth = _masks(pred, truth)
    radius = math.ceil(TOLERANCE * math.hypot(*pred.shape))
    mine, other = (np.argwhere(_outline(mask)) for mask in (pred, truth))
    if len(mine) == 0 or len(other) == 0:
        return float(len(mine) == len(other))
    precision, recall = _share_near(mine, other, radius), _share_near(other, mine, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def frames(pred: Array, truth: Array) -> tuple[Array, Array, Array]:
    """J and F per object and frame of two label videos (t, h, w) int: objects (k,), J (k, t - 2), F (k, t - 2).

    The objects are the labels of the true first frame other than 0 and 255. As in the official semi-supervised
    evaluation the first frame (given) and the last are left out, what is labelled 255 counts as ground, and objects
    that enter later are nobody's. A label that is skipped in the first frame is no object here; the official code, which
    counts from 1 to the highest label, would score it.

    Raises:
        UserError: the videos differ in shape, are shorter than three frames, show no object in the first frame, or
            `pred` has a label that is not there.
    """
    pred, truth = np.asarray(pred), np.asarray(truth)
    if pred.shape != truth.shape or pred.ndim != 3:
        raise UserError(f"label videos must be two of one shape (frames, height, width), not {pred.shape} and {truth.shape}")
    if len(truth) < 3:
        raise UserError(f"a video needs at least 3 frames, as the first and the last are not scored; this one has {len(truth)}")
    objects = np.setdiff1d(truth[0], [0, VOID])
    if len(objects) == 0:
        raise UserError("the first frame of the true labels shows no object; it must show all that are to be followed")
    unknown = np.setdiff1d(pred, [0, *objects])
    if len(unknown):
        raise UserError(f"the prediction has label {unknown[0]}, the first frame has {', '.join(map(str, objects))}")
    scored = [[(p == k, t == k) for p, t in zip(pred[1:-1], truth[1:-1], strict=True)] for k in objects]
    both = np.array([[(region(p, t), boundary(p, t)) for p, t in row] for row in scored])
    return objects, both[..., 0], both[..., 1]


def statistics(values: Array) -> tuple[float, float, float]:
    """Mean, recall (share of frames above 0.5) and decay of the scores (t,) of one object.

    Decay is the mean of the first quarter minus that of the last; quarters share their end frames, as in the official
    evaluation. That one keeps the ends in 8 bits and so is wrong beyond 256 frames; this one is not.
    """
    ends = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(int)
    first, last = values[: ends[1] + 1], values[ends[3] :]
    return float(values.mean()), float((values > 0.5).mean()), float(first.mean() - last.mean())


def sequence(pred: Array, truth: Array) -> list[Row]:
    """One row per object of two label videos (t, h, w) int, in order of their labels.

    Columns: `object`, `J_mean`, `J_recall`, `J_decay`, the same of `F`, and `J&F` = (J_mean + F_mean) / 2.

    Raises:
        UserError: what `frames` raises.
    """
    rows = []
    for label, j, f in zip(*frames(pred, truth), strict=True):
        named = {name: zip(STATISTICS, statistics(values), strict=True) for name, values in (("J", j), ("F", f))}
        row = {f"{name}_{key}": value for name, pairs in named.items() for key, value in pairs}
        rows.append({"object": int(label), **row, "J&F": (row["J_mean"] + row["F_mean"]) / 2})
    return rows


def _masks(pred: Array, truth: Array) -> tuple[Array, Array]:
    pred, truth = np.asarray(pred).astype(bool), np.asarray(truth).astype(bool)
    if pred.shape != truth.shape or pred.ndim != 2:
        raise UserError(f"masks must be two of one shape (height, width), not {pred.shape} and {truth.shape}")
    return pred, truth


def _outline(mask: Array) -> Array:
    """Pixels (h, w) that differ from the one to the right, below, or both; beyond the border the mask goes on as it is."""
    found = np.zeros_like(mask)
    found[:, :-1] = mask[:, :-1] != mask[:, 1:]
    found[:-1] |= mask[:-1] != mask[1:]
    found[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return found


def _share_near(points: Array, others: Array, radius: int) -> float:
    """Share of the pixels (n, 2) with one of `others` (m, 2) at most `radius` away."""
    distance, _ = cKDTree(others).query(points, distance_upper_bound=radius + 0.5)
    return float((distance <= radius).mean())
