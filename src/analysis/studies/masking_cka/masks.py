"""What is removed from an image, and what is painted there.

The order of work is geometry, then mask, then normalisation: images and masks arrive here already resized and cropped,
so that no colour bleeds over a mask's edge. A `keep` mask (n, h, w) bool says which pixels stay.
"""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import gaussian_filter

from analysis.datasets.base import Dataset

MEAN_COLOUR = (124, 116, 104)  # the ImageNet mean in 8 bits: 0 after the usual normalisation
COMPLETE = "complete"


def paint(images: np.ndarray, keep: np.ndarray, fill: str) -> np.ndarray:
    """Images (n, h, w, 3) uint8 with every pixel outside `keep` (n, h, w) replaced.

    `fill`: `mean` (ImageNet mean colour), `black`, or `blur` (the image itself, blurred by a Gaussian of sigma = side / 8,
    so that colour and brightness survive and shape does not). Pixels inside `keep` are unchanged, bit by bit.
    """
    if fill == "blur":
        side = images.shape[1]
        ground = np.stack([gaussian_filter(image, (side / 8, side / 8, 0), mode="nearest") for image in images])
    else:
        ground = np.broadcast_to(np.array({"mean": MEAN_COLOUR, "black": (0, 0, 0)}[fill], dtype=np.uint8), images.shape)
    return np.where(keep[..., None], images, ground)


def object_masks(dataset: Dataset, seed: int) -> dict[str, np.ndarray]:
    """Keep masks made from the foreground: name -> (n, h, w) bool.

    `foreground` and `background` part the image; pixels a data set marks as `border` (neither one nor the other) are
    removed from both. `background_box` removes the foreground's bounding box, so that the hole does not show the
    object's outline. `random_kept` and `random_removed` part the image along a random outline, with exactly as many
    pixels kept as `foreground` (`background`) keeps: what the amount removed does alone.
    """
    foreground, border = _foreground_and_border(dataset)
    background = ~foreground & ~border
    field = _random_fields(dataset.ids, dataset.size, seed)
    return {
        "foreground": foreground,
        "background": background,
        "background_box": ~_bounding_boxes(foreground | border),
        "random_kept": _highest(field, foreground.sum(axis=(1, 2))),
        "random_removed": _highest(-field, background.sum(axis=(1, 2))),
    }


def occlusion_masks(ids: np.ndarray, size: int, fraction: float, seed: int) -> dict[str, np.ndarray]:
    """Keep masks of a square whose side is `fraction` of the image's: name -> (n, size, size) bool.

    `occluded` removes the centred square, `centre` keeps nothing else, `elsewhere` removes the same square at a place
    drawn per image (the control). Squares are defined in pixels, so patches of a ViT may be cut: no centred square is
    aligned with both 14 and 16 pixel patches at 224 pixels.
    """
    side = round(fraction * size)
    start = (size - side) // 2
    inside = np.zeros((len(ids), size, size), dtype=bool)
    inside[:, start : start + side, start : start + side] = True
    elsewhere = np.zeros_like(inside)
    for row, sample in enumerate(ids):
        top, left = _generator(sample, seed, 1).integers(0, size - side + 1, 2)
        elsewhere[row, top : top + side, left : left + side] = True
    tag = percent(fraction)
    return {f"occluded_{tag}": ~inside, f"centre_{tag}": inside, f"elsewhere_{tag}": ~elsewhere}


def percent(fraction: float) -> str:
    """`0.25` -> `25`: how a variant's name gives its fraction."""
    return f"{100 * fraction:g}"


def coverage(dataset: Dataset) -> np.ndarray:
    """Share of each image that is foreground, (n,)."""
    return _foreground_and_border(dataset)[0].mean(axis=(1, 2))


def common_ids(datasets: Mapping[int, Dataset], low: float, high: float) -> np.ndarray:
    """Ids whose foreground covers between `low` and `high` of the image at every size, in the data set's order.

    One list for all variants and all encoders: an image without a foreground would be the same grey square as any
    other, and duplicates break debiased CKA.
    """
    first = next(iter(datasets.values()))
    if "foreground" not in first.masks:
        return first.ids
    kept = [set(d.ids[(low <= c) & (c <= high)].tolist()) for d in datasets.values() for c in [coverage(d)]]
    return np.array([sample for sample in first.ids.tolist() if all(sample in ids for ids in kept)], dtype=first.ids.dtype)


def _foreground_and_border(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    foreground = dataset.masks["foreground"].astype(bool)
    border = np.asarray(dataset.masks.get("border", np.zeros_like(foreground)), dtype=bool)
    return foreground & ~border, border


def _generator(sample: str, seed: int, stream: int) -> np.random.Generator:
    """A generator of the image, not of its place in a batch: subsets and other sizes see the same draws."""
    return np.random.default_rng([seed, stream, *sample.encode()])


def _random_fields(ids: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Smooth random fields (n, size, size): white noise on a 16 x 16 grid, blurred, enlarged."""
    coarse = np.stack([_generator(sample, seed, 0).standard_normal((16, 16)) for sample in ids])
    smooth = gaussian_filter(coarse, (0, 2, 2), mode="wrap")
    grid = (np.arange(size) + 0.5) / size * 16 - 0.5
    low = np.clip(np.floor(grid).astype(int), 0, 14)
    weight = np.clip(grid - low, 0, 1)
    rows = smooth[:, low] * (1 - weight)[:, None] + smooth[:, low + 1] * weight[:, None]
    return rows[:, :, low] * (1 - weight) + rows[:, :, low + 1] * weight


def _highest(field: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of each field (h, w) the `counts` highest pixels, as a mask with exactly that many."""
    flat = field.reshape(len(field), -1)
    rank = np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1, kind="stable")
    return (rank < counts[:, None]).reshape(field.shape)


def _bounding_boxes(masks: np.ndarray) -> np.ndarray:
    rows, columns = np.asarray(masks.any(axis=2)), np.asarray(masks.any(axis=1))
    rows = np.maximum.accumulate(rows, 1) & np.maximum.accumulate(rows[:, ::-1], 1)[:, ::-1]
    columns = np.maximum.accumulate(columns, 1) & np.maximum.accumulate(columns[:, ::-1], 1)[:, ::-1]
    return rows[:, :, None] & columns[:, None, :]
