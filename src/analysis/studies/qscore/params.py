"""The parameters of the study and their presets."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from analysis.params import groups
from analysis.params.base import Names, Preset, Share, StudyParams

COMPLETE = ("simclr", "vicreg", "barlow-twins", "moco")  # methods of which the zoo holds every trained part


class QScore(StudyParams):
    """Do discriminative features and Q-Score say which images a probe will get right?"""

    title: ClassVar[str] = "Discriminative features and Q-Score"
    paper: ClassVar[str] = "kalibhat2024"
    place: ClassVar[int] = 3

    renamed: ClassVar[Mapping[str, str]] = {
        "masked": "mask_dataset",
        "n_maps": "n_mask_images",
        "low": "low_percentile",
        "high": "high_percentile",
        "least_coverage": "min_coverage",
        "kept": "keep_fractions",
        "random_draws": "n_random_subsets",
        "ladder": "ranking",
    }

    encoders: Names = Field(description="encoders; claims speak of the self-supervised ones whose features have no sign")
    dataset: str = Field("scenes:objects", description="images: D and probes from its training half, verdicts from the other")
    mask_dataset: str = Field("", description="data set with masks on which maps of features are judged; empty: none")
    n_train: int = Field(4000, ge=50, le=2_000_000, description="training images")
    n_test: int = Field(2000, ge=20, le=1_000_000, description="images to judge by")
    n_mask_images: int = Field(200, ge=4, le=100_000, description="images of `mask_dataset`")
    eps: float = Field(4.0, ge=0, le=100, description="standard deviations above the mean that make a feature highly active")
    low_percentile: float = Field(50.0, ge=0, lt=100, description="lower percentile of discriminative features")
    high_percentile: float = Field(95.0, gt=0, le=100, description="upper percentile of discriminative features")
    min_coverage: float = Field(
        0.92, ge=0, le=1, description="share of training images that must have a Q: eps is lowered until they do; 0 keeps eps"
    )
    keep_fractions: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (0.8, 0.6, 0.4, 0.2), description="shares of the features that compressed representations keep"
    )
    n_random_subsets: int = Field(8, ge=2, le=100, multiple_of=2, description="random sets of features at the cut of 40 %")
    ranking: tuple[str, ...] = Field((), description="further encoders, of which mean Q is compared with the probe only")
    retrain: bool = Field(False, description="train encoders further with the regulariser; else data/tuning is read")
    methods: Names = Field(COMPLETE, description="methods of the zoo that are trained further")
    seeds: int = Field(3, ge=2, le=100, description="trainings of each method and arm")
    epochs: int = Field(2, ge=1, le=1000, description="passes over 10,000 images in each of these trainings")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")

    @property
    def datasets(self) -> tuple[str, ...]:
        """Both data sets, as a run is checked and fingerprinted by them."""
        return tuple(dict.fromkeys(name for name in (self.dataset, self.mask_dataset) if name))

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the encoders that are only ranked, and the stored trainings where none are made."""
        names = tuple(dict.fromkeys((*self.encoders, *self.ranking)))
        return {**super().reads, "encoders": names, "files": () if self.retrain else ("tuning/qscore.json",)}

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """See `StudyParams.needs`."""
        masked = {self.mask_dataset: ("masks",)} if self.mask_dataset else {}
        return masked | {self.dataset: ("train", "classes", *masked.get(self.dataset, ()))}

    @property
    def least(self) -> dict[str, dict[str, int]]:
        """See `StudyParams.least`."""
        masked = {self.mask_dataset: {"": self._fewest("n_mask_images")}} if self.mask_dataset else {}
        return masked | {self.dataset: {"train": self._fewest("n_train"), "test": self._fewest("n_test")}}

    def conflicts(self) -> Iterator[str]:
        """See `StudyParams.conflicts`."""
        if self.low_percentile >= self.high_percentile:
            yield f"low_percentile ({self.low_percentile:g}) must be less than high_percentile ({self.high_percentile:g})"
        yield from self._among("methods", COMPLETE, "the methods of which the zoo holds every trained part")


PARAMS = QScore
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {
        "encoders": ("zoo:simclr", "zoo:vicreg", *groups.LABELLED),
        "mask_dataset": "scenes:objects",
        "n_train": 400,
        "n_test": 200,
        "n_mask_images": 24,
        "keep_fractions": (0.6,),
        "n_random_subsets": 2,
        "n_bootstrap": 100,
    },
    "default": {"encoders": (*groups.JOINT, *groups.LABELLED), "mask_dataset": "scenes:objects"},
    "real": {
        "encoders": (*groups.PHOTOGRAPHIC, *groups.PHOTOGRAPHIC_CONTROLS),
        "dataset": "imagenette",
        "mask_dataset": "pets",
        "keep_fractions": (0.6,),
        **{"n_test": 3925, "n_random_subsets": 24},
        "ranking": groups.LADDER,
    },
    "paper": {
        "encoders": (
            *(f"hub-file:{method}_rn50_lightly" for method in groups.IMAGENET),
            "hub-file:simsiam_rn50",
            "hub-file:supervised_rn50",
        ),
        "dataset": "folder:imagenet-100",
        "n_train": 130_000,
        "n_test": 5000,
        "device": "auto",
    },
}
