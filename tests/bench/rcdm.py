"""Sampling from a decoder.

DPM-Solver in 18 steps beside Heun's method and beside the ancestral sampler of the released code, with the same network, which
is nearly all of the time. Whether fewer calls draw as well is measured in the study.
"""

from collections.abc import Iterator

from analysis import datasets
from analysis.decoders.decoder import load, noise
from bench.turns import Row, contest

CONDITION = "simclr:backbone"
PEERS = {("heun", 18): 0.6, ("ancestral", 100): 0.25, ("ancestral", 250): 0.1}  # -> limit, a little above the share of calls


def rows(smoke: bool) -> Iterator[Row]:
    """Each sampler with its usual number of steps."""
    images = 1 if smoke else 8
    decoder = load("scenes")
    h = decoder.encode(CONDITION, datasets.load("scenes:objects", size=decoder.size, n=images).images)
    start = noise(images, 0, decoder.size)

    def draw(sampler: str, steps: int) -> None:
        decoder.sample(CONDITION, h, start, steps=2 if smoke else steps, sampler=sampler)

    for (sampler, steps), limit in PEERS.items():
        yield from contest(
            f"{images} images of {decoder.size} px, 18 steps",
            lambda: draw("dpm", 18),
            {f"{sampler}, {steps} steps": lambda sampler=sampler, steps=steps: draw(sampler, steps)},
            limit,
            images,
            turns=1 if smoke else 5,
        )
