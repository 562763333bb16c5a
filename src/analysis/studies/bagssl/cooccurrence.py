"""Which kinds of patches occur together in Scenes: known from how the world is made, counted, and read off representations.

A patch is of the kind that its middle pixel shows: the ground's family, the creature's species, or the part on its head. The
world draws the three independently of each other, and one of each per image; how large they are in the image is in the masks.
"""

import numpy as np

from analysis.datasets import Dataset
from analysis.datasets.scenes.kinds import LATIN_PARTS
from analysis.datasets.scenes.species import SPECIES
from analysis.datasets.scenes.textures import FAMILIES
from analysis.errors import UserError
from analysis.studies.bagssl.losses import marginals, ratio

Array = np.ndarray
_VALUES = {"background": FAMILIES, "species": tuple(SPECIES), "part": LATIN_PARTS}  # factor -> its values; in `_regions`' order
KINDS: tuple[str, ...] = tuple(f"{factor}: {value}" for factor, values in _VALUES.items() for value in values)
_STARTS = np.cumsum([0, *(len(values) for values in _VALUES.values())])[:-1]


def kinds(data: Dataset, corners: Array, side: int) -> Array:
    """Kind (n, m), a row of `KINDS`, of patches of `side` px at corners (n, m, 2) of Scenes; raises as `true_joint`."""
    middle = corners + side // 2
    region = _regions(data)[np.arange(len(data))[:, None], middle[..., 0], middle[..., 1]]
    return np.take_along_axis(_codes(data), region, axis=1)


def counted(found: Array, count: int = len(KINDS)) -> Array:
    """Joint distribution (k, k) of two different patches of one image, from kinds (n, m) in 0 ... k - 1, each image alike.

    Raises:
        UserError: fewer than two patches of an image.
    """
    m = found.shape[1]
    if m < 2:
        raise UserError("what occurs together is counted over two or more patches of each image, not one")
    shown = np.stack([np.bincount(row, minlength=count) for row in found]).astype(float)
    return (shown.T @ shown - np.diag(shown.sum(0))) / (len(found) * m * (m - 1))


def true_joint(data: Dataset, side: int) -> Array:
    """Joint distribution (k, k) of the kinds of two patches of `side` px that lie anywhere in one image.

    The law of the world: family, species and part are even and independent. Of `data` only the areas are taken that ground,
    body and head part have in images of each species and part, every place counted.

    Raises:
        UserError: the data are not Scenes with one creature each, or lack one of its classes.
    """
    regions, codes = _regions(data), _codes(data)
    slack = data.size - side + 1
    inner = regions[:, side // 2 : side // 2 + slack, side // 2 : side // 2 + slack]
    area = np.stack([(inner == region).mean((1, 2)) for region in range(3)], axis=1)  # (n, 3)
    joint = np.zeros((len(KINDS), len(KINDS)))
    looks = [(s, p) for s in range(len(_VALUES["species"])) for p in range(len(_VALUES["part"]))]
    for species, part in looks:
        rows = (codes[:, 1] == _STARTS[1] + species) & (codes[:, 2] == _STARTS[2] + part)
        if not rows.any():
            raise UserError(
                f"{data.name}: no image shows {KINDS[_STARTS[1] + species]} with {KINDS[_STARTS[2] + part]}: take more"
            )
        together = area[rows].T @ area[rows] / rows.sum() / (len(looks) * len(FAMILIES))  # (3, 3)
        for family in range(len(FAMILIES)):
            shown = np.array([family, _STARTS[1] + species, _STARTS[2] + part])
            joint[np.ix_(shown, shown)] += together
    return joint


def best(joint: Array, weight: float, dim: int) -> Array:
    """The z (k, dim) of the least L_S(weight) on a symmetric joint (k, k): the leading eigenvectors of its normalised form.

    With w = 2 weight, L_C(w) is the squared distance of w F F^T, F = sqrt(p) z, from M = joint / sqrt(p p'), so that w F F^T is
    M cut to its `dim` largest eigenvalues, as far as they are positive (HaoChen et al. 2021).
    """
    chance = np.sqrt(marginals(joint)[0])
    scale = np.divide(1, chance, out=np.zeros_like(chance), where=chance > 0)
    values, vectors = np.linalg.eigh(scale[:, None] * (joint + joint.T) / 2 * scale)
    order = np.argsort(-values)[:dim]
    return scale[:, None] * vectors[:, order] * np.sqrt(np.maximum(values[order], 0) / (2 * weight))


def similarities(z: Array, found: Array, count: int = len(KINDS)) -> Array:
    """Mean product (k, k) of centred unit representations z (n, m, d) of two patches of given kinds (n, m) in different images.

    Patches of one image never meet, so nothing comes in by one image resembling itself. NaN where no such pair is there.
    """
    unit = z / np.linalg.norm(z, axis=2, keepdims=True).clip(1e-12)
    unit = unit - unit.mean((0, 1))
    shown = np.eye(count)[found]  # (n, m, k)
    sums = np.einsum("nmk,nmd->nkd", shown, unit.astype(float))
    numbers = shown.sum(1)
    products = sums.sum(0) @ sums.sum(0).T - np.einsum("nkd,njd->kj", sums, sums)
    pairs = np.outer(numbers.sum(0), numbers.sum(0)) - numbers.T @ numbers
    return np.divide(products, pairs, out=np.full_like(products, np.nan), where=pairs > 0)


def agreement(similar: Array, joint: Array) -> float:
    """Correlation of similarities (k, k) with how much more often than by chance two kinds occur together.

    Over pairs of kinds, each weighted by how often it is met by chance, as L_C weighs them; pairs without a similarity are out.
    """
    weights = np.where(np.isfinite(similar), np.outer(*marginals(joint)), 0)
    first, second = np.nan_to_num(similar), ratio(joint)
    first, second = (x - (weights * x).sum() / weights.sum() for x in (first, second))
    spread = np.sqrt((weights * first**2).sum() * (weights * second**2).sum())
    return float((weights * first * second).sum() / spread) if spread > 0 else 0.0


def shuffled(found: Array, generator: np.random.Generator) -> Array:
    """The same patches dealt anew to the images: what is left together is together by chance."""
    return generator.permutation(found.ravel()).reshape(found.shape)


def _regions(data: Dataset) -> Array:
    """0 ground and whatever stands about, 1 the creature, 2 the part on its head: (n, h, h)."""
    if not {"foreground", "part"} <= set(data.masks) or not set(_VALUES) <= set(data.factors):
        raise UserError(f"{data.name}: kinds of patches are known of Scenes with one creature each, as scenes:objects")
    return data.masks["foreground"].astype(int) + data.masks["part"]


def _codes(data: Dataset) -> Array:
    """Row of `KINDS` that each region of an image is of, (n, 3)."""
    return np.stack([[KINDS.index(f"{factor}: {value}") for value in data.factors[factor]] for factor in _VALUES], axis=1)
