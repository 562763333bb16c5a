"""The same patch in another view: exact correspondences between patch grids, and how often features find them.

Pixels are (x, y), whole numbers being pixel centres; maps between views are affine matrices (n, 2, 3), one per image.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from analysis.datasets.base import Dataset
from analysis.datasets.scenes.pairs import affine
from analysis.errors import UserError
from analysis.neighbours import Metric
from analysis.studies.local_vit import degrade
from analysis.studies.local_vit.instances import Gallery, first_right
from analysis.studies.masking_cka.masks import MEAN_COLOUR

Array = np.ndarray
Bank = Literal["image", "all"]
GEOMETRIC = ("shift", "rotation", "scale")
KINDS = (*GEOMETRIC, *degrade.KINDS)
ROUNDING = 1e-6  # in patches: a point on the edge of two patches belongs to both


@dataclass(frozen=True)
class View:
    """Second views (n, h, w, 3) uint8, and the maps (n, 2, 3) from pixels of the first views to pixels of these."""

    images: Array
    affine: Array


@dataclass(frozen=True)
class Correspondences:
    """Where the centre of each query patch lies in the other view.

    `points` (n, p, 2) are rows and columns in units of the target's patches, whole numbers being their centres; the
    query patches come row by row. `valid` (n, p): the point lies within the target image.
    """

    points: Array
    valid: Array


def transform(images: Array, kind: str, strength: float, generator: np.random.Generator) -> View:
    """Second views of square images (n, s, s, 3) uint8, with the exact map to them.

    `shift` moves to the right and down by `strength` pixels each; `rotation` turns by `strength` degrees clockwise, and
    `scale` enlarges by the factor `strength`, both about the middle of the image. Sampling is bilinear; what the first
    view does not show is the ImageNet mean colour. All other kinds are those of `degrade`, and move nothing.

    Raises:
        UserError: images of another form, an unknown kind, or a strength out of range.
    """
    degrade.check_images(images)
    n, size, width, _ = images.shape
    if size != width:
        raise UserError(f"images must be square, not {width} x {size}")
    if kind not in KINDS:
        raise UserError(f"unknown transformation {kind!r}; there are {', '.join(KINDS)}")
    if kind not in GEOMETRIC:
        return View(degrade.degrade(images, kind, strength, generator), _repeated(affine(size, np.zeros(2), 0, 1), n))
    if not np.isfinite(strength) or (kind == "scale" and strength <= 0):
        raise UserError(f"the strength of {kind} must be a finite number, above 0 for scale, not {strength!r}")
    shift = np.full(2, strength / size if kind == "shift" else 0.0)
    matrix = affine(size, shift, np.deg2rad(strength) if kind == "rotation" else 0, strength if kind == "scale" else 1)
    maps = _repeated(matrix, n)
    return View(warp(images, maps), maps)


def of_pairs(dataset: Dataset) -> View:
    """The second views of `scenes:pairs`, whose maps are known because the world was drawn twice.

    Raises:
        UserError: the data set has no second views.
    """
    if not {"affine", "second"} <= dataset.factors.keys():
        raise UserError(f"{dataset.name} has no second views; scenes:pairs has")
    return View(dataset.factors["second"], dataset.factors["affine"])


def warp(images: Array, maps: Array) -> Array:
    """Images (n, h, w, 3) uint8 moved by maps (n, 2, 3) from their pixels to those of the result."""
    n, h, w, _ = images.shape
    u, v = np.meshgrid(np.arange(w), np.arange(h))
    back = np.einsum("nij,jhw->nhwi", inverse(maps), np.stack([u, v, np.ones_like(u)]))
    grid = torch.from_numpy(2 * back / np.array([w - 1, h - 1]) - 1)
    fill = torch.tensor(MEAN_COLOUR, dtype=torch.float64)[:, None, None]
    out = np.empty_like(images)
    for i in range(n):
        image = torch.from_numpy(images[i].astype(np.float64)).permute(2, 0, 1) - fill
        moved = functional.grid_sample(image[None], grid[i][None], mode="bilinear", padding_mode="zeros", align_corners=True)
        out[i] = (moved[0] + fill).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return out


def inverse(maps: Array) -> Array:
    """The maps (n, 2, 3) back."""
    linear = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([linear, -linear @ maps[:, :, 2:]], axis=2)


def correspondences(
    maps: Array, size: int, grid: tuple[int, int], target_grid: tuple[int, int] | None = None
) -> Correspondences:
    """Where the patches of a grid (rows, columns) over square images of `size` pixels lie under maps (n, 2, 3).

    The maps lead from the images of the queries to those of the targets: `view.affine` where first views are the
    queries, `inverse(view.affine)` where second views are. To take the one for the other is a known error, which a
    perfect matcher exposes: it no longer finds everything.

    Raises:
        UserError: maps or grids of another form.
    """
    target_grid = target_grid or grid
    if maps.ndim != 3 or maps.shape[1:] != (2, 3) or min(*grid, *target_grid, size) < 1:
        raise UserError(f"maps must be (n, 2, 3), grids and sizes at least 1, not {maps.shape}, {grid}, {target_grid}, {size}")
    y, x = ((np.arange(k) + 0.5) * size / k - 0.5 for k in grid)
    centres = np.stack([np.tile(x, grid[0]), np.repeat(y, grid[1]), np.ones(grid[0] * grid[1])])
    there = (maps @ centres + 0.5) / size  # 0 and 1 are the edges of the image
    valid = np.all((there >= 0) & (there <= 1), axis=1)
    points = there[:, ::-1].transpose(0, 2, 1) * np.array(target_grid) - 0.5
    return Correspondences(points, valid)


def recall(
    queries: Array,
    targets: Array,
    found: Correspondences,
    metric: Metric = "cosine",
    *,
    tolerance: float = 0,
    bank: Bank = "image",
) -> Array:
    """How often the most similar target patch is the corresponding one: hits (n, p) in [0, 1], NaN where not valid.

    `queries` (n, h, w, d) and `targets` (n, h2, w2, d) are tokens of the two views. The right patch is the one that
    holds the point; `tolerance` patches more are allowed to either side (1: its eight neighbours are right, too). With
    `bank` = `image` a query looks at the other view of its own image, with `all` at those of all images. Among several
    patches that are equally similar, the hit is the share of the right ones.

    Raises:
        UserError: shapes that do not go together, an unknown metric or bank, or a tolerance below 0.
    """
    n, h, w, d = _shape(queries)
    count, rows, columns, _ = _shape(targets)
    if found.points.shape != (n, h * w, 2) or count != n:
        raise UserError(f"{n} query grids of {h} x {w} and {count} targets do not fit points {found.points.shape}")
    if bank not in ("image", "all"):
        raise UserError(f"unknown bank {bank!r}; there are image, all")
    if not tolerance >= 0:
        raise UserError(f"tolerance must be at least 0 patches, not {tolerance!r}")
    cells = np.argwhere(np.ones((rows, columns)))
    tokens = targets.reshape(n, len(cells), -1)
    everything = Gallery(tokens.reshape(n * len(cells), -1), metric) if bank == "all" else None
    hits = np.full((n, h * w), np.nan)
    for i in range(n):
        own = np.flatnonzero(found.valid[i])
        if len(own) == 0:
            continue
        right = np.zeros((len(own), n, len(cells)), bool)
        right[:, i] = np.abs(found.points[i, own, None] - cells).max(-1) <= 0.5 + tolerance + ROUNDING
        asked = queries[i].reshape(-1, d)[own]
        if everything:
            hits[i, own] = first_right(everything.similarity(asked), right.reshape(len(own), -1))
        else:
            hits[i, own] = first_right(Gallery(tokens[i], metric).similarity(asked), right[:, i])
    return hits


def _repeated(matrix: Array, n: int) -> Array:
    return np.repeat(matrix[None], n, axis=0)


def _shape(grids: Array) -> tuple[int, int, int, int]:
    if grids.ndim != 4:
        raise UserError(f"tokens must be (images, rows, columns, channels), not {grids.shape}")
    n, h, w, d = grids.shape
    return n, h, w, d
