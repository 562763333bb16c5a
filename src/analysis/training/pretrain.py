"""Training of the zoo: one recipe, so that encoders differ by their method and by nothing else."""

import shlex
import shutil
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis import paths, publish
from analysis.digests import code_digests, file_digest, value_digest
from analysis.encoders.backbones import resolve_device
from analysis.encoders.files import verified_card
from analysis.encoders.weights import read_safetensors, under
from analysis.errors import UserError
from analysis.training import card
from analysis.training.collapse import collapsed
from analysis.training.data import SIZE, Drawn, Pixels, Source, probing_sets, require_images, scenes_version, training_set
from analysis.training.keeper import Keeper, device_name, precision, refuse_other, train_with, training
from analysis.training.methods import METHODS, Method, Supervised
from analysis.training.module import Training
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
    threads: int | None = None,
    recipe: Recipe | None = None,
) -> Path:
    """Train one encoder and write `NAME.safetensors` (float16) with its card `NAME.json` into `out`; returns the former.

    NAME is the method, followed by the data where that is not `scenes` and by the seed where that is not 0; `out` is
    `build/zoo` unless given. Interrupted, the same call goes on after the last whole epoch and ends as if nothing had happened;
    finished, it does nothing. `recipe` (by default that of the data) is adapted to the method by `DEVIATIONS`.

    Raises:
        UserError: unknown method, data or device, fewer images than one batch, no weights to go on from, no folder to write
            into, or `build/zoo` holds another training of NAME; nothing has been written then.
    """
    if method not in METHODS:
        raise UserError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    recipe, reason = adapted(method, recipe or (RECIPE if data == "scenes" else PHOTOGRAPHS))
    if epochs is not None and not method.startswith("untrained"):
        recipe = replace(recipe, epochs=epochs)
    place = resolve_device(device)
    if threads:
        torch.set_num_threads(threads)
    name, folder = _name(method, data, seed), out or paths.build() / "zoo"
    publish.check_place(folder)
    if out is None:
        refuse_other(folder / f"{name}.safetensors", data=data, epochs=recipe.epochs, seed=seed)
    module = _module(method, data, recipe, seed, folder)
    keeper = Keeper(name, _made_of(module, method, data, place, folder))
    weights = folder / f"{name}.safetensors"
    if keeper.finished(weights, verified_card, replace=out is not None):
        return weights
    with training(keeper):
        if recipe.epochs:
            _carry_out(module, keeper, data, place)
        facts = _facts(module, method, data, reason, place)
        return card.write(folder, name, module.method, facts, recipe.probes, head=recipe.head, made_of=keeper.digest)


def fit(method: str, recipe: Recipe, name: str, *, data: str = "scenes", seed: int = 0) -> Training:
    """Train by a recipe that is taken as it is, on a processor, and keep nothing on disk: for tuning and for tests."""
    module, place = _module(method, data, recipe, seed, paths.ZOO), torch.device("cpu")
    keeper = Keeper(name, _made_of(module, method, data, place, paths.ZOO))
    shutil.rmtree(keeper.folder, ignore_errors=True)
    with training(keeper):
        _carry_out(module, keeper, data, place)
    return module


def _carry_out(module: Training, keeper: Keeper, data: str, place: torch.device) -> None:
    recipe = module.recipe
    options: dict[str, Any] = {"reload_dataloaders_every_n_epochs": 1}  # each epoch may have images of its own
    watching = _watched(data, recipe)
    train_with(keeper, module, place, watching, max_epochs=recipe.epochs, gradient_clip_val=recipe.clip, devices=1, **options)


def _watched(data: str, recipe: Recipe) -> list[ProbeCurve]:
    """The curve of probes, where the data have classes."""
    sets = probing_sets(data, *recipe.watched)
    return [ProbeCurve(*sets)] if len(np.unique(sets[0][1])) > 1 else []


def _made_of(module: Training, method: str, data: str, place: torch.device, folder: Path) -> dict[str, Any]:
    """Everything the weights depend on."""
    start = module.recipe.start
    return {
        "method": method,
        "seed": module.seed,
        "epochs": module.recipe.epochs,
        "data": module.data.digest,
        "recipe": asdict(module.recipe),
        "start": file_digest(_start(start, data, folder)) if start else "",
        "device": device_name(place),
        "code": value_digest(file_digest(Path(__file__)), code_digests(Path(__file__))),
        "packages": {package: version(package) for package in ("torch", "lightning", "lightly", "timm")},
    }


def _facts(module: Training, method: str, data: str, reason: str, place: torch.device) -> dict[str, Any]:
    """The recipe as it was carried out, for the card."""
    recipe = module.recipe
    return {
        "method": method,
        "command": f"analysis pretrain {method} --data {shlex.quote(data)} --epochs {recipe.epochs} --seed {module.seed}",
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
    require_images(data, least=recipe.batch if recipe.epochs else 1)
    start = _start(recipe.start, data, out) if recipe.start else None
    source = _source(data, recipe, kind.labelled)
    if len(source) < recipe.batch and recipe.epochs:
        raise UserError(f"{data}: {len(source)} images are fewer than one batch of {recipe.batch}")
    with torch.random.fork_rng():  # initialisers draw from the global generator
        torch.manual_seed(seed)
        made: Method = kind(source.classes) if issubclass(kind, Supervised) else kind()
    if start:
        made.begin_as(under(read_safetensors(start), "backbone."))
    return Training(made, recipe, source, seed)


def _source(data: str, recipe: Recipe, labelled: bool) -> Source:
    if not recipe.epochs:
        return Pixels(np.empty((0, SIZE, SIZE, 3), np.uint8), None)
    if recipe.fresh:
        return Drawn(0, recipe.images * recipe.epochs, labelled)
    images, labels = training_set(data, recipe.images)
    return Pixels(images, labels if labelled else None)


def _name(method: str, data: str, seed: int = 0) -> str:
    of = "" if data == "scenes" else f"-{Path(data.removeprefix('folder:')).name}"
    return f"{method}{of}-seed{seed}" if seed else f"{method}{of}"


def _start(method: str, data: str, out: Path) -> Path:
    """The encoder that another training ended with.

    Raises:
        UserError: it is not there.
    """
    path = out / f"{_name(method, data)}.safetensors"
    if not path.exists():
        raise UserError(
            f"this method goes on from {path}, which is not there: run `analysis pretrain {method} --data {shlex.quote(data)}` "
            "first, with the same --out"
        )
    return path
