"""Encoders that timm defines, from weights already on this machine: by timm name, and one local ViT-Tiny."""

from typing import Any

import timm
import torch

from analysis.encoders import files
from analysis.encoders.backbones import wrap
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF
from analysis.encoders.weights import State, load_strict, read_safetensors, without

IGNORED = ("mask_token",)  # DINOv2's token for masked patches, used in pre-training only


def load(name: str, model_name: str, device: torch.device) -> Encoder:
    """`timm:MODEL.WEIGHTS` from the local Hugging Face cache, at the model's own input size; DINOv2 at 224 px."""
    path = files.timm(model_name)
    return _encoder(name, model_name, without(read_safetensors(path), IGNORED), str(path), device)


def untrained(name: str, model_name: str, device: torch.device) -> Encoder:
    """The network of `timm:MODEL.WEIGHTS` with random weights; no file is read."""
    return _encoder(name, model_name, None, "", device)


def _encoder(name: str, model_name: str, weights: State | None, source: str, device: torch.device) -> Encoder:
    model = timm.create_model(model_name, pretrained=False)
    if weights is not None:
        load_strict(model, weights, source)
    config: dict[str, Any] = model.pretrained_cfg  # type: ignore[assignment]
    size = 224 if "dinov2" in model_name else config["input_size"][-1]
    normalisation, interpolation = (tuple(config["mean"]), tuple(config["std"])), config["interpolation"]
    return Encoder(name, wrap(model), normalisation, size=size, interpolation=interpolation, device=device)


def load_vit_tiny(name: str, device: torch.device) -> Encoder:
    """ViT-Ti/16, supervised on ImageNet (Steiner et al. 2021, arXiv 2106.10270), 224 px, mean = std = 0.5."""
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    path = files.vit_tiny()
    load_strict(model, read_safetensors(path), str(path))
    return Encoder(name, wrap(model), HALF, size=224, device=device)
