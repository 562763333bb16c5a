"""What is trained by which loss: the methods of the zoo, with their heads, losses and masks from `lightly`."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from lightly.loss import DINOLoss, NTXentLoss, SwaVLoss
from lightly.models import utils
from lightly.models.modules import MaskedVisionTransformerDecoderTIMM, MaskedVisionTransformerTIMM, SwaVPrototypes
from lightly.utils.scheduler import cosine_schedule
from torch import Generator, Tensor, nn

from analysis.encoders import zoo

RESNET_HEAD = {"input_dim": 512, "hidden_dim": 512, "output_dim": 128}


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
        self.backbone, self.projector = self._networks()

    def _networks(self) -> list[Any]:
        """A fresh backbone and its projector (or None)."""
        return [zoo.build(self.architecture()), zoo.build_projector(self.architecture())]

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


def _cut(x: Tensor, views: Sequence[Tensor]) -> Sequence[Tensor]:
    return x.split([len(view) for view in views])


class SimCLR(Method):
    """Chen et al. 2020: the other view of an image is told from all other images in the batch (NT-Xent)."""

    head: ClassVar[dict[str, Any]] = {"head": "SimCLRProjectionHead", **RESNET_HEAD}

    def __init__(self) -> None:
        super().__init__()
        self.loss = NTXentLoss(temperature=0.2)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        h = self.backbone(torch.cat(list(views)))
        z0, z1 = _cut(self.projector(h), views)
        return Step(self.loss(z0, z1), h)


class SwAV(Method):
    """Caron et al. 2020: one view predicts the balanced cluster assignment (Sinkhorn) of the other."""

    head: ClassVar[dict[str, Any]] = {"head": "SwaVProjectionHead", **RESNET_HEAD}
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
        h = self.backbone(torch.cat(list(views)))
        z = nn.functional.normalize(self.projector(h), dim=1)
        return Step(self.loss(list(_cut(self.codes(z), views)), []).squeeze(), h)

    def after_backward(self, progress: float) -> None:
        """Prototypes are frozen at first."""
        if progress < self.frozen:
            self.codes.zero_grad()

    def after_step(self, progress: float) -> None:
        """Prototypes live on the unit sphere."""
        self.codes.normalize()


class DINO(Method):
    """Caron et al. 2021: every view predicts what a slowly following teacher says about the other full view."""

    base: ClassVar[dict[str, Any]] = zoo.VIT
    head: ClassVar[dict[str, Any]] = {
        "head": "DINOProjectionHead",
        "input_dim": 128,
        "hidden_dim": 256,
        "bottleneck_dim": 64,
        "output_dim": 256,
        "batch_norm": True,  # without it a new transformer says nearly the same of every image, and the targets are flat
    }
    momentum, frozen = 0.98, 0.1  # of the teacher at the start, rising to 1; share with a fixed last layer
    temperature = 0.02  # of the teacher; the paper's 0.04 ended in uniform targets

    def __init__(self) -> None:
        super().__init__()
        # built anew and loaded: torch cannot copy a module under weight_norm
        self.teacher = nn.ModuleList(self._networks())
        self.teacher.load_state_dict(self._student().state_dict())
        self.teacher.requires_grad_(False)
        self.loss = DINOLoss(self.head["output_dim"], warmup_teacher_temp=self.temperature, teacher_temp=self.temperature)

    def _student(self) -> nn.ModuleList:
        return nn.ModuleList([self.backbone, self.projector])

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        full, small = list(views[:2]), list(views[2:])
        backbone, projector = self.teacher
        with torch.no_grad():
            target = _cut(projector(backbone(torch.cat(full))), full)
        h = self.backbone(torch.cat(full))
        said = [*_cut(self.projector(h), full)]
        if small:
            said += _cut(self.projector(self.backbone(torch.cat(small))), small)
        return Step(self.loss(list(target), said), h)

    def after_backward(self, progress: float) -> None:
        """The last layer is frozen at first."""
        if progress < self.frozen:
            self.projector.last_layer.zero_grad()

    def after_step(self, progress: float) -> None:
        """The teacher follows: an average over past students."""
        rate = cosine_schedule(round(1000 * progress), 1000, self.momentum, 1.0)
        utils.update_momentum(self._student(), self.teacher, rate)

    def shipped(self) -> tuple[nn.Module, nn.Module | None]:
        """The teacher, which the paper evaluates too."""
        return self.teacher[0], self.teacher[1]


class MAE(Method):
    """He et al. 2022: three quarters of the patches are hidden and their normalised pixels predicted from the rest."""

    base: ClassVar[dict[str, Any]] = zoo.VIT
    ratio, width, depth = 0.75, 64, 1

    def __init__(self) -> None:
        super().__init__()
        patch, vit = self.base["patch"], self.backbone
        self.masked = MaskedVisionTransformerTIMM(vit)
        self.enter = nn.Linear(self.base["width"], self.width)
        self.decoder = MaskedVisionTransformerDecoderTIMM(vit.patch_embed.num_patches, self.width, self.depth, num_heads=4)
        self.leave = nn.Linear(self.width, 3 * patch**2)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        images, length = torch.cat(list(views)), self.decoder.sequence_length
        keep, hidden = mask(len(images), length, self.ratio, generator)
        tokens = self.masked.encode(images, idx_keep=keep)
        full = self.decoder.mask_token.expand(len(images), length, -1).to(tokens.dtype)
        full = utils.set_at_index(full, keep, self.enter(tokens))
        found = self.leave(utils.get_at_index(self.decoder(full), hidden))
        pixels = utils.normalize_mean_var(utils.patchify(images, self.base["patch"]))
        target = utils.get_at_index(pixels, hidden - 1)  # patches are counted without the CLS token
        return Step(nn.functional.mse_loss(found, target), tokens[:, 1:].mean(1))


def mask(n: int, length: int, ratio: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Indices (n, k) of tokens to keep and (n, length - k) to hide; token 0 (CLS) is always kept.

    As `lightly.models.utils.random_token_mask`, which draws from the global generator and so cannot be repeated.
    """
    noise = torch.rand(n, length, generator=generator, device=generator.device)
    noise[:, 0] = -1
    keep = 1 + math.floor((length - 1) * (1 - ratio))
    order = noise.argsort(1)
    return order[:, :keep], order[:, keep:]


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


class UntrainedViT(Method):
    """The transformer as it was drawn."""

    base: ClassVar[dict[str, Any]] = zoo.VIT


METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "swav": SwAV,
    "dino": DINO,
    "mae": MAE,
    "supervised": Supervised,
    "supervised-vit": SupervisedViT,
    "untrained": Method,
    "untrained-vit": UntrainedViT,
}
