"""How well a score tells correctly classified images from the others: areas under curves, with bootstrap draws.

Every quantity is an array whose first entry is the value and whose others are its draws. All scores and encoders of a run share
the resampled images, so that differences are paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.studies.qscore.activity import Array

STRATA = 20
BLOCK = 32  # draws at a time: what is worked on stays in the processor's cache


@dataclass(frozen=True)
class Detection:
    """Areas, each (1 + B,).

    Attributes:
        auroc: of the score as a detector of correct images; 0.5 for a constant.
        auprc_correct: average precision with *correct* as the positive class; the prevalence for a constant.
        auprc_wrong: average precision with *misclassified* as the positive class, detected by low scores.
        aurc: area under the risk-coverage curve: mean share of errors among the images kept, over how many are kept, highest
            scores first (Geifman & El-Yaniv 2017); lower is better, the error rate for a constant.
    """

    auroc: Array
    auprc_correct: Array
    auprc_wrong: Array
    aurc: Array


def detect(score: Array, correct: Array, weights: Array) -> Detection:
    """`Detection` of a score (m,), or the mean over K scores (K, m), of `correct` (m,) bool, for `weights` (1 + B, m).

    Equal scores are taken together: their order carries nothing. AUROC is that of Mann and Whitney, average precision the sum
    of precisions weighted by the recall gained (Davis & Goadrich 2006), without interpolation. NaN where a draw holds one
    class only.
    """
    each = [_one(one, correct, weights) for one in np.atleast_2d(score)]
    names = Detection.__dataclass_fields__
    return Detection(**{name: np.mean([getattr(areas, name) for areas in each], axis=0) for name in names})


def _one(score: Array, correct: Array, weights: Array) -> Detection:
    blocks = [_areas(score, correct, weights[start : start + BLOCK]) for start in range(0, len(weights), BLOCK)]
    return Detection(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _areas(score: Array, correct: Array, weights: Array) -> tuple[Array, Array, Array, Array]:
    hits, kept = _cumulated(score, correct, weights)
    misses = kept - hits
    positive, negative, total = hits[:, -1], misses[:, -1], kept[:, -1]
    hit, miss, all_ = (np.diff(part, axis=1, prepend=0) for part in (hits, misses, kept))
    below, worse = (
        total[:, None] - kept + all_,
        negative[:, None] - misses + miss,
    )  # images from each score downwards, and errors
    kept, below = np.maximum(kept, 1), np.maximum(below, 1)  # where nothing is kept, nothing is added up
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            np.vecdot(miss, hits - hit / 2) / (positive * negative),
            np.vecdot(hit, hits / kept) / positive,
            np.vecdot(miss, worse / below) / negative,
            np.vecdot(all_, misses / kept) / total,
        )


def _cumulated(score: Array, correct: Array, weights: Array) -> tuple[Array, Array]:
    """Correct images and all images at or above each distinct score, highest first: (1 + B, distinct) each."""
    order = np.argsort(-np.asarray(score, dtype=np.float64), kind="stable")
    ends = np.flatnonzero(np.append(np.diff(np.asarray(score)[order]) != 0, True))
    counts = weights[:, order].astype(np.float64)
    hits, kept = (np.cumsum(part, axis=1)[:, ends] for part in (counts * correct[order], counts))
    return hits, kept


def auroc_within(score: Array, correct: Array, control: Array, weights: Array) -> Array:
    """AUROC (1 + B,) of a score (m,), or the mean over K scores (K, m), among images of like `control` (m,).

    Pairs of a correct and a misclassified image count where both lie in the same of `STRATA` equal parts by rank of the
    control: 0.5 for a score that says no more than the control does (Janes & Pepe 2008, the covariate-adjusted ROC curve).
    """
    rank = np.empty(len(control), dtype=int)
    rank[np.argsort(control, kind="stable")] = np.arange(len(control))
    stratum = rank * STRATA // len(control)
    parts = [np.flatnonzero(stratum == k) for k in range(STRATA)]
    each = [_pooled(one, correct, weights, parts) for one in np.atleast_2d(score)]
    return np.asarray(np.mean(each, axis=0))


def _pooled(score: Array, correct: Array, weights: Array, parts: Sequence[Array]) -> Array:
    concordant, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for rows in parts:
        if len(rows):
            hits, kept = _cumulated(score[rows], correct[rows], weights[:, rows])
            misses = kept - hits
            hit, miss = (np.diff(part, axis=1, prepend=0) for part in (hits, misses))
            concordant += np.vecdot(miss, hits - hit / 2)
            pairs += hits[:, -1] * misses[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return concordant / pairs


def risk_coverage(score: Array, correct: Array, at: Array) -> Array:
    """Share of errors among the `at` (k,) shares of images with the highest scores; ties count by their mean: (k,)."""
    hits, kept = _cumulated(score, correct, np.ones((1, len(correct)), dtype=np.float32))
    wanted = np.asarray(at) * len(correct)
    misses = np.interp(wanted, np.append(0, kept[0]), np.append(0, (kept - hits)[0]))
    return misses / wanted
