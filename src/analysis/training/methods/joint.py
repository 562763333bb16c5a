"""Joint embedding by comparison: SimCLR, MoCo v2, BYOL, SimSiam, VICReg, Barlow Twins, TCR.

Heads and losses are lightly's, but for the loss of TCR.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from lightly.models.modules.heads import BYOLPredictionHead, SimSiamPredictionHead
from torch import Generator, Tensor, nn

from analysis.training.heads import projector
from analysis.training.methods.base import Method, Momentum, Step, cut


class Twin(Method):
    """Two views through one network, and a symmetric loss of their projections."""

    loss: nn.Module

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        h = self.backbone(torch.cat(list(views)))
        return Step(self.loss(*cut(self.projector(h), views)), h)


class SimCLR(Twin):
    """Chen et al. 2020: the other view of an image is told from all other images in the batch (NT-Xent)."""

    head: ClassVar[dict[str, Any]] = projector("SimCLR")
    temperature = 0.2

    def __init__(self) -> None:
        super().__init__()
        self.loss = NTXentLoss(temperature=self.temperature)


class VICReg(Twin):
    """Bardes et al. 2022: views agree, every dimension keeps a variance of 1, no two dimensions are correlated."""

    head: ClassVar[dict[str, Any]] = projector("VICReg", hidden=256, out=256, num_layers=2)

    def __init__(self) -> None:
        super().__init__()
        self.loss = VICRegLoss()


class BarlowTwins(Twin):
    """Zbontar et al. 2021: the cross-correlation matrix of the two views is driven to the identity."""

    head: ClassVar[dict[str, Any]] = projector("BarlowTwins", hidden=256, out=256)

    def __init__(self) -> None:
        super().__init__()
        self.loss = BarlowTwinsLoss()


def coding_rate(z: Tensor, *, eps2: float = 0.2) -> Tensor:
    """Total coding rate of rows z (n, p), in nats: R(Z) = 1/2 logdet(I + p / (n eps2) Z Z^T), rows scaled to length 1.

    Yu et al. 2020: what it takes to write the directions down up to a squared error of `eps2`; large where they are spread,
    1/2 log(1 + p / eps2) where all are one. Z Z^T and Z^T Z give the same number, and the smaller of the two is taken. By
    Cholesky: on several threads torch's LU was seen to return wrong determinants.
    """
    with torch.autocast(z.device.type, enabled=False):  # no determinant in half precision
        unit = nn.functional.normalize(z.float() if z.dtype == torch.bfloat16 else z, dim=1)
        n, p = unit.shape
        gram = unit @ unit.T if n < p else unit.T @ unit
        return torch.linalg.cholesky(torch.eye(len(gram)).to(gram) + p / (n * eps2) * gram).diagonal().log().sum()


class TCR(Method):
    """Tong et al. 2023, for any number of views: each is spread over the sphere, and all of one image agree with their mean.

    Loss: mean over views of -R(Z_view) + weight * (1 - cos(z_view, mean of z over the views of the image)). lightly's
    `EMPSSLLoss` has the other sign before R, and prefers collapse.
    """

    head: ClassVar[dict[str, Any]] = projector("VICReg", hidden=256, out=128, num_layers=2)
    weight = 120.0  # theirs is 200 at a greatest R of 198; here that is 115

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        h = self.backbone(torch.cat(list(views)))
        z = torch.stack(cut(self.projector(h), views))  # (views, n, p)
        spread = torch.stack([coding_rate(view) for view in z]).mean()
        z = nn.functional.normalize(z, dim=2)
        apart = 1 - nn.functional.cosine_similarity(z, z.mean(0, keepdim=True), dim=2).mean()
        return Step(self.weight * apart - spread, h)


class MoCo(Momentum):
    """MoCo v2 (Chen et al. 2020b): as SimCLR, but the other images come from a queue of the teacher's past keys.

    The teacher is not shuffled between devices: batch statistics are shared on one device anyway.
    """

    head: ClassVar[dict[str, Any]] = projector("MoCo", batch_norm=True)
    temperature = 0.2
    queue = 1024  # eight batches: a longer one is mostly noise at first, and the network collapses to be unlike noise

    def __init__(self) -> None:
        super().__init__()
        self.loss = NTXentLoss(temperature=self.temperature, memory_bank_size=(self.queue, self.head["output_dim"]))
        bank: Any = self.loss.memory_bank
        for name, held in list(bank.named_buffers()):
            bank.register_buffer(name, held)  # lightly leaves the queue out of checkpoints; a resumed run needs it

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        h = self.backbone(views[0])
        return Step(self.loss(self.projector(h), *self.taught(views[1:])), h)


class BYOL(Momentum):
    """Grill et al. 2020: from one view, a predictor guesses what the teacher says of the other; no negatives.

    The head is that of MoCo v3, normalised over the batch at its end too: see `DEVIATIONS`.
    """

    head: ClassVar[dict[str, Any]] = projector("MoCo", batch_norm=True)
    momentum = 0.996  # as in the paper: a teacher that follows faster lets the two agree on ever less

    def __init__(self) -> None:
        super().__init__()
        self.predictor = BYOLPredictionHead(self.head["output_dim"], 256, self.head["output_dim"])
        self.loss = NegativeCosineSimilarity()

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        h = self.backbone(torch.cat(list(views)))
        first, second = cut(self.predictor(self.projector(h)), views)
        target, other = self.taught(views)
        return Step((self.loss(first, other) + self.loss(second, target)) / 2, h)


class SimSiam(Method):
    """Chen & He 2021: BYOL without a teacher; the target is the network itself, with its gradient stopped."""

    head: ClassVar[dict[str, Any]] = projector("SimSiam")

    def __init__(self) -> None:
        super().__init__()
        self.predictor = SimSiamPredictionHead(self.head["output_dim"], 64, self.head["output_dim"])
        self.loss = NegativeCosineSimilarity()

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        h = self.backbone(torch.cat(list(views)))
        z = self.projector(h)
        (z0, z1), (p0, p1) = cut(z.detach(), views), cut(self.predictor(z), views)
        return Step((self.loss(p0, z1) + self.loss(p1, z0)) / 2, h)
