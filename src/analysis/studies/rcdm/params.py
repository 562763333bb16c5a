"""The parameters of the study and their presets."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from analysis import paths
from analysis.errors import UserError
from analysis.params import groups
from analysis.params.base import Names, Preset, StudyParams
from analysis.results import intact, read_json


class Rcdm(StudyParams):
    """What does a representation keep of an image?"""

    title: ClassVar[str] = "Representations seen through a diffusion model"
    paper: ClassVar[str] = "bordes2022"
    place: ClassVar[int] = 2
    renamed: ClassVar[Mapping[str, str]] = {"attacked": "compared"}

    decoder: str = Field(
        "scenes", pattern=r"^[a-z0-9-]+$", description="decoder that draws: a name in data/decoders, or in build/decoders"
    )
    histories: tuple[str, ...] = Field(
        (), description="further decoders, of one representation, whose training is shown beside it"
    )
    encoders: Names = Field(description="encoders whose representations are drawn; the decoder must know them")
    compared: tuple[str, ...] = Field(
        (), description="further encoders, not drawn: they are attacked, and how far changes of the image move them is measured"
    )
    judge: str = Field("zoo:dinov2", description="encoder held out: samples are compared and read in its features only")
    dataset: str = Field("scenes:objects", description="images that are represented")
    unfamiliar: tuple[str, ...] = Field((), description="data sets unlike those the decoder was trained on")
    n_bank: int = Field(2000, ge=64, le=1_000_000, description="images among which the represented one is looked for")
    n_train: int = Field(2000, ge=100, le=1_000_000, description="images on which the readers of factors are fitted")
    n_images: int = Field(128, ge=8, le=50_000, description="images that are represented and drawn, of the bank")
    n_again: int = Field(32, ge=2, le=50_000, description="of them, how many are drawn from a second noise")
    n_changed: int = Field(24, ge=2, le=50_000, description="of them, how many are drawn after each change of the image")
    n_unfamiliar: int = Field(16, ge=2, le=50_000, description="images of each unfamiliar data set that are drawn")
    n_attacked: int = Field(24, ge=2, le=50_000, description="images that are attacked")
    n_shown: int = Field(12, ge=2, le=50_000, description="of them, how many are drawn after each attack")
    n_edited: int = Field(40, ge=2, le=50_000, description="pairs of images between which representations are edited and mixed")
    n_timed: int = Field(24, ge=2, le=50_000, description="images drawn by every sampler of the comparison")
    eps: Annotated[tuple[Annotated[float, Field(gt=0, le=255)], ...], Field(min_length=1)] = Field(
        (2.0, 8.0), description="greatest change of a pixel in attacks, of 255"
    )
    sampler: Literal["heun", "dpm"] = Field("dpm", description="deterministic solver that draws every sample")
    steps: int = Field(12, ge=2, le=1000, description="its steps")
    guidance: float = Field(
        2.0, ge=1, le=20, description="weight of the representation against nothing in every sample; 1: as learnt"
    )
    ancestral: Annotated[tuple[Annotated[int, Field(ge=2, le=1000)], ...], Field(min_length=1)] = Field(
        (100,), description="steps of ancestral sampling that it is compared with"
    )
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")

    @property
    def datasets(self) -> tuple[str, ...]:
        """All data sets, as a run is checked and fingerprinted by them."""
        return tuple(dict.fromkeys((self.dataset, *self.unfamiliar)))

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the encoder that judges, and the decoder."""
        names = tuple(dict.fromkeys((*self.encoders, *self.compared, self.judge)))
        card = paths.decoder(self.decoder)
        files = (card, card.with_suffix(".safetensors"), *map(paths.decoder, self.histories))
        short = (file.relative_to(paths.DATA) if file.is_relative_to(paths.DATA) else file for file in files)
        return {**super().reads, "encoders": names, "files": tuple(map(str, short))}

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """See `StudyParams.needs`."""
        return {self.dataset: ("train", "classes")}

    @property
    def least(self) -> dict[str, dict[str, int]]:
        """See `StudyParams.least`: more images than are drawn."""
        drawn = max(self.n_images, self.n_attacked)
        unfamiliar = {name: {"": self.n_unfamiliar + 1} for name in self.unfamiliar}
        return unfamiliar | {self.dataset: {"train": self._fewest("n_train"), "test": drawn + 1}}

    def conflicts(self) -> Iterator[str]:
        """See `StudyParams.conflicts`."""
        for name in ("n_images", "n_attacked"):
            if getattr(self, name) >= self.n_bank:
                yield f"{name} ({getattr(self, name)}) must be less than n_bank ({self.n_bank})"
        for name in ("n_again", "n_changed", "n_unfamiliar", "n_shown", "n_edited"):
            yield from self._at_most(name, "n_images")
        yield from self._at_most("n_shown", "n_attacked")
        if self.judge in self.encoders:
            yield f"judge: {self.judge!r} is one of the encoders that are drawn; it must be held out"
        if self.decoder in self.histories:
            yield f"histories: {self.decoder!r} is the decoder itself"

    def preflight(self) -> None:
        """See `StudyParams.preflight`: a whole decoder, which must have learnt the representations of these encoders."""
        cards = [_card(name) for name in (self.decoder, *self.histories)]
        weights, learnt = paths.decoder(self.decoder).with_suffix(".safetensors"), cards[0]["encoders"]
        if hashlib.sha256(weights.read_bytes()).hexdigest() != cards[0]["digest"]:
            raise UserError(f"{weights} does not have the digest of its card: copy both again")
        for name in self.encoders:
            if name not in learnt:
                raise UserError(f"rcdm: the decoder {self.decoder!r} does not know {name!r}; it knows {', '.join(learnt)}")


