"""Q-Score.

Beside reading the features once (a plain sum, as fast as the memory is), and beside the definition on the whole array at once,
as most would write it.
"""

from collections.abc import Iterator

import numpy as np

from analysis.studies.qscore.activity import Activity, discriminative
from analysis.studies.qscore.scores import q_score
from bench.turns import Row, contest

HALF = 2.0  # the aim is half the bandwidth of the memory


def rows(smoke: bool) -> Iterator[Row]:
    """Activity and score, for two widths."""
    for r in (512, 2048):
        yield from _width(r, 64 if smoke else 2**26 // r)


def _width(r: int, n: int) -> Iterator[Row]:
    h = np.maximum(np.random.default_rng(0).standard_normal((n, r), dtype=np.float32), 0)
    chosen = discriminative(Activity().update(h).percent)

    def read() -> None:
        h.sum()

    def activity() -> None:
        Activity().update(h)

    size = f"n = {n:,}, r = {r:,}"
    yield from contest(f"A, {size}", activity, {"reading the features": read}, limit=HALF, images=n)
    yield from contest(f"Q, {size}", lambda: q_score(h, chosen).value, {"reading the features": read}, limit=HALF, images=n)
    yield from contest(f"Q, {size}", lambda: q_score(h, chosen).value, {"plain numpy": lambda: plain(h, chosen)}, images=n)


def plain(h: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Eq. 1 on the whole array at once."""
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    mu, sigma = unit.mean(1, keepdims=True), unit.std(1, keepdims=True)
    active = (unit > mu + 4 * sigma) & chosen
    return ((unit - mu) * active).sum(1) / np.maximum(active.sum(1), 1)
