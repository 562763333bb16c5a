"""What a run of the study has found so far: rows, and the draws behind them."""

from dataclasses import dataclass, field

import numpy as np

from analysis.decoders.conditions import Condition
from analysis.results import Row
from analysis.stats import estimate
from analysis.studies.rcdm.contrasts import Key
from analysis.studies.rcdm.params import Rcdm

Array = np.ndarray
TABLES = (
    *("conditions", "reader", "skill", "spread", "layers", "changes", "distances", "unfamiliar", "attacks", "attacked"),
    *("edits", "paths", "common", "samplers", "guidance", "noise", "few", "sharing"),
)


@dataclass
class Measured:
    """Rows for the page, the bootstrap draws behind them for the claims, and pictures.

    Attributes:
        draws: (quantity, condition or encoder, further words) -> value, then its draws: (1 + B,).
        taps: the conditions of the run.
        pictures: panel -> column heading -> images (k, s, s, 3) uint8, in order.
    """

    params: Rcdm
    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    draws: dict[Key, Array] = field(default_factory=dict)
    taps: tuple[Condition, ...] = ()
    pictures: dict[str, dict[str, Array]] = field(default_factory=dict)

    def weights(self, n: int) -> Array:
        """How often each of n images counts: once each in row 0, then as bootstrap samples have them: (1 + B, n)."""
        rng = np.random.default_rng([self.params.seed, n])
        return np.concatenate([np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), size=self.params.n_bootstrap)])

    def mean(self, values: Array) -> Array:
        """Mean of one value per image (n,) with its draws: (1 + B,)."""
        weights = self.weights(len(values))
        return weights @ np.asarray(values, dtype=float) / weights.sum(1)

    def add(self, table: str, row: Row, values: Array, key: Key | None = None) -> None:
        """Enter a value with its interval, and under `key` its draws (1 + B,)."""
        self.tables[table].append({**row, **self.interval(values)})
        if key is not None:
            self.draws[key] = values

    def interval(self, values: Array, prefix: str = "") -> Row:
        """Value and interval of draws (1 + B,) as columns of a row: `PREFIX`, `PREFIX_low`, `PREFIX_high`, or without one."""
        found = vars(estimate(values[0], values[1:], self.params.level))
        return {f"{prefix}_{name}" if name != "value" else prefix: value for name, value in found.items()} if prefix else found
