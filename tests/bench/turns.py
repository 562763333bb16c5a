"""What the benchmarks share: a contest in turns within one process, and the rows of the table."""

import importlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

BUDGET = 15.0  # seconds after which a contest has no further turn
REQUIRED = "the requirement"


@dataclass(frozen=True)
class Row:
    """Ours beside one peer.

    Attributes:
        ours, theirs: seconds, the medians over the turns.
        ratio: the median over the turns of ours / theirs; below 1 ours is the faster.
        limit: the largest ratio that will do.
        difference: of the results, the largest, relative to the largest number of the peer's; None where there is nothing to
            compare.
        images: how many are worked on in `ours` seconds; 0 where that says nothing.
    """

    what: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    limit: float
    difference: float | None = None
    images: int = 0


def contest(
    what: str,
    ours: Callable[[], Any],
    peers: Mapping[str, Callable[[], Any] | float],
    limit: float = 1.0,
    images: int = 0,
    turns: int = 5,
    clock: Callable[[], float] = time.process_time,
) -> list[Row]:
    """Ours and every peer once in each turn; a peer may be a number of seconds. What they return is compared.

    The clock is the processor time of all threads of this process, which a busy machine disturbs least.
    """
    times: list[dict[str, float]] = []
    begun = time.perf_counter()
    while len(times) < turns and (not times or time.perf_counter() - begun < BUDGET):
        results, spent = {}, {}
        for name, run in {"": ours, **peers}.items():
            start = clock()
            results[name] = run() if callable(run) else None
            spent[name] = clock() - start if callable(run) else run
        times.append(spent)
    median = {name: statistics.median(spent[name] for spent in times) for name in times[0]}
    ratio = {name: statistics.median(spent[""] / spent[name] for spent in times) for name in peers}
    gaps = {name: _difference(results[""], results[name]) for name in peers}
    return [Row(what, name, median[""], median[name], ratio[name], limit, gaps[name], images) for name in peers]


def _difference(ours: Any, theirs: Any) -> float | None:
    if ours is None or theirs is None:
        return None
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.abs(a - b).max() / np.abs(b).max())


def package(module: str, smoke: bool) -> Any:
    """A peer that does not come with the project, which `make bench` installs; without it the smoke form says so: None."""
    if smoke and not find_spec(module):
        print(f"{module} is not installed: skipped")
        return None
    return importlib.import_module(module)


class Decoded(Dataset):
    """Images (n, h, h, 3) uint8 one by one through a transform of torchvision's or lightly's, as a plain loop reads them."""

    def __init__(self, images: np.ndarray, transform: Callable[[Image.Image], Any]) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.transform(Image.fromarray(self.images[index]))
