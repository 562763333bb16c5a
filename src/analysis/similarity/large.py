"""More images than n x n matrices allow: linear CKA of all of them in one pass, the other measures on a random subset."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import t

from analysis.errors import UserError
from analysis.similarity.compare import Comparison, compare
from analysis.similarity.inputs import check_ids
from analysis.similarity.resampling import generator
from analysis.similarity.streaming import LinearCka

GROUPS = 10  # random tenths of the images, each left out once
BATCH = 4096
SUBSET = 2000  # images for measures that need all pairs
ONE_PASS = {"linear_cka": False, "debiased_cka": True}


def compare_large(
    x: np.ndarray,
    y: np.ndarray,
    *,
    ids_x: Sequence[str] | None = None,
    ids_y: Sequence[str] | None = None,
    n_bootstrap: int = 1000,
    n_permutations: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> list[Comparison]:
    """As `compare`, for any number of rows of x (n, p) and y (n, q), which may be memory-mapped.

    Both linear CKAs are exact over all n images, in memory 10 (p^2 + q^2 + p q), with a delete-a-group jackknife interval
    (Shao and Wu 1989) over ten random groups; they have no permutation null. All other measures are
    those of 2,000 random images.

    Raises:
        UserError: as `compare`.
    """
    n = len(x)
    if len(y) != n:
        raise UserError(f"x has {n} rows and y has {len(y)}, but row i of both must belong to the same image")
    if (ids_x is None) != (ids_y is None):
        raise UserError("ids were given for one side only; give both lists or none")
    if ids_x is not None and ids_y is not None:
        check_ids(ids_x, ids_y, n)
    some = np.sort(generator(seed, 3).choice(n, SUBSET, replace=False))
    rows = compare(
        *(np.asarray(x[some]), np.asarray(y[some])),
        n_bootstrap=n_bootstrap,
        n_permutations=n_permutations,
        level=level,
        seed=seed,
    )
    groups = _streams(x, y, generator(seed, 4).integers(0, GROUPS, n))
    whole = {name: _jackknife(name, groups, n, level) for name in ONE_PASS}
    note = f"of {SUBSET} random images"
    return [whole.get(row.measure) or replace(row, note="; ".join(filter(None, (note, row.note)))) for row in rows]


def _streams(x: np.ndarray, y: np.ndarray, group: np.ndarray) -> list[LinearCka]:
    """One stream per group of images, filled in one pass over the rows."""
    streams = [LinearCka() for _ in range(GROUPS)]
    for start in range(0, len(x), BATCH):
        here = slice(start, start + BATCH)
        a, b, of = np.asarray(x[here]), np.asarray(y[here]), group[here]
        for number in np.unique(of):
            streams[number].update(a[of == number], b[of == number])
    return streams


def _jackknife(measure: str, groups: Sequence[LinearCka], n: int, level: float) -> Comparison:
    """The measure of all groups together, and its interval from what it is without each."""
    debiased = ONE_PASS[measure]
    value = _merged(groups).value(debiased)
    without = np.array([_merged([*groups[:k], *groups[k + 1 :]]).value(debiased) for k in range(GROUPS)])
    error = np.sqrt((GROUPS - 1) / GROUPS * np.sum((without - without.mean()) ** 2))
    reach = float(t.ppf((1 + level) / 2, GROUPS - 1)) * float(error)
    note = "all images, in one pass; no null"
    return Comparison(measure, value, value - reach, value + reach, np.nan, np.nan, n, note)


def _merged(streams: Sequence[LinearCka]) -> LinearCka:
    whole = LinearCka()
    for stream in streams:
        whole.merge(stream)
    return whole
