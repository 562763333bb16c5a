"""What every part of the measurement works with: a decoder, encoders, images, and samples drawn from their representations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from torch import Tensor

from analysis import datasets, encoders
from analysis.datasets.base import Dataset
from analysis.decoders.conditions import Condition, one_hot, read, thumbnails
from analysis.decoders.decoder import Decoder
from analysis.decoders.sampling import noise
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.progress import track
from analysis.studies.rcdm.factors import Reader, seen, truth
from analysis.studies.rcdm.measured import LABEL, NULL, THUMBNAIL
from analysis.studies.rcdm.params import Rcdm

Array = np.ndarray
BATCH = 128  # samples drawn at a time
SHOWN = 4  # images in a picture


def shown(n: int) -> Array:
    """Which of the first n images pictures show: some spread over the first 16, since the world's classes go round in turn."""
    return np.linspace(0, min(n, 16) - 1, SHOWN).astype(int)


def variant(dataset: str, option: str, value: object) -> str:
    """The name of the same images of Scenes with one option changed."""
    kind, _, rest = dataset.partition("?")
    kept = [part for part in rest.split("&") if part and not part.startswith(f"{option}=")]
    return f"{kind}?{'&'.join([*kept, f'{option}={value}'])}"


@dataclass
class Stage:
    """A decoder with the conditions that this run can use, the encoders behind them, and the images.

    Attributes:
        bank: the images among which one is looked for; those that are drawn are its first.
    """

    params: Rcdm
    decoder: Decoder
    taps: tuple[Condition, ...]
    encoders: Mapping[str, Encoder]
    bank: Dataset
    _h: dict[str, Array] = field(default_factory=dict)
    _compared: dict[str, dict[str, Array]] = field(default_factory=dict)

    @cached_property
    def judge(self) -> Encoder:
        """The encoder held out."""
        return encoders.load(self.params.judge, self.params.device)

    @cached_property
    def train(self) -> Dataset:
        """Other images, on which readers and probes are fitted."""
        return datasets.load(self.params.dataset, size=self.decoder.size, n=self.params.n_train, split="train")

    @cached_property
    def reader(self) -> Reader:
        """Reads factors off images, through the encoder held out."""
        return Reader(seen(self.judge, self.train.images), truth(self.train))

    @cached_property
    def judged(self) -> Array:
        """The bank in the space of the encoder held out, (n, d)."""
        return self.judge.embed(self.bank.images).numpy()

    @cached_property
    def read(self) -> dict[str, Array]:
        """What the reader reads from the images of the bank."""
        return self.reader(seen(self.judge, self.bank.images))

    @cached_property
    def true(self) -> dict[str, Array]:
        """What is true of them, in the reader's form."""
        return self.reader.codes(truth(self.bank))

    @cached_property
    def train_h(self) -> dict[str, Array]:
        """Condition -> representations (n, d) of the images on which readers and probes are fitted."""
        return self.represent(self.train.images)

    @property
    def known(self) -> bool:
        """Whether the factors of the world are known for these images."""
        return "species" in self.bank.factors and "foreground" in self.bank.masks

    def h(self, name: str) -> Array:
        """Representations (n, d) of the bank under a condition."""
        if not self._h:
            self._h = self.represent(self.bank.images, self.bank.labels)
        return self._h[name]

    def compared(self, name: str) -> dict[str, Array]:
        """Tap -> representations (n, d) of the bank, by an encoder that is not drawn; each run once."""
        if name not in self._compared:
            encoder = encoders.load(name, self.params.device)
            taps = ("backbone", "projector") if encoder.has_projector else ("backbone",)
            self._compared[name] = read(encoder, self.bank.images, taps)
        return self._compared[name]

    def represent(self, images: Array, labels: Array | None = None, names: set[str] | None = None) -> dict[str, Array]:
        """Condition -> representations (n, d) of images, each encoder run once; of all conditions, or of those named."""
        taps = [c for c in self.taps if names is None or c.name in names]
        found: dict[str, Array] = {THUMBNAIL: thumbnails(images)}
        if labels is not None:
            found[LABEL] = one_hot(labels, len(self.bank.classes))
        for encoder in dict.fromkeys(c.encoder for c in taps if c.encoder):
            layers = {c.tap for c in taps if c.encoder == encoder}
            rows = read(self.encoders[encoder], images, tuple(layers))
            found |= {c.name: rows[c.tap] for c in taps if c.encoder == encoder}
        return found

    def noise(self, n: int, draw: int = 0) -> Tensor:
        """Starts (n, 3, s, s) of samples: the same for every condition."""
        return noise(n, self.params.seed + 1000 * draw, self.decoder.size)

    def draw(self, name: str, h: Array, start: Tensor, sampler: str = "", steps: int = 0, guidance: float = 0.0) -> Array:
        """Samples (n, s, s, 3) uint8 from representations (n, d), with the run's sampler, steps and guidance or others."""
        parts = []
        for first in track(range(0, len(start), BATCH), f"samples, {name}", unit=f"x {BATCH}"):
            some = slice(first, first + BATCH)
            parts.append(
                self.decoder.sample(
                    name,
                    None if name == NULL else h[some],
                    start[some],
                    steps=steps or self.params.steps,
                    guidance=guidance or self.params.guidance,
                    sampler=sampler or self.params.sampler,
                )
            )
        return np.concatenate(parts)

    def draw_groups(self, name: str, groups: Sequence[Array], start: Tensor) -> list[Array]:
        """Samples of several groups of representations, (n, d) each, every group from the same starts (n, 3, s, s)."""
        drawn = self.draw(name, np.concatenate(groups), start.repeat(len(groups), 1, 1, 1))
        return np.split(drawn, len(groups))


def open_stage(params: Rcdm, decoder: Decoder) -> Stage:
    """The conditions of the decoder that this run's encoders give, and the images.

    Raises:
        UserError: the decoder does not know an encoder of the run, or fewer images are there than are to be drawn.
    """
    known = [decoder.condition(name) for name in decoder.conditions]
    taps = tuple(c for c in known if not c.encoder or c.encoder in params.encoders)
    missing = [name for name in params.encoders if name not in {c.encoder for c in known}]
    if missing:
        names = ", ".join(dict.fromkeys(c.encoder for c in known if c.encoder))
        raise UserError(f"decoder {params.decoder!r} cannot draw what {missing[0]!r} keeps: it was trained for {names}")
    bank = datasets.load(params.dataset, size=decoder.size, n=params.n_bank, split="test")
    least = max(params.n_images, params.n_attacked)
    if len(bank) <= least:
        raise UserError(
            f"rcdm: n_bank gives {len(bank)} images of {params.dataset}; it must be more than the {least} to be drawn"
        )
    loaded = {name: encoders.load(name, params.device) for name in params.encoders}
    return Stage(params, decoder, taps, loaded, bank)
