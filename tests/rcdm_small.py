"""A decoder small enough for tests: 16 px, three images' worth of patience."""

from dataclasses import replace

import numpy as np
import torch

from analysis.decoders.card import digest_of
from analysis.decoders.conditions import condition, one_hot, thumbnails
from analysis.decoders.decoder import Decoder
from analysis.decoders.module import Training
from analysis.decoders.recipe import Recipe, Shape
from analysis.decoders.training_set import Bank

SHAPE = Shape(size=16, patch=4, widths=(16, 32), head=8, code=128)
RECIPE = Recipe(SHAPE, images=64, steps=6, batch=8, lr=3e-3, warmup=2, every=2, ranks=0, among=16, decay=0.0)
NAMES = ("thumbnail", "label", "simclr:backbone", "simclr:backbone:adagn", "shuffled")


def pictures(n: int = 64, seed: int = 0) -> np.ndarray:
    """Uniform squares of a colour on grey, (n, 16, 16, 3) uint8."""
    rng = np.random.default_rng(seed)
    images = np.full((n, 16, 16, 3), 128, np.uint8)
    for image in images:
        x, y = rng.integers(0, 9, 2)
        image[y : y + 8, x : x + 8] = rng.integers(0, 256, 3)
    return images


def bank(n: int = 64, seed: int = 0) -> Bank:
    """Their thumbnails, labels that are their order, and a random linear map in place of an encoder."""
    images = pictures(n, seed)
    flat = thumbnails(images)
    h = flat @ np.random.default_rng(5).normal(size=(192, 20)).astype(np.float32)
    rows = {"thumbnail": flat, "label": one_hot(np.arange(n) % 4, 4), "zoo:simclr backbone": h}
    kept = {name: row.astype(np.float16) for name, row in rows.items()}
    return Bank(images, np.arange(n) % 4, ("a", "b", "c", "d"), kept)


def training(names: tuple[str, ...] = NAMES, recipe: Recipe = RECIPE, seed: int = 0) -> Training:
    """A training that has not begun."""
    return Training(recipe, tuple(condition(name) for name in names), bank(), seed)


def decoder(names: tuple[str, ...] = NAMES, shaken: bool = True) -> Decoder:
    """An untrained decoder; `shaken`: the layers that begin at zero do not, so that conditions matter."""
    module = training(names, replace(RECIPE, steps=2))
    if shaken:
        generator = torch.Generator().manual_seed(1)
        for parameter in module.denoiser.parameters():
            if not parameter.any():
                parameter.data.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    facts = {
        "recipe": {"objective": "edm", "mean": -1.0, "std": 1.3},
        "classes": ["a", "b", "c", "d"],
        "encoders": {"zoo:simclr": digest_of("zoo:simclr")},
    }
    return Decoder("small", module.denoiser, facts, torch.device("cpu"))
