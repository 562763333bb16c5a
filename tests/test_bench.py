"""Every benchmark runs, at sizes that measure nothing, and agrees with its peers; the page shows what was stored."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest

import bench
from analysis.book import speed
from bench.__main__ import NAMES, machine, measured, packages, title
from bench.turns import Row, contest

EXTERNAL = {line.partition("==")[0] for line in (Path(bench.__file__).parent / "peers.txt").read_text().split()}


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_calls_what_exists_and_agrees_with_its_peers(name: str) -> None:
    rows = list(measured(name, smoke=True))
    assert rows
    for row in rows:
        assert math.isfinite(row.ratio), row
        assert row.peer in EXTERNAL or row.difference is None or row.difference < 1e-3, row


def test_a_ratio_is_the_median_over_the_turns_of_ours_over_theirs() -> None:
    ticks = iter([0, 1, 1, 3, 10, 13, 13, 14, 20, 24, 24, 28])  # ours, theirs: 1, 2; 3, 1; 4, 4
    (row,) = contest("a race", lambda: [1.0, 2.0], {"peer": lambda: [1.0, 4.0]}, turns=3, clock=lambda: next(ticks))
    assert (row.ours, row.theirs, row.ratio, row.difference) == (3, 2, 1.0, 0.5)


def test_the_page_shows_the_stored_table_and_marks_what_is_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "FILE", tmp_path / "speed.json")
    assert "No table has been stored" in speed.write([])["_generated/speed.md"]
    rows = [Row("reading", "numpy", 2.0, 4.0, 0.5, 1.0, 1e-4, images=1_000), Row("sorting", "numpy", 3.0, 2.0, 1.5, 1.05)]
    made = {"date": "2026-01-02", "git": {"commit": "ab" * 20, "dirty": False}, "machine": machine(), "packages": packages()}
    speed.FILE.write_text(json.dumps({**made, "benchmarks": {title("qscore"): [asdict(row) for row in rows]}}))
    page = speed.write([])["_generated/speed.md"]
    assert "### Q-Score" in page
    assert "Measured on 2026-01-02, at commit ababababab" in page
    assert "| reading | numpy | 2 | 4 | 0.50 | 1 | yes | 1e−04 | 500 | 0.6 |" in page
    assert "| sorting | numpy | 3 | 2 | 1.50 | 1.05 | **no** | – | – | – |" in page
