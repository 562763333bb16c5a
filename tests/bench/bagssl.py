"""Bags of patches.

All patches in batches, beside reading one after the other, as the definition does, and beside cutting out in a loop and reading
those of one image at once.
"""

from collections.abc import Iterator

import numpy as np

from analysis import encoders
from analysis.encoders.base import Encoder
from analysis.studies.bagssl import aggregate
from analysis.studies.bagssl.geometry import sample_boxes
from bench.turns import Row, contest

SIZE = 64
Array = np.ndarray


def rows(smoke: bool) -> Iterator[Row]:
    """Patches of three sizes; `images` counts patches."""
    rng = np.random.default_rng(0)
    n, m = (2, 3) if smoke else (32, 16)
    images = rng.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
    encoder = encoders.load("zoo:vicreg")
    for side in (16, 32, 64):
        bags = (encoder, images, sample_boxes(n, m, SIZE, side, rng), side)
        yield from contest(
            f"{m} patches of {side} px of {n} images",
            lambda bags=bags: batched(*bags),
            {"image by image": lambda bags=bags: image_by_image(*bags), "one by one": lambda bags=bags: one_by_one(*bags)},
            turns=1 if smoke else 5,
        )


def batched(encoder: Encoder, images: Array, corners: Array, side: int) -> Array:
    """Ours without the cache: means over the patches (n, d)."""
    blocks = aggregate._blocks(encoder, images, corners, side, "embed", None)
    return np.concatenate([aggregate.running_means(block, (corners.shape[1],))[0] for block in blocks])


def one_by_one(encoder: Encoder, images: Array, corners: Array, side: int) -> Array:
    """Means over patches that are read one at a time."""
    bags = (
        [encoder.embed(image[None, y : y + side, x : x + side])[0].numpy() for y, x in places]
        for image, places in zip(images, corners, strict=True)
    )
    return np.array([np.mean(bag, axis=0) for bag in bags])


def image_by_image(encoder: Encoder, images: Array, corners: Array, side: int) -> Array:
    """Means over patches that are cut out in a loop and read image by image."""
    bags = (
        np.stack([image[y : y + side, x : x + side] for y, x in places]) for image, places in zip(images, corners, strict=True)
    )
    return np.array([encoder.embed(bag).numpy().mean(0) for bag in bags])
