"""What a decoder of many representations loses: decoders of one, asked to draw the same images from the same noise."""

import numpy as np

from analysis.decoders.decoder import Decoder, load
from analysis.decoders.ranks import ranks
from analysis.errors import UserError
from analysis.studies.rcdm.drawn import Samples
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.stage import Stage

Array = np.ndarray


def alone(stage: Stage) -> list[Decoder]:
    """The decoders of one representation that this run names.

    Raises:
        UserError, MissingFile: one is not there, knows several representations, or one that the run does not draw.
    """
    found = [load(name, stage.params.device) for name in stage.params.alone]
    drawn = [tap.name for tap in stage.taps]
    for decoder in found:
        (first, *more) = (name for name in decoder.conditions if name != "null")
        if more or first not in drawn:
            raise UserError(
                f"alone: decoder {decoder.name!r} draws {', '.join((first, *more))}; one is wanted that draws one of "
                f"{', '.join(drawn)} and nothing else"
            )
    return found


def sharing(stage: Stage, singles: list[Decoder], samples: Samples, measured: Measured) -> None:
    """Mean reciprocal ranks of the images, drawn alone and shared, in their own space and the held-out one; paired."""
    n, start = stage.params.n_images, stage.noise(stage.params.n_images)
    for single in singles:
        name = single.conditions[0]
        h = stage.h(name)
        images = single.sample(name, h[:n], start, steps=stage.params.steps, sampler=stage.params.sampler)
        for space in ("own", "held-out"):
            bank = h if space == "own" else stage.judged
            by = [
                measured.mean(1 / ranks(_seen(stage, name, x, space), bank, np.arange(n)))
                for x in (images, samples.first[name])
            ]
            row = {"decoder": single.name, "condition": name, "space": space, "alone": by[0][0], "shared": by[1][0]}
            facts = {"alone_seen": _turns(single.card), "shared_seen": _turns(stage.decoder.card)}
            measured.add("sharing", {**row, **facts}, by[1] - by[0])


def _seen(stage: Stage, name: str, images: Array, space: str) -> Array:
    return stage.represent(images, None, {name})[name] if space == "own" else stage.judge.embed(images).numpy()


def _turns(card: dict) -> int:
    """For how many training images it was a representation's turn: each comes equally often; dropout is counted in."""
    return round(card["images_seen"] / len(card["conditions"]))
