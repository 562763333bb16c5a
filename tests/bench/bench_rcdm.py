"""Benchmark of sampling: calls of the network and seconds, ours beside the ancestral sampler of the released code.

Run `python tests/bench/bench_rcdm.py`. All samplers draw from the same shipped decoder with the same noise; the network is
nearly all of the time, so seconds follow calls. Whether fewer calls draw as well is measured in the study.
"""

import os
import time

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import torch

from analysis import datasets
from analysis.decoders.decoder import load, noise

IMAGES = 16
CONDITION = "simclr:backbone"


def main() -> None:
    torch.set_num_threads(1)
    decoder = load("scenes")
    h = decoder.encode(CONDITION, datasets.load("scenes:objects", size=decoder.size, n=IMAGES).images)
    start, calls = noise(IMAGES, 0, decoder.size), []
    decoder.network.unet.register_forward_hook(lambda *_: calls.append(1))
    decoder.sample(CONDITION, h, start, steps=1)  # the first call prepares the kernels
    found = {}
    for sampler, steps in (("heun", 18), ("dpm", 18), ("ancestral", 100), ("ancestral", 250)):
        calls.clear()
        began = time.process_time()
        decoder.sample(CONDITION, h, start, steps=steps, sampler=sampler)
        found[sampler, steps] = len(calls), time.process_time() - began
    ours = found["dpm", 18]
    for (sampler, steps), (count, seconds) in found.items():
        ratio = f"x{count / ours[0]:.1f} calls, x{seconds / ours[1]:.1f} time of dpm"
        print(
            f"{sampler}, {steps} steps: {count} calls, {1e3 * seconds / IMAGES:.0f} ms per image on one core; {ratio}",
            flush=True,
        )


if __name__ == "__main__":
    main()
