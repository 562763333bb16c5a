"""The one recipe of the zoo, and the table of what single methods need otherwise."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from analysis.encoders.transform import HALF
from analysis.training.heads import projector
from analysis.training.views import Views, apart


@dataclass(frozen=True)
class Recipe:
    """Everything about a training but its method.

    Views are smaller than the images on which the encoder is used: a crop magnifies its content, so content then has about
    the same size in training and use (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").

    Attributes:
        epochs, images, batch: passes over the images, how many of these, and how many of them per step.
        fresh: whether each epoch has images of its own, so that none comes twice.
        endless: whether there are as many images as anybody wants; a method that wants them all `fresh` gets them then only.
        start: method of the zoo whose encoder, trained on the same data, the backbone begins as; "" for random weights.
        lr, weight_decay, warmup, clip: of AdamW; share of the steps with rising rate; greatest norm of the gradient.
        predictor: rate of the predictor, where a method has one, relative to that of the rest.
        full, full_views, small, small_views: side in px and number of the views of each image.
        views: how a view is drawn.
        head: whether the projector is stored with the encoder.
        headless: methods of which it is not, for want of room.
        heads: method -> a head other than the method's own.
        small_area: as `views.area`, of the small views.
        probes: images on which the finished encoder's probes are fitted and tested.
        watched: the same while it trains, the latter of a validation split.
    """

    epochs: int = 10
    images: int = 10_000
    batch: int = 128
    fresh: bool = False
    endless: bool = False
    start: str = ""
    lr: float = 3e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    clip: float = 3.0
    predictor: float = 1.0
    full: int = 48
    full_views: int = 2
    small: int = 24
    small_views: int = 0
    views: Views = field(default_factory=Views)
    head: bool = True
    headless: tuple[str, ...] = ()
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    small_area: tuple[float, float] = (0.15, 0.5)
    probes: tuple[int, int] = (4_000, 2_000)
    watched: tuple[int, int] = (4_000, 2_000)


RECIPE = Recipe(endless=True, views=Views(area=(0.3, 1.0), jitter=0.6, hue=0.5))
PHOTOGRAPHS = Recipe(
    epochs=24,
    images=9_469,
    headless=("barlow-twins", "dino"),
    lr=1e-3,
    views=Views(area=(0.2, 1.0), jitter=0.6, hue=0.15),
    heads={
        "vicreg": projector("VICReg", hidden=512, out=512, num_layers=3),
        "barlow-twins": projector("BarlowTwins", hidden=512, out=512),
    },
    probes=(9_469, 3_925),
    watched=(4_000, 1_000),
)
"""In Scenes a hue says nothing about a class, so views turn it all the way round; of photographs it says something."""

ViT: dict[str, Any] = {"batch": 64, "lr": 1e-3, "full": 40}
STEPS = "a transformer needs many small steps before it leaves chance, and loses its way at the common rate"
SMALL = f"{STEPS}; views of 25 patches keep its time near that of the others"
PIXELS: dict[str, Any] = {
    **ViT,
    "full": 64,
    "full_views": 1,
    "views": {"area": (0.5, 1.0), "jitter": 0.0, "hue": 0.0, "grey": 0.0, "blur": (0.0, 0.0)},
}
WHOLE = f"{STEPS}; reconstruction needs whole images in true colours, hiding is the augmentation (He et al. 2022, table 1e)"
OFTEN = f"{WHOLE}; three quarters hidden make an image cheap, so it is seen four times as often, at the time of the others"
MIDDLE = "without a decoder of its own the network ends as one, so that the encoder is read at its middle block"
TAUGHT: dict[str, Any] = {**ViT, "repeat": 0.5, "start": "mae", "lr": 5e-4}
WARM = (
    "a new transformer says nearly the same of every image, and a teacher that repeats it teaches nothing: from random weights "
    "the loss stays at that of uniform targets within this budget; training therefore goes on from the zoo's MAE, half as long"
)
MANY = (
    f"{WARM.rpartition(',')[0]}; on a hundred times the images of the others, each seen once, as its paper is about many images"
)
BALANCED = (
    "at the common rate the targets of the teacher became uniform; they are balanced over the batch by Sinkhorn, as in DINOv2: "
    "centred ones became uniform too, or taught a linear probe hardly more than an untrained network does"
)
AHEAD: dict[str, Any] = {"lr": 1e-3, "predictor": 10.0}
OPTIMAL = (
    "at the common rates a linear probe read less from the encoder than from an untrained one; here the predictor learns ten "
    "times as fast as the rest, and the rest slower (on the part that predictors play: Tian et al. 2021, arXiv 2102.06810)"
)
CENTRED = f"{OPTIMAL}; the head's output is normalised over the batch, so that targets cannot all share one direction"
PATCH: dict[str, Any] = {"views": {"area": (0.25, 0.25), "aspect": 1.0}, "head": False}
ROOM = "the head is not stored, for want of room"
ONE_SIZE = "a view is a square patch of one size, a quarter of the image, as in a bag of patches; nothing else differs"
DEVIATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "byol": (AHEAD, CENTRED),
    "simsiam": (AHEAD, OPTIMAL),
    "dino": ({"batch": 64, "lr": 1e-3}, BALANCED),
    "mae": ({**PIXELS, "repeat": 4}, OFTEN),
    "scale-mae": (
        {**PIXELS, "repeat": 4, "views": {**PIXELS["views"], "area": (1.0, 1.0)}},
        f"{OFTEN}; the method crops for itself, because it must know the scale",
    ),
    "simmim": ({**PIXELS, "repeat": 2}, f"{WHOLE}; at the time of the others; {MIDDLE}"),
    "dino-vit": (TAUGHT, WARM),
    "ibot": (TAUGHT, WARM),
    "dinov2": ({**TAUGHT, "fresh": True, "repeat": 10}, MANY),
    "supervised-vit": (ViT, SMALL),
    "tcr": ({"head": False}, ROOM),
    **dict.fromkeys(("vicreg-patch", "tcr-patch", "moco-patch", "barlow-twins-patch"), (PATCH, f"{ONE_SIZE}; {ROOM}")),
    "byol-patch": ({**PATCH, **AHEAD}, f"{ONE_SIZE} from byol; {ROOM}"),
    **dict.fromkeys(("simclr-patch", "supervised-patch"), ({"views": PATCH["views"]}, ONE_SIZE)),
    "vicreg-patch16": ({**PATCH, "views": {"area": (0.0625, 0.0625), "aspect": 1.0}}, "as vicreg-patch, of a sixteenth"),
    "vicreg-patch-disjoint": (
        {**PATCH, "views": {**PATCH["views"], "disjoint": True}},
        "as vicreg-patch, but the two patches of an image share no pixel",
    ),
    "untrained": ({"epochs": 0}, "that is the method"),
    "untrained-vit": ({"epochs": 0}, "that is the method"),
}
"""Method -> what differs from the recipe (`repeat` multiplies its epochs, `views` changes those it names), and why."""


def adapted(method: str, recipe: Recipe) -> tuple[Recipe, str]:
    """The recipe with a method's deviations, and their reason ("" where there are none)."""
    changes, reason = DEVIATIONS.get(method, ({}, ""))
    if method in recipe.headless:
        changes, reason = {**changes, "head": False}, "; ".join(filter(None, (reason, ROOM)))
    if changes.get("fresh") and not recipe.endless:
        changes = {**changes, "fresh": False, "repeat": TAUGHT["repeat"]}
    repeat = changes.get("repeat", 1)
    views = replace(recipe.views, **changes.get("views", {}))
    rest = {key: value for key, value in changes.items() if key not in ("repeat", "views")}
    return replace(recipe, **{"epochs": round(recipe.epochs * repeat), "views": views, **rest}), reason


def draw_views(images: Tensor, recipe: Recipe, generator: torch.Generator) -> list[Tensor]:
    """Two full views and the small ones of uint8 images (n, 3, h, h), normalised as the encoder will be used."""
    pixels = images.float() / 255
    sizes = [recipe.full] * recipe.full_views + [recipe.small] * recipe.small_views
    places: list[Tensor | None] = [None] * len(sizes)
    if recipe.views.disjoint:
        places = list(apart(len(images), len(sizes), recipe.views.area[0] ** 0.5, generator).unbind(1))
    small = [replace(recipe.views, area=recipe.small_area)] * recipe.small_views if recipe.small_views else []
    kinds = [recipe.views] * recipe.full_views + small
    views = [kind(pixels, size, generator, place) for kind, size, place in zip(kinds, sizes, places, strict=True)]
    return [((view - HALF[0][0]) / HALF[1][0]).contiguous(memory_format=torch.channels_last) for view in views]
