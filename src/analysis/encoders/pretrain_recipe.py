"""The one recipe of the zoo, and the table of what single methods need otherwise."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from analysis.encoders.augment import Views
from analysis.encoders.transform import HALF


@dataclass(frozen=True)
class Recipe:
    """Everything about a training but its method.

    Views are smaller than the images on which the encoder is used: a crop magnifies its content, so content then has about
    the same size in training and use (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").

    Attributes:
        epochs, images, batch: passes over the images, how many of these, and how many of them per step.
        lr, weight_decay, warmup, clip: of AdamW; share of the steps with rising rate; greatest norm of the gradient.
        full, full_views, small, small_views: side in px and number of the views of each image.
        views: how a view is drawn.
        probes: images of Scenes on which the finished encoder's probes are fitted and tested.
    """

    epochs: int = 4
    images: int = 6_000
    batch: int = 64
    lr: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    clip: float = 3.0
    full: int = 48
    full_views: int = 2
    small: int = 24
    small_views: int = 0
    views: Views = field(default_factory=Views)
    probes: tuple[int, int] = (4_000, 1_000)


RECIPE = Recipe()
SLOWER = "a transformer without masking loses its way at the common rate"
DEVIATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "mae": (
        {"full": 64, "full_views": 1, "views": Views(area=(0.5, 1.0), jitter=0.0, grey=0.0, blur=(0.0, 0.0))},
        "reconstruction needs whole images in true colours; hiding patches is the augmentation (He et al. 2022, table 1e)",
    ),
    "dino": ({"lr": 1e-3}, SLOWER),
    "supervised-vit": ({"lr": 1e-3}, SLOWER),
    "untrained": ({"epochs": 0}, "that is the method"),
    "untrained-vit": ({"epochs": 0}, "that is the method"),
}
"""Method -> what differs from `RECIPE`, and why."""


def draw_views(images: Tensor, recipe: Recipe, generator: torch.Generator) -> list[Tensor]:
    """Two full views and the small ones of uint8 images (n, 3, h, h), normalised as the encoder will be used."""
    pixels = images.float() / 255
    sizes = [recipe.full] * recipe.full_views + [recipe.small] * recipe.small_views
    views = [recipe.views(pixels, size, generator) for size in sizes]
    return [((view - HALF[0][0]) / HALF[1][0]).contiguous(memory_format=torch.channels_last) for view in views]
