"""From data sets and encoders to numbers: the tables and draws of the study `local_vit`."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from analysis import encoders
from analysis.encoders.base import Encoder
from analysis.encoders.facts import probe_or_refuse
from analysis.progress import track
from analysis.studies.local_vit import defects, few_shot, following, object_retrieval, patch_retrieval, variance
from analysis.studies.local_vit.frames import Role, having, layout, long_enough
from analysis.studies.local_vit.measured import Tokens
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.tokens import with_grid

Probe = Callable[[Tokens, LocalVit, str, Iterable[Encoder]], None]
PROBES: tuple[tuple[Role, Probe], ...] = (
    ("segmentation", few_shot.probe),
    ("patches", patch_retrieval.same_patch),
    ("instances", object_retrieval.same_object),
    ("tracking", following.follow),
)


def measure(params: LocalVit) -> Tokens:
    """Every probe of every encoder on every data set that has its ground truth, all on equal patch grids.

    Raises:
        UserError: as `check`.
    """
    check(params)
    measured = Tokens(params.seed, params.n_bootstrap, params.level)
    models = [with_grid(encoders.load(name, params.device), params.grid) for name in params.encoders]
    for role, probe in PROBES:
        for dataset in having(role, params.datasets):
            probe(measured, params, dataset, track(models, f"{role}, {dataset}", unit="encoder"))
    _overlaps(measured, params, models)
    measured.tables["rotation"] = defects.inverted_rotation()
    measured.tables["stitching"] = defects.shifted_stitching(params.seed)
    measured.tables["lengths"] = defects.unequal_lengths(params.seed)
    return measured


def check(params: LocalVit) -> None:
    """Refuse, before any image is drawn, what cannot be measured.

    Raises:
        UserError: a data set without ground truth for any probe or with too short videos, an encoder without a linear probe on
            its own data, or a network of one's own without a grid of `params.grid` patches a side.
    """
    for name in params.datasets:
        layout(name)
        long_enough(name)
    for name in params.encoders:
        if name.startswith(("zoo:", "file:")):
            probe_or_refuse(name)
        elif name.startswith("python:"):  # of all others the grid is known
            with_grid(encoders.load(name), params.grid)


def _overlaps(measured: Tokens, params: LocalVit, models: Sequence[Encoder]) -> None:
    """Share of the dimensions of highest variance that two data sets have in common."""
    for encoder in models:
        sets = [dataset for dataset, name in measured.tokens if name == encoder.name]
        width = measured.tokens[sets[0], encoder.name].shape[1]
        m = variance.count(width, params.removed)
        for a, b in combinations(sets, 2):
            shared = variance.overlap(measured.tokens[a, encoder.name], measured.tokens[b, encoder.name], m)
            row = {"encoder": encoder.name, "a": a, "b": b, "m": m, "chance": m / width}
            measured.tables["overlap"].append({**row, "value": shared})
