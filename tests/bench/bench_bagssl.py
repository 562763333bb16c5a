"""Benchmark of bags of patches: patches per second in one batched pass, beside loops that give the same numbers.

Run `python tests/bench/bench_bagssl.py`. One peer reads one patch after another, as the definition does; the other cuts the
patches out in a loop and reads those of one image at once. Memory: means are kept, patches are not.
"""

import os
import time
import tracemalloc
from collections.abc import Callable

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import numpy as np

from analysis import encoders
from analysis.encoders.base import Encoder
from analysis.studies.bagssl import aggregate
from analysis.studies.bagssl.geometry import sample_boxes

IMAGES, PATCHES, SIZE = 32, 16, 64
MANY = 256


def best(call: Callable[[], np.ndarray], passes: int = 3) -> tuple[float, np.ndarray]:
    """Shortest processor time of several passes, s, and the result."""
    found = []
    for _ in range(passes):
        start = time.process_time()
        result = call()
        found.append(time.process_time() - start)
    return min(found), result


def one_by_one(encoder: Encoder, images: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """Mean over patches that are read one at a time."""
    rows = []
    for image, places in zip(images, corners, strict=True):
        read = [encoder.embed(image[None, y : y + side, x : x + side])[0].numpy() for y, x in places]
        rows.append(np.mean(read, axis=0))
    return np.array(rows)


def image_by_image(encoder: Encoder, images: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """Mean over patches that are cut out in a loop and read image by image."""
    rows = []
    for image, places in zip(images, corners, strict=True):
        rows.append(encoder.embed(np.stack([image[y : y + side, x : x + side] for y, x in places])).numpy().mean(0))
    return np.array(rows)


def batched(encoder: Encoder, images: np.ndarray, corners: np.ndarray, side: int) -> np.ndarray:
    """Mean over all patches, without the cache."""
    counts = (corners.shape[1],)
    blocks = aggregate._blocks(encoder, images, corners, side, "embed")
    return np.concatenate([aggregate.running_means(block, counts)[0] for block in blocks])


def main() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    encoder = encoders.load("zoo:vicreg")
    for side in (16, 32, 64):
        corners = sample_boxes(IMAGES, PATCHES, SIZE, side, rng)
        seconds, means = best(lambda c=corners, s=side: batched(encoder, images, c, s))
        print(f"{encoder.name}, patches of {side} px: {IMAGES * PATCHES / seconds:,.0f} patches/s on one core")
        for peer in (one_by_one, image_by_image):
            slow, same = best(lambda c=corners, s=side, p=peer: p(encoder, images, c, s), 2)
            gap = np.abs(means - same).max() / np.abs(same).max()
            print(f"  x{slow / seconds:.1f} of {peer.__name__} (largest difference {gap:.0e})", flush=True)
    corners = sample_boxes(IMAGES, MANY, SIZE, 32, rng)
    tracemalloc.start()
    batched(encoder, images, corners, 32)
    peak, kept = tracemalloc.get_traced_memory()[1], corners[..., 0].size * encoder.dim * 4
    print(f"{MANY} patches of each image: at most {peak / 1e6:.0f} MB of arrays, {kept / 1e6:.0f} MB if all vectors were kept")


if __name__ == "__main__":
    main()
