"""Joint embedding by assignment: SwAV, DINO, and on transformers iBOT and a DINOv2-style sum. The losses are lightly's."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from lightly.loss import DINOLoss, IBOTPatchLoss, KoLeoLoss, SwaVLoss
from lightly.loss.swav_loss import sinkhorn
from lightly.models.modules import MaskedVisionTransformerTIMM, SwaVPrototypes
from torch import Generator, Tensor, nn

from analysis.encoders import zoo
from analysis.training.heads import projector
from analysis.training.methods.base import Method, Momentum, Step, cut


class SwAV(Method):
    """Caron et al. 2020: one view predicts the balanced cluster assignment (Sinkhorn) of the other."""

    head: ClassVar[dict[str, Any]] = projector("SwaV")
    prototypes, frozen = 64, 0.1  # prototypes stay put for the first tenth, as in the paper's first epoch
    epsilon = 0.02  # at the paper's 0.05 the codes of so small a network are flat, and the loss stays at log(prototypes)

    def __init__(self) -> None:
        super().__init__()
        self.codes = SwaVPrototypes(self.head["output_dim"], self.prototypes)
        for linear in self.codes.heads:
            linear.bias = None  # lightly gives prototypes a bias; the paper's are directions only
        self.loss = SwaVLoss(sinkhorn_epsilon=self.epsilon)
        self.codes.normalize()

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        full, small = list(views[:2]), list(views[2:])
        h = self.backbone(torch.cat(full))
        said = [cut(self._codes(h), full)]
        said.append(cut(self._codes(self.backbone(torch.cat(small))), small) if small else [])
        return Step(self.loss(*said).squeeze(), h)

    def _codes(self, h: Tensor) -> Tensor:
        """Cosines (n, prototypes)."""
        return self.codes(nn.functional.normalize(self.projector(h), dim=1))

    def after_backward(self, progress: float) -> None:
        """Prototypes are frozen at first."""
        if progress < self.frozen:
            self.codes.zero_grad()

    def after_step(self, progress: float) -> None:
        """Prototypes live on the unit sphere."""
        self.codes.normalize()


class DINO(Momentum):
    """Caron et al. 2021: every view predicts what the teacher says about the other full view.

    What the teacher says is balanced over the batch by Sinkhorn, as in DINOv2 (Oquab et al. 2023), where the paper subtracts a
    running centre. Centred targets became uniform within two epochs from random weights; with a teacher of temperature 0.02
    and a last layer that never learnt they did not, but a linear probe then read hardly more than from an untrained network.
    """

    head: ClassVar[dict[str, Any]] = projector("DINO", hidden=256, out=256, bottleneck_dim=64, batch_norm=True)
    temperature, frozen = 0.03, 0.1  # of the teacher; share of the training with a fixed last layer
    student_temperature = 0.1
    momentum = 0.99

    def compare(self, target: list[Tensor], said: list[Tensor]) -> Tensor:
        """Cross-entropy of what is said of each view (n, k), by the two targets (n, k) of the other full views; their mean."""
        balanced = cut(sinkhorn(torch.cat(target), epsilon=self.temperature), target)
        logits = [x / self.student_temperature for x in said]
        pairs = [(i, j) for i in range(len(target)) for j in range(len(said)) if i != j]
        return torch.stack([nn.functional.cross_entropy(logits[j], balanced[i]) for i, j in pairs]).mean()

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        full, small = list(views[:2]), list(views[2:])
        target = self.taught(full)
        h = self.backbone(torch.cat(full))
        said = cut(self.projector(h), full)
        if small:
            said += cut(self.projector(self.backbone(torch.cat(small))), small)
        return Step(self.compare(target, said), h)

    def after_backward(self, progress: float) -> None:
        """The last layer is frozen at first."""
        if progress < self.frozen:
            self.projector.last_layer.zero_grad()

    def shipped(self) -> tuple[nn.Module, nn.Module | None]:
        """The teacher, which the paper evaluates too."""
        return self.teacher[0], self.teacher[1]


class DINOViT(DINO):
    """`DINO` on the transformer, its targets centred; its head is not kept (it would weigh as much as the network)."""

    base: ClassVar[dict[str, Any]] = zoo.VIT
    head: ClassVar[dict[str, Any]] = projector(
        "DINO", dim=zoo.VIT["width"], hidden=256, out=256, bottleneck_dim=64, batch_norm=True
    )

    temperature, frozen, momentum = 0.04, 0.1, 0.98  # it begins with an encoder, and the paper's values hold

    def __init__(self) -> None:
        super().__init__()
        self.loss = DINOLoss(self.head["output_dim"], warmup_teacher_temp=self.temperature, teacher_temp=self.temperature)

    def compare(self, target: list[Tensor], said: list[Tensor]) -> Tensor:
        """The loss of the paper: targets less their running mean."""
        return self.loss(target, said)

    @classmethod
    def shipped_architecture(cls) -> dict[str, Any]:
        """Without the head."""
        return dict(cls.base)

    def shipped(self) -> tuple[nn.Module, nn.Module | None]:
        """The teacher, without its head."""
        return self.teacher[0], None


class IBOT(DINOViT):
    """Zhou et al. 2022: DINO, and for hidden patches of a view the teacher's words about the patches themselves.

    Head and temperatures are shared by image and patches, as in the paper. A third of the patches of half the images are
    hidden, drawn one by one where the paper draws blocks: on a grid of 5 x 5 a block is the whole creature.
    """

    hidden = 1 / 3

    def __init__(self) -> None:
        super().__init__()
        self.patch_loss = IBOTPatchLoss(self.head["output_dim"], teacher_temp=self.temperature)
        networks = {"weight_initialization": "skip", "pos_embed_initialization": "skip"}
        self.masked = MaskedVisionTransformerTIMM(self.backbone, **networks)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        full, images = list(views[:2]), torch.cat(list(views[:2]))
        teacher: Any = self.teacher
        with torch.no_grad():
            tokens = teacher[0].forward_features(images)
            target = cut(teacher[1](tokens[:, 1:].mean(1)), full)
        mask = self._mask(tokens[..., 0], generator)
        said = self.masked.encode(images, mask=mask)
        h = said[:, 1:].mean(1)
        with torch.no_grad():
            words = teacher[1](tokens[mask])
        grid = mask[:, 1:].unflatten(1, (round((mask.shape[1] - 1) ** 0.5), -1))
        patch = self.patch_loss(words, self.projector(said[mask]), grid)
        return Step(self.compare(target, cut(self.projector(h), full)) + patch + self._spread(h, full), h)

    def _mask(self, like: Tensor, generator: Generator) -> Tensor:
        """Which tokens (n, length) are hidden: a share of the patches, in every second image."""
        drawn = torch.rand(like.shape, generator=generator, device=generator.device)
        mask = drawn < self.hidden
        mask[:, 0] = False  # the CLS token
        mask[::2] = False
        mask[1::2, 1] = True  # never none
        return mask

    def _spread(self, h: Tensor, full: list[Tensor]) -> Tensor:
        """Nothing more for iBOT."""
        return h.new_zeros(())


class DINOv2(IBOT):
    """In the manner of Oquab et al. 2023: DINO + iBOT + 0.1 KoLeo, on images that never come back.

    Centring stands in for their Sinkhorn, one head for their two.
    """

    weight = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.koleo = KoLeoLoss()

    def _spread(self, h: Tensor, full: list[Tensor]) -> Tensor:
        """Nearest neighbours within a view are pushed apart."""
        return self.weight * torch.stack([self.koleo(part) for part in cut(h, full)]).sum()