def _card(name: str) -> dict[str, Any]:
    """What the card of a decoder says; here without torch."""
    path = paths.decoder(name)
    card = read_json(path)
    if not isinstance(card, dict) or not isinstance(card.get("encoders"), dict) or "digest" not in card or not intact(card):
        raise UserError(f"{path} is not the card of a decoder: copy it again")
    return card


_DRAWN = tuple(f"zoo:{name}" for name in ("simclr", "vicreg", "byol", "moco", "supervised", "untrained"))
_OTHERS = (
    *(f"zoo:{name}" for name in ("simsiam", "swav", "barlow-twins", "tcr", "dino")),
    *(f"zoo:{name}-patch" for name in ("simclr", "vicreg", "tcr", "supervised")),
    "zoo:supervised-seed1",
    *groups.LOCAL,
)
"""The other networks of Scenes that are above their untrained copies; the judge too: it is never drawn, but attacked."""

PARAMS = Rcdm
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {
        "histories": ("simclr-backbone",),
        "encoders": ("zoo:simclr", "zoo:vicreg", "zoo:supervised", "zoo:untrained"),
        "compared": ("zoo:supervised-patch", "zoo:simclr-patch"),
        "unfamiliar": ("scenes:textures",),
        **{"n_bank": 160, "n_train": 300, "n_images": 12, "n_again": 4, "n_changed": 3, "n_unfamiliar": 4},
        **{"n_attacked": 4, "n_shown": 3, "n_edited": 3, "n_timed": 2, "eps": (8.0,), "steps": 4, "n_bootstrap": 100},
        "ancestral": (20,),
    },
    "default": {
        **{"histories": ("simclr-backbone", "simclr-backbone-long"), "encoders": _DRAWN},
        "compared": _OTHERS,
        "unfamiliar": ("scenes:textures", "scenes:fine"),
        "n_images": 256,
    },
    "real": {
        "decoder": "imagenette",
        "encoders": (
            *(f"zoo:{name}-imagenette" for name in ("simclr", "vicreg", "byol", "swav")),
            *groups.PHOTOGRAPHIC_CONTROLS,
        ),
        **{"judge": "vit-tiny", "dataset": "imagenette", "unfamiliar": ("eth80",)},
        "compared": (
            *(f"zoo:{name}-imagenette" for name in ("moco", "simsiam", "barlow-twins", "dino")),
            *groups.PHOTOGRAPHIC_PATCHED,
            *("conv4:sup_Conv4_baseline_aug", "conv4:sup_Conv4_protonet_aug_20way_5shot"),
            *("conv4:protoclr_miniimagenet_3query_50bs", "conv4:umtra_miniimagenet_1query_5bs"),
        ),
    },
    "paper": {
        "decoder": "imagenet",
        "encoders": ("hub-file:simclr_rn50", "hub-file:vicreg_rn50", "hub-file:dino_rn50", "hub-file:supervised_rn50"),
        **{"judge": "hub-file:dinov2_vits14", "dataset": "folder:imagenet", "device": "auto"},
        **{"n_bank": 50_000, "n_train": 50_000, "n_images": 10_000, "n_again": 1000, "n_changed": 1000},
    },
}
