"""The released decoders of Bordes et al.: their network under the names of their files, read strictly.

The files are `rcdm_ema_{supervised,simclr_trunk,simclr_head,dino_trunk,...}.pt` (weights CC-BY-NC); nothing here fetches them.
They hold a UNet of Dhariwal and Nichol (2021) for images of 128 px and one linear map of h, added to the time embedding: the
conditional batch normalisation of the paper's text is in none of them.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor, nn
from torch.nn import functional

from analysis.decoders.objective import Chain, Ddpm
from analysis.decoders.sampling import fresh
from analysis.encoders.weights import load_strict, read_torch
from analysis.errors import MissingFile, UserError

GROUPS = 32


class Residual(nn.Module):
    """A residual block whose second normalisation is scaled and shifted by the embedding; `scale` 2 or 0.5 resizes as well."""

    def __init__(self, before: int, width: int, embedding: int, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.in_layers = nn.Sequential(nn.GroupNorm(GROUPS, before), nn.SiLU(), nn.Conv2d(before, width, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * width))
        last = nn.Conv2d(width, width, 3, padding=1)
        self.out_layers = nn.Sequential(nn.GroupNorm(GROUPS, width), nn.SiLU(), nn.Dropout(0.0), _zero(last))
        self.skip_connection = nn.Conv2d(before, width, 1) if before != width else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, width, scale h, scale w)."""
        inner = self.in_layers[2](self._resized(self.in_layers[:2](x)))
        scale, shift = self.emb_layers(embedding)[..., None, None].chunk(2, 1)
        inner = self.out_layers[1:](self.out_layers[0](inner) * (1 + scale) + shift)
        return self.skip_connection(self._resized(x)) + inner

    def _resized(self, x: Tensor) -> Tensor:
        if self.scale < 1:
            return functional.avg_pool2d(x, 2)
        return functional.interpolate(x, scale_factor=2.0, mode="nearest") if self.scale > 1 else x


class Attention(nn.Module):
    """Self-attention over places; of the 3 c rows of `qkv` each head has its query, key and value together."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(GROUPS, width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.proj_out = _zero(nn.Conv1d(width, width, 1))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape; the embedding is not used."""
        flat = x.flatten(2)
        parts = self.qkv(self.norm(flat)).unflatten(1, (self.heads, 3, -1)).transpose(-1, -2)
        mixed = functional.scaled_dot_product_attention(parts[:, :, 0], parts[:, :, 1], parts[:, :, 2])
        return x + self.proj_out(mixed.transpose(-1, -2).flatten(1, 2)).view_as(x)


