"""A decoder that draws no picture: it answers with the training image whose representation is nearest."""

import numpy as np
from torch import Tensor

from analysis import datasets, encoders
from analysis.decoders.conditions import Condition, condition, one_hot, read, thumbnails

NAMES = (
    *("simclr:backbone", "simclr:hidden", "simclr:projector", "simclr:backbone:adagn", "supervised:backbone"),
    *("untrained:backbone", "shuffled", "thumbnail", "label", "null"),
)


class NearestDecoder:
    """The interface of `analysis.decoders.decoder.Decoder` over a few real images."""

    size = 32

    def __init__(self, names: tuple[str, ...] = NAMES, n: int = 96) -> None:
        self.conditions = names
        self.name = "nearest"
        self.card: dict = {"images_seen": 32 * (len(names) - 1), "conditions": [name for name in names if name != "null"]}
        self.data = datasets.load("scenes:objects", size=self.size, n=n, split="train")
        self.rows = {name: self._h(condition(name)) for name in names if name != "null"}
        self.asked: list[tuple] = []

    def condition(self, name: str) -> Condition:
        return condition(name)

    def _h(self, of: Condition) -> np.ndarray:
        if of.encoder:
            h = read(encoders.load(of.encoder), self.data.images, (of.tap,))[of.tap]
            return np.roll(h, 1, axis=0) if of.shuffled else h
        return thumbnails(self.data.images) if of.name == "thumbnail" else one_hot(self.data.labels, len(self.data.classes))

    def sample(
        self, name: str, h: np.ndarray | None, noise: Tensor, *, steps: int = 18, guidance: float = 1.0, sampler: str = "heun"
    ) -> np.ndarray:
        self.asked.append((name, steps, guidance, sampler))
        if h is None:
            return self.data.images[(noise[:, 0, 0, 0].abs() * 1e4).long().numpy() % len(self.data)]
        assert len(h) == len(noise)
        bank = self.rows[name]
        near = (h @ bank.T) - (bank**2).sum(1) / 2
        return self.data.images[near.argmax(1)]

    def loss(self, name: str, images: np.ndarray, h: np.ndarray | None, seed: int = 0) -> np.ndarray:
        return np.full(len(images), 0.1 + 0.01 * self.conditions.index(name))
