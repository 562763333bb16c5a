"""Three known errors of such studies, each with its measured effect on a case whose right answer is known.

They were found by reading a public draft of the authors' code; whether they touched published numbers is not known.
"""

import numpy as np

from analysis.datasets import scenes
from analysis.neighbours import METRICS, nearest
from analysis.results import Row
from analysis.studies.local_vit.correspondence import correspondences, inverse, recall
from analysis.studies.local_vit.segmentation import confusion, count_pixels, miou

Array = np.ndarray
DEGREES = (5, 10, 15, 20)
GRIDS = (14, 16)  # patches per side of 224 px: 16 px and 14 px wide
IMAGE = 224
CLASSES, NOISE = 20, 1.5  # of the planted classes


def inverted_rotation() -> list[Row]:
    """Recall of a matcher that knows where every patch lies, with the right map between the views and with its inverse.

    Queries are patches of the turned image. The draft asked for the place where a patch *goes* when it is turned once more,
    instead of the place it came from.
    """
    rows = []
    for grid in GRIDS:
        for degrees in DEGREES:
            c, s, middle = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees)), (IMAGE - 1) / 2
            turned = np.array([[[c, -s, middle * (1 - c + s)], [s, c, middle * (1 - s - c)]]])
            right, wrong = (correspondences(maps, IMAGE, (grid, grid)) for maps in (inverse(turned), turned))
            knows = right.points.reshape(1, grid, grid, 2)
            cells = np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), -1)[None].astype(float)
            scores = [float(np.nanmean(recall(knows, cells, found, "l2"))) for found in (right, wrong)]
            rows.append({"patch": IMAGE // grid, "degrees": degrees, "right": scores[0], "inverted": scores[1]})
    return rows


def shifted_stitching(seed: int, n: int = 40) -> list[Row]:
    """mIoU of perfect patch labels of 2 x 2 tiles, stitched right and stitched with a wrong size of the whole.

    The draft took 448 / g for the side of the stitched map where it is 2 g (g patches per side of a tile): a map of 28 patches
    is laid in 32, the rest class 0, and one of 32 is cut at 28; both are then stretched over the image.
    """
    data = scenes.make("multi", n, size=IMAGE, seed=seed)
    classes = len(data.classes) + 1
    rows = []
    for grid in GRIDS:
        true, taken = 2 * grid, 2 * IMAGE // grid
        labels = count_pixels(data.masks["semantic"], (true, true), classes).argmax(-1)
        laid = np.zeros((n, taken, taken), labels.dtype)
        side = min(true, taken)
        laid[:, :side, :side] = labels[:, :side, :side]
        scores = [
            float(miou(confusion(said, count_pixels(data.masks["semantic"], said.shape[1:], classes)).sum(0)))
            for said in (labels, laid)
        ]
        rows.append({"grid": grid, "true": true, "taken": taken, "right": scores[0], "shifted": scores[1]})
    return rows


def unequal_lengths(seed: int, spreads: tuple[float, ...] = (0.05, 0.2, 0.5, 1.0), n: int = 2000, width: int = 64) -> list[Row]:
    """Accuracy of one neighbour on planted classes whose vectors differ in length only within a class, by each metric.

    Lengths are exp(spread x normal). `hubs`: share of queries that find one of the 1 % longest vectors by inner product. An
    inner product is no cosine: it prefers long vectors, whatever their direction.
    """
    rows = []
    for spread in spreads:
        rng = np.random.default_rng([seed, round(1000 * spread)])
        labels = np.arange(2 * n) % CLASSES
        x = rng.standard_normal((CLASSES, width))[labels] + NOISE * rng.standard_normal((2 * n, width))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True) * np.exp(spread * rng.standard_normal((2 * n, 1)))).astype(np.float32)
        found = {str(metric): nearest(x[n:], x[:n], 1, metric)[0][:, 0] for metric in METRICS}
        row: Row = {metric: float((labels[:n][near] == labels[n:]).mean()) for metric, near in found.items()}
        rows.append({"spread": spread, **row, "hubs": float(longest(x[:n])[found["ip"]].mean())})
    return rows


def longest(bank: Array, share: float = 0.01) -> Array:
    """Whether each row of bank (n, d) is among the given share of longest ones, (n,) bool; at least one is."""
    lengths = np.linalg.norm(bank, axis=1)
    return lengths >= np.sort(lengths)[-max(1, int(share * len(bank)))]
