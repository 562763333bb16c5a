"""The published checkpoints as encoders, from files on disk: see `checkpoints` for the list of them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

from analysis.encoders import files, positions
from analysis.encoders.backbones import Backbone, Stages, Transformer
from analysis.encoders.base import Encoder
from analysis.encoders.checkpoint_layouts import head, sorted_out
from analysis.encoders.checkpoints import SIZE, Checkpoint, checkpoints
from analysis.encoders.weights import load_strict, read_torch
from analysis.errors import UserError

RESNETS = {"resnet50": ((3, 4, 6, 3), 1), "resnet50x2": ((3, 4, 6, 3), 2), "resnet200x2": ((3, 24, 36, 3), 2)}


def load(name: str, argument: str, device: torch.device) -> Encoder:
    """`hub-file:KIND` or `hub-file:KIND=PATH` at 224 px, with the authors' own resizing and normalisation.

    Raises:
        UserError: the file is unreadable, not the published one, or a key of it belongs to nothing the checkpoint is known for;
            where it is laid out as that of another kind of the same method, that kind is named.
    """
    kind, path = files.hub(argument)
    row = checkpoints()[kind]
    _verify(row, path)
    content = read_torch(path)
    try:
        backbone, projector = networks(row, content, str(path))
    except UserError:
        if (other := _sibling(row, content)) is None:
            raise
        raise UserError(f"{path} is laid out as the file of {other}, not of {kind}: write hub-file:{other}={path}") from None
    return Encoder(
        name,
        backbone,
        (row.mean, row.std),
        size=SIZE,
        interpolation=row.interpolation,
        projector=projector,
        device=device,
    )


def untrained(name: str, argument: str, device: torch.device) -> Encoder:
    """The network of `hub-file:KIND` with random weights; no file is read."""
    row = checkpoints()[files.hub(argument)[0]]
    backbone = (resnet if row.architecture in RESNETS else transformer)(row, None, "")
    return Encoder(name, backbone, (row.mean, row.std), size=SIZE, interpolation=row.interpolation, device=device)


def networks(row: Checkpoint, content: Mapping[str, Any], source: str) -> tuple[Backbone, nn.Module | None]:
    """Backbone and projection head with the weights of the file, each complete.

    Of a ResNet `embed` is the average pool; there is no classifier, since a random one would be left in its place. Of a
    transformer it is the normalised class token, where a loss trained one, and else the mean over patches; nothing is
    masked. The projection head ends before any scaling to unit length.
    """
    weights, head_weights = sorted_out(row, content, source)
    build = resnet if row.architecture in RESNETS else transformer
    backbone = build(row, weights, source)
    if not row.projector:
        return backbone, None
    projector = head(row.projector, backbone.dim)
    load_strict(projector, head_weights, f"the projection head in {source}")
    return backbone, projector


def resnet(row: Checkpoint, weights: Mapping[str, torch.Tensor] | None, source: str) -> Stages:
    """torchvision's ResNet without its classifier; `x2`: every layer twice as wide (not only the inner ones).

    `weights` None: random ones.
    """
    depths, widen = RESNETS[row.architecture]
    model = ResNet(Bottleneck, list(depths))
    if widen > 1:
        model.inplanes = width = 64 * widen
        model.conv1, model.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        for i, depth in enumerate(depths):
            setattr(model, f"layer{i + 1}", model._make_layer(Bottleneck, width * 2**i, depth, stride=min(i + 1, 2)))
    model.fc = nn.Identity()  # type: ignore[assignment]
    if weights is not None:
        load_strict(model, weights, source)
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)}
    stages |= {f"layer{i}": getattr(model, f"layer{i}") for i in range(1, 5)}
    return Stages(stages, nn.Sequential(model.avgpool, nn.Flatten()), dim=2048 * widen)


def transformer(row: Checkpoint, weights: Mapping[str, torch.Tensor] | None, source: str) -> Transformer:
    """timm's transformer of that name at the size it was trained at, DINOv2 at 518 px; see `Transformer.at_size`.

    `weights` None: random ones.
    """
    model: Any = timm.create_model(row.architecture, pretrained=False, num_classes=0, **row.options)
    if weights is not None:
        load_strict(model, weights, source)
    if row.options.get("global_pool") == "avg":
        # where there is a class token, no loss ever reached it: blocks are pooled over the patches
        model.has_class_token = False
    if row.position_code.rule == "sine":  # the authors' network computes its code and leaves the stored one alone
        model.pos_embed = nn.Parameter(positions.sine(model.patch_embed.grid_size[0], model.embed_dim, resolution=1.0))
    return Transformer(model, position_code=row.position_code)


def _sibling(row: Checkpoint, content: Mapping[str, Any]) -> str | None:
    """Another kind of the same method whose network this file fills, by keys and shapes, if it does not fill that of `row`."""

    def fits(kind: Checkpoint) -> bool:
        """Whether the file fills the network of a kind, by keys and shapes; no weight is copied."""
        try:
            with torch.device("meta"):
                networks(kind, content, "")
        except UserError:
            return False
        return True

    others = [kind for kind in checkpoints().values() if kind.method == row.method and kind != row]
    return None if fits(row) else next((kind.kind for kind in others if fits(kind)), None)


def _verify(row: Checkpoint, path: Path) -> None:
    """The file begins to digest as its publisher says; two trainings of one network differ in nothing else."""
    if not row.digest:
        return
    kind, digits = row.digest.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if not found.startswith(digits):
        raise UserError(
            f"{path} is damaged or not the file of {row.kind}: its {kind.upper()} begins with {found[: len(digits)]}, that of "
            f"{row.file} with {digits}"
        )
