"""Networks seen layer by layer: one interface over timm transformers, timm convnets and plain stacks of stages."""

import copy
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from analysis.encoders import positions
from analysis.encoders.checkpoints import PositionCode
from analysis.errors import UserError


class Activation(NamedTuple):
    """What one layer says about a batch: one vector per image, and one per place in raster order."""

    vector: Tensor  # (n, d)
    grid: Tensor  # (n, h, w, d)


class Backbone(nn.Module):
    """A network whose layers can be read by name.

    Attributes:
        layers: names in the order of the forward pass; `embed`, the network's standard output, is always among them.
        dim: width of `embed`.
        pixels: of images read at once on a processor, so that activations stay in its cache: measured best at 2^17 for
            transformers of 64 px and 224 px and for Conv4 (84 px).
    """

    layers: tuple[str, ...]
    dim: int
    pixels: int = 2**17

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """The layers asked for, from one forward pass over x, (n, 3, size, size)."""
        raise NotImplementedError

    def part(self, layer: str) -> nn.Module | None:
        """The module whose output is the map (n, c, h, w) of `layer`; None where there is no such map."""
        return None

    def at_size(self, size: int) -> "Backbone":
        """This network for inputs of `size` x `size`: itself, if it takes them; it is never changed."""
        return self


class Transformer(Backbone):
    """A timm vision transformer.

    `block1` ... `blockN`: the tokens after each block (before the final norm), pooled as the model pools the last ones: by
    the CLS token, or by the mean over patches; `embed`: the model's own pooled, normalised output; `patch_mean`: the mean of
    the final normalised patch tokens. Register tokens are never part of a mean nor of a grid.

    A network whose last blocks are a decoder is read at an `output` before them: `embed` and `patch_mean` are then the mean
    over patches after that block, which go through the final norm as those of other networks do.

    `position_code` says how the code is made for another size; by default as timm does: bicubic and antialiased.
    """

    def __init__(self, model: Any, output: int | None = None, position_code: PositionCode | None = None) -> None:
        super().__init__()
        self.model, self.output, self.position_code = model, output, position_code
        self._loaded: tuple[Transformer, ...] = ()  # what this one was resized from; in a tuple, so that it is no part of it
        self.layers = (*(f"block{i + 1}" for i in range(len(model.blocks))), "embed", "patch_mean")
        self.dim = model.head_hidden_size
        has_cls = getattr(model, "has_class_token", model.num_prefix_tokens > 0)
        self._by_cls = has_cls and getattr(model, "global_pool", "token") == "token"

    def extra_repr(self) -> str:
        """Where it is read: part of what tells two encoders apart."""
        return "" if self.output is None else f"output={self.output}"

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        standard = [name for name in ("embed", "patch_mean") if name in layers]
        to_the_end = bool(standard) and self.output is None
        at_output = bool(standard) and self.output is not None
        taps = [i for i in range(len(self.model.blocks)) if self.layers[i] in layers or (at_output and i + 1 == self.output)]
        final, blocks = self._tokens(x, taps, to_the_end)
        height, width = self.model.patch_embed.dynamic_feat_size(x.shape[-2:])
        found = {}
        for i, (patches, prefix) in zip(taps, blocks, strict=True):
            vector = prefix[:, 0] if self._by_cls else patches.mean(1)
            found[self.layers[i]] = Activation(vector, patches.unflatten(1, (height, width)))
        if to_the_end:
            patches = final[:, self.model.num_prefix_tokens :]
            grid = patches.unflatten(1, (height, width))
            found["embed"] = Activation(self.model.forward_head(final, pre_logits=True), grid)
            found["patch_mean"] = Activation(patches.mean(1), grid)
        elif at_output:
            grid = self.model.norm(found[f"block{self.output}"].grid)
            found |= dict.fromkeys(standard, Activation(grid.flatten(1, 2).mean(1), grid))
        return {name: found[name] for name in layers}

    def _tokens(self, x: Tensor, taps: list[int], to_the_end: bool) -> tuple[Any, list[tuple[Tensor, Tensor]]]:
        out = self.model.forward_intermediates(
            x,
            indices=taps or [0],  # timm refuses an empty list
            return_prefix_tokens=True,
            output_fmt="NLC",
            stop_early=not to_the_end,
            intermediates_only=not to_the_end,
        )
        final, blocks = out if to_the_end else (None, out)
        if not self.model.num_prefix_tokens:  # then timm returns the patches alone
            blocks = [(patches, patches[:, :0]) for patches in blocks]
        return final, blocks if taps else []

    def at_size(self, size: int) -> "Transformer":
        """A network of the same weights for that size, its position code made from the one that was loaded; see `positions`.

        Raises:
            UserError: the side is no multiple of the patch.
        """
        patch = self.model.patch_embed.patch_size[0]
        if size % patch:
            below, above = size // patch * patch, -(-size // patch) * patch
            raise UserError(
                f"this encoder takes images whose side is a multiple of {patch} px, not {size}: use {below or above} or {above}"
            )
        loaded = self._loaded[0] if self._loaded else self
        for network in (self, loaded):
            if tuple(network.model.patch_embed.img_size or ()) == (size, size):
                return network
        sized = copy.deepcopy(loaded, {id(weight): weight for weight in loaded.parameters()})
        if self.position_code is None:
            sized.model.set_input_size(img_size=(size, size))
        else:
            positions.resize(sized.model, loaded.model, size, self.position_code)
        sized._loaded = (loaded,)
        return sized


