"""A run is stale exactly when something it depends on has changed, and it is said what."""

import os
import shutil
from pathlib import Path

import pytest

from analysis import engine, paths, plan, provenance
from analysis.digests import imported_modules
from analysis.errors import UserError
from analysis.params import resolve
from analysis.results import write_json

ENTRY = plan.Entry(study="masking_cka", name="toy", preset="smoke", parameters={"encoders": ["zoo:mae"], "n": 20})


@pytest.fixture
def tree(tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources, so that a test may change a line; the run of `ENTRY` is fresh."""
    shutil.copytree(paths.SOURCE, tmp_path / "src" / "analysis")
    shutil.copytree(paths.NOTEBOOKS, tmp_path / "notebooks")
    shutil.copytree(paths.ZOO, tmp_path / "zoo")
    for name, folder in (("SOURCE", "src/analysis"), ("NOTEBOOKS", "notebooks"), ("ZOO", "zoo")):
        monkeypatch.setattr(paths, name, tmp_path / folder)
    write_json(ENTRY.folder / "manifest.json", {"fingerprint": ENTRY.fingerprint()})
    assert ENTRY.why_stale() == []
    return tmp_path


def append(path: Path, text: str = "\n# changed\n") -> None:
    path.write_bytes(path.read_bytes() + text.encode())


def test_a_run_that_never_ran_is_stale(build: Path) -> None:
    assert ENTRY.why_stale() == ["never ran"]


def test_one_changed_library_line_is_named(tree: Path) -> None:
    append(tree / "src/analysis/studies/masking_cka/masks.py")
    assert ENTRY.why_stale() == ["module analysis.studies.masking_cka.masks changed"]


def test_a_module_the_notebook_does_not_import_leaves_the_run_fresh(tree: Path) -> None:
    parameters = (
        "params/__init__.py",
        "params/base.py",
        "params/groups.py",
        "studies/masking_cka/params.py",
    )  # known by their values
    for name in ("cli.py", "engine.py", "run.py", "plan.py", *parameters, "book/stage.py", "ledger.py"):
        append(tree / "src/analysis" / name)
    assert ENTRY.why_stale() == []


def test_touching_files_without_changing_them_leaves_the_run_fresh(tree: Path) -> None:
    for path in tree.rglob("*.py"):
        os.utime(path)
    assert ENTRY.why_stale() == []


def test_a_changed_notebook_and_changed_weights_are_named(tree: Path) -> None:
    append(tree / "notebooks/masking_cka.py")
    append(tree / "zoo/mae.safetensors")
    append(tree / "zoo/swav.safetensors")  # not used by this run
    assert ENTRY.why_stale() == ["notebook changed", "weights zoo:mae changed"]


def test_a_changed_parameter_is_named_with_both_values(tree: Path) -> None:
    other = ENTRY.model_copy(update={"parameters": {**ENTRY.parameters, "n": 24}})
    assert other.why_stale() == ["parameter n: 20 -> 24"]


def test_changed_data_of_ones_own_is_named(tree: Path) -> None:
    from PIL import Image

    folder = tree / "mine"
    folder.mkdir()
    for number in range(2):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    name = f"folder:{folder}"
    entry = ENTRY.model_copy(update={"parameters": {**ENTRY.parameters, "datasets": [name]}})
    write_json(entry.folder / "manifest.json", {"fingerprint": entry.fingerprint()})
    assert entry.why_stale() == []
    Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / "1.png")
    assert entry.why_stale() == [f"data {name} changed"]
    shutil.rmtree(folder)
    (reason,) = entry.why_stale()
    assert "there is no" in reason


def test_the_plan_marks_stale_runs_by_a_missing_stamp_and_rewrites_nothing_else(tree: Path) -> None:
    (first,) = plan.plan([ENTRY])
    assert first.stamp.exists()
    written = first.plan.stat().st_mtime_ns
    append(tree / "src/analysis/stats.py")
    (second,) = plan.plan([ENTRY])
    assert not second.stamp.exists()
    assert second.plan.stat().st_mtime_ns == written


def test_published_runs_that_take_longer_than_the_others_begin_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for study, seconds in {"masking_cka": 5.0, "qscore": 700.0, "bagssl": 90.0}.items():
        write_json(tmp_path / f"{study}.json", {"manifest": {"duration_s": seconds}})
    write_json(tmp_path / "world.json", {"manifest": []})
    monkeypatch.setattr(plan, "reference_file", lambda study, preset: tmp_path / f"{study}.json")
    entries = [plan.Entry(study=study, name="default") for study in ("world", "masking_cka", "bagssl", "rcdm", "qscore")]
    assert [entry.seconds for entry in entries] == [0, 5, 90, 0, 700]
    assert [Path(stamp).parent.name for stamp in engine.long_ones(entries)] == ["qscore"]
    assert engine.long_ones(entries[:2]) == []


def test_of_the_runs_of_the_book_some_begin_first_and_none_that_only_draws() -> None:
    for real in (False, True):
        listed = plan.entries(real=real)
        drawn = {str(entry.stamp) for entry in listed if entry.parameters.get("source") == "stored"}
        first = set(engine.long_ones(listed))
        assert 0 < len(first) <= (len(listed) - len(drawn)) / 2
        assert not first & drawn


def test_a_run_whose_numbers_are_drawn_takes_no_time() -> None:
    assert plan.Entry(study="qscore", name="real-stored", parameters={"source": "stored"}).seconds == 0


def test_the_runs_of_the_book_are_valid_and_those_on_users_data_wait_to_be_asked_for() -> None:
    ours, all_ = plan.entries(), plan.entries(real=True)
    assert {entry.name for entry in all_} - {entry.name for entry in ours} == {e.name for e in all_ if e.needs}
    assert len({(entry.study, entry.name) for entry in all_}) == len(all_)


@pytest.mark.parametrize(
    "text", ["runs: [{study: masking_cka}]", "runs: 3", "{", "runs: [{study: masking_cka, name: a, n: 3}]"]
)
def test_a_broken_runs_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.yaml").write_text(text)
    with pytest.raises(UserError, match="cannot read"):
        plan.entries(tmp_path / "runs.yaml")


def test_imports_are_followed_through_packages_and_functions(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("def f():\n    from analysis.studies.masking_cka import study\n")
    found = imported_modules(tmp_path / "x.py")
    assert {
        "analysis.studies.masking_cka.study",
        "analysis.similarity",
        "analysis.datasets.scenes",
        "analysis.features",
    } <= set(found)
    assert "analysis.cli" not in found


def test_stored_runs_depend_on_the_stored_numbers_not_on_data(tree: Path) -> None:
    print_ = provenance.fingerprint("masking_cka", "real", resolve("masking_cka", "real", {"source": "stored"}))
    assert print_["data"] == print_["weights"] == {}
    assert list(print_["reference"]) == ["real"]
