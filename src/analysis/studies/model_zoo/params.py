"""The parameters of the study and their presets."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from analysis.params import groups
from analysis.params.base import Names, Preset, StudyParams


class ModelZoo(StudyParams):
    """What are the small encoders worth that the studies use?"""

    title: ClassVar[str] = "The model zoo"
    place: ClassVar[int] = 12

    encoders: Names = Field(description="encoders with a card: `zoo:` and `file:`; with a trained one, its untrained copy")
    dataset: Literal["scenes:objects", "imagenette"] = Field(
        "scenes:objects", description="where encoders are probed; those trained elsewhere are shown by their cards"
    )
    n_train: int = Field(4000, ge=50, le=100_000, description="images on which probes are fitted")
    n_test: int = Field(2000, ge=20, le=10_000, description="other images, on which they are scored")
    n_bootstrap: int = Field(10_000, ge=100, le=1_000_000, description="bootstrap draws of the gains over untrained copies")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The one data set, as a run is checked and fingerprinted by them."""
        return (self.dataset,)

    def preflight(self) -> None:
        """See `StudyParams.preflight`: whole cards, and an untrained copy of every trained encoder that is probed."""
        from analysis.studies.model_zoo import cards

        cards.copies(cards.chosen(self.encoders, self.dataset)[1])


PARAMS = ModelZoo
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {
        "encoders": ("zoo:simclr", "zoo:supervised", "zoo:untrained", "zoo:mae", "zoo:untrained-vit"),
        "n_train": 400,
        "n_test": 200,
    },
    "default": {"encoders": groups.WHOLE_ZOO},
    "real": {
        "encoders": (
            *(*groups.PHOTOGRAPHIC, *groups.PHOTOGRAPHIC_CONTROLS, *groups.PHOTOGRAPHIC_PATCHED, *groups.LOCAL_PHOTOGRAPHS),
            "zoo:dinov2-imagenette",
        ),
        "dataset": "imagenette",
        "n_train": 20_000,
        "n_test": 5_000,
    },
    "paper": {"encoders": groups.WHOLE_ZOO},  # there is no paper's network to compare: the zoo is ours
}
