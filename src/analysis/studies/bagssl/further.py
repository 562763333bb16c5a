"""The difference of B1 over trainings with further seeds."""

from collections.abc import Sequence

import numpy as np

from analysis import paths
from analysis.results import Row, read_json
from analysis.stats import Estimate, over_units
from analysis.studies.bagssl.contrasts import PROBES
from analysis.studies.bagssl.params import BagSSL


def rows(params: BagSSL) -> list[Row]:
    """Trained now, or as the trainings come with this version; they are about Scenes."""
    if not params.retrain:
        return spread([row for name in params.reads["files"] for row in read_json(paths.DATA / name)["rows"]])
    from analysis.studies.bagssl import seeds  # here, for the trainer costs every process seconds

    return spread(seeds.rows(seeds=params.seeds, device=params.device))


def spread(rows: Sequence[Row]) -> list[Row]:
    """Means over patches of a model trained on patches minus its multi-scale partner, seed by seed, by method."""
    found = {(row["method"], row["seed"]): row for row in rows}
    pairs: dict[str, list[tuple[Row, Row]]] = {}
    for (name, seed), row in found.items():
        method = name.partition("-")[0]
        if method != name and (method, seed) in found:
            pairs.setdefault(method, []).append((row, found[method, seed]))
    return [
        {
            **{"method": method, "probe": probe, "against": against, "n": len(both)},
            **vars(_over(np.array([own[f"bag_{probe}"] - other[f"{against}_{probe}"] for own, other in both]))),
        }
        for method, both in pairs.items()
        for probe in PROBES
        for against in ("whole", "bag")
        if len(both) > 1
    ]


def _over(values: np.ndarray) -> Estimate:
    return over_units(values, np.zeros((len(values), 1)))
