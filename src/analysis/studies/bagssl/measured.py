"""What a run of the study has found so far: rows, and the draws behind them."""

from dataclasses import dataclass, field

import numpy as np

from analysis.results import Row
from analysis.stats import estimate
from analysis.studies.bagssl.contrasts import Key
from analysis.studies.bagssl.params import BagSSL

Array = np.ndarray
TABLES = (
    *("accuracy", "counts", "average", "convergence", "known"),
    *("similarity", "overlap", "places", "neighbours", "invariance", "spectrum", "ranks", "cooccurrence", "relations"),
)


@dataclass
class Measured:
    """Rows for the page, and the bootstrap draws behind them for the claims.

    Attributes:
        draws: (quantity, encoder, cell) -> value, then its draws: (1 + B,).
    """

    params: BagSSL
    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    draws: dict[Key, Array] = field(default_factory=dict)
    _weights: dict[int, Array] = field(default_factory=dict)

    def part(self) -> "Measured":
        """An empty one for a part of the encoders, with the same draws of images."""
        return Measured(self.params, _weights=self._weights)

    def join(self, part: "Measured") -> None:
        """What was found of a part, after what is there."""
        for name, rows in part.tables.items():
            self.tables[name] += rows
        self.draws |= part.draws

    def add(self, table: str, row: Row, values: Array, key: Key | None = None) -> None:
        """Enter a value with its interval, and under `key` its draws (1 + B,)."""
        self.tables[table].append({**row, **vars(estimate(values[0], values[1:], self.params.level))})
        if key is not None:
            self.draws[key] = values

    def over_images(self, values: Array) -> Array:
        """The mean of one value per image (n,), then its draws: (1 + B,). NaN counts as no image."""
        kept = np.isfinite(values)
        filled, weights = np.where(kept, values, 0), self.weights(len(values))
        with np.errstate(invalid="ignore"):
            return np.concatenate([[filled.sum() / kept.sum()], weights @ filled / (weights @ kept)])

    def weights(self, n: int) -> Array:
        """How often each of n images is drawn in each bootstrap sample, (B, n); the same whenever n is."""
        if n not in self._weights:
            rng = np.random.default_rng([self.params.seed, n])
            self._weights[n] = rng.multinomial(n, np.full(n, 1 / n), size=self.params.n_bootstrap).astype(float)
        return self._weights[n]
