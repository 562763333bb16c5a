"""Every benchmark runs, at sizes that measure nothing, and agrees with its peers; the page shows what was stored."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

import bench
from analysis.book import speed
from bench import __main__ as driver
from bench.turns import Row, contest

EXTERNAL = {line.partition("==")[0] for line in (Path(bench.__file__).parent / "peers.txt").read_text().split()}


@pytest.mark.parametrize("name", driver.NAMES)
def test_a_benchmark_calls_what_exists_and_agrees_with_its_peers(name: str) -> None:
    rows = list(driver.measured(name, smoke=True))
    assert rows
    for row in rows:
        assert math.isfinite(row.ratio), row
        assert row.peer in EXTERNAL or row.difference is None or row.difference < 1e-3, row


def test_a_ratio_is_the_median_over_the_turns_of_ours_over_theirs() -> None:
    ticks = iter([0, 1, 1, 3, 10, 13, 13, 14, 20, 24, 24, 28])  # ours, theirs: 1, 2; 3, 1; 4, 4
    (row,) = contest("a race", lambda: [1.0, 2.0], {"peer": lambda: [1.0, 4.0]}, turns=3, clock=lambda: next(ticks))
    assert (row.ours, row.theirs, row.ratio, row.difference) == (3, 2, 1.0, 0.5)


def test_the_page_shows_what_was_stored_and_marks_what_is_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "FILE", tmp_path / "speed.json")
    assert "No table has been stored" in speed.write([])["_generated/speed.md"]
    rows = [Row("reading", "numpy", 2.0, 4.0, 0.5, 1.0, 1e-4, images=1_000), Row("sorting", "numpy", 3.0, 2.0, 1.5, 1.05)]
    monkeypatch.setattr(driver, "NAMES", ["qscore"])
    monkeypatch.setattr(driver, "measured", lambda name: rows)
    driver.main([])
    page = speed.write([])["_generated/speed.md"]
    assert "### Q-Score" in page
    assert "| reading | numpy | 2 | 4 | 0.50 | 1 | yes | 1e−04 | 500 | 0.6 |" in page
    assert "| sorting | numpy | 3 | 2 | 1.50 | 1.05 | **no** | – | – | – |" in page


def test_the_page_says_how_long_each_study_took_by_your_own_run_before_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "reference_file", lambda study, preset: tmp_path / f"{study}-{preset}.json")
    assert "No study has been run" in speed.write([])["_generated/durations.md"]
    took = {study: {"duration_s": seconds, "machine": {"cores": 2}} for study, seconds in (("world", 60.0), ("qscore", 180.0))}
    for study, manifest in took.items():
        (tmp_path / f"{study}-default.json").write_text(json.dumps({"manifest": {**manifest, "duration_s": 180.0}}))
    own = SimpleNamespace(
        entry=SimpleNamespace(study="world"),
        key="default",
        manifest=took["world"],
        results=SimpleNamespace(parameters={"source": "measured"}),
    )
    lines = speed.write([own])["_generated/durations.md"].splitlines()  # type: ignore[list-item]
    assert "| world | 60 | 25% | 2 | own run |" in lines
    assert "| qscore | 180 | 75% | 2 | published |" in lines
    assert "| **all** | 240 | 100% | – | – |" in lines
