"""The parameters of the study and their presets."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from analysis.params import groups
from analysis.params.base import Names, Preset, Share, StudyParams

Fill = Literal["mean", "black", "blur"]


class MaskingCka(StudyParams):
    """Does removing foreground, background or centre change a representation?"""

    title: ClassVar[str] = "Masking, CKA and CCA"
    paper: ClassVar[str] = "cadet2023"
    place: ClassVar[int] = 1

    encoders: Names = Field(
        description="encoders to compare; a trained one is judged beside its untrained copy, if there is one"
    )
    again: tuple[str, ...] = Field(
        (), description="encoders trained as one of them was, from another seed (others are left out): shown beside M3"
    )
    datasets: Names = Field(description="data sets; those with foreground masks get every variant, the others occlusion only")
    n: int = Field(400, ge=8, le=1_000_000, description="images per data set (all, if it has fewer)")
    fills: Annotated[tuple[Fill, ...], Field(min_length=1)] = Field(
        ("mean", "black", "blur"), description="what is painted over removed pixels; the first is the headline"
    )
    fractions: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (0.25, 0.5, 0.75), description="sides of the occluding square, as shares of the image side; the middle one is judged"
    )
    min_coverage: Share = Field(0.01, description="images whose object covers less are dropped, everywhere")
    max_coverage: Share = Field(0.9, description="images whose object covers more are dropped, everywhere")
    by_layer: bool = Field(True, description="also compare the representations layer by layer")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    n_permutations: int = Field(200, ge=20, le=100_000, description="row permutations of each null")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the encoders trained again."""
        return {**super().reads, "encoders": tuple(dict.fromkeys((*self.encoders, *self.again)))}

    @property
    def least(self) -> dict[str, dict[str, int]]:
        """See `StudyParams.least`."""
        return {name: {"": self._fewest("n")} for name in self.datasets}

    @property
    def images(self) -> int:
        """See `StudyParams.images`."""
        return self.n * len(self.datasets)

    def conflicts(self) -> Iterator[str]:
        """See `StudyParams.conflicts`."""
        if self.min_coverage >= self.max_coverage:
            yield f"min_coverage ({self.min_coverage:g}) must be less than max_coverage ({self.max_coverage:g})"

    @property
    def fraction(self) -> float:
        """The side of the square that M2 is judged by."""
        return sorted(self.fractions)[len(self.fractions) // 2]


PARAMS = MaskingCka
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {
        "encoders": ("zoo:simclr", "zoo:swav", "zoo:supervised", "zoo:untrained", "zoo:mae", "zoo:untrained-vit"),
        "datasets": ("scenes:objects", "scenes:textures"),
        "n": 48,
        "fills": ("mean", "black"),
        "fractions": (0.5,),
        "n_bootstrap": 100,
        "n_permutations": 20,
    },
    "default": {
        "encoders": tuple(f"zoo:{name}" for name in (*groups.RESNETS, *groups.VITS)),
        "again": ("zoo:supervised-seed1",),
        "datasets": ("scenes:objects", "scenes:context", "scenes:textures"),
        "n": 240,
        "n_permutations": 100,
    },
    "real": {
        "encoders": (
            *(*groups.PHOTOGRAPHIC, *groups.PHOTOGRAPHIC_CONTROLS, *groups.LOCAL_PHOTOGRAPHS),
            *("conv4:protoclr_miniimagenet_3query_50bs", "conv4:umtra_miniimagenet_1query_5bs"),
            *("conv4:sup_Conv4_baseline_aug", "conv4:random_init"),
        ),
        "datasets": ("pets", "coco", "eth80", "davis", "dtd"),
        "n": 300,
    },
    "paper": {
        "encoders": (
            "timm:vit_small_patch14_dinov2.lvd142m",
            "timm:vit_base_patch14_dinov2.lvd142m",
            "timm:vit_base_patch16_224.mae",
            "hub-file:swav_rn50",
        ),
        "datasets": ("pets", "flowers", "cub", "dtd"),
        "n": 4000,
        "device": "auto",
    },
}
