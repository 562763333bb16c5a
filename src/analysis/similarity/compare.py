"""Every measure of one pair of feature matrices, each with an interval and a permutation null."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from analysis.errors import UserError
from analysis.similarity.cka import LEAST
from analysis.similarity.inputs import Prepared, centred, check_ids, matrices
from analysis.similarity.measures import Measure, select
from analysis.similarity.resampling import cka_pairs, generator, permutations, quantile

HALVES = 200  # half samples give the jackknife's standard deviation to about 5 %
MOST = 12_000  # images whose n x n matrices still fit an ordinary machine (1.2 GB each)
SMALL = 50  # images below which intervals and debiased values are rough


@dataclass(frozen=True)
class Comparison:
    """One measure of x and y.

    Attributes:
        measure: its name in `MEASURES`.
        value: on all images; NaN with the reason in `note` when it is undefined.
        low, high: interval at the asked level; NaN when it cannot be given (see `note`).
        null_mean, null_high: mean and 0.95 quantile of the values with the images of y permuted. For a distance the null is
            high, and small values are the similar ones.
        n: images.
        note: what a reader must know about this number; empty when there is nothing.
    """

    measure: str
    value: float
    low: float
    high: float
    null_mean: float
    null_high: float
    n: int
    note: str


def compare(
    x: np.ndarray,
    y: np.ndarray,
    *,
    ids_x: Sequence[str] | None = None,
    ids_y: Sequence[str] | None = None,
    measures: Sequence[str] | None = None,
    n_bootstrap: int = 1000,
    n_permutations: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> list[Comparison]:
    """Each measure of x (n, p) and y (n, q), rows of the same n images, with interval and null; `measures` are names.

    Debiased CKA: percentile interval of `n_bootstrap` weighted draws (see `resampling`). All others: delete-half jackknife
    (Shao and Wu 1989), value +- z sd over at most 200 random half samples drawn without replacement, clipped to the range of
    the measure, because a bootstrap repeats images and repeated images inflate these measures. Such an interval describes
    the sampling spread of the estimate at this n, not its bias: read it beside the null.

    Raises:
        UserError: n < 4 or n > 12,000; features that are not comparable; ids that differ (it names the first row that does);
            ids for one side only; an unknown measure; a level outside (0, 1).
    """
    x, y = matrices(x, y, least=LEAST)
    n, chosen = len(x), select(measures)
    if n > MOST:
        raise UserError(f"{n} images need n x n matrices beyond {MOST} images; compare_large takes any number")
    if not 0 < level < 1:
        raise UserError(f"level is {level}, but a confidence level lies between 0 and 1")
    if (ids_x is None) != (ids_y is None):
        raise UserError("ids were given for one side only; give both lists or none")
    if ids_x is not None and ids_y is not None:
        check_ids(ids_x, ids_y, n)
    sides, about_images = _Sides(x, y), _about_images(x, y)
    orders = permutations(n, n_permutations, seed)
    others = [measure for measure in chosen if measure.name != "debiased_cka"]
    halves = _half_samples(others, x, y, min(n_bootstrap, HALVES), seed)
    rows = []
    for measure in chosen:
        if measure in others:
            found = _jackknife(measure, sides, halves[measure.name], orders, level)
        else:
            pair = cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=n_bootstrap, n_permutations=n_permutations, seed=seed)
            cka = pair["x", "y"]
            found = _Estimate(cka.value, *cka.interval(level), cka.null, sides.undefined(cka.value))
        mean = float(np.mean(found.null)) if len(found.null) else float("nan")
        note = "; ".join(part for part in (found.note, *about_images) if part)
        rows.append(Comparison(measure.name, found.value, found.low, found.high, mean, quantile(found.null, 0.95), n, note))
    return rows


@dataclass(frozen=True)
class _Estimate:
    value: float
    low: float
    high: float
    null: np.ndarray
    note: str


class _Sides:
    """Two sides and their preparations, each made once however many measures share it."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y
        self._ready: dict[Callable[[np.ndarray], Prepared], tuple[Any, Any]] = {}

    def value(self, measure: Measure, order: np.ndarray | None = None) -> tuple[float, str]:
        """The measure, with y's images reordered if asked; and why it is NaN, if it is."""
        if measure.prepare not in self._ready:
            self._ready[measure.prepare] = measure.prepare(self.x), measure.prepare(self.y)
        a, b = self._ready[measure.prepare]
        try:
            value = measure.combine(a, b if order is None else b.take(order))
        except UserError as error:
            return float("nan"), str(error)
        return value, self.undefined(value)

    def undefined(self, value: float) -> str:
        """Why a value is 0/0; empty when it is a number."""
        if np.isfinite(value):
            return ""
        constant = [name for name, side in (("x", self.x), ("y", self.y)) if not centred(side).any()]
        if constant:
            return f"undefined (0/0): {' and '.join(constant)} constant over the images"
        return "undefined (0/0): nearly all images coincide on one side"


def _half_samples(
    measures: Sequence[Measure], x: np.ndarray, y: np.ndarray, count: int, seed: int
) -> dict[str, list[tuple[float, str]]]:
    """Each measure on random halves of the images, drawn without replacement."""
    n, rng = len(x), generator(seed, 2)
    values: dict[str, list[tuple[float, str]]] = {measure.name: [] for measure in measures}
    for _ in range(count if n >= 2 * LEAST else 0):
        half = rng.permutation(n)[: n // 2]
        sides = _Sides(x[half], y[half])
        for measure in measures:
            values[measure.name].append(sides.value(measure))
    return values


def _jackknife(measure: Measure, sides: _Sides, halves: list[tuple[float, str]], orders: np.ndarray, level: float) -> _Estimate:
    """Delete-half jackknife: with n/2 of n images left out, the variance is that of the half-sample values themselves."""
    value, reason = sides.value(measure)
    if reason:
        return _Estimate(value, np.nan, np.nan, np.empty(0), reason)
    null = np.array([sides.value(measure, order)[0] for order in orders])
    failed = next((why for _, why in halves if why), "" if halves else f"it takes at least {2 * LEAST} images and a few draws")
    if failed:
        return _Estimate(value, np.nan, np.nan, null, f"no interval from half samples: {failed}")
    reach = NormalDist().inv_cdf((1 + level) / 2) * float(np.std([half for half, _ in halves]))
    low, high = np.clip([value - reach, value + reach], *measure.range)
    return _Estimate(value, float(low), float(high), null, "")


def _about_images(x: np.ndarray, y: np.ndarray) -> list[str]:
    """What is true of the images whatever the measure."""
    notes = [f"only {len(x)} images: values and intervals are rough below {SMALL}"] if len(x) < SMALL else []
    for name, side in (("x", x), ("y", y)):
        repeats = len(side) - len({row.tobytes() for row in side})
        if 0 < repeats < len(side) - 1:
            notes.append(f"{repeats} rows of {name} repeat an earlier row: repeated images inflate every measure")
    return notes
