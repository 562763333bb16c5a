"""The authors' own checkpoints, from files on disk: SwAV ResNet-50, DINOv2 ViT-S/B, MAE ViT-B.

Every key of a file is either loaded or belongs to a head named here.
"""

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import nn
from torchvision.models import resnet50

from analysis.encoders import files
from analysis.encoders.backbones import Backbone, Stages, Transformer
from analysis.encoders.base import Encoder
from analysis.encoders.transform import IMAGENET
from analysis.encoders.weights import load_strict, read_torch, under, without

SIZE = 224
# Heads no representation uses: SwAV's cluster centres, MAE's pixel decoder, the token put in place of masked patches.
IGNORED = ("prototypes.", "decoder_", "mask_token")


def load(name: str, argument: str, device: torch.device) -> Encoder:
    """`hub-file:KIND=PATH` at 224 px with ImageNet normalisation; see `files.HUB_FILES` for the kinds."""
    kind, path = files.hub(argument)
    content, model = read_torch(path), files.HUB_FILES[kind].timm
    backbone, projector = swav(content, str(path)) if model is None else (transformer(model, content, str(path)), None)
    return Encoder(name, backbone, IMAGENET, size=SIZE, projector=projector, device=device)


def swav(content: Mapping[str, Any], source: str) -> tuple[Backbone, nn.Module | None]:
    """ResNet-50 of SwAV (Caron et al. 2020, arXiv 2006.09882): 2048-d average pool, and the 128-d projection head.

    The keys carry `module.` from distributed training. There is no classifier, so `fc` becomes the identity: left in, it
    would be random. `project` is the head before SwAV's l2 normalisation.
    """
    state = {key.removeprefix("module."): value for key, value in content.get("state_dict", content).items()}
    model = resnet50()
    model.fc = nn.Identity()
    heads = under(state, "projection_head.")
    load_strict(model, without(state, (*IGNORED, "projection_head.")), source)
    projector = None
    if heads:
        projector = nn.Sequential(nn.Linear(2048, 2048), nn.BatchNorm1d(2048), nn.ReLU(), nn.Linear(2048, 128))
        load_strict(projector, heads, f"the projection head in {source}")
    stages = {"stem": nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)}
    stages |= {f"layer{i}": getattr(model, f"layer{i}") for i in range(1, 5)}
    return Stages(stages, nn.Sequential(model.avgpool, nn.Flatten()), dim=2048), projector


def transformer(model_name: str, content: Mapping[str, Any], source: str) -> Transformer:
    """DINOv2 (Oquab et al. 2023, arXiv 2304.07193) or the encoder of MAE (He et al. 2021, arXiv 2111.06377).

    Both files use timm's own keys; MAE's lie under `model`. `embed` is the normalised CLS token, `patch_mean` the other
    usual choice for MAE; nothing is masked. DINOv2 is loaded at the 518 px it was trained at, then resampled (see
    `Transformer.resize`).
    """
    model = timm.create_model(model_name, pretrained=False)
    load_strict(model, without(content.get("model", content), IGNORED), source)
    return Transformer(model)
