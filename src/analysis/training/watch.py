"""The curve of an encoder's probes against the images it has seen, taken while it trains."""

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from analysis import probing
from analysis.encoders.backbones import Backbone, wrap
from analysis.encoders.transform import HALF

Split = tuple[np.ndarray, np.ndarray]


class ProbeCurve(Callback):
    """Probes after 1, 2, 4, 8, ... passes and at the end: fitted on training images, scored on images kept for validation.

    In between the rate is high, so that an early point is lower than a training that ends there would reach.
    """

    def __init__(self, train: Split, validation: Split) -> None:
        self.train, self.validation = train, validation

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        """One more point, as {images, knn, linear}; it goes into the checkpoint with the rest of the history."""
        epoch = trainer.current_epoch + 1
        if epoch & (epoch - 1) and epoch < module.recipe.epochs:
            return
        network = wrap(module.method.shipped()[0], module.method.shipped_architecture().get("output"))
        x, y = (embed(network, images, module.device) for images, _ in (self.train, self.validation))
        labels, truth = self.train[1], self.validation[1]
        scores = {name: float((f(x, labels, y) == truth).mean()) for name, f in PROBES.items()}
        module.probes.append({"images": trainer.global_step * module.recipe.batch, **scores})


PROBES = {"knn": probing.knn, "linear": probing.linear}


def embed(backbone: Backbone, images: np.ndarray, device: torch.device, batch: int = 250) -> np.ndarray:
    """Embeddings (n, d) of uint8 images (n, h, w, 3) by a network in training, which is left as it was."""
    was, _ = backbone.training, backbone.eval()
    with torch.no_grad():
        parts = [_vectors(backbone, images[i : i + batch], device) for i in range(0, len(images), batch)]
    backbone.train(was)
    return torch.cat(parts).numpy()


def _vectors(backbone: Backbone, images: np.ndarray, device: torch.device) -> Tensor:
    return backbone.forward_layers(_normalised(images).to(device), ("embed",))["embed"].vector.float().cpu()


def _normalised(images: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return (pixels - HALF[0][0]) / HALF[1][0]
