"""How representations enter the network: one linear map each into a common code, and from there two ways in."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.decoders.conditions import THUMBNAIL, Condition
from analysis.decoders.objective import SIGMA_DATA

MAP_CHANNELS = 4
PICTURE = 96  # rows of the code that begin as principal components of the thumbnail
RIDGE = 1e-3  # penalty per training image


class RepEmbed(nn.Module):
    """h -> code (n, c) -> an addition to the time embedding, and for some conditions a map beside the image.

    Three channels of the map are also a picture, the guess around which the network denoises.

    h is standardised with its mean and deviation over the training bank and goes through a linear map of its own; what
    follows is shared. The addition is Linear(SiLU(code)), the Linear beginning at zero (Li et al. 2023, RCG, arXiv
    2312.03701). `null`, and a share of the training images, gets a learned code instead, and a map of zeros.

    Attributes:
        conditions: the representations, in the order of their numbers; the number -1 is `null`.
        side: of the maps, px.
    """

    def __init__(self, conditions: Sequence[Condition], widths: Sequence[int], code: int, embedding: int, side: int) -> None:
        super().__init__()
        self.conditions, self.side = tuple(conditions), side
        self.linears = nn.ModuleList(nn.Linear(d, code) for d in widths)
        self.spatial: Tensor
        for i, d in enumerate(widths):
            self.register_buffer(f"mean{i}", torch.zeros(d))
            self.register_buffer(f"std{i}", torch.ones(d))
        self.null = nn.Parameter(0.02 * torch.randn(code))
        self.inject = nn.Linear(code, embedding)
        nn.init.zeros_(self.inject.weight)
        nn.init.zeros_(self.inject.bias)
        self.channels = MAP_CHANNELS if any(c.spatial for c in conditions) else 0
        self.map = nn.Linear(code, self.channels * side**2) if self.channels else None
        self.average: Tensor
        self.register_buffer("average", torch.zeros(3, THUMBNAIL, THUMBNAIL))
        spatial = torch.tensor([c.spatial for c in conditions] + [False])  # the last is that of number -1
        self.register_buffer("spatial", spatial.float(), persistent=False)

    def standardised(self, number: int, h: Tensor) -> Tensor:
        """(n, d) with mean 0 and deviation 1 over the training bank; dimensions that never varied are 0."""
        return (h - getattr(self, f"mean{number}")) / getattr(self, f"std{number}")

    def forward(self, numbers: Tensor, hs: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Numbers (n,) of conditions, -1 for null; hs[c] are the rows of h with number c, in order, or None.

        Returns:
            The addition to the time embedding (n, e), and maps (n, 4, side, side); (n, 0, ...) where no condition has one.
        """
        code = self.null.expand(len(numbers), -1).clone()
        for number, h in enumerate(hs):
            if h is not None and len(h):
                code[numbers == number] = self.linears[number](self.standardised(number, h))
        maps = self.map(code) * self.spatial[numbers][:, None] if self.map else code[:, :0]
        return self.inject(functional.silu(code)), maps.view(len(numbers), self.channels, self.side, self.side)

    @torch.no_grad()
    def start(self, hs: Sequence[Tensor], pictures: Tensor, generator: torch.Generator) -> None:
        """Standardisation from the bank, and a start that already sees: a linear guess of the thumbnail from every h.

        For every condition alike, controls too, the first 96 rows of its linear map begin as the ridge regression of h
        onto the whitened principal components of 8 x 8 thumbnails, the others as the leading whitened components of h; the
        map begins by drawing the guessed thumbnail. All of it is trained on: the start only saves the steps in which a
        decoder would find what least squares gives at once.

        Args:
            hs: the bank's h (n, d) of each condition, row by row with `pictures`.
            pictures: thumbnails (n, 192) in [-1, 1].
        """
        average = pictures.mean(0)
        self.average.copy_(average.view(THUMBNAIL, THUMBNAIL, 3).permute(2, 0, 1))
        values, vectors = _components(pictures - average, PICTURE)
        scores = (pictures - average) @ vectors / values.sqrt()
        for number, h in enumerate(hs):
            spread = h.std(0)
            getattr(self, f"mean{number}").copy_(h.mean(0))
            getattr(self, f"std{number}").copy_(torch.where(spread > 1e-4 * spread.max(), spread, torch.inf))
            x = self.standardised(number, h)
            gram = x.T @ x / len(x)
            guess = torch.linalg.solve(gram + RIDGE * torch.eye(x.shape[1]), x.T @ scores / len(x))
            linear = cast(nn.Linear, self.linears[number])
            own_values, own = _components(x, min(linear.out_features - PICTURE, x.shape[1]))
            keep = own_values > 1e-3
            linear.weight.copy_(0.02 * torch.randn(linear.weight.shape, generator=generator))
            linear.bias.zero_()
            linear.weight[:PICTURE] = guess.T
            linear.weight[PICTURE:][: int(keep.sum())] = (own[:, keep] / own_values[keep].sqrt()).T
        if self.map:
            self._start_map((values.sqrt() * vectors).T)

    def _start_map(self, components: Tensor) -> None:
        drawn = components.reshape(PICTURE, THUMBNAIL, THUMBNAIL, 3).permute(0, 3, 1, 2)
        large = functional.interpolate(drawn, size=(self.side, self.side), mode="bilinear", align_corners=False)
        assert self.map is not None
        weight = torch.zeros(self.map.in_features, MAP_CHANNELS, self.side, self.side)
        weight[:PICTURE, :3] = large / SIGMA_DATA  # as large as the scaled noisy image beside it
        self.map.weight.copy_(weight.flatten(1).T)
        self.map.bias.zero_()


def _components(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest eigenvalues (k,) of the covariance of centred rows (n, d), and their directions (d, k)."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    return values.flip(0)[:k].clamp(min=1e-8), vectors.flip(1)[:, :k]
