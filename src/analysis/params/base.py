"""What the parameters of every study share."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Preset = Literal["smoke", "default", "real", "paper"]
PRESETS: tuple[Preset, ...] = ("smoke", "default", "real", "paper")

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Pixels = Annotated[int, Field(ge=2, le=1024)]


class StudyParams(BaseModel):
    """What every study shares.

    Attributes:
        title: of the study's pages.
        paper: citation key of the paper whose claims it judges; "" for a study of what the others measure with.
        place: where it stands in lists.
        renamed: old name of a parameter -> its name now; the old one is refused with the new one named.
    """

    title: ClassVar[str]
    paper: ClassVar[str] = ""
    place: ClassVar[int]
    renamed: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(0, ge=0, lt=2**31, description="seed of every random draw")
    device: Literal["auto", "cpu", "cuda"] = Field("cpu", description="where encoders run; auto takes a GPU if there is one")
    source: Literal["measured", "stored"] = Field(
        "measured", description="measured: compute everything; stored: draw the page from the numbers in data/reference"
    )

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Names of the data sets, encoders and further files (below `data/`) that a run reads."""
        return {"datasets": getattr(self, "datasets", ()), "encoders": getattr(self, "encoders", ()), "files": ()}

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """Data set -> what a run must find in it, besides images: see `datasets.require`."""
        return {}

    @property
    def least(self) -> dict[str, dict[str, int]]:
        """Data set -> split -> how many images a run must find there; where there are more, it takes as many as it asks for."""
        return {}

    @property
    def images(self) -> int:
        """Images that every encoder sees at least once; changed copies, patches and views of them come on top."""
        return sum(getattr(self, name, 0) for name in ("n", "n_train", "n_test", "n_bank"))

    def conflicts(self) -> Iterator[str]:
        """What is wrong with values that are each right by themselves, one phrase each."""
        yield from ()

    def preflight(self) -> None:
        """Refuse, in a moment, what only the files of a run can tell; raises `UserError`."""

    @model_validator(mode="after")
    def _no_conflicts(self) -> Self:
        for conflict in self.conflicts():
            raise ValueError(conflict)
        return self

    def _at_most(self, name: str, limit: str) -> Iterator[str]:
        """A conflict if one number is larger than the other."""
        if getattr(self, name) > getattr(self, limit):
            yield f"{name} ({getattr(self, name)}) cannot be more than {limit} ({getattr(self, limit)})"

    @classmethod
    def _fewest(cls, name: str) -> int:
        """The least value of a parameter: what a data set must have where "all, if it has fewer" holds."""
        return next(limit.ge for limit in cls.model_fields[name].metadata if hasattr(limit, "ge"))

    def _among(self, name: str, known: Collection[str], what: str) -> Iterator[str]:
        """A conflict if a list has entries that are not known."""
        for value in getattr(self, name):
            if value not in known:
                yield f"{name}: {value!r} is not among {what} ({', '.join(known)})"

    @model_validator(mode="before")
    @classmethod
    def _lists_from_text(cls, values: dict[str, Any]) -> dict[str, Any]:
        """`a,b` and a single value are lists too, where a list is expected."""
        lists = {name for name, info in cls.model_fields.items() if "tuple" in str(info.annotation)}
        return {name: _as_list(value) if name in lists else value for name, value in values.items()}

    @field_validator("*")
    @classmethod
    def _no_repeats(cls, value: Any) -> Any:
        if isinstance(value, tuple) and len(set(value)) < len(value):
            raise ValueError("repeats an entry")
        return value


def _as_list(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, (int, float)) else value
