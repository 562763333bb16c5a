"""Snakemake runs what is stale, nothing else, and a failed run does not take others with it."""

from pathlib import Path

import pytest
import yaml

from analysis import engine, plan
from analysis.errors import UserError
from analysis.results import reference_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not reference_file("masking_cka", "real").exists(), reason="no stored numbers yet"),
]


def entry(name: str, **parameters: object) -> dict:
    return {"study": "masking_cka", "name": name, "preset": "real", "parameters": {"source": "stored", **parameters}}


def runs_file(folder: Path, *entries: dict) -> Path:
    path = folder / "runs.yaml"
    path.write_text(yaml.safe_dump({"runs": list(entries)}))
    return path


def finished(name: str) -> int:
    return plan.Entry(**entry(name)).folder.joinpath("manifest.json").stat().st_mtime_ns


def test_only_stale_runs_are_executed_and_an_untouched_tree_is_a_no_op_wherever_the_user_stands(
    tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("analysis", "snakemake", "ipykernel"):  # not ours, and not to be imported
        (tmp_path / f"{name}.py").write_text("raise RuntimeError(__file__)")
    both = runs_file(tmp_path, entry("a"), entry("b", seed=1))
    engine.execute(both, cores=2)
    first = finished("a"), finished("b")
    engine.execute(both, cores=2)
    assert (finished("a"), finished("b")) == first
    engine.execute(runs_file(tmp_path, entry("a"), entry("b", seed=2)), cores=2)
    assert finished("a") == first[0]
    assert finished("b") > first[1]


def test_a_run_that_cannot_start_does_not_take_the_others_with_it(tmp_path: Path, build: Path) -> None:
    missing = {"source": "measured", "datasets": [f"folder:{tmp_path / 'none'}"], "encoders": "zoo:mae"}
    with pytest.raises(UserError, match="a run failed"):
        engine.execute(runs_file(tmp_path, {**entry("bad"), "parameters": missing}, entry("good")), cores=2)
    assert finished("good")
