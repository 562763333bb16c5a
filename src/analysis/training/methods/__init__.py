"""What is trained by which loss: the methods of the zoo, by the names of their files."""

from analysis.training.methods.base import Method, Momentum, Step
from analysis.training.methods.clustering import DINO, IBOT, DINOv2, DINOViT, SwAV
from analysis.training.methods.joint import BYOL, TCR, BarlowTwins, MoCo, SimCLR, SimSiam, VICReg
from analysis.training.methods.labels import Supervised, SupervisedViT, Untrained, UntrainedViT
from analysis.training.methods.masked import MAE, ScaleMAE, SimMIM, mask

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "swav": SwAV,
    "vicreg": VICReg,
    "barlow-twins": BarlowTwins,
    "tcr": TCR,
    "dino": DINO,
    "supervised": Supervised,
    "untrained": Untrained,
    "vicreg-patch": VICReg,
    "vicreg-patch16": VICReg,
    "vicreg-patch-disjoint": VICReg,
    "tcr-patch": TCR,
    "simclr-patch": SimCLR,
    "byol-patch": BYOL,
    "moco-patch": MoCo,
    "barlow-twins-patch": BarlowTwins,
    "supervised-patch": Supervised,
    "mae": MAE,
    "simmim": SimMIM,
    "scale-mae": ScaleMAE,
    "dino-vit": DINOViT,
    "ibot": IBOT,
    "dinov2": DINOv2,
    "supervised-vit": SupervisedViT,
    "untrained-vit": UntrainedViT,
}

__all__ = ["DINO", "METHODS", "Method", "Momentum", "Step", "Supervised", "mask"]
