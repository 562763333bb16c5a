"""Patch tokens of a vision transformer as grids: any block, the final norm on or off, whole images or tiles.

The final map of a convolutional network is such a grid too, one vector per square of pixels, and is read the same way. Its
vectors see beyond their squares, as tokens do.
"""

from collections.abc import Sequence

import numpy as np
import torch

from analysis.encoders.backbones import Transformer
from analysis.encoders.base import Encoder
from analysis.errors import UserError

Array = np.ndarray
Tiles = tuple[int, int]  # rows, columns


def patch_side(encoder: Encoder) -> int:
    """Side of the squares, px, that the encoder has one vector for: the patches of a transformer, the stride of a convnet."""
    if isinstance(encoder.backbone, Transformer):
        return int(encoder.backbone.model.patch_embed.patch_size[0])
    grid = encoder.patches(np.zeros((1, encoder.size, encoder.size, 3), np.uint8))
    return encoder.size // grid.shape[1]


def with_grid(encoder: Encoder, side: int) -> Encoder:
    """The same network with an input of `side` x `side` patches, whatever the size of its patches.

    Grids are made equal because a place is harder to find among 16 x 16 than among 14 x 14: an encoder with smaller patches
    gets a smaller input. Position codes are made as `Transformer.at_size` says.

    Raises:
        UserError: the network has no such grid at any size, but one vector per image, say.
    """
    made = encoder.at_size(side * patch_side(encoder))
    if not isinstance(made.backbone, Transformer):
        rows, columns = made.patches(np.zeros((1, made.size, made.size, 3), np.uint8)).shape[1:3]
        if (rows, columns) != (side, side):
            raise UserError(f"encoder {encoder.name!r} has no grid of {side} x {side} patches, but {rows} x {columns}")
    return made


def split(images: Array, tiles: Tiles) -> Array:
    """Cut (n, H, W, ...) into (n * rows * columns, t, t, ...), row by row; t = H / rows = W / columns.

    Raises:
        ValueError: the tiles would not be square or would not cover the image.
    """
    (rows, columns), (n, height, width) = tiles, images.shape[:3]
    side = height // rows
    if (rows * side, columns * side) != (height, width):
        raise ValueError(f"images of {height} x {width} do not fall into {rows} x {columns} square tiles")
    cut = images.reshape(n, rows, side, columns, side, *images.shape[3:]).swapaxes(2, 3)
    return cut.reshape(n * rows * columns, side, side, *images.shape[3:])


def stitch(tiled: Array, tiles: Tiles) -> Array:
    """The inverse of `split`, for tiles (n * rows * columns, g, g, ...) of any side g: (n, rows * g, columns * g, ...)."""
    (rows, columns), side = tiles, tiled.shape[1]
    laid = tiled.reshape(-1, rows, columns, side, side, *tiled.shape[3:]).swapaxes(2, 3)
    return laid.reshape(-1, rows * side, columns * side, *tiled.shape[3:])


def layers(encoder: Encoder) -> tuple[str, ...]:
    """Names of the blocks, in forward order; none of a convolutional network, whose blocks have grids of other sizes."""
    if not isinstance(encoder.backbone, Transformer):
        return ()
    return tuple(name for name in encoder.layers if name.startswith("block"))


def tokens(encoder: Encoder, images: Array, *, tiles: Tiles = (1, 1)) -> Array:
    """Final patch tokens (n, h, w, d) float32 of images (n, H, W, 3) uint8; every tile is an image of its own to the encoder.

    Row 0 is at the top and column 0 at the left; class and register tokens are left out.
    """
    return stitch(encoder.patches(split(images, tiles)).numpy(), tiles)


def read_block(encoder: Encoder) -> str:
    """The block whose tokens, through the final norm, are what `tokens` gives: the last, or where a network is read."""
    assert isinstance(encoder.backbone, Transformer)
    return f"block{encoder.backbone.output or len(layers(encoder))}"


def final_norm(encoder: Encoder, grids: Array) -> Array:
    """Tokens (..., d) of a block through the final norm of a transformer.

    Vanyan et al. 2024 send inner blocks through the last block's norm, too.
    """
    assert isinstance(encoder.backbone, Transformer)
    with torch.inference_mode():
        return np.asarray(encoder.backbone.model.norm(torch.from_numpy(grids).to(encoder.device)).cpu().numpy())


def layer_tokens(encoder: Encoder, images: Array, names: Sequence[str], *, tiles: Tiles = (1, 1)) -> dict[str, Array]:
    """Tokens (n, h, w, d) after each of the blocks `names`, before the final norm, from one forward pass.

    Raises:
        UserError: the encoder is no vision transformer.
    """
    if not isinstance(encoder.backbone, Transformer):
        raise UserError(f"encoder {encoder.name!r} has no blocks with one grid: it is no vision transformer")
    cut = split(images, tiles)
    parts: dict[str, list[Array]] = {name: [] for name in names}
    with torch.inference_mode():
        for start in range(0, len(cut), encoder.batch_size):
            x = encoder.transform(cut[start : start + encoder.batch_size]).to(encoder.device)
            for name, found in encoder.backbone.forward_layers(x, names).items():
                parts[name].append(found.grid.float().cpu().numpy())
    return {name: stitch(np.concatenate(part), tiles) for name, part in parts.items()}
