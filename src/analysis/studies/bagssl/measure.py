"""From images and encoders to numbers: the tables of the study `bagssl`."""

from functools import partial

from analysis import encoders
from analysis.results import Row
from analysis.studies.bagssl import accuracy, average, controls, defects, further, invariance, locality, loss, neighbours
from analysis.studies.bagssl.contrasts import PROBES, UNLIKE, VIEWS, WHOLE, Bags, bag
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.reading import Reading, Sample, sample
from analysis.studies.bagssl.roles import Role, pairs, roles
from analysis.studies.base import encoder_rows
from analysis.threads import side_by_side


def measure(params: BagSSL) -> Bags:
    """Every measure of every encoder; the patches of one are read once and forgotten when it is done.

    Raises:
        UserError: patches that do not fit the images.
    """
    images = sample(params)
    bags = Bags.of(params, roles(params.encoders))
    world = loss.world(images)
    average.tell_apart(bags, images)
    controls.measure(bags, images)
    moved, known = invariance.changed(images), neighbours.known(images)
    for found in side_by_side(partial(_one, bags, images, moved, known, world), params.encoders, "patches", "encoder"):
        bags.join(found)
    _tables(bags, params, images, world)
    return bags


def _one(bags: Bags, images: Sample, moved: dict, known: neighbours.Known, world: loss.World | None, name: str) -> Bags:
    """Everything about one encoder."""
    params, role = images.params, bags.roles[name]
    reading, found = Reading(encoders.load(name, params.device), images), Bags.of(params)
    accuracy.measure(found, reading, role, _sides(params, role))
    average.measure(found, reading)
    if name in params.followed:
        many = reading.many()
        accuracy.by_number(found, reading, many)
        average.converge(found, reading, many)
    if name in params.followed or role.aligning or role.supervision == "none":
        scales = (params.small, params.side, params.large)
        locality.measure(found, reading, scales[:2] if role.patch else scales)
        neighbours.measure(found, reading, known)
        invariance.measure(found, reading, moved)
        invariance.spectra(found, reading)
        if world is not None:
            loss.measure(found, reading, world)
    return found


def _sides(params: BagSSL, role: Role) -> list[int]:
    """Sizes of patches whose means are probed: what the claims need of an encoder, and the whole curve of the followed ones."""
    sides = {params.side, role.patch or params.side}
    if role.aligning and role.patch is None:
        sides.add(params.large)
    if role.patch or role.supervision != "self":
        sides.add(params.small)
    if role.encoder in params.followed:
        sides.update(params.sides)
    return sorted(sides)


def _tables(bags: Bags, params: BagSSL, images: Sample, world: loss.World | None) -> None:
    """What is not of one encoder."""
    rows = {row["encoder"]: row for row in encoder_rows(params.encoders)}
    bags.tables["encoders"] = [rows[name] | role.row() for name, role in bags.roles.items()]
    bags.tables["pairs"] = _pairs(bags, params)
    bags.tables["gains"] = _gains(bags, params)
    bags.tables["further"] = further.rows(params)
    bags.tables["identity"] = loss.identities(world, params.seed)
    bags.tables["optima"] = loss.optima(world)
    bags.tables["sign"] = defects.reversed_sign(params.seed)
    sides = sorted({*params.sides, params.small, params.side, params.large})
    bags.tables["shared"] = defects.shared_pixels(images.size, sides)
    bags.gap = max(row["gap"] for row in bags.tables["identity"])
    best = [row for row in bags.tables["optima"] if row["pairs"] == UNLIKE and row["kinds"] == "true"]
    bags.optimum = max(best, key=lambda row: row["dim"])["value"] if best else None


def _pairs(bags: Bags, params: BagSSL) -> list[Row]:
    """Each encoder trained on patches against its multi-scale partner: on whole images, and on the partner's own patches."""
    own, rows, counted = bag(params.side), [], pairs(bags.roles, params.side)
    for name, role in bags.roles.items():
        if role.partner is None:
            continue
        for probe in PROBES:
            for against, other in (("whole image", WHOLE), ("patches", own)):
                values = bags.draws[probe, name, bag(role.patch or params.side)] - bags.draws[probe, role.partner, other]
                row = {"encoder": name, "partner": role.partner, "probe": probe, "against": against}
                rows.append({**row, "judged": (name, role.partner) in counted, **vars(bags.estimate(values))})
    return rows


def _gains(bags: Bags, params: BagSSL) -> list[Row]:
    """What means over patches and views gain over whole images, for joint-embedding encoders trained on crops of many sizes."""
    rows = []
    for name in bags.multi_scale():
        for probe in PROBES:
            for cell in (bag(params.large), bag(params.side), VIEWS):
                values = bags.draws[probe, name, cell] - bags.draws[probe, name, WHOLE]
                rows.append({"encoder": name, "probe": probe, "cell": cell, **vars(bags.estimate(values))})
    return rows
