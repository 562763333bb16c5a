"""Training with labels, and no training at all: the two ends that self-supervision lies between."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from analysis.encoders import zoo
from analysis.training.methods.base import Method, Step


class Supervised(Method):
    """Cross-entropy with the class labels on the same views."""

    labelled = True

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(512 if self.base["family"] == "resnet" else self.base["width"], classes)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        assert labels is not None
        h = self.backbone(torch.cat(list(views)))
        return Step(nn.functional.cross_entropy(self.classifier(h), labels.repeat(len(views))), h)


class SupervisedViT(Supervised):
    """`Supervised` on the transformer."""

    base: ClassVar[dict[str, Any]] = zoo.VIT


class Untrained(Method):
    """The residual network as initialised: what the architecture alone can do."""


class UntrainedViT(Method):
    """The transformer as initialised."""

    base: ClassVar[dict[str, Any]] = zoo.VIT
