"""What is trained by which loss: the methods of the zoo, by the names of their files."""

from analysis.encoders.methods.base import Method, Momentum, Step
from analysis.encoders.methods.clustering import DINO, IBOT, DINOv2, DINOViT, SwAV
from analysis.encoders.methods.joint import BYOL, BarlowTwins, MoCo, SimCLR, SimSiam, VICReg
from analysis.encoders.methods.labels import Supervised, SupervisedViT, Untrained, UntrainedViT
from analysis.encoders.methods.masked import MAE, ScaleMAE, SimMIM, mask

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "swav": SwAV,
    "vicreg": VICReg,
    "barlow-twins": BarlowTwins,
    "dino": DINO,
    "supervised": Supervised,
    "untrained": Untrained,
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
