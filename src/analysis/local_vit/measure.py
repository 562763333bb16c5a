"""From data sets and encoders to numbers: the tables of the study `local_vit`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from analysis import encoders
from analysis.encoders.base import Encoder
from analysis.encoders.facts import facts
from analysis.local_vit import matching, segment, variance
from analysis.local_vit.contrasts import Key
from analysis.local_vit.frames import having
from analysis.local_vit.tokens import with_grid
from analysis.params import LocalVit
from analysis.progress import track
from analysis.results import Row
from analysis.stats import estimate

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
        {"encoder": name, "title": found.title, "supervision": found.supervision, "probe": found.probe}
        for name, found in known.items()
    ]


def _overlaps(measured: Measured, models: Sequence[Encoder]) -> None:
    """Share of the loudest dimensions that two data sets have in common."""
    for encoder in models:
        sets = [dataset for dataset, name in measured.tokens if name == encoder.name]
        m = round(measured.params.removed * encoder.dim)
        for a, b in combinations(sets, 2):
            shared = variance.overlap(measured.tokens[a, encoder.name], measured.tokens[b, encoder.name], m)
            row = {"encoder": encoder.name, "a": a, "b": b, "m": m, "chance": m / encoder.dim}
            measured.tables["overlap"].append({**row, "value": shared})
