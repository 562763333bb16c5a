"""Intervals and nulls of debiased linear CKA for many pairs of representations of the same images.

HSIC_1 is an average over tuples of four *different* images. A bootstrap draw repeats images, and a repeated image agrees with
itself: resampling rows and calling `debiased_cka` is biased upwards, by a third of the scale or more for unrelated features.
Here a draw gives image i the multiplicity w_i (multinomial, sum n) and HSIC_1 becomes the average over the same tuples of
different images, each with weight w_i w_j w_q w_r. For w = 1 it is HSIC_1.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import UserError
from analysis.similarity.cka import LEAST, u_centre
from analysis.similarity.inputs import centred, matrix
from analysis.similarity.products import ratio

PICKS = 16  # choices of one image per cluster
CHUNK_BYTES = 2**26  # working memory for the draws of all representations at a time


@dataclass(frozen=True)
class CkaEstimate:
    """Debiased linear CKA of one pair.

    Attributes:
        value: the estimate on all images; NaN when a side is constant.
        draws: (B,) its values under the bootstrap. Draw b has the same images for every pair, and for every call with the
            same n, seed and B, so differences between pairs or encoders may be taken draw by draw.
        null: (P,) its values with the images of one side permuted, the same permutations for every pair.
    """

    value: float
    draws: np.ndarray
    null: np.ndarray

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of the draws; NaN without draws."""
        return quantile(self.draws, (1 - level) / 2), quantile(self.draws, (1 + level) / 2)


def quantile(values: np.ndarray, q: float) -> float:
    """Quantile of the defined values; NaN when there are none."""
    defined = values[~np.isnan(values)]
    return float(np.quantile(defined, q)) if len(defined) else float("nan")


def generator(seed: int, purpose: int) -> np.random.Generator:
    """Independent streams for weights (0), permutations (1), half samples (2), picks (3): more of one moves no other."""
    return np.random.default_rng([seed, purpose])


def permutations(n: int, count: int, seed: int) -> np.ndarray:
    """(count, n) random orders of the images."""
    return generator(seed, 1).permuted(np.tile(np.arange(n), (count, 1)), axis=1)


def cka_pairs(
    features: Mapping[str, np.ndarray],
    pairs: Sequence[tuple[str, str]],
    *,
    n_bootstrap: int = 1000,
    n_permutations: int = 200,
    seed: int = 0,
    clusters: np.ndarray | None = None,
) -> dict[tuple[str, str], CkaEstimate]:
    """Debiased linear CKA of each pair with bootstrap draws and a permutation null.

    features: name -> (n, p) features of the same n images in the same order. Each Gram matrix, and its product with all
    draws, is computed once; a pair then costs two products of (n, n) with (n, B). Memory: one n x n matrix of doubles per
    representation, and a fixed working space.

    clusters: (n,) names of what is independent (videos, object instances); every image by default. Two frames of one video
    are nearly one image, and repeated images inflate HSIC_1 as they inflate a plain bootstrap. So HSIC_1 is taken over one
    image of each cluster, averaged over up to `PICKS` such choices before the ratio, as over minibatches (Nguyen et al. 2021);
    draws and permutations are of clusters.

    Raises:
        UserError: n < 4 (images or clusters), features of different n, or a pair that names no representation.
    """
    used = list(dict.fromkeys(name for pair in pairs for name in pair))
    unknown = [name for name in used if name not in features]
    if unknown:
        raise UserError(f"pair names {unknown[0]!r}, but the representations are {', '.join(features)}")
    rows = {name: matrix(features[name], name) for name in used}
    sizes = {name: len(values) for name, values in rows.items()}
    if len(set(sizes.values())) > 1:
        raise UserError(f"representations differ in their number of images: {sizes}")
    picks = _picks(np.arange(next(iter(sizes.values()), LEAST)) if clusters is None else np.asarray(clusters), seed)
    n = picks.shape[1]
    if n < LEAST:
        raise UserError(f"{n} independent images are too few; the unbiased estimator needs at least {LEAST}")
    draws = generator(seed, 0).multinomial(n, np.full(n, 1 / n), size=n_bootstrap)
    weights = np.vstack([np.ones(n), draws]).T  # the first column is the sample itself
    wanted, orders = list(dict.fromkeys([*((name, name) for name in used), *pairs])), permutations(n, n_permutations, seed)
    hsic = {pair: np.zeros(1 + n_bootstrap) for pair in wanted}
    null = {pair: np.zeros(n_permutations) for pair in pairs}
    for pick in picks:
        grams = {name: _gram(values[pick]) for name, values in rows.items()}
        for total, part in ((hsic, _weighted_hsic(grams, wanted, weights)), (null, _null(grams, pairs, orders))):
            for pair, values in part.items():
                total[pair] += values / len(picks)
    result = {}
    for a, b in pairs:
        values = ratio(hsic[a, b], hsic[a, a], hsic[b, b])
        result[a, b] = CkaEstimate(float(values[0]), values[1:], ratio(null[a, b], hsic[a, a][0], hsic[b, b][0]))
    return result


