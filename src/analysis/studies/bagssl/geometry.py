"""Where patches lie: square windows of whole pixels, by their top left corners (row, column)."""

from typing import NamedTuple

import numpy as np

from analysis.errors import UserError

Array = np.ndarray


class Overlap(NamedTuple):
    """Of two windows of one image: the probability that they share a pixel, and the mean share of their area that they do."""

    probability: float
    share: float


def positions(size: int, side: int) -> int:
    """How many windows of `side` px there are in an image of `size` px: (size - side + 1)^2.

    Raises:
        UserError: the window is larger than the image, or smaller than a pixel.
    """
    return (_slack(size, side) + 1) ** 2


def dense_boxes(size: int, side: int, stride: int = 1) -> Array:
    """Corners (m, 2) of windows every `stride` px in raster order; with a stride of 1, each of `positions` once.

    A stride that misses the far edge leaves a margin there; half of it is moved to the near edge. Raises as `positions`.
    """
    slack = _slack(size, side)
    if stride < 1:
        raise UserError(f"windows must be at least 1 px apart, not {stride}")
    places = np.arange(0, slack + 1, stride) + slack % stride // 2
    return np.stack(np.meshgrid(places, places, indexing="ij"), -1).reshape(-1, 2)


def sample_boxes(
    n_images: int, n_patches: int, size: int, side: int, generator: np.random.Generator, disjoint: bool = False
) -> Array:
    """Corners (n_images, n_patches, 2) of windows anywhere, each place as probable as any other; or of disjoint ones.

    Disjoint windows share no pixel with another of their image: the image is cut into strips, along or across at random, with
    as few windows in each as possible, and gaps are drawn. The first two are placed as `encoders.augment.apart` places views.

    Raises:
        UserError: as `positions`; or so many disjoint windows do not fit.
    """
    slack = _slack(size, side)
    if not disjoint:
        return generator.integers(slack + 1, size=(n_images, n_patches, 2))
    row = size // side
    if n_patches > row**2:
        raise UserError(f"{n_patches} disjoint patches of {side} px do not fit into {size} px: at most {row**2} do")
    strips = min(n_patches, row)
    each = -(-n_patches // strips)
    along = _spaced((n_images, strips), size, side, generator)
    across = _spaced((n_images, strips, each), size, side, generator)
    corners = np.stack([np.broadcast_to(along[:, :, None], across.shape), across], -1).reshape(n_images, -1, 2)
    corners = np.where(generator.random((n_images, 1, 1)) < 0.5, corners, corners[..., ::-1])
    return _shuffled(corners, generator)[:, :n_patches]


def overlap(boxes: Array, side: int) -> Array:
    """Share of its area that each window has in common with each other one: corners (n, m, 2) -> (n, m (m - 1) / 2)."""
    first, second = np.triu_indices(boxes.shape[1], 1)
    common = np.maximum(side - np.abs(boxes[:, first] - boxes[:, second]), 0)
    return common.prod(2) / side**2


def expected_overlap(size: int, side: int) -> Overlap:
    """`Overlap` of two windows drawn uniformly: exact, by the distribution of the distance of two whole numbers."""
    places = _slack(size, side) + 1
    distance = np.arange(places)
    probability = np.where(distance > 0, 2.0, 1.0) * (places - distance) / places**2
    shared = np.maximum(side - distance, 0)
    return Overlap(float(probability[shared > 0].sum() ** 2), float((probability @ shared / side) ** 2))


def _slack(size: int, side: int) -> int:
    if not 1 <= side <= size:
        raise UserError(f"a patch of {side} px does not fit into an image of {size} px")
    return size - side


def _spaced(shape: tuple[int, ...], size: int, side: int, generator: np.random.Generator) -> Array:
    """Starts of as many intervals of `side` in `size` as the last axis is long, in order and disjoint."""
    count = shape[-1]
    return np.sort(generator.integers(size - count * side + 1, size=shape), axis=-1) + np.arange(count) * side


def _shuffled(corners: Array, generator: np.random.Generator) -> Array:
    order = generator.random(corners.shape[:2]).argsort(1)
    return np.take_along_axis(corners, order[..., None], axis=1)