class Convnet(Backbone):
    """A timm convnet (or any timm model that returns maps): its feature stages, averaged over places, and `embed`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.layers = (*(info["module"] for info in model.feature_info), "embed")
        self.dim = model.head_hidden_size

    def part(self, layer: str) -> nn.Module | None:
        """See `Backbone`."""
        return None if layer == "embed" else self.model.get_submodule(layer)

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        taps = [i for i, name in enumerate(self.layers[:-1]) if name in layers]
        final, maps = self.model.forward_intermediates(x, indices=taps or [0])
        found = {self.layers[i]: _averaged(grid) for i, grid in zip(taps, maps, strict=False)}
        found["embed"] = Activation(self.model.forward_head(final, pre_logits=True), final.movedim(1, -1))
        return {name: found[name] for name in layers}


class Stages(Backbone):
    """A plain stack of named convolutional stages; `embed` is `head` of the last map."""

    def __init__(self, stages: Mapping[str, nn.Module], head: nn.Module, dim: int) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(stages)
        self.head = head
        self.layers = (*stages, "embed")
        self.dim = dim

    def part(self, layer: str) -> nn.Module | None:
        """See `Backbone`."""
        return dict(self.stages.items()).get(layer)

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        found = {}
        for name, stage in self.stages.items():
            x = stage(x)
            if name in layers:
                found[name] = _averaged(x)
        if "embed" in layers:
            found["embed"] = Activation(self.head(x), x.movedim(1, -1))
        return {name: found[name] for name in layers}


def _averaged(maps: Tensor) -> Activation:
    return Activation(maps.mean((2, 3)), maps.movedim(1, -1))


def wrap(model: nn.Module, output: int | None = None) -> Backbone:
    """`model` as a `Backbone`: itself if it is one, else the timm interface that fits it; `output` is for `Transformer`.

    Raises:
        UserError: a timm model whose layers cannot be read as tokens or as maps (n, c, h, w).
    """
    if isinstance(model, Backbone):
        return model
    if hasattr(model, "blocks") and hasattr(model, "num_prefix_tokens"):
        return Transformer(model, output)
    if not hasattr(model, "forward_intermediates") or getattr(model, "output_fmt", "NCHW") != "NCHW":
        raise UserError(f"{type(model).__name__} networks cannot be read layer by layer here; plain ViTs and convnets can")
    return Convnet(model)


def resolve_device(device: str) -> torch.device:
    """`auto` (a GPU if there is one), `cpu` or `cuda`, as a torch device.

    Raises:
        UserError: another word, or `cuda` on a machine without a usable GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"unknown device {device!r}; there is auto, cpu, cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device 'cuda': this machine has no usable GPU; use cpu, or auto to take a GPU where there is one")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
