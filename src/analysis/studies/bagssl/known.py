"""Two networks of which it is known whether they are bags of patches: the measure must tell them apart."""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from analysis.encoders.backbones import Activation, Backbone
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF

WIDTH = 64
BAG, LAYOUT = "a bag", "not a bag"


class Pooling(Backbone):
    """A bag: colours through random features, one by one, then their mean over all places. Where a colour lies is lost."""

    layers = ("embed",)

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.dim = WIDTH
        self.weight = nn.Parameter(2 * torch.randn(WIDTH, 3, 1, 1, generator=generator), requires_grad=False)
        self.bias = nn.Parameter(torch.randn(WIDTH, generator=generator), requires_grad=False)

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        places = torch.relu(nn.functional.conv2d(x, self.weight, self.bias))
        return {"embed": Activation(places.mean((2, 3)), places.movedim(1, -1))}


class Layout(Backbone):
    """Not a bag: each feature compares two far places of the frame, of which no patch holds the same two."""

    layers = ("embed",)

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.dim = WIDTH
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("places", torch.stack([torch.randperm(64, generator=generator)[:2] for _ in range(WIDTH)]))

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        thumbnail = nn.functional.adaptive_avg_pool2d(x.mean(1, keepdim=True), 8)
        cells = nn.functional.layer_norm(thumbnail.flatten(1), (64,))
        a, b = cells[:, self.places[:, 0]], cells[:, self.places[:, 1]]  # type: ignore[index]
        return {"embed": Activation(torch.relu(a * b), thumbnail.movedim(1, -1))}


def known(size: int, seed: int = 0) -> dict[str, Encoder]:
    """What each is -> the network as an encoder of inputs of `size` px."""
    nets = {BAG: Pooling(seed), LAYOUT: Layout(seed)}
    return {name: Encoder(name, net, (HALF[0], HALF[1]), size=size) for name, net in nets.items()}
