"""From data sets and encoders to numbers: the tables of the study `local_vit`."""

from collections.abc import Sequence
from itertools import combinations

from analysis import encoders
from analysis.encoders.base import Encoder
from analysis.encoders.facts import Facts, facts
from analysis.progress import track
from analysis.results import Row
from analysis.studies.local_vit import matching, segment, variance
from analysis.studies.local_vit.frames import having
from analysis.studies.local_vit.measured import Measured
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.tokens import with_grid


def measure(params: LocalVit) -> Measured:
    """Every probe of every encoder on every data set that has its ground truth, all on equal patch grids."""
    measured = Measured(params)
    models = [with_grid(encoders.load(name, params.device), params.grid) for name in params.encoders]
    for role, probe in (
        *(("segmentation", segment.probe), ("patches", matching.same_patch)),
        *(("instances", matching.same_object), ("tracking", matching.follow)),
    ):
        for dataset in having(role, params.datasets):  # type: ignore[arg-type]
            probe(measured, dataset, track(models, f"{role}, {dataset}", unit="encoder"))
    _overlaps(measured, models)
    return measured


def encoder_rows(names: Sequence[str]) -> list[Row]:
    """What is known of the encoders beforehand."""
    known = {name: facts(name) for name in names}
    return [
        {"encoder": name, "title": found.title, "supervision": found.supervision, "probe": _probe(found)}
        for name, found in known.items()
    ]


def _probe(known: Facts) -> float | None:
    return known.probe.accuracy if known.probe and known.probe.data == "scenes:objects" else None


def _overlaps(measured: Measured, models: Sequence[Encoder]) -> None:
    """Share of the loudest dimensions that two data sets have in common."""
    for encoder in models:
        sets = [dataset for dataset, name in measured.tokens if name == encoder.name]
        width = measured.tokens[sets[0], encoder.name].shape[1]
        m = round(measured.params.removed * width)
        for a, b in combinations(sets, 2):
            shared = variance.overlap(measured.tokens[a, encoder.name], measured.tokens[b, encoder.name], m)
            row = {"encoder": encoder.name, "a": a, "b": b, "m": m, "chance": m / width}
            measured.tables["overlap"].append({**row, "value": shared})
