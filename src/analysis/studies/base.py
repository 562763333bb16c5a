"""What every study shares: quantities with their bootstrap draws, and the way from parameters to verdicts.

A study is `params` (what may be chosen), `measure` (images to `Measured`), `claims` (rules as data, and the evidence for each)
and a notebook (the page). `run` is the whole way; a study adds what is its own:

    def compute(notebook: Notebook) -> Measured | None:
        return run(notebook, measure, CLAIMS, evidence, scalars=scalars)

A quantity is one array (1 + B,): its value, then its B bootstrap draws. Differences, ratios and means of quantities are those
of arrays, and they are paired, for images are resampled alike for every encoder.

>>> measured = Measured(seed=0, n_bootstrap=500, level=0.95)
>>> right = np.repeat([1.0, 0.0], [80, 20])
>>> measured.add("accuracy", {"encoder": "a"}, measured.mean(right), ("accuracy", "a"))
>>> [round(value, 1) for value in measured.tables["accuracy"][0].values() if isinstance(value, float)]
[0.8, 0.7, 0.9]
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from analysis import rules
from analysis.encoders.facts import above_untrained, facts
from analysis.notebook import Notebook
from analysis.prose import INTERVAL, Prose, table
from analysis.results import Results, Row
from analysis.rules import Claim, Evidence
from analysis.stats import Estimate, between_units, cluster_counts, estimate, over_units, within_strata
from analysis.verdict_prose import answer

Array = np.ndarray
Key = tuple[str, ...]
Subject = TypeVar("Subject")
Found = TypeVar("Found", bound="Measured")


@dataclass
class Measured:
    """What a run has measured: rows for the page, and the draws behind them for the claims.

    Attributes:
        seed, n_bootstrap, level: of the intervals; B is `n_bootstrap`.
        tables: name -> rows; a table without rows need not be entered.
        draws: key, such as (quantity, encoder) -> (1 + B,).
    """

    seed: int
    n_bootstrap: int
    level: float = 0.95
    tables: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    draws: dict[Key, Array] = field(default_factory=dict)
    _drawn: dict[int, Array] = field(default_factory=dict, repr=False)

    def weights(self, clusters: Array | int) -> Array:
        """How often each row counts: once in the sample itself, then as each bootstrap sample has it, (1 + B, n).

        `clusters`: what is independent (`stats.cluster_counts`), or the number of independent rows. The same clusters are
        always resampled alike.
        """
        code = self._codes(clusters)
        return self._counts(code)[:, code]

    def mean(self, values: Array, clusters: Array | None = None) -> Array:
        """Mean of one value per row (n,) with its draws (1 + B,), rows resampled by cluster; a row of NaN counts as none."""
        values = np.asarray(values, dtype=float)
        code, given = self._codes(len(values) if clusters is None else clusters), np.isfinite(values)
        totals, numbers = (np.bincount(code, rows) for rows in (np.where(given, values, 0), given))  # of each cluster
        with np.errstate(invalid="ignore"):
            return self._counts(code) @ totals / (self._counts(code) @ numbers)

    def _codes(self, clusters: Array | int) -> Array:
        """Clusters as whole numbers from 0, (n,)."""
        return np.arange(clusters) if isinstance(clusters, int) else np.unique(clusters, return_inverse=True)[1]

    def _counts(self, code: Array) -> Array:
        """How often each of k clusters is in the sample, and in each bootstrap sample: (1 + B, k), drawn once for every k."""
        k = int(code.max()) + 1
        if k not in self._drawn:
            drawn = cluster_counts(np.arange(k), self.n_bootstrap, self.seed)
            self._drawn[k] = np.concatenate([np.ones((1, k)), drawn])
        return self._drawn[k]

    def add(self, table: str, row: Row, values: Array, key: Key | None = None) -> None:
        """Enter a quantity (1 + B,) with its interval into a table, and under `key` its draws."""
        self.tables[table].append(row | vars(self.estimate(values)))
        if key is not None:
            self.draws[key] = values

    def estimate(self, values: Array, comparisons: int = 1) -> Estimate:
        """Value and interval over images of a quantity (1 + B,); of `comparisons` such it holds for all together."""
        return estimate(values[0], values[1:], self.level, comparisons)

    def average(self, keys: Iterable[Key]) -> Array:
        """Mean of quantities, (1 + B,): of these very encoders, over images.

        Raises:
            KeyError: one of them was not measured.
        """
        return np.mean([self.draws[key] for key in keys], axis=0)

    def over(self, units: Sequence[Array], comparisons: int = 1) -> Estimate:
        """Mean of one quantity per unit (encoders, pairs, seeds), each (1 + B,), for a sentence about all such units."""
        stack = np.stack(units)
        return over_units(stack[:, 0], stack[:, 1:], self.level, comparisons)

    def share(self, parts: Sequence[Array], wholes: Sequence[Array]) -> Estimate:
        """What the parts of all units are of their wholes together, each (1 + B,): a sum over a sum.

        A unit with hardly any whole has a share of its own that says nothing, and would drown the mean of shares. The interval
        is that of the mean of linearised shares, r + (part - r whole) / mean whole, r and mean whole as measured (Cochran 1977,
        section 6.3), so that no draw divides by what happens to be nothing in it.
        """
        part, whole = np.stack(parts), np.stack(wholes)
        r, mean = part[:, 0].sum() / whole[:, 0].sum(), whole[:, 0].mean()
        return self.over(list(r + (part - r * whole) / mean))

    def between(self, first: Sequence[Array], second: Sequence[Array]) -> Estimate:
        """Mean over one group of units minus that over another, for a sentence that compares two kinds of units."""
        one, other = np.stack(first), np.stack(second)
        return between_units(one[:, 0], other[:, 0], one[:, 1:], other[:, 1:], self.level)

    def within(self, strata: Iterable[tuple[Sequence[Array], Sequence[Array]]]) -> Estimate:
        """One group of units minus another of like kind, such as networks of one architecture (`stats.within_strata`)."""
        return within_strata([(np.stack(first), np.stack(second)) for first, second in strata], self.level)

    def join(self, part: "Measured") -> None:
        """Take over what another part of the run has measured."""
        for name, rows in part.tables.items():
            self.tables[name] += rows
        self.draws |= part.draws


def evidence(
    quantities: Callable[[Subject], Mapping[str, Estimate]],
    own: Subject,
    negative: Subject,
    positive: Subject,
    *,
    n: int,
    unit: str = "images",
    unmet: Sequence[str] = (),
    note: str = "",
    **more: Mapping[str, Any],
) -> Evidence:
    """The evidence for a claim: the same function, by condition name, of its subject and of both controls.

    `more`: `counts` and `withheld` of `Evidence`.
    """
    return Evidence(quantities(own), quantities(negative), quantities(positive), n, unit, tuple(unmet), note, **more)


def run(
    notebook: Notebook,
    measure: Callable[[Any], Found],
    claims: Sequence[Claim] = (),
    evidence: Callable[[Found], Mapping[str, Evidence]] | None = None,
    *,
    scalars: Callable[[Results], Mapping[str, float]] | None = None,
) -> Found | None:
    """Measure, judge and store: fill `notebook.results`, and return what was measured; None where numbers are stored.

    Args:
        measure: parameters -> what was measured. It checks everything that can be wrong before any long work.
        evidence: what was measured -> evidence by claim; every claim has some, if only the reason why it is not testable.
        scalars: results with their tables -> numbers quoted in prose.
    """
    results = notebook.results
    if notebook.stored:
        results.answer = answer(results, claims).markdown if claims else results.answer
        return None
    measured = measure(notebook.params)
    results.tables |= {"encoders": encoder_rows(notebook.params.encoders)} | dict(measured.tables)
    found = evidence(measured) if evidence else {}
    results.claims = [rules.judge(claim, found[claim.id]) for claim in claims]
    results.tables |= dict(measured.tables)  # also what the evidence entered
    results.scalars |= scalars(results) if scalars else {}
    results.answer = answer(results, claims).markdown if claims else results.answer
    return measured


def encoder_rows(names: Sequence[str]) -> list[Row]:
    """What is known of encoders beforehand, one a row."""
    return [_encoder_row(name) for name in names]


def _encoder_row(name: str) -> Row:
    known = facts(name)
    copy = facts(known.untrained).probe if known.untrained else None
    compared = known.probe is not None and copy is not None and known.objective != "none" and known.probe.data == copy.data
    return {
        "encoder": name,
        "title": known.title,
        "method": known.method,
        "family": known.family,
        "objective": known.objective,
        "supervision": known.supervision,
        "data": known.data,
        "size": known.size,
        "untrained": known.untrained,
        "probe": known.probe.accuracy if known.probe else None,
        "probe_low": known.probe.low if known.probe else None,
        "probe_high": known.probe.high if known.probe else None,
        "probe_data": known.probe.data if known.probe else None,
        "learned": above_untrained(name) if compared else None,
    }


def encoders_table(results: Results) -> Prose:
    """The encoders of a run: how each was trained, and its linear probe on its own data."""
    words = {True: "yes", False: "no", None: None}
    rows = [{**row, "above": words[row["learned"]]} for row in results.tables["encoders"]]
    return table(
        rows,
        {
            "title": "Encoder",
            "encoder": "Name",
            "family": "Network",
            "objective": "Objective",
            "data": "Trained on",
            "probe": ("Linear probe there", INTERVAL),
            "above": "Above its untrained copy",
        },
    )


def titles(results: Results) -> dict[str, str]:
    """Encoder -> short title."""
    return {row["encoder"]: row["title"] for row in results.tables["encoders"]}


def methods(results: Results) -> dict[str, str]:
    """Encoder -> method, for its colour."""
    return {row["encoder"]: row["method"] for row in results.tables["encoders"]}
