"""Positive controls: codes of which B4 and B5 are true by construction, read by the same measures as encoders are."""

import numpy as np

from analysis import probing
from analysis.studies.bagssl.contrasts import NOISY, PLANTED, WHOLE, Bags, bag
from analysis.studies.bagssl.locality import H, Z, alike, place
from analysis.studies.bagssl.reading import Sample

Array = np.ndarray
WIDTH = 32
NOISE = 2.0  # standard deviation, in those of the codes


def measure(bags: Bags, sample: Sample) -> None:
    """Enter both controls."""
    _local(bags, sample)
    _noisy(bags, sample)


def _local(bags: Bags, sample: Sample) -> None:
    """Backbone: the image's code and the patch's place, the former stronger the larger the patch; projector: the former."""
    params, rng = sample.params, np.random.default_rng([sample.params.seed, 4])
    for side in (params.small, params.large):
        boxes = sample.local_boxes(side)
        n, m, _ = boxes.shape
        code = np.repeat(rng.standard_normal((n, 1, WIDTH)), m, axis=1) * (side / params.large) ** 2
        slack = max(1, sample.size - side)
        where = np.tile(2 * boxes / slack - 1, WIDTH // 8)
        noise = 0.1 * rng.standard_normal((n, m, WIDTH + where.shape[-1]))
        backbone = np.concatenate([code, where], axis=-1) + noise
        for tap, patches in {H: backbone, Z: backbone[..., :WIDTH]}.items():
            bags.draws["within", PLANTED, f"{tap} {side}"] = bags.mean(alike(patches)["within"])
            bags.draws["place", PLANTED, f"{tap} {side}"] = place(bags, patches, boxes)


def _noisy(bags: Bags, sample: Sample) -> None:
    """Codes of classes under noise that every reading draws anew: one reading, and the mean over `n_patches`."""
    params, rng = sample.params, np.random.default_rng([sample.params.seed, 5])
    labels = {half: np.unique(sample.labels[half], return_inverse=True)[1] for half in ("train", "test")}
    centres = rng.standard_normal((1 + max(codes.max() for codes in labels.values()), WIDTH))
    for cell, readings in ((WHOLE, 1), (bag(params.large), params.n_patches)):
        train, test = (
            centres[codes] + NOISE / np.sqrt(readings) * rng.standard_normal((len(codes), WIDTH)) for codes in labels.values()
        )
        correct = probing.linear(train, labels["train"], test) == labels["test"]
        bags.draws["linear", NOISY, cell] = bags.mean(correct)
