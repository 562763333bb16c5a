"""Claim B3: is the embedding of an image about the average of the embeddings of its patches?"""

import numpy as np

from analysis.studies.bagssl.aggregate import doubling, running_means
from analysis.studies.bagssl.contrasts import DISJOINT, GRID, Bags
from analysis.studies.bagssl.known import known
from analysis.studies.bagssl.reading import Reading, Sample

Array = np.ndarray


def agreement(means: Array, wholes: Array) -> dict[str, Array]:
    """How well means over patches (n, d) match the embeddings of whole images (n, d), image by image, (n,) each.

    `cosine`: with the own image, each side less its mean over images; `mismatched`: the mean over all other images; `raw` and
    `raw_mismatched`: the same without centring, where non-negative features make any two images alike; `first`: whether the own
    image is the most similar one; `reciprocal`: one over its rank.
    """
    centred = _cosines(means - means.mean(0), wholes - wholes.mean(0))
    raw = _cosines(means, wholes)
    own = np.diag(centred)
    rank = 1 + (centred > own[:, None]).sum(1)
    return {
        **{"cosine": own, "mismatched": _others(centred), "raw": np.diag(raw), "raw_mismatched": _others(raw)},
        **{"first": (rank == 1).astype(float), "reciprocal": 1 / rank},
    }


def measure(measured: Bags, reading: Reading) -> None:
    """Means over two regular grids of patches, overlapping and side by side, against the whole image."""
    _enter(measured, "average", reading.name, reading)


def converge(measured: Bags, reading: Reading, many: Array) -> None:
    """The same for means over 1, 2, 4, ... random patches, `many` (n, m, d)."""
    wholes, numbers = reading.whole("test")[: len(many)], doubling(many.shape[1])
    for n, means in zip(numbers, running_means(many, numbers), strict=True):
        for name, values in agreement(means, wholes).items():
            row = {"encoder": reading.name, "n": n, "quantity": name}
            measured.add("convergence", row, measured.mean(values))


def tell_apart(measured: Bags, sample: Sample) -> None:
    """The measure on a network that is a bag of patches, and on one that is not."""
    for name, encoder in known(sample.size, measured.seed).items():
        _enter(measured, "known", name, Reading(encoder, sample))


def _enter(measured: Bags, table: str, name: str, reading: Reading) -> None:
    wholes = reading.whole("test")[: reading.params.n_counts]
    for grid in (GRID, DISJOINT):
        for quantity, values in agreement(reading.grid(grid), wholes).items():
            row = {"encoder": name, "grid": grid, "quantity": quantity}
            measured.add(table, row, measured.mean(values), (quantity, name, grid))


def _cosines(a: Array, b: Array) -> Array:
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-12) for x in (a, b))
    return a @ b.T


def _others(cosines: Array) -> Array:
    n = len(cosines)
    return (cosines.sum(1) - np.diag(cosines)) / max(n - 1, 1)
