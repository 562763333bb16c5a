"""The parameters of the study and their presets."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from analysis.params import groups
from analysis.params.base import Names, Pixels, Preset, StudyParams


class BagSSL(StudyParams):
    """Is the embedding of an image a bag of the embeddings of its patches?"""

    title: ClassVar[str] = "Bags of patch embeddings"
    paper: ClassVar[str] = "chen2023"
    place: ClassVar[int] = 4

    encoders: Names = Field(description="encoders to read; those trained on patches of one size with multi-scale partners")
    followed: tuple[str, ...] = Field((), description="encoders, of these, that get the curves over patch size and number")
    dataset: str = Field("scenes:objects", description="images: probes from its training half, everything else from the other")
    maps: Literal["", "coco", "camvid", "ade20k", "cityscapes"] = Field(
        "",
        description="photographs with maps of classes, of whose patches it is asked what occurs together; empty: Scenes only",
    )
    n_train: int = Field(800, ge=50, le=2_000_000, description="training images")
    n_test: int = Field(800, ge=20, le=1_000_000, description="images to judge by")
    n_local: int = Field(400, ge=8, le=100_000, description="of these, those whose single patches are compared")
    n_counts: int = Field(200, ge=8, le=100_000, description="of these, those with a regular grid and with `most` patches")
    side: int = Field(32, ge=2, le=1024, description="side of a patch, px, where nothing else is said")
    small: int = Field(16, ge=2, le=1024, description="side of a small patch, px")
    large: int = Field(48, ge=2, le=1024, description="side of a large patch, px")
    sides: Annotated[tuple[Pixels, ...], Field(min_length=1)] = Field(
        (4, 8, 16, 48), description="further sides of patches, px, in the curves"
    )
    n_patches: int = Field(8, ge=2, le=4096, description="patches of each image in a mean")
    most: int = Field(256, ge=2, le=4096, description="patches of each image at the end of the curves")
    retrain: bool = Field(
        False, description="train VICReg and SimCLR, on patches and on crops, with further seeds; else data/tuning"
    )
    seeds: int = Field(3, ge=2, le=100, description="trainings of each, the zoo's own among them")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")

    @property
    def datasets(self) -> tuple[str, ...]:
        """All data sets, as a run is checked and fingerprinted by them."""
        return tuple(dict.fromkeys(name for name in (self.dataset, self.maps) if name))

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the stored trainings, which are about Scenes, where none are made."""
        stored = self.dataset == "scenes:objects" and not self.retrain
        return {**super().reads, "files": ("tuning/bagssl.json",) if stored else ()}

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """See `StudyParams.needs`."""
        needs: dict[str, tuple[str, ...]] = {self.maps: ("train", "masks")} if self.maps else {}
        return needs | {self.dataset: ("train", "classes")}

    @property
    def least(self) -> dict[str, dict[str, int]]:
        """See `StudyParams.least`."""
        return {self.dataset: {"train": self._fewest("n_train"), "test": self._fewest("n_test")}}

    def conflicts(self) -> Iterator[str]:
        """See `StudyParams.conflicts`."""
        yield from self._among("followed", self.encoders, "the encoders")
        yield from self._at_most("n_local", "n_test")
        yield from self._at_most("n_counts", "n_test")
        yield from self._at_most("n_patches", "most")
        if not self.small < self.side < self.large:
            yield f"patches need small < side < large, not {self.small}, {self.side}, {self.large}"


PARAMS = BagSSL
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {
        "encoders": tuple(
            f"zoo:{name}" for name in ("simclr-patch", "simclr", "vicreg-patch", "vicreg", "supervised-patch", "untrained")
        ),
        "followed": ("zoo:simclr-patch",),
        **{"n_train": 64, "n_test": 48, "n_local": 24, "n_counts": 16, "sides": (8,), "n_patches": 4, "most": 8},
        "n_bootstrap": 100,
    },
    "default": {
        "encoders": (*groups.JOINT, *groups.BAGS, *groups.LABELLED),
        "followed": ("zoo:simclr-patch", "zoo:simclr", "zoo:untrained"),
        **{"n_train": 400, "n_test": 480, "n_local": 200, "n_counts": 160},
    },
    "real": {
        "encoders": (
            *(*groups.PHOTOGRAPHIC, *groups.PHOTOGRAPHIC_PATCHED),
            *(*groups.PHOTOGRAPHIC_CONTROLS, "conv4:protoclr_miniimagenet_3query_50bs", "conv4:random_init"),
        ),
        "followed": ("zoo:simclr-imagenette",),
        **{"dataset": "imagenette", "maps": "coco"},
        **{"n_train": 4000, "n_test": 2000, "n_local": 200, "n_counts": 100, "most": 128},
    },
    "paper": {
        "encoders": ("hub-file:vicreg_rn50", "hub-file:swav_rn50", "hub-file:supervised_rn50"),
        "followed": ("hub-file:vicreg_rn50",),
        "dataset": "folder:imagenet-100",
        **{"n_train": 20_000, "n_test": 5000, "n_local": 1000, "n_counts": 512, "n_patches": 16},
        **{"side": 112, "small": 32, "large": 160, "sides": (32, 64, 100, 160), "device": "auto"},
    },
}
