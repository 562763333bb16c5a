"""Editing a representation by the dimensions that a neighbourhood shares, and mixing two of them.

The rule of the released code (facebookresearch/RCDM, `image_sample_manipulation.py`): the 20 nearest images by cosine among
those of a folder; a dimension is common if it is not zero in more than 14 of them; common dimensions take the values of another
image. It needs exact zeros, as averages of rectified units have them; the variance rule needs none.
"""

import numpy as np
from scipy.stats import spearmanr

Array = np.ndarray
NEIGHBOURS, MOST = 20, 14  # of the released code
CALM = 0.5  # variance in the neighbourhood, of that of all images, below which a dimension is common by the variance rule
COMMON, VARIANCE, RANDOM, RANDOM_VARIANCE = "non-zero", "variance", "random (as many)", "random (as many as by variance)"
RULES = (COMMON, RANDOM, VARIANCE, RANDOM_VARIANCE)


def neighbours(h: Array, bank: Array, candidates: Array, k: int = NEIGHBOURS) -> Array:
    """Rows of `bank` (n, d) among `candidates` (m,) that are nearest to h (d,) by cosine, at most k of them."""
    rows = bank[candidates].astype(np.float64)
    cosine = rows @ h / np.linalg.norm(rows, axis=1).clip(1e-12)
    return candidates[np.argsort(-cosine, kind="stable")[:k]]


def non_zero(near: Array) -> Array:
    """Dimensions (d,) that are not exactly zero in more than 14 of 20 neighbours (k, d), or that share of fewer."""
    return (near != 0).mean(0) > MOST / NEIGHBOURS


def calm(near: Array, bank: Array) -> Array:
    """Dimensions (d,) that vary less than half as much among neighbours (k, d) as among all images (n, d)."""
    return near.var(0, ddof=1) < CALM * bank.var(0, ddof=1)


def chosen(near: Array, bank: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Rule -> dimensions (d,), with as many random ones as control of each."""
    found = {COMMON: non_zero(near), VARIANCE: calm(near, bank)}
    for rule, control in ((COMMON, RANDOM), (VARIANCE, RANDOM_VARIANCE)):
        found[control] = rng.permutation(found[rule])
    return found


def swapped(own: Array, other: Array, dimensions: Array) -> Array:
    """h with these dimensions taken from the other image: (d,)."""
    return np.where(dimensions, other, own)


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


def succeeded(kind: str, read: dict[str, Array], own: dict[str, Array], other: dict[str, Array]) -> Array:
    """Whether each sample (n,) shows what the edit was to change, and kept the rest.

    `background`: a background nearer in colour to the other image's, and its own species; `object`: the other's species, and a
    background nearer to its own. `read`: what is read from samples; `own`, `other`: what is true of the two images.
    """
    near = [np.linalg.norm(read["ground"] - side["ground"], axis=1) for side in (own, other)]
    if kind == "background":
        return (near[1] < near[0]) & (read["species"] == own["species"])
    return (near[0] < near[1]) & (read["species"] == other["species"])


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
