"""A trained decoder: what an image looks like that a representation would be satisfied with."""

import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis import encoders, paths
from analysis.decoders import card, sampling
from analysis.decoders.conditions import Condition, one_hot, read, thumbnails
from analysis.decoders.network import Denoiser
from analysis.decoders.objective import Network, objective
from analysis.decoders.sampling import Denoise, noise, to_bytes, to_pixels
from analysis.encoders.backbones import resolve_device
from analysis.encoders.base import Encoder
from analysis.errors import UserError

__all__ = ["Decoder", "interpolate", "load", "noise"]

BATCH = 256
LEVELS = 8  # noise levels per image of the held-out loss


class Decoder:
    """p(image | h) for every representation h of one data set that it was trained with.

    Attributes:
        name: the name it was loaded by.
        conditions: names for `encode`, `sample` and `loss`; `null` is no condition at all.
        size: side of the images, px.
        card: recipe, curve and what was measured when it was written.
    """

    def __init__(self, name: str, network: Denoiser, facts: dict[str, Any], device: torch.device) -> None:
        self.name, self.card, self.device = name, facts, device
        self.network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.size = network.shape.size
        self.conditions = (*(c.name for c in network.embed.conditions), "null")
        recipe = facts["recipe"]
        self.objective = objective(recipe["objective"], recipe["mean"], recipe["std"])
        self._encoders: dict[str, Encoder] = {}

    @cached_property
    def classes(self) -> int:
        """How many classes the label condition knows."""
        return len(self.card["classes"])

    def condition(self, name: str) -> Condition:
        """What a condition reads, and how it enters.

        Raises:
            UserError: this decoder does not know it.
        """
        if name not in self.conditions:
            raise UserError(f"decoder {self.name!r} has no condition {name!r}; it has {', '.join(self.conditions)}")
        return Condition(name) if name == "null" else self.network.embed.conditions[self.conditions.index(name)]

    def encoder(self, name: str) -> Encoder:
        """The encoder behind a condition, loaded once.

        Raises:
            UserError: it has none, its weights are not those the decoder was trained with, or what `encoders.load` raises.
        """
        of = self.condition(name).encoder
        if not of:
            raise UserError(f"condition {name!r} has no encoder")
        if of not in self._encoders:
            encoders.check(of)
            if card.digest_of(of) != self.card["encoders"][of]:
                raise UserError(f"decoder {self.name!r} was trained with other weights of {of}: train it again")
            self._encoders[of] = encoders.load(of, self.device.type)
        return self._encoders[of]

    def encode(self, name: str, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """h (n, d) float32, not standardised, of images (n, s, s, 3) uint8; `label` needs the labels (n,) instead.

        Raises:
            UserError: unknown condition, `null`, `label` without labels, or what `encoders.load` raises.
        """
        condition = self.condition(name)
        if name == "null":
            raise UserError("condition 'null' has no representation: sample it with h=None")
        if name == "thumbnail":
            return thumbnails(images)
        if name == "label":
            if labels is None:
                raise UserError("condition 'label' needs the labels of the images")
            return one_hot(labels, self.classes)
        return read(self.encoder(name), images, (condition.tap,))[condition.tap]

    def sample(
        self,
        name: str,
        h: np.ndarray | None,
        noise: Tensor,
        *,
        steps: int = 18,
        guidance: float = 1.0,
        sampler: str = "heun",
    ) -> np.ndarray:
        """Images (n, s, s, 3) uint8, one per row of h (n, d) and of the standard normal `noise` (n, 3, s, s) on the CPU.

        Deterministic samplers give the same image for the same noise. `guidance` w extrapolates D_null + w (D_h - D_null) (Ho
        and Salimans 2022, arXiv 2207.12598): above 1 samples come nearer to h and to each other, and in the end past it.

        Raises:
            UserError: unknown condition or sampler, or shapes that do not fit.
        """
        solve = sampling.sampler(sampler)
        images = []
        for start in range(0, len(noise), BATCH):
            rows = slice(start, start + BATCH)
            part = noise[rows].to(self.device)
            denoise = self.denoiser(name, None if h is None else h[rows], len(part), guidance)
            images.append(to_bytes(solve(denoise, part, steps)))
        return np.concatenate(images)

    def denoiser(self, name: str, h: np.ndarray | None, n: int, guidance: float = 1.0) -> Denoise:
        """D(x, sigma | h), the expected original of n noisy images at one noise level. Raises what `sample` raises."""
        number = self._number(name, h, n)
        given = self._denoise(*self._conditioned(number, h, n))
        if guidance == 1.0 or number < 0:
            return given
        free = self._denoise(*self._conditioned(-1, None, n))
        return lambda x, sigma: torch.lerp(free(x, sigma), given(x, sigma), guidance)

    def loss(self, name: str, images: np.ndarray, h: np.ndarray | None, seed: int = 0) -> np.ndarray:
        """(n,) the training objective on images (n, s, s, 3) uint8, averaged over 8 noise levels each.

        The levels are quantiles of the training distribution; noise depends on `seed` and the row alone, so that the losses
        of two conditions are paired. Raises what `sample` raises.
        """
        number = self._number(name, h, len(images))
        clean, found = to_pixels(images), torch.zeros(len(images))
        for k, level in enumerate(self.objective.quantiles(LEVELS)):
            fresh = noise(len(images), zlib.crc32(f"{seed} {k}".encode()), self.size)
            for start in range(0, len(images), BATCH):
                rows = slice(start, start + BATCH)
                x, e = clean[rows].to(self.device), fresh[rows].to(self.device)
                with torch.inference_mode():
                    network, guess = self._conditioned(number, None if h is None else h[rows], len(x))
                    sigma = level.to(self.device).expand(len(x))
                    found[rows] += self.objective.losses(network, x, sigma, e, guess).cpu() / LEVELS
        return found.numpy()

    def _number(self, name: str, h: np.ndarray | None, n: int) -> int:
        self.condition(name)
        if name == "null":
            if h is not None:
                raise UserError("condition 'null' has no representation: sample it with h=None")
            return -1
        number = self.conditions.index(name)
        width = self.network.embed.linears[number].in_features
        if h is None or h.shape != (n, width):
            given = None if h is None else tuple(h.shape)
            raise UserError(f"condition {name!r}: h must be ({n}, {width}), one row per image of noise, not {given}")
        return number

    @torch.inference_mode()
    def _conditioned(self, number: int, h: np.ndarray | None, n: int) -> tuple[Network, Tensor]:
        numbers = torch.full((n,), number, device=self.device)
        hs: list[Tensor | None] = [None] * len(self.network.embed.conditions)
        if h is not None:
            hs[number] = torch.from_numpy(np.ascontiguousarray(h, np.float32)).to(self.device)
        added, maps = self.network.embed(numbers, hs)
        return lambda x, time: self.network(x, time, added, maps), self.network.guess(maps)

    def _denoise(self, network: Network, guess: Tensor) -> Denoise:
        @torch.inference_mode()
        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            """D(x; sigma): (n, 3, s, s) at one noise level."""
            levels = torch.as_tensor(sigma, dtype=torch.float32, device=self.device).expand(len(x))
            return self.objective.denoise(network, x, levels, guess)

        return denoise


def load(name: str = "scenes", device: str = "cpu") -> Decoder:
    """The decoder NAME of `data/decoders` (or `build/decoders`), or that of a path without its ending.

    Raises:
        UserError, MissingFile: as `card.read`.
    """
    path = Path(f"{name}.safetensors") if "/" in name else paths.decoder(name).with_suffix(".safetensors")
    network, facts = card.read(path)
    return Decoder(name, network, facts, resolve_device(device))


def interpolate(
    decoder: Decoder, condition: str, first: np.ndarray, last: np.ndarray, noise: Tensor, frames: int = 9, **options: Any
) -> np.ndarray:
    """Images (frames, s, s, 3) uint8 along the straight line from h `first` (d,) to `last` (d,), from one noise (3, s, s)."""
    share = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    line = (1 - share) * first[None] + share * last[None]
    return decoder.sample(condition, line, noise.expand(frames, *noise.shape), **options)
