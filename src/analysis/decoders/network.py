"""The network that denoises: a UNet of diffusers and the embedding of representations in front of it."""

from typing import Any

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.nn import functional

from analysis.decoders.conditions import Condition
from analysis.decoders.embedding import RepEmbed
from analysis.decoders.objective import SIGMA_DATA
from analysis.decoders.recipe import Shape


def unet(shape: Shape, channels_in: int, channels_out: int) -> Any:
    """The UNet of Dhariwal and Nichol (2021, arXiv 2105.05233) as diffusers builds it, conditioned through scale and shift.

    What it takes as `class_labels` is added to the time embedding, and every residual block turns the sum into scale and
    shift of its second normalisation: the way the released code of RCDM goes.
    """
    down = tuple("AttnDownBlock2D" if here else "DownBlock2D" for here in shape.attention)
    up = tuple("AttnUpBlock2D" if here else "UpBlock2D" for here in reversed(shape.attention))
    return UNet2DModel(
        sample_size=shape.size // shape.patch,
        in_channels=channels_in,
        out_channels=channels_out,
        layers_per_block=shape.blocks,
        block_out_channels=shape.widths,
        down_block_types=down,
        up_block_types=up,
        norm_num_groups=shape.groups,
        attention_head_dim=shape.head,
        class_embed_type="identity",
        resnet_time_scale_shift="scale_shift",
        downsample_type=shape.resample,
        upsample_type=shape.resample,
    )


class Denoiser(nn.Module):
    """F(x, t | h): images (n, 3, s, s), times (n,) and representations -> (n, 3 or 6, s, s).

    Squares of `patch` pixels become channels before the network and pixels again behind it, which divides its cost by
    patch^2; the map of a condition lies beside them.
    """

    def __init__(self, shape: Shape, conditions: tuple[Condition, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        pixels = 3 * shape.patch**2
        embed = RepEmbed(conditions, widths, shape.code, 4 * shape.widths[0], shape.size // shape.patch)
        self.unet = unet(shape, pixels + embed.channels, shape.channels * shape.patch**2)
        for parameter in self.unet.get_submodule("conv_out").parameters():
            nn.init.zeros_(parameter)  # as in the released code: what is drawn at first is the guess alone
        self.embed = embed

    def guess(self, maps: Tensor) -> Tensor:
        """What maps (n, 4, ...) say the images (n, 3, s, s) look like: the average image, and what the map adds to it."""
        size = self.shape.size
        average = functional.interpolate(self.embed.average[None], size=size, mode="bilinear", align_corners=False)
        if not maps.shape[1]:
            return average.expand(len(maps), -1, -1, -1)
        return average + SIGMA_DATA * functional.interpolate(maps[:, :3], size=size, mode="bilinear", align_corners=False)

    def forward(self, x: Tensor, time: Tensor, added: Tensor, maps: Tensor) -> Tensor:
        """`added` and `maps` are what `embed` returns."""
        inside = torch.cat([functional.pixel_unshuffle(x, self.shape.patch), maps], 1)
        out = self.unet(inside, time, class_labels=added, return_dict=False)[0]
        return functional.pixel_shuffle(out, self.shape.patch)
