"""The trap: what raw measures say of features that have nothing to do with each other."""

import numpy as np

from analysis.results import Row
from analysis.similarity import debiased_cka, linear_cka, mean_cca

MEASURES = {"mean CCA": mean_cca, "linear CKA, biased": linear_cka, "linear CKA, debiased": debiased_cka}


def unrelated(n: int, widths: tuple[int, ...], seed: int, repeats: int = 5) -> list[Row]:
    """Each measure of two independent standard normal matrices (n, p), for every p in `widths`; mean over `repeats`.

    The truth is 0 everywhere. Mean CCA is left out (None) where the dimensions alone force correlations of 1
    (2 p > n - 1).
    """
    rows = []
    for width in widths:
        rng = np.random.default_rng([seed, n, width])
        pairs = [(rng.standard_normal((n, width)), rng.standard_normal((n, width))) for _ in range(repeats)]
        for name, measure in MEASURES.items():
            forced = name == "mean CCA" and 2 * width > n - 1
            values = [] if forced else [measure(x, y) for x, y in pairs]
            rows.append(
                {
                    **{"n": n, "width": width, "measure": name, "repeats": repeats},
                    "value": None if forced else float(np.mean(values)),
                    "spread": None if forced else float(np.std(values)),
                }
            )
    return rows
