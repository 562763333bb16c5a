"""Presets of decoders: shape of the network, and how it is trained."""

import re
from dataclasses import dataclass, field, replace

from analysis.errors import UserError


@dataclass(frozen=True)
class Shape:
    """A UNet.

    Attributes:
        size: side of the images, px.
        patch: side of the squares that become channels.
        widths: channels of the levels, finest first.
        blocks: residual blocks per level.
        attention: for each level, whether its blocks attend.
        head: width of an attention head.
        groups: of the group normalisations.
        resample: `conv`, or `resnet` for the residual blocks of BigGAN.
        code: width of the common code of all representations.
        channels: that come out per pixel; 6 where the variance is learned too.
    """

    size: int = 32
    patch: int = 2
    widths: tuple[int, ...] = (48, 96)
    blocks: int = 1
    attention: tuple[bool, ...] = (False, True)
    head: int = 32
    groups: int = 8
    resample: str = "conv"
    code: int = 256
    channels: int = 3


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        shape: the network.
        dataset, images: what is drawn, and how many images the bank holds.
        steps, batch: optimiser steps, and images per step and process.
        lr: of AdamW, constant after `warmup` steps, falling linearly to zero over the last share `decay` of all steps.
        clip: greatest norm of the gradient.
        dropout: share of the images that get the null code.
        ema, ema_power: averaged weights, decay min(ema, 1 - (1 + step)^-ema_power).
        objective: `edm`, or `ddpm` as in the released code.
        mean, std: of ln sigma (`edm`).
        every: steps between checkpoints, points of the curve, and exported weights.
        ranks: images per condition whose rank among `among` is measured at every eighth point and at the last; 0 for none.
        start: decoder whose weights it goes on from, a name or a path without its ending; random weights otherwise.
    """

    shape: Shape = field(default_factory=Shape)
    dataset: str = "scenes:objects"
    images: int = 40_000
    steps: int = 12_000
    batch: int = 32
    lr: float = 1.2e-3
    warmup: int = 100
    decay: float = 0.25
    clip: float = 1.0
    dropout: float = 0.1
    ema: float = 0.9999
    ema_power: float = 0.75
    objective: str = "edm"
    mean: float = -0.4
    std: float = 1.6
    every: int = 200
    ranks: int = 100
    among: int = 2_000
    start: str = ""


FALLING, GENTLER = 1.0, 0.5
"""Of a training that goes on: share of its steps in which the rate falls, and share of the recipe's rate with which it begins.
Weights that have settled gain little at the full rate (second training of the Scenes decoder, in `earlier` of its card: .323 to
.317 in 6,750 steps, then to .299 in 2,250), and 4,000 steps falling from the full rate left its ranks worse than before."""
INJECT = {"adagn+map": "", "adagn": ":adagn"}
"""Ways of a representation into the network -> ending of the condition's name."""
CONTROLS = ("thumbnail", "label", "shuffled")


@dataclass(frozen=True)
class Trunk:
    """A decoder of several representations.

    Attributes:
        dataset, preset: what it draws, and the name of its recipe.
        suffix: ending of the names of the zoo's encoders.
        conditions: names of the representations.
    """

    dataset: str
    preset: str
    suffix: str
    conditions: tuple[str, ...]


TRUNKS = {
    "scenes": Trunk(
        "scenes:objects",
        "tiny32",
        "",
        (
            *("simclr:backbone", "simclr:hidden", "simclr:projector", "simclr:backbone:adagn"),
            *(f"{method}:{tap}" for method in ("vicreg", "byol", "moco") for tap in ("backbone", "projector")),
            *("supervised:backbone", "untrained:backbone", *CONTROLS),
        ),
    ),
    "imagenette": Trunk(
        "imagenette",
        "narrow32",
        "-imagenette",
        (
            *(f"{method}:{tap}" for method in ("simclr", "vicreg") for tap in ("backbone", "projector")),
            *("byol:backbone", "swav:backbone", "supervised:backbone", "untrained:backbone", *CONTROLS),
        ),
    ),
}
"""The shared decoders. That of photographs is narrow: there is no room in a repository, and no time, for another wide one."""

FULL = Shape(
    size=128,
    patch=1,
    widths=(256, 256, 512, 768, 1024),
    blocks=2,
    attention=(False, False, True, True, True),
    head=64,
    groups=32,
    resample="resnet",
    code=1024,
    channels=6,
)
PRESETS = {
    "smoke": Recipe(Shape(patch=4, widths=(16, 32), head=8), images=512, steps=50, batch=16, every=25, ranks=8, among=64),
    "tiny32": Recipe(),
    "narrow32": Recipe(Shape(widths=(32, 64), code=128), images=20_000, steps=4_000),
    "base32": Recipe(
        Shape(patch=1, widths=(128, 256, 256), blocks=2, attention=(False, True, False), head=64, groups=32),
        images=200_000,
        steps=25_000,
        batch=256,
        lr=2e-4,
        warmup=1_000,
        every=1_000,
    ),
    "full128": Recipe(FULL, images=1_281_167, steps=300_000, batch=256, lr=1e-4, decay=0.0, objective="ddpm", every=10_000),
}


def trunk(name: str) -> Trunk:
    """The shared decoder of that name.

    Raises:
        UserError: there is none.
    """
    if name not in TRUNKS:
        raise UserError(f"unknown decoder {name!r}; there are {', '.join(TRUNKS)}; or name an encoder and a tap")
    return TRUNKS[name]


def preset(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UserError: there is none.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def chosen(
    encoder: str,
    tap: str,
    inject: str,
    trunk_name: str,
    dataset: str,
    preset_name: str,
    steps: int | None,
    images: int | None,
    start: str = "",
) -> tuple[str, tuple[str, ...], str, Recipe]:
    """Name, conditions, ending of encoder names and recipe of what a command line asks for.

    Without a name of a preset, a shared decoder has its own, and one of a single representation `tiny32`. With a start, the
    rate begins lower and falls from the first step on.

    Raises:
        UserError: both or neither of an encoder and a trunk, or an unknown name.
    """
    if bool(encoder) == bool(trunk_name):
        raise UserError("name an encoder (--encoder zoo:simclr --tap backbone) or a decoder of many (--trunk scenes)")
    if inject not in INJECT:
        raise UserError(f"unknown way in {inject!r}; there are {', '.join(INJECT)}")
    if trunk_name:
        shared = trunk(trunk_name)
    else:
        condition = f"{encoder.removeprefix('zoo:')}:{tap}{INJECT[inject]}"
        shared = Trunk("scenes:objects", "tiny32", "", (condition,))
    recipe = preset(preset_name or shared.preset)
    steps, images = steps or recipe.steps, images or recipe.images
    if start:
        recipe = replace(recipe, start=start, decay=FALLING, lr=GENTLER * recipe.lr)
    recipe = replace(recipe, dataset=dataset or shared.dataset, steps=steps, images=images)
    name = trunk_name or re.sub(r"[^\w.-]+", "-", shared.conditions[0])
    return name, shared.conditions, shared.suffix, recipe
