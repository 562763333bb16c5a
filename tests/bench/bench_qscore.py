"""Benchmark of Q-Score: images per second for A and for Q, beside one pass of numpy over the same memory.

Run `python tests/bench/bench_qscore.py`. The limit is how fast a core can read the features at all (a plain sum); the peer is
the definition as most would write it in numpy, on the whole array at once.
"""

import os
import time
from collections.abc import Callable

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import numpy as np

from analysis.studies.qscore.activity import Activity, discriminative
from analysis.studies.qscore.scores import q_score

NUMBERS = 2**26


def best(call: Callable[[], object], passes: int = 5) -> float:
    """Shortest processor time of several passes, s."""
    found = []
    for _ in range(passes):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def plain(h: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Eq. 1 on the whole array at once."""
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    mu, sigma = unit.mean(1, keepdims=True), unit.std(1, keepdims=True)
    active = (unit > mu + 4 * sigma) & chosen
    return ((unit - mu) * active).sum(1) / np.maximum(active.sum(1), 1)


def main() -> None:
    for r in (512, 2048):
        h = np.maximum(np.random.default_rng(0).standard_normal((NUMBERS // r, r), dtype=np.float32), 0)
        chosen = discriminative(Activity().update(h).percent)
        limit = best(h.sum)
        times = {"A": best(lambda h=h: Activity().update(h)), "Q": best(lambda h=h, c=chosen: q_score(h, c))}
        peer = best(lambda h=h, c=chosen: plain(h, c), 2)
        print(f"r = {r}, {len(h):,} images, one core; reading them: {h.nbytes / limit / 1e9:.1f} GB/s")
        for name, seconds in times.items():
            print(
                f"  {name}: {len(h) / seconds:,.0f} images/s, {h.nbytes / seconds / 1e9:.2f} GB/s, {limit / seconds:.0%} of "
                f"the limit, x{peer / seconds:.1f} of Q in plain numpy",
                flush=True,
            )


if __name__ == "__main__":
    main()
