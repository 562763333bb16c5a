"""Training of decoders: one command, one recipe, interrupted at any time and gone on with."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis import datasets, encoders, paths, publish
from analysis.decoders import card, start
from analysis.decoders.conditions import Condition, condition, require_taps
from analysis.decoders.decoder import Decoder, noise
from analysis.decoders.module import Training
from analysis.decoders.network import Denoiser
from analysis.decoders.ranks import ranks
from analysis.decoders.recipe import Recipe
from analysis.decoders.training_set import Bank, bank
from analysis.digests import code_digests, file_digest, value_digest
from analysis.encoders.backbones import resolve_device
from analysis.errors import UserError
from analysis.training.keeper import Keeper, device_name, precision, refuse_other, train_with, training

RANKED = 8  # points of the curve from one measurement of ranks to the next
FEW_STEPS = 8  # of the sampler while training


def train(
    name: str,
    conditions: Sequence[str],
    recipe: Recipe,
    *,
    suffix: str = "",
    device: str = "auto",
    devices: int = 1,
    seed: int = 0,
    out: Path | None = None,
) -> Path:
    """Train one decoder and write `NAME.safetensors` (float16) with its card `NAME.json` into `out`; returns the former.

    `out` is `build/decoders` unless given. Interrupted, the same call goes on after the last point of the curve and ends as if
    nothing had happened; finished, it does nothing.

    Raises:
        UserError: an unknown condition or device, data or encoders that are not there, an encoder without the representation, a
            start that does not fit, a folder that cannot be written, or `build/decoders` holds another training of NAME;
            nothing has been written then.
    """
    known = tuple(condition(c, suffix) for c in conditions)
    place = resolve_device(device)
    shape, folder = recipe.shape, out or paths.build() / "decoders"
    publish.check_place(folder)
    if out is None:
        asked = {"conditions": list(conditions), "steps": recipe.steps, "seed": seed, "dataset": recipe.dataset}
        refuse_other(folder / f"{name}.safetensors", **asked)
    _check(recipe.dataset, known, devices if place.type == "cuda" else 0)
    begun = start.open_start(recipe, known)
    held = bank(recipe.dataset, recipe.among, shape.size, known, held_out(recipe.dataset))
    data = bank(recipe.dataset, recipe.images, shape.size, known)
    module = Training(recipe, known, data, seed)
    if begun is not None:
        module.go_on(begun)

    def follow(running: Training) -> None:
        """A point of the curve, with ranks now and then."""
        point = running.point()
        ended = running.global_step >= recipe.steps
        if running.global_rank == 0 and recipe.ranks and (ended or len(running.curve) % RANKED == 0):
            point["mrr"] = _ranks(running, _facts(running, suffix, place, devices), held)

    keeper = Keeper(name, _made_of(module, suffix, place, devices, held, begun), every=recipe.every, before=follow)
    weights = folder / f"{name}.safetensors"
    if keeper.finished(weights, lambda path: card.read(path)[1], replace=out is not None):
        return weights
    with training(keeper):
        # not every step meets every representation, so some maps have no gradient
        strategy = "ddp_find_unused_parameters_true" if devices > 1 else "auto"
        options: dict[str, Any] = {"use_distributed_sampler": False, "strategy": strategy}  # every process draws for itself
        train_with(keeper, module, place, max_steps=recipe.steps, devices=devices, gradient_clip_val=recipe.clip, **options)
        if module.global_rank == 0:
            facts = {"made_of": keeper.digest, **_facts(module, suffix, place, devices), **start.facts(begun)}
            card.write(folder, name, module.averaged(), facts)
    return weights


def _check(dataset: str, conditions: Sequence[Condition], gpus: int) -> None:
    """Refuse, before an image is drawn, what cannot be trained on; raises what `train` raises."""
    datasets.check(dataset)
    datasets.require(dataset, "train", least={"train": 1, held_out(dataset): 1})
    if gpus > torch.cuda.device_count():
        raise UserError(f"this machine has {torch.cuda.device_count()} GPUs: use as many --devices, or --device cpu")
    taps: dict[str, list[str]] = {}
    for one in conditions:
        if one.encoder:
            encoders.check(one.encoder)
            taps.setdefault(one.encoder, []).append(one.tap)
    for name, wanted in taps.items():
        require_taps(encoders.load(name), wanted)


def _made_of(
    module: Training, suffix: str, place: torch.device, devices: int, held: Bank, begun: Decoder | None
) -> dict[str, Any]:
    """Everything the weights and the curve depend on."""
    data = module.bank
    return {
        "conditions": [condition.name for condition in module.denoiser.embed.conditions],
        "suffix": suffix,
        "seed": module.seed,
        "steps": module.steps,
        "data": value_digest(data.images, data.labels, data.rows),
        "held out": value_digest(held.images, held.rows),
        "recipe": asdict(module.recipe),
        "start": begun.card["digest"] if begun else "",
        "device": f"{devices} x {device_name(place)}",
        "code": value_digest(file_digest(Path(__file__)), code_digests(Path(__file__))),
        "packages": {package: version(package) for package in ("torch", "lightning", "diffusers")},
    }


def held_out(dataset: str) -> str:
    """The split on which a training is followed: `val` of Scenes and of one's own folders, `test` of other photographs."""
    return "val" if dataset.startswith(("scenes:", "folder:")) else "test"


def _facts(module: Training, suffix: str, place: torch.device, devices: int) -> dict[str, Any]:
    recipe, embed = module.recipe, module.denoiser.embed
    return {
        "shape": asdict(recipe.shape),
        "conditions": [c.name for c in embed.conditions],
        "suffix": suffix,
        "widths": [linear.in_features for linear in embed.linears],
        "encoders": {name: card.digest_of(name) for name in dict.fromkeys(c.encoder for c in embed.conditions if c.encoder)},
        "classes": list(module.bank.classes),
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "shape"},
        "seed": module.seed,
        "steps": module.global_step,
        "images_seen": module.global_step * recipe.batch * devices,
        "weights": "exponential average",
        "device": device_name(place),
        "precision": precision(place),
        "wall_seconds": round(module.seconds),
        "curve": module.curve,
    }


def _ranks(module: Training, facts: dict[str, Any], held: Bank) -> dict[str, float]:
    """Mean reciprocal rank of the conditioning image among the held-out ones, by distance of h from that of the sample."""
    with torch.random.fork_rng():
        network = Denoiser(module.recipe.shape, module.denoiser.embed.conditions, tuple(facts["widths"]))
    network.load_state_dict(module.averaged())
    decoder = Decoder("in training", network, facts, module.device)
    found = {}
    for name in (c.name for c in network.embed.conditions if c.encoder and not c.shuffled):
        h = held.of(network.embed.conditions[decoder.conditions.index(name)]).astype(np.float32)
        wanted = h[: module.recipe.ranks]
        again = decoder.encode(name, decoder.sample(name, wanted, noise(len(wanted), 0, decoder.size), steps=FEW_STEPS))
        found[name] = round(float((1 / ranks(again, h, np.arange(len(wanted)))).mean()), 4)
    return found
