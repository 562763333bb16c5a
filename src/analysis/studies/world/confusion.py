"""Which classes are confused: the Latin square says which have something in common, the probe which it takes for another."""

import numpy as np

from analysis.datasets.scenes.kinds import CLASSES
from analysis.probing import DRAWS
from analysis.results import Row
from analysis.stats import estimate

SHARED = ("species", "part", "coat")
ANY = "any of the three"


def sharing() -> dict[str, np.ndarray]:
    """Factor -> (16, 16) whether two different classes have it in common, and whether they have any."""
    looks = np.array(CLASSES)
    same = {name: looks[:, None, k] == looks[None, :, k] for k, name in enumerate(SHARED)}
    for matrix in same.values():
        np.fill_diagonal(matrix, False)
    return {**same, ANY: np.logical_or.reduce(list(same.values()))}


def counts(said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(16, 16) how many images of each class (row) were said to be of each class (column)."""
    table = np.zeros((len(CLASSES), len(CLASSES)), int)
    np.add.at(table, (truth, said), 1)
    return table


def concentration(said: np.ndarray, truth: np.ndarray, permutations: int, seed: int) -> list[Row]:
    """Share of the errors that fall on a class with something in common, beside its null.

    The interval resamples the errors (bootstrap). The null gives the 16 classes their looks in random order (the permutation of
    Mantel 1967): rows and columns of the table of errors stay as they are, what classes have in common becomes unrelated to it.
    `p` is the share of the null that reaches the value, the value itself counted in.
    """
    rng, wrong = np.random.default_rng(seed), said != truth
    if not wrong.any():
        return []
    errors = counts(said[wrong], truth[wrong])
    orders = [rng.permutation(len(CLASSES)) for _ in range(permutations)]
    draws = rng.multinomial(errors.sum(), errors.ravel() / errors.sum(), DRAWS)
    rows = []
    for name, same in sharing().items():
        value = float(errors[same].sum() / errors.sum())
        found = estimate(value, draws[:, same.ravel()].sum(1) / errors.sum())
        null = np.array([errors[same[np.ix_(order, order)]].sum() for order in orders]) / errors.sum()
        low, high = np.quantile(null, [0.025, 0.975])
        rows.append({
            "factor": name, "value": value, "low": found.low, "high": found.high, "errors": int(errors.sum()),
            "null_mean": float(null.mean()), "null_low": float(low), "null_high": float(high),
            "p": float((1 + (null >= value - 1e-12).sum()) / (1 + len(null))),
        })  # fmt: skip
    return rows
