"""From noise to images: Heun and DPM-Solver along the deterministic path of EDM, and the ancestral steps of DDPM."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from diffusers import EDMDPMSolverMultistepScheduler
from torch import Tensor

from analysis.errors import UserError

SIGMA_MIN, SIGMA_MAX, RHO = 0.01, 20.0, 7.0
Denoise = Callable[[Tensor, Tensor], Tensor]
"""D(x, sigma): images (n, 3, s, s) with noise of deviation sigma, a scalar -> their expected originals."""


def noise(n: int, seed: int, size: int) -> Tensor:
    """Standard normal (n, 3, size, size) float32 from a generator of the processor; row i depends on `seed` and i alone."""
    rows = [torch.Generator().manual_seed(int(s)) for s in np.random.SeedSequence(seed).generate_state(n, np.uint64) >> 1]
    return torch.stack([torch.randn(3, size, size, generator=row) for row in rows])


def karras(steps: int) -> Tensor:
    """Noise levels (steps + 1,) from 20 to 0.01, the last 0 (Karras et al. 2022, equation 5 with rho 7).

    EDM goes from 80 to 0.002. A decoder of this package meets levels above 20 once in a thousand training images, 0.01 is
    little more than a step of 8 bits, and the narrower range halves the error of 18 steps.
    """
    share = torch.linspace(0, 1, steps, dtype=torch.float64)
    high, low = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return torch.cat([(high + share * (low - high)) ** RHO, torch.zeros(1, dtype=torch.float64)])


def heun(denoise: Denoise, start: Tensor, steps: int) -> Tensor:
    """Images at the end of the path dx/dsigma = (x - D(x; sigma)) / sigma from `start` (n, 3, s, s), standard normal.

    The method of Heun (Karras et al. 2022, algorithm 1), of second order: 2 `steps` - 1 calls of the network.
    """
    sigmas = karras(steps).to(start.dtype)
    x = start * sigmas[0]
    for now, then in pairwise(sigmas):
        slope = (x - denoise(x, now)) / now
        ahead = x + (then - now) * slope
        if then > 0:
            slope = (slope + (ahead - denoise(ahead, then)) / then) / 2
        x = x + (then - now) * slope
    return x


def dpm(denoise: Denoise, start: Tensor, steps: int) -> Tensor:
    """As `heun` with DPM-Solver++ of second order (Lu et al. 2022, arXiv 2211.01095): `steps` calls of the network."""
    scheduler: Any = EDMDPMSolverMultistepScheduler(sigma_min=SIGMA_MIN, sigma_max=SIGMA_MAX, rho=RHO)
    scheduler.set_timesteps(steps)
    data = scheduler.config["sigma_data"]
    x = start * scheduler.sigmas[0]
    for sigma, time in zip(scheduler.sigmas, scheduler.timesteps, strict=False):
        total = sigma**2 + data**2
        inner = (denoise(x, sigma) - data**2 / total * x) * total.sqrt() / (sigma * data)  # the scheduler undoes this
        x = scheduler.step(inner, time, x).prev_sample
    return x


def ancestral(denoise: Denoise, start: Tensor, steps: int) -> Tensor:
    """DDPM (Ho et al. 2020, arXiv 2006.11239) on `steps` of its 1,000 noise levels, with the variance of the posterior.

    In units where the image is not scaled, one step from sigma to s is x <- D + (s / sigma)^2 (x - D) + s sqrt(1 - (s /
    sigma)^2) e, e from `fresh`. The released decoders learned a larger variance: see `released.Released.sample`.
    """
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1_000, dtype=torch.float64), 0)
    levels = ((1 - kept) / kept).sqrt().flip(0)[torch.linspace(0, 999, steps).round().long()]
    sigmas = torch.cat([levels, torch.zeros(1, dtype=torch.float64)]).to(start.dtype)
    x, source = start * sigmas[0], fresh(start)
    for now, then in pairwise(sigmas):
        clean, share = denoise(x, now), (then / now) ** 2
        x = clean + share * (x - clean) + then * (1 - share).sqrt() * next(source)
    return x


def fresh(start: Tensor) -> Iterator[Tensor]:
    """Standard normal noise of that shape, without end; a row's is seeded by its start: equal starts, equal samples."""
    seeds = start.flatten(1)[:, 0].double().mul(2**40).long().abs().tolist()
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        yield torch.stack([torch.randn(start.shape[1:], generator=source) for source in sources]).to(start.device)


SAMPLERS: dict[str, Callable[[Denoise, Tensor, int], Tensor]] = {"heun": heun, "dpm": dpm, "ancestral": ancestral}


def sampler(name: str) -> Callable[[Denoise, Tensor, int], Tensor]:
    """The sampler of that name.

    Raises:
        UserError: there is none.
    """
    if name not in SAMPLERS:
        raise UserError(f"unknown sampler {name!r}; there are {', '.join(SAMPLERS)}")
    return SAMPLERS[name]


def to_bytes(x: Tensor) -> np.ndarray:
    """Images (n, 3, s, s) in [-1, 1] -> (n, s, s, 3) uint8, clipped."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def to_pixels(images: np.ndarray) -> Tensor:
    """Images (n, s, s, 3) uint8 -> (n, 3, s, s) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
