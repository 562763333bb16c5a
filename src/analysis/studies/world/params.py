"""The parameters of the study and their presets."""

from typing import Any, ClassVar

from pydantic import Field

from analysis.params import groups
from analysis.params.base import Names, Preset, StudyParams


class World(StudyParams):
    """Is the controlled world fit to measure with?"""

    title: ClassVar[str] = "The controlled world"
    place: ClassVar[int] = 11

    encoders: Names = Field(description="encoders that read the world, beside the pixels themselves")
    n_train: int = Field(4000, ge=50, le=100_000, description="images of each kind on which probes are fitted")
    n_test: int = Field(2000, ge=20, le=10_000, description="other images, on which they are scored")
    size: int = Field(64, ge=16, le=512, multiple_of=4, description="side of the images, px")
    n_permutations: int = Field(1000, ge=20, le=100_000, description="permutations of the classes in the null of confusions")


PARAMS = World
PRESETS: dict[Preset, dict[str, Any]] = {
    "smoke": {"encoders": ("zoo:untrained", "zoo:simclr"), "n_train": 320, "n_test": 160, "n_permutations": 100},
    # the world is drawn, not photographed: it has no other images and no paper's network
    "default": {"encoders": groups.WORLD},
    "real": {"encoders": groups.WORLD},
    "paper": {"encoders": groups.WORLD},
}
