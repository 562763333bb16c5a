"""Training of the zoo: one recipe, so that encoders differ by their method and by nothing else."""

import logging
import shutil
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer

from analysis import paths
from analysis.encoders.backbones import resolve_device
from analysis.encoders.weights import read_safetensors, under
from analysis.errors import UserError
from analysis.training import card as pretrain_card
from analysis.training.collapse import collapsed
from analysis.training.data import SIZE, Drawn, Pixels, Source, probing_sets, scenes_version, training_set
from analysis.training.methods import METHODS, Method, Supervised
from analysis.training.module import Keeper, Training
from analysis.training.recipe import PHOTOGRAPHS, RECIPE, Recipe, adapted
from analysis.training.watch import ProbeCurve


def train(
    method: str,
    *,
    data: str = "scenes",
    epochs: int | None = None,
    device: str = "auto",
    seed: int = 0,
    out: Path | None = None,
    resume: bool = True,
    threads: int | None = None,
    recipe: Recipe | None = None,
) -> Path:
    """Train one encoder and write `NAME.safetensors` (float16) with its card `NAME.json` into `out`; returns the former.

    NAME is the method, followed by the data where that is not `scenes`; `out` is `data/zoo` unless given. Interrupted, the
    same call goes on after the last whole epoch (kept in `build/pretrain/NAME`) and ends as if nothing had happened; with
    `resume=False` it starts anew. `recipe` (by default that of the data) is adapted to the method by `DEVIATIONS`.

    Raises:
        UserError: unknown method, data or device, or fewer images than one batch.
    """
    if method not in METHODS:
        raise UserError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    recipe, reason = adapted(method, recipe or (RECIPE if data == "scenes" else PHOTOGRAPHS))
    if epochs is not None and not method.startswith("untrained"):
        recipe = replace(recipe, epochs=epochs)
    place = resolve_device(device)
    if threads:
        torch.set_num_threads(threads)
    name = _name(method, data)
    module = _module(method, data, recipe, seed, out or paths.ZOO)
    folder = paths.build() / "pretrain" / name
    if recipe.epochs:
        _fit(module, name, folder, data, place, resume)
    facts = _facts(module, method, data, reason, place)
    weights = pretrain_card.write(out or paths.ZOO, name, module.method, facts, recipe.probes, head=recipe.head)
    shutil.rmtree(folder, ignore_errors=True)
    return weights


def fit(method: str, recipe: Recipe, name: str, *, data: str = "scenes", seed: int = 0) -> Training:
    """Train by a recipe that is taken as it is, on a processor, and keep nothing on disk: for tuning and for tests."""
    module = _module(method, data, recipe, seed, paths.ZOO)
    folder = paths.build() / "pretrain" / name
    _fit(module, name, folder, data, torch.device("cpu"), resume=False)
    shutil.rmtree(folder, ignore_errors=True)
    return module


def _facts(module: Training, method: str, data: str, reason: str, place: torch.device) -> dict[str, Any]:
    """The recipe as it was carried out, for the card."""
    recipe = module.recipe
    return {
        "method": method,
        "command": f"analysis pretrain {method} --data {data} --epochs {recipe.epochs}",
        "deviation": reason or None,
        "data": data,
        "world": scenes_version() if data == "scenes" else None,
        "images": len(module.data),
        "epochs": recipe.epochs,
        "images_seen": module.steps * recipe.batch,
        "fresh_images": recipe.fresh,
        "start": recipe.start or "random weights",
        "steps": module.steps,
        **{
            key: asdict(recipe)[key]
            for key in ("batch", "lr", "predictor", "weight_decay", "full", "full_views", "small", "small_views")
        },
        "optimiser": "AdamW, linear warm-up, cosine",
        "augmentation": asdict(recipe.views),
        "seed": module.seed,
        "device": device_name(place),
        "precision": precision(place),
        "threads": torch.get_num_threads(),
        "wall_seconds": round(module.seconds),
        "curve": [round(loss, 4) for loss in module.curve],
        "spread_and_rank": [[round(spread, 3), round(rank, 1)] for spread, rank in module.health],
        "collapsed": collapsed(module.health),
        "probe_curve": [{k: round(v, 4) for k, v in point.items()} for point in module.probes],
    }


def _module(method: str, data: str, recipe: Recipe, seed: int, out: Path) -> Training:
    kind = METHODS[method]
    if method in recipe.heads:
        kind = kind.variant(head=recipe.heads[method])
    source = _source(data, recipe, kind.labelled)
    if len(source) < recipe.batch and recipe.epochs:
        raise UserError(f"{data}: {len(source)} images are fewer than one batch of {recipe.batch}")
    with torch.random.fork_rng():  # initialisers draw from the global generator
        torch.manual_seed(seed)
        made: Method = kind(source.classes) if issubclass(kind, Supervised) else kind()
    if recipe.start:
        made.begin_as(_started(recipe.start, data, out))
    return Training(made, recipe, source, seed)


def _source(data: str, recipe: Recipe, labelled: bool) -> Source:
    if not recipe.epochs:
        return Pixels(np.empty((0, SIZE, SIZE, 3), np.uint8), None)
    if recipe.fresh:
        return Drawn(0, recipe.images * recipe.epochs, labelled)
    images, labels = training_set(data, recipe.images)
    return Pixels(images, labels if labelled else None)


def _name(method: str, data: str) -> str:
    return method if data == "scenes" else f"{method}-{Path(data.removeprefix('folder:')).name}"


def _started(method: str, data: str, out: Path) -> dict[str, torch.Tensor]:
    """Weights of the backbone that another training ended with."""
    path = out / f"{_name(method, data)}.safetensors"
    if not path.exists():
        raise UserError(
            f"this method goes on from {path}, which is not there: run `analysis pretrain {method} --data {data}` first"
        )
    return under(read_safetensors(path), "backbone.")


def _fit(module: Training, name: str, folder: Path, data: str, place: torch.device, resume: bool) -> None:
    recipe = module.recipe
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / "last.ckpt"
    if not resume:
        last.unlink(missing_ok=True)
    for logger in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on workers and loggers that this trainer does without on purpose
        trainer = Trainer(
            max_epochs=recipe.epochs,
            accelerator="gpu" if place.type == "cuda" else "cpu",
            devices=1,
            precision=precision(place),
            gradient_clip_val=recipe.clip,
            callbacks=[*_watched(data, recipe), Keeper(name, last)],
            default_root_dir=folder,
            logger=False,
            reload_dataloaders_every_n_epochs=1,  # each epoch may have images of its own
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module.to(memory_format=torch.channels_last)
        trainer.fit(module, ckpt_path=last if last.exists() else None)


def _watched(data: str, recipe: Recipe) -> list[ProbeCurve]:
    """The curve of probes, where the data have classes."""
    sets = probing_sets(data, *recipe.watched)
    return [ProbeCurve(*sets)] if len(np.unique(sets[0][1])) > 1 else []


def precision(place: torch.device) -> Any:
    """bfloat16 on a GPU, float32 on a processor, so that a training goes the same way on every processor.

    Measured per image on one core that has bfloat16 instructions, float32 and bfloat16: SimCLR 0.96 and 0.67 ms, DINOv2 4.6
    and 5.1 ms, SimMIM 4.4 and 4.7 ms; without such instructions it takes three times as long as float32.
    """
    return "bf16-mixed" if place.type == "cuda" else "32-true"


def device_name(place: torch.device) -> str:
    """What a card says of the device."""
    return torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu"
