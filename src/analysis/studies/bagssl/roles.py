"""What each encoder of a run is to this study: trained on crops of many sizes or on patches of one, and at what cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis import encoders
from analysis.encoders.facts import Supervision, facts
from analysis.results import Row, read_json
from analysis.studies.bagssl.accounting import Cost, cost

PIXELS = 64  # side of the images that the zoo is trained on
_MASKED = ("mae", "simmim", "beit")


@dataclass(frozen=True)
class Role:
    """One encoder.

    Attributes:
        patch: side in px of the patches it was trained on; None where it saw crops of many sizes, or nobody wrote down which.
        disjoint: whether the patches of an image shared no pixel.
        cost: what its training cost; None where nobody wrote it down.
    """

    encoder: str
    title: str
    supervision: Supervision
    patch: int | None = None
    disjoint: bool = False
    cost: Cost | None = None

    @property
    def joint(self) -> bool:
        """Trained without labels to give views of an image like representations."""
        return self.supervision == "self" and not any(word in self.title.lower() for word in _MASKED)

    @property
    def twin(self) -> str:
        """The name of the encoder trained on crops of many sizes, else alike."""
        return self.encoder.partition("-patch")[0]

    def row(self) -> Row:
        """For the tables of the page."""
        spent = {key: getattr(self.cost, key, None) for key in ("images", "patches", "pixels")}
        return {**{key: value for key, value in vars(self).items() if key != "cost"}, **spent, "joint": self.joint}


def roles(names: Sequence[str]) -> dict[str, Role]:
    """Encoder -> its role, in the order of the run."""
    return {name: _role(name) for name in names}


def pairs(found: Mapping[str, Role], side: int) -> list[tuple[str, str]]:
    """Encoders trained on patches of `side` px and their twins, where both saw as many images and views."""
    return [
        (role.encoder, role.twin)
        for role in found.values()
        if role.joint and role.patch == side and not role.disjoint and _equal(role, found.get(role.twin))
    ]


def _equal(role: Role, twin: Role | None) -> bool:
    if twin is None or role.cost is None or twin.cost is None:
        return False
    return (role.cost.images, role.cost.patches) == (twin.cost.images, twin.cost.patches)


def _role(name: str) -> Role:
    known = facts(name)
    if not name.startswith(("zoo:", "file:")):
        return Role(name, known.title, known.supervision)
    card = read_json(encoders.weight_files(name)[1])
    views = card["recipe"]["augmentation"]
    low, high = views["area"]
    return Role(
        encoder=name,
        title=known.title,
        supervision=known.supervision,
        patch=round(low**0.5 * PIXELS) if low == high < 1 else None,
        disjoint=bool(views.get("disjoint")),
        cost=cost(card),
    )
