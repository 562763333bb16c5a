"""Training that goes on from the weights of another decoder."""

from collections.abc import Sequence
from typing import Any

import torch

from analysis.decoders.conditions import Condition
from analysis.decoders.decoder import Decoder, load
from analysis.decoders.network import Denoiser
from analysis.decoders.recipe import Recipe
from analysis.errors import UserError

PARTS = (("linears.", ".weight"), ("linears.", ".bias"), ("mean", ""), ("std", ""))  # of the embedding, one per condition
AT_RANDOM = "ridge regression onto 8 x 8 thumbnails and principal components of h, for every condition"


def open_start(recipe: Recipe, conditions: Sequence[Condition]) -> Decoder | None:
    """The decoder that a training of `conditions` goes on from; None where it begins at random.

    Raises:
        UserError: it has another shape, draws other images, or learnt other weights of an encoder.
        MissingFile: it is not there.
    """
    if not recipe.start:
        return None
    begun = load(recipe.start)
    if begun.network.shape != recipe.shape:
        raise UserError(f"start: decoder {recipe.start!r} has another shape, {begun.network.shape}, than {recipe.shape}")
    if begun.card["recipe"]["dataset"] != recipe.dataset:
        raise UserError(f"start: decoder {recipe.start!r} draws {begun.card['recipe']['dataset']}, not {recipe.dataset}")
    for condition in conditions:
        if condition.encoder and condition in begun.network.embed.conditions:
            begun.encoder(condition.name)
    return begun


@torch.no_grad()
def go_on(network: Denoiser, begun: Decoder) -> None:
    """Weights of `begun` into `network`, what belongs to a condition by the name of the condition.

    A condition that `begun` lacks keeps its own start; one that `network` lacks is left behind.
    """
    before = begun.network.state_dict()
    old = {condition.name: i for i, condition in enumerate(begun.network.embed.conditions)}
    single = tuple(f"embed.{head}" for head, _ in PARTS)
    state = {key: value for key, value in before.items() if not key.startswith(single)}
    for i, condition in enumerate(network.embed.conditions):
        if condition.name in old:
            state |= {f"embed.{a}{i}{b}": before[f"embed.{a}{old[condition.name]}{b}"] for a, b in PARTS}
    network.load_state_dict(network.state_dict() | state)


def facts(begun: Decoder | None) -> dict[str, Any]:
    """What a card says of the start; `earlier`: the trainings gone on from, the first one first."""
    if begun is None:
        return {"start": AT_RANDOM, "earlier": []}
    own = begun.card
    row = {key: own[key] for key in ("digest", "conditions", "steps", "images_seen", "seed", "curve")}
    earlier = [*own.get("earlier", []), row]
    seen = sum(part["images_seen"] for part in earlier)
    words = f"the weights of decoder {own['name']} ({own['digest'][:12]}), after {seen:,} images"
    return {"start": words, "earlier": earlier}
