"""What a run of the study has found so far: rows, and the draws behind them."""

from dataclasses import dataclass, field

import numpy as np

from analysis.results import Row
from analysis.stats import estimate
from analysis.studies.local_vit.contrasts import Key
from analysis.studies.local_vit.params import LocalVit

Array = np.ndarray
SAMPLE = 4000  # tokens kept of each data set and encoder, for the overlap of their loudest dimensions
TABLES = (
    *("samples", "segmentation", "linear", "sweep", "layers", "robustness", "spectrum", "held", "hubs"),
    *("overlap", "objects", "patches", "tracking"),
)


@dataclass
class Measured:
    """Rows for the page, and the bootstrap draws behind them for the claims.

    Attributes:
        draws: (probe, data set, encoder, cell) -> value, then its draws: (1 + B,).
        tokens: (data set, encoder) -> some of its tokens, (n, d).
        perfect: recall of the same patch by coordinates as features.
        shown: data set -> a few test images (4, H, W, 3) and the commonest class of each patch (4, h, w).
        classes: data set -> how many classes it has.
        examples: (data set, encoder, setting) -> what the nearest patch says of them (4, h, w).
    """

    params: LocalVit
    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    draws: dict[Key, Array] = field(default_factory=dict)
    tokens: dict[tuple[str, str], Array] = field(default_factory=dict)
    perfect: float | None = None
    shown: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    examples: dict[tuple[str, str, str], Array] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, row: Row, values: Array, key: Key | None = None) -> None:
        """Enter a value with its interval, and under `key` its draws (1 + B,)."""
        self.tables[table].append({**row, **vars(estimate(values[0], values[1:], self.params.level))})
        if key is not None:
            self.draws[key] = values

    def keep(self, dataset: str, encoder: str, grids: Array) -> None:
        """Keep some tokens of grids (n, h, w, d), evenly spread, unless there are some."""
        flat = grids.reshape(-1, grids.shape[-1])
        self.tokens.setdefault((dataset, encoder), flat[:: max(1, len(flat) // SAMPLE)])

    def weights(self, n: int) -> Array:
        """How often each of n images is drawn in each bootstrap sample, (B, n); the same whenever n is."""
        rng = np.random.default_rng([self.params.seed, n])
        return rng.multinomial(n, np.full(n, 1 / n), size=self.params.n_bootstrap)
