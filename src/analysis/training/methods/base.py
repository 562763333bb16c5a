"""What every method of the zoo is: a backbone, the head kept with it, a loss of views, and what happens around a step."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from lightly.models import utils
from lightly.utils.scheduler import cosine_schedule
from torch import Generator, Tensor, nn

from analysis.encoders import zoo
from analysis.encoders.weights import load_strict


class Step(NamedTuple):
    """What one step gives: the loss, and the embeddings (n, d) that the collapse watch looks at."""

    loss: Tensor
    embedding: Tensor


class Method(nn.Module):
    """A backbone, its head and its loss.

    Attributes:
        base, head: architecture of the backbone and of the projector kept with it.
        labelled: whether training sees labels.
    """

    base: ClassVar[dict[str, Any]] = zoo.RESNET
    head: ClassVar[dict[str, Any]] = {}
    labelled = False

    def __init__(self) -> None:
        super().__init__()
        self.backbone: Any
        self.projector: Any
        self.backbone, self.projector = self.networks()

    def networks(self) -> list[Any]:
        """A fresh backbone and its projector (or None)."""
        return [zoo.build(self.architecture()), zoo.build_projector(self.architecture())]

    def begin_as(self, state: dict[str, Tensor]) -> None:
        """Take the backbone's weights from `state`."""
        load_strict(self.backbone, state, "the encoder to begin with")

    @classmethod
    def variant(cls, **attributes: Any) -> type[Self]:
        """The method with other class attributes, such as a wider `head`."""
        return type(cls.__name__, (cls,), attributes)

    @classmethod
    def shipped_architecture(cls) -> dict[str, Any]:
        """Architecture of what `shipped` gives, for the card."""
        return cls.architecture()

    @classmethod
    def architecture(cls) -> dict[str, Any]:
        """What `zoo.build` and `zoo.build_projector` need to make this method's encoder again."""
        return {**cls.base, **({"projector": cls.head} if cls.head else {})}

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """The loss of normalised views, each (n, 3, size, size); the two full ones come first."""
        raise NotImplementedError

    def after_backward(self, progress: float) -> None:
        """Between gradients and step; `progress` runs from 0 to 1 over the training."""

    def after_step(self, progress: float) -> None:
        """After the optimiser's step."""

    def shipped(self) -> tuple[nn.Module, nn.Module | None]:
        """Backbone and projector as they go into the zoo."""
        return self.backbone, self.projector


class Momentum(Method):
    """A method with a teacher: a second network that follows the first as a moving average.

    Attributes:
        momentum: weight of the teacher's past at the first step, rising to 1 along a cosine (Grill et al. 2020, eq. 2).
    """

    momentum = 0.98

    def __init__(self) -> None:
        super().__init__()
        # built anew and loaded: torch cannot copy a module under weight_norm
        self.teacher = nn.ModuleList(self.networks())
        self.teacher.load_state_dict(self.student().state_dict())
        self.teacher.requires_grad_(False)

    def begin_as(self, state: dict[str, Tensor]) -> None:
        """Student and teacher alike."""
        super().begin_as(state)
        self.teacher.load_state_dict(self.student().state_dict())

    def student(self) -> nn.ModuleList:
        """The parts that the teacher follows, in the order of `networks`."""
        return nn.ModuleList([self.backbone, self.projector])

    def taught(self, views: Sequence[Tensor]) -> list[Tensor]:
        """The teacher's projections of each view, without gradient."""
        backbone, projector = self.teacher
        with torch.no_grad():
            return cut(projector(backbone(torch.cat(list(views)))), views)

    def after_step(self, progress: float) -> None:
        """The teacher follows."""
        rate = cosine_schedule(round(1000 * progress), 1000, self.momentum, 1.0)
        utils.update_momentum(self.student(), self.teacher, rate)


def cut(x: Tensor, views: Sequence[Tensor]) -> list[Tensor]:
    """Rows of the concatenated views, view by view."""
    return list(x.split([len(view) for view in views]))
