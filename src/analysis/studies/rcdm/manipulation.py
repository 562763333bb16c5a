"""Editing a representation by the dimensions that a neighbourhood shares, and mixing two of them.

The rule of the released code (facebookresearch/RCDM, `image_sample_manipulation.py`): the 20 nearest images by cosine among
those of a folder; a dimension is common if it is not zero in more than 14 of them; common dimensions take the values of another
image. It needs exact zeros, as averages of rectified units have them; the variance rule needs none.
"""

import numpy as np
from scipy.stats import spearmanr

Array = np.ndarray
NEIGHBOURS, MOST = 20, 14  # of the released code
PART = 0.25  # of the dimensions are swapped
COMMON, RANDOM, RELEASED = "the most common quarter", "another quarter, at random", "all common ones (released rule)"
COMPOSITE, TRUE = "the true composite", "read from the composite itself"


def neighbours(h: Array, bank: Array, candidates: Array, k: int = NEIGHBOURS) -> Array:
    """Rows of `bank` (n, d) among `candidates` (m,) that are nearest to h (d,) by cosine, at most k of them."""
    rows = bank[candidates].astype(np.float64)
    cosine = rows @ h / np.linalg.norm(rows, axis=1).clip(1e-12)
    return candidates[np.argsort(-cosine, kind="stable")[:k]]


def non_zero(near: Array) -> Array:
    """Dimensions (d,) that are not exactly zero in more than 14 of 20 neighbours (k, d), or that share of fewer."""
    return (near != 0).mean(0) > MOST / NEIGHBOURS


def chosen(near: Array, bank: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Rule -> dimensions (d,), from neighbours (k, d) and all images (n, d).

    The most common quarter: not zero in most neighbours and, of those equally often so, with the least variance among
    neighbours relative to that among all images. The control is a random quarter of the others.
    """
    d = near.shape[1]
    calm = near.var(0, ddof=1) / bank.var(0, ddof=1).clip(1e-12)
    order = np.lexsort((calm, -(near != 0).mean(0)))
    k = max(1, round(PART * d))
    places = {COMMON: order[:k], RANDOM: rng.permutation(order[k:])[:k]}
    return {rule: np.isin(np.arange(d), rows) for rule, rows in places.items()} | {RELEASED: non_zero(near)}


def partners(species: Array, ground: Array, n: int, rng: np.random.Generator) -> Array:
    """For each of the first n images another one, of another species, with a background unlike its own: (n,).

    Unlike: further away in colour than half of all images of other species. `species` (m,), `ground` (m, 3).
    """
    found = []
    for i in range(n):
        others = np.flatnonzero(species != species[i])
        apart = np.linalg.norm(ground[others] - ground[i], axis=1)
        found.append(rng.choice(others[apart >= np.median(apart)]))
    return np.array(found)


def composites(images: Array, masks: Array, backgrounds: Array) -> Array:
    """Objects of images (n, s, s, 3), where masks (n, s, s) are true, on backgrounds (n, s, s, 3)."""
    return np.where(masks[..., None], images, backgrounds)


def succeeded(read: dict[str, Array], own: dict[str, Array], other: dict[str, Array]) -> Array:
    """Whether each sample (n,) shows a background nearer in colour to the other image's, and its own species.

    `read`: what is read from samples; `own`, `other`: what is true of the two images.
    """
    near = [np.linalg.norm(read["ground"] - side["ground"], axis=1) for side in (own, other)]
    return (near[1] < near[0]) & (read["species"] == own["species"])


def mixtures(own: Array, other: Array, places: Array) -> Array:
    """Representations on the straight way from `own` (n, d) to `other`, at each of `places` (k,) in [0, 1]: (n, k, d)."""
    return own[:, None] + places[None, :, None] * (other - own)[:, None]


def progress(read: Array, own: Array, other: Array) -> Array:
    """Rank correlation (n,) of the place on the way with the background seen there.

    `read` (n, k, 3): colours read from the samples, in the order of the way; they are projected on the line between the true
    colours of the two images (n, 3). 0 where samples do not change.
    """
    along = ((read - own[:, None]) * (other - own)[:, None]).sum(2)
    places = np.arange(along.shape[1])
    return np.array([spearmanr(places, row).statistic if np.ptp(row) > 0 else 0.0 for row in along])
