"""The measures with what each is declared to ignore; the tests and the book's table both read these declarations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from analysis.errors import UserError
from analysis.similarity import cca, cka
from analysis.similarity import procrustes as shape
from analysis.similarity.inputs import Prepared


@dataclass(frozen=True)
class Invariances:
    """Which changes of one side leave the value alone; `symmetric`: whether swapping the sides does."""

    translation: bool = True
    scaling: bool = True
    permutation: bool = True  # of the columns
    orthogonal: bool = True
    invertible: bool = False  # any invertible linear map
    symmetric: bool = True


@dataclass(frozen=True)
class Measure:
    """One measure: the public function, how to read its value, and its two halves for resampling.

    Attributes:
        invariances, invariances_y: under changes of the first and of the second side.
        range: smallest and largest possible value.
        direction: what the ends of the range mean.
        prepare, combine: function(x, y) = combine(prepare(x), prepare(y)); permuting images needs only `combine`.
    """

    name: str
    title: str
    function: Callable[..., float]
    prepare: Callable[[np.ndarray], Prepared]
    combine: Callable[[Any, Any], float]
    invariances: Invariances
    invariances_y: Invariances
    range: tuple[float, float]
    direction: str
    reference: str


SIMILARITY = "similarity: 1 is the same up to the invariances"
CKA_LIKE = Invariances()
CCA_LIKE = Invariances(invertible=True)
PWCCA_X = Invariances(orthogonal=False, symmetric=False)  # its weights look at single neurons
PWCCA_Y = Invariances(invertible=True, symmetric=False)


def _measure(
    name: str,
    title: str,
    function: Callable[..., float],
    halves: tuple[Callable[[np.ndarray], Prepared], Callable[[Any, Any], float]],
    reference: str,
    *,
    invariances: Invariances = CKA_LIKE,
    invariances_y: Invariances | None = None,
    range: tuple[float, float] = (0.0, 1.0),
    direction: str = SIMILARITY,
) -> Measure:
    return Measure(name, title, function, *halves, invariances, invariances_y or invariances, range, direction, reference)


_ALL = (
    _measure(
        "debiased_cka", "debiased linear CKA", cka.debiased_cka, (cka.centre, cka.combine_debiased),
        "Song et al. 2007; Nguyen et al. 2021", range=(-1.0, 1.0), direction=f"{SIMILARITY}, about 0 is unrelated",
    ),
    _measure(
        "linear_cka", "linear CKA (biased)", cka.linear_cka, (cka.centre, cka.combine_linear), "Kornblith et al. 2019"
    ),
    _measure(
        "rbf_cka", "RBF CKA (biased, t = 0.5)", cka.rbf_cka, (cka.rbf_gram, cka.combine_gram), "Kornblith et al. 2019"
    ),
    _measure(
        "minibatch_cka", "minibatch CKA (batches of 64)", cka.minibatch_cka, (cka.centre, cka.combine_minibatch),
        "Nguyen et al. 2021", range=(-1.0, 1.0), direction=f"{SIMILARITY}, about 0 is unrelated",
    ),
    _measure(
        "mean_cca", "mean CCA", cca.mean_cca, (cca.directions, cca.combine_mean), "Raghu et al. 2017", invariances=CCA_LIKE
    ),
    _measure(
        "squared_cca", "mean squared CCA", cca.squared_cca, (cca.directions, cca.combine_squared),
        "Kornblith et al. 2019", invariances=CCA_LIKE,
    ),
    _measure(
        "svcca", "SVCCA (99 % of variance)", cca.svcca, (cca.directions, cca.combine_svcca), "Raghu et al. 2017"
    ),
    _measure(
        "pwcca", "PWCCA (weights of the first side)", cca.pwcca, (cca.directions, cca.combine_pwcca),
        "Morcos et al. 2018", invariances=PWCCA_X, invariances_y=PWCCA_Y,
    ),
    _measure(
        "procrustes", "Procrustes distance d²", shape.procrustes, (shape.unit, shape.combine_procrustes),
        "Ding et al. 2021", range=(0.0, 2.0), direction="distance: 0 is the same up to the invariances, 2 is unrelated",
    ),
)  # fmt: skip

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}


def select(names: Sequence[str] | None) -> list[Measure]:
    """The measures with these names, in the order asked for; all of them without names.

    Raises:
        UserError: a name is not a measure; it lists those that are.
    """
    for name in names or ():
        if name not in MEASURES:
            raise UserError(f"unknown measure {name!r}; known are {', '.join(MEASURES)}")
    return [MEASURES[name] for name in names] if names is not None else list(MEASURES.values())


def invariance_table() -> list[dict[str, str]]:
    """One row per measure: its title, its range and direction, `yes`, `no` or the side for each invariance, its source."""
    rows = []
    for m in MEASURES.values():
        row = {"measure": m.title, "range": f"[{m.range[0]:g}, {m.range[1]:g}]", "direction": m.direction}
        for field in fields(Invariances):
            x, y = getattr(m.invariances, field.name), getattr(m.invariances_y, field.name)
            row[field.name] = ("yes" if x else "no") if x == y else f"{'first' if x else 'second'} side only"
        rows.append({**row, "reference": m.reference})
    return rows
