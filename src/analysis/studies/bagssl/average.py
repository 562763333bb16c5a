"""Claim B3: is the embedding of an image about the average of the embeddings of its patches?"""

import numpy as np

from analysis.studies.bagssl.aggregate import doubling, running_means
from analysis.studies.bagssl.contrasts import GRID
from analysis.studies.bagssl.known import known
from analysis.studies.bagssl.measured import Measured
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


def measure(measured: Measured, reading: Reading) -> None:
    """The mean over a regular grid of patches against the whole image."""
    _enter(measured, "average", reading.name, reading.grid(), reading.whole("test")[: measured.params.n_counts])


def converge(measured: Measured, reading: Reading, many: Array) -> None:
    """The same for means over 1, 2, 4, ... random patches, `many` (n, m, d)."""
    wholes, numbers = reading.whole("test")[: len(many)], doubling(many.shape[1])
    for n, means in zip(numbers, running_means(many, numbers), strict=True):
        for name, values in agreement(means, wholes).items():
            row = {"encoder": reading.name, "n": n, "quantity": name}
            measured.add("convergence", row, measured.over_images(values))


def tell_apart(measured: Measured, sample: Sample) -> None:
    """The measure on a network that is a bag of patches, and on one that is not."""
    for name, encoder in known(sample.size, measured.params.seed).items():
        reading = Reading(encoder, sample)
        _enter(measured, "known", name, reading.grid(), reading.whole("test")[: measured.params.n_counts])


def _enter(measured: Measured, table: str, name: str, means: Array, wholes: Array) -> None:
    for quantity, values in agreement(means, wholes).items():
        key = (quantity, name, GRID)
        measured.add(table, {"encoder": name, "quantity": quantity}, measured.over_images(values), key)


def _cosines(a: Array, b: Array) -> Array:
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-12) for x in (a, b))
    return a @ b.T


def _others(cosines: Array) -> Array:
    n = len(cosines)
    return (cosines.sum(1) - np.diag(cosines)) / max(n - 1, 1)
