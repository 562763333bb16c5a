"""What each encoder of a run is to this study: trained on crops of many sizes or on patches of one, and at what cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from analysis import encoders
from analysis.encoders.facts import Facts, Supervision, facts
from analysis.results import Row, read_json
from analysis.studies.bagssl.accounting import Cost, cost

PIXELS = 64  # side of the images that the zoo is trained on


@dataclass(frozen=True)
class Role:
    """One encoder.

    Attributes:
        aligning: trained without labels to give two views of an image like representations.
        untrained: its untrained copy, where it is in the run.
        partner: the encoder of the run trained by the same method on the same data on crops of many sizes.
        patch: side in px of the patches it was trained on; None where it saw crops of many sizes, or nobody wrote down which.
        disjoint: whether the patches of an image shared no pixel.
        cost: what its training cost; None where nobody wrote it down.
    """

    encoder: str
    title: str
    supervision: Supervision
    aligning: bool = False
    untrained: str | None = None
    partner: str | None = None
    patch: int | None = None
    disjoint: bool = False
    cost: Cost | None = None

    def row(self) -> Row:
        """For the tables of the page."""
        spent = {key: getattr(self.cost, key, None) for key in ("images", "patches", "pixels")}
        return {**{key: value for key, value in vars(self).items() if key != "cost"}, **spent}


def roles(names: Sequence[str]) -> dict[str, Role]:
    """Encoder -> its role, in the order of the run."""
    known = {name: facts(name) for name in names}
    alone = {name: _role(name, known[name], names) for name in names}
    return {name: replace(role, partner=_partner(name, alone, known)) for name, role in alone.items()}


def pairs(found: Mapping[str, Role], side: int) -> list[tuple[str, str]]:
    """Encoders trained without labels on patches of `side` px and their partners, where both saw as many images and views."""
    return [
        (role.encoder, role.partner)
        for role in found.values()
        if role.aligning and role.patch == side and not role.disjoint and role.partner and _equal(role, found[role.partner])
    ]


def _partner(name: str, alone: Mapping[str, Role], known: Mapping[str, Facts]) -> str | None:
    if alone[name].patch is None:
        return None
    alike = (known[name].method, known[name].data, known[name].family)
    others = (other for other, role in alone.items() if role.patch is None)
    return next((o for o in others if (known[o].method, known[o].data, known[o].family) == alike), None)


def _equal(role: Role, partner: Role) -> bool:
    if role.cost is None or partner.cost is None:
        return False
    return (role.cost.images, role.cost.patches) == (partner.cost.images, partner.cost.patches)


def _role(name: str, known: Facts, names: Sequence[str]) -> Role:
    untrained = known.untrained if known.untrained in names else None
    role = Role(name, known.title, known.supervision, known.aligning, untrained)
    if not name.startswith(("zoo:", "file:")):
        return role
    card = read_json(encoders.weight_files(name)[1])
    patch = round(known.patch * PIXELS) if known.patch else None
    return replace(role, patch=patch, disjoint=bool(card["recipe"]["augmentation"].get("disjoint")), cost=cost(card))
