"""What Q1 compares between sets of features: how active they are where the probe is right, and how selective for classes."""

import numpy as np

from analysis.studies.qscore.activity import Array, Definition, highly_active, moments


def activity(y: Array, definition: Definition) -> Array:
    """How far each feature of y (m, r) stands out where it is highly active, in the image's own standard deviations, else 0.

    Neither the length of a representation nor the features that are not active play a part. The mean over D of
    representations of unit length would *fall* where codes get sharper: the length that the active features take is then
    missing in all others, most of which are in D too.
    """
    by_row = moments(y)
    spread = np.where(np.isfinite(by_row.spread), by_row.spread, 1)
    z = (y - by_row.mean[:, None]) / spread[:, None]
    return np.where(highly_active(y, by_row, definition), np.abs(z), 0)


def effect(values: Array, correct: Array, weights: Array) -> Array:
    """Cohen's d of values (m,) between correct and misclassified images, for resampled images (1 + B, m): (1 + B,).

    Difference of the means, in units of the pooled standard deviation.
    """
    values = np.asarray(values, dtype=np.float64)
    values = (values - values.mean()) / max(float(values.std()), 1e-300)  # squares keep their digits
    moments = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for part in (correct, ~correct):
            w = weights * part
            total = w.sum(1)
            mean = w @ values / total
            moments.append((mean, w @ values**2 / total - mean**2, total))
        (a, va, na), (b, vb, nb) = moments
        return (a - b) / np.sqrt((na * va + nb * vb) / (na + nb))


def selectivity(y: Array, truth: Array, weights: Array) -> Array:
    """Share of each feature's variance that lies between classes, (1 + B, r), for y (m, r): the intraclass correlation.

    Means of products x_i x_j over pairs of *different* images: of one class they estimate mu^2 + sigma_between^2, of two
    classes mu^2; their difference is divided by the variance. With as many images in every class the numerator is the
    estimate of the analysis of variance (Fisher 1925). Eta squared would not do: noise gives it (classes - 1) / (images - 1).
    A ratio of heavy-tailed numbers is biased under resampling; the draws are moved by their bias (Davison & Hinkley 1997,
    section 2.1), so that they lie around the value.
    """
    largest = np.abs(y).max(0)
    scale = np.where(largest > 0, largest, 1).astype(y.dtype)
    centred = y / scale - (y / scale).mean(0)  # of any unit; keeps the differences of squares below exact
    squares = weights**2

    def pairs(rows: Array | slice) -> tuple[Array, Array]:
        """Sum of products over ordered pairs of different images, and how many pairs."""
        w, w2, x = weights[:, rows], squares[:, rows], centred[rows]
        return (w @ x) ** 2 - w2 @ x**2, (w.sum(1) ** 2 - w2.sum(1))[:, None]

    every, n_every = pairs(slice(None))
    same, n_same = np.zeros_like(every), np.zeros_like(n_every)
    for label in np.unique(truth):
        products, n = pairs(truth == label)
        same += products
        n_same += n
    apart = (every - same) / np.maximum(n_every - n_same, 1)
    variance = weights @ centred**2 / weights.sum(1, keepdims=True) - apart
    share = np.divide(same / np.maximum(n_same, 1) - apart, variance, out=np.zeros_like(same), where=variance > 1e-12)
    if len(share) > 1:
        share[1:] += share[0] - share[1:].mean(0)
    return share
