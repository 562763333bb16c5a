"""What a run of the study has measured so far: rows, draws, and what pictures need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from analysis.encoders.base import Encoder
from analysis.encoders.facts import facts
from analysis.neighbours import Metric
from analysis.studies.base import Measured

Array = np.ndarray
UNTUNED, COSINE, LINEAR = "none/ip", "none/cosine", "linear"  # raw features by inner product; by cosine; a tuned linear probe
STANDARD = "standardise/cosine"
METRICS: Mapping[str, Metric] = {UNTUNED: "ip", COSINE: "cosine"}
TASKS = ("segmentation", "same object", "same patch", "tracking")
RATIO = 10.0  # a dimension has high variance if its variance is more than so many times the median one
SAMPLE = 4000  # tokens kept of each data set and encoder, to compare their dimensions of highest variance


@dataclass
class Tokens(Measured):
    """Draws are under (task, data set, encoder, setting), and (`ratio`, data set, encoder, where) for variances.

    Attributes:
        tokens: (data set, encoder) -> some of its tokens, (n, d).
        shown: data set -> a few test images (4, H, W, 3) and the commonest class of each patch (4, h, w).
        classes: data set -> names of its classes.
        examples: (data set, encoder, setting) -> what the nearest patch says of them (4, h, w).
        maps: (data set, encoder) -> their tokens (4, h, w, d).
    """

    tokens: dict[tuple[str, str], Array] = field(default_factory=dict)
    shown: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    examples: dict[tuple[str, str, str], Array] = field(default_factory=dict)
    maps: dict[tuple[str, str], Array] = field(default_factory=dict)

    def keep(self, dataset: str, encoder: str, grids: Array) -> None:
        """Keep some tokens of grids (n, h, w, d), evenly spread, unless there are some."""
        flat = grids.reshape(-1, grids.shape[-1])
        self.tokens.setdefault((dataset, encoder), flat[:: max(1, len(flat) // SAMPLE)])

    def datasets(self, task: str, encoder: str, setting: str) -> list[str]:
        """Data sets on which a setting of a task was measured for an encoder."""
        return [d for t, d, e, s in self.draws if (t, e, s) == (task, encoder, setting)]

    def mean_over_datasets(self, task: str, encoder: str, setting: str) -> Array:
        """Mean of a quantity over the data sets on which it was measured, (1 + B,).

        A data set of which nothing is independent, one drive of a car for instance, has no interval: it counts only where all
        are so.

        Raises:
            KeyError: there is none.
        """
        sets = self.datasets(task, encoder, setting)
        if not sets:
            raise KeyError((task, encoder, setting))
        told = [dataset for dataset in sets if np.isfinite(self.draws[task, dataset, encoder, setting][1:]).any()]
        return self.average((task, dataset, encoder, setting) for dataset in told or sets)


def needs_copy(encoder: Encoder) -> bool:
    """Whether it is compared with a copy that is as good, its tokens rounded: DINO, in the claim about DINO and DINOv2."""
    return facts(encoder.name).method == "dino"
