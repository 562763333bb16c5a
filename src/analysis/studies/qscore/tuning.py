"""Claim Q4: encoders of the zoo trained further, with and without the regulariser, and what became of them.

One cell is one (method, arm, seed). Its result is kept in the cache: a killed run goes on where it stopped, and nothing is
trained twice.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from lightly.utils.scheduler import CosineWarmupScheduler

from analysis import cache, encoders, features, paths, probing
from analysis.encoders.backbones import wrap
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF
from analysis.encoders.weights import load_strict, read_safetensors, under
from analysis.processes import end_with_parent, workers
from analysis.progress import track
from analysis.provenance import weights_digest
from analysis.results import Row, read_json
from analysis.studies.qscore.activity import Array, Definition, Discriminative, discover
from analysis.studies.qscore.controls import random_sets
from analysis.studies.qscore.core import core_overlap
from analysis.studies.qscore.detection import detect
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.regulariser import ARMS, Arm, Regulariser
from analysis.studies.qscore.scores import q_score, sparsity
from analysis.training.data import SIZE, scenes
from analysis.training.methods import METHODS, Method
from analysis.training.methods.base import Step
from analysis.training.recipe import RECIPE, draw_views

STORED = paths.DATA / "tuning" / "qscore.json"


@dataclass(frozen=True)
class Plan:
    """How encoders are trained further.

    The paper: LARS, a rate of 1e-5, 50 epochs. LARS at that rate would not move these networks within the steps there are; here
    it is a tenth of the rate of the zoo's own recipe, with its optimiser and schedule.
    """

    epochs: int = 2
    images: int = 10_000
    batch: int = 128
    lr: float = RECIPE.lr / 10
    weight_decay: float = RECIPE.weight_decay
    warmup: float = 0.1
    n_train: int = 4_000
    n_test: int = 2_000
    n_maps: int = 200
    min_coverage: float = 0.9


def rows(params: QScore) -> list[Row]:
    """One row per method, arm and seed: trained now, or as they come with this version, where the data are Scenes."""
    if not params.retrain:
        return read_json(STORED)["rows"] if params.dataset == "scenes:objects" else []
    plan = Plan(epochs=params.epochs, min_coverage=params.min_coverage)
    return cells(
        params.methods, params.seeds, plan, Definition(params.eps, params.low_percentile, params.high_percentile), params.device
    )


def cells(methods: Sequence[str], seeds: int, plan: Plan, definition: Definition, device: str = "cpu") -> list[Row]:
    """One row per method, arm and seed: probes, Q, sparsity, attention to the class-defining part, pull of each term."""
    wanted = [(method, arm, seed) for method in methods for seed in range(seeds) for arm in ARMS]
    jobs = (delayed(_cell)(*cell, plan, definition, device) for cell in wanted)
    pool = Parallel(n_jobs=workers(), return_as="generator", initializer=end_with_parent, initargs=(os.getpid(),))
    return list(track(pool(jobs), "training further", total=len(wanted), unit="training"))


def _cell(method: str, arm: str, seed: int, plan: Plan, definition: Definition, device: str) -> Row:
    torch.set_num_threads(1)
    cell = partial(_trained, method, arm, seed, plan, definition, device)
    return cache.record("further-training", cell, weights_digest(f"zoo:{method}"))


def _trained(method: str, arm: str, seed: int, plan: Plan, definition: Definition, device: str) -> Row:
    of, prototypes = _beginning(method, plan, definition)
    features = random_sets(of.features, 1, seed)[0] if ARMS[arm].features == "random" else of.features
    trained, record = further(method, ARMS[arm], features, seed, plan, of.definition, device, prototypes)
    found = measure(trained, plan, of.definition)
    return {"method": method, "arm": arm, "seed": seed, "eps": of.definition.eps, **found, **record}


def start(method: str) -> Method:
    """A method of the zoo as it was when its training ended, but for its optimiser (and, for MoCo, its queue)."""
    with torch.random.fork_rng():  # initialisers draw from the global generator
        torch.manual_seed(0)
        made = METHODS[method]()
    state = read_safetensors(paths.ZOO / f"{method}.safetensors")
    load_strict(made.projector, under(state, "projector."), f"the projector of {method}")
    made.begin_as(under(state, "backbone."))
    return made.to(memory_format=torch.channels_last)


def _beginning(method: str, plan: Plan, definition: Definition) -> tuple[Discriminative, Array]:
    """D of the encoder as it begins with the eps that suits it, both of which stay fixed; and the mean of each class (c, r)."""
    images, labels = scenes(plan.n_train, "train")
    x = features.extract(encoders.load(f"zoo:{method}"), images)["embed"]
    prototypes = np.stack([x[labels == label].mean(0) for label in np.unique(labels)])
    return discover(x, definition, plan.min_coverage), prototypes


def further(
    method: str,
    arm: Arm,
    discriminative: Array,
    seed: int,
    plan: Plan,
    definition: Definition,
    device: str,
    prototypes: Array,
) -> tuple[Method, dict[str, Any]]:
    """Train a method of the zoo further; returns it, and the pull of each term at the first and the last step.

    Arms of one seed see the same views in the same order.
    """
    made = start(method).to(device).train()
    penalty = Regulariser(
        arm, torch.from_numpy(discriminative).to(device), definition, torch.from_numpy(prototypes).float().to(device)
    )
    images, labels = scenes(plan.images, "train")
    per_epoch = len(images) // plan.batch
    steps = plan.epochs * per_epoch
    parameters = [p for p in made.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=plan.lr, weight_decay=plan.weight_decay)
    rate = CosineWarmupScheduler(optimizer, round(plan.warmup * steps), steps)
    record: dict[str, Any] = {}
    for step in range(steps):
        if step % per_epoch == 0:
            order = np.random.default_rng((seed, step // per_epoch)).permutation(len(images))
        rows = np.sort(order[step % per_epoch * plan.batch :][: plan.batch])
        generator = torch.Generator(device=device).manual_seed(seed * 1_000_003 + step)
        pixels = torch.from_numpy(np.asarray(images[rows])).permute(0, 3, 1, 2).to(device)
        out: Step = made(draw_views(pixels, RECIPE, generator), None, generator)
        classes = torch.from_numpy(np.resize(labels[rows], len(out.embedding))).to(device)  # views follow each other whole
        loss = penalty(out.loss, out.embedding, classes)
        if step in (0, steps - 1):
            when = "last" if step else "first"
            pulls = {"q": 0.0, "l1": 0.0} | penalty.pulls(out.loss, out.embedding, classes)
            record |= {f"pull_{key}_{when}": value for key, value in pulls.items()}
        optimizer.zero_grad()
        loss.backward()
        made.after_backward(step / steps)
        optimizer.step()
        rate.step()
        made.after_step(step / steps)
    return made, {**record, "weights": penalty.weights, "loss": float(out.loss.detach())}


def measure(trained: Method, plan: Plan, definition: Definition) -> Row:
    """What an encoder is worth on images it was not trained on; `correct`: the linear probe, image by image."""
    (images, labels), (others, truth) = scenes(plan.n_train, "train"), scenes(plan.n_test, "test")
    x, y = _embed(trained, images), _embed(trained, others)
    of = discover(x, definition)
    scores = q_score(y, of.features, definition)
    correct = probing.linear(x, labels, y) == truth
    return {
        "linear": float(correct.mean()),
        "n_test": len(correct),
        "correct": np.packbits(correct).tobytes().hex(),
        "knn": float((probing.knn(x, labels, y) == truth).mean()),
        "auroc": float(detect(scores.value, correct, np.ones((1, len(y)))).auroc[0]),
        "q": float(scores.value.mean()),
        "coverage": scores.coverage,
        "l1": float(-sparsity(y).mean()),
        **core_overlap(_encoder(trained), plan.n_maps, of),
    }


def _encoder(method: Method) -> Encoder:
    return Encoder("in training", wrap(method.shipped()[0]), HALF, size=SIZE)


def _embed(method: Method, images: np.ndarray) -> Array:
    return _encoder(method).embed(images).numpy()
