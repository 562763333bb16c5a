"""A method in training, as Lightning wants it: steps, schedule, history."""

import os
import sys
from functools import partial
from typing import Any

import torch
from lightly.models.utils import get_weight_decay_parameters
from lightly.utils.scheduler import CosineWarmupScheduler
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from analysis.processes import end_with_parent
from analysis.training import collapse
from analysis.training.data import Drawn, Source, as_is
from analysis.training.methods import Method
from analysis.training.recipe import Recipe, draw_views


class Training(LightningModule):
    """A method in training. Step t draws its views from a generator seeded by (seed, t): a resumed run goes the same way."""

    def __init__(self, method: Method, recipe: Recipe, data: Source, seed: int) -> None:
        super().__init__()
        self.method, self.recipe, self.data, self.seed = method, recipe, data, seed
        self.steps = recipe.epochs * (min(len(data), recipe.images) // recipe.batch)
        self.curve: list[float] = []
        self.health: list[tuple[float, float]] = []
        self.probes: list[dict[str, float]] = []
        self.seconds = 0.0
        self._losses: list[Tensor] = []
        self._embedding = torch.zeros(0)

    @property
    def progress(self) -> float:
        """Share of the training that is done."""
        return self.global_step / max(self.steps, 1)

    def train_dataloader(self) -> DataLoader:
        """Whole batches in an order drawn anew each epoch from (seed, epoch)."""
        first = self.current_epoch * self.recipe.images if self.recipe.fresh else 0
        data = self.data.part(first, first + self.recipe.images)
        sampler: DistributedSampler = DistributedSampler(
            data, self.trainer.world_size, self.trainer.global_rank, seed=self.seed, drop_last=True
        )
        sampler.set_epoch(self.current_epoch)
        workers = max(1, min(8, (os.cpu_count() or 1) - 1)) if isinstance(data, Drawn) else 0  # drawing is work, reading is not
        return DataLoader(
            data,
            self.recipe.batch,
            sampler=sampler,
            drop_last=True,
            collate_fn=as_is,
            num_workers=workers,
            worker_init_fn=partial(_begin_worker, os.getpid()),
        )

    def training_step(self, batch: tuple[Tensor, Tensor | None], index: int) -> Tensor:
        """Loss of one batch of uint8 images."""
        images, labels = batch
        key = (self.seed * 1_000_003 + self.global_step) * 1_009 + self.trainer.global_rank
        generator = torch.Generator(device=self.device).manual_seed(key)
        step = self.method(draw_views(images, self.recipe, generator), labels, generator)
        self._losses.append(step.loss.detach())
        self._embedding = step.embedding.detach()
        return step.loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Methods with frozen parts drop their gradients here."""
        self.method.after_backward(self.progress)

    def on_train_batch_end(self, *_: Any) -> None:
        """Momentum and normalisations."""
        self.method.after_step(self.progress)

    def on_train_epoch_end(self) -> None:
        """One point of the loss curve and one look at the embeddings; a collapse is said once, in one line."""
        self.curve.append(torch.stack(self._losses).mean().item())
        self._losses.clear()
        before = collapse.collapsed(self.health)
        self.health.append(collapse.health(self._embedding))
        if collapse.collapsed(self.health) and not before:
            print(collapse.message(type(self.method).__name__, self.current_epoch + 1, *self.health[-1]), file=sys.stderr)

    def configure_optimizers(self) -> Any:
        """AdamW without decay of biases and norms; linear warm-up, then a cosine to a thousandth, step by step."""
        ahead = getattr(self.method, "predictor", None)
        rest = [child for child in self.method.children() if child is not ahead]
        groups = [*self._groups(rest, 1.0), *(self._groups([ahead], self.recipe.predictor) if ahead else [])]
        optimizer = torch.optim.AdamW(groups, lr=self.recipe.lr, weight_decay=self.recipe.weight_decay)
        schedule = CosineWarmupScheduler(optimizer, round(self.recipe.warmup * self.steps), self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self, modules: list[Any], faster: float) -> list[dict[str, Any]]:
        decayed, free = get_weight_decay_parameters(modules)
        rate = faster * self.recipe.lr
        return [{"params": _trained(decayed), "lr": rate}, {"params": _trained(free), "lr": rate, "weight_decay": 0.0}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The history goes with the weights."""
        checkpoint["history"] = {"curve": self.curve, "health": self.health, "seconds": self.seconds, "probes": self.probes}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The history comes back with the weights."""
        history = checkpoint["history"]
        self.curve, self.health, self.seconds = history["curve"], history["health"], history["seconds"]
        self.probes = history["probes"]


def _trained(parameters: list[Any]) -> list[Any]:
    unique = {id(parameter): parameter for parameter in parameters if parameter.requires_grad}
    return list(unique.values())


def _begin_worker(parent: int, number: int) -> None:
    end_with_parent(parent)
