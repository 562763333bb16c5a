"""The small networks of the zoo: one residual network, one vision transformer, and the heads kept with them."""

import warnings
from collections.abc import Collection
from typing import Any, cast

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from analysis.encoders.backbones import Activation, Backbone
from analysis.errors import UserError

RESNET: dict[str, Any] = {"family": "resnet", "widths": [16, 32, 64, 128], "dim": 512}
VIT: dict[str, Any] = {"family": "vit", "patch": 8, "width": 96, "depth": 6, "heads": 3, "mlp": 3, "pool": "avg"}


class Block(nn.Module):
    """A basic residual block (He et al. 2016, figure 2): relu(shortcut(x) + BN(conv(relu(BN(conv(x))))))."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm1: Any = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2: Any = nn.BatchNorm2d(width)
        self.act = nn.ReLU(inplace=True)
        changes = before != width or stride > 1
        self.shortcut: nn.Module = (
            nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)) if changes else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, width, h / stride, w / stride)."""
        inner = self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))
        return self.act(inner + self.shortcut(x))

    def fold(self) -> None:
        """See `ResNet.fold`."""
        self.conv1, self.norm1 = fuse_conv_bn_eval(self.conv1, self.norm1), nn.Identity()
        self.conv2, self.norm2 = fuse_conv_bn_eval(self.conv2, self.norm2), nn.Identity()
        if isinstance(self.shortcut, nn.Sequential):
            self.shortcut = fuse_conv_bn_eval(*self.shortcut)


class ResNet(Backbone):
    """A residual network for small images: a stem of stride 4, four stages of one block, a wide post-ReLU output.

    `stage1` ... `stage4` are maps at 1/4, 1/8, 1/16, 1/32 of the input; `embed` is the mean over places of
    relu(BN(conv1x1(stage4))). It is never negative, as the pooled output of a full ResNet: measures that count active
    units need that, and 512 of them where the last stage alone would have 128.
    """

    pixels = 2**19  # the stem leaves a sixteenth of them; a seventh quicker than at 2^17

    def __init__(self, widths: list[int], dim: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 2, 1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        befores, strides = [widths[0], *widths], [1, 2, 2, 2]
        self.stages = nn.ModuleList(Block(b, w, s) for b, w, s in zip(befores, widths, strides, strict=False))
        self.expand = nn.Sequential(nn.Conv2d(widths[-1], dim, 1, bias=False), nn.BatchNorm2d(dim), nn.ReLU(inplace=True))
        self.layers = (*(f"stage{i + 1}" for i in range(len(widths))), "embed")
        self.dim = dim

    def fold(self) -> None:
        """Put every batch norm into the convolution before it, for good: equal up to 1e-6, in four fifths of the time at 128.

        For an encoder that is used; one that is to be trained further needs its norms.
        """
        self.eval()
        self.stem = nn.Sequential(fuse_conv_bn_eval(*self.stem[:2]), *self.stem[2:])
        for stage in self.stages:
            cast(Block, stage).fold()
        self.expand = nn.Sequential(fuse_conv_bn_eval(*self.expand[:2]), self.expand[2])

    def part(self, layer: str) -> nn.Module | None:
        """See `Backbone`."""
        return None if layer == "embed" else self.stages[self.layers.index(layer)]

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        x = self.stem(x)
        found = {}
        for name, stage in zip(self.layers, self.stages, strict=False):
            x = stage(x)
            if name in layers:
                found[name] = Activation(x.mean((2, 3)), x.movedim(1, -1))
        if "embed" in layers:
            x = self.expand(x)
            found["embed"] = Activation(x.mean((2, 3)), x.movedim(1, -1))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, dim), at least 0."""
        return self.forward_layers(x, ("embed",))["embed"].vector


def build(architecture: dict[str, Any]) -> nn.Module:
    """The backbone an architecture describes, freshly initialised; called on images (n, 3, size, size) it gives (n, d).

    An `output` before the end of a transformer is for who reads it (`backbones.wrap`); the network is the same.

    Transformers get the fixed sine-cosine position code and the Xavier initialisation of MAE (He et al. 2022): a learnt code
    costs short trainings most, and timm's spread of 0.02 is meant for far wider networks.

    Raises:
        UserError: unknown family.
    """
    if architecture["family"] == "resnet":
        return ResNet(architecture["widths"], architecture["dim"])
    if architecture["family"] != "vit":
        raise UserError(f"unknown architecture family {architecture['family']!r}; there are resnet, vit")
    model = VisionTransformer(
        img_size=64,
        patch_size=architecture["patch"],
        embed_dim=architecture["width"],
        depth=architecture["depth"],
        num_heads=architecture["heads"],
        mlp_ratio=architecture["mlp"],
        global_pool=architecture["pool"],
        fc_norm=False,
        num_classes=0,
        dynamic_img_size=True,
    )
    from lightly.models.modules import MaskedVisionTransformerTIMM  # here, for it costs every process seconds

    MaskedVisionTransformerTIMM(model)  # initialises its argument in place
    return model


def build_projector(architecture: dict[str, Any]) -> nn.Module | None:
    """The head a method trained on top of `embed`, (n, d) -> (n, p), or None where the method has none to keep.

    `architecture["projector"]` names a head of lightly and its widths, e.g. {"head": "SimCLRProjectionHead", ...}.

    Raises:
        UserError: the head is unknown.
    """
    projector = dict(architecture.get("projector") or {})
    if not projector:
        return None
    from lightly.models.modules import heads

    head = getattr(heads, projector.pop("head"), None)
    if head is None:
        raise UserError(f"unknown projector {architecture['projector']['head']!r}; it must be a head of lightly")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # lightly's DINO head uses a torch function about to be renamed
        return head(**projector)
