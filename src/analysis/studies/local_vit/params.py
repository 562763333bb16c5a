"""The parameters of the study and their presets."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from analysis.params import groups
from analysis.params.base import Names, Preset, Share, StudyParams


class LocalVit(StudyParams):
    """What do patch tokens of self-supervised transformers know without tuning?"""

    title: ClassVar[str] = "Local representations of vision transformers"
    paper: ClassVar[str] = "vanyan2024"
    place: ClassVar[int] = 5

    encoders: Names = Field(description="encoders to compare: vision transformers, or others by their final maps")
    datasets: Names = Field(description="data sets; each is used for everything it has the ground truth of")
    grid: int = Field(8, ge=2, le=64, description="patches per side of a tile: encoders with other patches get larger inputs")
    n_bank: int = Field(
        36,
        ge=4,
        le=100_000,
        description="labelled images of few-shot segmentation; as many more, where there are, for larger banks",
    )
    n_test: int = Field(40, ge=4, le=100_000, description="images to be segmented")
    n_views: int = Field(40, ge=4, le=100_000, description="images in which the same patch or object is looked for")
    n_videos: int = Field(12, ge=2, le=10_000, description="videos in which objects are followed")
    n_frames: int = Field(16, ge=9, le=10_000, description="frames of each video (all, if it has fewer)")
    removed: Share = Field(0.26, description="share of dimensions that are removed where nothing else is said")
    shares: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (0.013, 0.065, 0.13, 0.26, 0.52, 0.78), description="shares of dimensions removed, in the curves"
    )
    by_layer: bool = Field(True, description="also compare patches after every block")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")

    def preflight(self) -> None:
        """See `StudyParams.preflight`: ground truth that the study uses, and encoders with probes and grids."""
        from analysis.studies.local_vit.measure import check

        check(self)

    @property
    def images(self) -> int:
        """See `StudyParams.images`; of one set with labelled pixels and one of videos."""
        return self.n_bank + self.n_test + self.n_videos * self.n_frames


PARAMS = LocalVit
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {
        "encoders": ("zoo:mae", "zoo:dino-vit", "zoo:dinov2", "zoo:untrained-vit"),
        "datasets": ("scenes:multi", "scenes:video", "scenes:pairs"),
        "n_bank": 6,
        "n_test": 6,
        "n_views": 4,
        "n_videos": 2,
        "n_frames": 9,
        "shares": (0.26,),
        "n_bootstrap": 100,
    },
    "default": {
        "encoders": (*groups.LOCAL, "zoo:untrained-vit"),
        "datasets": ("scenes:multi", "scenes:video", "scenes:pairs"),
        "n_bank": 16,
        "n_test": 64,
        "n_views": 100,
        "n_videos": 40,
        "n_frames": 9,
        "shares": (0.065, 0.13, 0.26, 0.52),
    },
    "real": {
        "encoders": (
            *(*groups.LOCAL_PHOTOGRAPHS, "zoo:dinov2-imagenette"),
            *("vit-tiny", "conv4:protoclr_miniimagenet_3query_50bs"),
        ),
        "datasets": ("camvid", "coco", "eth80", "davis"),
        "n_bank": 16,
        "n_test": 24,
        "n_videos": 8,
        "n_frames": 9,
        "shares": (0.065, 0.26, 0.52),
    },
    "paper": {
        "encoders": (
            "hub-file:mae_vitb16",
            "hub-file:simmim_vitb16",
            "hub-file:scalemae_vitl16",
            "hub-file:dino_vitb16",
            "hub-file:ibot_vitb16",
            "hub-file:dinov2_vitb14",
            "hub-file:supervised_vitb16",
        ),
        "datasets": ("cityscapes", "ade20k", "fair1m", "bdd100k", "davis"),
        "grid": 14,
        "n_bank": 72,
        "n_test": 30,
        "n_videos": 30,
        "n_frames": 200,
        "device": "auto",
    },
}
