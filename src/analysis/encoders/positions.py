"""Position codes for grids of another size, made from the stored ones as each method's authors make them."""

from typing import Any

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor, nn
from torch.nn import functional

from analysis.encoders.checkpoints import PositionCode


def resize(model: Any, stored: Any, size: int, code: PositionCode) -> None:
    """Set `model`, a copy of the timm transformer `stored`, to inputs of `size` x `size`; its code comes from `stored`."""
    if code.rule == "geometric":
        table = stored.rel_pos_bias.relative_position_bias_table.detach()
        model.rel_pos_bias.relative_position_bias_table = nn.Parameter(table.to("meta"))  # timm's own resampling is left out
        model.set_input_size(img_size=(size, size))
        side = model.patch_embed.grid_size[0]
        model.rel_pos_bias.relative_position_bias_table = nn.Parameter(geometric(table, side))
        return
    model.set_input_size(img_size=(size, size))
    side, old = model.patch_embed.grid_size[0], stored.patch_embed.grid_size[0]
    places = stored.pos_embed.detach()
    if code.rule == "sine":
        new = sine(side, places.shape[-1], resolution=old / side).to(places)
    else:
        prefix = 0 if stored.no_embed_class else stored.num_prefix_tokens
        new = torch.cat([places[:, :prefix], bicubic(places[:, prefix:], side, code)], 1)
    model.pos_embed = nn.Parameter(new)


def bicubic(places: Tensor, side: int, code: PositionCode) -> Tensor:
    """The code of old x old places, (1, old^2, width), resampled to (1, side^2, width)."""
    old = round(places.shape[1] ** 0.5)
    grid = places.unflatten(1, (old, old)).movedim(-1, 1)
    target: dict[str, Any] = {"scale_factor": (side + code.offset) / old} if code.offset else {"size": (side, side)}
    grid = functional.interpolate(
        grid, **target, mode="bicubic", antialias=code.antialias, align_corners=code.align_corners or None
    )
    return grid.flatten(2).mT


def sine(side: int, width: int, resolution: float) -> Tensor:
    """Scale-MAE's code of `side` x `side` places after zeros for the class token, (1, 1 + side^2, width).

    Reed et al. 2022 (arXiv 2212.14532): MAE's sine-cosine code at places x multiplied by the ground resolution g,

        sin(g x w_k), cos(g x w_k)  with  w_k = 10000^(-4k / width),  k = 0 ... width / 4 - 1.

    As in the authors' code the columns' numbers come before the rows', and in each half the sines before the cosines. An
    image of fewer pixels has a coarser resolution: as in the authors' evaluation g is 224 / size, 1 at 224 px.
    """
    frequency = 10_000.0 ** -(torch.arange(width // 4) / (width / 4))
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [resolution * place.flatten()[:, None] * frequency for place in (column, row)]
    code = torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], 1)
    return torch.cat([torch.zeros(1, width), code])[None]


def geometric(table: Tensor, side: int) -> Tensor:
    """A table of relative positions, ((2 old - 1)^2 + 3, heads), for a grid of `side` x `side` places.

    SimMIM's remapping (Xie et al. 2022, from BEiT): the stored distances 0, 1, 2, ... are taken to lie at 0, 1, 1 + q, 1 + q +
    q^2, ..., with q such that the last one is the largest distance of the new grid, and at least 1.01; a bicubic spline
    through them is read at the whole numbers. The last three rows, of the class token, stay.
    """
    places, rest = table[:-3], table[-3:]
    old = (round(len(places) ** 0.5) + 1) // 2
    powers = np.arange(old - 1)
    low, high = 1.01, 1.5
    while high - low > 1e-6:  # the authors' own search, to its last digit
        q = (low + high) / 2
        low, high = (low, q) if (q**powers).sum() > side - 1 else (q, high)
    positive = np.cumsum(q**powers)
    stored = np.concatenate([-positive[::-1], [0], positive])
    wanted = np.arange(1 - side, side)
    grids = places.T.unflatten(1, (len(stored), len(stored))).double().cpu().numpy()
    new = np.stack([RectBivariateSpline(stored, stored, grid)(wanted, wanted).ravel() for grid in grids], 1)
    return torch.cat([torch.from_numpy(new).to(rest), rest])
