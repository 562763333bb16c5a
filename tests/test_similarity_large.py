"""Any number of images: what one pass gives is what all rows give, with an interval that covers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.similarity import compare, compare_large, debiased_cka, linear_cka
from analysis.similarity.large import SUBSET


def features(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 6)) * [3, 2, 1, 1, 1, 1]
    return x.astype(np.float32), (x[:, :3] + rng.standard_normal((n, 3))).astype(np.float32)


def test_linear_cka_of_all_rows_is_exact_and_the_rest_says_that_it_is_of_a_subset() -> None:
    x, y = features(5000)
    rows = {row.measure: row for row in compare_large(x, y, n_bootstrap=20, n_permutations=5)}
    assert set(rows) == {row.measure for row in compare(x[:50], y[:50], n_bootstrap=2, n_permutations=2)}
    assert rows["debiased_cka"].value == pytest.approx(debiased_cka(x, y), abs=1e-9)
    assert rows["linear_cka"].value == pytest.approx(linear_cka(x, y), abs=1e-9)
    assert rows["debiased_cka"].n == 5000
    assert rows["procrustes"].n == SUBSET
    assert rows["procrustes"].note.startswith(f"of {SUBSET} random images")


def test_the_interval_is_as_wide_as_the_estimate_varies_and_does_not_depend_on_the_order_of_rows() -> None:
    values, widths = [], []
    for seed in range(20):
        x, y = features(3000, seed)
        order = np.argsort(x[:, 0])  # as files sorted by class are
        row = next(r for r in compare_large(x[order], y[order], n_bootstrap=2, n_permutations=2) if r.measure == "debiased_cka")
        values.append(row.value)
        widths.append(row.high - row.low)
    ratio = np.mean(widths) / (2 * 2.26 * np.std(values, ddof=1))  # 2.26: Student, 9 degrees of freedom
    assert 0.6 < ratio < 1.6


def test_rows_that_do_not_belong_together_are_refused() -> None:
    x, y = features(3000)
    with pytest.raises(UserError, match="3000 rows and y has 2999"):
        compare_large(x, y[1:])
    names = [str(row) for row in range(3000)]
    with pytest.raises(UserError, match="row"):
        compare_large(x, y, ids_x=names, ids_y=names[::-1])


def test_the_command_takes_more_rows_than_fit_all_pairs(tmp_path: Path) -> None:
    x, y = features(12_500)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    command = [
        sys.executable,
        "-m",
        "analysis",
        "similarity",
        "x.npy",
        "y.npy",
        "--json",
        "--n-bootstrap",
        "50",
        "--n-permutations",
        "20",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = {row["measure"]: row for row in json.loads(done.stdout)}
    assert rows["linear_cka"]["n"] == 12_500
    assert rows["linear_cka"]["value"] == pytest.approx(linear_cka(x, y), abs=1e-9)
