"""From images and encoders to numbers: the tables of the study `bagssl`."""

from analysis import encoders
from analysis.bagssl import accuracy, average, invariance, locality, loss, neighbours
from analysis.bagssl.measured import Measured
from analysis.bagssl.reading import Reading, Sample
from analysis.bagssl.roles import Role
from analysis.params import BagSSL
from analysis.progress import track


def measure(params: BagSSL, sample: Sample, known: dict[str, Role]) -> Measured:
    """Every measure of every encoder; one encoder after the other, so that its patches are read once and then forgotten."""
    measured = Measured(params)
    of, moved = neighbours.known(sample), invariance.changed(sample)
    facts = loss.world(sample)
    average.tell_apart(measured, sample)
    for name in track(params.encoders, "patches", unit="encoder"):
        role, reading = known[name], Reading(encoders.load(name, params.device), sample)
        accuracy.measure(measured, reading, role, _sides(params, role, known))
        average.measure(measured, reading)
        if name in params.followed:
            many = reading.many()
            accuracy.by_number(measured, reading, many)
            average.converge(measured, reading, many)
        if name in params.followed or _located(role):
            scales = (params.small, params.side, params.large)
            locality.measure(measured, reading, scales[:2] if role.patch else scales)
            neighbours.measure(measured, reading, of)
            invariance.measure(measured, reading, moved)
            invariance.spectra(measured, reading)
            if facts is not None:
                loss.measure(measured, reading, facts)
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
