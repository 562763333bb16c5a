"""The study at `smoke`: its page shows what it measured. What holds for every study is in `test_studies`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import paths
from analysis.plan import Entry
from analysis.results import Results, reference_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smoke(smoke_run: Callable[[str], Path]) -> Path:
    """`analysis run masking_cka --preset smoke`."""
    return smoke_run("masking_cka")


def test_every_value_is_in_the_range_of_its_measure_and_every_null_is_about_0(smoke: Path) -> None:
    tables = Results.load(smoke / "results.json").tables
    assert len(tables["pairs"]) > 40
    for row in [*tables["pairs"], *tables["layers"]]:
        assert -1 <= row["cka"] <= 1 + 1e-9
    assert all(abs(row["null_mean"]) < 0.1 for row in tables["pairs"])
    assert all(0 <= row["accuracy"] <= 1 for row in tables["neighbours"])


def test_every_claim_is_judged_beside_both_controls_of_the_same_run(smoke: Path) -> None:
    claims = Results.load(smoke / "results.json").claims
    assert [claim.id for claim in claims] == ["M1", "M2", "M3"]
    measured = [claim for claim in claims if claim.conditions]
    assert measured  # which of the encoders may speak depends on what they have learnt
    for claim in measured:
        for condition in claim.conditions:
            for estimate in (condition.own, condition.negative, condition.positive):
                assert estimate.low <= estimate.value <= estimate.high


def test_the_page_has_its_figures(smoke: Path) -> None:
    figures = Results.load(smoke / "results.json").figures
    shown = {Path(figure["file"]).stem for figure in figures}
    assert shown >= {"separation", "matrices", "reliance", "masks", "stand-in", "occlusion", "trap", "measures", "layers"}


def test_the_same_seed_gives_the_same_numbers_again(smoke: Path, build: Path) -> None:
    from analysis.run import run

    again = run("masking_cka", "smoke", name="again")
    first, second = (Results.load(folder / "results.json") for folder in (smoke, again))
    assert first.tables == second.tables
    assert first.claims == second.claims


def test_plain_papermill_runs_the_notebook_too(tmp_path: Path) -> None:
    environment = {**os.environ, "ANALYSIS_BUILD": str(tmp_path / "build"), "OMP_NUM_THREADS": "1"}
    programs = Path(sys.executable).parent
    source = subprocess.run(
        [programs / "jupytext", "--to", "ipynb", "--output", "-", paths.NOTEBOOKS / "masking_cka.py"],
        capture_output=True, check=True,
    )  # fmt: skip
    words = [
        "-p",
        "preset",
        "smoke",
        "-p",
        "n",
        "24",
        "-p",
        "encoders",
        "zoo:untrained",
        "-p",
        "by_layer",
        "false",
        "-",
        "out.ipynb",
    ]
    done = subprocess.run(
        [programs / "papermill", *words], input=source.stdout, capture_output=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    results = Results.load(tmp_path / "build" / "runs" / "masking_cka" / "interactive" / "results.json")
    assert results.parameters["n"] == 24
    assert results.parameters["encoders"] == ["zoo:untrained"]


@pytest.mark.skipif(not reference_file("masking_cka", "real").exists(), reason="no stored numbers yet")
def test_the_page_about_photographs_is_drawn_from_stored_numbers_and_holds_no_photograph(build: Path) -> None:
    from analysis.run import run

    entry = Entry(study="masking_cka", name="stored", preset="real", parameters={"source": "stored"})
    folder = run(entry.study, entry.preset, dict(entry.parameters), entry.name)
    results, stored = Results.load(folder / "results.json"), Results.load(reference_file("masking_cka", "real"))
    assert results.tables == stored.tables
    assert results.claims == stored.claims
    assert not [figure for figure in results.figures if "pictures" in figure["file"]]
    assert "data:image/" not in "".join(path.read_text() for path in (folder / "figures").glob("*.svg"))
