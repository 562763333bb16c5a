"""Encoders in this project's own format: a .safetensors file and a card (.json) beside it, in the zoo or anywhere."""

from pathlib import Path

import torch

from analysis.encoders import files, zoo
from analysis.encoders.backbones import wrap
from analysis.encoders.base import Encoder
from analysis.encoders.weights import load_strict, read_safetensors, under
from analysis.errors import UserError


def load(name: str, path: Path, device: torch.device) -> Encoder:
    """The encoder in `path`: keys `backbone.*` and, where the head was kept, `projector.*`; float16 on disk, float32 here.

    Raises:
        UserError: the file is not the one its card describes, or a key is left over, missing or misshapen.
    """
    card = files.verified_card(path)
    state = read_safetensors(files.local(path)[0])
    stray = [key for key in state if not key.startswith(("backbone.", "projector."))]
    if stray:
        raise UserError(f"{path}: key {stray[0]!r} is neither backbone.* nor projector.*")
    model = zoo.build(card["architecture"])
    load_strict(model, under(state, "backbone."), str(path))
    if isinstance(model, zoo.ResNet):
        model.fold()
    projector = None
    if heads := under(state, "projector."):
        projector = zoo.build_projector(card["architecture"])
        if projector is None:
            raise UserError(f"{path} holds a projector, but the architecture on its card has none")
        load_strict(projector, heads, f"the projector in {path}")
    normalisation = (tuple(card["mean"]), tuple(card["std"]))
    backbone = wrap(model, card["architecture"].get("output"))
    return Encoder(name, backbone, normalisation, size=card["size"], projector=projector, device=device)
