"""Training of decoders: one command, one recipe, interrupted at any time and gone on with."""

import logging
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer

from analysis import paths
from analysis.decoders import card
from analysis.decoders.conditions import condition
from analysis.decoders.decoder import Decoder, noise
from analysis.decoders.module import Keeper, Training
from analysis.decoders.network import Denoiser
from analysis.decoders.ranks import ranks
from analysis.decoders.recipe import Recipe
from analysis.decoders.training_set import Bank, bank
from analysis.encoders.backbones import resolve_device
from analysis.training.pretrain import device_name, precision

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
    resume: bool = True,
) -> Path:
    """Train one decoder and write `NAME.safetensors` (float16) with its card `NAME.json` into `out`; returns the former.

    Weights that can be used, and their card, are written at every point of the curve. Interrupted, the same call goes on
    after the last of these (kept in `build/rcdm/NAME`) and ends as if nothing had happened; with `resume=False` it starts
    anew. With another number of steps it goes on too, and the fall of the learning rate moves.

    Raises:
        UserError: an unknown condition or device, or what the bank raises.
    """
    known = tuple(condition(c, suffix) for c in conditions)
    place = resolve_device(device)
    shape = recipe.shape
    held = bank(recipe.dataset, recipe.among, shape.size, known, held_out(recipe.dataset))
    data = bank(recipe.dataset, recipe.images, shape.size, known)
    module = Training(recipe, known, data, seed)
    folder = paths.build() / "rcdm" / name
    place_of_weights = out or card.folder()

    def report(running: Training) -> None:
        """Measure at a checkpoint and export: averaged weights and card."""
        facts = _facts(running, suffix, place, devices)
        ended = running.global_step >= recipe.steps
        if recipe.ranks and (ended or len(running.curve) % RANKED == 0):
            running.curve[-1]["mrr"] = _ranks(running, facts, held)
        card.write(place_of_weights, name, running.averaged(), facts)

    _fit(module, Keeper(name, folder / "last.ckpt", report), recipe, place, devices, resume)
    shutil.rmtree(folder, ignore_errors=True)
    return place_of_weights / f"{name}.safetensors"


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
        "start": "ridge regression onto 8 x 8 thumbnails and principal components of h, for every condition",
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


def _fit(module: Training, keeper: Keeper, recipe: Recipe, place: torch.device, devices: int, resume: bool) -> None:
    keeper.path.parent.mkdir(parents=True, exist_ok=True)
    if not resume:
        keeper.path.unlink(missing_ok=True)
    for logger in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on workers and loggers that this trainer does without on purpose
        trainer = Trainer(
            max_steps=recipe.steps,
            accelerator="gpu" if place.type == "cuda" else "cpu",
            devices=devices,
            # not every step meets every representation, so some maps have no gradient
            strategy="ddp_find_unused_parameters_true" if devices > 1 else "auto",
            precision=precision(place),
            gradient_clip_val=recipe.clip,
            callbacks=[keeper],
            default_root_dir=keeper.path.parent,
            logger=False,
            use_distributed_sampler=False,  # every process draws for itself
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module.to(memory_format=torch.channels_last)  # a tenth faster on a processor
        trainer.fit(module, ckpt_path=keeper.path if keeper.path.exists() else None)
