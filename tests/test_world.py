"""The study of the controlled world: its measures on planted truths, its rules, and a run from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.datasets import scenes
from analysis.datasets.scenes.kinds import CLASSES
from analysis.params import resolve
from analysis.results import Results
from analysis.stats import Estimate
from analysis.studies.world import confusion, findings
from analysis.studies.world.measure import drop, excess, met, untouched


def test_two_classes_of_the_latin_square_share_at_most_one_of_three() -> None:
    same = confusion.sharing()
    three = np.stack([same[name] for name in confusion.SHARED]).sum(0)
    assert three.max() == 1
    assert [int(same[name].sum()) for name in confusion.SHARED] == [16 * 3] * 3
    assert same[confusion.ANY].sum() == 16 * 9


def test_errors_that_follow_a_factor_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 16, 2000)
    same = confusion.sharing()["part"]
    planted = np.array([rng.choice(np.flatnonzero(same[t])) if rng.random() < 0.4 else t for t in truth])
    rows = {row["factor"]: row for row in confusion.concentration(planted, truth, 200, 0)}
    assert rows["part"]["value"] == 1.0
    assert rows["part"]["p"] < 0.01
    assert rows["part"]["null_high"] < 0.5
    assert rows["species"]["value"] == rows["coat"]["value"] == 0.0
    uniform = {row["factor"]: row for row in confusion.concentration(rng.integers(0, 16, 2000), truth, 200, 0)}
    for name, share in (("species", 0.2), ("part", 0.2), ("coat", 0.2), (confusion.ANY, 0.6)):
        assert uniform[name]["low"] < share < uniform[name]["high"]
        assert uniform[name]["null_low"] < share < uniform[name]["null_high"]


def test_without_errors_there_is_nothing_to_concentrate() -> None:
    assert confusion.concentration(np.arange(16), np.arange(16), 20, 0) == []


def test_counts_are_of_true_rows_and_said_columns() -> None:
    table = confusion.counts(np.array([1, 1, 0]), np.array([0, 0, 0]))
    assert table.shape == (len(CLASSES), len(CLASSES))
    assert (table[0, 1], table[0, 0], table.sum()) == (2, 1, 3)


def test_a_drop_is_paired_and_the_control_is_taken_off() -> None:
    rng = np.random.default_rng(1)
    kept = rng.random(800) < 0.7
    broken = kept & (rng.random(800) < 0.5)
    misled, plain = np.stack([kept, broken]), np.stack([kept, kept])
    assert drop(misled, 0).value == pytest.approx(kept.mean() - broken.mean())
    assert drop(plain, 0) == Estimate(0.0, 0.0, 0.0)
    assert excess((misled, plain), 0).value == pytest.approx(drop(misled, 0).value)
    assert excess((misled, misled), 0) == Estimate(0.0, 0.0, 0.0)


def test_points_meet_their_instance_by_the_right_matrix_only() -> None:
    pairs = scenes.make("pairs", 6, seed=1)
    everywhere, inside = met(pairs)
    assert everywhere > 0.95
    assert inside > 0.999
    pairs.factors["affine"][:] = np.eye(2, 3)  # as if the camera had not moved
    assert met(pairs)[1] < 0.97


def test_fixing_one_factor_touches_no_other() -> None:
    same, compared = untouched(resolve("world", "smoke"), n=3)
    assert same == compared > 0


@pytest.mark.parametrize(
    ("id_", "found", "bounds", "state"),
    [
        ("hard", (0.75, 0.70, 0.80), (0.6, 0.9), "holds"),
        ("hard", (0.62, 0.58, 0.66), (0.6, 0.9), "open"),
        ("hard", (0.95, 0.93, 0.97), (0.6, 0.9), "does not hold"),
        ("hard", (0.30, 0.25, 0.35), (0.6, 0.9), "does not hold"),
        ("pixels", (0.05, 0.02, 0.08), (0.1, 1.0), "does not hold"),
        ("correlated", (0.89, 0.86, 0.92), (0.9, 0.9), "holds"),
        ("broken", (0.09, 0.08, 0.10), (1 / 16, 1 / 16), "does not hold"),
    ],
)
def test_rules_are_applied_to_intervals(id_: str, found: tuple, bounds: tuple, state: str) -> None:
    rows = findings.judge({id_: findings.Asked(Estimate(*found), *bounds, 100)})
    assert {row["id"]: row["state"] for row in rows}[id_] == state
    assert {row["state"] for row in rows if row["id"] != id_} == {"not tested"}
    assert [row["id"] for row in rows] == list(findings.RULES)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`analysis run world --preset smoke`, once for this file."""
    build = tmp_path_factory.mktemp("build")
    environment = {**os.environ, "ANALYSIS_BUILD": str(build), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "analysis", "run", "world", "--preset", "smoke"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_the_page_has_every_figure_table_and_finding(smoke: Path) -> None:
    results = Results.load(smoke / "results.json")
    names = {Path(figure["file"]).stem for figure in results.figures}
    pictures = {"kinds", "truth", "video", "pairs", "sweeps", "latin-square"}
    assert names == pictures | {"difficulty", "factors", "confusion", "context"}
    for figure in results.figures:
        light = smoke / figure["file"]
        assert light.with_name(f"{light.stem}-dark.svg").exists()
        assert light.with_suffix(".pdf").exists()
    assert [row["id"] for row in results.tables["findings"]] == list(findings.RULES)
    assert results.claims == []  # an instrument has no claim of a paper to judge
    assert "Answer" in results.answer
    manifest = json.loads((smoke / "manifest.json").read_text())
    assert {"analysis.datasets.scenes.relief", "analysis.probing"} <= set(manifest["fingerprint"]["modules"])


@pytest.mark.slow
def test_numbers_are_in_their_ranges_and_intervals_hold_their_values(smoke: Path) -> None:
    tables = Results.load(smoke / "results.json").tables
    for row in [*tables["difficulty"], *tables["concentration"], *tables["agreement"]]:
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert sum(cell["count"] for cell in tables["confusion"]) == tables["difficulty"][0]["n"]
    for row in tables["context"]:
        assert row["drop"] == pytest.approx(row["kept"] - row["broken"])
    assert {row["factor"] for row in tables["factors"]} >= {"species", "part", "coat", "background", "light", "hue", "mirror"}
    assert all(row["value"] <= 1 for row in tables["factors"])