def _picks(clusters: np.ndarray, seed: int) -> np.ndarray:
    """Rows (R, k) of one image of each of k clusters: R <= `PICKS` times, the images of a cluster in turn, in random order."""
    names, code = np.unique(clusters, return_inverse=True)
    if len(names) == len(clusters):
        return np.arange(len(clusters))[None]
    order = generator(seed, 3).permutation(len(clusters))
    members = [order[code[order] == cluster] for cluster in range(len(names))]
    turns = min(PICKS, max(map(len, members)))
    return np.array([[rows[turn % len(rows)] for rows in members] for turn in range(turns)])


def _gram(features: np.ndarray) -> np.ndarray:
    """U-centred linear Gram matrix, exactly zero when nothing but rounding is left after U-centring."""
    rows = centred(features)
    gram = rows @ rows.T
    size = np.vdot(gram, gram)
    gram = u_centre(gram)
    return gram if np.vdot(gram, gram) > 1e-12 * size else np.zeros_like(gram)


def _weighted_hsic(
    grams: Mapping[str, np.ndarray], pairs: Sequence[tuple[str, str]], weights: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """HSIC_1 of each pair under each column of `weights` (n, B), in chunks of columns."""
    n, count = weights.shape
    result = {pair: np.empty(count) for pair in pairs}
    width = max(1, CHUNK_BYTES // (8 * n * (2 * len(grams) + 8)))
    for start in range(0, count, width):
        w = weights[:, start : start + width]
        powers = np.hstack([w, w**2])
        sums = {name: gram @ powers for name, gram in grams.items()}
        for a, b in pairs:
            result[a, b][start : start + width] = weighted_hsic(w, sums[a], sums[b], (grams[a] * grams[b]) @ powers)
    return result


def weighted_hsic(w: np.ndarray, k: np.ndarray, l: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Average of Song's kernel over all tuples (i, j, q, r) of different images, weighted by w_i w_j w_q w_r.

    With zero-diagonal K, L and M = K o L: HSIC_1 = mean(K_ij L_ij) + mean(K_ij L_qr) - 2 mean(K_ij L_iq), all three over the
    same tuples, so a shift of the features (K_ij + a_i + a_j) changes nothing under any weights. The sums over different
    indices are written as sums over all indices minus the coincidences, which only need products with w and w^2.

    w: (n, B) weights; k, l, m: (n, 2B), the products of K, L and M with [w, w^2]. Returns (B,).
    """
    (k1, k2), (l1, l2), (m1, m2) = (np.hsplit(side, 2) for side in (k, l, m))
    w2 = w * w
    w3 = w2 * w
    s1, s2, s3, s4 = (power.sum(axis=0) for power in (w, w2, w3, w2 * w2))
    # wM1 = w' M w, w2M1 = (w^2)' M w and so on; wKL = sum_i w_i (Kw)_i (Lw)_i
    wm1, w2m1, w3m1, w2m2 = _dot(w, m1), _dot(w2, m1), _dot(w3, m1), _dot(w2, m2)
    kl = k1 * l1
    star, star2 = _dot(w, kl) - w2m1, _dot(w2, kl) - w2m2  # sums over j != q of K_ij L_iq, with w_i and with w_i^2
    mixed = _dot(w, k2 * l1 + k1 * l2) - 2 * w3m1
    pair = (s1**2 - s2) * wm1 - 4 * s1 * w2m1 + 4 * w3m1 + 2 * w2m2
    triple = s1 * star - star2 - mixed
    quadruple = _dot(w, k1) * _dot(w, l1) - 4 * star2 - 2 * w2m2
    tuples = s1**4 - 6 * s1**2 * s2 + 3 * s2**2 + 8 * s1 * s3 - 6 * s4  # weighted number of tuples, 4! e_4(w)
    tuples = np.where(tuples > 0, tuples, np.nan)  # a draw with fewer than four different images has no value
    return (pair + quadruple - 2 * triple) / tuples


def _null(
    grams: Mapping[str, np.ndarray], pairs: Sequence[tuple[str, str]], orders: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """HSIC_1 of each pair with the images of one side reordered, (P,) values per pair.

    Reordering a matrix costs more than the product that follows, so each pair reorders its side that most pairs share.
    """
    uses = Counter(name for pair in pairs for name in pair)
    result = {pair: np.empty(len(orders)) for pair in pairs}
    partners: dict[str, list[tuple[tuple[str, str], np.ndarray]]] = {}
    for a, b in result:
        moved, kept = (a, b) if uses[a] > uses[b] else (b, a)
        partners.setdefault(moved, []).append(((a, b), grams[kept]))
    n = orders.shape[1]
    rows, reordered = np.empty((n, n)), np.empty((n, n))  # written again and again: fresh memory would cost more than the work
    for moved, others in partners.items():
        for i, order in enumerate(orders):
            grams[moved].take(order, axis=0, out=rows, mode="clip")  # mode "raise" would buffer
            rows.take(order, axis=1, out=reordered, mode="clip")
            for pair, other in others:
                result[pair][i] = np.vdot(other, reordered)
    return {pair: values / (n * (n - 3)) for pair, values in result.items()}


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Column-wise inner products."""
    return np.einsum("ij,ij->j", a, b)