class Stage(nn.Sequential):
    """Blocks one after another; a convolution takes no embedding."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]
        """Maps through every block."""
        for block in self:
            x = block(x) if isinstance(block, nn.Conv2d) else block(x, embedding)
        return x


class Released(nn.Module):
    """The network of the released code: (n, 3, s, s), times (n,), h (n, d) -> noise and share of variance (n, 6, s, s).

    With the defaults it has the 422.6 million weights of the files for backbones of 2048 dimensions.
    """

    def __init__(
        self,
        dim: int = 2048,
        width: int = 256,
        multiples: Sequence[int] = (1, 1, 2, 3, 4),
        blocks: int = 2,
        attending: Sequence[int] = (2, 3, 4),
        heads: int = 4,
    ) -> None:
        super().__init__()
        e, self.width = 4 * width, width
        self.time_embed = nn.Sequential(nn.Linear(width, e), nn.SiLU(), nn.Linear(e, e))
        self.ssl_emb = nn.Linear(dim, e)
        now = multiples[0] * width
        inputs, kept = [Stage(nn.Conv2d(3, now, 3, padding=1))], [now]
        for level, multiple in enumerate(multiples):
            for _ in range(blocks):
                more = [Attention(multiple * width, heads)] if level in attending else []
                inputs.append(Stage(Residual(now, multiple * width, e), *more))
                now = multiple * width
                kept.append(now)
            if level + 1 < len(multiples):
                inputs.append(Stage(Residual(now, now, e, 0.5)))
                kept.append(now)
        self.input_blocks = nn.ModuleList(inputs)
        self.middle_block = Stage(Residual(now, now, e), Attention(now, heads), Residual(now, now, e))
        outputs = []
        for level, multiple in reversed(list(enumerate(multiples))):
            for i in range(blocks + 1):
                wide = multiple * width
                more = [Attention(wide, heads)] if level in attending else []
                grow = [Residual(wide, wide, e, 2.0)] if level and i == blocks else []
                outputs.append(Stage(Residual(now + kept.pop(), wide, e), *more, *grow))
                now = wide
        self.output_blocks = nn.ModuleList(outputs)
        self.out = nn.Sequential(nn.GroupNorm(GROUPS, now), nn.SiLU(), _zero(nn.Conv2d(now, 6, 3, padding=1)))

    def forward(self, x: Tensor, time: Tensor, h: Tensor) -> Tensor:
        """h enters as it is: no standardisation, no null vector."""
        code = get_timestep_embedding(time, self.width, flip_sin_to_cos=True, downscale_freq_shift=0)
        embedding = self.time_embed(code) + self.ssl_emb(h)
        kept = []
        for block in self.input_blocks:
            x = block(x, embedding)
            kept.append(x)
        x = self.middle_block(x, embedding)
        for block in self.output_blocks:
            x = block(torch.cat([x, kept.pop()], 1), embedding)
        return self.out(x)

    @torch.inference_mode()
    def sample(self, h: Tensor, start: Tensor, steps: int) -> Tensor:
        """Images (n, 3, s, s) in [-1, 1] from h (n, d) and standard normal noise (n, 3, s, s), with `steps` calls, at least 2.

        As the released code draws: `steps` of the 1,000 levels, evenly spread, the image clipped in every step, and noise whose
        log variance lies between the posterior's and ln beta where channels 4 to 6 say (see `objective.Chain`).
        """
        kept = Ddpm().kept
        times = torch.linspace(0, len(kept) - 1, steps).round().long()
        chain, x, source = Chain(kept[times]), start, fresh(start)
        for i in reversed(range(steps)):
            a, least, most = (float(row[i]) for row in (chain.kept, chain.least, chain.most))
            guess, share = self(x, times[i].expand(len(x)).to(x), h).chunk(2, 1)
            clean = ((x - (1 - a) ** 0.5 * guess) / a**0.5).clamp(-1, 1)
            x = float(chain.of_image[i]) * clean + float(chain.of_noisy[i]) * x
            if i:
                x = x + ((least + (share + 1) / 2 * (most - least)) / 2).exp() * next(source)
        return x


def load(path: Path) -> Released:
    """The network in a released file; its sizes are read from the shapes of the weights.

    Raises:
        MissingFile: it is not there.
        UserError: it is unreadable, is no such network, or a key is missing, unexpected or misshapen (named).
    """
    if not path.exists():
        raise MissingFile(f"{path} is not there: the released decoders are files named rcdm_ema_ENCODER_trunk.pt or _head.pt")
    state = read_torch(path)
    with torch.device("meta"):
        network = Released(**_sizes(state, path))
    network.to_empty(device="cpu")
    load_strict(network, state, str(path))
    return network.eval()


def _sizes(state: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What the shapes of a file say of its network; the heads are in none of them, and are four in all that were released."""

    def width(key: str, axis: int) -> int:
        """Length of an axis of a stored tensor."""
        if not isinstance(value := state.get(key), Tensor) or value.ndim <= axis:
            raise UserError(f"{path} is no decoder of Bordes et al.: it has no key {key}")
        return value.shape[axis]

    base = width("time_embed.0.weight", 1)
    inputs = {int(key.split(".")[1]) for key in state if re.match(r"input_blocks\.\d+\.", key)}
    grown = {key.split(".")[1] for key in state if re.match(r"output_blocks\.\d+\.([12]\.in_layers\.2\.weight)$", key)}
    levels = 1 + len(grown)
    each = max(1, len(inputs) // levels)  # residual blocks of a level and the one that halves the map
    firsts = [1 + level * each for level in range(levels)]
    return {
        "dim": width("ssl_emb.weight", 1),
        "width": base,
        "multiples": [width(f"input_blocks.{first}.0.out_layers.3.weight", 0) // base for first in firsts],
        "blocks": each - 1,
        "attending": [level for level, first in enumerate(firsts) if f"input_blocks.{first}.1.qkv.weight" in state],
    }


def _zero(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
