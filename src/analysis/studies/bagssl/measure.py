"""From images and encoders to numbers: the tables of the study `bagssl`."""

from analysis import encoders
from analysis.studies.bagssl import accuracy, average, invariance, locality, loss, neighbours
from analysis.studies.bagssl.measured import Measured
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.reading import Reading, Sample
from analysis.studies.bagssl.roles import Role
from analysis.threads import side_by_side


def measure(params: BagSSL, sample: Sample, known: dict[str, Role]) -> Measured:
    """Every measure of every encoder; the patches of one are read once and forgotten when it is done."""
    measured = Measured(params)
    of, moved = neighbours.known(sample), invariance.changed(sample)
    facts = loss.world(sample)
    average.tell_apart(measured, sample)

    def one(name: str) -> Measured:
        """Everything about one encoder."""
        role, reading = known[name], Reading(encoders.load(name, params.device), sample)
        found = measured.part()
        accuracy.measure(found, reading, role, _sides(params, role, known))
        average.measure(found, reading)
        if name in params.followed:
            many = reading.many()
            accuracy.by_number(found, reading, many)
            average.converge(found, reading, many)
        if name in params.followed or _located(role):
            scales = (params.small, params.side, params.large)
            locality.measure(found, reading, scales[:2] if role.patch else scales)
            neighbours.measure(found, reading, of)
            invariance.measure(found, reading, moved)
            invariance.spectra(found, reading)
            if facts is not None:
                loss.measure(found, reading, facts)
        return found

    for found in side_by_side(one, params.encoders, "patches", "encoder"):
        measured.join(found)
    return measured


def _located(role: Role) -> bool:
    """Whether a claim speaks of its single patches, or it is a control."""
    return role.joint or role.supervision == "none"


def _sides(params: BagSSL, role: Role, known: dict[str, Role]) -> list[int]:
    """Sizes of patches whose bags are probed: what the claims need of an encoder, and the whole curve of the followed ones."""
    sides = {params.side, role.patch or params.side}
    multi_scale = role.joint and role.patch is None
    if multi_scale:
        sides.add(params.large)
    small_bags = any(other.joint and other.patch == params.small for other in known.values())
    if role.supervision != "self" or (multi_scale and not small_bags):
        sides.add(params.small)
    if role.encoder in params.followed:
        sides.update(params.sides)
    return sorted(sides)
