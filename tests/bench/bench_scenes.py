"""Benchmark of the controlled world: processor time per image of each kind, as a ratio to what the requirement leaves.

Run `python tests/bench/bench_scenes.py`. 20,000 images of 64 px in 60 s on two cores are 6 ms per image of one core. A sample
of `pairs` is one image here, although it is rendered twice. The best of several passes counts; processor time, not the wall
clock, so that a busy machine disturbs little.
"""

import os
import time

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

from analysis.datasets import scenes  # the thread counts above must be set first

IMAGES, SECONDS, CORES = 20_000, 60.0, 2
LIMIT = SECONDS * CORES / IMAGES  # s per image


def cost(kind: str, n: int = 128, passes: int = 5) -> float:
    """Processor time per image of `kind`, s."""
    scenes.make(kind, 32)  # photographs are read once
    best = float("inf")
    for number in range(passes):
        start = time.process_time()
        scenes.make(kind, n, start=number * n)
        best = min(best, (time.process_time() - start) / n)
    return best


def main() -> None:
    print(f"64 px, one core; limit {LIMIT * 1e3:.0f} ms per image ({IMAGES:,} images in {SECONDS:.0f} s on {CORES} cores)")
    for kind in scenes.KINDS:
        seconds = cost(kind)
        print(f"{kind:10s} {seconds * 1e3:6.2f} ms per image, ratio to the limit {seconds / LIMIT:.2f}", flush=True)


if __name__ == "__main__":
    main()
