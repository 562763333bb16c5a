"""Claim B6, in numbers: the identity of two losses, and whether representations tell which patches occur together."""

from dataclasses import dataclass, field

import numpy as np

from analysis.results import Row
from analysis.studies.bagssl import maps
from analysis.studies.bagssl.contrasts import SHUFFLED, TRUE, UNLIKE, Bags
from analysis.studies.bagssl.cooccurrence import agreement, best, counted, kinds, shuffled, true_joint
from analysis.studies.bagssl.locality import taps
from analysis.studies.bagssl.losses import constant, cooccurrence_loss, identity_gap, marginals, ratio, spectral_loss
from analysis.studies.bagssl.reading import Reading, Sample

Array = np.ndarray
WEIGHTS = (0.5, 1.0, 4.0)
DIMS = (2, 8)  # and as many as there are kinds
ALL = "all pairs of kinds"


@dataclass(frozen=True)
class World:
    """What is known of small patches: those of the first test images of Scenes, or of photographs with maps of classes.

    Attributes:
        name: of the images.
        found: kind of each patch, (n, m); `dealt`: the same patches dealt anew to the images.
        joint: how often two kinds meet in an image, (k, k), by the law of the world, or in other photographs.
        images: (n, h, h, 3), with the `corners` of the patches, (n, m, 2); None where they are the sample's own.
    """

    name: str
    found: Array
    dealt: Array
    joint: Array
    images: Array | None = None
    corners: Array = field(default_factory=lambda: np.empty((0, 0, 2), int))


def world(sample: Sample) -> World | None:
    """The kinds of the small patches and their true joint distribution; None where nobody knows them.

    Raises:
        UserError: maps of classes that say too little.
    """
    params, side = sample.params, sample.params.small
    deal = np.random.default_rng([params.seed, 6])
    if params.maps:
        n, m = params.n_local, params.n_patches
        images, known = maps.load(params.maps, sample.size, n, m, side, params.seed)
        return World(params.maps, known.found, shuffled(known.found, deal), known.joint, images, known.corners)
    if sample.truth is None:
        return None
    found = kinds(sample.truth, sample.local_boxes(side), side)
    return World("Scenes", found, shuffled(found, deal), true_joint(sample.truth, side))


def measure(measured: Bags, reading: Reading, of: World) -> None:
    """Agreement of similarities of patches with how often their kinds occur together, true and for patches dealt anew.

    Noise in similarities draws a correlation towards 0, and in resamples there is more of it: the draws are moved so that their
    mean is the estimate.
    """
    side = reading.params.small
    patches = reading.local(side) if of.images is None else reading.at(of.images, of.corners, side)
    for tap, rows in taps(reading, patches).items():
        for what, found in ((TRUE, of.found), (SHUFFLED, of.dealt)):
            similar = similarities(rows, found, measured.weights(len(found)), len(of.joint))
            for pairs in (ALL, UNLIKE):
                values = agreements(_cut(similar, pairs), of.joint)
                values[1:] += values[0] - values[1:].mean()
                row = {"encoder": reading.name, "tap": tap, "kinds": what, "pairs": pairs}
                measured.add("cooccurrence", row, values, (f"{what}, {pairs}", reading.name, tap))
            if what == TRUE:
                for relation, weights in relations(of.joint).items():
                    met = np.isfinite(similar) * weights
                    values = (np.nan_to_num(similar) * met).sum((1, 2)) / met.sum((1, 2))
                    measured.add("relations", {"encoder": reading.name, "tap": tap, "relation": relation}, values)


def similarities(patches: Array, found: Array, weights: Array, k: int) -> Array:
    """`cooccurrence.similarities` of patches (n, m, d), with images counted as `weights` (1 + B, n) says: (1 + B, k, k)."""
    rows = patches / np.linalg.norm(patches, axis=2, keepdims=True).clip(1e-12)
    rows = rows - rows.mean((0, 1))
    shown = np.eye(k)[found]
    sums, numbers = np.einsum("nmk,nmd->nkd", shown, rows.astype(float)), shown.sum(1)
    w = weights
    own = sums @ sums.swapaxes(1, 2)
    total, count = np.tensordot(w, sums, 1), w @ numbers
    products = total @ total.swapaxes(1, 2) - np.tensordot(w**2, own, 1)
    pairs = count[:, :, None] * count[:, None] - np.tensordot(w**2, numbers[:, :, None] * numbers[:, None], 1)
    return np.divide(products, pairs, out=np.full_like(products, np.nan), where=pairs > 0.5)


def agreements(similar: Array, joint: Array) -> Array:
    """`cooccurrence.agreement` of each of several similarities (b, k, k) with a joint distribution: (b,)."""
    weights = np.isfinite(similar) * np.outer(*marginals(joint))
    first, second = np.nan_to_num(similar), ratio(joint)
    total = weights.sum((1, 2), keepdims=True)
    first, second = (x - (weights * x).sum((1, 2), keepdims=True) / total for x in (first, second))
    spread = np.sqrt((weights * first**2).sum((1, 2)) * (weights * second**2).sum((1, 2)))
    return (weights * first * second).sum((1, 2)) / spread


def identities(of: World | None, seed: int) -> list[Row]:
    """L_C(w) against 2w L_S(w / 2) + K: on a small joint distribution drawn at random, and on the counted one."""
    rng = np.random.default_rng(seed)
    toy = rng.random((12, 12))
    joints = {"twelve kinds, drawn at random": (toy + toy.T) / (toy + toy.T).sum()}
    if of is not None:
        joints[f"kinds of patches of {of.name}, counted"] = counted(of.found, len(of.joint))
    rows = []
    for name, joint in joints.items():
        for weight in WEIGHTS:
            z = rng.standard_normal((len(joint), 5))
            left, right = cooccurrence_loss(z, joint, weight), 2 * weight * spectral_loss(z, joint, weight / 2)
            row = {"joint": name, "weight": weight, "cooccurrence": left, "spectral": right, "constant": constant(joint)}
            rows.append({**row, "gap": identity_gap(z, joint, weight)})
    return rows


def optima(of: World | None) -> list[Row]:
    """What the loss would have at best: agreement of its own minimiser, by dimension, fitted to the counted joint."""
    if of is None:
        return []
    rows = []
    for what, found in ((TRUE, of.found), (SHUFFLED, of.dealt)):
        joint = counted(found, len(of.joint))
        for dim in sorted({min(dim, len(of.joint)) for dim in (*DIMS, len(of.joint))}):
            z = best(joint, 1.0, dim)
            for pairs in (ALL, UNLIKE):
                value = agreement(_cut(z @ z.T, pairs), of.joint)
                rows.append({"kinds": what, "dim": dim, "pairs": pairs, "value": value})
    return rows


def relations(joint: Array) -> dict[str, Array]:
    """Relation of two kinds -> weights (k, k) of its pairs, as L_C weighs them, that sum to 1."""
    chance, same = np.outer(*marginals(joint)), np.eye(len(joint), dtype=bool)
    masks = {"the same kind": same, "together by chance": ~same & (joint > 0), "never together": ~same & (joint == 0)}
    return {name: chance * mask / (chance * mask).sum() for name, mask in masks.items()}


def _cut(similar: Array, pairs: str) -> Array:
    return similar if pairs == ALL else np.where(np.eye(similar.shape[-1], dtype=bool), np.nan, similar)
