"""Drawing Scenes.

20,000 images of 64 px in 60 s on two cores leave 6 ms of one core for each. A sample of `pairs` is one image here, although it
is rendered twice.
"""

from collections.abc import Iterator

from analysis.datasets import scenes
from bench.turns import REQUIRED, Row, contest

LIMIT = 60.0 * 2 / 20_000  # s of one core per image


def rows(smoke: bool) -> Iterator[Row]:
    """Every kind."""
    n = 2 if smoke else 128
    for kind in scenes.KINDS[:2] if smoke else scenes.KINDS:
        yield from contest(
            f"`{kind}`, 64 px", lambda kind=kind: _drawn(kind, n), {REQUIRED: n * LIMIT}, images=n, turns=1 if smoke else 3
        )


def _drawn(kind: str, n: int) -> None:
    scenes.make(kind, n)
