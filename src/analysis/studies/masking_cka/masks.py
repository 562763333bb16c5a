"""What is removed from an image, and what is painted there.

The order of work is geometry, then mask, then normalisation: images and masks arrive here already resized and cropped,
so that no colour bleeds over a mask's edge. A keep mask (n, h, w) bool says which pixels stay.
"""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import binary_fill_holes, gaussian_filter, label
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu

from analysis.datasets.base import Dataset

MEAN_COLOUR = (124, 116, 104)  # the ImageNet mean in 8 bits: 0 after the usual normalisation
COMPLETE = "complete"
CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
Masks = dict[str, np.ndarray]


def paint(images: np.ndarray, keep: np.ndarray, fill: str) -> np.ndarray:
    """Images (n, h, w, 3) uint8 with every pixel outside `keep` (n, h, w) or (h, w) replaced.

    `fill`: `mean` (ImageNet mean colour), `black`, or `blur` (the image itself, blurred by a Gaussian of sigma = side / 8,
    so that colour and brightness survive and shape does not). Pixels inside `keep` are unchanged, bit by bit.
    """
    if fill == "blur":
        side = images.shape[1]
        beneath = np.stack([gaussian_filter(image, (side / 8, side / 8, 0), mode="nearest") for image in images])
    else:
        beneath = np.broadcast_to(np.array({"mean": MEAN_COLOUR, "black": (0, 0, 0)}[fill], dtype=np.uint8), images.shape)
    return np.where(keep[..., None], images, beneath)


def object_masks(dataset: Dataset, seed: int, box: bool) -> Masks:
    """Keep masks made from the foreground: name -> (n, h, w) bool.

    Without `box`, `object` keeps the foreground along its outline and `cutout` all but that and its border: the background with
    a hole in the object's shape. With `box`, `object` keeps the bounding box of both and `background` its complement, so that
    neither side shows the outline. `region` keeps what another image's `object` covers, `rest` its complement: places, sizes
    and shapes of real objects, in images to which they do not belong.
    """
    foreground, border = _foreground_and_border(dataset)
    kept = bounding_boxes(foreground | border) if box else foreground
    region = kept[donors(dataset.clusters, seed)]
    hole = {"background": ~kept} if box else {"cutout": ~(foreground | border)}
    return {"object": kept, **hole, "region": region, "rest": ~region}


def donors(clusters: np.ndarray, seed: int) -> np.ndarray:
    """For each image the row (n,) of another one, of another cluster where none holds half of all; every row comes once."""
    rng = np.random.default_rng([seed, 0])
    names, code, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    order = rng.permutation(len(clusters))
    order = order[np.argsort(rng.permutation(len(names))[code[order]], kind="stable")]  # clusters side by side, in random order
    found = np.empty(len(clusters), dtype=int)
    found[order] = np.roll(order, sizes.max() if len(names) > 1 else 1)  # as far away as the largest cluster is long
    return found


def occlusion_masks(size: int, fraction: float) -> Masks:
    """Keep masks of squares whose side is `fraction` of the image's, at the same place in all images: name -> (size, size).

    `occluded` removes the centred square, `centre` keeps nothing else; four more remove the same square in each corner.
    A square that moved from image to image would add the variance of its place, which a fixed one does not: the mean over
    images takes it away. Squares are defined in pixels, so patches of a ViT may be cut: no centred square is aligned with
    both 14 and 16 pixel patches at 224 pixels.
    """
    side = round(fraction * size)
    starts = {"centre": ((size - side) // 2, (size - side) // 2)}
    starts |= {
        name: (row * (size - side), column * (size - side))
        for name, (row, column) in zip(CORNERS, np.ndindex(2, 2), strict=True)
    }
    squares = {}
    for name, (top, left) in starts.items():
        squares[name] = np.zeros((size, size), dtype=bool)
        squares[name][top : top + side, left : left + side] = True
    tag = percent(fraction)
    corners = {corner(name, fraction): ~squares[name] for name in CORNERS}
    return {f"occluded_{tag}": ~squares["centre"], f"centre_{tag}": squares["centre"], **corners}


def percent(fraction: float) -> str:
    """`0.25` -> `25`: how a variant's name gives its fraction."""
    return f"{100 * fraction:g}"


def corner(name: str, fraction: float) -> str:
    """The variant without the square in that corner."""
    return f"{name}_{percent(fraction)}"


def predicted_foreground(images: np.ndarray) -> np.ndarray:
    """Foreground (n, h, w) bool as a simple segmenter guesses it from the pixels (n, h, w, 3) uint8, without learning.

    What differs in colour from the image's rim: the Mahalanobis distance of each Lab pixel from those of the outer sixteenth,
    smoothed, above Otsu's threshold; of that the largest connected piece, holes filled.
    """
    return np.stack([_salient(image) for image in images])


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Per image, (n,), of masks (n, h, w); NaN where both are empty."""
    with np.errstate(invalid="ignore"):
        return (a & b).sum((1, 2)) / (a | b).sum((1, 2))


def coverage(dataset: Dataset, box: bool) -> np.ndarray:
    """Share of each image that is object, or with `box` the object's bounding box, (n,)."""
    foreground, border = _foreground_and_border(dataset)
    return (bounding_boxes(foreground | border) if box else foreground).mean(axis=(1, 2))


def common_ids(datasets: Mapping[int, Dataset], low: float, high: float, box: bool) -> np.ndarray:
    """Ids whose object covers between `low` and `high` of the image at every size, in the data set's order.

    One list for all variants and all encoders: an image without an object would be the same grey square as any
    other, and duplicates break debiased CKA.
    """
    first = next(iter(datasets.values()))
    if "foreground" not in first.masks:
        return first.ids
    kept = [set(d.ids[(low <= c) & (c <= high)].tolist()) for d in datasets.values() for c in [coverage(d, box)]]
    return np.array([sample for sample in first.ids.tolist() if all(sample in ids for ids in kept)], dtype=first.ids.dtype)


def bounding_boxes(masks: np.ndarray) -> np.ndarray:
    """The smallest upright box around each mask, as masks (n, h, w)."""
    rows, columns = np.asarray(masks.any(axis=2)), np.asarray(masks.any(axis=1))
    rows = np.maximum.accumulate(rows, 1) & np.maximum.accumulate(rows[:, ::-1], 1)[:, ::-1]
    columns = np.maximum.accumulate(columns, 1) & np.maximum.accumulate(columns[:, ::-1], 1)[:, ::-1]
    return rows[:, :, None] & columns[:, None, :]


def _foreground_and_border(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    foreground = dataset.masks["foreground"].astype(bool)
    border = np.asarray(dataset.masks.get("border", np.zeros_like(foreground)), dtype=bool)
    return foreground & ~border, border


def _salient(image: np.ndarray) -> np.ndarray:
    lab, side = rgb2lab(image), image.shape[0]
    rim = np.ones(image.shape[:2], dtype=bool)
    edge = max(1, side // 16)
    rim[edge:-edge, edge:-edge] = False
    centred = lab - lab[rim].mean(0)
    spread = np.linalg.inv(
        np.cov(lab[rim].T) + np.eye(3)
    )  # one unit of Lab, hardly visible, so that a plain rim has an inverse
    distance = gaussian_filter(np.sqrt(np.einsum("hwi,ij,hwj->hw", centred, spread, centred)), side / 64)
    if np.ptp(distance) == 0:
        return np.zeros(image.shape[:2], dtype=bool)
    pieces, _ = label(distance > threshold_otsu(distance))
    return binary_fill_holes(pieces == np.bincount(pieces[pieces > 0]).argmax())
