"""How the cores are shared out.

Every library here has a pool of threads of its own (torch, scikit-learn, two copies of OpenBLAS), and an idle pool spins for a
while. Where they take turns, as in a logistic regression, the pools stand in each other's way. Measured on two cores, three
encoders of `bagssl`: 40 s (74 s of processor time) with every pool as it comes, 35 s with one thread each, 17 s (30 s; batch
norms folded too) with one encoder on each core.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from analysis.processes import workers
from analysis.progress import track


@contextmanager
def one_thread() -> Iterator[None]:
    """Every library works on one thread within."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


def side_by_side(work: Callable[[Any], Any], items: Sequence[Any], description: str, unit: str) -> Iterator[Any]:
    """`work` of each item, in order, as many at a time as there are `workers`; each takes one core.

    Threads, for nearly all the time is spent in convolutions and matrix products, which leave Python's lock to others.
    """
    jobs = workers()
    with one_thread():
        found = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(delayed(work)(item) for item in items)
        yield from track(found, description, total=len(items), unit=unit)
