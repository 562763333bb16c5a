"""Claim Q5: do the maps of discriminative features lie on what defines the class?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.studies.qscore.activity import Array, Discriminative, highly_active, moments
from analysis.studies.qscore.attribution import grad_cam, input_gradient, map_layer, pooled, upsample
from analysis.studies.qscore.overlap import MEASURES, centre_prior

DISCRIMINATIVE, RANDOM, EVERYTHING, GRADIENT, CENTRE, EVEN = (
    "discriminative",
    "random",
    "everything",
    "gradient",
    "centre",
    "even",
)
OTHER, PLANTED = "other core", "planted"
MAPS: Mapping[str, str] = {
    DISCRIMINATIVE: "discriminative features",
    RANDOM: "as many random features",
    EVERYTHING: "all features",
    GRADIENT: "discriminative features, input gradient",
    CENTRE: "centre prior",
    EVEN: "even map (area of the mask)",
    PLANTED: "planted: a feature of the core",
}


@dataclass(frozen=True)
class Regions:
    """Images and what is where in them.

    Attributes:
        images: (n, s, s, 3) uint8.
        masks: region -> (n, s, s) bool: `core`, what defines the class; `object`; `background`, all else.
        clusters: (n,) what is independent.
    """

    images: Array
    masks: dict[str, Array]
    clusters: Array


def regions(dataset: str, n: int, size: int) -> Regions:
    """The first n test images with their regions.

    In Scenes the core is the class-defining part, pixel by pixel. Elsewhere it is the whole object, or its box.

    Raises:
        UserError: the data set has no masks.
    """
    data = datasets.load(dataset, size=size, n=n)
    if "foreground" not in data.masks:
        raise UserError(f"{dataset} has no masks of objects: set n_maps=0, or take a data set that has")
    foreground = data.masks["foreground"]
    masks = {"core": data.masks.get("part", foreground), "object": foreground, "background": ~foreground}
    return Regions(data.images, masks, data.clusters)


def choices(h: Array, of: Discriminative, seed: int) -> dict[str, Array]:
    """Features (n, r) whose sum is mapped: L n D of each image, as many random ones that are active at all, and all."""
    active = highly_active(h, moments(h), of.definition) & of.features
    rng = np.random.default_rng(seed)
    order = np.argsort(np.where(h > 0, rng.random(h.shape), 2.0), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(h.shape[1]), h.shape), axis=1)
    return {DISCRIMINATIVE: active, RANDOM: rank < active.sum(1, keepdims=True), EVERYTHING: np.ones_like(active)}


def heat(encoder: Encoder, seen: Regions, of: Discriminative, seed: int) -> dict[str, Array]:
    """Map (n, s, s) of every kind in `MAPS`; all but the planted one are empty (0) without an active discriminative feature.

    The planted map is that of a feature which is active where the core is, at the places of the layer that all maps come from.
    """
    images = seen.images
    h, layer, side = encoder.embed(images).numpy(), map_layer(encoder, images), int(images.shape[1])
    picked = choices(h, of, seed)
    coarse = {kind: grad_cam(encoder, images, features, layer) for kind, features in picked.items()}
    _, height, width = coarse[DISCRIMINATIVE].shape
    coarse[PLANTED] = pooled(seen.masks["core"], (height, width))
    maps = {kind: upsample(values, side) for kind, values in coarse.items()}
    maps[GRADIENT] = upsample(input_gradient(encoder, images, picked[DISCRIMINATIVE]), side)
    defined = np.atleast_1d(picked[DISCRIMINATIVE].any(1))[:, None, None]
    maps[CENTRE], maps[EVEN] = defined * centre_prior(side), defined * np.ones((1, side, side), np.float32)
    return maps


def overlaps(maps: Mapping[str, Array], of: Regions) -> dict[tuple[str, str, str], Array]:
    """(map, measure, region) -> (n,) agreement, NaN where a map or a region is empty.

    `other core`: the core of another image, where heat lies by chance; the share of heat alone.
    """
    agreed = {
        (kind, name, region): measure(heat, mask)
        for kind, heat in maps.items()
        for name, measure in MEASURES.items()
        for region, mask in of.masks.items()
    }
    other = np.roll(of.masks["core"], 1, axis=0)
    return agreed | {(kind, "mass", OTHER): MEASURES["mass"](heat, other) for kind, heat in maps.items()}


def core_overlap(encoder: Encoder, n: int, of: Discriminative) -> dict[str, float]:
    """Mean share of the heat on the class-defining part of Scenes, for discriminative and for random features."""
    images = regions("scenes:objects", n, 64)
    maps = heat(encoder, images, of, 0)
    share = {kind: MEASURES["mass"](maps[kind], images.masks["core"]) for kind in (DISCRIMINATIVE, RANDOM)}
    both = np.isfinite(share[DISCRIMINATIVE]) & np.isfinite(share[RANDOM])
    return {f"core_{kind}": float(found[both].mean()) if both.any() else float("nan") for kind, found in share.items()}
