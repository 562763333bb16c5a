"""What a run will cost here, before anything is fetched: its networks, with random weights, on a handful of images."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analysis import encoders
from analysis.params import resolve
from analysis.run import absolute

N_IMAGES = 8


def seconds(encoder: str, device: str) -> float:
    """Seconds in which the network of `encoder` embeds 1,000 images of its own size: the faster of two passes over `N_IMAGES`.

    Random weights take as long as trained ones. Decoding of image files is not in it.

    Raises:
        UserError: no encoder has this name.
    """
    network = encoders.untrained(encoder, device)
    images = np.random.default_rng(0).integers(0, 256, (N_IMAGES, network.size, network.size, 3), dtype=np.uint8)
    network.embed(images[:1])  # the first pass of a process also builds
    passes = []
    for _ in range(2):
        start = time.perf_counter()
        network.embed(images)
        passes.append(time.perf_counter() - start)
    return 1000 * min(passes) / N_IMAGES


def lines(study: str, preset: str, overrides: Mapping[str, Any]) -> Iterator[str]:
    """A line for each network as it is measured, then their sum over the images of the run.

    Raises:
        UserError: a wrong parameter, or a device that is not there.
    """
    from analysis.encoders.backbones import resolve_device

    params = resolve(study, preset, absolute(dict(overrides)))
    names = params.reads["encoders"]
    yield f"{study} ({preset}): {len(names)} networks with random weights, on {resolve_device(params.device).type}"
    yield f"{'s per 1,000 images':>20}  network"
    total = 0.0
    for name in names:
        taken = seconds(name, params.device)
        total += taken
        yield f"{taken:>20.1f}  {name}"
    hours = total * params.images / 1000 / 3600
    yield f"{params.images:,} images once through all of them: {hours:.1f} hours ({hours * 60:.0f} minutes)"
    yield "Changed copies, patches and views of the images, and decoders, come on top."
