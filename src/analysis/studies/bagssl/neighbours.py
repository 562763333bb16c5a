"""Claim B4, seen: which patches are the nearest to a patch, in the backbone's space and in the projector's."""

from dataclasses import dataclass

import numpy as np

from analysis.datasets import Dataset
from analysis.studies.bagssl.contrasts import Bags
from analysis.studies.bagssl.geometry import overlap
from analysis.studies.bagssl.locality import taps, unit
from analysis.studies.bagssl.reading import Reading, Sample

Array = np.ndarray
NEAREST = 5
KINDS = ("ground", "creature", "head part")
PART, BODY = 0.1, 0.3  # share of a patch that its class-defining part, or the creature, must cover to name it


@dataclass(frozen=True)
class Known:
    """What is known of the small patches of the first test images.

    Attributes:
        labels: class of each image, (n,).
        boxes: corners, (n, m, 2).
        touching: whether two of these patches lie in one image and share a pixel, (n m, n m).
        own: whether they lie in one image, (n m, n m).
        same: what -> whether they are of the same class, place (corners less than a quarter of a patch apart both ways) or,
            where there are masks, kind, (n m, n m).
    """

    labels: Array
    boxes: Array
    touching: Array
    own: Array
    same: dict[str, Array]


def known(sample: Sample) -> Known:
    """What is known of the small patches of a sample."""
    side = sample.params.small
    boxes = sample.local_boxes(side)
    kinds = None if sample.truth is None else _kinds(sample.truth, boxes, side)
    return facts(sample.labels["test"][: len(boxes)], boxes, kinds, side)


def facts(labels: Array, boxes: Array, kinds: Array | None, side: int) -> Known:
    """From classes (n,), corners (n, m, 2) and kinds (n, m), which of the patches are the same in what."""
    n, m = boxes.shape[:2]
    image, corners = np.repeat(np.arange(n), m), boxes.reshape(-1, 2)
    near = [np.abs(corners[:, None, axis] - corners[:, axis]) < side / 4 for axis in (0, 1)]
    same = {"class": _equal(labels[image]), "place": near[0] & near[1]}
    if kinds is not None:
        same["kind"] = _equal(kinds.ravel())
    return Known(labels, boxes, touching(boxes, side), _equal(image), same)


def _equal(codes: Array) -> Array:
    return codes[:, None] == codes


def _kinds(data: Dataset, boxes: Array, side: int) -> Array:
    covered = {name: _cover(data.masks[name], boxes, side) for name in ("foreground", "part")}
    return np.where(covered["part"] >= PART, 2, np.where(covered["foreground"] >= BODY, 1, 0))


def _cover(masks: Array, boxes: Array, side: int) -> Array:
    """Share of each patch that a mask covers: masks (n, h, h), corners (n, m, 2) -> (n, m)."""
    sums = np.pad(masks.astype(float).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    image, (y, x) = np.arange(len(masks))[:, None], np.moveaxis(boxes, -1, 0)
    inside = sums[image, y + side, x + side] - sums[image, y, x + side] - sums[image, y + side, x] + sums[image, y, x]
    return inside / side**2


def measure(measured: Bags, reading: Reading, of: Known) -> None:
    """Shares of the nearest patches that are of the same image, class and kind, and how far off their places are."""
    for tap, patches in taps(reading, reading.local(reading.params.small)).items():
        for name, (values, chance) in shares(patches, of).items():
            row = {"encoder": reading.name, "tap": tap, "share": name, "chance": chance}
            measured.add("neighbours", row, measured.mean(values), (f"same {name}", reading.name, tap))


def shares(patches: Array, of: Known) -> dict[str, tuple[Array, float]]:
    """What -> share of the `NEAREST` by centred cosine, mean over the patches of each image (n,), and what chance gives.

    `image`: the same image, among all patches that share no pixel with the query; all else among patches of other images.
    """
    n, m = patches.shape[:2]
    cosines = similarities(patches)
    found = {}
    for allowed, asked in ((~of.touching, {"image": of.own}), (~of.own, of.same)):
        top = nearest(cosines, allowed)
        for name, same in asked.items():
            values = np.take_along_axis(same, top, 1).mean(1).reshape(n, m).mean(1)
            found[name] = values, float((same & allowed).sum() / allowed.sum())
    return found


def touching(boxes: Array, side: int) -> Array:
    """Whether two patches lie in one image and share a pixel: corners (n, m, 2) -> (n m, n m); each touches itself."""
    n, m = boxes.shape[:2]
    first, second = np.triu_indices(m, 1)
    within = np.ones((n, m, m), bool)
    within[:, first, second] = within[:, second, first] = overlap(boxes, side) > 0
    found = np.zeros((n, m, n, m), bool)
    found[np.arange(n), :, np.arange(n)] = within
    return found.reshape(n * m, n * m)


def similarities(patches: Array) -> Array:
    """Centred cosines of all patches (n, m, d): (n m, n m)."""
    rows = unit(patches).reshape(-1, patches.shape[-1]).astype(np.float32)
    return rows @ rows.T


def nearest(cosines: Array, allowed: Array) -> Array:
    """The `NEAREST` allowed columns of each row, most similar first."""
    masked = np.where(allowed, cosines, -np.inf)
    top = np.argpartition(-masked, NEAREST, axis=1)[:, :NEAREST]
    order = np.argsort(-np.take_along_axis(masked, top, 1), axis=1, kind="stable")
    return np.take_along_axis(top, order, 1)
