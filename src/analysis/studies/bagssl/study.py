"""The study from end to end: patches read, rules applied, pictures drawn."""

import numpy as np

from analysis import encoders
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import Prose, say
from analysis.results import Results
from analysis.studies.bagssl import defects, neighbours, sheets
from analysis.studies.bagssl.claims import CLAIMS
from analysis.studies.bagssl.contrasts import DISJOINT, Bags
from analysis.studies.bagssl.evidence import evidence
from analysis.studies.bagssl.measure import measure
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.reading import Reading, sample
from analysis.studies.base import run

ABSENT = "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"


def compute(study: Notebook) -> Bags | None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose; None where numbers are stored."""
    params = _params(study)
    return run(study, measure, CLAIMS, lambda bags: evidence(bags, params), scalars=_scalars)


def sizes(study: Notebook) -> FigureRef | Prose:
    """Patches of every size."""
    if study.stored:
        return say(ABSENT)
    caption = "Patches in the middle of test images, magnified as an encoder sees them, and the images, right."
    return study.show(sheets.sizes(sample(_params(study))), "sizes", caption)


def sheet(study: Notebook, number: int) -> FigureRef | Prose:
    """The nearest patches of a few patches, in the backbone and the projector of one of the followed encoders."""
    params = _params(study)
    if study.stored or number >= len(params.followed):
        return say(ABSENT if study.stored else "*No further encoder is followed in this run.*")
    name, images = params.followed[number], sample(params)
    title = next(row["title"] for row in study.results.tables["encoders"] if row["encoder"] == name)
    found = sheets.sheet(Reading(encoders.load(name, params.device), images), neighbours.known(images), title)
    caption = (
        f"{title}: patches of {params.small} px, framed on their images, and their nearest ones by centred cosine, among "
        "patches of test images but for those that overlap the query."
    )
    return study.show(sheets.neighbours(found), f"sheet-{name.rpartition(':')[2]}", caption)


def _params(study: Notebook) -> BagSSL:
    assert isinstance(study.params, BagSSL)
    return study.params


def _scalars(results: Results) -> dict[str, float]:
    """Numbers quoted in prose."""
    tables, small = results.tables, results.parameters["small"]
    names = [row["encoder"] for row in tables["encoders"] if row["aligning"] and row["patch"] is None]
    names = names or [row["encoder"] for row in tables["encoders"]]
    quantities = ("cosine", "mismatched", "raw", "raw_mismatched")
    grid = {q: defects.mean_of(tables["average"], names, quantity=q, grid=DISJOINT) for q in quantities}
    shared = {"apart": "none", "shared": "up to 100%"}
    found = {
        "known_bag": defects.mean_of(tables["known"], ["a bag"], quantity="cosine", grid=DISJOINT),
        "known_not": defects.mean_of(tables["known"], ["not a bag"], quantity="cosine", grid=DISJOINT),
        "gap": max(row["gap"] for row in tables["identity"]),
        **{f"grid_{name}": value for name, value in grid.items()},
        **{
            name: defects.mean_of(tables["overlap"], names, shared=bin_, tap="backbone", side=small)
            for name, bin_ in shared.items()
        },
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}
