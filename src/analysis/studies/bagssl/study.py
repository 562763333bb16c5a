"""The study from end to end: patches read, bags made, rules applied, every number in a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis import encoders, paths
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import Prose, say
from analysis.results import Results, Row, read_json, write_json
from analysis.studies.bagssl import defects, loss, neighbours, sheets
from analysis.studies.bagssl.claims import judge
from analysis.studies.bagssl.contrasts import PROBES, VIEWS, WHOLE, Contrasts, bag
from analysis.studies.bagssl.measure import measure
from analysis.studies.bagssl.pages import WHAT
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.reading import Reading, Sample, sample
from analysis.studies.bagssl.roles import Role, pairs, roles
from analysis.studies.qscore.claims import student
from analysis.verdict_prose import answer

ABSENT = "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"


@dataclass(frozen=True)
class Shown:
    """What is pictured: the images, and the encoders by their roles."""

    sample: Sample
    roles: dict[str, Role]


def compute(study: Notebook) -> Shown | None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose, and return what the pictures need.

    None where the page is drawn from stored numbers.

    Raises:
        UserError: patches that do not fit the images.
    """
    if study.stored:
        return None
    params, results = _params(study), study.results
    images, known = sample(params), roles(params.encoders)
    measured = measure(params, images, known)
    contrasts = Contrasts(measured.draws, known, params.level)
    world, further = loss.world(images), _further(_trained(study))
    results.tables |= measured.tables
    results.tables |= {
        "encoders": [role.row() for role in known.values()],
        "pairs": _twins(contrasts, params),
        "gains": _gains(contrasts, params),
        "further": further,
        "identity": loss.identities(world, params.seed),
        "optima": loss.optima(world),
        "sign": defects.reversed_sign(params.seed),
        "shared": defects.shared_pixels(images.size, sorted({*params.sides, params.small, params.side, params.large})),
    }
    gap = max(row["gap"] for row in results.tables["identity"])
    results.claims = judge(contrasts, params, 1 / len(np.unique(images.labels["test"])), gap, further)
    results.scalars |= _scalars(results, images, contrasts)
    results.answer = answer(results, WHAT).markdown
    return Shown(images, known)


def sizes(study: Notebook, shown: Shown | None) -> FigureRef | Prose:
    """Patches of every size."""
    if shown is None:
        return say(ABSENT)
    return study.show(sheets.sizes(shown.sample), "sizes", "Patches in the middle of test images, and the images, right.")


def sheet(study: Notebook, shown: Shown | None, number: int) -> FigureRef | Prose:
    """The nearest patches of a few patches, in the backbone and the projector of one of the followed encoders."""
    if shown is None:
        return say(ABSENT)
    names = [name for name in _params(study).followed if name in shown.roles]
    if number >= len(names):
        return say("*{count} encoders are followed in this run.*", count=len(names))
    name = names[number]
    reading = Reading(encoders.load(name, _params(study).device), shown.sample)
    found = sheets.sheet(reading, neighbours.known(shown.sample), shown.roles[name].title)
    caption = (
        f"{found.title}: patches of {_params(study).small} px and their nearest ones by centred cosine, among patches of "
        "test images but for those that overlap the query. Frames say where they come from."
    )
    return study.show(sheets.neighbours(found), f"sheet-{name.rpartition(':')[2]}", caption)


def _params(study: Notebook) -> BagSSL:
    assert isinstance(study.params, BagSSL)
    return study.params


def _trained(study: Notebook) -> list[Row]:
    """Rows of further seeds: trained now, or as they come with this version; they are about Scenes."""
    params = _params(study)
    if not params.retrain:
        return [row for name in params.reads["files"] for row in read_json(paths.DATA / name)["rows"]]
    from analysis.studies.bagssl import seeds  # here, for the trainer costs every process seconds

    rows = seeds.rows(seeds=params.seeds, device=params.device)
    write_json(study.run_dir / "tuning.json", {"rows": rows})
    return rows


def _further(rows: Sequence[Row]) -> list[Row]:
    """Bags of a model trained on patches less its multi-scale twin, seed by seed: mean and Student's interval, twin by twin."""
    found = {(row["method"], row["seed"]): row for row in rows}
    pairs: dict[str, list[tuple[Row, Row]]] = {}
    for (name, seed), row in found.items():
        twin = name.partition("-")[0]
        if twin != name and (twin, seed) in found:
            pairs.setdefault(twin, []).append((row, found[twin, seed]))
    return [
        {
            **{"twin": twin, "probe": probe, "against": against, "n": len(both)},
            **vars(student(np.array([own[f"bag_{probe}"] - other[f"{against}_{probe}"] for own, other in both]))),
        }
        for twin, both in pairs.items()
        for probe in PROBES
        for against in ("whole", "bag")
        if len(both) > 1
    ]


def _twins(contrasts: Contrasts, params: BagSSL) -> list[Row]:
    """Each encoder trained on patches against its multi-scale twin: bag less whole image, and bag less the twin's own bag."""
    own, rows = bag(params.side), []
    counted = pairs(contrasts.roles, params.side)
    for name, role in contrasts.roles.items():
        if role.patch is None or role.twin not in contrasts.roles:
            continue
        cell = bag(role.patch)
        for probe in PROBES:
            for against, other in (("whole image", WHOLE), ("bag", own)):
                values = contrasts.gap([(probe, name, cell)], [(probe, role.twin, other)])
                if values is not None:
                    row = {"encoder": name, "twin": role.twin, "probe": probe, "against": against}
                    rows.append({**row, "judged": (name, role.twin) in counted, **vars(contrasts.estimate(values))})
    return rows


def _gains(contrasts: Contrasts, params: BagSSL) -> list[Row]:
    """What bags and views gain over whole images, for encoders trained by joint embedding on crops of many sizes."""
    rows = []
    for name in contrasts.multi_scale():
        for probe in PROBES:
            for cell in (bag(params.large), bag(params.side), VIEWS):
                values = contrasts.gap([(probe, name, cell)], [(probe, name, WHOLE)])
                if values is not None:
                    rows.append({"encoder": name, "probe": probe, "cell": cell, **vars(contrasts.estimate(values))})
    return rows


def _scalars(results: Results, images: Sample, contrasts: Contrasts) -> dict[str, float]:
    """Numbers quoted in prose."""
    tables, params = results.tables, images.params
    names = contrasts.multi_scale() or list(contrasts.roles)
    grid = {q: defects.mean_of(tables["average"], names, quantity=q) for q in ("cosine", "mismatched", "raw", "raw_mismatched")}
    small = {"tap": "backbone", "side": params.small}
    shared = {"apart": "none", "shared": "up to 100%"}
    found = {
        "chance": 1 / len(np.unique(images.labels["test"])),
        "size": float(images.size),
        "known_bag": defects.mean_of(tables["known"], ["a bag"], quantity="cosine"),
        "known_not": defects.mean_of(tables["known"], ["not a bag"], quantity="cosine"),
        "gap": max(row["gap"] for row in tables["identity"]),
        **{f"grid_{name}": value for name, value in grid.items()},
        **{name: defects.mean_of(tables["overlap"], names, shared=bin_, **small) for name, bin_ in shared.items()},
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}
