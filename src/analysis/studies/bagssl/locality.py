"""Claim B4, in numbers: how alike the patches of an image are, and what a patch still tells of its place."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis.studies.bagssl.contrasts import Bags
from analysis.studies.bagssl.geometry import overlap
from analysis.studies.bagssl.reading import Reading

Array = np.ndarray
H, Z = "backbone", "projector"
BINS = ((0.0, 0.0), (0.0, 0.25), (0.25, 0.5), (0.5, 1.0))  # of the area that two patches share


def measure(measured: Bags, reading: Reading, sides: Sequence[int]) -> None:
    """Similarity within and between images at each scale, and what a linear map reads of a patch's place."""
    for side in sides:
        boxes = reading.sample.local_boxes(side)
        for tap, patches in taps(reading, reading.local(side)).items():
            row = {"encoder": reading.name, "tap": tap, "side": side}
            cell = f"{tap} {side}"
            for name, values in alike(patches).items():
                measured.add("similarity", {**row, "pairs": name}, measured.mean(values), (name, reading.name, cell))
            for share, values in by_overlap(patches, boxes, side).items():
                measured.add("overlap", {**row, "shared": share}, measured.mean(values))
            measured.add("places", row, place(measured, patches, boxes), ("place", reading.name, cell))


def taps(reading: Reading, h: Array) -> dict[str, Array]:
    """Backbone and, where it was kept, projector."""
    z = reading.project(h)
    return {H: h} if z is None else {H: h, Z: z}


def alike(patches: Array) -> dict[str, Array]:
    """Mean centred cosine of two patches of an image, and of patches of two images: patches (n, m, d) -> (n,) each."""
    n, m, _ = patches.shape
    sums = unit(patches).sum(1, dtype=np.float64)
    own = (sums**2).sum(1)
    return {"within": (own - m) / (m * (m - 1)), "between": (sums @ sums.sum(0) - own) / (m * m * (n - 1))}


def by_overlap(patches: Array, boxes: Array, side: int) -> dict[str, Array]:
    """Mean centred cosine of two patches of an image by how much area they share; NaN for images without such a pair."""
    rows, shared = unit(patches), overlap(boxes, side)
    first, second = np.triu_indices(boxes.shape[1], 1)
    cosines = (rows @ rows.swapaxes(1, 2))[:, first, second]
    found = {}
    for low, high in BINS:
        inside = shared == 0 if high == 0 else (shared > low) & (shared <= high)
        if inside.any():
            with np.errstate(invalid="ignore"):
                found["none" if high == 0 else f"up to {high:.0%}"] = (cosines * inside).sum(1) / inside.sum(1)
    return found


def place(measured: Bags, patches: Array, boxes: Array) -> Array:
    """R2 of the corner of a patch, read by a ridge regression from half of the images, on the others: (1 + B,)."""
    n, m, d = patches.shape
    half, target = n // 2, boxes - boxes.mean((0, 1))
    model = make_pipeline(StandardScaler(), Ridge(alpha=0.1 * half * m))
    model.fit(patches[:half].reshape(-1, d), target[:half].reshape(-1, 2))
    said = model.predict(patches[half:].reshape(-1, d)).reshape(n - half, m, 2)
    missed = ((said - target[half:]) ** 2).sum((1, 2))
    total = ((target[half:] - target[half:].mean((0, 1))) ** 2).sum((1, 2))
    weights = measured.weights(n - half)
    return 1 - weights @ missed / (weights @ total)


def unit(patches: Array) -> Array:
    """Patches (n, m, d) less their common mean, scaled to length 1."""
    centred = patches - patches.mean((0, 1))
    return centred / np.linalg.norm(centred, axis=-1, keepdims=True).clip(1e-12)
