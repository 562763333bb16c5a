"""Masked image modelling on the transformer: MAE, SimMIM, Scale-MAE."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from lightly.models import utils
from lightly.models.modules import MaskedVisionTransformerDecoderTIMM, MaskedVisionTransformerTIMM
from torch import Generator, Tensor, nn

from analysis.encoders import zoo
from analysis.training.methods.base import Method, Step


class MAE(Method):
    """He et al. 2022: three quarters of the patches are hidden and their normalised pixels predicted from the rest."""

    base: ClassVar[dict[str, Any]] = zoo.VIT
    ratio, width, depth = 0.75, 64, 1

    def __init__(self) -> None:
        super().__init__()
        vit = self.backbone
        self.masked = MaskedVisionTransformerTIMM(vit, weight_initialization="skip", pos_embed_initialization="skip")
        self.enter = nn.Linear(self.base["width"], self.width)
        self.decoder = MaskedVisionTransformerDecoderTIMM(vit.patch_embed.num_patches, self.width, self.depth, num_heads=4)
        self.leave = nn.Linear(self.width, 3 * self.base["patch"] ** 2)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        images, length = torch.cat(list(views)), self.decoder.sequence_length
        keep, hidden = mask(len(images), length, self.ratio, generator)
        tokens = self.masked.encode(images, idx_keep=keep)
        full = self._filled(self.enter(tokens), keep, length)
        found = self.leave(utils.get_at_index(self.decoder(full), hidden))
        pixels = utils.normalize_mean_var(utils.patchify(images, self.base["patch"]))
        target = utils.get_at_index(pixels, hidden - 1)  # patches are counted without the CLS token
        return Step(F.mse_loss(found, target), tokens[:, 1:].mean(1))

    def _filled(self, entered: Tensor, keep: Tensor, length: int) -> Tensor:
        """The decoder's input (n, length, width): what was seen at its places, the mask token elsewhere."""
        hidden = self.decoder.mask_token.expand(len(entered), length, -1).to(entered.dtype)
        return utils.set_at_index(hidden, keep, entered)


class SimMIM(Method):
    """Xie et al. 2022: six tenths of the patches are replaced by a learnt token; one linear layer predicts their pixels.

    The mask is drawn patch by patch: the paper's units of 32 px are four of these images' patches of 8 px each way. Pixels are
    normalised patch by patch, as in MAE, where the paper takes raw ones.

    The encoder is read after its third block. No loss looks at what the last blocks say of a patch that is not hidden, and
    what they say of hidden ones is pixels: without a decoder of its own the network ends as one, and as in iGPT (Chen et al.
    2020) the middle knows more than the end. The place is the middle, whatever the scores of others.
    """

    base: ClassVar[dict[str, Any]] = {**zoo.VIT, "output": zoo.VIT["depth"] // 2}
    ratio = 0.6

    def __init__(self) -> None:
        super().__init__()
        self.masked = MaskedVisionTransformerTIMM(self.backbone, weight_initialization="skip", pos_embed_initialization="skip")
        self.leave = nn.Linear(self.base["width"], 3 * self.base["patch"] ** 2)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        images = torch.cat(list(views))
        _, hidden = mask(len(images), self.masked.sequence_length, self.ratio, generator)
        tokens = self.masked.encode(images, idx_mask=hidden)
        found = self.leave(utils.get_at_index(tokens, hidden))
        pixels = utils.normalize_mean_var(utils.patchify(images, self.base["patch"]))
        target = utils.get_at_index(pixels, hidden - 1)
        return Step(F.l1_loss(found, target), tokens[:, 1:].mean(1))


class ScaleMAE(MAE):
    """Reed et al. 2023: an MAE that knows the scale of its input and rebuilds a finer image from a coarser one.

    A square of random side is the finer image, 64 px; the encoder sees it with half the detail, with positions measured on the
    ground (their eq. 2) instead of in patches. The decoder predicts the coarse pixels (low band) and what the fine image has
    beyond them (high band), for all patches as they do. One side is drawn per batch; one linear layer replaces their
    convolutions; both bands are normalised patch by patch, and the coarse image is spread over 64 px again, the size at which
    the encoder is used. With raw pixels, and 32 px at the encoder, 40 epochs left it where an untrained network is (kNN 0.07).
    """

    sides = (32, 40, 48, 56, 64)

    def __init__(self) -> None:
        super().__init__()
        patch = self.base["patch"]
        self.leave = nn.Linear(self.width, 3 * patch**2 // 4 + 3 * patch**2)

    def forward(self, views: Sequence[Tensor], labels: Tensor | None, generator: Generator) -> Step:
        """See `Method`."""
        whole, patch = torch.cat(list(views)), self.base["patch"]
        pick = torch.randint(len(self.sides), (3,), generator=generator, device=generator.device).tolist()
        side = self.sides[pick[0]]
        row, column = ((whole.shape[-1] - side) * p // (len(self.sides) - 1) for p in pick[1:])
        fine = F.interpolate(whole[..., row : row + side, column : column + side], size=64, mode="bilinear")
        coarse = F.avg_pool2d(fine, 2)
        seen = F.interpolate(coarse, scale_factor=2, mode="bilinear")
        scale = side / seen.shape[-1]
        tokens, keep = self._encode(seen, scale, generator)
        length = 1 + (seen.shape[-1] // patch) ** 2
        full = self._filled(self.enter(tokens), keep, length)
        position = ground_positions(self.width, seen.shape[-1] // patch, scale).to(full)
        out = self.leave(self.decoder.decode(full + position)[:, 1:])
        low, high = out.split([3 * patch**2 // 4, 3 * patch**2], dim=2)
        below, beyond = (
            utils.normalize_mean_var(utils.patchify(band, size)) for band, size in ((coarse, patch // 2), (fine - seen, patch))
        )
        return Step(F.mse_loss(low, below) + F.l1_loss(high, beyond), tokens[:, 1:].mean(1))

    def _encode(self, images: Tensor, scale: float, generator: Generator) -> tuple[Tensor, Tensor]:
        """Normalised tokens of the patches kept, and which they are."""
        vit = self.backbone
        tokens = self.masked.prepend_prefix_tokens(self.masked.images_to_tokens(images))
        tokens = tokens + ground_positions(tokens.shape[2], images.shape[-1] // self.base["patch"], scale).to(tokens)
        keep, _ = mask(len(images), tokens.shape[1], self.ratio, generator)
        return vit.norm(vit.blocks(utils.get_at_index(tokens, keep))), keep


def ground_positions(width: int, side: int, scale: float) -> Tensor:
    """Sine-cosine code (1, 1 + side^2, width) of patch places multiplied by `scale`, ground units per pixel; CLS gets 0."""
    place = torch.arange(side) * scale
    rate = 10_000 ** -(torch.arange(width // 4) / (width / 4))
    angle = place[:, None] * rate
    code = torch.cat([angle.sin(), angle.cos()], 1)  # (side, width / 2)
    grid = torch.cat([code[None].expand(side, -1, -1), code[:, None].expand(-1, side, -1)], 2).reshape(side * side, width)
    return torch.cat([torch.zeros(1, width), grid])[None]


def mask(n: int, length: int, ratio: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Indices (n, k) of tokens to keep and (n, length - k) to hide; token 0 (CLS) is always kept.

    As `lightly.models.utils.random_token_mask`, which draws from the global generator and so cannot be repeated.
    """
    noise = torch.rand(n, length, generator=generator, device=generator.device)
    noise[:, 0] = -1
    keep = 1 + math.floor((length - 1) * (1 - ratio))
    order = noise.argsort(1)
    return order[:, :keep], order[:, keep:]
