"""Training.

SimCLR in our trainer (views of a whole batch at once, checkpoints) beside a plain loop of lightly and Lightning: its transform
image by image, its head and loss, the same network, batch and size of views. Images per second of one thread.
"""

import itertools
import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from lightly.transforms.simclr_transform import SimCLRTransform
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from analysis.training.data import SIZE, Pixels
from analysis.training.keeper import Keeper, train_with, training
from analysis.training.methods.joint import SimCLR
from analysis.training.module import Training
from analysis.training.recipe import RECIPE, Recipe
from bench.turns import Decoded, Row, contest

TURN = itertools.count()


def rows(smoke: bool) -> Iterator[Row]:
    """Both loops on the same images."""
    recipe = replace(RECIPE, epochs=3, images=16, batch=8) if smoke else replace(RECIPE, epochs=2, images=1_280)
    images = np.random.default_rng(0).integers(0, 256, (recipe.images, SIZE, SIZE, 3), dtype=np.uint8)
    n = recipe.images * recipe.epochs
    with TemporaryDirectory() as folder, patch.dict(os.environ, ANALYSIS_BUILD=folder):
        yield from contest(
            f"SimCLR, {n:,} images in batches of {recipe.batch}, 2 views of {recipe.full} px",
            lambda: ours(images, recipe),
            {"lightly and Lightning": lambda: plain(images, recipe)},
            images=n,
            turns=1 if smoke else 3,
        )


def ours(images: np.ndarray, recipe: Recipe) -> None:
    """A training from its beginning to its last checkpoint."""
    keeper = Keeper("bench", {"turn": next(TURN)})
    module = Training(SimCLR(), recipe, Pixels(images, None), seed=0)
    with training(keeper):
        train_with(keeper, module, torch.device("cpu"), max_epochs=recipe.epochs, gradient_clip_val=recipe.clip, devices=1)


class Plain(LightningModule):
    """SimCLR as lightly's tutorial writes it."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr, self.parts = lr, SimCLR()

    def training_step(self, views: Any, index: int) -> torch.Tensor:
        """NT-Xent of two views."""
        return self.parts.loss(*(self.parts.projector(self.parts.backbone(view)) for view in views))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at one rate."""
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def plain(images: np.ndarray, recipe: Recipe) -> None:
    """The loop around it."""
    views = SimCLRTransform(input_size=recipe.full, min_scale=recipe.views.area[0], gaussian_blur=recipe.views.blur[0])
    loader = DataLoader(Decoded(images, views), recipe.batch, shuffle=True, drop_last=True)
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on workers
        Trainer(accelerator="cpu", devices=1, max_epochs=recipe.epochs, **silent).fit(Plain(recipe.lr), loader)
