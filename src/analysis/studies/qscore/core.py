"""Claim Q5: do the maps of discriminative features lie on what defines the class?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.studies.qscore.activity import Array, Rule, highly_active, moments
from analysis.studies.qscore.attribution import grad_cam, input_gradient, map_layer, upsample
from analysis.studies.qscore.overlap import MEASURES, centre_prior

DISCRIMINATIVE, RANDOM, EVERYTHING, GRADIENT, CENTRE, EVEN = (
    "discriminative",
    "random",
    "everything",
    "gradient",
    "centre",
    "even",
)
MAPS: Mapping[str, str] = {
    DISCRIMINATIVE: "discriminative features",
    RANDOM: "as many random features",
    EVERYTHING: "all features",
    GRADIENT: "discriminative features, input gradient",
    CENTRE: "centre prior",
    EVEN: "even map (area of the mask)",
}


@dataclass(frozen=True)
class Regions:
    """Images and what is where in them.

    Attributes:
        images: (n, s, s, 3) uint8.
        masks: region -> (n, s, s) bool: `core`, what defines the class; `object`; `ground`, all else.
    """

    images: Array
    masks: dict[str, Array]


def regions(dataset: str, n: int, size: int) -> Regions:
    """The first n test images with their regions.

    In Scenes the core is the class-defining part, pixel by pixel. Elsewhere it is the whole object, or its box.

    Raises:
        UserError: the data set has no masks.
    """
    data = datasets.load(dataset, size=size, n=n)
    if "foreground" not in data.masks:
        raise UserError(f"{dataset} has no masks of objects: set n_maps=0, or take a data set that has")
    thing = data.masks["foreground"]
    return Regions(data.images, {"core": data.masks.get("part", thing), "object": thing, "ground": ~thing})


def choices(h: Array, chosen: Array, rule: Rule, seed: int) -> dict[str, Array]:
    """Features (n, r) whose sum is mapped: L n D of each image, as many that are active at all drawn at random, and all."""
    found = highly_active(h, moments(h), rule) & chosen
    rng = np.random.default_rng(seed)
    order = np.argsort(np.where(h > 0, rng.random(h.shape), 2.0), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(h.shape[1]), h.shape), axis=1)
    drawn = rank < found.sum(1, keepdims=True)
    return {DISCRIMINATIVE: found, RANDOM: drawn, EVERYTHING: np.ones_like(found)}


def heat(encoder: Encoder, images: Array, chosen: Array, rule: Rule, seed: int) -> dict[str, Array]:
    """Map (n, s, s) of every kind in `MAPS`; empty (all 0) where an image has no active discriminative feature."""
    h, layer, side = encoder.embed(images).numpy(), map_layer(encoder, images), int(images.shape[1])
    picked = choices(h, chosen, rule, seed)
    found = {kind: upsample(grad_cam(encoder, images, features, layer), side) for kind, features in picked.items()}
    found[GRADIENT] = upsample(input_gradient(encoder, images, picked[DISCRIMINATIVE]), side)
    known = np.atleast_1d(picked[DISCRIMINATIVE].any(1))[:, None, None]
    found[CENTRE], found[EVEN] = known * centre_prior(side), known * np.ones((1, side, side), np.float32)
    return found


def overlaps(maps: Mapping[str, Array], of: Regions) -> dict[tuple[str, str, str], Array]:
    """(map, measure, region) -> (n,) agreement, NaN where a map or a region is empty."""
    return {
        (kind, name, region): measure(found, mask)
        for kind, found in maps.items()
        for name, measure in MEASURES.items()
        for region, mask in of.masks.items()
    }


def core_overlap(encoder: Encoder, n: int, chosen: Array, rule: Rule) -> dict[str, float]:
    """Mean share of the heat on the class-defining part of Scenes, for discriminative and for random features."""
    of = regions("scenes:objects", n, 64)
    maps = heat(encoder, of.images, chosen, rule, 0)
    share = {kind: MEASURES["mass"](maps[kind], of.masks["core"]) for kind in (DISCRIMINATIVE, RANDOM)}
    both = np.isfinite(share[DISCRIMINATIVE]) & np.isfinite(share[RANDOM])
    return {f"core_{kind}": float(found[both].mean()) if both.any() else float("nan") for kind, found in share.items()}
