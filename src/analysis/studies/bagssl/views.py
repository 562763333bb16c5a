"""Mirrored and shifted images: the test-time augmentation that patches are compared with."""

import numpy as np

Array = np.ndarray
SHIFT = 1 / 8  # greatest shift, as a share of the side


def shifted_views(images: Array, m: int, generator: np.random.Generator) -> Array:
    """m views of each image (n, h, h, 3): mirrored with probability 1/2, shifted by up to h / 8, edges reflected.

    The first view is the image itself. Returns (n, m, h, h, 3).
    """
    n, side = images.shape[:2]
    reach = int(side * SHIFT)
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    corners = generator.integers(0, 2 * reach + 1, (n, m, 2))
    mirrored = generator.random((n, m)) < 0.5
    corners[:, 0], mirrored[:, 0] = reach, False
    inside = np.arange(side)
    rows, columns = corners[..., :1] + inside, corners[..., 1:] + inside
    columns = np.where(mirrored[..., None], columns[..., ::-1], columns)
    return padded[np.arange(n)[:, None, None, None], rows[..., :, None], columns[..., None, :]]
