"""The released decoders of Bordes et al.: their network under the names of their files, read strictly.

The files are `rcdm_ema_{supervised,simclr_trunk,simclr_head,dino_trunk,...}.pt` (weights CC-BY-NC); nothing here fetches them.
They hold a UNet of Dhariwal and Nichol (2021) for images of 128 px and one linear map of h, added to the time embedding: the
conditional batch normalisation of the paper's text is in none of them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor, nn
from torch.nn import functional

from analysis.decoders.objective import Ddpm
from analysis.decoders.sampling import Denoise
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

    def denoiser(self, h: np.ndarray) -> Denoise:
        """D(x, sigma | h) for the samplers of this package; h (n, d) as the released encoders give it.

        Those get images of 224 px scaled to [-1, 1]: mean and deviation 0.5 in place of ImageNet's.
        """
        rows = torch.from_numpy(np.ascontiguousarray(h, np.float32)).to(self.ssl_emb.weight.device)
        objective = Ddpm()

        @torch.inference_mode()
        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            """D(x; sigma): (n, 3, s, s) at one noise level."""
            levels = torch.as_tensor(sigma, dtype=torch.float32, device=x.device).expand(len(x))
            return objective.denoise(lambda inner, time: self(inner, time, rows), x, levels)

        return denoise


def load(path: Path, **shape: int | Sequence[int]) -> Released:
    """The network in a released file; the width of h is read from it, `shape` is for files of other sizes.

    Raises:
        MissingFile: it is not there.
        UserError: it is unreadable, has no map of h, or a key is missing, unexpected or misshapen (named).
    """
    if not path.exists():
        raise MissingFile(f"{path} is not there: the released decoders are files named rcdm_ema_ENCODER_trunk.pt or _head.pt")
    state = read_torch(path)
    if "ssl_emb.weight" not in state:
        raise UserError(f"{path} is no decoder of Bordes et al.: it has no key ssl_emb.weight")
    with torch.device("meta"):
        network = Released(dim=state["ssl_emb.weight"].shape[1], **shape)  # type: ignore[arg-type]
    network.to_empty(device="cpu")
    load_strict(network, state, str(path))
    return network.eval()


def _zero(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
