"""One encoder, read once: its features, D, its linear probe, and what that gets right."""

from dataclasses import dataclass

import numpy as np

from analysis import encoders, features, probing
from analysis.encoders.base import Encoder
from analysis.studies.qscore.activity import Array, Found, Rule, find
from analysis.studies.qscore.data import Split


@dataclass(frozen=True)
class Reading:
    """An encoder, read on both halves.

    Attributes:
        encoder: the network.
        x, y: (n, r) and (m, r) its features of `Split.x` and `Split.y`.
        found: D and eps, from x alone.
        probabilities: (m, c) of the linear probe, fitted on x.
        correct: (m,) whether the probe names the class of y.
    """

    encoder: Encoder
    x: Array
    y: Array
    found: Found
    probabilities: Array
    correct: Array


def read(name: str, data: Split, rule: Rule, least: float, device: str) -> Reading:
    """Read an encoder. Signed features (transformers) are taken two-sided, an extension of ours."""
    encoder = encoders.load(name, device)
    x, y = (features.extract(encoder, part, description=name)["embed"] for part in (data.x, data.y))
    found = find(x, signed(rule, x), least)
    probe = probing.fit_linear(x, data.labels)
    probabilities = probe.predict_proba(y)
    return Reading(encoder, x, y, found, probabilities, probe.classes_[probabilities.argmax(1)] == data.truth)


def signed(rule: Rule, x: Array) -> Rule:
    """The rule, two-sided where features have signs."""
    return Rule(rule.eps, rule.low, rule.high, two_sided=bool((x[:100] < 0).any()))


def activation(y: Array, chosen: Array) -> Array:
    """Mean activation of the chosen features (r,) in unit-length representations y (m, r): (m,)."""
    return y[:, chosen].sum(1) / np.linalg.norm(y, axis=1).clip(1e-12) / max(int(chosen.sum()), 1)


def effect(values: Array, correct: Array, weights: Array) -> Array:
    """Cohen's d of values (m,) between correct and misclassified images, for resampled images (1 + B, m): (1 + B,).

    Difference of the means, in units of the pooled standard deviation.
    """
    moments = []
    for part in (correct, ~correct):
        w = weights * part
        total = w.sum(1)
        mean = w @ values / total
        moments.append((mean, w @ values**2 / total - mean**2, total))
    (a, va, na), (b, vb, nb) = moments
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a - b) / np.sqrt((na * va + nb * vb) / (na + nb))


def selectivity(y: Array, truth: Array, weights: Array) -> Array:
    """Share of each feature's variance that lies between classes, (1 + B, r), for y (m, r): the intraclass correlation.

    Means of products x_i x_j over pairs of *different* images: of one class they estimate mu^2 + sigma_between^2, of two
    classes mu^2; their difference is divided by the variance. With as many images in every class the numerator is the
    estimate of the analysis of variance (Fisher 1925). Eta squared would not do: noise gives it (classes - 1) / (images - 1),
    and an image drawn twice agrees with itself, so that its draws lie above its value.
    """
    centred = y - y.mean(0)  # keeps the differences of squares below exact
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
    return np.divide(same / np.maximum(n_same, 1) - apart, variance, out=np.zeros_like(same), where=variance > 1e-12)
