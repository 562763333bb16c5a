"""Conv4, the four-block encoder of few-shot learning, as ProtoCLR and UMTRA train it at 84 px.

Vinyals et al. (2016), arXiv 1606.04080, introduced it; Medina et al. (2020), arXiv 2006.11325, is ProtoCLR.
"""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from analysis.encoders import files
from analysis.encoders.backbones import Stages
from analysis.encoders.base import Encoder
from analysis.encoders.transform import IMAGENET, RAW
from analysis.encoders.weights import load_strict, read_safetensors

SIZE = 84
WIDTH = 64


class Conv4(nn.Module):
    """The parameters under their published keys, `blocks.{i}.{conv,bn}.*`."""

    def __init__(self) -> None:
        super().__init__()
        parts = [(nn.Conv2d(inputs, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH)) for inputs in (3, WIDTH, WIDTH, WIDTH)]
        self.blocks = nn.ModuleList(nn.ModuleDict({"conv": conv, "bn": bn}) for conv, bn in parts)

    def stages(self) -> dict[str, nn.Module]:
        """The blocks as they are run: convolution with the batch norm folded in, max-pool 2, ReLU.

        Equal to convolution, batch norm, ReLU, max-pool up to rounding (5e-7), in half the time on a CPU.
        """
        fused = [fuse_conv_bn_eval(block["conv"], block["bn"]) for block in self.eval().blocks]  # type: ignore[index]
        return {f"block{i + 1}": nn.Sequential(conv, nn.MaxPool2d(2), nn.ReLU()) for i, conv in enumerate(fused)}


def load(name: str, stem: str, device: torch.device) -> Encoder:
    """The encoder in `weights/conv4/STEM.safetensors` of the data root.

    `embed` is the last map flattened, 64 x 5 x 5 = 1600 numbers, as in the authors' own evaluation; `block4` is its
    average over places, 64 numbers. The supervised twins (`sup_*`) were trained on ImageNet-normalised pixels, all others
    on raw pixels in [0, 1].
    """
    model = Conv4()
    path = files.conv4(stem)
    load_strict(model, read_safetensors(path), str(path))
    backbone = Stages(model.stages(), nn.Flatten(), dim=WIDTH * (SIZE // 16) ** 2)
    return Encoder(name, backbone, IMAGENET if stem.startswith("sup_") else RAW, size=SIZE, device=device)
